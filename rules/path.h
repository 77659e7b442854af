/* Paths into an event: the JSONPath subset of InputPath, InputPathsMap and PartitionKeyPath.
 *
 *   $   $.detail   $.detail-type   $.detail.items[0].sku   $.resources[*]   $.detail.items[*].sku   $.detail.*
 *
 * A path with `*` yields an array of what it finds. Compiled once, immutable; evaluation allocates nothing but the arrays of `*`. Any thread. */
#ifndef RULES_PATH_H
#define RULES_PATH_H

#include "doc.h"

enum { PATH_STEPS_MAX = 64 };
struct path;

/* ERR_VALIDATION says at which character, and what would be right. The text is copied. */
enum err path_parse(struct str text, struct path **out, struct fault *fault) MUST_USE;
/* NULL is fine. */
void path_free(struct path *p);
/* The value, or NULL when there is none. With `*`: an array node (never NULL), made in `a`; NULL only without memory. */
const struct node *path_eval(const struct path *p, const struct node *root, struct arena *a);
/* The first value, in document order, or NULL. Takes no memory. */
const struct node *path_first(const struct path *p, const struct node *root);

#endif
