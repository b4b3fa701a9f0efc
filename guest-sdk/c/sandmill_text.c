/* Text: what is UTF-8, and what can be shown. */
#include "sandmill_internal.h"

#include <stdarg.h>
#ifdef __wasm_simd128__
#include <wasm_simd128.h>
#endif

/* Length of the character that begins here; 0 when none does. */
static size_t character(const unsigned char *at, size_t left) {
    unsigned char first = at[0];
    if (first < 0x80) return 1;
    size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || left < len) return 0;
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    /* Longer than it need be, a surrogate, beyond the last character. */
    if ((first == 0xe0 && at[1] < 0xa0) || (first == 0xed && at[1] > 0x9f)) return 0;
    if ((first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] > 0x8f)) return 0;
    return len;
}

/* Most text is ASCII, which is looked at in blocks. */
enum { BLOCK = 16 };

static bool is_ascii(const unsigned char *block) {
#ifdef __wasm_simd128__
    return !wasm_i8x16_bitmask(wasm_v128_load(block));
#else
    uint64_t halves[2];
    memcpy(halves, block, sizeof halves);
    return !((halves[0] | halves[1]) & 0x8080808080808080);
#endif
}

size_t sm_utf8(sm_bytes text) {
    const unsigned char *bytes = (const unsigned char *)text.ptr;
    size_t at = 0;
    while (at < text.len) {
        while (text.len - at >= BLOCK && is_ascii(bytes + at)) at += BLOCK;
        /* What is left is shorter than a block, which has to begin before it. */
        if (text.len - at < BLOCK && text.len >= BLOCK && is_ascii(bytes + text.len - BLOCK)) return text.len;
        if (at == text.len) break;
        size_t len = character(bytes + at, text.len - at);
        if (!len) break;
        at += len;
    }
    return at;
}

size_t sm_legible(char *room, sm_bytes text) {
    size_t written = 0;
    while (text.len) {
        size_t good = sm_utf8(text);
        memcpy(room + written, text.ptr, good);
        written += good;
        text.ptr += good;
        text.len -= good;
        if (!text.len) break;
        memcpy(room + written, "\xef\xbf\xbd", 3);
        written += 3;
        text.ptr++;
        text.len--;
    }
    return written;
}

char *sm_join(const char *first, ...) {
    va_list parts;
    size_t len = 1;
    va_start(parts, first);
    for (const char *part = first; part; part = va_arg(parts, const char *)) len += strlen(part);
    va_end(parts);
    char *joined = sm_alloc(len), *to = joined;
    va_start(parts, first);
    for (const char *part = first; part; part = va_arg(parts, const char *)) {
        size_t part_len = strlen(part);
        memcpy(to, part, part_len);
        to += part_len;
    }
    va_end(parts);
    *to = 0;
    return joined;
}
