/* The events service: EventBridge's operations on buses, rules, targets and events, on top of the world and the flow. */
#include "engine.h"
#include "event.h"
#include "events.h"
#include "json.h"
#include "pattern.h"
#include "rule_warnings.h"

enum { LIST_LIMIT = 100 };

static struct world *world_of(void *self) { return flow_world(api_flow(self)); }
static enum err no_memory(struct call *call) { return fault_set(&call->fault, ERR_NOMEM, NULL); }

/* ---- who may ----------------------------------------------------------------------------------------------------------------------- */
static enum err allowed(struct call *call, struct str resource, const struct condition_value *keys, size_t count) {
    if (!resource.p) return no_memory(call);
    if (!count) return call->authorize(call, call->operation->action, resource);
    return api_authorize(call, call->operation->action, resource, keys, count);
}

/* Resolves the bus an operation names and asks whether the caller may do it to the bus itself. */
static enum err on_bus(void *self, struct call *call, struct str name_or_arn, struct bus_ref *bus) {
    enum err err = bus_ref_parse(world_of(self), call->account, name_or_arn, bus, &call->fault);
    return err ? err : allowed(call, world_bus_arn(world_of(self), call->arena, *bus), NULL, 0);
}

/* The same for a rule of a bus; absent rule: any of its rules. */
static enum err on_rule(void *self, struct call *call, struct str bus_name, struct str rule, struct bus_ref *bus) {
    enum err err = bus_ref_parse(world_of(self), call->account, bus_name, bus, &call->fault);
    return err ? err : allowed(call, world_rule_arn(world_of(self), call->arena, *bus, rule.p ? rule : STR("*")), NULL, 0);
}

/* ---- pages -------------------------------------------------------------------------------------------------------------------------- */
/* A token is the name after which the next page begins: it stays right whatever is added or removed meanwhile. */
static enum err page_begin(struct call *call, struct str token, struct str *after) {
    *after = STR_NULL;
    if (!token.p) return ERR_OK;
    struct buf text;
    buf_init(&text, 0);
    bool ok = hash_from_base64(&text, token) && text.n > 2 && memcmp(text.p, "1:", 2) == 0;
    if (ok) *after = arena_str(call->arena, str_skip(buf_str(&text), 2));
    buf_fini(&text);
    return ok && after->p ? ERR_OK : fault_at(&call->fault, ERR_VALIDATION, "nextToken", 0, 0, "Parameter NextToken is not valid.");
}

static struct str page_end(struct call *call, bool more, struct str last) {
    if (!more) return STR_NULL;
    struct buf text;
    buf_init(&text, 0);
    hash_base64(&text, arena_printf(call->arena, "1:%.*s", STR_ARG(last)));
    struct str token = text.failed ? STR_NULL : arena_str(call->arena, buf_str(&text));
    buf_fini(&text);
    return token;
}

static size_t limit_of(struct opt_i64 limit) { return limit.set ? (size_t)limit.v : LIST_LIMIT; }

/* ---- buses ----------------------------------------------------------------------------------------------------------------------------
 */
static enum err tag_with(void *self, struct call *call, struct str arn, struct list list) {
    if (!list.n) return ERR_OK;
    struct tag *tags = arena_array(call->arena, list.n, sizeof *tags);
    if (!tags) return no_memory(call);
    for (size_t i = 0; i < list.n; i++) {
        const struct events_tag *t = LIST_AT(list, struct events_tag, i);
        tags[i] = (struct tag){t->key, t->value};
    }
    return world_tag(world_of(self), arn, tags, list.n, &call->fault);
}

static enum err create_event_bus(void *self, struct call *call) {
    const struct events_create_event_bus *in = call->in;
    struct events_create_event_bus_answer *out = call->out;
    struct bus_ref bus = {call->account, in->name};
    if (str_find(in->name, '/', 0) < in->name.n)
        return fault_at(&call->fault, ERR_VALIDATION, "name", 0, 0,
                        "The name of a custom event bus can't contain the slash (/) character.");
    out->arn = world_bus_arn(world_of(self), call->arena, bus);
    enum err err = allowed(call, out->arn, NULL, 0);
    if (!err)
        err = world_create_bus(world_of(self), bus, in->description, in->dead_letter ? in->dead_letter->arn : STR_NULL, in->kms_key,
                               &call->fault);
    if (!err) err = tag_with(self, call, out->arn, in->tags);
    out->description = in->description;
    out->kms_key = in->kms_key;
    out->dead_letter = in->dead_letter;
    out->log = in->log;
    return err;
}

