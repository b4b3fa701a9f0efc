/* The memory of the SDK: what lives as long as a call, from an area that the instance has from the start.
 *
 * A page that an instance asks for costs the host several system calls, and a fresh instance would ask in every batch: for
 * the input, for each column of the output, and whenever one grows. The area holds the largest batch by default, once as
 * input and once as output, and as much again. What does not fit comes from malloc. */
#include "sandmill_internal.h"

#include <stdlib.h>

enum { AREA_BYTES = 3 << 20, ALIGNMENT = 16 };

/* A piece that did not fit into the area. */
typedef struct piece {
    struct piece *next, *previous;
    size_t len;
    _Alignas(ALIGNMENT) char bytes[];
} piece;

static _Alignas(ALIGNMENT) char area[AREA_BYTES];
static size_t used, kept;
/* What was allocated last: it can become longer where it is. */
static char *last;
static piece pieces = {.next = &pieces, .previous = &pieces};

static bool is_in_area(const void *ptr) { return (const char *)ptr >= area && (const char *)ptr < area + AREA_BYTES; }

static void *from_malloc(piece *old, size_t len) {
    if (old) old->previous->next = old->next, old->next->previous = old->previous;
    piece *new = len <= SIZE_MAX - sizeof *new ? realloc(old, sizeof *new + len) : NULL;
    if (!new) sm_panic("out of memory", "");
    *new = (piece){.next = pieces.next, .previous = &pieces, .len = len};
    pieces.next->previous = new;
    pieces.next = new;
    return new->bytes;
}

void *sm_alloc(size_t len) {
    if (len > AREA_BYTES - used) return from_malloc(NULL, len);
    last = area + used;
    used += (len + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return last;
}

void *sm_resize(void *ptr, size_t old_len, size_t len) {
    if (!ptr) return sm_alloc(len);
    if (!is_in_area(ptr)) return from_malloc((piece *)((char *)ptr - offsetof(piece, bytes)), len);
    if (ptr == last && len <= (size_t)(area + AREA_BYTES - last)) {
        used = (size_t)(last - area);
        return sm_alloc(len);
    }
    return memcpy(sm_alloc(len), ptr, old_len < len ? old_len : len);
}

void sm_keep(void) {
    kept = used;
    pieces = (piece){.next = &pieces, .previous = &pieces};
}

void sm_release(void) {
    used = kept;
    last = NULL;
    while (pieces.next != &pieces) {
        piece *first = pieces.next;
        pieces.next = first->next;
        free(first);
    }
    pieces.previous = &pieces;
}
