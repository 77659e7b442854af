/* The adapter contract: how an event reaches a kind of target.
 *
 * A kind is one of two sorts:
 *  - IN STORE (stream, queue, topic): `route` adds the store operations of one delivery to the transaction that accepts the event; nothing is
 *    attempted later, nothing can be half done.
 *  - ATTEMPTED (function, destination, http, email, log): flow commits a pending delivery with the event, then calls `attempt` in the target's lane;
 *    the adapter attempts ONCE and reports the outcome. It neither retries nor keeps state of deliveries.
 * (`bus` is a kind as well, but flow itself routes it: matching again is its business.)
 * A topic fans out: its route hands sub-deliveries (queue, function, http, email) back to flow through host->forward. */
#ifndef TARGETS_TARGET_H
#define TARGETS_TARGET_H

#include "arn.h"
#include "committer.h"
#include "operation.h"

/* What happened, in the words of the dead-letter queue (spec "Dead letter: codes"). */
enum outcome {
    OUTCOME_DELIVERED,
    OUTCOME_NO_RESOURCE,       /* final: no such resource */
    OUTCOME_NO_PERMISSIONS,    /* final */
    OUTCOME_INVALID_PARAMETER, /* final: the target can never take this */
    OUTCOME_INVALID_JSON,      /* final: the transformer's result is no JSON */
    OUTCOME_CONNECTION_FAILURE,
    OUTCOME_TIMEOUT,
    OUTCOME_THROTTLING,
    OUTCOME_ERROR_FROM_TARGET,
    OUTCOME_INTERNAL_ERROR,
};
const char *outcome_code(enum outcome outcome);     /* "NO_RESOURCE"; "" for DELIVERED */
bool outcome_is_final(enum outcome outcome);        /* no retry can help */

/* One event for one target. All strings are borrowed: until route returns (and for what route put into the transaction: until the transaction
 * is done), or until the attempt is finished. */
struct delivery {
    struct str arn;            /* the target's ARN, or an endpoint of a topic ("http://...", "mailto:a@b.c") */
    struct str account;        /* owner of the rule or topic that sends */
    struct str source_arn;     /* the rule's or topic's ARN */
    struct str input;          /* what the target gets: JSON text */
    struct str event;          /* the original event's JSON */
    struct str event_id;       /* UUID text */
    struct str partition_key;  /* stream; absent: the event id */
    struct str group, dedup;   /* queue: FIFO message group and deduplication id; absent: none given */
    struct str attributes;     /* queue: message attributes as JSON object, or absent (dead letters carry ERROR_CODE... here) */
    struct str subject;        /* topic, e-mail; or absent */
    struct str parameters;     /* API destination: the target's HttpParameters as JSON, its paths replaced by what the event has there; or absent */
    struct str dead_letter_arn; /* queue that takes it when it fails for good; absent: none. For what a topic forwards: its subscription's */
    int64_t now_ms;            /* when the event was accepted */
    int32_t attempt;           /* 1, 2, ... */
};

/* One attempt under way. The adapter calls done(attempt, ...) exactly once, from any thread, also synchronously. */
struct attempt {
    struct delivery delivery;
    void (*done)(struct attempt *attempt, enum outcome outcome, const char *message, int64_t retry_after_ms /* -1: the target did not say */);
    void *ctx;                 /* flow's */
};

struct target_kind {
    const char *name;          /* "queue" */
    bool in_store;
    /* Is this ARN (or endpoint) of this kind? Pure. */
    bool (*takes)(struct str arn);
    /* IN STORE only. Adds operations to txn (memory from txn->arena) or says why not (message into fault). Lock-free or a short read
     * lock; never blocks on I/O. */
    enum outcome (*route)(void *self, const struct delivery *d, struct txn *txn, struct fault *fault);
    /* ATTEMPTED only. Must not block: starts the work and returns. */
    void (*attempt)(void *self, struct attempt *attempt);
    /* ATTEMPTED only: how many attempts may run at once for this ARN; 0: the default (16). */
    int (*concurrency)(void *self, struct str arn);
};

/* API destinations: what the operator set. */
struct destination_options {
    const char *const *private_destinations; /* see destination/guard.h */
    size_t private_count;
    const char *ca_file;       /* PEM: whose certificates are trusted; NULL: the system's */
    int64_t timeout_ms;        /* of a request as a whole; 0: 5,000 */
    int64_t concurrency;       /* requests under way at one destination; 0: 64 */
    int64_t connections;       /* requests under way in all; 0: 2,048 */
    int64_t response_bytes;    /* of an answer that are read; 0: 65,536 */
};

/* What the daemon gives an adapter when it makes it. Lives longer than every adapter. */
struct target_host {
    struct committer *committer;
    struct str region;
    struct str data_dir;
    struct str smtp_url;       /* "smtp://127.0.0.1:2525", or absent: e-mail has nowhere to go */
    struct str smtp_from;
    struct str secret_key_file; /* absent: DATA_DIR/secret.key */
    struct destination_options destinations;
    /* Routes a sub-delivery of a topic within the same transaction: in-store kinds are routed at once, others become pending deliveries. */
    enum outcome (*forward)(void *flow, const struct delivery *d, struct txn *txn, struct fault *fault);
    void *flow;
    /* Next id for a new stream or queue, and other numbers that must never come twice; persistent. */
    enum err (*next_number)(void *flow, int64_t *number, struct fault *fault);
    /* Resource policies of queues and topics: compiled when they are set, evaluated per delivery. *policy is freed with policy_free (NULL is fine). */
    enum err (*policy_new)(struct str text, void **policy, struct fault *fault);
    void (*policy_free)(void *policy);
    /* Does it let the service (events.amazonaws.com, or sns.amazonaws.com for a topic) act on `resource` for source_arn of `account`? */
    bool (*policy_allows)(const void *policy, const char *action, struct str resource, struct str account, struct str source_arn);
    /* Filter policies of topics: event patterns, over the message or its attributes as a JSON text. *filter is freed with filter_free (NULL is fine). */
    enum err (*filter_new)(struct str text, void **filter, struct fault *fault);
    bool (*filter_match)(const void *filter, struct str json);
    void (*filter_free)(void *filter);
};

/* A kind made and running. */
struct target {
    const struct target_kind *kind;
    void *self;
    const struct service *service; /* its operations, or NULL */
    void (*stop)(void *self);      /* ends threads and children; attempts under way are reported */
    void (*free)(void *self);
};

/* Each folder's entry. They load their resources from the store's catalog (kind names "stream", "queue", "topic", "subscription",
 * "function", "log"). */
enum err target_stream_new(const struct target_host *host, struct target *t, struct fault *fault) MUST_USE;
enum err target_queue_new(const struct target_host *host, struct target *t, struct fault *fault) MUST_USE;
enum err target_topic_new(const struct target_host *host, struct target *t, struct fault *fault) MUST_USE;
enum err target_function_new(const struct target_host *host, struct target *t, struct fault *fault) MUST_USE;
enum err target_log_new(const struct target_host *host, struct target *t, struct fault *fault) MUST_USE;
enum err target_http_new(const struct target_host *host, struct target *t, struct fault *fault) MUST_USE;  /* http(s):// of topics */
enum err target_destination_new(const struct target_host *host, struct target *t, struct fault *fault) MUST_USE; /* API destinations */
enum err target_email_new(const struct target_host *host, struct target *t, struct fault *fault) MUST_USE; /* mailto: of topics */

#endif
