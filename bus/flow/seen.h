/* What each bus has seen lately: a small sketch of recent kinds of events (source and detail-type) and of the fields of their details with
 * their types, for lint. In memory only, and bounded: SEEN_KINDS_MAX kinds for a bus, of each SEEN_FIELDS_MAX fields; the kind that was
 * seen least lately goes first, and past SEEN_BYTES_MAX over all buses the whole sketch of the bus that was sampled least lately.
 *
 * It is fed by samples, off the way of events: one of SEEN_EVERY batches, and the first after SEEN_IDLE_MS without one, so that a quiet bus
 * is seen whole. A sample costs a walk over at most SEEN_NODES_MAX values, and nothing when another thread is at it: 1.4 us for an ordinary
 * event on a bus with 512 kinds, so less than 0.1 us for a batch; asking whether it is time takes 6 ns (seen_test measures both). */
#ifndef FLOW_SEEN_H
#define FLOW_SEEN_H

#include "lint.h"

enum {
    SEEN_EVERY = 64,
    SEEN_IDLE_MS = 50,
    SEEN_FIRST = 1024,   /* batches since the start that are all sampled */
    SEEN_EVENTS_MAX = 4, /* events of a sampled batch */
    SEEN_NODES_MAX = 256,
    SEEN_KINDS_MAX = 512,
    SEEN_FIELDS_MAX = 64,
    SEEN_NAME_MAX = 256, /* bytes of a source, detail-type or path; longer ones are not kept */
    SEEN_BYTES_MAX = 32 << 20
};

struct seen;
/* NULL without memory. */
struct seen *seen_new(void);
void seen_free(struct seen *s);

/* Is it time for a sample? Any thread; two atomic operations. */
bool seen_due(struct seen *s, int64_t now_ms);
/* Takes in one event of a bus (its ARN). Does nothing while another thread samples, or without memory: a sketch may miss events. Any
 * thread; never blocks. */
void seen_take(struct seen *s, struct str bus_arn, const struct node *event);
/* Forgets a bus that was deleted. */
void seen_forget(struct seen *s, struct str bus_arn);
/* A copy of what a bus has seen, in `a`; empty when it has seen nothing. Of kinds of events that do not matter for linting `pattern` the fields
 * are left out; NULL: all are copied. False without memory. May wait for a sample that is being taken. */
bool seen_copy(struct seen *s, struct str bus_arn, const struct pattern *pattern, struct arena *a, struct lint_seen *out)
    __attribute__((warn_unused_result));

struct seen_stats {
    size_t buses, bytes;
    uint64_t samples;
};
void seen_stats(struct seen *s, struct seen_stats *out);

#endif
