/* A stage under test, natively: records in, what became of them out.
 *
 *     sm_trial *trial = sm_trial_open("{\"prefix\": \"> \"}");
 *     SM_TRIAL_PROCESS(trial, "hello", "!bad");
 *     assert(sm_trial_is(trial, 0, "> HELLO"));
 *     assert(!strcmp(sm_trial_failure(trial, 1), "told to fail: !bad"));
 *     sm_trial_close(trial);
 *
 * Compile it with the stage and the SDK: cc -I.sandmill/c stage.c stage_test.c .sandmill/c/sandmill*.c -lm */
#ifndef SANDMILL_TRIAL_H
#define SANDMILL_TRIAL_H

#include "sandmill.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sm_trial sm_trial;

/* Opens the stage with the JSON of a configuration; NULL is none. What a trial returns is there until the next call that
 * opens, closes, processes or flushes one. */
sm_trial *sm_trial_open(const char *config);
/* Why the stage refused its configuration; NULL when it is open. */
const char *sm_trial_refused(const sm_trial *trial);
void sm_trial_close(sm_trial *trial);

/* Gives the stage records, all in one batch. What became of an earlier batch is forgotten. */
void sm_trial_process(sm_trial *trial, const sm_record *records, size_t count);
/* Gives it zero-terminated strings, without keys. */
#define SM_TRIAL_PROCESS(trial, ...)                                                                                  \
    sm_trial_process_strings(trial, (const char *[]){__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))
void sm_trial_process_strings(sm_trial *trial, const char *const *values, size_t count);
/* Tells the stage that the input has ended. Why that failed, or NULL. */
const char *sm_trial_flush(sm_trial *trial);

/* Asks a source for records, from this cursor on: "" at the beginning, NULL where it is. Why that failed, or NULL. */
const char *sm_trial_pull(sm_trial *trial, const char *cursor, size_t most);
/* Where the source is by now: its cursor, and whether there is no more. */
const char *sm_trial_cursor(const sm_trial *trial);
bool sm_trial_is_done(const sm_trial *trial);

/* The outputs, in order. */
size_t sm_trial_count(const sm_trial *trial);
sm_bytes sm_trial_value(const sm_trial *trial, size_t output);
sm_bytes sm_trial_key(const sm_trial *trial, size_t output);
uint16_t sm_trial_port(const sm_trial *trial, size_t output);
/* Which record of the batch an output was made of. */
size_t sm_trial_origin(const sm_trial *trial, size_t output);
/* Whether the output is there, and has this value. */
bool sm_trial_is(const sm_trial *trial, size_t output, const char *value);

/* Why this record of the batch failed; NULL when it did not. */
const char *sm_trial_failure(const sm_trial *trial, size_t record);
bool sm_trial_is_retryable(const sm_trial *trial, size_t record);

#ifdef __cplusplus
}
#endif

#endif
