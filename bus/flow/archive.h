/* Archives: what is kept of a bus's events, to be replayed.
 *
 * An archive stands on a bus as a managed rule, Events-Archive-NAME: its pattern, with replay-name excluded, decides what is kept, and an
 * event that it takes is one row in the transaction that accepts the event (archive_route.c). So matching knows nothing of archives, and
 * an archive's answer to "how many" is exact at once. Part of the world: changes are made under its lock, archive and rule in one
 * transaction. What is deleted or too old leaves the store piece by piece (replay_keep.c).
 *
 * All functions may be called from any thread but the committer's; those that change something block for a commit. */
#ifndef FLOW_ARCHIVE_H
#define FLOW_ARCHIVE_H

#include "world.h"

#define ARCHIVE_RULE_PREFIX "Events-Archive-"
#define ARCHIVE_MANAGER "prod.vhs.events.aws.internal"
enum { ARCHIVE_PIECE = 1000 }; /* events that leave the store in one transaction at most */

struct archive_info {
    struct str account, bus, name, arn, bus_arn, description, pattern, kms_key; /* absent: none given */
    int64_t retention_days;                                                     /* 0: for ever */
    int64_t created_ms;
    int64_t number; /* in the store */
};
struct archive_spec {
    struct bus_ref bus;
    struct str name, description, pattern, kms_key; /* absent: none; a pattern that is empty too */
    int64_t retention_days;
};
/* Keeps what comes from now on. ERR_NOT_FOUND (the bus), ERR_EXISTS, ERR_LIMIT, ERR_PATTERN; ERR_VALIDATION for a pattern with replay-name.
 * *info lives in a. */
enum err archive_create(struct world *w, const struct archive_spec *spec, struct arena *a, struct archive_info *info,
                        struct fault *fault) MUST_USE;
struct archive_change {
    struct str description, pattern, kms_key; /* absent: as it was; empty: none, so an empty pattern is everything */
    bool sets_days;
    int64_t retention_days;
};
/* "Archive N does not exist." What was kept stays until it is too old. */
enum err archive_update(struct world *w, struct str account, struct str name, const struct archive_change *change, struct arena *a,
                        struct archive_info *info, struct fault *fault) MUST_USE;
/* With all it holds. Replays from it fail. */
enum err archive_delete(struct world *w, struct str account, struct str name, struct fault *fault) MUST_USE;
enum err archive_describe(struct world *w, struct str account, struct str name, struct arena *a, struct archive_info *info,
                          struct fault *fault) MUST_USE;
/* Archives of an account in order of name: those whose names begin with prefix and that stand on bus_arn (absent: any), behind `after`
 * (absent: from the start). */
enum err archive_list(struct world *w, struct str account, struct str prefix, struct str bus_arn, struct str after, size_t limit,
                      struct arena *a, struct archive_info **archives, size_t *count, bool *more, struct fault *fault) MUST_USE;
/* Of all accounts: those that do not keep for ever. */
enum err archive_list_limited(struct world *w, struct arena *a, struct archive_info **archives, size_t *count,
                              struct fault *fault) MUST_USE;
/* Does this archive still stand on its bus? Lock-free. */
bool archive_stands(const struct bus_view *bus, struct str name, int64_t number);

#endif
