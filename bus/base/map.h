/* A hash map from byte strings to pointers (open addressing, keyed hash). Keys are copied. Not thread-safe: the owner's lock guards it. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "str.h"

struct map_slot;
struct map {
    struct map_slot *slots;
    size_t count, cap, dead;
};

void map_init(struct map *m);
/* Frees keys and table, not the values. */
void map_fini(struct map *m);
/* NULL when absent. */
void *map_get(const struct map *m, struct str key);
/* Sets or replaces; *old (may be NULL) gets what was there. `value` must not be NULL. False without memory: nothing changed. */
bool map_put(struct map *m, struct str key, void *value, void **old) __attribute__((warn_unused_result));
/* Takes it out and returns it, or NULL. */
void *map_remove(struct map *m, struct str key);
/* Iterates in no particular order: start with *at = 0; false at the end. Removing the current entry while iterating is allowed. */
bool map_next(const struct map *m, size_t *at, struct str *key, void **value);

#endif
