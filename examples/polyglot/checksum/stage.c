/* Puts a checksum (FNV-1a, 32 bits) before each line. */
#include <sandmill.h>

#include <stdint.h>

static void checksum(sm_bytes line, sm_out *out) {
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < line.len; i++) sum = (sum ^ (unsigned char)line.ptr[i]) * 16777619u;
    sm_emitf(out, "%08x %.*s", (unsigned)sum, SM_PRINT(line));
}

SM_STAGE(checksum)
