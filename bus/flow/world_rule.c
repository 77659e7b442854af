/* Rules and their targets. */
#include <stdlib.h>

#include "arn.h"
#include "doc.h"
#include "pattern.h"
#include "schedule.h"
#include "transform.h"
#include "world_state.h"

enum err rule_store_locked(struct world *w, struct bus_slot *slot, const struct rule_draft *draft, struct fault *fault) {
    struct buf record;
    buf_init(&record, 0);
    record_write_rule(&record, draft);
    struct rule_view *rule = NULL;
    enum err err = record.failed ? fault_set(fault, ERR_NOMEM, NULL) : record_rule(buf_str(&record), w->region, &rule, fault);
    if (!err) {
        struct change c;
        change_init(&c);
        change_put(&c, "rule", rule_key(&c.arena, (struct bus_ref){draft->account, draft->bus}, draft->name), buf_str(&record));
        err = change_commit(w, &c, fault);
    }
    buf_fini(&record);
    if (!err && !rule_attach_locked(slot, rule)) err = fault_set(fault, ERR_NOMEM, NULL);
    if (err)
        rule_view_release(rule);
    else
        world_changed_locked(w);
    return err;
}

static enum err rule_need_locked(struct world *w, struct bus_ref bus, struct str name, struct bus_slot **slot, struct rule_view **rule,
                                 struct fault *fault) {
    enum err err = bus_need_locked(w, bus, slot, fault);
    if (err) return err;
    *rule = rule_find(*slot, name);
    return *rule ? ERR_OK : fault_set(fault, ERR_NOT_FOUND, "Rule %.*s does not exist on EventBus %.*s.", STR_ARG(name), STR_ARG(bus.name));
}

enum err rule_is_free(const struct rule_view *rule, struct fault *fault) {
    if (!rule || !rule->managed_by.p) return ERR_OK;
    return fault_set(fault, ERR_MANAGED_RULE, "Rule %.*s is managed by %.*s and can't be changed by hand: change its archive instead.",
                     STR_ARG(rule->name), STR_ARG(rule->managed_by));
}

/* A rule that may be changed by hand. */
static enum err rule_change_locked(struct world *w, struct bus_ref bus, struct str name, struct bus_slot **slot, struct rule_view **rule,
                                   struct fault *fault) {
    enum err err = rule_need_locked(w, bus, name, slot, rule, fault);
    return err ? err : rule_is_free(*rule, fault);
}

static enum err check_spec(const struct world *w, const struct rule_spec *spec, struct fault *fault) {
    if (!spec->pattern.n && !spec->schedule.n)
        return fault_set(fault, ERR_VALIDATION, "Parameter(s) EventPattern or ScheduleExpression must be specified.");
    if (spec->schedule.n && w->o.settings->aws_quirks && !str_eqz(spec->bus.name, "default"))
        return fault_set(fault, ERR_VALIDATION, "ScheduleExpression is supported only on the default event bus.");
    return ERR_OK;
}

enum err world_put_rule(struct world *w, const struct rule_spec *spec, struct arena *a, struct str *arn, struct fault *fault) {
    enum err err = check_spec(w, spec, fault);
    if (err) return err;
    struct bus_slot *slot;
    pthread_mutex_lock(&w->lock);
    err = bus_need_locked(w, spec->bus, &slot, fault);
    if (!err) {
        struct rule_draft draft = {.account = spec->bus.account, .bus = spec->bus.name, .name = spec->name};
        struct rule_view *old = rule_find(slot, spec->name);
        err = rule_is_free(old, fault);
        if (old && !err && !record_rule_draft(old, a, &draft))
            err = fault_set(fault, ERR_NOMEM, NULL);
        else if (!old && (int64_t)slot->rule_count >= w->o.settings->rules_per_bus)
            err = fault_set(fault, ERR_LIMIT, NULL);
        draft.pattern = spec->pattern.n ? spec->pattern : STR_NULL;
        draft.schedule = spec->schedule.n ? spec->schedule : STR_NULL;
        draft.description = spec->description;
        draft.role_arn = spec->role_arn;
        draft.state = spec->state.n ? spec->state : spec->disabled ? STR("DISABLED") : STR("ENABLED");
        if (!old) draft.created_by = spec->created_by;
        if (!err) err = rule_store_locked(w, slot, &draft, fault);
    }
    pthread_mutex_unlock(&w->lock);
    if (err) return err;
    *arn = world_rule_arn(w, a, spec->bus, spec->name);
    return arn->p ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}

