/* Every operation there is, for what reads descriptions: the command line, the reference. */
#ifndef MODEL_CATALOG_H
#define MODEL_CATALOG_H

#include "operation.h"

/* The tables of all services, `*count` of them; each ends with a row whose name is NULL. Static; any thread. */
const struct operation *const *model_tables(size_t *count);

#endif
