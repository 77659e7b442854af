/* Where failed deliveries end, and what pending ones look like in the store. */
#include <stdio.h>

#include "clock.h"
#include "doc.h"
#include "flow_state.h"
#include "json.h"
#include "log.h"

/* ---- dead letters ------------------------------------------------------------------------------------------------------------------ */
static void attribute(struct json *j, const char *name, struct str value) {
    json_key(j, str_from(name));
    json_object_begin(j);
    json_key_str(j, "DataType", STR("String"));
    json_key_str(j, "StringValue", value);
    json_object_end(j);
}

static struct str attributes_of(struct arena *a, const struct dead_letter *l) {
    struct buf out;
    struct json j;
    buf_init(&out, 0);
    json_init(&j, &out);
    json_object_begin(&j);
    attribute(&j, "RULE_ARN", l->source_arn);
    attribute(&j, "TARGET_ARN", l->target_arn);
    attribute(&j, "ERROR_CODE", str_from(l->code));
    attribute(&j, "ERROR_MESSAGE", l->message.n > 1024 ? str_of(l->message.p, 1024) : l->message);
    char retries[16];
    snprintf(retries, sizeof retries, "%d", (int)l->attempts);
    attribute(&j, "RETRY_ATTEMPTS", str_from(retries));
    if (l->exhausted) attribute(&j, "EXHAUSTED_RETRY_CONDITION", str_from(l->exhausted));
    json_object_end(&j);
    struct str text = out.failed ? STR_NULL : arena_str(a, buf_str(&out));
    buf_fini(&out);
    return text;
}

static void dropped(struct flow *f, const struct dead_letter *l, const char *reason) {
    COUNT(&f->counters, dropped);
    log_line(LOG_ERROR, "deadletter", "delivery dropped", LOG_Z("reason", reason), LOG_S("event", l->event_id),
             LOG_S("source", l->source_arn), LOG_S("target", l->target_arn), LOG_Z("code", l->code), LOG_S("error", l->message),
             LOG_I("retries", l->attempts));
}

void dead_letter_add(struct flow *f, struct txn *txn, const struct dead_letter *l) {
    if (!l->queue_arn.p) {
        dropped(f, l, "the target has no dead-letter queue");
        return;
    }
    struct fault fault;
    fault_clear(&fault);
    struct delivery d = {.arn = arena_str(txn->arena, l->queue_arn),
                         .account = l->account,
                         .source_arn = l->source_arn,
                         .input = arena_str(txn->arena, l->event),
                         .event_id = arena_str(txn->arena, l->event_id),
                         .attributes = attributes_of(txn->arena, l),
                         .group = STR("dead-letter"),
                         .now_ms = clock_now_ms(),
                         .attempt = 1};
    d.event = d.input;
    char id[ID_TEXT_SIZE];
    id_text(id_random(), id); /* an event may die at several targets: each death is a message of its own */
    d.dedup = arena_str(txn->arena, str_of(id, ID_TEXT_SIZE - 1));
    enum outcome outcome = OUTCOME_INTERNAL_ERROR;
    if (d.arn.p && d.input.p && d.event_id.p && d.attributes.p && d.dedup.p && f->queue->kind->takes(d.arn))
        outcome = f->queue->kind->route(f->queue->self, &d, txn, &fault);
    if (outcome == OUTCOME_DELIVERED) {
        COUNT(&f->counters, dead_lettered);
        log_line(LOG_INFO, "deadletter", "delivery dead-lettered", LOG_S("event", l->event_id), LOG_S("source", l->source_arn),
                 LOG_S("target", l->target_arn), LOG_Z("code", l->code), LOG_S("queue", l->queue_arn));
    } else {
        dropped(f, l, fault.message[0] ? fault.message : "the dead-letter queue cannot take it");
    }
}

/* ---- pending deliveries -------------------------------------------------------------------------------------------------------------- */
static struct str pending_write(struct arena *a, const struct pending *p) {
    struct buf out;
    struct json j;
    buf_init(&out, 0);
    json_init(&j, &out);
    json_object_begin(&j);
    json_key_str(&j, "arn", p->arn);
    json_key_str(&j, "account", p->account);
    json_key_str(&j, "source", p->source_arn);
    json_key_str(&j, "event", p->event_id);
    if (p->partition_key.p) json_key_str(&j, "key", p->partition_key);
    if (p->subject.p) json_key_str(&j, "subject", p->subject);
    if (p->dead_letter_arn.p) json_key_str(&j, "dlq", p->dead_letter_arn);
    if (p->parameters.p) {
        json_key(&j, STR("http"));
        json_raw(&j, p->parameters);
    }
    json_key_i64(&j, "attempts", p->max_attempts);
    json_key_i64(&j, "age", p->max_age_ms);
    json_object_end(&j);
    struct str text = out.failed ? STR_NULL : arena_str(a, buf_str(&out));
    buf_fini(&out);
    return text;
}

bool pending_add(struct flow *f, struct txn *txn, struct str lane, const struct pending *p, struct str event, struct str input,
                 int64_t accepted_ms) {
    struct store_op *op = txn_add(txn, OP_DELIVERY_ADD);
    if (!op) return false;
    op->u.delivery = (struct store_delivery){.lane = arena_str(txn->arena, lane),
                                             .accepted_ms = accepted_ms,
                                             .due_ms = accepted_ms,
                                             .state = pending_write(txn->arena, p),
                                             .event = event,
                                             .input = input};
    op->committed = lanes_committed;
    op->ctx = f;
    COUNT(&f->counters, pending);
    return op->u.delivery.lane.p && op->u.delivery.state.p;
}

static struct str text_member(const struct node *root, const char *key) {
    const struct node *n = doc_get(root, str_from(key));
    return n && n->kind == NODE_STRING ? n->text : STR_NULL;
}

static struct str object_member(const struct node *root, const char *key) {
    const struct node *n = doc_get(root, str_from(key));
    return n && n->kind == NODE_OBJECT ? n->raw : STR_NULL;
}

static int64_t number_member(const struct node *root, const char *key) {
    const struct node *n = doc_get(root, str_from(key));
    int64_t v = 0;
    return n && n->kind == NODE_NUMBER && str_to_i64(n->text, &v) ? v : 0;
}

enum err pending_read(struct str state, struct arena *a, struct pending *p, struct fault *fault) {
    struct node *root;
    enum err err = doc_parse(a, state, &root, fault);
    if (err) return err;
    *p = (struct pending){.arn = text_member(root, "arn"),
                          .account = text_member(root, "account"),
                          .source_arn = text_member(root, "source"),
                          .event_id = text_member(root, "event"),
                          .partition_key = text_member(root, "key"),
                          .subject = text_member(root, "subject"),
                          .dead_letter_arn = text_member(root, "dlq"),
                          .parameters = object_member(root, "http"),
                          .max_attempts = (int32_t)number_member(root, "attempts"),
                          .max_age_ms = number_member(root, "age")};
    if (!p->arn.p || !p->account.p || !p->source_arn.p || !p->event_id.p)
        return fault_set(fault, ERR_CORRUPT, "a stored delivery has no target or no source");
    return ERR_OK;
}