static enum err update_event_bus(void *self, struct call *call) {
    const struct events_update_event_bus *in = call->in;
    struct events_update_event_bus_answer *out = call->out;
    struct bus_ref bus;
    struct bus_info info;
    enum err err = on_bus(self, call, in->name, &bus);
    if (!err)
        err = world_update_bus(world_of(self), bus, in->description, in->dead_letter ? in->dead_letter->arn : STR_NULL, in->kms_key,
                               &call->fault);
    if (!err) err = world_describe_bus(world_of(self), bus, call->arena, &info, &call->fault);
    if (err) return err;
    *out = (struct events_update_event_bus_answer){.arn = info.arn,
                                                   .name = info.name,
                                                   .description = info.description,
                                                   .kms_key = info.kms_key,
                                                   .dead_letter = in->dead_letter,
                                                   .log = in->log};
    return ERR_OK;
}

static enum err delete_event_bus(void *self, struct call *call) {
    const struct events_delete_event_bus *in = call->in;
    struct bus_ref bus;
    enum err err = on_bus(self, call, in->name, &bus);
    if (!err) err = world_delete_bus(world_of(self), bus, &call->fault);
    if (!err) seen_forget(flow_seen(api_flow(self)), world_bus_arn(world_of(self), call->arena, bus));
    return err;
}

static enum err describe_event_bus(void *self, struct call *call) {
    const struct events_describe_event_bus *in = call->in;
    struct events_describe_event_bus_answer *out = call->out;
    struct bus_ref bus;
    struct bus_info info;
    enum err err = on_bus(self, call, in->name, &bus);
    if (!err) err = world_describe_bus(world_of(self), bus, call->arena, &info, &call->fault);
    if (err) return err;
    *out = (struct events_describe_event_bus_answer){.name = info.name,
                                                     .arn = info.arn,
                                                     .description = info.description,
                                                     .kms_key = info.kms_key,
                                                     .policy = info.policy,
                                                     .created_ms = {true, info.created_ms},
                                                     .modified_ms = {true, info.modified_ms}};
    if (info.dead_letter_arn.p && (out->dead_letter = ARENA_NEW(call->arena, struct events_dead_letter)))
        out->dead_letter->arn = info.dead_letter_arn;
    return ERR_OK;
}

static enum err list_event_buses(void *self, struct call *call) {
    const struct events_list_event_buses *in = call->in;
    struct events_list_event_buses_answer *out = call->out;
    struct bus_info *buses;
    size_t count;
    bool more;
    struct str after;
    enum err err = page_begin(call, in->next_token, &after);
    if (!err) err = allowed(call, world_bus_arn(world_of(self), call->arena, (struct bus_ref){call->account, STR("*")}), NULL, 0);
    if (!err)
        err = world_list_buses(world_of(self), call->account, in->name_prefix.p ? in->name_prefix : STR(""), after, limit_of(in->limit),
                               call->arena, &buses, &count, &more, &call->fault);
    if (err) return err;
    struct events_bus *items = arena_array(call->arena, count, sizeof *items);
    if (!items) return no_memory(call);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct events_bus){
            buses[i].name, buses[i].arn, buses[i].description, buses[i].policy, {true, buses[i].created_ms}, {true, buses[i].modified_ms}};
    out->buses = (struct list){true, count, items};
    out->next_token = page_end(call, more, count ? items[count - 1].name : STR(""));
    return ERR_OK;
}

