#include "evaluate.h"

#include <stdio.h>

#include "arn.h"
#include "compiled.h"

/* ---- one value against one operand ----------------------------------------------------------------------------------------------------
 */
/* ARNs are compared part by part: a * does not reach over a colon, except within the resource. The pattern is an ARN or "*". */
static bool arn_like(struct str pattern, struct str text) {
    struct arn p, t;
    if (!arn_parse(pattern, &p)) return str_eqz(pattern, "*");
    if (!arn_parse(text, &t)) return false;
    return glob_match(p.partition, t.partition, false) && glob_match(p.service, t.service, false) &&
           glob_match(p.region, t.region, false) && glob_match(p.account, t.account, false) && glob_match(p.resource, t.resource, false);
}

static bool compare_number(enum comparison c, struct str text, double limit) {
    double v;
    if (!number_parse(text, &v)) return false;
    switch (c) {
    case COMPARE_NUMBER_LT: return v < limit;
    case COMPARE_NUMBER_LE: return v <= limit;
    case COMPARE_NUMBER_GT: return v > limit;
    case COMPARE_NUMBER_GE: return v >= limit;
    default: return v >= limit && v <= limit;
    }
}

static bool compare_date(enum comparison c, struct str text, int64_t limit) {
    int64_t v;
    if (!date_parse(text, &v)) return false;
    switch (c) {
    case COMPARE_DATE_LT: return v < limit;
    case COMPARE_DATE_LE: return v <= limit;
    case COMPARE_DATE_GT: return v > limit;
    case COMPARE_DATE_GE: return v >= limit;
    default: return v == limit;
    }
}

static bool compare(enum comparison c, struct str value, const struct operand *o) {
    switch (c) {
    case COMPARE_STRING: return str_eq(value, o->text);
    case COMPARE_STRING_NOCASE: return str_eq_nocase(value, o->text);
    case COMPARE_LIKE: return glob_match(o->text, value, false);
    case COMPARE_ARN: return arn_like(o->text, value);
    case COMPARE_NUMBER_EQ:
    case COMPARE_NUMBER_LT:
    case COMPARE_NUMBER_LE:
    case COMPARE_NUMBER_GT:
    case COMPARE_NUMBER_GE: return compare_number(c, value, o->number);
    case COMPARE_DATE_EQ:
    case COMPARE_DATE_LT:
    case COMPARE_DATE_LE:
    case COMPARE_DATE_GT:
    case COMPARE_DATE_GE: return compare_date(c, value, o->date_ms);
    case COMPARE_BOOL: return str_eq_nocase(value, o->flag ? STR("true") : STR("false"));
    case COMPARE_IP: return network_holds(&o->network, value);
    case COMPARE_NULL: break;
    }
    return false;
}

/* Does the value meet the condition: one of the operands, or with a negated operator none of them? */
static bool value_meets(const struct condition *c, struct str value) {
    bool any = false;
    for (size_t i = 0; i < c->operand_count && !any; i++) any = compare(c->comparison, value, &c->operands[i]);
    return any != c->negated;
}

static bool condition_holds(const struct condition *c, const struct policy_request *request) {
    const struct policy_key *key = NULL;
    for (size_t i = 0; i < request->key_count && !key; i++)
        if (request->keys[i].count && str_eq_nocase(request->keys[i].name, c->key)) key = &request->keys[i];
    if (c->comparison == COMPARE_NULL) {
        bool any = false;
        for (size_t i = 0; i < c->operand_count; i++) any |= c->operands[i].flag == !key;
        return any;
    }
    if (!key) return c->if_exists || (c->quantifier == ALL_VALUES) || (c->negated && c->quantifier == ONE_VALUE);
    size_t met = 0;
    for (size_t i = 0; i < key->count; i++) met += value_meets(c, key->values[i]);
    if (c->quantifier == ANY_VALUE) return met > 0;
    if (c->quantifier == ALL_VALUES) return met == key->count;
    return key->count == 1 ? met : c->negated; /* a plain operator compares one value: several equal nothing ("either, not both") */
}

/* ---- statements
 * ---------------------------------------------------------------------------------------------------------------------------- */
