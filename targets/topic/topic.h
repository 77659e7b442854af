/* Topics and their subscriptions: what the service and the adapter share.
 *
 * A topic's entry holds its subscriptions, in order of ARN: routing reads one immutable entry. Every change of a subscription makes a new one. */
#ifndef TOPIC_TOPIC_H
#define TOPIC_TOPIC_H

#include <jansson.h>

#include "model.h"
#include "resources.h"
#include "target.h"

enum { SUBSCRIPTIONS_MAX = 10000 };

struct subscription {
    _Atomic int refs;
    struct arena arena;
    const struct target_host *host;
    struct str arn, protocol, endpoint; /* endpoint as it was given */
    struct str target;                  /* as a delivery's ARN: "mailto:..." for e-mail */
    struct str filter_text, redrive_text;
    void *filter;                       /* NULL: everything */
    bool filter_body;                   /* FilterPolicyScope MessageBody */
    bool raw;
    struct str dead_letter_arn;         /* absent: none */
};

struct topic {
    struct resource r;
    struct str arn, display_name, policy;
    const struct target_host *host;
    void *compiled_policy;              /* NULL: none */
    struct subscription **subscriptions;
    size_t count;
};

struct topic_service {
    const struct target_host *host;
    struct resources topics;
    struct service service;
};

extern const struct handler_row topic_handlers[];

/* ---- topic.c ---- */
struct str topic_arn_text(const struct target_host *host, struct arena *a, struct str account, struct str name);
/* "arn:aws:sns:R:ACCOUNT:NAME" or, for a subscription, ":NAME:ID"; id may be NULL for topics only. */
bool topic_arn_parse(struct str text, struct str *account, struct str *name, struct str *id);
/* A copy with room for `more` subscriptions, those of `from` referenced; NULL from: an empty one. NULL without memory. */
struct topic *topic_new(const struct target_host *host, struct str account, struct str name, const struct topic *from, size_t more);
/* DisplayName, Policy; an absent or empty value takes it away. */
enum err topic_set(struct topic *t, struct str name, struct str value, struct fault *fault) MUST_USE;
struct subscription *subscription_new(const struct target_host *host, struct str arn, struct str protocol, struct str endpoint);
/* A copy to be changed. */
struct subscription *subscription_copy(const struct subscription *s);
void subscription_unref(struct subscription *s);
/* FilterPolicy, FilterPolicyScope, RawMessageDelivery, RedrivePolicy; an absent or empty value takes it away. Errors with SNS's sentences. */
enum err subscription_set(struct subscription *s, struct str name, struct str value, struct fault *fault) MUST_USE;
/* Sets target from protocol and endpoint; ERR_INVALID_PARAMETER when they do not fit. */
enum err subscription_check(struct subscription *s, struct fault *fault) MUST_USE;
void topic_record(struct buf *out, const struct topic *t);
void subscription_record(struct buf *out, const struct subscription *s);
enum err topic_load_all(struct topic_service *s, struct fault *fault) MUST_USE;

/* ---- adapter.c ---- */
struct notification {
    struct str message, subject, id, group, dedup;
    struct str attributes;        /* JSON object {"name": {"Type","Value"}} as in the envelope; absent: none */
    struct str filter_attributes; /* JSON object {"name": value or [values]} for filters */
    struct str queue_attributes;  /* JSON object as queues take them, for raw delivery */
    struct str event, event_id;
    int64_t now_ms;
};
/* Hands the message to every subscription that wants it. OUTCOME_INTERNAL_ERROR without memory, else DELIVERED. */
enum outcome topic_fan_out(struct topic_service *s, const struct topic *t, const struct notification *n, struct txn *txn, struct fault *fault);

#endif