static enum err put_permission(void *self, struct call *call) {
    const struct events_put_permission *in = call->in;
    struct bus_ref bus;
    enum err err = on_bus(self, call, in->bus, &bus);
    if (err) return err;
    if (in->policy.p) {
        if (in->action.p || in->principal.p || in->statement_id.p || in->condition)
            return fault_set(&call->fault, ERR_VALIDATION,
                             "Policy replaces the whole document: Action, Principal, StatementId and Condition cannot stand beside it.");
        return world_set_policy(world_of(self), bus, in->policy, &call->fault);
    }
    if (!in->action.p || !in->principal.p || !in->statement_id.p)
        return fault_set(&call->fault, ERR_VALIDATION, "Parameter(s) Policy, or Action, Principal and StatementId must be specified.");
    const struct events_condition *c = in->condition;
    return world_add_permission(world_of(self), bus, in->statement_id, in->principal, in->action, c ? c->type : STR_NULL,
                                c ? c->key : STR_NULL, c ? c->value : STR_NULL, &call->fault);
}

static enum err remove_permission(void *self, struct call *call) {
    const struct events_remove_permission *in = call->in;
    struct bus_ref bus;
    enum err err = on_bus(self, call, in->bus, &bus);
    if (err) return err;
    if (in->all.set && in->all.v) return world_set_policy(world_of(self), bus, STR_NULL, &call->fault);
    if (!in->statement_id.p)
        return fault_set(&call->fault, ERR_VALIDATION, "Parameter(s) StatementId or RemoveAllPermissions must be specified.");
    return world_remove_permission(world_of(self), bus, in->statement_id, &call->fault);
}

/* ---- rules
 * ------------------------------------------------------------------------------------------------------------------------------- */
/* PutRule's condition keys: the values that the pattern admits for source and detail-type, and who makes the rule. */
static enum err may_put_rule(struct call *call, struct str arn, struct str pattern_text) {
    struct condition_value keys[3] = {{"events:creatorAccount", &call->account, 1}};
    size_t count = 1;
    struct pattern *pattern = NULL;
    if (pattern_text.n) {
        enum err err = pattern_parse(pattern_text, &pattern, &call->fault);
        if (err) return err;
        static const struct {
            const char *key;
            struct str path;
        } fields[] = {{"events:source", {"source", 6}}, {"events:detail-type", {"detail-type", 11}}};
        for (size_t i = 0; i < 2; i++) {
            struct str *values;
            size_t n;
            if (pattern_values(pattern, fields[i].path, call->arena, &values, &n))
                keys[count++] = (struct condition_value){fields[i].key, values, n};
        }
    }
    enum err err = allowed(call, arn, keys, count);
    pattern_free(pattern);
    return err;
}

static enum err put_rule(void *self, struct call *call) {
    const struct events_put_rule *in = call->in;
    struct events_put_rule_answer *out = call->out;
    struct bus_ref bus;
    enum err err = bus_ref_parse(world_of(self), call->account, in->bus, &bus, &call->fault);
    if (!err) err = may_put_rule(call, world_rule_arn(world_of(self), call->arena, bus, in->name), in->pattern);
    if (err) return err;
    struct rule_spec spec = {.bus = bus,
                             .name = in->name,
                             .pattern = in->pattern,
                             .schedule = in->schedule,
                             .description = in->description,
                             .role_arn = in->role_arn,
                             .state = in->state,
                             .created_by = call->account};
    err = world_put_rule(world_of(self), &spec, call->arena, &out->arn, &call->fault);
    if (!err) err = tag_with(self, call, out->arn, in->tags);
    if (!err) rule_warnings(call, bus, in->name, in->pattern, &out->warnings);
    return err;
}

static enum err delete_rule(void *self, struct call *call) {
    const struct events_delete_rule *in = call->in;
    struct bus_ref bus;
    enum err err = on_rule(self, call, in->bus, in->name, &bus);
    return err ? err : world_delete_rule(world_of(self), bus, in->name, &call->fault);
}

static enum err describe_rule(void *self, struct call *call) {
    const struct events_rule_name *in = call->in;
    struct bus_ref bus;
    struct rule_info i;
    enum err err = on_rule(self, call, in->bus, in->name, &bus);
    if (!err) err = world_describe_rule(world_of(self), bus, in->name, call->arena, &i, &call->fault);
    if (err) return err;
    *(struct events_describe_rule_answer *)call->out = (struct events_describe_rule_answer){.name = i.name,
                                                                                            .arn = i.arn,
                                                                                            .bus = i.bus,
                                                                                            .pattern = i.pattern,
                                                                                            .schedule = i.schedule,
                                                                                            .state = i.state,
                                                                                            .description = i.description,
                                                                                            .role_arn = i.role_arn,
                                                                                            .managed_by = i.managed_by,
                                                                                            .created_by = i.created_by};
    return ERR_OK;
}

