/* The kind "topic": a message for every subscription that wants it, in the transaction that accepts the event; and the life of the service.
 */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "json.h"
#include "log.h"
#include "topic.h"

/* ---- what subscribers get ---------------------------------------------------------------------------------------------------------------
 */
static void write_timestamp(struct json *j, int64_t now_ms) {
    char iso[CLOCK_ISO_SIZE], text[32];
    clock_iso(now_ms, iso);
    snprintf(text, sizeof text, "%.19s.%03dZ", iso, (int)(now_ms % 1000));
    json_key_str(j, "Timestamp", str_from(text));
}

/* SNS's envelope. It carries no signature: whoever gets it got it from here. */
static void write_envelope(struct json *j, const struct topic *t, const struct subscription *s, const struct notification *n,
                           bool for_function) {
    json_object_begin(j);
    json_key_str(j, "Type", STR("Notification"));
    json_key_str(j, "MessageId", n->id);
    json_key_str(j, "TopicArn", t->arn);
    if (n->subject.p) json_key_str(j, "Subject", n->subject);
    json_key_str(j, "Message", n->message);
    write_timestamp(j, n->now_ms);
    json_key(j, for_function ? STR("UnsubscribeUrl") : STR("UnsubscribeURL"));
    struct buf url;
    buf_init(&url, 0);
    buf_addf(&url, "http://127.0.0.1:4566/?Action=Unsubscribe&SubscriptionArn=%.*s", STR_ARG(s->arn));
    json_str(j, buf_str(&url));
    buf_fini(&url);
    if (n->attributes.p) {
        json_key(j, STR("MessageAttributes"));
        json_raw(j, n->attributes);
    }
    json_object_end(j);
}

static void write_function_event(struct json *j, const struct topic *t, const struct subscription *s, const struct notification *n) {
    json_object_begin(j);
    json_key(j, STR("Records"));
    json_array_begin(j);
    json_object_begin(j);
    json_key_str(j, "EventSource", STR("aws:sns"));
    json_key_str(j, "EventVersion", STR("1.0"));
    json_key_str(j, "EventSubscriptionArn", s->arn);
    json_key(j, STR("Sns"));
    write_envelope(j, t, s, n, true);
    json_object_end(j);
    json_array_end(j);
    json_object_end(j);
}

static struct str body_for(const struct topic *t, const struct subscription *s, const struct notification *n, struct arena *a) {
    bool email = str_eqz(s->protocol, "email"), function = str_eqz(s->protocol, "lambda");
    if (email || (s->raw && !function)) return n->message;
    struct buf out;
    struct json j;
    buf_init(&out, 0);
    json_init(&j, &out);
    if (function)
        write_function_event(&j, t, s, n);
    else
        write_envelope(&j, t, s, n, false);
    struct str text = out.failed ? STR_NULL : arena_str(a, buf_str(&out));
    buf_fini(&out);
    return text;
}

static bool wants(const struct subscription *s, const struct notification *n) {
    if (!s->filter) return true;
    return s->host->filter_match(s->filter, s->filter_body ? n->message : n->filter_attributes.p ? n->filter_attributes : STR("{}"));
}

/* ---- fan-out
 * ------------------------------------------------------------------------------------------------------------------------------- */
static struct str failure_attributes(struct arena *a, const struct subscription *s, enum outcome outcome, const char *message) {
    const struct {
        const char *name;
        struct str value;
    } rows[] = {{"ERROR_CODE", str_from(outcome_code(outcome))}, {"ERROR_MESSAGE", str_from(message)}, {"SUBSCRIPTION_ARN", s->arn}};
    struct buf out;
    struct json j;
    buf_init(&out, 0);
    json_init(&j, &out);
    json_object_begin(&j);
    for (size_t i = 0; i < 3; i++) {
        json_key(&j, str_from(rows[i].name));
        json_object_begin(&j);
        json_key_str(&j, "DataType", STR("String"));
        json_key_str(&j, "StringValue", rows[i].value.n ? rows[i].value : STR("-"));
        json_object_end(&j);
    }
    json_object_end(&j);
    struct str text = out.failed ? STR_NULL : arena_str(a, buf_str(&out));
    buf_fini(&out);
    return text;
}

/* A subscription that can never get it: its dead-letter queue does, or the log says so. The other subscriptions are not touched. */
static enum outcome failed(const struct topic_service *service, const struct subscription *s, struct delivery *d, enum outcome outcome,
                           struct txn *txn, struct fault *fault) {
    struct arena *a = txn->arena;
    log_line(LOG_WARN, "topic", "a subscription cannot be served", LOG_S("subscription", s->arn), LOG_Z("code", outcome_code(outcome)),
             LOG_Z("error", fault->message));
    if (!s->dead_letter_arn.p) return OUTCOME_DELIVERED;
    d->attributes = failure_attributes(a, s, outcome, fault->message);
    d->arn = s->dead_letter_arn;
    d->dead_letter_arn = STR_NULL;
    if (!d->attributes.p) return OUTCOME_INTERNAL_ERROR;
    outcome = service->host->forward(service->host->flow, d, txn, fault);
    if (outcome != OUTCOME_DELIVERED && outcome != OUTCOME_INTERNAL_ERROR) {
        log_line(LOG_ERROR, "topic", "its dead-letter queue cannot be served either", LOG_S("subscription", s->arn),
                 LOG_Z("error", fault->message));
        return OUTCOME_DELIVERED;
    }
    return outcome;
}

