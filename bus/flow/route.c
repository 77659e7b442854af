/* From a matched rule to its targets: rows in the transaction, pending deliveries, or another bus. */
#include <stdlib.h>

#include "clock.h"
#include "document.h"
#include "evaluate.h"
#include "flow_state.h"
#include "log.h"
#include "parameters.h"
#include "path.h"
#include "matcher.h"
#include "transform.h"

const struct target *kind_of(const struct flow *f, struct str arn) {
    for (size_t i = 0; i < f->kind_count; i++)
        if (f->kinds[i].kind->takes(arn)) return &f->kinds[i];
    return NULL;
}

static void route_failed(struct routing *r, const struct rule_view *rule, const struct target_view *t, const char *code,
                         const char *message) {
    struct dead_letter letter = {.account = rule->account,
                                 .source_arn = rule->arn,
                                 .target_arn = t->arn,
                                 .queue_arn = t->dead_letter_arn,
                                 .event = r->event->json,
                                 .event_id = r->event->id,
                                 .code = code,
                                 .message = str_from(message)};
    dead_letter_add(r->flow, r->txn, &letter);
}

/* ---- in store, or pending -------------------------------------------------------------------------------------------------------- */
/* A path's result as text: strings without their quotes, other scalars as JSON. Absent when the path finds none. */
static struct str text_at(const struct path *path, const struct routing *r) {
    const struct node *n = path ? path_first(path, r->event->root) : NULL;
    if (!n || n->kind == NODE_NULL || n->kind == NODE_OBJECT || n->kind == NODE_ARRAY) return STR_NULL;
    return n->kind == NODE_STRING || n->kind == NODE_NUMBER ? n->text : n->raw;
}

/* What goes into the transaction must outlive the snapshot, which is let go before the commit: a constant group is copied. */
static struct delivery delivery_of(const struct routing *r, const struct rule_view *rule, const struct target_view *t, struct str input) {
    struct str group = t->group_path ? text_at(t->group_path, r) : arena_str(r->arena, t->group);
    return (struct delivery){.arn = t->arn,
                             .account = rule->account,
                             .source_arn = rule->arn,
                             .input = input,
                             .event = r->event->json,
                             .event_id = r->event->id,
                             .partition_key = text_at(t->partition_key_path, r),
                             .group = group,
                             .dedup = r->event->dedup,
                             .now_ms = r->event->accepted_ms,
                             .attempt = 1,
                             .dead_letter_arn = t->dead_letter_arn};
}

static enum err route_to_kind(struct routing *r, const struct rule_view *rule, const struct target_view *t, const struct target *kind,
                              struct str input) {
    struct delivery d = delivery_of(r, rule, t, input);
    if (kind->kind->in_store) {
        enum outcome outcome = kind->kind->route(kind->self, &d, r->txn, r->fault);
        if (outcome == OUTCOME_DELIVERED)
            COUNT(&r->flow->counters, routed);
        else if (outcome == OUTCOME_INTERNAL_ERROR)
            return r->fault->code ? r->fault->code : ERR_NOMEM;
        else
            route_failed(r, rule, t, outcome_code(outcome), r->fault->message);
        return ERR_OK;
    }
    struct pending p = {.arn = t->arn,
                        .account = rule->account,
                        .source_arn = rule->arn,
                        .event_id = r->event->id,
                        .partition_key = d.partition_key,
                        .dead_letter_arn = t->dead_letter_arn,
                        .max_attempts = t->max_attempts,
                        .max_age_ms = t->max_age_ms};
    if (t->parameters && !(p.parameters = parameters_fill(t->parameters, r->event->root, r->arena)).p)
        return fault_set(r->fault, ERR_NOMEM, NULL);
    bool whole = input.p == r->event->json.p;
    if (pending_add(r->flow, r->txn, t->lane, &p, r->event->json, whole ? STR_NULL : input, r->event->accepted_ms)) return ERR_OK;
    return fault_set(r->fault, ERR_NOMEM, NULL);
}

