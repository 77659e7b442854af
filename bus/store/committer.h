/* Group commit: many producers' transactions, one durable commit, then all their acknowledgements.
 *
 * One thread owns the store's writing verb. It takes whatever is queued (up to a bound), commits it as one, then calls each
 * transaction's `done` in the order of submission. With nothing queued a transaction commits at once; while a commit is under way the next
 * group gathers, so the window adapts by itself. A transaction without operations is completed in its turn without a write. */
#ifndef STORE_COMMITTER_H
#define STORE_COMMITTER_H

#include "store.h"

struct committer;
struct committer_options {
    size_t max_queued;       /* transactions waiting; 0: 65,536 */
    size_t max_queued_bytes; /* 0: 256 MiB */
    size_t max_group;        /* transactions in one commit; 0: 4,096 */
    size_t max_group_bytes;  /* 0: 16 MiB */
};
/* Starts the thread. The store must outlive the committer. */
enum err committer_start(struct store *s, const struct committer_options *options, struct committer **c, struct fault *fault) MUST_USE;
/* Refuses what comes from now on, commits what is queued, ends the thread and frees the committer: no call on it may follow. Not from the
 * committer's thread. NULL is fine. */
void committer_stop(struct committer *c);

/* Queues the transaction; never blocks. Later, on the committer's thread: the operations' `committed` hooks (after success only), then
 * t->done(t, err, fault) exactly once; both must only enqueue. The transaction, its arena and everything it points to belong to the
 * committer until then. ERR_THROTTLING when a bound is reached, ERR_SHUTTING_DOWN once stop began, ERR_TOO_LARGE for what no queue would
 * take, ERR_VALIDATION (txn_check): then done is not called.
 * When the store refuses a group (a full disk), every transaction of it gets the error and nothing of it was stored. Any thread. */
enum err committer_submit(struct committer *c, struct txn *t, struct fault *fault) MUST_USE;
/* Queues and waits until it is durable. Not from the committer's thread. t->done and t->ctx are used by this function. */
enum err committer_run(struct committer *c, struct txn *t, struct fault *fault) MUST_USE;

struct committer_stats { uint64_t commits, transactions, operations, failures; size_t queued, queued_bytes; };
void committer_stats(struct committer *c, struct committer_stats *stats);
struct store *committer_store(struct committer *c);

#endif
