#include "rule_warnings.h"

#include "events.h"
#include "lint.h"
#include "log.h"

struct warner {
    struct call *call;
    struct events_warning *items;
    size_t count;
};

/* Another rule of the bus that takes the same events; absent: none. */
static struct str same_rule(const struct bus_view *bus, const struct pattern *pattern, struct str name, struct arena *a) {
    struct arena scratch;
    struct str found = STR_NULL;
    uint64_t signature = lint_signature(pattern);
    arena_init(&scratch, 0);
    size_t most = bus->rule_count < RULES_COMPARED_MAX ? bus->rule_count : RULES_COMPARED_MAX;
    for (size_t i = 0; i < most && !found.p; i++) {
        const struct rule_view *rule = bus->rules[i];
        if (!rule->pattern || str_eq(rule->name, name) || rule->signature != signature) continue;
        if (lint_same(pattern, rule->pattern, &scratch))
            found = arena_printf(a, "%.*s%s", STR_ARG(rule->name), rule->enabled ? "" : " (which is disabled)");
        arena_reset(&scratch);
    }
    arena_fini(&scratch);
    return found;
}

static void add_same(struct warner *w, struct bus_ref ref, struct str rule, const struct pattern *pattern) {
    struct snapshot *snapshot = world_snapshot(flow_world(api_flow(w->call->engine)));
    const struct bus_view *bus = snapshot_bus(snapshot, ref.account, ref.name);
    struct str other = bus ? same_rule(bus, pattern, rule, w->call->arena) : STR_NULL;
    snapshot_release(snapshot);
    if (other.p)
        w->items[w->count++] =
            (struct events_warning){STR("SamePattern"), STR("warning"), STR(""),
                                    arena_printf(w->call->arena, "rule %.*s of this bus takes exactly the same events", STR_ARG(other))};
}

static enum err lint_rule(struct warner *w, struct bus_ref bus, struct str rule, const struct pattern *pattern) {
    struct arena *a = w->call->arena;
    struct flow *flow = api_flow(w->call->engine);
    struct lint *found = ARENA_NEW(a, struct lint);
    struct lint_seen seen;
    w->items = arena_array(a, LINT_FINDINGS_MAX + 1, sizeof *w->items);
    if (!found || !w->items || !seen_copy(flow_seen(flow), world_bus_arn(flow_world(flow), a, bus), pattern, a, &seen)) return ERR_NOMEM;
    enum err err = lint_pattern(pattern, &seen, a, found);
    for (size_t i = 0; !err && i < found->count; i++) {
        const struct lint_finding *f = &found->items[i];
        w->items[w->count++] =
            (struct events_warning){str_from(f->code), f->note ? STR("note") : STR("warning"), arena_str(a, f->path), f->message};
    }
    if (!err && api_caller_of(w->call)) add_same(w, bus, rule, pattern);
    return err;
}

static void log_first(const struct warner *w, struct str arn) {
    for (size_t i = 0; i < w->count; i++) {
        const struct events_warning *item = &w->items[i];
        if (!str_eqz(item->level, "warning")) continue;
        log_line(LOG_WARN, "lint", "a rule looks wrong", LOG_S("rule", arn), LOG_S("code", item->code), LOG_S("path", item->path),
                 LOG_S("message", item->message), LOG_I("warnings", w->count));
        return;
    }
}

void rule_warnings(struct call *call, struct bus_ref bus, struct str rule, struct str text, struct list *warnings) {
    struct warner w = {.call = call};
    struct pattern *pattern = NULL;
    if (!text.n) return;
    struct str arn = world_rule_arn(flow_world(api_flow(call->engine)), call->arena, bus, rule);
    enum err err = pattern_parse(text, &pattern, NULL);
    if (!err) err = lint_rule(&w, bus, rule, pattern);
    pattern_free(pattern);
    if (err) log_line(LOG_WARN, "lint", "a rule could not be looked at", LOG_S("rule", arn), LOG_Z("error", err_row(err)->name));
    if (err || !w.count) return;
    log_first(&w, arn);
    *warnings = (struct list){true, w.count, w.items};
}
