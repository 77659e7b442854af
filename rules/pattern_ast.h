/* What a compiled pattern is made of: for the evaluator, a compiled matcher, explain and lint. All of it is read-only.
 *
 * A pattern matches an event when one of its conjunctions does; a conjunction, when each of its fields does, consistently over arrays;
 * a field, when one of its alternatives takes one of the values at its path, or when it admits absence and there is no value. */
#ifndef RULES_PATTERN_AST_H
#define RULES_PATTERN_AST_H

#include "address.h"
#include "number.h"
#include "pattern.h"
#include "wildcard.h"

enum pattern_kind {
    PATTERN_STRING, /* .text; .address when it is an IP literal */
    PATTERN_NUMBER, /* .number; .held */
    PATTERN_NULL,
    PATTERN_FALSE,
    PATTERN_TRUE,
    PATTERN_PREFIX, /* .text */
    PATTERN_SUFFIX, /* .text */
    PATTERN_FOLDED, /* equals-ignore-case; .text is folded, here and in the next two */
    PATTERN_PREFIX_FOLDED,
    PATTERN_SUFFIX_FOLDED,
    PATTERN_WILDCARD, /* .wildcard; .text as written */
    PATTERN_RANGE,    /* .range */
    PATTERN_CIDR,     /* .address, .bits; .text as written */
    PATTERN_PRESENT,  /* exists: true */
    PATTERN_ABSENT    /* exists: false; takes no value */
};

struct pattern_range { /* numeric; "=" has the same bound twice */
    struct number lower, upper;
    bool has_lower, has_upper, lower_open, upper_open;
};

struct pattern_test {
    enum pattern_kind kind;
    struct str text;
    union {
        struct {
            struct address address; /* length 0: none */
            unsigned bits;
        };
        struct {
            struct number number;
            bool held; /* by a double; what is not, equals identical texts only */
        };
        struct pattern_range range;
        struct wildcard wildcard;
    };
};

/* Takes a value that passes tests[0]; anything-but: a value that passes none of `count` tests. */
struct pattern_alternative {
    bool but;
    const struct pattern_test *tests;
    size_t count;
    struct str raw; /* its bytes in the source */
};

struct pattern_field {
    struct str path; /* keys joined with '.' */
    size_t path_id;  /* equal for equal paths of this pattern */
    size_t id;       /* place in pattern.fields: one for each array of alternatives in the source */
    const struct pattern_alternative *alternatives;
    size_t count;
    bool absent; /* one of them is exists: false */
};

struct pattern_conjunction {
    const struct pattern_field **fields; /* ascending path_id, which is the order of first appearance; each path once */
    size_t count;
};

struct pattern {
    struct arena arena; /* owns everything below */
    struct str source;
    const struct pattern_field **fields; /* all, also those that a duplicate or a branch replaced everywhere */
    size_t field_count;
    size_t path_count;
    const struct pattern_conjunction *conjunctions;
    size_t conjunction_count;
};

/* True when a leaf (not an array or object) passes the test, the alternative, one of the field's alternatives. */
bool pattern_test_takes(const struct pattern_test *t, const struct node *leaf);
bool pattern_alternative_takes(const struct pattern_alternative *a, const struct node *leaf);
bool pattern_field_takes(const struct pattern_field *f, const struct node *leaf);

/* How the evaluator walks: the first of an object's members, from `member` on, that leads toward `rest` of a path (its key is the first step,
 * or the first few, and no later member has the same key), or NULL; and what is left of the path behind it, absent at its end. */
const struct node *pattern_way(const struct node *member, struct str rest);
struct str pattern_way_after(struct str key, struct str rest);

#endif