static enum err list_rules(void *self, struct call *call) {
    const struct events_list_rules *in = call->in;
    struct events_list_rules_answer *out = call->out;
    struct bus_ref bus;
    struct rule_info *rules;
    size_t count;
    bool more;
    struct str after;
    enum err err = page_begin(call, in->next_token, &after);
    if (!err) err = on_rule(self, call, in->bus, STR_NULL, &bus);
    if (!err)
        err = world_list_rules(world_of(self), bus, in->name_prefix.p ? in->name_prefix : STR(""), after, limit_of(in->limit), call->arena,
                               &rules, &count, &more, &call->fault);
    if (err) return err;
    struct events_rule *items = arena_array(call->arena, count, sizeof *items);
    if (!items) return no_memory(call);
    for (size_t k = 0; k < count; k++) {
        const struct rule_info *i = &rules[k];
        items[k] =
            (struct events_rule){i->name, i->arn, i->bus, i->pattern, i->schedule, i->state, i->description, i->role_arn, i->managed_by};
    }
    out->rules = (struct list){true, count, items};
    out->next_token = page_end(call, more, count ? items[count - 1].name : STR(""));
    return ERR_OK;
}

static enum err set_state(void *self, struct call *call, bool enabled) {
    const struct events_rule_name *in = call->in;
    struct bus_ref bus;
    enum err err = on_rule(self, call, in->bus, in->name, &bus);
    return err ? err : world_set_rule_state(world_of(self), bus, in->name, enabled, &call->fault);
}
static enum err enable_rule(void *self, struct call *call) { return set_state(self, call, true); }
static enum err disable_rule(void *self, struct call *call) { return set_state(self, call, false); }

static enum err list_rule_names_by_target(void *self, struct call *call) {
    const struct events_list_rule_names_by_target *in = call->in;
    struct events_list_rule_names_by_target_answer *out = call->out;
    struct bus_ref bus;
    struct str *names, after;
    size_t count;
    bool more;
    enum err err = page_begin(call, in->next_token, &after);
    if (!err) err = on_rule(self, call, in->bus, STR_NULL, &bus);
    if (!err)
        err = world_rules_of_target(world_of(self), bus, in->target_arn, after, limit_of(in->limit), call->arena, &names, &count, &more,
                                    &call->fault);
    if (err) return err;
    out->rule_names = (struct list){true, count, names};
    out->next_token = page_end(call, more, count ? names[count - 1] : STR(""));
    return ERR_OK;
}

/* ---- targets
 * --------------------------------------------------------------------------------------------------------------------------------- */
static enum err failures_answer(struct call *call, const struct target_failure *failures, size_t count) {
    struct events_targets_answer *out = call->out;
    struct events_failed_target *items = arena_array(call->arena, count, sizeof *items);
    if (!items) return no_memory(call);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct events_failed_target){failures[i].id, str_from(err_row(failures[i].err)->aws_type), failures[i].message};
    out->failed_count = (struct opt_i64){true, (int64_t)count};
    out->failed = (struct list){true, count, items};
    return ERR_OK;
}

static const struct shape *target_shape(const struct shape *of) { return shape_member(of, STR("Targets"))->shape->item; }