enum err world_delete_rule(struct world *w, struct bus_ref bus, struct str name, struct fault *fault) {
    struct bus_slot *slot;
    pthread_mutex_lock(&w->lock);
    enum err err = bus_need_locked(w, bus, &slot, fault);
    const struct rule_view *rule = err ? NULL : rule_find(slot, name);
    if (rule) err = rule_is_free(rule, fault);
    if (rule && !err && rule->target_count) err = fault_set(fault, ERR_VALIDATION, "Rule can't be deleted since it has targets.");
    if (rule && !err) {
        struct change c;
        change_init(&c);
        change_delete(&c, "rule", rule_key(&c.arena, bus, name));
        err = change_commit(w, &c, fault);
        if (!err) {
            rule_detach_locked(slot, name);
            world_changed_locked(w);
        }
    }
    pthread_mutex_unlock(&w->lock);
    return err;
}

static bool copy_rule(struct arena *a, const struct rule_view *r, struct rule_info *info) {
    *info = (struct rule_info){.name = arena_str(a, r->name),
                               .arn = arena_str(a, r->arn),
                               .bus = arena_str(a, r->bus),
                               .pattern = arena_str(a, r->pattern_text),
                               .schedule = arena_str(a, r->schedule_text),
                               .description = arena_str(a, r->description),
                               .role_arn = arena_str(a, r->role_arn),
                               .state = arena_str(a, r->state),
                               .managed_by = arena_str(a, r->managed_by),
                               .created_by = arena_str(a, r->created_by)};
    return info->name.p && info->arn.p && info->bus.p && info->state.p && (!r->pattern_text.p || info->pattern.p);
}

enum err world_describe_rule(struct world *w, struct bus_ref bus, struct str name, struct arena *a, struct rule_info *info,
                             struct fault *fault) {
    struct bus_slot *slot;
    struct rule_view *rule;
    pthread_mutex_lock(&w->lock);
    enum err err = rule_need_locked(w, bus, name, &slot, &rule, fault);
    if (!err && !copy_rule(a, rule, info)) err = fault_set(fault, ERR_NOMEM, NULL);
    pthread_mutex_unlock(&w->lock);
    return err;
}

/* The index behind `after`, or the first whose name can have the prefix. */
static size_t first_after(const struct bus_slot *slot, struct str prefix, struct str after) {
    size_t i = rule_index(slot, after.p && (!prefix.p || str_cmp(after, prefix) > 0) ? after : prefix);
    return i < slot->rule_count && after.p && str_eq(slot->rules[i]->name, after) ? i + 1 : i;
}

enum err world_list_rules(struct world *w, struct bus_ref bus, struct str prefix, struct str after, size_t limit, struct arena *a,
                          struct rule_info **rules, size_t *count, bool *more, struct fault *fault) {
    struct bus_slot *slot;
    *count = 0;
    *more = false;
    pthread_mutex_lock(&w->lock);
    enum err err = bus_need_locked(w, bus, &slot, fault);
    if (!err) {
        *rules = arena_array(a, limit < slot->rule_count ? limit : slot->rule_count, sizeof **rules);
        if (!*rules) err = fault_set(fault, ERR_NOMEM, NULL);
    }
    for (size_t i = err ? 0 : first_after(slot, prefix, after); !err && i < slot->rule_count && str_starts(slot->rules[i]->name, prefix);
         i++) {
        if (*count == limit) {
            *more = true;
            break;
        }
        if (!copy_rule(a, slot->rules[i], &(*rules)[(*count)++])) err = fault_set(fault, ERR_NOMEM, NULL);
    }
    pthread_mutex_unlock(&w->lock);
    return err;
}

enum err world_set_rule_state(struct world *w, struct bus_ref bus, struct str name, bool enabled, struct fault *fault) {
    struct bus_slot *slot;
    struct rule_view *rule;
    struct rule_draft draft;
    struct arena a;
    arena_init(&a, 0);
    pthread_mutex_lock(&w->lock);
    enum err err = rule_change_locked(w, bus, name, &slot, &rule, fault);
    if (!err && !record_rule_draft(rule, &a, &draft)) err = fault_set(fault, ERR_NOMEM, NULL);
    if (!err && rule->enabled != enabled) {
        draft.state = enabled ? STR("ENABLED") : STR("DISABLED");
        err = rule_store_locked(w, slot, &draft, fault);
    }
    pthread_mutex_unlock(&w->lock);
    arena_fini(&a);
    return err;
}

static bool has_target(const struct rule_view *rule, struct str arn) {
    for (size_t i = 0; i < rule->target_count; i++)
        if (str_eq(rule->targets[i]->arn, arn)) return true;
    return false;
}

