/* A stage of a Sandmill pipeline as one C function.
 *
 *     #include <sandmill.h>
 *
 *     static void shout(sm_text line, sm_out *out) {
 *         char *to = sm_room(out, line.len);
 *         for (size_t i = 0; i < line.len; i++) to[i] = (char)toupper((unsigned char)line.ptr[i]);
 *         sm_done(out, line.len);
 *     }
 *     SM_STAGE(shout)
 *
 * README.md has every feature, with an example of each. */
#ifndef SANDMILL_H
#define SANDMILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
#define SM_NORETURN [[noreturn]]
extern "C" {
#else
#define SM_NORETURN _Noreturn
#endif

/* ---- Bytes and text. Neither ends with a zero byte. ---- */

/* Any bytes. */
typedef struct {
    const char *ptr;
    size_t len;
} sm_bytes;

/* Bytes that are UTF-8. */
typedef struct {
    const char *ptr;
    size_t len;
} sm_text;

/* Texts in a row. */
typedef struct {
    const sm_text *items;
    size_t len;
} sm_texts;

/* What a stage is given. A record without a key has an empty one. The bytes are there until the function returns. */
typedef struct {
    sm_bytes key, value;
} sm_record;

/* Part of a value: the `len` bytes that begin here. */
static inline sm_bytes sm_slice(const char *ptr, size_t len) {
    sm_bytes slice = {ptr, len};
    return slice;
}

/* For printf: printf("%.*s", SM_PRINT(line)). */
#define SM_PRINT(string) (int)(string).len, (string).ptr

/* ---- Outputs ---- */

/* Where a stage puts what it makes of a record. A record of which nothing is emitted is dropped. */
typedef struct sm_out sm_out;

/* Emits a value: a zero-terminated string, an sm_text or an sm_bytes. It is copied. */
#define sm_emit(out, ...) sm_emit_bytes((out), SM_BYTES_OF(__VA_ARGS__))
/* Emits a value with a key of its own, instead of the record's. */
#define sm_emit_keyed(out, key, ...) sm_emit_keyed_bytes((out), SM_BYTES_OF(key), SM_BYTES_OF(__VA_ARGS__))
/* Emits a value to one of the stage's named outputs, counted from 0 in the order of the pipeline file. */
#define sm_emit_to(out, port, ...) sm_emit_to_bytes((out), (port), SM_BYTES_OF(__VA_ARGS__))
/* Emits what printf would print. */
void sm_emitf(sm_out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for a value of `len` bytes, to be written in place: the fastest way. `sm_done` emits its first `len` bytes.
 * Nothing else may be emitted in between. */
char *sm_room(sm_out *out, size_t len);
void sm_done(sm_out *out, size_t len);

/* The key, and the named output, of all that is emitted from now on of this record. The key is not copied before that. */
void sm_key(sm_out *out, sm_bytes key);
void sm_port(sm_out *out, uint16_t port);

/* The record fails, with this message for the person who runs the pipeline. What it emitted is taken back. */
void sm_fail(sm_out *out, const char *message);
void sm_failf(sm_out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sm_fail_bytes(sm_out *out, sm_bytes message);
/* The record's failure may pass: it is tried again. */
void sm_retryable(sm_out *out);

void sm_emit_bytes(sm_out *out, sm_bytes value);
void sm_emit_keyed_bytes(sm_out *out, sm_bytes key, sm_bytes value);
void sm_emit_to_bytes(sm_out *out, uint16_t port, sm_bytes value);

/* Memory for what a stage makes on the way to an output: aligned, and gone when the batch is done. It costs a few
 * instructions, and nothing frees it. */
void *sm_alloc(size_t len);

/* ---- Lines for the person who runs the pipeline. printf and fprintf(stderr) make such lines, too. ---- */

typedef enum { SM_DEBUG, SM_INFO, SM_WARN, SM_ERROR } sm_level;
void sm_log(sm_level level, const char *message);
void sm_logf(sm_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The instance ends. The record in hand fails alone, with this message. A failed assert() does the same. */
SM_NORETURN void sm_panic(const char *message, const char *place);
/* The same, with the place in the source. */
#define SM_PANIC(message) sm_panic((message), __FILE__ ":" SM_QUOTED(__LINE__))
#define SM_QUOTED(value) SM_QUOTED_(value)
#define SM_QUOTED_(value) #value

#ifdef __wasm__
/* What libc calls says nothing to the host. */
SM_NORETURN void sm_assert_failed(const char *condition, const char *file, int line, const char *function);
#define __assert_fail sm_assert_failed
#ifndef __cplusplus
#include <stdlib.h>
#define abort() SM_PANIC("abort() was called")
#endif
#endif

/* ---- Configuration ---- */

/* A value of the configuration, as JSON. */
typedef struct {
    enum { SM_NULL, SM_BOOLEAN, SM_NUMERIC, SM_STRING, SM_ARRAY, SM_OBJECT } kind;
    sm_bytes json;
} sm_value;

/* A field of the configuration: its name, where it belongs, and how it is read. */
typedef struct {
    const char *name;
    size_t offset;
    /* Why the value does not fit, or NULL. */
    const char *(*read)(const sm_value *value, void *to);
    /* What the field is without a value; a field that is not `optional` has to have one. */
    bool optional;
    const char *text;
    int64_t integer;
    double number;
} sm_field;

const char *sm_read_text(const sm_value *value, void *to);
const char *sm_read_texts(const sm_value *value, void *to);
const char *sm_read_bool(const sm_value *value, void *to);
const char *sm_read_integer(const sm_value *value, void *to);
const char *sm_read_number(const sm_value *value, void *to);
const char *sm_read_json(const sm_value *value, void *to);

/* Reads a JSON object into a struct. Why it does not fit, or NULL. Texts that it makes are of `sm_alloc`. */
const char *sm_read_object(sm_bytes json, const char *name, const sm_field *fields, size_t count, void *to);

/* ---- Sources: a folder whose sandmill.toml says world = "record-source" ---- */

/* Where a source is in what it reads. */
typedef struct {
    /* Any text; empty at the beginning. A run that is resumed gives back the last one. */
    sm_text cursor;
    /* There is no more. */
    bool done;
} sm_place;

/* Where the next call begins. The text is copied. */
void sm_place_at(sm_place *place, sm_bytes cursor);
void sm_place_atf(sm_place *place, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The cursor as a number; 0 at the beginning. */
int64_t sm_place_number(const sm_place *place);

/* ---- What the macros below make ---- */

typedef struct {
    void (*process)(const sm_record *record, const void *config, sm_out *out);
    const sm_field *fields;
    size_t field_count;
    size_t config_size;
    /* Reads the configuration, where a struct of `fields` is not enough: why it does not fit, or NULL. */
    const char *(*configure)(sm_bytes json, void *config);
} sm_stage;

extern const sm_stage sandmill_stage;
/* Called when the instance opens: why it cannot work, or NULL. */
const char *sandmill_opened(const void *config);
/* Emits at most `most` records from the place on, and moves the place. */
void sandmill_pull(const void *config, size_t most, sm_place *place, sm_out *out);
/* Called when the instance ends. */
void sandmill_flush(const void *config, sm_out *out);
/* Where the text is not UTF-8; its length when it is. */
size_t sm_utf8(sm_bytes text);
/* Fails the record if its value is not UTF-8. */
bool sm_checked(const sm_record *record, sm_out *out);

#ifdef __cplusplus
}
#else /* C */

static inline sm_bytes sm_bytes_of_bytes(sm_bytes bytes) { return bytes; }
static inline sm_bytes sm_bytes_of_text(sm_text text) { return (sm_bytes){text.ptr, text.len}; }
static inline sm_bytes sm_bytes_of_string(const char *string) { return (sm_bytes){string, strlen(string)}; }
static inline sm_text sm_text_of(const sm_record *record) { return (sm_text){record->value.ptr, record->value.len}; }
static inline sm_bytes sm_value_of(const sm_record *record) { return record->value; }
static inline sm_record sm_whole(const sm_record *record) { return *record; }

#define SM_BYTES_OF(...)                                                                                              \
    _Generic((__VA_ARGS__), sm_bytes: sm_bytes_of_bytes, sm_text: sm_bytes_of_text, char *: sm_bytes_of_string,       \
        const char *: sm_bytes_of_string)(__VA_ARGS__)

/* Makes `function` the stage, once in a program. Its first argument says what it is given:
 *
 *     void f(sm_text line, sm_out *out)       text: a record that is not UTF-8 fails
 *     void f(sm_bytes value, sm_out *out)     any bytes
 *     void f(sm_record record, sm_out *out)   key and value
 *
 * With a configuration, described by SM_CONFIG: SM_STAGE(f, config), and void f(sm_text line, const config *c, sm_out *out). */
#define SM_STAGE(...) SM_STAGE_(__VA_ARGS__, SM_STAGE_CONFIGURED, SM_STAGE_PLAIN, )(__VA_ARGS__)
#define SM_STAGE_(function, config, macro, ...) macro

#define SM_STAGE_PLAIN(function)                                                                                      \
    _Static_assert(_Generic(&function, void (*)(sm_text, sm_out *): 1, void (*)(sm_bytes, sm_out *): 1,               \
                       void (*)(sm_record, sm_out *): 1, default: 0),                                                 \
                   "a stage is void f(sm_text line, sm_out *out); or it is given an sm_bytes or an sm_record");       \
    static void sm_process(const sm_record *sm_r, const void *sm_c, sm_out *sm_o) {                                   \
        (void)sm_c;                                                                                                   \
        if (_Generic(&function, void (*)(sm_text, sm_out *): !sm_checked(sm_r, sm_o), default: false)) return;        \
        function(_Generic(&function, void (*)(sm_text, sm_out *): sm_text_of, void (*)(sm_bytes, sm_out *):           \
            sm_value_of, void (*)(sm_record, sm_out *): sm_whole)(sm_r), sm_o);                                       \
    }                                                                                                                 \
    const sm_stage sandmill_stage = {sm_process, NULL, 0, 1, NULL};

#define SM_STAGE_CONFIGURED(function, type)                                                                           \
    _Static_assert(_Generic(&function, void (*)(sm_text, const type *, sm_out *): 1,                                  \
                       void (*)(sm_bytes, const type *, sm_out *): 1,                                                 \
                       void (*)(sm_record, const type *, sm_out *): 1, default: 0),                                   \
                   "a stage with a configuration is void f(sm_text line, const " #type " *config, sm_out *out);"      \
                   " or it is given an sm_bytes or an sm_record");                                                    \
    static void sm_process(const sm_record *sm_r, const void *sm_c, sm_out *sm_o) {                                   \
        if (_Generic(&function, void (*)(sm_text, const type *, sm_out *): !sm_checked(sm_r, sm_o), default: false))  \
            return;                                                                                                   \
        function(_Generic(&function, void (*)(sm_text, const type *, sm_out *): sm_text_of,                           \
            void (*)(sm_bytes, const type *, sm_out *): sm_value_of,                                                  \
            void (*)(sm_record, const type *, sm_out *): sm_whole)(sm_r), (const type *)sm_c, sm_o);                  \
    }                                                                                                                 \
    const sm_stage sandmill_stage = {sm_process, sm_fields, sizeof sm_fields / sizeof *sm_fields, sizeof(type), NULL};

/* Makes `function` the source, once in a program, in place of a stage. It emits at most `most` records from `place` on, and moves
 * the place; fewer, or none, is not an end: only `place->done` is. When it fails (sm_fail), the source is tried again or ends.
 *
 *     void f(size_t most, sm_place *place, sm_out *out)
 *     void f(const config *c, size_t most, sm_place *place, sm_out *out)      with SM_CONFIG, and SM_SOURCE(f, config) */
#define SM_SOURCE(...) SM_STAGE_(__VA_ARGS__, SM_SOURCE_CONFIGURED, SM_SOURCE_PLAIN, )(__VA_ARGS__)

#define SM_SOURCE_PLAIN(function)                                                                                     \
    const sm_stage sandmill_stage = {NULL, NULL, 0, 1, NULL};                                                         \
    void sandmill_pull(const void *sm_c, size_t sm_most, sm_place *sm_p, sm_out *sm_o) {                              \
        void (*pull)(size_t, sm_place *, sm_out *) = function;                                                        \
        (void)sm_c;                                                                                                   \
        pull(sm_most, sm_p, sm_o);                                                                                    \
    }

#define SM_SOURCE_CONFIGURED(function, type)                                                                          \
    const sm_stage sandmill_stage = {NULL, sm_fields, sizeof sm_fields / sizeof *sm_fields, sizeof(type), NULL};      \
    void sandmill_pull(const void *sm_c, size_t sm_most, sm_place *sm_p, sm_out *sm_o) {                              \
        void (*pull)(const type *, size_t, sm_place *, sm_out *) = function;                                          \
        pull((const type *)sm_c, sm_most, sm_p, sm_o);                                                                \
    }

/* Calls `const char *function(const config *)` when the instance opens: it returns why it cannot work, or NULL. */
#define SM_OPEN(function, type)                                                                                       \
    const char *sandmill_opened(const void *sm_c) { return function((const type *)sm_c); }

/* Calls `void function(sm_out *)` when the instance ends, so that it can emit what it has kept in static variables. */
#define SM_FLUSH(function)                                                                                            \
    SM_MARK                                                                                                           \
    void sandmill_flush(const void *sm_c, sm_out *sm_o) {                                                             \
        (void)sm_c;                                                                                                   \
        function(sm_o);                                                                                               \
    }

/* Describes a configuration, so that one that does not fit is refused with the field's name:
 *
 *     typedef struct { sm_text prefix; int64_t width; } config;
 *     SM_CONFIG(config, SM_TEXT(prefix), SM_INTEGER(width, 80))
 *
 * A field with a second argument may be missing, and is then that. */
#define SM_CONFIG(type, ...)                                                                                          \
    typedef type sm_config;                                                                                           \
    static const sm_field sm_fields[] = {__VA_ARGS__};

#define SM_TEXT(field, ...) {SM_FIELD(field, sm_text, sm_read_text, __VA_ARGS__), .text = "" __VA_ARGS__}
#define SM_BOOL(field, ...) {SM_FIELD(field, bool, sm_read_bool, __VA_ARGS__), .integer = 0 + __VA_ARGS__ + 0}
#define SM_INTEGER(field, ...) {SM_FIELD(field, int64_t, sm_read_integer, __VA_ARGS__), .integer = 0 + __VA_ARGS__ + 0}
#define SM_NUMBER(field, ...) {SM_FIELD(field, double, sm_read_number, __VA_ARGS__), .number = 0 + __VA_ARGS__ + 0}
/* An array of texts, empty where it is missing. */
#define SM_TEXTS(field) {SM_FIELD(field, sm_texts, sm_read_texts, 0)}
/* Any value, as its JSON; empty where it is missing. */
#define SM_JSON(field) {SM_FIELD(field, sm_bytes, sm_read_json, 0)}

#define SM_FIELD(field, type, reader, ...)                                                                            \
    .name = #field, .offset = offsetof(sm_config, field) + 0 * SM_IS(field, type), .read = reader,                    \
    .optional = sizeof #__VA_ARGS__ > 1
/* Does not compile when the field has another type. */
#define SM_IS(field, type)                                                                                            \
    sizeof(struct {                                                                                                   \
        int unused;                                                                                                   \
        _Static_assert(_Generic(((sm_config *)0)->field, type: 1, default: 0), "the field " #field " is not " #type); \
    })

#endif /* C */

/* Tells the host, before anything runs, that the stage has outputs at its end. */
#ifdef __wasm__
#define SM_MARK __asm__(".section \".custom_section.sandmill:stage\",\"\",@\n.ascii \"flush=1\\n\"\n.text\n");
#else
#define SM_MARK
#endif

#endif
