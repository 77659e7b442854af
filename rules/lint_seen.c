/* A pattern against what its bus has seen lately. A bus that has seen nothing of the kind says nothing; a new kind of event is no mistake
 * unless it looks like a misspelt old one. */
#include "lint_parts.h"

#include "likeness.h"

static const struct pattern_field *field_at(const struct pattern_conjunction *c, const char *path) {
    for (size_t i = 0; i < c->count; i++)
        if (str_eqz(c->fields[i]->path, path)) return c->fields[i];
    return NULL;
}

/* No field: everything. */
static bool admits(const struct pattern_field *f, struct str text) {
    struct node leaf = {.kind = NODE_STRING, .text = text};
    return !f || pattern_field_takes(f, &leaf);
}

static bool spend(struct linter *l) {
    if (l->work) l->work--;
    return l->work > 0;
}

static bool has_detail(const struct pattern_conjunction *c) {
    for (size_t i = 0; i < c->count; i++)
        if (str_starts(c->fields[i]->path, STR("detail."))) return true;
    return false;
}

bool lint_wants_fields(const struct pattern *p, struct str source, struct str detail_type) {
    for (size_t i = 0; i < p->conjunction_count; i++) {
        const struct pattern_conjunction *c = &p->conjunctions[i];
        if (admits(field_at(c, "source"), source) && admits(field_at(c, "detail-type"), detail_type) && has_detail(c)) return true;
    }
    return false;
}

/* ---- source and detail-type ------------------------------------------------------------------------------------------------------------
 */

/* An exact value that was never seen, beside one that it looks like. `of`: only kinds of events that this field admits are looked at. */
static void check_value(struct linter *l, const struct lint_seen *seen, const struct pattern_field *f, size_t i, bool type,
                        const struct pattern_field *of) {
    const struct pattern_test *t = &f->alternatives[i].tests[0];
    const struct lint_seen_kind *meant = NULL;
    if (f->alternatives[i].but || t->kind != PATTERN_STRING) return;
    for (size_t k = 0; k < seen->count && spend(l); k++) {
        const struct lint_seen_kind *kind = &seen->kinds[k];
        struct str value = type ? kind->detail_type : kind->source;
        if (str_eq(value, t->text)) return;
        if (!meant && (!of || admits(of, kind->source)) && lint_is_slip(t->text, value)) meant = kind;
    }
    if (!meant) return;
    struct str value = type ? meant->detail_type : meant->source;
    lint_add(l, "UnseenValue", false, f, i, "this bus has seen no event with the %.*s %.*s, but with %.*s%s%.*s", STR_ARG(f->path),
             STR_ARG(lint_quote(l, t->text)), STR_ARG(lint_quote(l, value)), type ? " of source " : "",
             STR_ARG(type ? lint_quote(l, meant->source) : STR_NULL));
}

/* ---- the detail
 * -------------------------------------------------------------------------------------------------------------------------- */

struct sight { /* of one path, over the kinds of events that the conjunction admits */
    unsigned types;
    bool cut;
    const struct lint_seen_kind *kind;
    struct str like; /* a path that looks like it */
};

static struct sight look(struct linter *l, const struct lint_seen *seen, const struct pattern_conjunction *c, struct str path) {
    const struct pattern_field *source = field_at(c, "source"), *type = field_at(c, "detail-type");
    struct sight s = {0};
    for (size_t k = 0; k < seen->count; k++) {
        const struct lint_seen_kind *kind = &seen->kinds[k];
        if (!admits(source, kind->source) || !admits(type, kind->detail_type)) continue;
        s.cut |= kind->cut;
        for (size_t i = 0; i < kind->count && spend(l); i++) {
            bool same = str_eq(kind->fields[i].path, path);
            if (same || !s.kind) s.kind = kind;
            if (same) s.types |= kind->fields[i].types;
            if (!same && !s.like.p && lint_is_slip(path, kind->fields[i].path)) s.like = kind->fields[i].path;
        }
    }
    s.cut |= !l->work;
    return s;
}

static struct str kind_name(struct linter *l, const struct lint_seen_kind *kind) {
    struct str name =
        arena_printf(l->arena, "%.*s of %.*s", STR_ARG(lint_quote(l, kind->detail_type)), STR_ARG(lint_quote(l, kind->source)));
    l->no_memory |= !name.p;
    return name;
}

static struct str types_name(struct linter *l, unsigned types) {
    struct buf b;
    buf_init(&b, 0);
    lint_types(types, &b);
    struct str name = b.failed ? STR_NULL : arena_str(l->arena, buf_str(&b));
    l->no_memory |= !name.p;
    buf_fini(&b);
    return name;
}

static void check_detail(struct linter *l, const struct lint_seen *seen, const struct pattern_conjunction *c,
                         const struct pattern_field *f) {
    unsigned wanted = lint_wanted_types(f);
    struct sight s = look(l, seen, c, f->path);
    if (!s.kind || !wanted) return;
    if (s.types && !(s.types & wanted))
        lint_add(l, "TypeDiffers", false, f, LINT_NONE, "the pattern wants %.*s, but in recent events (%.*s) it is %.*s",
                 STR_ARG(types_name(l, wanted)), STR_ARG(kind_name(l, s.kind)), STR_ARG(types_name(l, s.types)));
    else if (!s.types && !s.cut && s.like.p)
        lint_add(l, "UnseenField", false, f, LINT_NONE, "no recent event (%.*s) has it, but they have %.*s", STR_ARG(kind_name(l, s.kind)),
                 STR_ARG(s.like));
}

void lint_against_seen(struct linter *l, const struct lint_seen *seen) {
    bool *done = arena_alloc(&l->scratch, l->p->field_count);
    l->no_memory |= !done;
    for (size_t i = 0; done && i < l->p->conjunction_count; i++) {
        const struct pattern_conjunction *c = &l->p->conjunctions[i];
        for (size_t k = 0; k < c->count; k++) {
            const struct pattern_field *f = c->fields[k];
            bool source = str_eqz(f->path, "source"), type = str_eqz(f->path, "detail-type");
            if (done[f->id]) continue;
            done[f->id] = true;
            for (size_t v = 0; (source || type) && v < f->count; v++) check_value(l, seen, f, v, type, type ? field_at(c, "source") : NULL);
            if (str_starts(f->path, STR("detail."))) check_detail(l, seen, c, f);
        }
    }
}
