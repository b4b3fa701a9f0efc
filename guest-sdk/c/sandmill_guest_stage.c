/* The Wasm side of a stage. */
#include "sandmill_guest.h"

#if defined __wasm__ && !defined SM_WORLD_SOURCE

#define POST(name) __attribute__((export_name("cabi_post_sandmill:stage/transform@0.1.0#" name)))
#define STAGE(name) __attribute__((export_name("sandmill:stage/transform@0.1.0#" name)))

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

static answer *refused(sm_bytes why) {
    last = (answer){.is_error = 1, .error = sm_message(why)};
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
    sm_print_at_once();
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
