#include <sandmill_trial.hpp>

#undef NDEBUG
#include <cassert>

static void every_kind_of_record_has_its_fate() {
    sandmill::trial trial(R"({"prefix": "> "})");
    trial.process({"a", "-", "!x", "!?x", "+b", "*2", "@k=v", ">1 s", ""});
    const std::string_view values[] = {"> A", "> B", "> B", "> *2", "> *2", "> V", "> S", "> "};
    const std::size_t origins[] = {0, 4, 4, 5, 5, 6, 7, 8};
    assert(trial.count() == 8);
    for (std::size_t i = 0; i < 8; i++) assert(trial.value(i) == values[i] && trial.origin(i) == origins[i]);
    assert(trial.failure(2) == "told to fail: !x" && !trial.is_retryable(2));
    assert(trial.failure(3) == "told to fail: !?x" && trial.is_retryable(3));
    assert(trial.key(5) == "k" && trial.key(4).empty() && trial.port(6) == 1 && trial.port(7) == 0);
}

static void what_is_kept_comes_at_the_end() {
    sandmill::trial trial;
    trial.process({"~keep", "~keep"});
    assert(trial.count() == 0 && !trial.flush() && trial.value(1) == "2" && trial.key(1) == "kept");
}

// In a component nothing is thrown, and the instance ends.
static void an_exception_fails_its_record_alone() {
    sandmill::trial trial;
    trial.process({"a", "~throw", "b"});
    assert(trial.count() == 2 && trial.value(1) == "B" && trial.failure(1).has_value());
}

static void a_configuration_that_does_not_fit_is_refused() {
    assert(sandmill::trial(R"({"prefix": 5})").refused() == "config.prefix: expected a text, found a number");
    assert(sandmill::trial(R"({"prefx": ""})").refused() == "config.prefx: unknown field, expected one of \"prefix\", \"limit\"");
}

int main() {
    every_kind_of_record_has_its_fate();
    what_is_kept_comes_at_the_end();
    an_exception_fails_its_record_alone();
    a_configuration_that_does_not_fit_is_refused();
}
