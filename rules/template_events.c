/* Buses, their policies, rules, archives, connections and API destinations of templates, as requests of the events service. */
#include <stdlib.h>

#include "arn.h"
#include "path.h"
#include "pattern.h"
#include "pattern_flaw.h"
#include "schedule.h"
#include "template_state.h"
#include "transform.h"

enum { DECLARED_MAX = 1000000 };

/* ---- requests -------------------------------------------------------------------------------------------- */
void template_begin(struct template_request *q) {
    buf_init(&q->out, 0);
    json_init(&q->j, &q->out);
    json_object_begin(&q->j);
}

void template_member(struct template_request *q, const char *key, struct str value) {
    if (value.p) json_key_str(&q->j, key, value);
}

void template_declare(struct template *t, struct template_request *q, const char *operation, const char *update, const struct ynode *node,
                      struct str what) {
    json_object_end(&q->j);
    struct str request = template_keep(t, &q->out);
    if (!request.p || !what.p) {
        t->no_memory = true;
        return;
    }
    if (t->count == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 64;
        struct declared *items = cap > DECLARED_MAX ? NULL : arena_array(t->arena, cap, sizeof *items);
        if (!items) {
            t->no_memory = true;
            return;
        }
        if (t->count) memcpy(items, t->items, t->count * sizeof *items);
        t->items = items;
        t->cap = cap;
    }
    t->items[t->count++] = (struct declared){.account = t->options->account,
                                             .operation = str_from(operation),
                                             .request = request,
                                             .update = str_from(update),
                                             .what = what,
                                             .node = node};
}

#define WHAT(t, kind, name) arena_printf((t)->arena, kind " %.*s of account %.*s", STR_ARG(name), STR_ARG((t)->options->account))

/* ---- buses ----------------------------------------------------------------------------------------------- */
/* The statements of a bus, from all resources that speak of it. */
struct template_policy {
    struct str bus;           /* as the request takes it: a name, or an ARN */
    const struct ynode *node; /* the first */
    struct buf statements;
    struct template_policy *next;
};

static struct template_policy *policy_of(struct template *t, struct str bus, const struct ynode *node) {
    struct arn arn;
    struct str name = arn_parse(bus, &arn) && str_eq(arn.account, t->options->account) ? arn_name(&arn, "event-bus") : bus;
    if (!name.n) name = STR("default");
    struct template_policy *p = map_get(&t->policies, name);
    if (p) return p;
    p = template_alloc(t, sizeof *p);
    if (!p) return NULL;
    *p = (struct template_policy){.bus = name, .node = node};
    buf_init(&p->statements, 0);
    if (!map_put(&t->policies, name, p, NULL)) t->no_memory = true;
    return p;
}

static int compare_policies(const void *one, const void *other) {
    const struct template_policy *const *a = one, *const *b = other;
    return str_cmp((*a)->bus, (*b)->bus);
}

void template_end_policies(struct template *t) {
    struct template_policy **list = template_alloc(t, (t->policies.count + 1) * sizeof *list);
    struct str key;
    void *value;
    size_t n = 0;
    for (size_t i = 0; map_next(&t->policies, &i, &key, &value);) {
        struct template_policy *p = value;
        if (list)
            list[n++] = p;
        else
            buf_fini(&p->statements);
    }
    if (n) qsort(list, n, sizeof *list, compare_policies);
    for (size_t i = 0; i < n; i++) {
        struct template_request q;
        template_begin(&q);
        template_member(&q, "EventBusName", list[i]->bus);
        struct str text =
            arena_printf(t->arena, "{\"Version\":\"2012-10-17\",\"Statement\":[%.*s]}", STR_ARG(buf_str(&list[i]->statements)));
        template_member(&q, "Policy", text);
        template_declare(t, &q, "events.PutPermission", NULL, list[i]->node, WHAT(t, "policy of event bus", list[i]->bus));
        buf_fini(&list[i]->statements);
    }
}

/* Statements of a document: one, or a list of them. */
static void add_statement(struct template *t, struct template_policy *p, const struct ynode *statement, struct str sid) {
    struct json j;
    if (!p || !statement || template_has_unknown(statement)) return;
    if (statement->kind != YNODE_MAP) {
        problem_at(t->problems, statement, "a statement with Effect, Principal, Action and Resource is expected here");
        return;
    }
    if (p->statements.n) buf_addc(&p->statements, ',');
    json_init(&j, &p->statements);
    json_object_begin(&j);
    if (sid.p) json_key_str(&j, "Sid", sid);
    for (const struct ynode *n = statement->child; n; n = n->next) {
        if (sid.p && str_eqz(n->key, "Sid")) continue;
        struct buf value;
        buf_init(&value, 0);
        ynode_json(&value, n);
        json_key(&j, n->key);
        json_raw(&j, template_keep(t, &value));
    }
    json_object_end(&j);
}