enum err world_rules_of_target(struct world *w, struct bus_ref bus, struct str target_arn, struct str after, size_t limit, struct arena *a,
                               struct str **names, size_t *count, bool *more, struct fault *fault) {
    struct bus_slot *slot;
    *count = 0;
    *more = false;
    pthread_mutex_lock(&w->lock);
    enum err err = bus_need_locked(w, bus, &slot, fault);
    if (!err && !(*names = arena_array(a, limit < slot->rule_count ? limit : slot->rule_count, sizeof **names)))
        err = fault_set(fault, ERR_NOMEM, NULL);
    for (size_t i = err ? 0 : first_after(slot, STR_NULL, after); !err && i < slot->rule_count; i++) {
        if (!has_target(slot->rules[i], target_arn)) continue;
        if (*count == limit) {
            *more = true;
            break;
        }
        struct str name = arena_str(a, slot->rules[i]->name);
        if (!name.p) err = fault_set(fault, ERR_NOMEM, NULL);
        (*names)[(*count)++] = name;
    }
    pthread_mutex_unlock(&w->lock);
    return err;
}

/* ---- targets ----------------------------------------------------------------------------------------------------------------------------
 */
/* What depends on the world, beside what record_target checks. */
static enum err check_target(const struct world *w, struct bus_ref bus, const struct target_view *t, struct fault *fault) {
    struct arn arn;
    if (!arn_parse(t->arn, &arn))
        return fault_set(fault, ERR_VALIDATION, "Parameter %.*s is not valid. Reason: Provided Arn is not in correct format.",
                         STR_ARG(t->arn));
    if (str_eqz(arn.service, "events") && arn_name(&arn, "event-bus").p) {
        struct str name = arn_name(&arn, "event-bus");
        if (!account_is_valid(arn.account))
            return fault_set(fault, ERR_VALIDATION, "Parameter %.*s is not valid. Reason: an event bus belongs to an account of 12 digits.",
                             STR_ARG(t->arn));
        if (str_eq(arn.account, bus.account) && str_eq(name, bus.name))
            return fault_set(fault, ERR_VALIDATION, "Parameter %.*s is not valid. Reason: a rule cannot send to its own event bus.",
                             STR_ARG(t->arn));
        if (t->transform)
            return fault_set(
                fault, ERR_VALIDATION,
                "Input, InputPath and InputTransformer are not available for target %.*s: an event bus takes events as they are.",
                STR_ARG(t->id));
        return ERR_OK;
    }
    if (w->o.target_known(w->o.ctx, t->arn)) return ERR_OK;
    return fault_set(
        fault, ERR_VALIDATION,
        "Parameter %.*s is not valid. Reason: there is no adapter for service '%.*s' here; event buses, functions (lambda), streams "
        "(kinesis), queues (sqs), topics (sns), log groups (logs) and API destinations (events) can be targets.",
        STR_ARG(t->arn), STR_ARG(arn.service));
}

static bool add_failure(struct arena *a, struct target_failure *failures, size_t *count, struct str id, const struct fault *why) {
    struct target_failure *f = &failures[*count];
    *f = (struct target_failure){.id = arena_str(a, id), .message = arena_str(a, str_from(why->message)), .err = why->code};
    ++*count;
    return f->message.p;
}

static struct str id_of(struct str json, struct arena *a) {
    struct node *root;
    if (doc_parse(a, json, &root, NULL)) return STR_NULL;
    const struct node *id = doc_get(root, STR("Id"));
    return id && id->kind == NODE_STRING ? id->text : STR_NULL;
}

/* Puts one JSON text into the sorted list of (id, json), in place of the one with the same id. */
struct target_text {
    struct str id, json;
};
static size_t put_sorted(struct target_text *list, size_t n, struct target_text t) {
    size_t i = 0;
    while (i < n && str_cmp(list[i].id, t.id) < 0) i++;
    if (i == n || !str_eq(list[i].id, t.id)) {
        memmove(&list[i + 1], &list[i], (n - i) * sizeof *list);
        n++;
    }
    list[i] = t;
    return n;
}

static enum err store_targets_locked(struct world *w, struct bus_slot *slot, const struct rule_view *rule, const struct target_text *list,
                                     size_t n, struct arena *a, struct fault *fault) {
    struct rule_draft draft;
    struct str *texts = arena_array(a, n, sizeof *texts);
    if (!texts || !record_rule_draft(rule, a, &draft)) return fault_set(fault, ERR_NOMEM, NULL);
    for (size_t i = 0; i < n; i++) texts[i] = list[i].json;
    draft.targets = texts;
    draft.target_count = n;
    return rule_store_locked(w, slot, &draft, fault);
}

