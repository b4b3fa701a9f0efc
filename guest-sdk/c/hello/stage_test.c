/* cc -I.sandmill/c stage.c stage_test.c .sandmill/c/sandmill*.c -lm && ./a.out */
#include <sandmill_trial.h>

#undef NDEBUG
#include <assert.h>

static bool fails(const sm_trial *trial, size_t record, const char *message) {
    const char *why = sm_trial_failure(trial, record);
    return why && !strcmp(why, message);
}

static void every_kind_of_record_has_its_fate(void) {
    sm_trial *trial = sm_trial_open("{\"prefix\": \"> \"}");
    SM_TRIAL_PROCESS(trial, "a", "-", "!x", "!?x", "+b", "*2", "@k=v", ">1 s", "");
    static const char *const values[] = {"> A", "> B", "> B", "> *2", "> *2", "> V", "> S", "> "};
    static const size_t origins[] = {0, 4, 4, 5, 5, 6, 7, 8};
    assert(sm_trial_count(trial) == 8);
    for (size_t i = 0; i < 8; i++) assert(sm_trial_is(trial, i, values[i]) && sm_trial_origin(trial, i) == origins[i]);
    assert(fails(trial, 2, "told to fail: !x") && !sm_trial_is_retryable(trial, 2));
    assert(fails(trial, 3, "told to fail: !?x") && sm_trial_is_retryable(trial, 3));
    sm_bytes key = sm_trial_key(trial, 5);
    assert(key.len == 1 && *key.ptr == 'k' && !sm_trial_key(trial, 4).len);
    assert(sm_trial_port(trial, 6) == 1 && sm_trial_port(trial, 7) == 0);
    sm_trial_close(trial);
}

static void what_is_kept_comes_at_the_end(void) {
    sm_trial *trial = sm_trial_open(NULL);
    SM_TRIAL_PROCESS(trial, "~keep", "~keep");
    assert(sm_trial_count(trial) == 0);
    assert(!sm_trial_flush(trial) && sm_trial_is(trial, 0, "1") && sm_trial_is(trial, 1, "2"));
    sm_trial_close(trial);
}

static void a_configuration_that_does_not_fit_is_refused(void) {
    sm_trial *trial = sm_trial_open("{\"prefix\": 5}");
    assert(!strcmp(sm_trial_refused(trial), "config.prefix: expected a text, found a number"));
    sm_trial_close(trial);
}

int main(void) {
    every_kind_of_record_has_its_fate();
    what_is_kept_comes_at_the_end();
    a_configuration_that_does_not_fit_is_refused();
}
