/* The inside of lint. */
#ifndef RULES_LINT_PARTS_H
#define RULES_LINT_PARTS_H

#include "lint.h"
#include "pattern_ast.h"

struct linter {
    const struct pattern *p;
    struct arena *arena;
    struct lint *out;
    struct arena scratch;
    size_t work; /* what is left of the bound on comparisons */
    bool no_memory;
};

/* Adds a finding; f may be NULL (the whole pattern). */
void lint_add(struct linter *l, const char *code, bool note, const struct pattern_field *f, size_t alternative, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* The types a field can take, LINT_ANY for what takes any. exists: false takes none. */
unsigned lint_wanted_types(const struct pattern_field *f);
/* Does another name look like the one that was meant? A slip of the hand, another case, another joint; not another number. */
bool lint_is_slip(struct str written, struct str meant);
/* The checks against what the bus has seen. */
void lint_against_seen(struct linter *l, const struct lint_seen *seen);
/* A quoted text for sentences, cut, in the arena. */
struct str lint_quote(struct linter *l, struct str text);

#endif
