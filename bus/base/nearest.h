/* Did you mean: the distance between what somebody wrote and a name that there is. Pure; any thread. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include "str.h"

/* Levenshtein distance, upper and lower case alike, both cut at 64 bytes. */
size_t nearest_distance(struct str a, struct str b);
/* Whether a distance is small enough for a name of that length to be offered. */
bool nearest_is_close(struct str written, size_t distance);

#endif
