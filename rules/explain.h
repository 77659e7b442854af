/* Why did a pattern match an event, or not: for every field what the pattern wanted, what the event had, and the nearest miss.
 *
 * The verdicts are the plain evaluator's (rules/eval.c): each field, each conjunction and the whole are asked there; here is only found out
 * what people want to know beside them. Sentences quote values as JSON does, cut at EXPLAIN_VALUE_BYTES. Pure; any thread, each with its
 * own arena. */
#ifndef RULES_EXPLAIN_H
#define RULES_EXPLAIN_H

#include "pattern.h"

enum {
    EXPLAIN_BRANCHES_MAX = 20, /* conjunctions that are told of: the closest ones */
    EXPLAIN_FIELDS_MAX = 200,  /* fields that are told of in each: those that fail come first when there are more */
    EXPLAIN_VALUE_BYTES = 80,  /* of a value that is quoted */
    EXPLAIN_DISTANCE_MAX = 1000
};

enum explain_code {
    EXPLAIN_MATCHED,
    EXPLAIN_NO_FIELD,   /* nothing at the path */
    EXPLAIN_NO_VALUE,   /* an object or an array without scalars there */
    EXPLAIN_WRONG_TYPE, /* it would match, were it not a string, or were it one */
    EXPLAIN_WRONG_VALUE,
    EXPLAIN_EXCLUDED,  /* by anything-but */
    EXPLAIN_NOT_ABSENT /* exists: false, and there is a value */
};
/* "NoField", as the JSON has it. */
const char *explain_code_name(enum explain_code code);

struct explain_field {
    struct str path;
    enum explain_code code;
    struct str wanted; /* one of "running", "stopped" */
    struct str had;    /* "runing"; no such field */
    struct str at;     /* where the value told of stands: detail.items[2].state; absent without one */
    struct str hint;   /* nearest: "running", 1 edit; absent: nothing to say */
    unsigned distance; /* 0 matched, EXPLAIN_DISTANCE_MAX nothing alike */
};

/* One conjunction: one combination of $or branches. */
struct explain_branch {
    bool matched;
    size_t number; /* from 1, in the order of the pattern */
    struct explain_field *fields;
    size_t count, total; /* total: with those past EXPLAIN_FIELDS_MAX */
    size_t failing;
    struct str conflict; /* every field matches by itself, but not all of them in the same array elements: which; absent otherwise */
    unsigned distance;   /* the fields' mean */
};

struct explanation {
    bool matched;
    struct str reason;               /* the one line why not; absent when it matched */
    struct explain_branch *branches; /* the one that matched first, then the closest first */
    size_t count, total;
};

/* Explains one pattern. `event` comes from doc_parse; everything lives in `a`, strings may point into pattern and event. *out is defined on
 * ERR_OK only. Errors: those of pattern_match: ERR_LIMIT also when the fields one by one take too much work (thousands of them, on an event
 * of a hundred thousand values), ERR_NOMEM. Of very many values and alternatives the first ones are compared for hints. */
enum err explain(const struct pattern *p, const struct node *event, struct arena *a, struct explanation *out) MUST_USE;

/* A quick look at how close a pattern that did not match came: the mean distance of the fields of its closest conjunction, 0 to
 * EXPLAIN_DISTANCE_MAX, for choosing what to explain in full. Looks at few values and alternatives only. Without memory:
 * EXPLAIN_DISTANCE_MAX. */
unsigned explain_distance(const struct pattern *p, const struct node *event);

/* Appends "detail.state: wanted one of "running", "stopped"; had "runing" (nearest: "running", 1 edit)". */
void explain_line(const struct explain_field *field, struct buf *out);
/* Appends the whole as a JSON object, in the form of the API's Explanation (bus/api/model/explanation.c). */
void explain_json(const struct explanation *e, struct buf *out);

#endif
