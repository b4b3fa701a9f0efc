/* Memory for `operator new`. Not for stages. */
#ifndef SANDMILL_NEW_H
#define SANDMILL_NEW_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Never NULL, and aligned to 16 bytes. */
void *sm_new(size_t len);
void sm_delete(void *ptr);

#ifdef __cplusplus
}
#endif
#endif
