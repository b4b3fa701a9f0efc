/* What becomes of what a stage emits. */
#include <sandmill_trial.h>

#include <stdio.h>
#include <stdlib.h>

#undef NDEBUG
#include <assert.h>

/* Each word of the record is an instruction. */
static void process(sm_text line, sm_out *out) {
    for (const char *at = line.ptr, *end = at + line.len; at < end; at++) {
        switch (*at) {
        case 'e': sm_emit(out, "emitted"); break;
        case 'k': sm_emit_keyed(out, "key", (sm_text){at, 1}); break;
        case 'p': sm_emit_to(out, 2, sm_slice(at, 1)); break;
        case 'f': sm_failf(out, "failed at %d", (int)(at - line.ptr)); break;
        case 'b': sm_fail(out, "bad \xff byte"); break;
        case 'r': sm_retryable(out); break;
        case 'l': sm_emitf(out, "%01000d", 7); break;
        case 'n': memset(sm_room(out, 5 << 20), 'n', 5 << 20), sm_done(out, 5 << 20); break;
        case 'a': memset(sm_alloc(300), 'a', 300); break;
        default: break;
        }
    }
}

static void flush(sm_out *out) { sm_fail(out, "flush has failed"); }

SM_STAGE(process)
SM_FLUSH(flush)

static bool key_is(const sm_trial *trial, size_t output, const char *key) {
    sm_bytes there = sm_trial_key(trial, output);
    return there.len == strlen(key) && !memcmp(there.ptr, key, there.len);
}

static void a_batch_without_records_has_no_outputs(sm_trial *trial) {
    sm_trial_process(trial, NULL, 0);
    assert(sm_trial_count(trial) == 0 && !sm_trial_failure(trial, 0));
}

static void what_a_failing_record_emitted_is_taken_back(sm_trial *trial) {
    sm_record records[] = {{{"x", 1}, {"e", 1}}, {{"y", 1}, {"ekpfe", 5}}, {{NULL, 0}, {"e", 1}}, {{"z", 1}, {"ff", 2}}};
    sm_trial_process(trial, records, 4);
    assert(sm_trial_count(trial) == 2 && sm_trial_origin(trial, 1) == 2 && sm_trial_port(trial, 1) == 0);
    assert(key_is(trial, 0, "x") && key_is(trial, 1, ""));
    assert(!strcmp(sm_trial_failure(trial, 1), "failed at 3") && !strcmp(sm_trial_failure(trial, 3), "failed at 0"));
    assert(!sm_trial_failure(trial, 0) && !sm_trial_failure(trial, 2));
}

static void keys_and_ports_begin_late_and_cover_every_output(sm_trial *trial) {
    SM_TRIAL_PROCESS(trial, "e", "k", "pe", "");
    assert(sm_trial_count(trial) == 4);
    assert(key_is(trial, 0, "") && key_is(trial, 1, "key") && key_is(trial, 2, "") && key_is(trial, 3, ""));
    static const uint16_t ports[] = {0, 0, 2, 0};
    static const size_t origins[] = {0, 1, 2, 2};
    for (size_t i = 0; i < 4; i++) assert(sm_trial_port(trial, i) == ports[i] && sm_trial_origin(trial, i) == origins[i]);
}

static void text_that_is_not_utf8_fails_its_record(sm_trial *trial) {
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"ab\xff", "the record is not UTF-8: byte 0xff at offset 2 starts no character"},
        {"\xc3", "the record is not UTF-8: byte 0xc3 at offset 0 starts no character"},
        {"0123456789\xc0\xaf", "the record is not UTF-8: byte 0xc0 at offset 10 starts no character"},
        {"\xed\xa0\x80", "the record is not UTF-8: byte 0xed at offset 0 starts no character"},
        {"\xf4\x90\x80\x80", "the record is not UTF-8: byte 0xf4 at offset 0 starts no character"},
        {"\xe0\x9f\xbf", "the record is not UTF-8: byte 0xe0 at offset 0 starts no character"},
        {"\xf0\x8f\xbf\xbf", "the record is not UTF-8: byte 0xf0 at offset 0 starts no character"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        SM_TRIAL_PROCESS(trial, "e", cases[i].text, "\xc3\xbc\xe2\x80\xa8\xf0\x9d\x84\x9e\xf4\x8f\xbf\xbf e");
        assert(sm_trial_count(trial) == 2 && !strcmp(sm_trial_failure(trial, 1), cases[i].why));
    }
}

static void a_message_can_be_shown(sm_trial *trial) {
    SM_TRIAL_PROCESS(trial, "b", "r");
    assert(!strcmp(sm_trial_failure(trial, 0), "bad \xef\xbf\xbd byte") && !sm_trial_is_retryable(trial, 0));
    assert(sm_trial_is_retryable(trial, 1) && !strcmp(sm_trial_failure(trial, 1), "the record should be tried again"));
}

static void outputs_may_be_larger_than_the_sdks_own_memory(sm_trial *trial) {
    for (int i = 0; i < 3; i++) {
        SM_TRIAL_PROCESS(trial, "na", "l", "nana", "e");
        assert(sm_trial_count(trial) == 5 && sm_trial_value(trial, 3).len == 5 << 20);
        assert(sm_trial_value(trial, 1).len == 1000 && sm_trial_value(trial, 1).ptr[998] == '0');
        assert(sm_trial_is(trial, 4, "emitted") && sm_trial_value(trial, 3).ptr[(5 << 20) - 1] == 'n');
    }
}

int main(void) {
    sm_trial *trial = sm_trial_open(NULL);
    assert(!sm_trial_refused(trial));
    a_batch_without_records_has_no_outputs(trial);
    what_a_failing_record_emitted_is_taken_back(trial);
    keys_and_ports_begin_late_and_cover_every_output(trial);
    text_that_is_not_utf8_fails_its_record(trial);
    a_message_can_be_shown(trial);
    outputs_may_be_larger_than_the_sdks_own_memory(trial);
    assert(!strcmp(sm_trial_flush(trial), "flush has failed"));
    sm_trial_close(trial);
    trial = sm_trial_open("{\"loud\": true}");
    assert(!strcmp(sm_trial_refused(trial), "config: this stage takes no configuration, but has \"loud\""));
    sm_trial_close(trial);
}
