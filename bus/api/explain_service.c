/* Explanations over the API: one rule or pattern in full, or all rules of a bus in short. Reads a snapshot; changes nothing. */
#include "clock.h"
#include "engine.h"
#include "explain.h"
#include "explanation.h"
#include "given_event.h"

enum { CLOSEST_DEFAULT = 5, CLOSEST_MAX = 100, MATCHED_SHOWN = 1000, BUDGET_MS = 5000 };

static struct world *world_of(void *self) { return flow_world(api_flow(self)); }
static enum err no_memory(struct call *call) { return fault_set(&call->fault, ERR_NOMEM, NULL); }

static enum err allowed(struct call *call, struct str resource) {
    return resource.p ? call->authorize(call, call->operation->action, resource) : no_memory(call);
}

/* The event as the caller's PutEvents would have made it. */
static enum err read_event(struct call *call, struct str text, struct node **event, struct str *filled) {
    char time[CLOCK_ISO_SIZE], id[ID_TEXT_SIZE];
    clock_iso(call->now_ms, time);
    id_text(id_random(), id);
    struct given_defaults d = {call->account, call->region, str_from(time), arena_str(call->arena, str_from(id))};
    enum err err = given_event(text, &d, call->arena, event, filled, &call->fault);
    if (err == ERR_SYNTAX)
        return fault_at(&call->fault, ERR_VALIDATION, "event", call->fault.line, call->fault.column,
                        "Parameter Event is not valid JSON: line %d, column %d: %s", call->fault.line, call->fault.column,
                        arena_str(call->arena, str_from(call->fault.message)).p);
    return err;
}

static enum err undecided(struct call *call, enum err err) {
    return fault_set(&call->fault, err == ERR_LIMIT ? ERR_VALIDATION : err, "The event takes too much work to match against this pattern.");
}

/* ---- one rule ------------------------------------------------------------------------------------------------------------------------ */

/* rules/explain.c writes the JSON, the shape reads it. */
static enum err answer_with(struct call *call, const struct explanation *e, struct events_explain_rule_answer *out) {
    struct buf json;
    buf_init(&json, 0);
    explain_json(e, &json);
    out->result = (struct opt_bool){true, e->matched};
    out->explanation = ARENA_NEW(call->arena, struct events_explanation);
    enum err err = json.failed || !out->explanation ? no_memory(call) : ERR_OK;
    if (!err) err = shape_decode(&explanation_shape, buf_str(&json), true, call->arena, out->explanation, &call->fault);
    buf_fini(&json);
    return err;
}

static enum err explain_with(struct call *call, const struct pattern *pattern) {
    const struct events_explain_rule *in = call->in;
    struct events_explain_rule_answer *out = call->out;
    struct node *event;
    struct explanation e;
    enum err err = read_event(call, in->event, &event, &out->filled);
    if (err) return err;
    err = explain(pattern, event, call->arena, &e);
    return err ? undecided(call, err) : answer_with(call, &e, out);
}

static enum err explain_pattern(struct call *call) {
    const struct events_explain_rule *in = call->in;
    struct pattern *pattern;
    enum err err = allowed(call, STR("*"));
    if (!err) err = pattern_parse(in->pattern, &pattern, &call->fault);
    if (err) return err;
    err = explain_with(call, pattern);
    pattern_free(pattern);
    return err;
}

