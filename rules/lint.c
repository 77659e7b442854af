/* Codes of findings:
 *   NeverMatches      no alternative of the field can ever match          DeadAlternative  one of them cannot
 *   RuleNeverMatches  so that no event can match the rule                 UnknownField     no event has such a field beside its envelope
 *   LeafAndObject     a field shall be a value and an object at once      AbsentParent     exists: false of what holds a wanted field
 *   ReplacedField     a later field of the same path takes its place      AlwaysTrue       every value matches (a note)
 *   Superfluous       other alternatives beside one that takes all (a note)
 *   UnseenValue, UnseenField, TypeDiffers                                 against what the bus has seen: lint_seen.c
 * and of the services: SamePattern. */
#include "lint_parts.h"

#include <stdarg.h>
#include <stdlib.h>

#include "json.h"
#include "likeness.h"

enum { WORK_MAX = 4000000 };

void lint_add(struct linter *l, const char *code, bool note, const struct pattern_field *f, size_t alternative, const char *format, ...) {
    struct lint *out = l->out;
    if (out->total++ >= LINT_FINDINGS_MAX) return;
    struct buf b;
    va_list ap;
    buf_init(&b, 0);
    va_start(ap, format);
    buf_addv(&b, format, ap);
    va_end(ap);
    struct str message = b.failed ? STR_NULL : arena_str(l->arena, buf_str(&b));
    buf_fini(&b);
    l->no_memory |= !message.p;
    out->items[out->count++] = (struct lint_finding){code, note, f ? f->path : STR(""), message, f ? f->id : LINT_NONE, alternative};
}

struct str lint_quote(struct linter *l, struct str text) {
    struct buf b;
    buf_init(&b, 0);
    struct str head = likeness_head(text, 80);
    json_quote(&b, head);
    if (head.n < text.n) buf_addz(&b, "...");
    struct str s = b.failed ? STR_NULL : arena_str(l->arena, buf_str(&b));
    l->no_memory |= !s.p;
    buf_fini(&b);
    return s;
}

/* ---- types --------------------------------------------------------------------------------------------------------------------------- */

static unsigned types_of(const struct pattern_alternative *a) {
    if (a->but) return LINT_ANY;
    switch (a->tests[0].kind) {
    case PATTERN_NUMBER:
    case PATTERN_RANGE: return LINT_NUMBER;
    case PATTERN_NULL: return LINT_NULL;
    case PATTERN_FALSE:
    case PATTERN_TRUE: return LINT_BOOLEAN;
    case PATTERN_PRESENT: return LINT_ANY;
    case PATTERN_ABSENT: return 0;
    default: return LINT_STRING;
    }
}

unsigned lint_wanted_types(const struct pattern_field *f) {
    unsigned types = 0;
    for (size_t i = 0; i < f->count; i++) types |= types_of(&f->alternatives[i]);
    return types;
}

void lint_types(unsigned types, struct buf *out) {
    static const char *const names[] = {"a string", "a number", "a boolean", "null"};
    bool any = false;
    for (unsigned i = 0; i < 4; i++) {
        if (!(types & 1u << i)) continue;
        buf_addf(out, "%s%s", any ? " or " : "", names[i]);
        any = true;
    }
}

/* ---- names --------------------------------------------------------------------------------------------------------------------------- */

/* Equal but for digits: order-1 and order-2 are two names, not a slip. */
static bool same_but_digits(struct str a, struct str b) {
    size_t i = 0, k = 0;
    for (;;) {
        while (i < a.n && a.p[i] >= '0' && a.p[i] <= '9') i++;
        while (k < b.n && b.p[k] >= '0' && b.p[k] <= '9') k++;
        if (i == a.n || k == b.n) return i == a.n && k == b.n;
        if (a.p[i++] != b.p[k++]) return false;
    }
}

bool lint_is_slip(struct str written, struct str meant) {
    if (str_eq(written, meant) || same_but_digits(written, meant)) return false;
    if (likeness_same_letters(written, meant)) return true;
    return written.n >= 4 && likeness_is_near(written, meant, likeness_edits(written, meant));
}

