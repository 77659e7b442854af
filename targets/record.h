/* The catalog record of a resource: written durably before the registry in memory changes, read back at start.
 *
 * Key "ACCOUNT/NAME", value a JSON object. The registries of function/ and log/ are its users. */
#ifndef TARGETS_RECORD_H
#define TARGETS_RECORD_H

#include <jansson.h>

#include "committer.h"

/* Writes (or replaces) the record and waits until it is durable. Strings are borrowed for the call. Errors are the committer's.
 * Blocks; any thread but the committer's. */
enum err record_put(struct committer *c, struct str kind, struct str key, struct str value, struct fault *fault) MUST_USE;
/* Removes the record and waits until that is durable; a record that is not there is fine. Otherwise as record_put. */
enum err record_delete(struct committer *c, struct str kind, struct str key, struct fault *fault) MUST_USE;

/* Calls each(ctx, key, record) for every record of the kind; the JSON object is the scan's, valid during the call. ERR_CORRUPT names a
 * record whose value is no JSON object; what `each` returns ends the scan. Blocks on the store's reading verb. */
enum err record_each(struct store *s, struct str kind,
                     enum err (*each)(void *ctx, struct str key, const json_t *record, struct fault *fault), void *ctx,
                     struct fault *fault) MUST_USE;
/* A string member, copied into the arena; absent when the record has none (or a memory failure: a->max_bytes is the caller's bound). */
struct str record_str(const json_t *record, const char *name, struct arena *a);
/* A whole-number member, or `fallback`. */
int64_t record_i64(const json_t *record, const char *name, int64_t fallback);

/* "ACCOUNT/NAME" into the arena; p == NULL without memory. */
struct str record_key(struct arena *a, struct str account, struct str name);

#endif
