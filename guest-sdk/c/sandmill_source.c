/* Sources: a place in what is read, and the records from there on. */
#include "sandmill_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void sm_place_at(sm_place *place, sm_bytes cursor) {
    /* It outlives the call, and may be a part of what was there before. */
    char *kept = malloc(cursor.len + !cursor.len);
    if (!kept) sm_panic("out of memory", "sandmill_source.c");
    if (cursor.len) memcpy(kept, cursor.ptr, cursor.len);
    free((void *)place->cursor.ptr);
    place->cursor = (sm_text){kept, cursor.len};
}

void sm_place_atf(sm_place *place, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (len < 0) sm_panic("the format is not valid", format);
    char *text = sm_alloc((size_t)len + 1);
    va_start(arguments, format);
    vsnprintf(text, (size_t)len + 1, format, arguments);
    va_end(arguments);
    sm_place_at(place, (sm_bytes){text, (size_t)len});
}

int64_t sm_place_number(const sm_place *place) {
    char digits[24] = {0};
    memcpy(digits, place->cursor.ptr, place->cursor.len < sizeof digits ? place->cursor.len : sizeof digits - 1);
    return strtoll(digits, NULL, 10);
}

sm_bytes sm_pull(sm_out *out, const void *config, size_t most, sm_place *place) {
    *out = (sm_out){0};
    sandmill_pull(config, most, place, out);
    sm_finish(out);
    if (!out->failed && sm_utf8((sm_bytes){place->cursor.ptr, place->cursor.len}) != place->cursor.len)
        sm_panic("the place of a source is not UTF-8", "sandmill_source.c");
    if (!out->failed) return (sm_bytes){NULL, 0};
    const sm_failure *failure = out->failures.ptr;
    return failure->len ? (sm_bytes){failure->ptr, failure->len} : (sm_bytes){"pull failed", strlen("pull failed")};
}

__attribute__((weak)) void sandmill_pull(const void *config, size_t most, sm_place *place, sm_out *out) {
    (void)config, (void)most, (void)place;
    sm_fail(out, "this program has no source: it needs SM_SOURCE(function)");
}
