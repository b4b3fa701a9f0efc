/* Outputs: what a stage emits goes straight into the columns that cross the sandbox boundary.
 *
 * Keys, ports and origins cost nothing until a record needs them: a column of keys begins with the first key, and origins
 * begin with the first record that has not exactly one output. */
#include "sandmill_internal.h"

#include <stdarg.h>
#include <stdio.h>

void *sm_grow(sm_vec *vec, size_t more, size_t size) {
    if (more > vec->capacity - vec->len) {
        size_t wanted = vec->len + more;
        size_t capacity = wanted > 2 * vec->capacity ? wanted : 2 * vec->capacity;
        if (capacity > SIZE_MAX / size) sm_panic("out of memory", "");
        vec->ptr = sm_resize(vec->ptr, vec->len * size, capacity * size);
        vec->capacity = capacity;
    }
    return vec->ptr;
}

static void push_word(sm_vec *vec, uint32_t word) {
    ((uint32_t *)sm_grow(vec, 1, sizeof word))[vec->len] = word;
    vec->len++;
}

static void push_bytes(sm_vec *vec, sm_bytes bytes) {
    char *to = sm_grow(vec, bytes.len, 1);
    if (bytes.len) memcpy(to + vec->len, bytes.ptr, bytes.len);
    vec->len += bytes.len;
}

/* Values that are empty, until there are `count`. */
static void pad(sm_column *column, size_t count) {
    while (column->ends.len < count) push_word(&column->ends, (uint32_t)column->data.len);
}

static void truncate_column(sm_column *column, size_t count) {
    if (column->ends.len <= count) return;
    column->ends.len = count;
    column->data.len = count ? ((uint32_t *)column->ends.ptr)[count - 1] : 0;
}

static void push_key(sm_out *out, sm_bytes key) {
    pad(&out->keys, out->values.ends.len - 1);
    push_bytes(&out->keys.data, key);
    push_word(&out->keys.ends, (uint32_t)out->keys.data.len);
}

static void route(sm_out *out, uint16_t port) {
    size_t count = out->values.ends.len;
    uint16_t *ports = sm_grow(&out->ports, count - out->ports.len, sizeof *ports);
    while (out->ports.len < count - 1) ports[out->ports.len++] = 0;
    ports[out->ports.len++] = port;
}

char *sm_room(sm_out *out, size_t len) { return (char *)sm_grow(&out->values.data, len, 1) + out->values.data.len; }

void sm_done(sm_out *out, size_t len) {
    size_t end = out->values.data.len += len;
    if (end > UINT32_MAX) sm_panic("the outputs of a batch have more than 4 GiB", "sandmill.c");
    push_word(&out->values.ends, (uint32_t)end);
    if (out->key.len) push_key(out, out->key);
    if (out->port) route(out, out->port);
}

void sm_key(sm_out *out, sm_bytes key) { out->key = key; }
void sm_port(sm_out *out, uint16_t port) { out->port = port; }

void sm_emit_bytes(sm_out *out, sm_bytes value) {
    char *to = sm_room(out, value.len);
    if (value.len) memcpy(to, value.ptr, value.len);
    sm_done(out, value.len);
}

void sm_emit_keyed_bytes(sm_out *out, sm_bytes key, sm_bytes value) {
    sm_bytes before = out->key;
    out->key = key;
    sm_emit_bytes(out, value);
    out->key = before;
}

void sm_emit_to_bytes(sm_out *out, uint16_t port, sm_bytes value) {
    uint16_t before = out->port;
    out->port = port;
    sm_emit_bytes(out, value);
    out->port = before;
}

void sm_fail_bytes(sm_out *out, sm_bytes message) {
    if (out->failed) return;
    out->failed = true;
    char *to = (char *)sm_grow(&out->messages, 3 * message.len, 1) + out->messages.len;
    size_t len = sm_legible(to, message);
    sm_failure *failures = sm_grow(&out->failures, 1, sizeof *failures);
    /* Where the message begins; `settle_failures` makes an address of it, because the messages may move until then. */
    failures[out->failures.len++] = (sm_failure){out->index, false, (char *)out->messages.len, len};
    out->messages.len += len;
}

void sm_fail(sm_out *out, const char *message) { sm_fail_bytes(out, (sm_bytes){message, strlen(message)}); }

void sm_retryable(sm_out *out) {
    if (!out->failed) sm_fail(out, "the record should be tried again");
    ((sm_failure *)out->failures.ptr)[out->failures.len - 1].retryable = true;
}

