/* Requests that no longer keep their shape: one value changed, or the text. */
#ifndef REQUESTS_MUTATION_H
#define REQUESTS_MUTATION_H

#include <jansson.h>

#include "dice.h"
#include "str.h"

/* Changes one value somewhere in the object. */
void mutation_of_tree(json_t *object, struct dice *d);
/* Changes bytes: flips, cuts, repeats, puts in what is no UTF-8. */
void mutation_of_text(struct buf *text, struct dice *d);

#endif