static enum err put_targets(void *self, struct call *call) {
    const struct events_put_targets *in = call->in;
    struct bus_ref bus;
    struct str *arns = arena_array(call->arena, in->targets.n, sizeof *arns),
               *texts = arena_array(call->arena, in->targets.n, sizeof *texts);
    if (!arns || !texts) return no_memory(call);
    struct buf json;
    buf_init(&json, 0);
    for (size_t i = 0; i < in->targets.n; i++) {
        const struct events_target *t = LIST_AT(in->targets, struct events_target, i);
        arns[i] = t->arn;
        buf_clear(&json);
        shape_encode(target_shape(call->operation->in), t, &json);
        texts[i] = arena_str(call->arena, buf_str(&json));
    }
    bool whole = !json.failed;
    buf_fini(&json);
    if (!whole) return no_memory(call);
    enum err err = bus_ref_parse(world_of(self), call->account, in->bus, &bus, &call->fault);
    struct condition_value keys[] = {{"events:TargetArn", arns, in->targets.n}, {"events:creatorAccount", &call->account, 1}};
    if (!err) err = allowed(call, world_rule_arn(world_of(self), call->arena, bus, in->rule), keys, 2);
    struct target_failure *failures;
    size_t count;
    if (!err) err = world_put_targets(world_of(self), bus, in->rule, texts, in->targets.n, call->arena, &failures, &count, &call->fault);
    return err ? err : failures_answer(call, failures, count);
}

static enum err remove_targets(void *self, struct call *call) {
    const struct events_remove_targets *in = call->in;
    struct bus_ref bus;
    struct target_failure *failures;
    size_t count;
    enum err err = on_rule(self, call, in->bus, in->rule, &bus);
    if (!err)
        err = world_remove_targets(world_of(self), bus, in->rule, in->ids.items, in->ids.n, call->arena, &failures, &count, &call->fault);
    return err ? err : failures_answer(call, failures, count);
}

static enum err list_targets_by_rule(void *self, struct call *call) {
    const struct events_list_targets_by_rule *in = call->in;
    struct events_list_targets_by_rule_answer *out = call->out;
    struct bus_ref bus;
    struct str *texts, after;
    size_t count;
    bool more;
    enum err err = page_begin(call, in->next_token, &after);
    if (!err) err = on_rule(self, call, in->bus, in->rule, &bus);
    if (!err)
        err =
            world_list_targets(world_of(self), bus, in->rule, after, limit_of(in->limit), call->arena, &texts, &count, &more, &call->fault);
    if (err) return err;
    struct events_target *items = arena_array(call->arena, count, sizeof *items);
    if (!items) return no_memory(call);
    for (size_t i = 0; i < count && !err; i++)
        err = shape_decode(target_shape(call->operation->out), texts[i], false, call->arena, &items[i], &call->fault);
    out->targets = (struct list){true, count, items};
    out->next_token = page_end(call, more, count ? items[count - 1].id : STR(""));
    return err;
}

/* ---- events
 * ------------------------------------------------------------------------------------------------------------------------------------ */
static enum err test_event_pattern(void *self, struct call *call) {
    (void)self;
    const struct events_test_event_pattern *in = call->in;
    struct events_test_event_pattern_answer *out = call->out;
    struct pattern *pattern;
    struct node *event;
    enum err err = allowed(call, STR("*"), NULL, 0);
    if (!err) err = pattern_parse(in->pattern, &pattern, &call->fault);
    if (err) return err;
    err = pattern_test_event(in->event, call->arena, &event, &call->fault);
    out->result.set = true;
    if (!err && pattern_match(pattern, event, call->arena, &out->result.v))
        err = fault_set(&call->fault, ERR_VALIDATION, "The event takes too much work to match against this pattern.");
    pattern_free(pattern);
    return err;
}

static struct entry entry_of(const struct events_entry *e) {
    return (struct entry){.bus = e->bus,
                          .source = e->source,
                          .detail_type = e->detail_type,
                          .detail = e->detail,
                          .resources = e->resources.items,
                          .resource_count = e->resources.n,
                          .time_ms = e->time_ms.set ? e->time_ms.v : -1,
                          .trace_header = e->trace_header};
}

/* On the committer's thread: only the answer is put together here. */
static void put_events_done(struct accept *x) {
    struct call *call = x->ctx;
    struct events_put_events_answer *out = call->out;
    if (x->err) {
        call->fault = x->fault;
        call->finish(call, x->err);
        return;
    }
    struct events_put_result *items = arena_array(call->arena, x->count, sizeof *items);
    int64_t failed = 0;
    for (size_t i = 0; items && i < x->count; i++) {
        const struct entry_result *r = &x->results[i];
        char id[ID_TEXT_SIZE];
        id_text(r->id, id);
        if (r->err)
            items[i] = (struct events_put_result){STR_NULL, str_from(err_row(r->err)->aws_type), r->message};
        else
            items[i] = (struct events_put_result){.event_id = arena_str(call->arena, str_from(id))};
        failed += r->err != ERR_OK;
    }
    out->failed_count = (struct opt_i64){true, failed};
    out->entries = (struct list){true, items ? x->count : 0, items};
    call->finish(call, items ? ERR_OK : no_memory(call));
}

