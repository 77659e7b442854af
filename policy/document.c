#include "document.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "arn.h"
#include "compiled.h"

enum { STATEMENTS_MAX = 1000, VALUES_MAX = 10000 };

static const char *const condition_keys[] = {
    "events:source", "events:detail-type", "events:creatorAccount", "events:eventBusInvocation", "events:TargetArn",
    "aws:SourceArn", "aws:SourceAccount",  "aws:PrincipalAccount",  "aws:PrincipalOrgID",        "aws:PrincipalArn",
    "aws:SourceIp",  "aws:CurrentTime",    "aws:EpochTime",         "aws:SecureTransport",       NULL};

static const struct {
    const char *name;
    enum comparison comparison;
    bool negated;
} operators[] = {
#define K(name, comparison, negated) {name, comparison, negated},
#include "conditions.def"
#undef K
};
enum { OPERATORS = sizeof operators / sizeof operators[0] };

/* What compiling needs at hand: the policy, where we are, and where to complain. */
struct reader {
    struct policy *p;
    struct fault *fault;
    char path[160];
};

/* A name was cut in the middle of a character: those bytes go. */
static void whole_characters(char *text) {
    struct str s = str_from(text);
    size_t kept = 0;
    for (size_t at = 0; at < s.n;) {
        size_t n = 1;
        while (at + n < s.n && ((unsigned char)text[at + n] & 0xC0) == 0x80) n++;
        if (str_is_utf8(str_of(text + at, n))) {
            memmove(text + kept, text + at, n);
            kept += n;
        }
        at += n;
    }
    text[kept] = 0;
}

static enum err bad(struct reader *r, const char *member, const char *format, ...) __attribute__((format(printf, 3, 4)));
static enum err bad(struct reader *r, const char *member, const char *format, ...) {
    char what[1024], where[192];
    va_list ap;
    va_start(ap, format);
    vsnprintf(what, sizeof what, format, ap);
    va_end(ap);
    whole_characters(what);
    snprintf(where, sizeof where, "%s%s%s", r->path, r->path[0] && member[0] && member[0] != '[' ? "." : "", member);
    whole_characters(where);
    return fault_at(r->fault, ERR_VALIDATION, where, 0, 0, "Policy is not valid: %s%s%s.", where, where[0] ? ": " : "", what);
}

static enum err no_memory(struct reader *r) { return fault_set(r->fault, ERR_NOMEM, NULL); }
static struct str text_of(const json_t *v) { return str_of(json_string_value(v), json_string_length(v)); }

/* A string, or a list of strings, copied. At least one. */
static enum err read_texts(struct reader *r, const char *name, const json_t *v, struct texts *out) {
    size_t n = json_is_array(v) ? json_array_size(v) : 1;
    if (!n) return bad(r, name, "is an empty list; name at least one value");
    if (n > VALUES_MAX) return bad(r, name, "has more than %d values", VALUES_MAX);
    out->items = arena_array(&r->p->arena, n, sizeof *out->items);
    if (!out->items) return no_memory(r);
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_is_array(v) ? json_array_get(v, i) : v;
        if (!json_is_string(item)) return bad(r, name, "must be a string or a list of strings");
        if (strstr(json_string_value(item), "${")) return bad(r, name, "policy variables (${...}) are not supported");
        if (!(out->items[i] = arena_str(&r->p->arena, text_of(item))).p) return no_memory(r);
    }
    out->count = n;
    out->given = true;
    return ERR_OK;
}

