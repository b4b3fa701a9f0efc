/* What the Wasm sides of a stage and of a source share. Not for stages. */
#ifndef SANDMILL_GUEST_H
#define SANDMILL_GUEST_H

#include "sandmill_internal.h"

/* A list of the canonical ABI. An empty one has no address. */
typedef struct {
    void *ptr;
    size_t len;
} list;

/* Before each answer. */
void sm_answered(void);
/* A message that is UTF-8. */
list sm_message(sm_bytes why);

#endif