void template_load_bus(struct template *t, struct template_resource *r) {
    struct template_request q;
    bool is_default = str_eqz(r->name, "default");
    template_begin(&q);
    template_member(&q, "Name", r->name);
    template_write(t, &q.j, r->properties, "EventBus");
    template_declare(t, &q, is_default ? "events.UpdateEventBus" : "events.CreateEventBus", "events.UpdateEventBus", r->properties,
                     WHAT(t, "event bus", r->name));
    const struct ynode *policy = template_get(r->properties, "Policy"), *statements = policy ? template_get(policy, "Statement") : NULL;
    if (!policy || policy->unknown) return;
    if (!statements) problem_at(t->problems, policy, "a policy document with Statement is expected here");
    struct template_policy *p = statements ? policy_of(t, r->name, policy) : NULL;
    for (const struct ynode *s = statements && statements->kind == YNODE_LIST ? statements->child : statements; s;
         s = statements->kind == YNODE_LIST ? s->next : NULL)
        add_statement(t, p, s, STR_NULL);
}

/* Is the old form right? *action and *principal get its words. */
static bool check_permission(struct template *t, const struct ynode *n, struct str *action, struct str *principal) {
    const struct ynode *condition = template_get(n, "Condition"), *who = template_get(n, "Principal");
    struct template_request checked;
    *action = template_text(t, template_get(n, "Action"));
    *principal = template_text(t, who);
    if (!action->p || !principal->p) {
        if (!template_has_unknown(n)) problem_at(t->problems, n, "Statement is missing, or Action and Principal");
        return false;
    }
    bool good = account_is_valid(*principal) || str_eqz(*principal, "*");
    if (!good) problem_at(t->problems, who, "an account of 12 digits (in quotes), or \"*\", is expected here");
    if (condition && !condition->unknown) {
        template_begin(&checked);
        template_write(t, &checked.j, condition, "EventBusPolicy.Condition");
        buf_fini(&checked.out);
    }
    return good;
}

static void add_condition(struct template *t, struct json *j, const struct ynode *condition) {
    struct str type = template_text(t, template_get(condition, "Type")), key = template_text(t, template_get(condition, "Key")),
               value = template_text(t, template_get(condition, "Value"));
    if (!type.p || !key.p || !value.p) return;
    json_key(j, STR("Condition"));
    json_object_begin(j);
    json_key(j, type);
    json_object_begin(j);
    json_key(j, key);
    json_str(j, value);
    json_object_end(j);
    json_object_end(j);
}

/* The old form: Action, Principal and Condition. */
static void add_permission(struct template *t, struct template_policy *p, const struct ynode *n, struct str sid) {
    struct str action, principal;
    struct json j;
    if (!check_permission(t, n, &action, &principal) || !p) return;
    if (p->statements.n) buf_addc(&p->statements, ',');
    json_init(&j, &p->statements);
    json_object_begin(&j);
    json_key_str(&j, "Sid", sid);
    json_key_str(&j, "Effect", STR("Allow"));
    if (str_eqz(principal, "*")) {
        json_key_str(&j, "Principal", principal);
    } else {
        json_key(&j, STR("Principal"));
        json_object_begin(&j);
        json_key_str(&j, "AWS", arena_printf(t->arena, "arn:aws:iam::%.*s:root", STR_ARG(principal)));
        json_object_end(&j);
    }
    json_key_str(&j, "Action", action);
    struct str resource = str_starts(p->bus, STR("arn:"))
                              ? p->bus
                              : arena_printf(t->arena, "arn:aws:events:%.*s:%.*s:event-bus/%.*s", STR_ARG(t->options->region),
                                             STR_ARG(t->options->account), STR_ARG(p->bus));
    json_key_str(&j, "Resource", resource);
    if (template_get(n, "Condition")) add_condition(t, &j, template_get(n, "Condition"));
    json_object_end(&j);
}