static enum err put_events(void *self, struct call *call) {
    const struct events_put_events *in = call->in;
    struct flow *flow = api_flow(self);
    struct entry *entries = arena_array(call->arena, in->entries.n, sizeof *entries);
    struct accept *x = ARENA_NEW(call->arena, struct accept);
    if (!entries || !x) return no_memory(call);
    size_t total = 0;
    for (size_t i = 0; i < in->entries.n; i++) {
        entries[i] = entry_of(LIST_AT(in->entries, struct events_entry, i));
        total += event_entry_bytes(&entries[i]);
    }
    if (total > (size_t)flow_settings(flow)->entry_bytes)
        return fault_set(&call->fault, ERR_VALIDATION, "Total size of the entries in the request is over the limit.");
    *x = (struct accept){.caller = api_caller_of(call),
                         .arena = call->arena,
                         .entries = entries,
                         .count = in->entries.n,
                         .done = put_events_done,
                         .ctx = call};
    flow_accept(flow, x);
    return ERR_PENDING;
}

/* ---- tags
 * -------------------------------------------------------------------------------------------------------------------------------------------
 */
static enum err tag_resource(void *self, struct call *call) {
    const struct events_tag_resource *in = call->in;
    enum err err = allowed(call, in->arn, NULL, 0);
    return err ? err : tag_with(self, call, in->arn, in->tags);
}

static enum err untag_resource(void *self, struct call *call) {
    const struct events_untag_resource *in = call->in;
    enum err err = allowed(call, in->arn, NULL, 0);
    return err ? err : world_untag(world_of(self), in->arn, in->keys.items, in->keys.n, &call->fault);
}

static enum err list_tags_for_resource(void *self, struct call *call) {
    const struct events_list_tags_for_resource *in = call->in;
    struct events_list_tags_for_resource_answer *out = call->out;
    struct tag *tags;
    size_t count;
    enum err err = allowed(call, in->arn, NULL, 0);
    if (!err) err = world_list_tags(world_of(self), in->arn, call->arena, &tags, &count, &call->fault);
    if (err) return err;
    struct events_tag *items = arena_array(call->arena, count, sizeof *items);
    if (!items) return no_memory(call);
    for (size_t i = 0; i < count; i++) items[i] = (struct events_tag){tags[i].key, tags[i].value};
    out->tags = (struct list){true, count, items};
    return ERR_OK;
}

#define ROW(name, handler)                                                                                                                 \
    { name, handler, NULL, true }
const struct handler_row events_handlers[] = {
    ROW("CreateEventBus", create_event_bus),
    ROW("UpdateEventBus", update_event_bus),
    ROW("DeleteEventBus", delete_event_bus),
    ROW("DescribeEventBus", describe_event_bus),
    ROW("ListEventBuses", list_event_buses),
    ROW("PutPermission", put_permission),
    ROW("RemovePermission", remove_permission),
    ROW("PutRule", put_rule),
    ROW("DeleteRule", delete_rule),
    ROW("DescribeRule", describe_rule),
    ROW("ListRules", list_rules),
    ROW("EnableRule", enable_rule),
    ROW("DisableRule", disable_rule),
    ROW("ListRuleNamesByTarget", list_rule_names_by_target),
    ROW("PutTargets", put_targets),
    ROW("RemoveTargets", remove_targets),
    ROW("ListTargetsByRule", list_targets_by_rule),
    ROW("TestEventPattern", test_event_pattern),
    ROW("PutEvents", put_events),
    ROW("TagResource", tag_resource),
    ROW("UntagResource", untag_resource),
    ROW("ListTagsForResource", list_tags_for_resource),
    {NULL, NULL, NULL, false},
};
