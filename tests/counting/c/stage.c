#include <sandmill.h>

typedef struct {
    int64_t last;
} config;
SM_CONFIG(config, SM_INTEGER(last, 100))

static void numbers(const config *config, size_t most, sm_place *place, sm_out *out) {
    int64_t next = sm_place_number(place); /* 0 at the beginning */
    for (; most > 0 && next <= config->last; most--, next++) sm_emitf(out, "%lld", (long long)next);
    sm_place_atf(place, "%lld", (long long)next);
    place->done = next > config->last;
}

SM_SOURCE(numbers, config)