void template_load_bus_policy(struct template *t, struct template_resource *r) {
    const struct ynode *n = r->properties, *bus = template_get(n, "EventBusName"), *statement = template_get(n, "Statement");
    struct template_request checked;
    template_begin(&checked);
    template_write(t, &checked.j, n, "EventBusPolicy");
    buf_fini(&checked.out);
    struct str sid = template_text(t, template_get(n, "StatementId")), name = bus ? template_text(t, bus) : STR("default");
    if (!sid.p || !name.p) return;
    struct template_policy *p = policy_of(t, name, n);
    if (statement)
        add_statement(t, p, statement, sid);
    else
        add_permission(t, p, n, sid);
}

/* ---- rules ----------------------------------------------------------------------------------------------- */
/* A pattern that stands there as a JSON text: its flaws have their places in that. */
static void check_pattern_text(struct template *t, const struct ynode *n) {
    struct fault why;
    struct pattern *p = NULL;
    if (pattern_parse(n->text, &p, &why)) problem_at(t->problems, n, "%s", why.message);
    pattern_free(p);
}

void template_check_rule(struct template *t, const struct template_rule *rule) {
    struct schedule *s = NULL;
    if (rule->pattern && rule->pattern->kind == YNODE_STRING && template_document(t, rule->pattern).p) check_pattern_text(t, rule->pattern);
    if (rule->pattern && rule->pattern->kind == YNODE_MAP && !template_has_unknown(rule->pattern) &&
        pattern_flaws(rule->pattern, t->problems))
        t->no_memory = true;
    if (rule->schedule.p && schedule_parse(rule->schedule, &s, NULL))
        problem_at(t->problems, rule->node, "'%.*s' is no schedule; rate(5 minutes) and cron(0 12 * * ? *) are", STR_ARG(rule->schedule));
    schedule_free(s);
}

static bool path_is_good(struct template *t, const struct ynode *n, struct str text) {
    struct path *path = NULL;
    struct fault fault;
    bool good = !path_parse(text, &path, &fault);
    if (!good) problem_at(t->problems, n, "%s", fault.message);
    path_free(path);
    return good;
}

/* Input, InputPath and InputTransformer together: at most one, and it must hold. */
static void check_input(struct template *t, const struct ynode *n) {
    const struct ynode *path = template_get(n, "InputPath"), *transformer = template_get(n, "InputTransformer"),
                       *paths = transformer ? template_get(transformer, "InputPathsMap") : NULL;
    struct transform_spec spec = {
        .target_id = template_get(n, "Id") && template_get(n, "Id")->kind < YNODE_LIST ? template_get(n, "Id")->text : n->key};
    struct transform *made = NULL;
    struct fault fault;
    if (template_has_unknown(n)) return;
    spec.input = template_text(t, template_get(n, "Input"));
    spec.input_path = template_text(t, path);
    if (spec.input_path.p && !path_is_good(t, path, spec.input_path)) return;
    struct transform_path *list = template_alloc(t, ((paths ? paths->count : 0) + 1) * sizeof *list);
    for (const struct ynode *c = paths && paths->kind == YNODE_MAP ? paths->child : NULL; c && list; c = c->next) {
        struct str text = template_text(t, c);
        if (!text.p || !path_is_good(t, c, text)) return;
        list[spec.path_count++] = (struct transform_path){c->key, text};
    }
    spec.paths = list;
    if (transformer && transformer->kind == YNODE_MAP) spec.template = template_text(t, template_get(transformer, "InputTemplate"));
    if (transformer && !spec.template.p) return; /* told by the table */
    if (transform_new(&spec, &made, &fault)) problem_at(t->problems, transformer ? transformer : n, "%s", fault.message);
    transform_free(made);
}

/* Checks what the table does not know of a target, and writes it. */
void template_write_target(struct template *t, struct json *j, const struct ynode *n) {
    struct arn arn;
    const struct ynode *where = template_get(n, "Arn"), *kinesis = template_get(n, "KinesisParameters"),
                       *path = kinesis ? template_get(kinesis, "PartitionKeyPath") : NULL;
    json_object_begin(j);
    template_write(t, j, n, "Target");
    json_object_end(j);
    if (where && where->kind == YNODE_STRING && !arn_parse(where->text, &arn))
        problem_at(t->problems, where,
                   "this is not an ARN: arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE; of a resource of this template, Fn::GetAtt gives its Arn");
    if (path && path->kind == YNODE_STRING) path_is_good(t, path, path->text);
    check_input(t, n);
}