enum err world_put_targets(struct world *w, struct bus_ref bus, struct str name, const struct str *targets, size_t count, struct arena *a,
                           struct target_failure **failures, size_t *failure_count, struct fault *fault) {
    struct bus_slot *slot;
    struct rule_view *rule;
    *failure_count = 0;
    pthread_mutex_lock(&w->lock);
    enum err err = rule_change_locked(w, bus, name, &slot, &rule, fault);
    *failures = arena_array(a, count, sizeof **failures);
    struct target_text *list = err ? NULL : arena_array(a, rule->target_count + count, sizeof *list);
    struct fault *why = ARENA_NEW(a, struct fault);
    if (!err && (!list || !*failures || !why)) err = fault_set(fault, ERR_NOMEM, NULL);
    size_t n = 0;
    for (size_t i = 0; !err && i < rule->target_count; i++) list[n++] = (struct target_text){rule->targets[i]->id, rule->targets[i]->json};
    for (size_t i = 0; !err && i < count; i++) {
        struct target_view *t = NULL;
        enum err bad = record_target(targets[i], rule->arn, &t, why);
        if (!bad) bad = check_target(w, bus, t, why);
        struct str id = id_of(targets[i], a);
        if (bad) {
            if (!add_failure(a, *failures, failure_count, id, why)) err = fault_set(fault, ERR_NOMEM, NULL);
        } else {
            n = put_sorted(list, n, (struct target_text){id, targets[i]});
        }
        target_view_release(t);
    }
    if (!err && (int64_t)n > w->o.settings->targets_per_rule) err = fault_set(fault, ERR_LIMIT, NULL);
    if (!err && *failure_count < count) err = store_targets_locked(w, slot, rule, list, n, a, fault);
    pthread_mutex_unlock(&w->lock);
    return err;
}

enum err world_remove_targets(struct world *w, struct bus_ref bus, struct str name, const struct str *ids, size_t count, struct arena *a,
                              struct target_failure **failures, size_t *failure_count, struct fault *fault) {
    struct bus_slot *slot;
    struct rule_view *rule;
    *failure_count = 0;
    pthread_mutex_lock(&w->lock);
    enum err err = rule_change_locked(w, bus, name, &slot, &rule, fault);
    *failures = arena_array(a, count, sizeof **failures);
    struct target_text *list = err ? NULL : arena_array(a, rule->target_count, sizeof *list);
    struct fault *why = ARENA_NEW(a, struct fault);
    if (!err && (!list || !*failures || !why)) err = fault_set(fault, ERR_NOMEM, NULL);
    size_t n = 0;
    for (size_t i = 0; !err && i < rule->target_count; i++) {
        bool drop = false;
        for (size_t k = 0; k < count; k++) drop |= str_eq(ids[k], rule->targets[i]->id);
        if (!drop) list[n++] = (struct target_text){rule->targets[i]->id, rule->targets[i]->json};
    }
    for (size_t k = 0; !err && k < count; k++) {
        bool known = false;
        for (size_t i = 0; i < rule->target_count; i++) known |= str_eq(ids[k], rule->targets[i]->id);
        if (known) continue;
        fault_set(why, ERR_NOT_FOUND, "Target %.*s does not exist on rule %.*s.", STR_ARG(ids[k]), STR_ARG(name));
        if (!add_failure(a, *failures, failure_count, ids[k], why)) err = fault_set(fault, ERR_NOMEM, NULL);
    }
    if (!err && n < rule->target_count) err = store_targets_locked(w, slot, rule, list, n, a, fault);
    pthread_mutex_unlock(&w->lock);
    return err;
}

enum err world_list_targets(struct world *w, struct bus_ref bus, struct str name, struct str after, size_t limit, struct arena *a,
                            struct str **targets, size_t *count, bool *more, struct fault *fault) {
    struct bus_slot *slot;
    struct rule_view *rule;
    *count = 0;
    *more = false;
    pthread_mutex_lock(&w->lock);
    enum err err = rule_need_locked(w, bus, name, &slot, &rule, fault);
    if (!err && !(*targets = arena_array(a, rule->target_count, sizeof **targets))) err = fault_set(fault, ERR_NOMEM, NULL);
    for (size_t i = 0; !err && i < rule->target_count; i++) {
        if (after.p && str_cmp(rule->targets[i]->id, after) <= 0) continue;
        if (*count == limit) {
            *more = true;
            break;
        }
        struct str json = arena_str(a, rule->targets[i]->json);
        if (!json.p) err = fault_set(fault, ERR_NOMEM, NULL);
        (*targets)[(*count)++] = json;
    }
    pthread_mutex_unlock(&w->lock);
    return err;
}
