/* Lint: patterns that are accepted and yet look wrong. What the language refuses by itself (an empty numeric range, say) is not looked at
 * again.
 *
 * An event of a bus has a fixed envelope: version, id, detail-type, source, account, time, region (strings), resources (strings), detail
 * (an object), and replay-name when it is replayed. What a pattern wants beside that never matches. Pure; any thread. */
#ifndef RULES_LINT_H
#define RULES_LINT_H

#include "pattern.h"

enum { LINT_FINDINGS_MAX = 50 };
#define LINT_NONE SIZE_MAX

/* The types of a field's values, as bits. */
enum { LINT_STRING = 1, LINT_NUMBER = 2, LINT_BOOLEAN = 4, LINT_NULL = 8, LINT_ANY = 15 };

/* What a bus has seen: recent kinds of events, and what their details look like. */
struct lint_seen_field {
    struct str path; /* detail.order.total; arrays do not show */
    uint8_t types;
};
struct lint_seen_kind {
    struct str source, detail_type;
    const struct lint_seen_field *fields;
    size_t count;
    bool cut; /* it has more fields than were kept */
};
struct lint_seen {
    const struct lint_seen_kind *kinds;
    size_t count;
};

struct lint_finding {
    const char *code; /* "NeverMatches", ...: see lint.c */
    bool note;        /* worth knowing, nothing wrong */
    struct str path;  /* the field; empty: the pattern as a whole */
    struct str message;
    size_t field;       /* its id (pattern_ast.h), or LINT_NONE */
    size_t alternative; /* of the field, from 0, or LINT_NONE */
};
struct lint {
    struct lint_finding items[LINT_FINDINGS_MAX];
    size_t count, total; /* total: with those past the bound */
};

/* Looks at a pattern; `seen` may be NULL. Strings are made in `a` or point into the pattern. ERR_NOMEM only. */
enum err lint_pattern(const struct pattern *p, const struct lint_seen *seen, struct arena *a, struct lint *out) MUST_USE;

/* Does it matter for linting p what events of that source and detail-type carry in their detail? */
bool lint_wants_fields(const struct pattern *p, struct str source, struct str detail_type);

/* Do both take the same events because they say the same, in whatever order and spelling of keys, alternatives, branches and numbers? False
 * also without memory. */
bool lint_same(const struct pattern *p, const struct pattern *q, struct arena *scratch);
/* Equal for patterns that are lint_same, different for nearly all others; cheap, to choose whom to ask. */
uint64_t lint_signature(const struct pattern *p);

/* "a string", "a number or null" */
void lint_types(unsigned types, struct buf *out);

#endif
