// A stage under test, natively: records in, what became of them out.
//
//     sandmill::trial trial(R"({"prefix": "> "})");
//     trial.process({"hello", "!bad"});
//     assert(trial.value(0) == "> HELLO");
//     assert(trial.failure(1) == "told to fail: !bad");
#pragma once

#include <initializer_list>

#include "sandmill.hpp"
#include "sandmill_trial.h"

namespace sandmill {

// One is open at a time. What it returns is there until the next call that changes it.
class trial {
public:
    explicit trial(const char *config = nullptr) : trial_(sm_trial_open(config)) {}
    ~trial() { sm_trial_close(trial_); }
    trial(const trial &) = delete;
    trial &operator=(const trial &) = delete;

    // Why the stage refuses its configuration; nothing when it is open.
    std::optional<std::string> refused() const { return optional(sm_trial_refused(trial_)); }

    // Gives the stage records, all in one batch.
    void process(std::initializer_list<std::string_view> values) {
        std::vector<sm_record> records;
        for (std::string_view value : values) records.push_back({{nullptr, 0}, detail::raw(value)});
        sm_trial_process(trial_, records.data(), records.size());
    }
    void process(std::initializer_list<record> keyed) {
        std::vector<sm_record> records;
        for (const record &record : keyed) records.push_back({detail::raw(record.key), detail::raw(record.value)});
        sm_trial_process(trial_, records.data(), records.size());
    }
    // Tells the stage that the input has ended. Why that failed, if it did.
    std::optional<std::string> flush() { return optional(sm_trial_flush(trial_)); }

    // Asks a source for records, from this cursor on, or from where it is. Why that failed, if it did.
    std::optional<std::string> pull(std::size_t most, const char *cursor = nullptr) {
        return optional(sm_trial_pull(trial_, cursor, most));
    }
    std::string cursor() const { return sm_trial_cursor(trial_); }
    bool is_done() const { return sm_trial_is_done(trial_); }

    std::size_t count() const { return sm_trial_count(trial_); }
    std::string_view value(std::size_t output) const { return detail::view(sm_trial_value(trial_, output)); }
    std::string_view key(std::size_t output) const { return detail::view(sm_trial_key(trial_, output)); }
    std::uint16_t port(std::size_t output) const { return sm_trial_port(trial_, output); }
    std::size_t origin(std::size_t output) const { return sm_trial_origin(trial_, output); }

    // Why this record of the batch failed, if it did.
    std::optional<std::string> failure(std::size_t record) const { return optional(sm_trial_failure(trial_, record)); }
    bool is_retryable(std::size_t record) const { return sm_trial_is_retryable(trial_, record); }

private:
    static std::optional<std::string> optional(const char *text) {
        return text ? std::optional<std::string>(text) : std::nullopt;
    }

    sm_trial *trial_;
};

} // namespace sandmill
