/* Lanes: how pending deliveries reach their targets.
 *
 * One lane per target (a rule's target, a topic's subscription). A lane holds at most `lane-memory` deliveries in memory; more wait in the store and
 * are read in order of their due time. At most the kind's concurrency of attempts are under way in a lane, so that a slow or dead target
 * harms only itself. One thread owns all lanes: it starts attempts, takes in their outcomes, and commits in groups what came of them (settled, to
 * be tried again, dead-lettered). */
#ifndef FLOW_LANES_H
#define FLOW_LANES_H

#include "err.h"
#include "store.h"

struct flow;
struct lanes;

/* Reads the backlog's lanes from the store and starts the thread. */
enum err lanes_start(struct flow *f, struct lanes **l, struct fault *fault) MUST_USE;
/* No more attempts begin; waits up to timeout_ms for those under way to end and be settled. */
void lanes_drain(struct lanes *l, int64_t timeout_ms);
/* Ends the thread. Call after the adapters were stopped (their attempts have reported). NULL is fine. */
void lanes_stop(struct lanes *l);
/* The `committed` hook of OP_DELIVERY_ADD (ctx: the flow): copies the delivery into its lane or marks the lane as having more in the store. */
void lanes_committed(void *flow, struct store_op *op);
/* Deliveries in the store that are not settled. Any thread. */
int64_t lanes_pending(struct lanes *l);

#endif