/* ---- conditions --------------------------------------------------------------------------------------------------------------------- */
static const char *prepare(enum comparison comparison, struct operand *o) {
    struct arn arn;
    switch (comparison) {
    case COMPARE_NUMBER_EQ:
    case COMPARE_NUMBER_LT:
    case COMPARE_NUMBER_LE:
    case COMPARE_NUMBER_GT:
    case COMPARE_NUMBER_GE: return number_parse(o->text, &o->number) ? NULL : "a number";
    case COMPARE_DATE_EQ:
    case COMPARE_DATE_LT:
    case COMPARE_DATE_LE:
    case COMPARE_DATE_GT:
    case COMPARE_DATE_GE: return date_parse(o->text, &o->date_ms) ? NULL : "a date like 2026-05-01T00:00:00Z, or seconds since 1970";
    case COMPARE_BOOL:
    case COMPARE_NULL:
        o->flag = str_eq_nocase(o->text, STR("true"));
        return o->flag || str_eq_nocase(o->text, STR("false")) ? NULL : "true or false";
    case COMPARE_IP: return network_parse(o->text, &o->network) ? NULL : "an address or a network like 10.0.0.0/8";
    case COMPARE_ARN:
        return str_eqz(o->text, "*") || arn_parse(o->text, &arn) ? NULL : "an ARN of six parts (* and ? may stand in each), or *";
    case COMPARE_STRING:
    case COMPARE_STRING_NOCASE:
    case COMPARE_LIKE: break;
    }
    return NULL;
}

/* A condition's value may be written as a string, a boolean or a number. */
static struct str scalar_text(struct arena *a, const json_t *v) {
    if (json_is_string(v)) return arena_str(a, text_of(v));
    if (json_is_boolean(v)) return json_is_true(v) ? STR("true") : STR("false");
    if (json_is_integer(v)) return arena_printf(a, "%lld", (long long)json_integer_value(v));
    if (json_is_real(v)) return arena_printf(a, "%.17g", json_real_value(v));
    return STR_NULL;
}

static enum err read_operands(struct reader *r, const char *at, const json_t *v, struct condition *c) {
    size_t n = json_is_array(v) ? json_array_size(v) : 1;
    if (!n || n > VALUES_MAX) return bad(r, at, "must have 1 to %d values", VALUES_MAX);
    c->operands = arena_array(&r->p->arena, n, sizeof *c->operands);
    if (!c->operands) return no_memory(r);
    for (size_t i = 0; i < n; i++) {
        struct operand *o = &c->operands[i];
        o->text = scalar_text(&r->p->arena, json_is_array(v) ? json_array_get(v, i) : v);
        if (!o->text.p) return bad(r, at, "must be a string, a number, a boolean, or a list of them");
        if (str_find(o->text, '$', 0) + 1 < o->text.n && o->text.p[str_find(o->text, '$', 0) + 1] == '{')
            return bad(r, at, "policy variables (${...}) are not supported");
        const char *wanted = prepare(c->comparison, o);
        if (wanted) return bad(r, at, "'%.*s' is not %s", STR_ARG(o->text), wanted);
    }
    c->operand_count = n;
    return ERR_OK;
}

static bool strip_prefix(struct str *s, const char *prefix) {
    if (!str_starts(*s, str_from(prefix))) return false;
    *s = str_skip(*s, strlen(prefix));
    return true;
}

static enum err read_operator(struct reader *r, const char *name, struct condition *c) {
    struct str s = str_from(name);
    c->quantifier = strip_prefix(&s, "ForAnyValue:") ? ANY_VALUE : strip_prefix(&s, "ForAllValues:") ? ALL_VALUES : ONE_VALUE;
    c->if_exists = str_ends(s, STR("IfExists"));
    if (c->if_exists) s.n -= 8;
    for (size_t i = 0; i < OPERATORS; i++) {
        if (!str_eqz(s, operators[i].name)) continue;
        c->comparison = operators[i].comparison;
        c->negated = operators[i].negated;
        if (c->comparison == COMPARE_NULL && (c->if_exists || c->quantifier != ONE_VALUE)) break;
        return ERR_OK;
    }
    char known[900] = "";
    size_t n = 0;
    for (size_t i = 0; i < OPERATORS; i++) n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", operators[i].name);
    char at[120];
    snprintf(at, sizeof at, "Condition.%s", name);
    return bad(r, at, "is no condition operator; known are %s, all but Null also with IfExists, ForAnyValue: and ForAllValues:", known);
}

