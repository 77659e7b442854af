/* An answer as aligned tables for people. */
#ifndef BUSCTL_TABLE_H
#define BUSCTL_TABLE_H

#include <jansson.h>

#include "shape.h"

/* Appends the answer: scalars as lines "Name  value", nested structures with dotted names, each list of structures as a table with a
 * header, each list of scalars as lines. Times are shown as dates where `shape` (may be NULL) knows them. Control characters are escaped,
 * so that no text of an event can steer the terminal. An empty object gives nothing. Pure. */
void table_write(const struct shape *shape, const json_t *answer, struct buf *out);
/* Appends a text with its control characters escaped; newlines too unless `keep_newlines`. */
void table_text(struct str text, bool keep_newlines, struct buf *out);

#endif