/* ---- another bus ------------------------------------------------------------------------------------------------------------------- */
/* May the rule's account send this event to the bus? */
static bool crossing_allowed(const struct routing *r, const struct rule_view *rule, const struct bus_view *to) {
    static const struct str yes[] = {{"true", 4}};
    char iso[CLOCK_ISO_SIZE];
    clock_iso(r->event->accepted_ms, iso);
    const struct str now = str_from(iso);
    const struct policy_key keys[] = {{STR("aws:CurrentTime"), &now, 1},
                                      {STR("aws:SourceArn"), &rule->arn, 1},
                                      {STR("aws:SourceAccount"), &rule->account, 1},
                                      {STR("aws:PrincipalAccount"), &rule->account, 1},
                                      {STR("events:source"), &r->event->source, 1},
                                      {STR("events:detail-type"), &r->event->detail_type, 1},
                                      {STR("events:eventBusInvocation"), yes, 1}};
    struct policy_request request = {.principal_account = rule->account,
                                     .service = STR("events.amazonaws.com"),
                                     .action = STR("events:PutEvents"),
                                     .resource = to->head->arn,
                                     .keys = keys,
                                     .key_count = sizeof keys / sizeof keys[0]};
    struct policy_reason why;
    return policy_authorize(NULL, to->head->policy, &request, to->head->account, &why);
}

static void crossing_refused(struct routing *r, const struct rule_view *rule, const struct target_view *t, enum hop_verdict verdict) {
    struct buf message;
    buf_init(&message, 0);
    hop_message(&message, verdict, &r->path, r->event->id);
    buf_addc(&message, 0);
    if (verdict == HOP_LOOP)
        COUNT(&r->flow->counters, hop_looped);
    else
        COUNT(&r->flow->counters, hop_limited);
    log_line(LOG_WARN, "route", "hop refused", LOG_Z("code", hop_code(verdict)), LOG_S("event", r->event->id), LOG_S("rule", rule->arn),
             LOG_S("target", t->arn));
    route_failed(r, rule, t, hop_code(verdict), message.failed ? "" : message.p);
    buf_fini(&message);
}

static enum err route_to_bus(struct routing *r, const struct rule_view *rule, const struct target_view *t, const struct arn *arn) {
    const struct bus_view *to = snapshot_bus(r->snapshot, arn->account, arn_name(arn, "event-bus"));
    if (to && !str_eq(to->head->arn, t->arn)) to = NULL; /* another region's: and the path of buses is compared by ARN */
    enum hop_verdict verdict = hop_check(&r->path, t->arn, (int)r->flow->settings->hop_limit);
    if (verdict != HOP_OK) {
        crossing_refused(r, rule, t, verdict);
        return ERR_OK;
    }
    if (!to) {
        route_failed(r, rule, t, outcome_code(OUTCOME_NO_RESOURCE), "The event bus does not exist.");
        return ERR_OK;
    }
    if (!crossing_allowed(r, rule, to)) {
        log_line(LOG_WARN, "route", "the bus's policy does not allow the rule's account", LOG_S("event", r->event->id),
                 LOG_S("rule", rule->arn), LOG_S("target", t->arn));
        route_failed(r, rule, t, outcome_code(OUTCOME_NO_PERMISSIONS),
                     "The policy of the event bus does not allow this account to put events.");
        return ERR_OK;
    }
    struct hop_path before = r->path;
    if (hop_enter(&r->path, to->head->arn)) return fault_set(r->fault, ERR_INTERNAL, NULL);
    COUNT(&r->flow->counters, crossings);
    enum err err = route_on_bus(r, to);
    r->path = before;
    return err;
}

/* ---- rules --------------------------------------------------------------------------------------------------------------------------- */
static enum err input_of(struct routing *r, const struct rule_view *rule, const struct target_view *t, struct str *input) {
    *input = r->event->json;
    if (!t->transform) return ERR_OK;
    struct transform_event event = {.json = r->event->json,
                                    .root = r->event->root,
                                    .rule_arn = rule->arn,
                                    .rule_name = rule->name,
                                    .ingestion_ms = r->event->accepted_ms};
    return transform_apply(t->transform, &event, r->arena, input, r->fault);
}

