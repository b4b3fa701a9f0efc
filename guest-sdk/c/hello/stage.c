/* The stage under test of the conformance suite: the same in every language. Its first character says what a record does. */
#include <sandmill.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct {
    sm_text prefix;
    int64_t limit;
} config;

SM_CONFIG(config, SM_TEXT(prefix, ""), SM_INTEGER(limit, 0))

static sm_bytes rest(sm_bytes value) { return sm_slice(value.ptr + 1, value.len - 1); }

static void upper(const config *config, sm_bytes value, sm_out *out) {
    sm_text prefix = config->prefix;
    char *to = sm_room(out, prefix.len + value.len);
    for (size_t i = 0; i < prefix.len; i++) to[i] = prefix.ptr[i];
    to += prefix.len;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        to[i] = (char)(c >= 'a' && c <= 'z' ? c - 0x20 : c);
    }
    sm_done(out, prefix.len + value.len);
}

/* `*3`: three outputs. */
static void many(const config *config, sm_bytes value, sm_out *out) {
    int64_t count = 0;
    const char *why = sm_read_integer(&(sm_value){SM_NUMERIC, rest(value)}, &count);
    if (why) sm_fail(out, why);
    for (int64_t i = 0; i < count; i++) upper(config, value, out);
}

/* `@k=v`: the value v with the key k. */
static void keyed(const config *config, sm_bytes value, sm_out *out) {
    const char *equals = memchr(value.ptr, '=', value.len);
    if (!equals) {
        sm_fail(out, "there is no \"=\"");
        return;
    }
    sm_key(out, sm_slice(value.ptr + 1, (size_t)(equals - value.ptr) - 1));
    upper(config, sm_slice(equals + 1, (size_t)(value.ptr + value.len - equals) - 1), out);
}

/* `>1 v`: the value v to the output 1. */
static void routed(const config *config, sm_bytes value, sm_out *out) {
    if (value.len < 3 || value.ptr[1] < '0' || value.ptr[1] > '9') {
        sm_fail(out, "there is no port");
        return;
    }
    sm_port(out, (uint16_t)(value.ptr[1] - '0'));
    upper(config, sm_slice(value.ptr + 3, value.len - 3), out);
}

/* An instance's own: how many records it has seen, and how many it keeps until its end. */
static size_t seen, kept;
static bool is_spoilt;

static int deep(int n) {
    volatile char frame[128];
    frame[0] = (char)n;
    return n < 0 ? n : deep(n + 1) + frame[0];
}

static bool is(sm_bytes value, const char *name) {
    return value.len == strlen(name) && !memcmp(value.ptr, name, value.len);
}

/* What breaks the instance. */
static void break_it(sm_bytes value, sm_out *out) {
    if (is(value, "~panic")) assert(!"told to panic");
    if (is(value, "~abort")) abort();
    if (is(value, "~index")) *(volatile char *)0xfffffff0 = 1;
    if (is(value, "~oom")) for (;;) memset(malloc(1 << 20), 1, 1 << 20);
    if (is(value, "~deep")) sm_emitf(out, "%d", deep(0));
    if (is(value, "~exit")) exit(3);
    if (is(value, "~loop")) for (volatile int forever = 1; forever;) continue;
    if (value.len > 6 && !memcmp(value.ptr, "~last ", 6)) {
        printf("last words");
        break_it(sm_slice(value.ptr + 6, value.len - 6), out);
    }
}

/* What reaches out of the stage, and what it says. */
static void speak(sm_bytes value, sm_out *out) {
    if (is(value, "~print")) {
        puts("printed, Stra\xc3\x9f" "e");
        fputs("to stderr\n", stderr);
        printf("bytes \xff|\nno end");
    }
    if (is(value, "~time") && time(NULL) < 0) sm_fail(out, strerror(errno));
    if (is(value, "~random")) sm_emitf(out, "%d", rand());
    if (is(value, "~env") && !getenv("HOME")) sm_fail(out, "there is no variable HOME");
    if (is(value, "~file") && !fopen("/etc/passwd", "r")) sm_fail(out, strerror(errno));
    if (is(value, "~log")) {
        sm_log(SM_DEBUG, "debug, Stra\xc3\x9f" "e"), sm_log(SM_INFO, "info"), sm_log(SM_WARN, "warn");
        sm_logf(SM_ERROR, "error %d", 4);
    }
}

/* Failures of all kinds. */
static void fail(sm_bytes value, sm_out *out) {
    static char x[1000000];
    if (is(value, "~both")) sm_emit(out, "lost"), sm_fail(out, "emitted, then failed");
    if (is(value, "~nothing")) sm_fail(out, "");
    if (is(value, "~long")) sm_fail_bytes(out, sm_slice(memset(x, 'x', sizeof x), sizeof x));
    if (is(value, "~nul")) sm_fail_bytes(out, sm_slice("a\0b", 3));
}

static void odd(sm_bytes value, const config *config, sm_out *out) {
    if (is(value, "~keep")) kept++;
    else if (is(value, "~spoil")) is_spoilt = true;
    else if (is(value, "~count")) sm_emitf(out, "%zu", seen);
    else if (is(value, "~limit")) sm_emitf(out, "%lld", (long long)config->limit);
    else {
        fail(value, out);
        speak(value, out);
        break_it(value, out);
        sm_emit(out, value);
    }
}

static void process(sm_bytes value, const config *config, sm_out *out) {
    seen++;
    switch (value.len ? value.ptr[0] : 0) {
    case '!':
        sm_failf(out, "told to fail: %.*s", SM_PRINT(value));
        if (value.len > 1 && value.ptr[1] == '?') sm_retryable(out);
        break;
    case '-': break;
    case '+': upper(config, rest(value), out), upper(config, rest(value), out); break;
    case '*': many(config, value, out); break;
    case '@': keyed(config, value, out); break;
    case '>': routed(config, value, out); break;
    case '~': odd(value, config, out); break;
    default: upper(config, value, out);
    }
}

/* An output for each record that was kept. */
static void flush(sm_out *out) {
    if (is_spoilt) sm_fail(out, "told to fail at the end");
    sm_key(out, sm_slice("kept", 4));
    for (size_t number = 1; number <= kept; number++) sm_emitf(out, "%zu", number);
}

SM_STAGE(process, config)
SM_FLUSH(flush)
