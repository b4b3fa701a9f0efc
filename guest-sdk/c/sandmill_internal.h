/* What the parts of the SDK share. Not for stages. */
#ifndef SANDMILL_INTERNAL_H
#define SANDMILL_INTERNAL_H

#include "sandmill.h"

/* Memory that grows, and is there until `sm_release`. */
typedef struct {
    void *ptr;
    size_t len, capacity; /* in elements */
} sm_vec;

/* Byte strings back to back, and where each ends. */
typedef struct {
    sm_vec data, ends;
} sm_column;

/* As the interface lays it out in a guest. */
typedef struct {
    uint32_t index;
    bool retryable;
    char *ptr;
    size_t len;
} sm_failure;

struct sm_out {
    sm_column values, keys;
    sm_vec origins, ports, failures, messages;
    /* The record in hand. */
    uint32_t index;
    sm_bytes key;
    uint16_t port;
    bool failed;
    /* Whether `origins` is in use: until it is, output i comes from record i. */
    bool traced;
};

/* The records of a call. */
typedef struct {
    const char *values;
    const uint32_t *ends;
    const char *keys;
    const uint32_t *key_ends; /* NULL when no record has a key */
    size_t count, bytes;
} sm_batch;

/* Gives every record of the batch to the stage. The output is there until `sm_release`. */
void sm_run(sm_out *out, const sm_batch *batch, const void *config);
/* Lets the stage flush. Why that failed, or an empty string. */
sm_bytes sm_end(sm_out *out, const void *config);
/* Makes the columns of an output consistent. */
void sm_finish(sm_out *out);
/* Asks the source for records. Why that failed, or an empty string. */
sm_bytes sm_pull(sm_out *out, const void *config, size_t most, sm_place *place);
/* Opens the stage or source. Why it cannot work with this configuration, or NULL. */
const char *sm_begin(sm_bytes json, void **config);

/* Memory of `sm_alloc`, longer. */
void *sm_resize(void *ptr, size_t old_len, size_t len);
/* What has been allocated until now stays for good. */
void sm_keep(void);
/* All memory of `sm_alloc` is gone. */
void sm_release(void);
/* Room for `more` elements of `size` bytes. */
void *sm_grow(sm_vec *vec, size_t more, size_t size);
/* A zero-terminated string of these strings, to the NULL. */
char *sm_join(const char *first, ...);
/* A copy in which U+FFFD stands for what is not UTF-8. `room` has three times the length. */
size_t sm_legible(char *room, sm_bytes text);

/* What differs between a guest and a native test. */
void sm_host_log(sm_level level, sm_bytes message);

#endif
