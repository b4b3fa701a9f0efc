/* The Wasm side, by hand: what the canonical ABI calls, and what it is given. One instance holds one stage or source. What
 * these two share is here. */
#include "sandmill_guest.h"

#ifdef __wasm__

#include <stdio.h>

#define HOST(name) __attribute__((import_module("sandmill:stage/host@0.1.0"), import_name(name)))

HOST("log") void host_log(int32_t level, const char *message, size_t len);
HOST("panicked") void host_panicked(const char *message, size_t len, const char *place, size_t place_len);

void sm_host_log(sm_level level, sm_bytes message) { host_log((int32_t)level, message.ptr, message.len); }

_Noreturn void sm_panic(const char *message, const char *place) {
    host_panicked(message, strlen(message), place, strlen(place));
    __builtin_trap();
}

_Noreturn void sm_assert_failed(const char *condition, const char *file, int line, const char *function) {
    char number[12], *digit = number + sizeof number;
    *--digit = 0;
    for (unsigned rest = (unsigned)line; rest || !*digit; rest /= 10) *--digit = (char)('0' + rest % 10);
    sm_panic(sm_join("assertion failed: ", condition, " in ", function, NULL), sm_join(file, ":", digit, NULL));
}

__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_len, size_t align, size_t len) {
    if (!len) return (void *)align; /* aligned, within memory, and never looked at */
    return sm_resize(old_len ? old : NULL, old_len, len);
}

/* Where the C library says whether the stage prints; without that, none of its stdout is part of the component. */
extern FILE *volatile __stdout_used __attribute__((weak));

void sm_print_at_once(void) {
    if (&__stdout_used && __stdout_used) setvbuf(__stdout_used, NULL, _IONBF, 0);
}

list sm_message(sm_bytes why) {
    char *message = sm_alloc(3 * why.len);
    return (list){message, sm_legible(message, why)};
}
#endif
