/* The flow's inside, shared by accept.c, route.c, deadletter.c, lanes.c, schedules.c and flow.c. */
#ifndef FLOW_FLOW_STATE_H
#define FLOW_FLOW_STATE_H

#include "dedup.h"
#include "event.h"
#include "flow.h"
#include "hop.h"
#include "lanes.h"
#include "workshop.h"

enum { KINDS_MAX = 12, SERVICES_MAX = 24 };

struct flow {
    struct settings const *settings;
    struct committer *committer;
    struct store *store;
    struct str region;
    struct world *world;
    struct counters counters;
    struct dedup *dedup;
    struct seen *seen;
    struct target_host host;
    struct target kinds[KINDS_MAX];
    size_t kind_count;
    const struct target *queue;      /* of kinds: where dead letters go */
    const struct service *services[SERVICES_MAX];
    size_t service_count;
    struct lanes *lanes;
    struct scheduler *scheduler;
    struct replays *replays;
    struct workshop *workshop;       /* for matching */
};

/* One batch or one scheduled event on its way through the buses. */
struct routing {
    struct flow *flow;
    struct snapshot *snapshot;
    struct arena *arena;
    struct txn *txn;                 /* operations of the event at hand */
    const struct event *event;
    struct hop_path path;            /* buses the event is in, the first one first */
    size_t deliveries;               /* so far, of the whole batch */
    int samples;                     /* how many events of the batch are still to be shown to flow->seen */
    struct fault *fault;
};
/* Matches the event on a bus and routes it to every target of every rule that takes it. An error refuses the event as a whole. */
enum err route_on_bus(struct routing *r, const struct bus_view *bus) MUST_USE;
/* To the targets of one rule, matched or scheduled. */
enum err route_rule(struct routing *r, const struct rule_view *rule) MUST_USE;

/* ---- archive_route.c ---- */
/* What an archive's rule does with an event: one row in the same transaction. */
enum err archive_route(struct routing *r, const struct rule_view *rule) MUST_USE;
/* The way back: the event as it is replayed (with replay-name, accepted now_ms) and the buses it was on before. Everything lives in a or
 * in `from`. ERR_CORRUPT when what is stored is no event. */
enum err archive_restore(const struct store_archived *from, struct str replay, int64_t now_ms, struct arena *a, struct event *event,
                         struct hop_path *before, struct fault *fault) MUST_USE;

/* NULL when no kind takes the ARN or endpoint. */
const struct target *kind_of(const struct flow *f, struct str arn);
/* What host->forward of the adapters is: see target.h. */
enum outcome route_forward(void *flow, const struct delivery *d, struct txn *txn, struct fault *fault);

/* A delivery that is over without success: why, and where it goes. */
struct dead_letter {
    struct str account;              /* owner of the rule or topic */
    struct str source_arn, target_arn, queue_arn /* absent: none */;
    struct str event, event_id;
    const char *code;                /* "NO_RESOURCE" */
    struct str message;
    int32_t attempts;                /* retries made: 0 after a single attempt */
    const char *exhausted;           /* "MaximumRetryAttempts", "MaximumEventAgeInSeconds"; NULL: no limit ended it */
};
/* Adds the dead letter to txn (strings are copied into its arena), or counts and logs the drop. */
void dead_letter_add(struct flow *f, struct txn *txn, const struct dead_letter *letter);

/* What a pending delivery needs to be attempted later, kept as JSON in the store. */
struct pending {
    struct str arn, account, source_arn, event_id, partition_key, subject, dead_letter_arn;
    struct str parameters; /* JSON: see parameters_fill; absent: none */
    int32_t max_attempts;
    int64_t max_age_ms;
};
/* Adds OP_DELIVERY_ADD. False without memory. */
bool pending_add(struct flow *f, struct txn *txn, struct str lane, const struct pending *p, struct str event, struct str input, int64_t accepted_ms)
    __attribute__((warn_unused_result));
/* Reads delivery->state; strings live in a. */
enum err pending_read(struct str state, struct arena *a, struct pending *p, struct fault *fault) MUST_USE;

enum err scheduler_start(struct flow *f, struct scheduler **s, struct fault *fault) MUST_USE;
void scheduler_stop(struct scheduler *s);

#endif