static const struct rule_view *rule_of(const struct bus_view *bus, struct str name) {
    size_t low = 0, high = bus->rule_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(bus->rules[middle]->name, name);
        if (order == 0) return bus->rules[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static enum err explain_named(void *self, struct call *call, struct bus_ref ref, const struct bus_view *bus) {
    const struct events_explain_rule *in = call->in;
    struct events_explain_rule_answer *out = call->out;
    if (!bus) return fault_set(&call->fault, ERR_NOT_FOUND, "Event bus %.*s does not exist.", STR_ARG(ref.name));
    const struct rule_view *rule = rule_of(bus, in->rule);
    if (!rule)
        return fault_set(&call->fault, ERR_NOT_FOUND, "Rule %.*s does not exist on EventBus %.*s.", STR_ARG(in->rule), STR_ARG(ref.name));
    if (!rule->pattern)
        return fault_set(&call->fault, ERR_VALIDATION, "Rule %.*s has no event pattern: its schedule triggers it, events do not.",
                         STR_ARG(in->rule));
    out->rule_arn = world_rule_arn(world_of(self), call->arena, ref, in->rule);
    out->state = arena_str(call->arena, rule->state);
    return explain_with(call, rule->pattern);
}

static enum err explain_rule(void *self, struct call *call) {
    const struct events_explain_rule *in = call->in;
    struct bus_ref ref;
    if (!in->rule.p == !in->pattern.p)
        return fault_set(&call->fault, ERR_VALIDATION, "One of the parameters Rule and EventPattern must be specified.");
    if (in->pattern.p) return explain_pattern(call);
    enum err err = bus_ref_parse(world_of(self), call->account, in->bus, &ref, &call->fault);
    if (!err) err = allowed(call, world_rule_arn(world_of(self), call->arena, ref, in->rule));
    if (err) return err;
    struct snapshot *snapshot = world_snapshot(world_of(self));
    err = explain_named(self, call, ref, snapshot_bus(snapshot, ref.account, ref.name));
    snapshot_release(snapshot);
    return err;
}

/* ---- all rules ------------------------------------------------------------------------------------------------------------------------
 */

struct close_one {
    const struct rule_view *rule;
    unsigned distance;
};
struct survey {
    struct call *call;
    const struct node *event;
    struct arena scratch;
    struct events_matching_rule *matched;
    size_t matched_count, examined, total;
    struct close_one closest[CLOSEST_MAX]; /* ascending */
    size_t count, most;
};

static void keep_close(struct survey *s, const struct rule_view *rule) {
    unsigned distance = explain_distance(rule->pattern, s->event);
    size_t at = s->count;
    while (at && s->closest[at - 1].distance > distance) at--;
    if (at == s->most) return;
    if (s->count < s->most) s->count++;
    memmove(&s->closest[at + 1], &s->closest[at], (s->count - at - 1) * sizeof s->closest[0]);
    s->closest[at] = (struct close_one){rule, distance};
}

static void ask(struct survey *s, const struct rule_view *rule) {
    bool matched;
    enum err err = pattern_match(rule->pattern, s->event, &s->scratch, &matched);
    arena_reset(&s->scratch);
    s->examined++;
    if (err || !matched) {
        if (s->most) keep_close(s, rule);
    } else if (s->matched_count++ < MATCHED_SHOWN) {
        s->matched[s->matched_count - 1] =
            (struct events_matching_rule){arena_str(s->call->arena, rule->name), arena_str(s->call->arena, rule->state)};
    }
}

static void ask_all(struct survey *s, const struct bus_view *bus) {
    int64_t end_ns = clock_mono_ns() + (int64_t)BUDGET_MS * 1000000;
    for (size_t i = 0; i < bus->rule_count; i++) s->total += bus->rules[i]->pattern != NULL;
    for (size_t i = 0; i < bus->rule_count; i++) {
        if (clock_mono_ns() > end_ns) return;
        if (bus->rules[i]->pattern) ask(s, bus->rules[i]);
    }
}

static enum err tell_closest(struct survey *s, struct events_explain_event_answer *out) {
    struct arena *a = s->call->arena;
    struct events_close_rule *items = arena_array(a, s->count, sizeof *items);
    if (!items) return no_memory(s->call);
    for (size_t i = 0; i < s->count; i++) {
        const struct close_one *c = &s->closest[i];
        struct explanation e;
        enum err err = explain(c->rule->pattern, s->event, a, &e);
        if (err && err != ERR_LIMIT) return no_memory(s->call);
        items[i] = (struct events_close_rule){.name = arena_str(a, c->rule->name),
                                              .state = arena_str(a, c->rule->state),
                                              .reason = err ? STR("it takes too much work to match the event against this rule")
                                                            : arena_str(a, e.reason),
                                              .distance = {true, c->distance}};
    }
    out->closest = (struct list){true, s->count, items};
    return ERR_OK;
}

static enum err survey_bus(struct survey *s, const struct bus_view *bus) {
    struct events_explain_event_answer *out = s->call->out;
    size_t most = bus->rule_count < MATCHED_SHOWN ? bus->rule_count : MATCHED_SHOWN;
    s->matched = arena_array(s->call->arena, most, sizeof *s->matched);
    if (!s->matched) return no_memory(s->call);
    ask_all(s, bus);
    out->result = (struct opt_bool){true, s->matched_count > 0};
    out->matched_count = (struct opt_i64){true, (int64_t)s->matched_count};
    out->rules_examined = (struct opt_i64){true, (int64_t)s->examined};
    out->rule_count = (struct opt_i64){true, (int64_t)s->total};
    out->matched = (struct list){true, s->matched_count < most ? s->matched_count : most, s->matched};
    return tell_closest(s, out);
}

static enum err explain_event(void *self, struct call *call) {
    const struct events_explain_event *in = call->in;
    struct events_explain_event_answer *out = call->out;
    struct bus_ref ref;
    struct node *event = NULL;
    enum err err = bus_ref_parse(world_of(self), call->account, in->bus, &ref, &call->fault);
    if (!err) err = allowed(call, world_rule_arn(world_of(self), call->arena, ref, STR("*")));
    if (!err) err = read_event(call, in->event, &event, &out->filled);
    if (err) return err;
    struct survey s = {.call = call, .event = event, .most = in->closest.set ? (size_t)in->closest.v : CLOSEST_DEFAULT};
    arena_init(&s.scratch, 0);
    struct snapshot *snapshot = world_snapshot(world_of(self));
    const struct bus_view *bus = snapshot_bus(snapshot, ref.account, ref.name);
    err = bus ? survey_bus(&s, bus) : fault_set(&call->fault, ERR_NOT_FOUND, "Event bus %.*s does not exist.", STR_ARG(ref.name));
    snapshot_release(snapshot);
    arena_fini(&s.scratch);
    return err;
}

const struct handler_row explain_handlers[] = {
    {"ExplainRule", explain_rule, NULL, true},
    {"ExplainEvent", explain_event, NULL, true},
    {NULL, NULL, NULL, false},
};
