/* What the Wasm sides of a stage and of a source share. Not for stages. */
#ifndef SANDMILL_GUEST_H
#define SANDMILL_GUEST_H

#include "sandmill_internal.h"

/* A list of the canonical ABI. An empty one has no address. */
typedef struct {
    void *ptr;
    size_t len;
} list;

/* What printf kept would be lost with an instance that ends in a trap: from here on it keeps nothing. */
void sm_print_at_once(void);
/* A message that is UTF-8. */
list sm_message(sm_bytes why);

#endif
