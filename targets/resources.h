/* The resources of a kind that is a service: by account and name, counted, behind a read-write lock.
 *
 * Entries are immutable once shown but for what they lock themselves; a change makes a new entry and shows it in place of the old one. Changes are
 * serialized by resources_lock, held over the commit; readers only ever wait for a pointer to be swapped. */
#ifndef TARGETS_RESOURCES_H
#define TARGETS_RESOURCES_H

#include <pthread.h>
#include <stdatomic.h>

#include "arena.h"
#include "err.h"
#include "map.h"

/* First member of every entry. */
struct resource {
    _Atomic int refs;
    struct arena arena;      /* holds its strings */
    struct str key;          /* "ACCOUNT/NAME" */
    struct str account, name;
    void (*free)(struct resource *r); /* what is not in the arena, and the entry */
};
/* Fills a zeroed entry with one reference. False without memory. */
bool resource_init(struct resource *r, struct str account, struct str name, void (*free)(struct resource *r)) __attribute__((warn_unused_result));
void resource_ref(struct resource *r);
void resource_unref(struct resource *r); /* NULL is fine */

struct resources {
    pthread_rwlock_t lock;
    pthread_mutex_t change;
    struct map by_key;
};
void resources_init(struct resources *r);
void resources_fini(struct resources *r);
/* A reference, or NULL. Any thread. */
struct resource *resources_get(struct resources *r, struct str account, struct str name);
void resources_lock(struct resources *r);
void resources_unlock(struct resources *r);
/* Shows the entry in place of one with its key; takes over the caller's reference, also when it fails (no memory). */
bool resources_show(struct resources *r, struct resource *entry) __attribute__((warn_unused_result));
void resources_hide(struct resources *r, struct str key);
/* References to an account's entries (absent account: all) whose names begin with prefix and come after `after` (absent: from the first), in order of
 * key, at most limit, in an array of a. ERR_NOMEM. */
enum err resources_list(struct resources *r, struct str account, struct str prefix, struct str after, size_t limit, struct arena *a,
                        struct resource ***entries, size_t *count, bool *more, struct fault *fault) MUST_USE;

#endif
