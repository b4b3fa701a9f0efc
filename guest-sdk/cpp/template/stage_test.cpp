#include <sandmill_trial.hpp>

#include <cassert>

int main() {
    sandmill::trial trial;
    trial.process({"hello"});
    assert(trial.value(0) == "HELLO");
}
