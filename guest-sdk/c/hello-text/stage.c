/* The stage under test whose records are text: the same in every language. */
#include <sandmill.h>

typedef struct {
    sm_text prefix;
} config;

SM_CONFIG(config, SM_TEXT(prefix, ""))

static void hello(sm_text line, const config *config, sm_out *out) {
    sm_emitf(out, "%.*s%.*s", SM_PRINT(config->prefix), SM_PRINT(line));
}

SM_STAGE(hello, config)