static enum err read_key(struct reader *r, const char *at, const char *name, struct condition *c) {
    for (size_t i = 0; condition_keys[i]; i++)
        if (str_eq_nocase(str_from(name), str_from(condition_keys[i]))) {
            c->key = str_from(condition_keys[i]);
            return ERR_OK;
        }
    char known[512] = "";
    size_t n = 0;
    for (size_t i = 0; condition_keys[i]; i++) n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", condition_keys[i]);
    return bad(r, at, "is no condition key; known are %s", known);
}

static enum err read_conditions(struct reader *r, json_t *v, struct statement *s) {
    if (!json_is_object(v)) return bad(r, "Condition", "must be an object of operators");
    size_t n = 0;
    const char *op, *key;
    json_t *keys, *value;
    json_object_foreach(v, op, keys) {
        if (!json_is_object(keys)) return bad(r, "Condition", "%.60s must be an object of condition keys", op);
        n += json_object_size(keys);
    }
    s->conditions = arena_array(&r->p->arena, n, sizeof *s->conditions);
    if (!s->conditions) return no_memory(r);
    json_object_foreach(v, op, keys) {
        json_object_foreach(keys, key, value) {
            struct condition *c = &s->conditions[s->condition_count++];
            char at[160];
            snprintf(at, sizeof at, "Condition.%.60s.%.60s", op, key);
            enum err err = read_operator(r, op, c);
            if (!err) err = read_key(r, at, key, c);
            if (!err) err = read_operands(r, at, value, c);
            if (err) return err;
        }
    }
    return ERR_OK;
}

/* ---- principals ------------------------------------------------------------------------------------------------------------------------
 */
static enum err read_aws_principal(struct reader *r, const char *name, struct str text, struct principal *p) {
    struct arn arn;
    *p = (struct principal){PRINCIPAL_ARN, text};
    if (str_eqz(text, "*"))
        p->kind = PRINCIPAL_ANYBODY;
    else if (account_is_valid(text))
        p->kind = PRINCIPAL_ACCOUNT;
    else if (!arn_parse(text, &arn) || (!str_eqz(arn.service, "iam") && !str_eqz(arn.service, "sts")) || !account_is_valid(arn.account))
        return bad(r, name, "'%.*s' is no principal: an account of 12 digits, the ARN of an account, user or role, or \"*\"",
                   STR_ARG(text));
    else if (str_eqz(arn.resource, "root"))
        *p = (struct principal){PRINCIPAL_ACCOUNT, arn.account};
    return ERR_OK;
}

static enum err read_principals(struct reader *r, const char *name, json_t *v, struct statement *s) {
    struct texts aws = {0}, services = {0};
    enum err err = ERR_OK;
    const char *kind;
    json_t *value;
    if (json_is_string(v) && strcmp(json_string_value(v), "*") == 0) {
        err = read_texts(r, name, v, &aws);
    } else if (json_is_object(v) && json_object_size(v)) {
        json_object_foreach(v, kind, value) {
            if (strcmp(kind, "AWS") == 0)
                err = read_texts(r, name, value, &aws);
            else if (strcmp(kind, "Service") == 0)
                err = read_texts(r, name, value, &services);
            else
                err = bad(r, name, "'%.60s' is no kind of principal here; known are AWS and Service", kind);
            if (err) return err;
        }
    } else {
        return bad(r, name, "must be \"*\", {\"AWS\": ...} or {\"Service\": ...}");
    }
    if (err) return err;
    s->principals = arena_array(&r->p->arena, aws.count + services.count, sizeof *s->principals);
    if (!s->principals) return no_memory(r);
    for (size_t i = 0; i < aws.count && !err; i++) err = read_aws_principal(r, name, aws.items[i], &s->principals[s->principal_count++]);
    for (size_t i = 0; i < services.count; i++)
        s->principals[s->principal_count++] = (struct principal){PRINCIPAL_SERVICE, services.items[i]};
    return err;
}

/* ---- statements
 * -------------------------------------------------------------------------------------------------------------------------- */