/* Does the target name something that was left out? Then it is left out as well, with a warning. */
static bool is_left_out(struct template *t, const struct ynode *target) {
    const struct ynode *arn = template_get(target, "Arn"), *id = template_get(target, "Id");
    struct template_resource *r = arn && arn->kind == YNODE_STRING ? map_get(&t->left_out, arn->text) : NULL;
    if (!r) return false;
    struct str type = template_text(t, template_get(r->node, "Type"));
    problem_at(t->warnings, arn, "the target %.*s is left out: %.*s is an %.*s, which means nothing here", STR_ARG(id ? id->text : STR("")),
               STR_ARG(r->id), STR_ARG(type));
    return true;
}

static void load_targets(struct template *t, struct template_resource *r, const struct ynode *targets, struct str bus, struct str what) {
    size_t count = 0;
    if (!targets || targets->unknown) return;
    if (targets->kind != YNODE_LIST) {
        problem_at(t->problems, targets, "a list of targets is expected here");
        return;
    }
    struct template_request q;
    template_begin(&q);
    template_member(&q, "Rule", r->name);
    template_member(&q, "EventBusName", bus);
    json_key(&q.j, STR("Targets"));
    json_array_begin(&q.j);
    for (const struct ynode *n = targets->child; n; n = n->next) {
        if (n->unknown) continue;
        if (n->kind != YNODE_MAP) {
            problem_at(t->problems, n, "a target is a mapping with Id and Arn");
            continue;
        }
        if (is_left_out(t, n)) continue;
        template_write_target(t, &q.j, n);
        count++;
    }
    json_array_end(&q.j);
    if (count)
        template_declare(t, &q, "events.PutTargets", NULL, targets, arena_printf(t->arena, "targets of %.*s", STR_ARG(what)));
    else
        buf_fini(&q.out);
}

void template_load_rule(struct template *t, struct template_resource *r) {
    const struct ynode *n = r->properties, *pattern = template_get(n, "EventPattern"), *schedule = template_get(n, "ScheduleExpression"),
                       *bus = template_get(n, "EventBusName");
    struct template_request q;
    template_begin(&q);
    template_member(&q, "Name", r->name);
    template_write(t, &q.j, n, "Rule");
    struct str bus_name = bus ? template_text(t, bus) : STR("default");
    if (!pattern && !schedule) problem_at(t->problems, n, "a rule has EventPattern, ScheduleExpression, or both");
    struct template_rule rule = {.pattern = pattern, .schedule = template_text(t, schedule), .node = schedule};
    template_check_rule(t, &rule);
    struct str what = arena_printf(t->arena, "rule %.*s on event bus %.*s of account %.*s", STR_ARG(r->name), STR_ARG(bus_name),
                                   STR_ARG(t->options->account));
    template_declare(t, &q, "events.PutRule", NULL, n, what);
    load_targets(t, r, template_get(n, "Targets"), bus_name, what);
}

/* ---- archives, connections, API destinations ------------------------------------------------------------- */
void template_load_archive(struct template *t, struct template_resource *r) {
    const struct ynode *n = r->properties, *source = template_get(n, "SourceArn"), *pattern = template_get(n, "EventPattern");
    struct arn arn;
    struct template_request q;
    template_begin(&q);
    template_member(&q, "ArchiveName", r->name);
    template_write(t, &q.j, n, "Archive");
    if (!pattern) template_member(&q, "EventPattern", STR("")); /* what is left out goes from an archive that is there */
    if (!template_get(n, "Description")) template_member(&q, "Description", STR(""));
    if (!template_get(n, "RetentionDays")) json_key_i64(&q.j, "RetentionDays", 0);
    struct str bus = template_text(t, source);
    if (bus.p && (!arn_parse(bus, &arn) || !arn_name(&arn, "event-bus").n))
        problem_at(t->problems, source, "the ARN of an event bus is expected here");
    template_member(&q, "EventSourceArn", bus);
    template_check_rule(t, &(struct template_rule){.pattern = pattern});
    template_declare(t, &q, "events.CreateArchive", "events.UpdateArchive", n, WHAT(t, "archive", r->name));
}

void template_load_connection(struct template *t, struct template_resource *r) {
    struct template_request q;
    template_begin(&q);
    template_member(&q, "Name", r->name);
    template_write(t, &q.j, r->properties, "Connection");
    template_declare(t, &q, "events.CreateConnection", "events.UpdateConnection", r->properties, WHAT(t, "connection", r->name));
}

void template_load_destination(struct template *t, struct template_resource *r) {
    struct template_request q;
    template_begin(&q);
    template_member(&q, "Name", r->name);
    template_write(t, &q.j, r->properties, "ApiDestination");
    template_declare(t, &q, "events.CreateApiDestination", "events.UpdateApiDestination", r->properties,
                     WHAT(t, "API destination", r->name));
}
