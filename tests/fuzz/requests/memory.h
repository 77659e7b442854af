/* What the daemon answered, by the names of members: ARNs, tokens and handles that later requests give back. All threads share it; bounded,
 * the oldest strings of a name leave first. */
#ifndef REQUESTS_MEMORY_H
#define REQUESTS_MEMORY_H

#include <jansson.h>

#include "dice.h"

struct memory;
struct memory *memory_new(void);
void memory_free(struct memory *m);
/* Takes in the strings of an answer. Accounts and access keys are left out: the daemon's own must not be deleted. */
void memory_learn(struct memory *m, const json_t *answer);
/* One of the strings that stood under the name, or NULL; the caller's reference. */
json_t *memory_pick(struct memory *m, const char *name, struct dice *d);

#endif