static bool principal_is(const struct principal *p, const struct policy_request *request) {
    switch (p->kind) {
    case PRINCIPAL_ANYBODY: return true;
    case PRINCIPAL_ACCOUNT: return str_eq(p->text, request->principal_account);
    case PRINCIPAL_ARN: return request->principal_arn.p && str_eq(p->text, request->principal_arn);
    case PRINCIPAL_SERVICE: return request->service.p && str_eq(p->text, request->service);
    }
    return false;
}

static bool speaks_of_principal(const struct policy *p, const struct statement *s, const struct policy_request *request) {
    if (p->kind == POLICY_IDENTITY) return true;
    bool any = false;
    for (size_t i = 0; i < s->principal_count && !any; i++) any = principal_is(&s->principals[i], request);
    return any != s->not_principal;
}

static bool in_scope(const struct texts *scope, struct str text, bool ignore_case) {
    if (!scope->given) return true;
    bool any = false;
    for (size_t i = 0; i < scope->count && !any; i++) any = glob_match(scope->items[i], text, ignore_case);
    return any != scope->negated;
}

static bool applies(const struct policy *p, const struct statement *s, const struct policy_request *request) {
    if (!in_scope(&s->actions, request->action, true) || !in_scope(&s->resources, request->resource, false) ||
        !speaks_of_principal(p, s, request))
        return false;
    for (size_t i = 0; i < s->condition_count; i++)
        if (!condition_holds(&s->conditions[i], request)) return false;
    return true;
}

static enum policy_verdict eval(const struct policy *p, const struct policy_request *request, size_t *which) {
    enum policy_verdict verdict = POLICY_SILENT;
    for (size_t i = 0; p && i < p->statement_count; i++) {
        if (!applies(p, &p->statements[i], request)) continue;
        *which = i;
        if (!p->statements[i].allow) return POLICY_DENY;
        verdict = POLICY_ALLOW;
    }
    return verdict;
}

enum policy_verdict policy_eval(const struct policy *p, const struct policy_request *request) {
    size_t which;
    return eval(p, request, &which);
}

static bool refused(struct policy_reason *why, enum policy_reason_code code, const struct policy *p, size_t which) {
    why->code = code;
    why->statement[0] = 0;
    if (p && p->statements[which].sid.p)
        snprintf(why->statement, sizeof why->statement, "%.*s", STR_ARG(p->statements[which].sid));
    else if (p)
        snprintf(why->statement, sizeof why->statement, "Statement[%zu]", which);
    return false;
}

bool policy_authorize(const struct policy *identity, const struct policy *resource, const struct policy_request *request,
                      struct str owner_account, struct policy_reason *why) {
    size_t which = 0;
    enum policy_verdict own = eval(identity, request, &which);
    if (own == POLICY_DENY) return refused(why, REASON_IDENTITY_DENY, identity, which);
    enum policy_verdict theirs = eval(resource, request, &which);
    if (theirs == POLICY_DENY) return refused(why, REASON_RESOURCE_DENY, resource, which);
    if (identity && own != POLICY_ALLOW) return refused(why, REASON_IDENTITY_SILENT, NULL, 0);
    bool same = str_eq(owner_account, request->principal_account);
    if (!same && theirs != POLICY_ALLOW) return refused(why, resource ? REASON_RESOURCE_SILENT : REASON_NO_RESOURCE_POLICY, NULL, 0);
    why->code = REASON_NONE;
    why->statement[0] = 0;
    return true;
}

void policy_reason_text(const struct policy_reason *why, char *out, size_t size) {
    switch (why->code) {
    case REASON_NONE: snprintf(out, size, "%s", ""); break;
    case REASON_IDENTITY_DENY: snprintf(out, size, "with an explicit deny in the access key's policy (%s)", why->statement); break;
    case REASON_IDENTITY_SILENT: snprintf(out, size, "because the access key's policy does not allow the action"); break;
    case REASON_RESOURCE_DENY: snprintf(out, size, "with an explicit deny in the resource's policy (%s)", why->statement); break;
    case REASON_RESOURCE_SILENT: snprintf(out, size, "because no statement of the resource's policy allows the action"); break;
    case REASON_NO_RESOURCE_POLICY:
        snprintf(out, size, "because the resource belongs to another account and has no policy that allows the action");
        break;
    }
}
