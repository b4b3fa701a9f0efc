/* The configuration: the JSON of the pipeline file's `config` table, read into a struct. Strict: a field that is missing,
 * has another type or is unknown is refused by its name, and a number is exact or refused. */
#include "sandmill_internal.h"

#include <ctype.h>

/* Values within values. Deeper ones are refused, because each level takes stack. */
enum { DEPTH_MAX = 100 };

/* A place in JSON. After an error nothing is read any more. */
typedef struct {
    const char *at, *end;
    const char *error;
} reader;

static bool wrong(reader *json, const char *error) {
    if (!json->error) json->error = error;
    return false;
}

static void skip_space(reader *json) {
    while (json->at < json->end && strchr(" \t\r\n", *json->at) && *json->at) json->at++;
}

/* Takes the next character if it is this one. */
static bool take(reader *json, char wanted) {
    skip_space(json);
    if (json->error || json->at == json->end || *json->at != wanted) return false;
    json->at++;
    return true;
}

static bool read_hex(reader *json, uint32_t *code) {
    *code = 0;
    if (json->end - json->at < 4) return wrong(json, "a text ends within an escape");
    for (int i = 0; i < 4; i++) {
        char c = *json->at++;
        if (!isxdigit((unsigned char)c)) return wrong(json, "\\u needs four hexadecimal digits");
        *code = *code << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return true;
}

static size_t encode(uint32_t code, char *to) {
    if (code < 0x80) return to[0] = (char)code, 1;
    if (code < 0x800) return to[0] = (char)(0xc0 | code >> 6), to[1] = (char)(0x80 | (code & 63)), 2;
    if (code < 0x10000) {
        to[0] = (char)(0xe0 | code >> 12), to[1] = (char)(0x80 | (code >> 6 & 63)), to[2] = (char)(0x80 | (code & 63));
        return 3;
    }
    to[0] = (char)(0xf0 | code >> 18), to[1] = (char)(0x80 | (code >> 12 & 63));
    to[2] = (char)(0x80 | (code >> 6 & 63)), to[3] = (char)(0x80 | (code & 63));
    return 4;
}

/* What follows a backslash. */
static size_t read_escape(reader *json, char *to) {
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (json->at == json->end) return wrong(json, "a text has no end");
    char c = *json->at++;
    const char *found = c ? strchr(names, c) : NULL;
    if (found) return to[0] = meanings[found - names], 1;
    uint32_t code, low;
    if (c != 'u') return wrong(json, "a text has an unknown escape");
    if (!read_hex(json, &code)) return 0;
    if (code >= 0xd800 && code < 0xe000) {
        bool is_pair = code < 0xdc00 && json->end - json->at >= 6 && json->at[0] == '\\' && json->at[1] == 'u';
        if (!is_pair) return wrong(json, "a text has half of a surrogate pair");
        json->at += 2;
        if (!read_hex(json, &low)) return 0;
        if (low < 0xdc00 || low > 0xdfff) return wrong(json, "a text has half of a surrogate pair");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    return encode(code, to);
}

/* Reads a text. `to`, where it is not NULL, has room for it: it is not longer than its JSON. */
static bool read_string(reader *json, char *to, size_t *len) {
    size_t written = 0;
    if (!take(json, '"')) return wrong(json, "a text begins with a quotation mark");
    while (json->at < json->end && *json->at != '"') {
        char buffer[4];
        size_t count = 1;
        buffer[0] = *json->at++;
        if ((unsigned char)buffer[0] < 0x20) return wrong(json, "a text has a control character");
        if (buffer[0] == '\\') count = read_escape(json, buffer);
        if (json->error) return false;
        if (to) memcpy(to + written, buffer, count);
        written += count;
    }
    if (len) *len = written;
    return take(json, '"') || wrong(json, "a text has no end");
}

static bool take_digits(reader *json) {
    const char *start = json->at;
    while (json->at < json->end && isdigit((unsigned char)*json->at)) json->at++;
    return json->at > start || wrong(json, "a number has no digits");
}

static bool skip_number(reader *json) {
    if (json->at < json->end && *json->at == '-') json->at++;
    bool has_zero = json->at < json->end && *json->at == '0';
    if (has_zero) json->at++;
    else if (!take_digits(json)) return false;
    if (json->at < json->end && *json->at == '.') {
        json->at++;
        if (!take_digits(json)) return false;
    }
    if (json->at < json->end && (*json->at | 32) == 'e') {
        json->at++;
        if (json->at < json->end && (*json->at == '+' || *json->at == '-')) json->at++;
        if (!take_digits(json)) return false;
    }
    return true;
}

static bool skip_word(reader *json, const char *word) {
    size_t len = strlen(word);
    if ((size_t)(json->end - json->at) < len || memcmp(json->at, word, len)) return wrong(json, "a value is expected");
    json->at += len;
    return true;
}

static bool read_value(reader *json, sm_value *value, int depth);

/* The rest of an array or object. */
static bool skip_inside(reader *json, char close, int depth) {
    sm_value inside;
    if (depth >= DEPTH_MAX) return wrong(json, "values lie within values too deeply");
    if (take(json, close)) return true;
    do {
        if (close == '}' && !(read_string(json, NULL, NULL) && (take(json, ':') || wrong(json, "a colon is expected"))))
            return false;
        if (!read_value(json, &inside, depth + 1)) return false;
    } while (take(json, ','));
    return take(json, close) || wrong(json, close == '}' ? "an object has no end" : "an array has no end");
}

static bool read_value(reader *json, sm_value *value, int depth) {
    skip_space(json);
    if (json->at == json->end) return wrong(json, "a value is expected");
    const char *start = json->at;
    bool good;
    switch (*start) {
    case '"': value->kind = SM_STRING, good = read_string(json, NULL, NULL); break;
    case '{': json->at++, value->kind = SM_OBJECT, good = skip_inside(json, '}', depth); break;
    case '[': json->at++, value->kind = SM_ARRAY, good = skip_inside(json, ']', depth); break;
    case 't': value->kind = SM_BOOLEAN, good = skip_word(json, "true"); break;
    case 'f': value->kind = SM_BOOLEAN, good = skip_word(json, "false"); break;
    case 'n': value->kind = SM_NULL, good = skip_word(json, "null"); break;
    default:
        value->kind = SM_NUMERIC;
        good = *start == '-' || isdigit((unsigned char)*start) ? skip_number(json) : wrong(json, "a value is expected");
    }
    value->json = (sm_bytes){start, (size_t)(json->at - start)};
    return good;
}

static const char *expected(const char *what, const sm_value *value) {
    static const char *const kinds[] = {"null", "a boolean", "a number", "a text", "an array", "an object"};
    return sm_join("expected ", what, ", found ", kinds[value->kind], NULL);
}

const char *sm_read_text(const sm_value *value, void *to) {
    if (value->kind != SM_STRING) return expected("a text", value);
    reader json = {value->json.ptr, value->json.ptr + value->json.len, NULL};
    char *text = sm_alloc(value->json.len);
    size_t len = 0;
    read_string(&json, text, &len);
    *(sm_text *)to = (sm_text){text, len};
    return json.error;
}

const char *sm_read_texts(const sm_value *value, void *to) {
    if (value->kind != SM_ARRAY) return expected("an array of texts", value);
    reader json = {value->json.ptr + 1, value->json.ptr + value->json.len, NULL};
    sm_vec texts = {0};
    sm_value item;
    if (!take(&json, ']')) {
        do {
            sm_text *items = sm_grow(&texts, 1, sizeof *items);
            read_value(&json, &item, 1);
            const char *why = json.error ? json.error : sm_read_text(&item, items + texts.len++);
            if (why) return why;
        } while (take(&json, ','));
    }
    *(sm_texts *)to = (sm_texts){texts.ptr, texts.len};
    return NULL;
}

const char *sm_read_bool(const sm_value *value, void *to) {
    if (value->kind != SM_BOOLEAN) return expected("a boolean", value);
    *(bool *)to = value->json.ptr[0] == 't';
    return NULL;
}

const char *sm_read_integer(const sm_value *value, void *to) {
    if (value->kind != SM_NUMERIC) return expected("an integer", value);
    bool is_negative = value->json.ptr[0] == '-';
    int64_t integer = 0;
    for (size_t i = is_negative; i < value->json.len; i++) {
        char c = value->json.ptr[i];
        if (!isdigit((unsigned char)c)) return sm_join("expected an integer, found a number with a fraction or exponent", NULL);
        int64_t digit = is_negative ? '0' - c : c - '0';
        if (__builtin_mul_overflow(integer, 10, &integer) || __builtin_add_overflow(integer, digit, &integer))
            return sm_join("the integer does not fit into 64 bits", NULL);
    }
    *(int64_t *)to = integer;
    return NULL;
}

const char *sm_read_json(const sm_value *value, void *to) {
    *(sm_bytes *)to = value->json;
    return NULL;
}

/* The value that a field has when none is given. */
static void set_default(const sm_field *field, void *to) {
    if (field->read == sm_read_text) *(sm_text *)to = (sm_text){field->text, strlen(field->text)};
    else if (field->read == sm_read_bool) *(bool *)to = field->integer;
    else if (field->read == sm_read_integer) *(int64_t *)to = field->integer;
    else if (field->number != 0) *(double *)to = field->number;
}

/* Every field's name, for who has mistyped one. */
static char *names_of(const sm_field *fields, size_t count) {
    char *names = sm_join("", NULL);
    for (size_t i = 0; i < count; i++) names = sm_join(names, i ? ", \"" : "\"", fields[i].name, "\"", NULL);
    return names;
}

static const char *unknown(const char *name, const char *key, const sm_field *fields, size_t count) {
    if (!count) return sm_join(name, ": this stage takes no configuration, but has \"", key, "\"", NULL);
    return sm_join(name, ".", key, ": unknown field, expected ", count > 1 ? "one of " : "", names_of(fields, count), NULL);
}

/* Reads one member of the object. Why it does not fit, or NULL. */
static const char *read_member(reader *json, const char *name, const sm_field *fields, size_t count, void *to, bool *seen) {
    size_t len = 0;
    char *key = sm_alloc((size_t)(json->end - json->at) + 1);
    sm_value value;
    if (!read_string(json, key, &len) || !(take(json, ':') || wrong(json, "a colon is expected"))) return json->error;
    key[len] = 0;
    if (!read_value(json, &value, 1)) return json->error;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, key) || strlen(key) != len) continue;
        const char *why = seen[i] ? "the field is there twice" : fields[i].read(&value, (char *)to + fields[i].offset);
        seen[i] = true;
        return why ? sm_join(name, ".", fields[i].name, ": ", why, NULL) : NULL;
    }
    return unknown(name, key, fields, count);
}

