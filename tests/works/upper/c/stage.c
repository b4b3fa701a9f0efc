#include <sandmill.h>

static void upper(sm_text line, sm_out *out) {
    char *to = sm_room(out, line.len);
    for (size_t i = 0; i < line.len; i++) {
        char c = line.ptr[i];
        to[i] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    sm_done(out, line.len);
}

SM_STAGE(upper)