/* ---- the envelope -------------------------------------------------------------------------------------------------------------------- */

struct envelope {
    const char *name;
    enum { ENVELOPE_STRING, ENVELOPE_LIST, ENVELOPE_OBJECT } kind;
    bool optional;
    const char *form; /* d: a digit, h: a hexadecimal one, else itself; NULL: any string */
    const char *looks;
};
static const struct envelope envelope[] = {
    {"version", ENVELOPE_STRING, false, "0", "\"0\""},
    {"id", ENVELOPE_STRING, false, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh", "a UUID"},
    {"detail-type", ENVELOPE_STRING, false, NULL, NULL},
    {"source", ENVELOPE_STRING, false, NULL, NULL},
    {"account", ENVELOPE_STRING, false, "dddddddddddd", "12 digits"},
    {"time", ENVELOPE_STRING, false, "dddd-dd-ddTdd:dd:ddZ", "like 2026-05-01T00:00:00Z"},
    {"region", ENVELOPE_STRING, false, NULL, NULL},
    {"resources", ENVELOPE_LIST, true, NULL, NULL},
    {"detail", ENVELOPE_OBJECT, false, NULL, NULL},
    {"replay-name", ENVELOPE_STRING, true, NULL, NULL},
};
enum { ENVELOPE = sizeof envelope / sizeof envelope[0] };

static bool fits_form(char c, char form) {
    bool digit = c >= '0' && c <= '9';
    if (form == 'd') return digit;
    if (form == 'h') return digit || ((c | 32) >= 'a' && (c | 32) <= 'f');
    return (c | 32) == (form | 32);
}

static bool head_fits(struct str s, struct str form) {
    bool fits = s.n <= form.n;
    for (size_t i = 0; fits && i < s.n; i++) fits = fits_form(s.p[i], form.p[i]);
    return fits;
}
static bool tail_fits(struct str s, struct str form) { return s.n <= form.n && head_fits(s, str_skip(form, form.n - s.n)); }

/* Can the test take any string of that form? */
static bool can_take(const struct pattern_test *t, const char *form_text) {
    struct str form = str_from(form_text);
    switch (t->kind) {
    case PATTERN_STRING:
    case PATTERN_FOLDED: return t->text.n == form.n && head_fits(t->text, form);
    case PATTERN_PREFIX:
    case PATTERN_PREFIX_FOLDED: return head_fits(t->text, form);
    case PATTERN_SUFFIX:
    case PATTERN_SUFFIX_FOLDED: return tail_fits(t->text, form);
    case PATTERN_WILDCARD: {
        const struct wildcard *w = &t->wildcard;
        if (w->count == 1) return w->pieces[0].n == form.n && head_fits(w->pieces[0], form);
        return head_fits(w->pieces[0], form) && tail_fits(w->pieces[w->count - 1], form);
    }
    case PATTERN_CIDR: return false;
    default: return true;
    }
}

/* Why the alternative cannot match a field of the envelope, or absent. */
static struct str dead_reason(struct linter *l, const struct envelope *e, const struct pattern_alternative *a) {
    const struct pattern_test *t = &a->tests[0];
    unsigned types = types_of(a);
    if (t->kind == PATTERN_ABSENT && !a->but) return e->optional || e->kind == ENVELOPE_OBJECT ? STR_NULL : STR("every event has it");
    if (e->kind == ENVELOPE_OBJECT) return STR("it is an object, and only what is inside it has values: {\"detail\": {\"field\": [...]}}");
    if (!(types & LINT_STRING))
        return arena_printf(l->arena, "%s, never %s", e->kind == ENVELOPE_LIST ? "it holds strings" : "it is a string",
                            types == LINT_NUMBER ? "a number: put it in quotes"
                            : types == LINT_NULL ? "null"
                                                 : "a boolean");
    if (a->but || !e->form || can_take(t, e->form)) return STR_NULL;
    return arena_printf(l->arena, "it is %s, never %.*s", e->looks, STR_ARG(lint_quote(l, t->text)));
}

static const struct envelope *envelope_of(struct str path, struct str *rest) {
    *rest = STR_NULL;
    for (size_t i = 0; i < ENVELOPE; i++) {
        struct str name = str_from(envelope[i].name);
        if (!str_starts(path, name) || (path.n > name.n && path.p[name.n] != '.')) continue;
        if (path.n > name.n) *rest = str_skip(path, name.n + 1);
        return &envelope[i];
    }
    return NULL;
}

static void tell_unknown(struct linter *l, const struct pattern_field *f) {
    const char *meant = NULL;
    struct str first = str_of(f->path.p, str_find(f->path, '.', 0));
    for (size_t i = 0; i < ENVELOPE && !meant; i++)
        if (lint_is_slip(first, str_from(envelope[i].name))) meant = envelope[i].name;
    const char *effect = f->absent ? "exists: false is always true of it" : "it never matches";
    if (meant)
        lint_add(l, "UnknownField", false, f, LINT_NONE, "no event has a field %.*s, so %s; did you mean %s?",
                 STR_ARG(lint_quote(l, first)), effect, meant);
    else
        lint_add(l, "UnknownField", false, f, LINT_NONE,
                 "no event has a field %.*s beside its envelope, so %s; what producers send stands under \"detail\"",
                 STR_ARG(lint_quote(l, first)), effect);
}

/* True when the field can never match. */
static bool check_envelope(struct linter *l, const struct pattern_field *f) {
    struct str rest;
    const struct envelope *e = envelope_of(f->path, &rest);
    if (!e) {
        tell_unknown(l, f);
        return !f->absent;
    }
    if (rest.p && e->kind == ENVELOPE_OBJECT) return false;
    if (rest.p) {
        if (!f->absent)
            lint_add(l, "NeverMatches", false, f, LINT_NONE, "%s %s, and has no fields", e->name,
                     e->kind == ENVELOPE_LIST ? "holds strings" : "is a string");
        return !f->absent;
    }
    size_t dead = 0;
    struct str reasons[8], reason = STR_NULL;
    for (size_t i = 0; i < f->count; i++) {
        struct str why = dead_reason(l, e, &f->alternatives[i]);
        if (why.p && !reason.p) reason = why;
        if (i < 8) reasons[i] = why;
        dead += why.p != NULL;
    }
    if (dead == f->count) {
        lint_add(l, "NeverMatches", false, f, LINT_NONE, "%s never matches: %.*s", e->name, STR_ARG(reason));
        return true;
    }
    for (size_t i = 0; dead && i < f->count && i < 8; i++)
        if (reasons[i].p) lint_add(l, "DeadAlternative", false, f, i, "this alternative never matches: %.*s", STR_ARG(reasons[i]));
    return false;
}

/* ---- alternatives ---------------------------------------------------------------------------------------------------------------------
 */

static bool takes_every_string(const struct pattern_test *t) {
    bool affix =
        t->kind == PATTERN_PREFIX || t->kind == PATTERN_SUFFIX || t->kind == PATTERN_PREFIX_FOLDED || t->kind == PATTERN_SUFFIX_FOLDED;
    return affix ? t->text.n == 0 : t->kind == PATTERN_WILDCARD && str_eqz(t->text, "*");
}

static void check_alternatives(struct linter *l, const struct pattern_field *f) {
    size_t present = LINT_NONE;
    for (size_t i = 0; i < f->count; i++) {
        const struct pattern_alternative *a = &f->alternatives[i];
        if (!a->but && a->tests[0].kind == PATTERN_PRESENT) present = i;
        if (!a->but && takes_every_string(&a->tests[0]))
            lint_add(l, "AlwaysTrue", true, f, i, "this matches every string; {\"exists\": true} would match every value");
    }
    if (present == LINT_NONE) return;
    if (f->absent)
        lint_add(l, "AlwaysTrue", true, f, present, "exists: true or exists: false is always true");
    else if (f->count > 1)
        lint_add(l, "Superfluous", true, f, present, "exists: true matches every value, so the other alternatives change nothing");
}

/* ---- fields together ------------------------------------------------------------------------------------------------------------------
 */

static bool is_inside(struct str path, struct str parent) {
    return path.n > parent.n && path.p[parent.n] == '.' && str_starts(path, parent);
}

static void tell_pair(struct linter *l, const struct pattern_field *outer, const struct pattern_field *inner) {
    if (outer->absent && lint_wanted_types(outer) == 0)
        lint_add(l, "AbsentParent", false, outer, LINT_NONE,
                 "exists: false says nothing beside %.*s: where that is, %.*s is an object, and an object is no value",
                 STR_ARG(inner->path), STR_ARG(outer->path));
    else if (!outer->absent)
        lint_add(l, "LeafAndObject", false, outer, LINT_NONE,
                 "%.*s cannot be a value and, for %.*s, an object at once; only a key that is spelt with the dot could match both",
                 STR_ARG(outer->path), STR_ARG(inner->path));
}

/* Each pair of fields once, in the first conjunction that has it; told[] by outer field. */
static void check_together(struct linter *l, const struct pattern_conjunction *c, bool *told) {
    for (size_t i = 0; i < c->count; i++)
        for (size_t k = 0; k < c->count && l->work; k++, l->work--) {
            const struct pattern_field *outer = c->fields[i], *inner = c->fields[k];
            if (i == k || !is_inside(inner->path, outer->path) || inner->absent) continue;
            if (told[outer->id]) continue;
            told[outer->id] = true;
            tell_pair(l, outer, inner);
        }
}

static void check_replaced(struct linter *l, const bool *used) {
    for (size_t i = 0; i < l->p->field_count; i++)
        if (!used[i])
            lint_add(l, "ReplacedField", false, l->p->fields[i], LINT_NONE,
                     "it counts for nothing: %.*s stands once more, later or in every branch of a $or, and replaces it",
                     STR_ARG(l->p->fields[i]->path));
}

static void check_all(struct linter *l, bool *used, bool *dead, bool *told) {
    const struct pattern *p = l->p;
    size_t dead_conjunctions = 0;
    for (size_t i = 0; i < p->conjunction_count; i++)
        for (size_t k = 0; k < p->conjunctions[i].count; k++) used[p->conjunctions[i].fields[k]->id] = true;
    check_replaced(l, used);
    for (size_t i = 0; i < p->field_count; i++) {
        if (!used[i]) continue;
        dead[i] = check_envelope(l, p->fields[i]);
        if (!dead[i]) check_alternatives(l, p->fields[i]);
    }
    for (size_t i = 0; i < p->conjunction_count; i++) {
        bool any = false;
        check_together(l, &p->conjunctions[i], told);
        for (size_t k = 0; k < p->conjunctions[i].count; k++) any |= dead[p->conjunctions[i].fields[k]->id];
        dead_conjunctions += any;
    }
    if (dead_conjunctions == p->conjunction_count)
        lint_add(l, "RuleNeverMatches", false, NULL, LINT_NONE, "no event can match this pattern");
}

enum err lint_pattern(const struct pattern *p, const struct lint_seen *seen, struct arena *a, struct lint *out) {
    struct linter l = {.p = p, .arena = a, .out = out, .work = WORK_MAX};
    out->count = out->total = 0;
    bool *flags = calloc(p->field_count, 3);
    if (!flags) return ERR_NOMEM;
    arena_init(&l.scratch, 0);
    check_all(&l, flags, flags + p->field_count, flags + 2 * p->field_count);
    if (seen) lint_against_seen(&l, seen);
    arena_fini(&l.scratch);
    free(flags);
    return l.no_memory ? ERR_NOMEM : ERR_OK;
}
