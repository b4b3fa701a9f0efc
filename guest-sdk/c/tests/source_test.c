/* A source of numbers, from its cursor on. */
#include "sandmill_trial.h"

#include <assert.h>
#include <string.h>

typedef struct {
    int64_t last;
} config;
SM_CONFIG(config, SM_INTEGER(last))

static void numbers(const config *config, size_t most, sm_place *place, sm_out *out) {
    int64_t next = sm_place_number(place);
    for (; most > 0 && next <= config->last; most--, next++) sm_emitf(out, "%lld", (long long)next);
    if (next == 13) return sm_fail(out, "thirteen brings bad luck");
    sm_place_atf(place, "%lld", (long long)next);
    place->done = next > config->last;
}

SM_SOURCE(numbers, config)

int main(void) {
    sm_trial *trial = sm_trial_open("{\"last\": 4}");
    assert(!sm_trial_refused(trial));
    assert(!sm_trial_pull(trial, "", 3));
    assert(sm_trial_count(trial) == 3 && sm_trial_is(trial, 0, "0") && sm_trial_is(trial, 2, "2"));
    assert(!strcmp(sm_trial_cursor(trial), "3") && !sm_trial_is_done(trial));
    assert(!sm_trial_pull(trial, NULL, 3));
    assert(sm_trial_count(trial) == 2 && sm_trial_is(trial, 1, "4") && sm_trial_is_done(trial));
    /* As a run that is resumed. */
    assert(!sm_trial_pull(trial, "4", 3));
    assert(sm_trial_count(trial) == 1 && sm_trial_is(trial, 0, "4"));
    sm_trial_close(trial);
    trial = sm_trial_open("{\"last\": 20}");
    assert(!strcmp(sm_trial_pull(trial, "10", 3), "thirteen brings bad luck"));
    sm_trial_close(trial);
    trial = sm_trial_open("{\"last\": \"4\"}");
    assert(strstr(sm_trial_refused(trial), "config.last: expected an integer"));
    sm_trial_close(trial);
    return 0;
}