static const char *read_members(reader *json, const char *name, const sm_field *fields, size_t count, void *to, bool *seen) {
    if (take(json, '}')) return NULL;
    do {
        const char *why = read_member(json, name, fields, count, to, seen);
        if (why) return why == json->error ? sm_join(name, ": ", why, NULL) : why;
    } while (take(json, ','));
    return take(json, '}') ? NULL : sm_join(name, ": an object has no end", NULL);
}

const char *sm_read_object(sm_bytes text, const char *name, const sm_field *fields, size_t count, void *to) {
    reader json = {text.ptr, text.ptr + text.len, NULL};
    skip_space(&json);
    /* Without a `config` table the stage gets an empty one. */
    static const char empty[] = "{}";
    bool is_none = json.at == json.end || (json.end - json.at == 4 && !memcmp(json.at, "null", 4));
    if (is_none) json = (reader){empty, empty + strlen(empty), NULL};
    if (sm_utf8(text) != text.len) return sm_join(name, ": it is not UTF-8", NULL);
    if (!take(&json, '{')) return sm_join(name, ": expected an object", NULL);
    bool *seen = memset(sm_alloc(count), 0, count);
    const char *why = read_members(&json, name, fields, count, to, seen);
    skip_space(&json);
    if (!why && json.at != json.end) why = sm_join(name, ": something follows the object", NULL);
    for (size_t i = 0; i < count && !why; i++) {
        if (!seen[i] && !fields[i].optional) why = sm_join(name, ".", fields[i].name, ": the field is missing", NULL);
        if (!seen[i]) set_default(&fields[i], (char *)to + fields[i].offset);
    }
    return why;
}
