/* The functions there are: in memory behind a read-write lock, in the store's catalog as records of kind "function".
 *
 * A change is written durably first, then shown. Changes are serialized; reading never waits for one to be written. */
#ifndef FUNCTION_REGISTRY_H
#define FUNCTION_REGISTRY_H

#include "function.h"
#include "target.h"

struct function_registry;
/* Reads the records. The host must outlive the registry. ERR_CORRUPT names a bad record. */
enum err function_registry_open(const struct target_host *host, struct function_registry **r, struct fault *fault) MUST_USE;
/* NULL is fine. */
void function_registry_close(struct function_registry *r);

/* A reference, or NULL. Any thread; a short read lock. */
struct function *function_registry_get(struct function_registry *r, struct str account, struct str name);
/* Begins a change; ends with put, remove or unlock, in the same thread. */
void function_registry_lock(struct function_registry *r);
void function_registry_unlock(struct function_registry *r);
/* While locked: writes f and shows it; takes over the caller's reference, also on error. *old (a reference, or NULL) was there before. */
enum err function_registry_put(struct function_registry *r, struct function *f, struct function **old, struct fault *fault) MUST_USE;
/* While locked: removes it; the caller keeps its reference. */
enum err function_registry_remove(struct function_registry *r, struct function *f, struct fault *fault) MUST_USE;
/* The account's functions whose names come after `after`, in order of name, at most `limit`: references in an array of the arena.
 * *more: there are others. ERR_NOMEM. */
enum err function_registry_list(struct function_registry *r, struct str account, struct str after, size_t limit, struct arena *a,
                                struct function ***functions, size_t *count, bool *more, struct fault *fault) MUST_USE;

#endif
