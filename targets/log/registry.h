/* The log groups there are: in memory behind a read-write lock, in the store's catalog as records of kind "log". Changes are written
 * durably first, then shown; they are serialized. */
#ifndef LOG_REGISTRY_H
#define LOG_REGISTRY_H

#include "group.h"
#include "target.h"

struct log_registry;
/* Reads the records. The host must outlive the registry. ERR_CORRUPT names a bad record. */
enum err log_registry_open(const struct target_host *host, struct log_registry **r, struct fault *fault) MUST_USE;
/* NULL is fine. */
void log_registry_close(struct log_registry *r);
/* A reference, or NULL. Any thread; a short read lock. */
struct group *log_registry_get(struct log_registry *r, struct str account, struct str name);
/* A change begins with lock and ends with unlock, in the same thread. */
void log_registry_lock(struct log_registry *r);
void log_registry_unlock(struct log_registry *r);
/* While locked: the group (a reference, or NULL) that writes to that file. */
struct group *log_registry_by_file(struct log_registry *r, struct str file);
/* While locked: writes g and shows it; takes over the caller's reference, also on error. */
enum err log_registry_put(struct log_registry *r, struct group *g, struct fault *fault) MUST_USE;
/* While locked. */
enum err log_registry_remove(struct log_registry *r, struct str key, struct fault *fault) MUST_USE;
/* The account's groups whose names begin with `prefix` (absent: all) and come after `after` (absent: from the first), in order of name, at
 * most `limit`: references in an array of the arena. *more: there are others. ERR_NOMEM. */
enum err log_registry_list(struct log_registry *r, struct str account, struct str prefix, struct str after, size_t limit, struct arena *a,
                           struct group ***groups, size_t *count, bool *more, struct fault *fault) MUST_USE;

#endif
