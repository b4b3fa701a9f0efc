/* What a configuration may be, and why another is refused. */
#include <sandmill_trial.h>

#include <stdio.h>
#include <stdlib.h>

#undef NDEBUG
#include <assert.h>

typedef struct {
    sm_text name, mode;
    bool loud;
    int64_t width;
    double rate;
    sm_texts fields;
    sm_bytes rules;
} config;

SM_CONFIG(config, SM_TEXT(name), SM_TEXT(mode, "plain"), SM_BOOL(loud, true), SM_INTEGER(width, -80), SM_NUMBER(rate, 0.5),
          SM_TEXTS(fields), SM_JSON(rules))

static config last;

static void process(sm_bytes value, const config *config, sm_out *out) {
    (void)value, (void)config, (void)out;
}

static const char *opened(const config *config) {
    last = *config;
    return config->width == 13 ? "13 brings bad luck" : NULL;
}

SM_STAGE(process, config)
SM_OPEN(opened, config)

static bool is(sm_text text, const char *expected) {
    return text.len == strlen(expected) && !memcmp(text.ptr, expected, text.len);
}

static void accepted(const char *json) {
    sm_trial *trial = sm_trial_open(json);
    if (sm_trial_refused(trial)) {
        fprintf(stderr, "%s: %s\n", json, sm_trial_refused(trial));
        abort();
    }
    sm_trial_close(trial);
}

static void refused(const char *json, const char *why) {
    sm_trial *trial = sm_trial_open(json);
    const char *there = sm_trial_refused(trial);
    if (!there || strcmp(there, why)) {
        fprintf(stderr, "%s: %s, not: %s\n", json, there ? there : "accepted", why);
        abort();
    }
    sm_trial_close(trial);
}

/* The rest of a configuration whose name is given. */
static void refused_beside_name(const char *rest, const char *why) {
    char json[512];
    snprintf(json, sizeof json, "{\"name\": \"n\", %s}", rest);
    refused(json, why);
}

static void missing_fields_have_their_defaults(void) {
    accepted("{\"name\": \"n\"}");
    assert(is(last.name, "n") && is(last.mode, "plain") && last.loud && last.width == -80 && last.rate == 0.5);
    assert(!last.fields.len && !last.rules.len);
    refused("{}", "config.name: the field is missing");
    refused("", "config.name: the field is missing");
    refused("null", "config.name: the field is missing");
}

static void every_kind_of_value_is_read(void) {
    accepted(" {\"name\" : \"\\u00fc\\ud834\\udd1e\\n\\\"\\u0000\", \"loud\": false, \"width\":9007199254740993, \"rate\": -1.5e3,"
             "\"fields\": [ \"a\", \"b\\/c\" ] , \"rules\": {\"deep\": [1, {}]} } ");
    assert(last.name.len == 9 && !memcmp(last.name.ptr, "\xc3\xbc\xf0\x9d\x84\x9e\n\"\0", 9));
    assert(!last.loud && last.width == 9007199254740993 && last.rate == -1500);
    assert(last.fields.len == 2 && is(last.fields.items[0], "a") && is(last.fields.items[1], "b/c"));
    assert(last.rules.len == 17 && !memcmp(last.rules.ptr, "{\"deep\": [1, {}]}", 17));
    accepted("{\"name\": \"\", \"width\": -9223372036854775808, \"fields\": []}");
    assert(last.width == INT64_MIN && !last.name.len && !last.fields.len);
}

static void a_field_that_does_not_fit_is_named(void) {
    refused_beside_name("\"mode\": 5", "config.mode: expected a text, found a number");
    refused_beside_name("\"loud\": \"yes\"", "config.loud: expected a boolean, found a text");
    refused_beside_name("\"width\": 1.0", "config.width: expected an integer, found a number with a fraction or exponent");
    refused_beside_name("\"width\": 9223372036854775808", "config.width: the integer does not fit into 64 bits");
    refused_beside_name("\"rate\": 1e400", "config.rate: the number is too large");
    refused_beside_name("\"rate\": null", "config.rate: expected a number");
    refused_beside_name("\"fields\": [\"a\", 1]", "config.fields: expected a text, found a number");
    refused_beside_name("\"fields\": {}", "config.fields: expected an array of texts, found an object");
    refused_beside_name("\"name\": \"again\"", "config.name: the field is there twice");
    refused_beside_name("\"nmae\": 1",
                        "config.nmae: unknown field, expected one of \"name\", \"mode\", \"loud\", \"width\", \"rate\", "
                        "\"fields\", \"rules\"");
    refused_beside_name("\"width\": 13", "13 brings bad luck");
}

static void what_is_not_json_is_refused(void) {
    refused("5", "config: expected an object");
    refused("{\"name\": \"n\"} {}", "config: something follows the object");
    refused("{\"name\": \"n\"", "config: an object has no end");
    refused("{\"name\" \"n\"}", "config: a colon is expected");
    refused("{\"name\": }", "config: a value is expected");
    refused("{\"name\": nul}", "config: a value is expected");
    refused("{\"name\": NaN}", "config: a value is expected");
    refused("{\"name\": 01}", "config.name: expected a text, found a number");
    refused("{\"name\": -}", "config: a number has no digits");
    refused("{\"name\": \"\\ud800\"}", "config: a text has half of a surrogate pair");
    refused("{\"name\": \"\\ud800\\u0041\"}", "config: a text has half of a surrogate pair");
    refused("{\"name\": \"\\x\"}", "config: a text has an unknown escape");
    refused("{\"name\": \"\\u12g4\"}", "config: \\u needs four hexadecimal digits");
    refused("{\"name\": \"a\nb\"}", "config: a text has a control character");
    refused("{\"name\": \"n", "config: a text has no end");
    refused("{\"name\": \"\xff\"}", "config: it is not UTF-8");
    refused("\xef\xbb\xbf{}", "config: expected an object");
}

static void values_within_values_end_before_the_stack_does(void) {
    enum { LEVELS = 100000 };
    char *json = malloc(2 * LEVELS + 64);
    size_t len = (size_t)sprintf(json, "{\"name\": \"n\", \"rules\": ");
    memset(json + len, '[', LEVELS);
    json[len + LEVELS] = 0;
    refused(json, "config: values lie within values too deeply");
    free(json);
}

int main(void) {
    missing_fields_have_their_defaults();
    every_kind_of_value_is_read();
    a_field_that_does_not_fit_is_named();
    what_is_not_json_is_refused();
    values_within_values_end_before_the_stack_does();
}
