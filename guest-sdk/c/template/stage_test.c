#include <sandmill_trial.h>

#include <assert.h>

int main(void) {
    sm_trial *trial = sm_trial_open(NULL);
    SM_TRIAL_PROCESS(trial, "hello");
    assert(sm_trial_is(trial, 0, "HELLO"));
    sm_trial_close(trial);
}