/* The one of two members that is there, e.g. Action or NotAction; NULL when neither is. */
static enum err either(struct reader *r, const json_t *v, const char *plain, const char *negated, json_t **found, bool *is_negated) {
    json_t *a = json_object_get(v, plain), *b = json_object_get(v, negated);
    if (a && b) return bad(r, negated, "cannot stand beside %s", plain);
    *found = a ? a : b;
    *is_negated = b;
    return ERR_OK;
}

static enum err read_scope(struct reader *r, const json_t *v, const char *plain, const char *negated, bool required, struct texts *out) {
    json_t *found = NULL;
    bool is_negated = false;
    enum err err = either(r, v, plain, negated, &found, &is_negated);
    if (err) return err;
    if (!found) return required ? bad(r, plain, "is missing") : ERR_OK;
    out->negated = is_negated;
    return read_texts(r, is_negated ? negated : plain, found, out);
}

static enum err read_who(struct reader *r, const json_t *v, struct statement *s) {
    json_t *found = NULL;
    enum err err = either(r, v, "Principal", "NotPrincipal", &found, &s->not_principal);
    if (err) return err;
    const char *name = s->not_principal ? "NotPrincipal" : "Principal";
    if (r->p->kind == POLICY_IDENTITY) return found ? bad(r, name, "cannot stand in the policy of an access key") : ERR_OK;
    return found ? read_principals(r, name, found, s) : bad(r, "Principal", "is missing: whom does the statement speak of?");
}

static enum err known_members(struct reader *r, json_t *v, const char *const *known) {
    const char *name;
    json_t *value;
    json_object_foreach(v, name, value) {
        (void)value;
        size_t i = 0;
        while (known[i] && strcmp(known[i], name) != 0) i++;
        if (!known[i])
            return bad(r, name,
                       "is not known here; known are Sid, Effect, Principal, NotPrincipal, Action, NotAction, Resource, NotResource and "
                       "Condition in a statement, Version, Id and Statement around it");
    }
    return ERR_OK;
}

static enum err read_action_names(struct reader *r, const struct texts *actions) {
    for (size_t i = 0; i < actions->count; i++) {
        struct str a = actions->items[i];
        size_t colon = str_find(a, ':', 0);
        if (!str_eqz(a, "*") && (colon == 0 || colon + 1 >= a.n))
            return bad(r, actions->negated ? "NotAction" : "Action", "'%.*s' is no action: service:Name, like events:PutEvents",
                       STR_ARG(a));
    }
    return ERR_OK;
}

static enum err read_statement(struct reader *r, json_t *v, struct statement *s) {
    static const char *const known[] = {"Sid",       "Effect",   "Principal",   "NotPrincipal", "Action",
                                        "NotAction", "Resource", "NotResource", "Condition",    NULL};
    if (!json_is_object(v)) return bad(r, "", "must be an object");
    enum err err = known_members(r, v, known);
    json_t *sid = json_object_get(v, "Sid"), *effect = json_object_get(v, "Effect"), *condition = json_object_get(v, "Condition");
    if (!err && sid && !json_is_string(sid)) err = bad(r, "Sid", "must be a string");
    if (!err && sid && !(s->sid = arena_str(&r->p->arena, text_of(sid))).p) err = no_memory(r);
    const char *e = json_string_value(effect);
    if (!err && (!e || (strcmp(e, "Allow") != 0 && strcmp(e, "Deny") != 0))) err = bad(r, "Effect", "must be \"Allow\" or \"Deny\"");
    if (!err) {
        s->allow = strcmp(e, "Allow") == 0;
        err = read_who(r, v, s);
    }
    if (!err) err = read_scope(r, v, "Action", "NotAction", true, &s->actions);
    if (!err) err = read_action_names(r, &s->actions);
    if (!err) err = read_scope(r, v, "Resource", "NotResource", r->p->kind == POLICY_IDENTITY, &s->resources);
    if (!err && condition) err = read_conditions(r, condition, s);
    return err;
}

