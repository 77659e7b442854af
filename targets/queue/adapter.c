/* The kind "queue": one message per event, in the transaction that accepts it; and the life of the service. */
#include <stdlib.h>

#include "log.h"
#include "queue.h"

static bool takes(struct str text) {
    struct str account, name;
    return queue_arn_parse(text, &account, &name);
}

static enum outcome refuse(struct fault *fault, enum outcome outcome, const char *why) {
    fault_set(fault, ERR_VALIDATION, "%s", why);
    return outcome;
}

static bool may_send(const struct queue_service *s, const struct queue *q, const struct delivery *d) {
    if (str_eq(q->r.account, d->account)) return true;
    return q->compiled_policy && s->host->policy_allows(q->compiled_policy, "sqs:SendMessage", d->arn, d->account, d->source_arn);
}

static enum outcome send(struct queue_service *s, const struct queue *q, const struct delivery *d, struct txn *txn, struct fault *fault) {
    struct queue_outgoing m = {
        .body = d->input, .group = d->group, .dedup = d->dedup, .attributes = d->attributes, .now_ms = d->now_ms, .delay_s = -1};
    struct store_op *op;
    m.id = id_random();
    if (q->fifo && !m.dedup.n && !q->content_dedup) m.dedup = d->event_id;
    enum err err = queue_add_send(s, q, &m, txn, &op, fault);
    return !err ? OUTCOME_DELIVERED : err == ERR_NOMEM ? OUTCOME_INTERNAL_ERROR : OUTCOME_INVALID_PARAMETER;
}

static enum outcome route(void *self, const struct delivery *d, struct txn *txn, struct fault *fault) {
    struct queue_service *s = self;
    struct arn arn;
    struct resource *r = NULL;
    if (arn_parse(d->arn, &arn) && str_eqz(arn.partition, "aws") && str_eq(arn.region, s->host->region)) r = resources_get(&s->queues, arn.account, arn.resource);
    if (!r) return refuse(fault, OUTCOME_NO_RESOURCE, "The queue does not exist.");
    struct queue *q = (struct queue *)(void *)r;
    enum outcome outcome =
        may_send(s, q, d) ? send(s, q, d, txn, fault)
                          : refuse(fault, OUTCOME_NO_PERMISSIONS, "The queue belongs to another account and its policy does not allow it.");
    resource_unref(r);
    return outcome;
}

static void stop(void *self) { poller_stop(((struct queue_service *)self)->poller); }

/* What the committer still has queued may call the poller: an empty transaction comes after all of it. */
static void await_sends(struct queue_service *s) {
    struct arena a;
    struct txn txn;
    struct fault fault;
    arena_init(&a, 0);
    txn_init(&txn, &a);
    enum err err = committer_run(s->host->committer, &txn, &fault);
    if (err) log_line(LOG_WARN, "queue", "sends under way could not be awaited", LOG_Z("error", fault.message));
    arena_fini(&a);
}

static void free_service(void *self) {
    struct queue_service *s = self;
    if (s->poller) await_sends(s);
    poller_stop(s->poller);
    poller_free(s->poller);
    resources_fini(&s->queues);
    free(s);
}

static const struct target_kind kind = {.name = "queue", .in_store = true, .takes = takes, .route = route};

enum err target_queue_new(const struct target_host *host, struct target *t, struct fault *fault) {
    struct queue_service *s = calloc(1, sizeof *s);
    if (!s) return fault_set(fault, ERR_NOMEM, NULL);
    s->host = host;
    s->service = (struct service){"sqs", queue_operations, queue_handlers, s};
    resources_init(&s->queues);
    enum err err = queue_load_all(s, fault);
    if (!err) err = poller_start(s, &s->poller, fault);
    if (err) {
        free_service(s);
        return err;
    }
    *t = (struct target){&kind, s, &s->service, stop, free_service};
    return ERR_OK;
}
