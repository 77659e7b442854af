/* Operations of our own beside EventBridge's: why did an event match, or not. */
#ifndef MODEL_EXPLANATION_H
#define MODEL_EXPLANATION_H

#include "operation.h"

/* Of the service "events"; ended by a row whose name is NULL. */
extern const struct operation explain_operations[];
/* The form of rules/explain.h's JSON: events_explanation. */
extern const struct shape explanation_shape;

struct events_explained_field {
    struct str path, code, wanted, had, at, hint;
    struct opt_bool matched;
};
struct events_explained_branch {
    struct opt_i64 number, field_count;
    struct opt_bool matched;
    struct str conflict;
    struct list fields; /* events_explained_field */
};
struct events_explanation {
    struct opt_bool matched;
    struct str reason;
    struct opt_i64 branch_count;
    struct list branches; /* events_explained_branch */
};

struct events_explain_rule {
    struct str rule, bus, pattern, event; /* a rule, or a pattern */
};
struct events_explain_rule_answer {
    struct opt_bool result;
    struct str rule_arn, state, filled; /* absent rule_arn and state: a pattern was given */
    struct events_explanation *explanation;
};

struct events_explain_event {
    struct str bus, event;
    struct opt_i64 closest;
};
struct events_matching_rule {
    struct str name, state;
};
struct events_close_rule {
    struct str name, state, reason;
    struct opt_i64 distance;
};
struct events_explain_event_answer {
    struct opt_bool result;
    struct opt_i64 matched_count, rules_examined, rule_count;
    struct str filled;
    struct list matched; /* events_matching_rule */
    struct list closest; /* events_close_rule */
};

#endif
