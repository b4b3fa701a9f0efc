/* Numbers with a fraction. Apart from the rest, because `strtod` is large and few configurations have one. */
#include "sandmill_internal.h"

#include <math.h>
#include <stdlib.h>

const char *sm_read_number(const sm_value *value, void *to) {
    if (value->kind != SM_NUMERIC) return sm_join("expected a number", NULL);
    char *digits = sm_alloc(value->json.len + 1);
    memcpy(digits, value->json.ptr, value->json.len);
    digits[value->json.len] = 0;
    double number = strtod(digits, NULL);
    if (!isfinite(number)) return sm_join("the number is too large", NULL);
    *(double *)to = number;
    return NULL;
}
