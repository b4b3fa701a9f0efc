/* The Wasm side, by hand: what the canonical ABI calls, and what it is given. One instance holds one stage. */
#include "sandmill_internal.h"

#ifdef __wasm__

#include <stdio.h>

#define HOST(name) __attribute__((import_module("sandmill:stage/host@0.1.0"), import_name(name)))
#define POST(name) __attribute__((export_name("cabi_post_sandmill:stage/transform@0.1.0#" name)))
#define STAGE(name) __attribute__((export_name("sandmill:stage/transform@0.1.0#" name)))

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

/* A list of the canonical ABI. An empty one has no address. */
typedef struct {
    void *ptr;
    size_t len;
} list;

/* result<outcome, string> and result<_, string>. */
typedef struct {
    uint32_t is_error;
    union {
        list error;
        struct {
            list values, ends, keys, key_ends, origins, ports, failures;
        } outcome;
    };
} answer;

_Static_assert(sizeof(answer) == 60 && sizeof(sm_failure) == 16, "the canonical ABI");

static sm_out out;
static void *config;
static answer last;

__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_len, size_t align, size_t len) {
    if (!len) return (void *)align; /* aligned, within memory, and never looked at */
    return sm_resize(old_len ? old : NULL, old_len, len);
}

/* Where the C library says whether the stage prints; without that, none of its stdout is part of the component. */
extern FILE *volatile __stdout_used __attribute__((weak));

/* What printf kept would be lost with an instance that ends in a trap: it keeps nothing. */
static void print_at_once(void) {
    if (&__stdout_used && __stdout_used) setvbuf(__stdout_used, NULL, _IONBF, 0);
}

static answer *refused(sm_bytes why) {
    char *message = sm_alloc(3 * why.len);
    last = (answer){.is_error = 1, .error = {message, sm_legible(message, why)}};
    return &last;
}

static answer *emitted(void) {
    last = (answer){.outcome = {
        .values = {out.values.data.ptr, out.values.data.len},
        .ends = {out.values.ends.ptr, out.values.ends.len},
        .keys = {out.keys.data.ptr, out.keys.data.len},
        .key_ends = {out.keys.ends.ptr, out.keys.ends.len},
        .origins = {out.origins.ptr, out.origins.len},
        .ports = {out.ports.ptr, out.ports.len},
        .failures = {out.failures.ptr, out.failures.len},
    }};
    return &last;
}

STAGE("open") answer *stage_open(char *json, size_t len) {
    print_at_once();
    const char *why = sm_begin((sm_bytes){json, len}, &config);
    if (why) return refused((sm_bytes){why, strlen(why)});
    last = (answer){0};
    return &last;
}

STAGE("process") answer *stage_process(char *values, size_t bytes, uint32_t *ends, size_t count, char *keys, size_t key_bytes,
                                       uint32_t *key_ends, size_t key_count) {
    (void)key_bytes;
    sm_run(&out, &(sm_batch){values, ends, keys, key_count ? key_ends : NULL, count, bytes}, config);
    return emitted();
}

STAGE("flush") answer *stage_flush(void) {
    sm_bytes why = sm_end(&out, config);
    return why.len ? refused(why) : emitted();
}

/* The host has read the answer. */
POST("process") void after_process(answer *answer) {
    (void)answer;
    sm_release();
}

POST("flush") void after_flush(answer *answer) {
    (void)answer;
    sm_release();
}

/* A host that reads a mark takes the first: this is the last, because the SDK is linked after the stage. */
__asm__(".section \".custom_section.sandmill:stage\",\"\",@\n.ascii \"flush=0\\n\"\n.text\n");
#endif