static enum err read_policy(struct reader *r, json_t *root) {
    static const char *const known[] = {"Version", "Id", "Statement", NULL};
    if (!json_is_object(root)) return bad(r, "", "a policy document is a JSON object");
    enum err err = known_members(r, root, known);
    if (err) return err;
    const json_t *version = json_object_get(root, "Version"), *id = json_object_get(root, "Id");
    const char *v = json_string_value(version);
    if (version && (!v || (strcmp(v, "2012-10-17") != 0 && strcmp(v, "2008-10-17") != 0)))
        return bad(r, "Version", "must be \"2012-10-17\" or \"2008-10-17\"");
    if (id && !json_is_string(id)) return bad(r, "Id", "must be a string");
    json_t *list = json_object_get(root, "Statement");
    size_t n = json_is_array(list) ? json_array_size(list) : 1;
    if (!list || (!json_is_array(list) && !json_is_object(list))) return bad(r, "Statement", "must be a statement or a list of statements");
    if (n > STATEMENTS_MAX) return bad(r, "Statement", "has more than %d statements", STATEMENTS_MAX);
    r->p->statements = arena_array(&r->p->arena, n, sizeof *r->p->statements);
    if (!r->p->statements) return no_memory(r);
    for (size_t i = 0; i < n && !err; i++) {
        if (json_is_array(list))
            snprintf(r->path, sizeof r->path, "Statement[%zu]", i);
        else
            snprintf(r->path, sizeof r->path, "Statement");
        err = read_statement(r, json_is_array(list) ? json_array_get(list, i) : list, &r->p->statements[r->p->statement_count++]);
    }
    return err;
}

enum err policy_parse(struct str text, enum policy_kind kind, struct policy **out, struct fault *fault) {
    *out = NULL;
    json_error_t where;
    json_t *root = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &where);
    if (!root)
        return fault_at(fault, ERR_VALIDATION, "policy", where.line, where.column, "Policy is not valid JSON: line %d, column %d: %s.",
                        where.line, where.column, where.text);
    struct policy *p = calloc(1, sizeof *p);
    enum err err = p ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
    if (p) {
        arena_init(&p->arena, 0);
        p->kind = kind;
        struct reader r = {.p = p, .fault = fault};
        err = read_policy(&r, root);
    }
    json_decref(root);
    if (err)
        policy_free(p);
    else
        *out = p;
    return err;
}

void policy_free(struct policy *p) {
    if (!p) return;
    arena_fini(&p->arena);
    free(p);
}

/* "arn:...:event-bus/NAME" holds itself and "arn:...:rule/NAME/..." ("rule/..." for the default bus). A resource with wildcards is taken
 * when it can mean only this bus: its part up to the resource is literal. */
static bool resource_is_of_bus(struct str resource, const struct arn *bus) {
    struct arn arn;
    if (!arn_parse(resource, &arn) || !str_eq(arn.partition, bus->partition) || !str_eq(arn.service, bus->service) ||
        !str_eq(arn.region, bus->region) || !str_eq(arn.account, bus->account))
        return false;
    if (str_eq(arn.resource, bus->resource)) return true;
    struct str path = arn_name(&arn, "rule"), name = arn_name(bus, "event-bus");
    if (!path.p) return false;
    if (str_eqz(name, "default")) return str_find(path, '/', 0) == path.n;
    return str_starts(path, name) && path.n > name.n && path.p[name.n] == '/';
}

enum err policy_names_bus(struct str json, struct str bus_arn, struct fault *fault) {
    struct policy *p;
    struct arn bus;
    enum err err = policy_parse(json, POLICY_RESOURCE, &p, fault);
    if (err) return err;
    bool known = arn_parse(bus_arn, &bus);
    for (size_t i = 0; known && i < p->statement_count && !err; i++) {
        const struct texts *resources = &p->statements[i].resources;
        for (size_t k = 0; k < resources->count && !err; k++)
            if (!resource_is_of_bus(resources->items[k], &bus))
                err = fault_at(fault, ERR_VALIDATION, "policy", 0, 0,
                               "Policy is not valid: Statement[%zu].Resource: '%.*s' is neither this event bus (%.*s) nor a rule on it.", i,
                               STR_ARG(resources->items[k]), STR_ARG(bus_arn));
    }
    policy_free(p);
    return err;
}