/* Calls `action` with what printf would print. */
#define WITH_PRINTED(printed, format, action)                                                                         \
    do {                                                                                                              \
        char small[512], *printed##_ptr = small;                                                                      \
        va_list arguments;                                                                                            \
        va_start(arguments, format);                                                                                  \
        int printed_len = vsnprintf(small, sizeof small, format, arguments);                                          \
        va_end(arguments);                                                                                            \
        if (printed_len < 0) sm_panic("the format is not valid", format);                                             \
        if ((size_t)printed_len >= sizeof small) {                                                                    \
            printed##_ptr = sm_alloc((size_t)printed_len + 1);                                                        \
            va_start(arguments, format);                                                                              \
            vsnprintf(printed##_ptr, (size_t)printed_len + 1, format, arguments);                                     \
            va_end(arguments);                                                                                        \
        }                                                                                                             \
        sm_bytes printed = {printed##_ptr, (size_t)printed_len};                                                      \
        action;                                                                                                       \
    } while (0)

void sm_emitf(sm_out *out, const char *format, ...) { WITH_PRINTED(text, format, sm_emit_bytes(out, text)); }
void sm_failf(sm_out *out, const char *format, ...) { WITH_PRINTED(text, format, sm_fail_bytes(out, text)); }

static void log_bytes(sm_level level, sm_bytes message) {
    char *line = sm_alloc(3 * message.len);
    sm_host_log(level, (sm_bytes){line, sm_legible(line, message)});
}

void sm_logf(sm_level level, const char *format, ...) { WITH_PRINTED(text, format, log_bytes(level, text)); }
void sm_log(sm_level level, const char *message) { log_bytes(level, (sm_bytes){message, strlen(message)}); }

bool sm_checked(const sm_record *record, sm_out *out) {
    size_t at = sm_utf8(record->value);
    if (at == record->value.len) return true;
    static const char digits[] = "0123456789abcdef";
    unsigned char byte = (unsigned char)record->value.ptr[at];
    char hex[] = {digits[byte >> 4], digits[byte & 15], 0}, offset[24], *digit = offset + sizeof offset;
    *--digit = 0;
    for (size_t rest = at; rest || !*digit; rest /= 10) *--digit = digits[rest % 10];
    char *message = sm_join("the record is not UTF-8: byte 0x", hex, " at offset ", digit, " starts no character", NULL);
    sm_fail(out, message);
    return false;
}

/* Notes where the outputs after the first `mark` come from; those before the first such note are one to one. */
static void trace(sm_out *out, size_t mark) {
    if (!out->traced) {
        out->traced = true;
        sm_grow(&out->origins, mark + 1, sizeof(uint32_t));
        for (uint32_t i = 0; i < mark; i++) push_word(&out->origins, i);
    }
    for (size_t i = mark; i < out->values.ends.len; i++) push_word(&out->origins, out->index);
}

static void take_back(sm_out *out, size_t mark) {
    truncate_column(&out->values, mark);
    truncate_column(&out->keys, mark);
    if (out->ports.len > mark) out->ports.len = mark;
}

/* Makes the columns consistent. */
void sm_finish(sm_out *out) {
    if (out->keys.ends.len) pad(&out->keys, out->values.ends.len);
    if (out->ports.len) {
        uint16_t *ports = sm_grow(&out->ports, out->values.ends.len - out->ports.len, sizeof *ports);
        while (out->ports.len < out->values.ends.len) ports[out->ports.len++] = 0;
    }
    sm_failure *failures = out->failures.ptr;
    for (size_t i = 0; i < out->failures.len; i++) failures[i].ptr = (char *)out->messages.ptr + (size_t)failures[i].ptr;
}

void sm_run(sm_out *out, const sm_batch *batch, const void *config) {
    *out = (sm_out){0};
    sm_grow(&out->values.ends, batch->count, sizeof(uint32_t));
    /* Last, because what is last grows without a copy. */
    sm_grow(&out->values.data, batch->bytes + batch->bytes / 4, 1);
    uint32_t start = 0, key_start = 0;
    for (size_t i = 0; i < batch->count; i++) {
        sm_record record = {{NULL, 0}, {batch->values + start, batch->ends[i] - start}};
        start = batch->ends[i];
        if (batch->key_ends) {
            record.key = (sm_bytes){batch->keys + key_start, batch->key_ends[i] - key_start};
            key_start = batch->key_ends[i];
        }
        size_t mark = out->values.ends.len;
        out->index = (uint32_t)i;
        out->key = record.key;
        out->port = 0;
        out->failed = false;
        sandmill_stage.process(&record, config, out);
        if (out->failed) take_back(out, mark);
        if (out->traced || out->values.ends.len != mark + 1) trace(out, mark);
    }
    sm_finish(out);
}

sm_bytes sm_end(sm_out *out, const void *config) {
    *out = (sm_out){0};
    sandmill_flush(config, out);
    sm_finish(out);
    if (!out->failed) return (sm_bytes){NULL, 0};
    const sm_failure *failure = out->failures.ptr;
    return failure->len ? (sm_bytes){failure->ptr, failure->len} : (sm_bytes){"flush failed", strlen("flush failed")};
}

const char *sm_begin(sm_bytes json, void **config) {
    *config = memset(sm_alloc(sandmill_stage.config_size), 0, sandmill_stage.config_size);
    const char *why = sandmill_stage.configure
        ? sandmill_stage.configure(json, *config)
        : sm_read_object(json, "config", sandmill_stage.fields, sandmill_stage.field_count, *config);
    if (!why) why = sandmill_opened(*config);
    sm_keep();
    return why;
}

__attribute__((weak)) const char *sandmill_opened(const void *config) {
    (void)config;
    return NULL;
}

__attribute__((weak)) void sandmill_flush(const void *config, sm_out *out) {
    (void)config;
    (void)out;
}