static enum outcome send_to(const struct topic_service *service, const struct topic *t, const struct subscription *s,
                            const struct notification *n, struct txn *txn, struct fault *fault) {
    struct delivery d = {.arn = arena_str(txn->arena, s->target),
                         .account = arena_str(txn->arena, t->r.account),
                         .source_arn = arena_str(txn->arena, t->arn),
                         .input = body_for(t, s, n, txn->arena),
                         .event = n->event,
                         .event_id = n->event_id,
                         .group = n->group,
                         .dedup = n->dedup,
                         .subject = n->subject,
                         .now_ms = n->now_ms,
                         .attempt = 1,
                         .dead_letter_arn = arena_str(txn->arena, s->dead_letter_arn)};
    if (s->raw) d.attributes = n->queue_attributes;
    if (!d.arn.p || !d.account.p || !d.source_arn.p || !d.input.p) {
        fault_set(fault, ERR_NOMEM, NULL);
        return OUTCOME_INTERNAL_ERROR;
    }
    enum outcome outcome = service->host->forward(service->host->flow, &d, txn, fault);
    return outcome == OUTCOME_DELIVERED || outcome == OUTCOME_INTERNAL_ERROR ? outcome : failed(service, s, &d, outcome, txn, fault);
}

enum outcome topic_fan_out(struct topic_service *service, const struct topic *t, const struct notification *n, struct txn *txn,
                           struct fault *fault) {
    for (size_t i = 0; i < t->count; i++) {
        const struct subscription *s = t->subscriptions[i];
        if (!wants(s, n)) continue;
        enum outcome outcome = send_to(service, t, s, n, txn, fault);
        if (outcome != OUTCOME_DELIVERED) return outcome;
    }
    return OUTCOME_DELIVERED;
}

/* ---- routing
 * --------------------------------------------------------------------------------------------------------------------------------- */
static bool takes(struct str text) {
    struct str account, name;
    return topic_arn_parse(text, &account, &name, NULL);
}

static enum outcome refuse(struct fault *fault, enum outcome outcome, const char *why) {
    fault_set(fault, ERR_VALIDATION, "%s", why);
    return outcome;
}

static enum outcome route(void *self, const struct delivery *d, struct txn *txn, struct fault *fault) {
    struct topic_service *service = self;
    struct str account, name;
    struct resource *r = topic_arn_parse(d->arn, &account, &name, NULL) ? resources_get(&service->topics, account, name) : NULL;
    const struct topic *t = (const struct topic *)(const void *)r;
    if (!r || !str_eq(t->arn, d->arn)) { /* another region or partition is another topic, as in the service */
        resource_unref(r);
        return refuse(fault, OUTCOME_NO_RESOURCE, "The topic does not exist.");
    }
    bool mine = str_eq(account, d->account);
    enum outcome outcome;
    if (!mine &&
        !(t->compiled_policy && service->host->policy_allows(t->compiled_policy, "sns:Publish", t->arn, d->account, d->source_arn))) {
        outcome = refuse(fault, OUTCOME_NO_PERMISSIONS, "The topic belongs to another account and its policy does not allow it.");
    } else {
        char id[ID_TEXT_SIZE];
        id_text(id_random(), id);
        struct notification n = {.message = d->input,
                                 .subject = d->subject,
                                 .id = arena_str(txn->arena, str_from(id)),
                                 .group = d->group,
                                 .dedup = d->dedup,
                                 .event = d->event,
                                 .event_id = d->event_id,
                                 .now_ms = d->now_ms};
        outcome = n.id.p ? topic_fan_out(service, t, &n, txn, fault) : OUTCOME_INTERNAL_ERROR;
    }
    resource_unref(r);
    return outcome;
}

/* ---- life
 * ------------------------------------------------------------------------------------------------------------------------------------- */
static void stop(void *self) { (void)self; /* no threads */ }

static void free_service(void *self) {
    struct topic_service *service = self;
    resources_fini(&service->topics);
    free(service);
}

static const struct target_kind kind = {.name = "topic", .in_store = true, .takes = takes, .route = route};

enum err target_topic_new(const struct target_host *host, struct target *t, struct fault *fault) {
    struct topic_service *service = calloc(1, sizeof *service);
    if (!service) return fault_set(fault, ERR_NOMEM, NULL);
    service->host = host;
    service->service = (struct service){"sns", topic_operations, topic_handlers, service};
    resources_init(&service->topics);
    enum err err = topic_load_all(service, fault);
    if (err) {
        free_service(service);
        return err;
    }
    *t = (struct target){&kind, service, &service->service, stop, free_service};
    return ERR_OK;
}
