/* A log group: a rotated file of JSON lines below DATA/logs/. Immutable once made, counted by reference. Any thread. */
#ifndef LOG_GROUP_H
#define LOG_GROUP_H

#include <stdatomic.h>

#include "arena.h"

struct group {
    atomic_int references;
    struct arena arena; /* everything below lives here */
    struct str key;     /* "ACCOUNT/NAME" */
    struct str account, name;
    struct str file; /* below DATA/logs/, with a NUL behind it */
    int64_t max_bytes, keep, created_ms;
};
/* A new one with one reference; NULL without memory. */
struct group *group_new(void);
struct group *group_ref(struct group *g);
/* NULL is fine. */
void group_unref(struct group *g);

#endif
