/* The native side: a stage under test. Lines go to stderr. */
#include "sandmill_trial.h"
#include "sandmill_internal.h"

#ifndef __wasm__

#include <stdio.h>
#include <stdlib.h>

struct sm_trial {
    sm_out out;
    void *config;
    const char *refused;
    sm_place place;
};

void sm_host_log(sm_level level, sm_bytes message) {
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    fprintf(stderr, "%s: %.*s\n", levels[level], SM_PRINT(message));
}

_Noreturn void sm_panic(const char *message, const char *place) {
    fprintf(stderr, "%s%s%s\n", message, *place ? ", at " : "", place);
    abort();
}

sm_trial *sm_trial_open(const char *config) {
    sm_trial *trial = calloc(1, sizeof *trial);
    if (!trial) sm_panic("out of memory", "sandmill_trial.c");
    sm_release();
    sm_place_at(&trial->place, (sm_bytes){"", 0});
    const char *json = sm_join(config ? config : "{}", NULL);
    trial->refused = sm_begin((sm_bytes){json, strlen(json)}, &trial->config);
    return trial;
}

const char *sm_trial_refused(const sm_trial *trial) { return trial->refused; }

void sm_trial_close(sm_trial *trial) {
    sm_release();
    free((void *)trial->place.cursor.ptr);
    free(trial);
}

/* A copy in memory of its own, so that a stage that reads beyond its end is found out by a sanitizer. */
static char *copy(const sm_vec *vec, size_t size) {
    char *ptr = malloc(vec->len * size + !vec->len);
    if (!ptr) sm_panic("out of memory", "sandmill_trial.c");
    if (vec->len) memcpy(ptr, vec->ptr, vec->len * size);
    return ptr;
}

static void push(sm_column *column, sm_bytes bytes) {
    char *to = sm_grow(&column->data, bytes.len, 1);
    if (bytes.len) memcpy(to + column->data.len, bytes.ptr, bytes.len);
    column->data.len += bytes.len;
    uint32_t *ends = sm_grow(&column->ends, 1, sizeof *ends);
    ends[column->ends.len++] = (uint32_t)column->data.len;
}

void sm_trial_process(sm_trial *trial, const sm_record *records, size_t count) {
    sm_release();
    sm_column values = {0}, keys = {0};
    bool has_keys = false;
    for (size_t i = 0; i < count; i++) {
        push(&values, records[i].value);
        push(&keys, records[i].key);
        has_keys |= records[i].key.len > 0;
    }
    char *value_bytes = copy(&values.data, 1), *key_bytes = copy(&keys.data, 1);
    sm_batch batch = {value_bytes, values.ends.ptr, key_bytes, has_keys ? keys.ends.ptr : NULL, count, values.data.len};
    sm_run(&trial->out, &batch, trial->config);
    free(value_bytes);
    free(key_bytes);
}

void sm_trial_process_strings(sm_trial *trial, const char *const *values, size_t count) {
    sm_record *records = calloc(count + 1, sizeof *records);
    if (!records) sm_panic("out of memory", "sandmill_trial.c");
    for (size_t i = 0; i < count; i++) records[i].value = (sm_bytes){values[i], strlen(values[i])};
    sm_trial_process(trial, records, count);
    free(records);
}

static const char *terminated(sm_bytes text) {
    char *copy = sm_alloc(text.len + 1);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = 0;
    return copy;
}

const char *sm_trial_flush(sm_trial *trial) {
    sm_release();
    sm_bytes why = sm_end(&trial->out, trial->config);
    return why.len ? terminated(why) : NULL;
}

const char *sm_trial_pull(sm_trial *trial, const char *cursor, size_t most) {
    sm_release();
    if (cursor) sm_place_at(&trial->place, (sm_bytes){cursor, strlen(cursor)});
    sm_bytes why = sm_pull(&trial->out, trial->config, most, &trial->place);
    return why.len ? terminated(why) : NULL;
}

const char *sm_trial_cursor(const sm_trial *trial) {
    return terminated((sm_bytes){trial->place.cursor.ptr, trial->place.cursor.len});
}

bool sm_trial_is_done(const sm_trial *trial) { return trial->place.done; }

size_t sm_trial_count(const sm_trial *trial) { return trial->out.values.ends.len; }

static sm_bytes item(const sm_column *column, size_t index) {
    if (index >= column->ends.len) return (sm_bytes){"", 0};
    const uint32_t *ends = column->ends.ptr;
    uint32_t start = index ? ends[index - 1] : 0;
    return (sm_bytes){(const char *)column->data.ptr + start, ends[index] - start};
}

sm_bytes sm_trial_value(const sm_trial *trial, size_t output) { return item(&trial->out.values, output); }
sm_bytes sm_trial_key(const sm_trial *trial, size_t output) { return item(&trial->out.keys, output); }

uint16_t sm_trial_port(const sm_trial *trial, size_t output) {
    return output < trial->out.ports.len ? ((const uint16_t *)trial->out.ports.ptr)[output] : 0;
}

size_t sm_trial_origin(const sm_trial *trial, size_t output) {
    return output < trial->out.origins.len ? ((const uint32_t *)trial->out.origins.ptr)[output] : output;
}

bool sm_trial_is(const sm_trial *trial, size_t output, const char *value) {
    sm_bytes there = sm_trial_value(trial, output);
    return output < sm_trial_count(trial) && there.len == strlen(value) && !memcmp(there.ptr, value, there.len);
}

static const sm_failure *failure_of(const sm_trial *trial, size_t record) {
    const sm_failure *failures = trial->out.failures.ptr;
    for (size_t i = 0; i < trial->out.failures.len; i++)
        if (failures[i].index == record) return &failures[i];
    return NULL;
}

const char *sm_trial_failure(const sm_trial *trial, size_t record) {
    const sm_failure *failure = failure_of(trial, record);
    return failure ? terminated((sm_bytes){failure->ptr, failure->len}) : NULL;
}

bool sm_trial_is_retryable(const sm_trial *trial, size_t record) {
    const sm_failure *failure = failure_of(trial, record);
    return failure && failure->retryable;
}
#endif
