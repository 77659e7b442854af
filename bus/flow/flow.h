/* The flow: accept -> authorize -> match -> commit -> deliver -> settle.
 *
 *   flow_accept (gateway's thread)                                             committer's thread          lanes' thread
 *   claim ids -> authorize -> build event -> match -> route into ONE transaction -> durable -> answer
 *                                                |-> stream, queue, topic: rows       '-> pending deliveries -> attempt -> settle or
 *                                                '-> another bus: hop, policy, match again                      retry or dead letter
 *
 * Nothing here blocks a gateway's thread: matching is pure, the transaction is queued, the answer comes by callback. */
#ifndef FLOW_FLOW_H
#define FLOW_FLOW_H

#include "counters.h"
#include "entry.h"
#include "replay.h"
#include "seen.h"
#include "target.h"
#include "world.h"

struct flow;

struct flow_options {
    struct committer *committer;
    const struct settings *settings; /* outlives the flow */
    struct str region;
    struct str data_dir;
    struct str smtp_url, smtp_from;
    struct str secret_key_file; /* absent: DATA_DIR/secret.key */
    struct destination_options destinations; /* its numbers come from the settings */
};
/* Loads the world, the deduplication window and the pending deliveries, makes the adapters and starts the lanes and the scheduler. */
enum err flow_open(const struct flow_options *options, struct flow **f, struct fault *fault) MUST_USE;
/* Answers the calls that wait for messages: before the gateways drain, which would wait for them. */
void flow_end_waits(struct flow *f);
/* No new deliveries are attempted, those under way get up to timeout_ms; what is left stays in the store for the next start. */
void flow_drain(struct flow *f, int64_t timeout_ms);
void flow_close(struct flow *f);

struct world *flow_world(struct flow *f);
struct replays *flow_replays(struct flow *f);
enum err flow_archive_stats(struct flow *f, int64_t archive, struct store_archive_stats *stats, struct fault *fault) MUST_USE;
const struct counters *flow_counters(struct flow *f);
const struct settings *flow_settings(struct flow *f);
struct str flow_region(struct flow *f);
/* The services of the target kinds (kinesis, sqs, sns, lambda, logs): *count of them. */
const struct service *const *flow_services(struct flow *f, size_t *count);
int64_t flow_pending(struct flow *f); /* deliveries waiting */
size_t flow_remembered_ids(struct flow *f);
/* What the buses have seen lately, for lint. */
struct seen *flow_seen(struct flow *f);
enum err flow_store_stats(struct flow *f, struct store_stats *stats, struct fault *fault) MUST_USE;

/* One batch of events. The caller fills the upper part and owns all memory until `done`. */
struct accept {
    struct caller *caller;
    struct arena *arena;          /* everything the batch needs on its way is taken from it */
    const struct entry *entries;
    size_t count;
    void (*done)(struct accept *x);
    void *ctx;
    struct entry_result *results; /* one for each entry, in the arena */
    enum err err;                 /* of the batch as a whole: ERR_THROTTLING, ERR_NOMEM, the store's error...; then no entry was accepted */
    struct fault fault;
};
/* Takes the batch in; x->done is called once, when all accepted events are durable (from the committer's thread, or from this call when
 * nothing could be queued). Entries are judged one by one (x->results); entries with the id of an accepted event are answered as accepted, with
 * `duplicate` set. Never blocks. Any thread. */
void flow_accept(struct flow *f, struct accept *x);

/* May `caller` do this? Same account: its identity policy decides. Another account's bus or rule: the bus's policy must allow it too. `keys` are
 * condition keys beside aws:PrincipalAccount and aws:PrincipalArn, which are set here. ERR_ACCESS_DENIED says who, what, and which document. */
struct condition_value { const char *key; const struct str *values; size_t count; };
enum err flow_authorize(struct flow *f, const struct caller *caller, const char *action, struct str resource, const struct condition_value *keys,
                        size_t key_count, struct fault *fault) MUST_USE;

#endif
