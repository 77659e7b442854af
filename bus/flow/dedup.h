/* The deduplication window: which event ids were accepted in the last minutes.
 *
 * An id is claimed before its event is committed and settled after: another put of the same id is a duplicate once the first is durable,
 * and is asked to come again while the first is still on its way. Bounded: when the window is full, the oldest ids leave before
 * their time, which is counted. Thread-safe. Persistence is the caller's (OP_IDS_REMEMBER, dedup_load). */
#ifndef FLOW_DEDUP_H
#define FLOW_DEDUP_H

#include "err.h"
#include "hash.h"

struct dedup;
enum dedup_verdict { DEDUP_NEW, DEDUP_UNDER_WAY, DEDUP_DUPLICATE, DEDUP_FULL };

/* NULL without memory. */
struct dedup *dedup_new(size_t max_ids, int64_t window_ms);
void dedup_free(struct dedup *d);
/* DEDUP_NEW: the id is the caller's until dedup_settle. DEDUP_FULL: nothing can leave, or no memory. *evicted counts ids that left early. */
enum dedup_verdict dedup_claim(struct dedup *d, struct id id, int64_t now_ms, uint64_t *evicted);
/* accepted: remembered from now on. Not accepted: forgotten, it may come again. */
void dedup_settle(struct dedup *d, const struct id *ids, size_t count, bool accepted);
/* At start: ids an earlier process remembered. False without memory. */
bool dedup_load(struct dedup *d, const struct id *ids, size_t count, int64_t at_ms) __attribute__((warn_unused_result));
size_t dedup_count(struct dedup *d);

#endif
