/* The Wasm side of a source. */
#include "sandmill_guest.h"

#if defined __wasm__ && defined SM_WORLD_SOURCE

#define POST(name) __attribute__((export_name("cabi_post_sandmill:stage/source@0.1.0#" name)))
#define SOURCE(name) __attribute__((export_name("sandmill:stage/source@0.1.0#" name)))

/* result<chunk, string> and result<_, string>. */
typedef struct {
    uint32_t is_error;
    union {
        list error;
        struct {
            list values, ends, keys, key_ends, cursor;
            uint8_t done;
        } chunk;
    };
} answer;

_Static_assert(sizeof(answer) == 48, "the canonical ABI");

static sm_out out;
static sm_place place;
static void *config;
static answer last;

static answer *refused(sm_bytes why) {
    last = (answer){.is_error = 1, .error = sm_message(why)};
    return &last;
}

SOURCE("open") answer *source_open(char *json, size_t len, uint32_t has_cursor, char *cursor, size_t cursor_len) {
    sm_print_at_once();
    sm_place_at(&place, has_cursor ? (sm_bytes){cursor, cursor_len} : (sm_bytes){"", 0});
    const char *why = sm_begin((sm_bytes){json, len}, &config);
    if (why) return refused((sm_bytes){why, strlen(why)});
    last = (answer){0};
    return &last;
}

SOURCE("pull") answer *source_pull(uint32_t most) {
    sm_bytes why = sm_pull(&out, config, most, &place);
    if (why.len) return refused(why);
    last = (answer){.chunk = {
        .values = {out.values.data.ptr, out.values.data.len},
        .ends = {out.values.ends.ptr, out.values.ends.len},
        .keys = {out.keys.data.ptr, out.keys.data.len},
        .key_ends = {out.keys.ends.ptr, out.keys.ends.len},
        .cursor = {(void *)place.cursor.ptr, place.cursor.len},
        .done = place.done,
    }};
    return &last;
}

/* The host has read the answer. */
POST("pull") void after_pull(answer *answer) {
    (void)answer;
    sm_release();
}
#endif