static enum err route_target(struct routing *r, const struct rule_view *rule, const struct target_view *t) {
    struct arn arn;
    struct str input;
    if (++r->deliveries > (size_t)r->flow->settings->fan_out)
        return fault_set(r->fault, ERR_VALIDATION, "The events cause more than %lld deliveries (setting fan-out): send fewer at once.",
                         (long long)r->flow->settings->fan_out);
    if (rule->archive) return archive_route(r, rule);
    if (arn_parse(t->arn, &arn) && str_eqz(arn.service, "events") && arn_name(&arn, "event-bus").p) return route_to_bus(r, rule, t, &arn);
    enum err err = input_of(r, rule, t, &input);
    if (err == ERR_NOMEM) return err;
    if (err) {
        route_failed(r, rule, t, outcome_code(OUTCOME_INVALID_JSON), r->fault->message);
        return ERR_OK;
    }
    const struct target *kind = kind_of(r->flow, t->arn);
    if (kind) return route_to_kind(r, rule, t, kind, input);
    route_failed(r, rule, t, outcome_code(OUTCOME_NO_RESOURCE), "There is no adapter for this kind of target.");
    return ERR_OK;
}

enum err route_rule(struct routing *r, const struct rule_view *rule) {
    COUNT(&r->flow->counters, triggered);
    for (size_t i = 0; i < rule->target_count; i++) {
        enum err err = route_target(r, rule, rule->targets[i]);
        if (err) return err;
    }
    return ERR_OK;
}

static int by_name(const void *a, const void *b) {
    return str_cmp((*(const struct rule_view *const *)a)->name, (*(const struct rule_view *const *)b)->name);
}

/* The rules that take the event, in order of name, in the batch's arena: on the way to another bus the same memory matches again. */
static enum err match_on_bus(struct routing *r, const struct bus_view *bus, const struct rule_view ***rules, size_t *count) {
    struct matcher_found found = {0};
    struct matcher_work *work = workshop_take(r->flow->workshop);
    enum err err = work ? matcher_match(bus->matcher, work, r->event->json, &found) : ERR_NOMEM;
    *count = found.count;
    *rules = NULL;
    if (!err && found.count && !(*rules = arena_array(r->arena, found.count, sizeof **rules))) err = ERR_NOMEM;
    if (*rules) {
        memcpy(*rules, found.owners, found.count * sizeof **rules);
        qsort(*rules, found.count, sizeof **rules, by_name);
    }
    if (work) workshop_give(r->flow->workshop, work);
    if (!err) return ERR_OK;
    return fault_set(r->fault, err, "The event takes too much work to match against the rules of event bus %.*s.", STR_ARG(bus->head->name));
}

enum err route_on_bus(struct routing *r, const struct bus_view *bus) {
    const struct rule_view **rules;
    size_t count;
    if (r->samples > 0) {
        r->samples--;
        seen_take(r->flow->seen, bus->head->arn, r->event->root);
    }
    enum err err = match_on_bus(r, bus, &rules, &count);
    for (size_t i = 0; i < count && !err; i++) err = route_rule(r, rules[i]);
    if (count && !err) COUNT(&r->flow->counters, matched);
    return err;
}

enum outcome route_forward(void *ctx, const struct delivery *d, struct txn *txn, struct fault *fault) {
    struct flow *f = ctx;
    const struct target *kind = kind_of(f, d->arn);
    if (!kind) {
        fault_set(fault, ERR_NOT_FOUND, "there is no adapter for '%.*s'", STR_ARG(d->arn));
        return OUTCOME_NO_RESOURCE;
    }
    if (kind->kind->in_store) {
        enum outcome outcome = kind->kind->route(kind->self, d, txn, fault);
        if (outcome == OUTCOME_DELIVERED) COUNT(&f->counters, routed);
        return outcome;
    }
    struct str lane = arena_printf(txn->arena, "%.*s %.*s", STR_ARG(d->source_arn), STR_ARG(d->arn));
    struct pending p = {.arn = d->arn,
                        .account = d->account,
                        .source_arn = d->source_arn,
                        .event_id = d->event_id,
                        .partition_key = d->partition_key,
                        .subject = d->subject,
                        .dead_letter_arn = d->dead_letter_arn,
                        .max_attempts = 185,
                        .max_age_ms = 86400000};
    if (lane.p && pending_add(f, txn, lane, &p, d->event, d->input, d->now_ms)) return OUTCOME_DELIVERED;
    fault_set(fault, ERR_NOMEM, NULL);
    return OUTCOME_INTERNAL_ERROR;
}
