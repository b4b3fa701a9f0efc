/* Small objects of a C++ stage (`new`, and all that the standard library makes), from a heap that the instance has from the start.
 *
 * malloc asks the host for a page for each size of objects, and each time that costs the host several system calls: a fresh
 * instance would ask in every batch. Objects that do not fit in the heap, and large ones, come from malloc. */
#include "sandmill_new.h"

#include <stdlib.h>

#include "sandmill.h"

/* The heap is handed out in chunks, each with slots of one size: 16, 32, 64 … 1,024 bytes. */
enum { HEAP_BYTES = 256 << 10, CHUNK_BYTES = 4 << 10, CHUNKS = HEAP_BYTES / CHUNK_BYTES, SLOT_MIN = 16, SLOT_MAX = 1024, SIZES = 7 };

typedef struct slot {
    struct slot *next;
} slot;

static _Alignas(SLOT_MIN) char heap[HEAP_BYTES];
/* Which size the slots of a chunk have, and how many chunks are in use. */
static unsigned char size_of_chunk[CHUNKS];
static size_t chunks;
/* For each size, the slots that were given back, and where the next one is that was never in use: at the start of a chunk there
 * is none. */
static slot *freed[SIZES];
static size_t next[SIZES];

static void *from_malloc(size_t len) {
    void *ptr = malloc(len);
    if (!ptr) sm_panic("out of memory", "");
    return ptr;
}

void *sm_new(size_t len) {
    if (len > SLOT_MAX) return from_malloc(len);
    unsigned size = 28 - (unsigned)__builtin_clz((unsigned)(len ? len - 1 : 0) | (SLOT_MIN - 1));
    slot *found = freed[size];
    if (found) {
        freed[size] = found->next;
        return found;
    }
    size_t at = next[size];
    if (at % CHUNK_BYTES == 0) {
        if (chunks == CHUNKS) return from_malloc(len);
        size_of_chunk[chunks] = (unsigned char)size;
        at = CHUNK_BYTES * chunks++;
    }
    next[size] = at + ((size_t)SLOT_MIN << size);
    return heap + at;
}

void sm_delete(void *ptr) {
    size_t at = (size_t)ptr - (size_t)heap;
    if (at >= HEAP_BYTES) {
        free(ptr);
        return;
    }
    unsigned size = size_of_chunk[at / CHUNK_BYTES];
    slot *given = ptr;
    given->next = freed[size];
    freed[size] = given;
}
