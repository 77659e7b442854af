/* A pattern's text becomes conjunctions. A scope is an object with all the objects below it, up to the $or arrays: its fields are ANDed.
 * Each $or of a scope multiplies the scope's conjunctions by those of its branches, which are scopes themselves; in the product the
 * inner field replaces the outer one of the same path. Fields are shared, not copied; a conjunction is an array of pointers. */
#include "pattern.h"
#include "alternative.h"

#include <stdlib.h>

enum { PATTERN_ARENA_BYTES = 64 << 20, WORK_ARENA_BYTES = 256 << 20, ONE_BLOCK_BYTES = 4096 };

struct entry { /* a field of a scope, or a path that is known */
    const struct pattern_field *field;
    struct entry *next;
};
struct conjunctions {
    struct pattern_conjunction *items;
    size_t count;
};
struct choice { /* a $or of a scope */
    struct str path;
    struct conjunctions branches;
    struct choice *next;
};
struct scope {
    struct entry *fields; /* newest first */
    size_t field_count;
    struct choice *choices, **choices_end; /* in order of the text */
};
struct compiler {
    struct pattern_reader r;
    struct pattern *p;
    struct entry *fields;  /* all, newest first */
    struct entry *paths;   /* the first field of each path */
    size_t product_fields; /* over all products made so far */
};

static enum err out_of_memory(struct compiler *c) { return fault_set(c->r.fault, ERR_NOMEM, NULL); }

/* ---- scopes -------------------------------------------------------------------------------------------------------------------- */

static enum err join_path(struct compiler *c, struct str parent, struct str key, struct str *path) {
    *path = key;
    if (!parent.p) return ERR_OK;
    char *p = arena_alloc(c->r.work, parent.n + 1 + key.n);
    if (!p) return out_of_memory(c);
    if (parent.n) memcpy(p, parent.p, parent.n);
    p[parent.n] = '.';
    if (key.n) memcpy(p + parent.n + 1, key.p, key.n);
    *path = str_of(p, parent.n + 1 + key.n);
    return ERR_OK;
}

static enum err push(struct compiler *c, struct entry **list, const struct pattern_field *field) {
    struct entry *e = ARENA_NEW(c->r.work, struct entry);
    if (!e) return out_of_memory(c);
    *e = (struct entry){field, *list};
    *list = e;
    return ERR_OK;
}

/* Gives the field its path and path_id: those of an earlier field of that path, or new ones. */
static enum err intern_path(struct compiler *c, struct str path, struct pattern_field *f) {
    for (const struct entry *e = c->paths; e; e = e->next)
        if (str_eq(e->field->path, path)) {
            f->path = e->field->path;
            f->path_id = e->field->path_id;
            return ERR_OK;
        }
    f->path = pattern_keep(&c->r, path);
    f->path_id = c->p->path_count++;
    return f->path.p ? push(c, &c->paths, f) : out_of_memory(c);
}

static enum err read_field(struct compiler *c, struct scope *s, struct str path, const struct node *v) {
    struct pattern_field *f = ARENA_NEW(c->r.arena, struct pattern_field);
    if (!f) return out_of_memory(c);
    enum err e = pattern_alternatives_read(&c->r, v, f);
    if (!e) e = intern_path(c, path, f);
    if (!e) e = push(c, &c->fields, f);
    if (!e) e = push(c, &s->fields, f);
    f->id = c->p->field_count++;
    s->field_count++;
    return e;
}

/* "$or" with two or more objects, none of whose keys is a matcher name. */
static bool is_choice(const struct node *v) {
    if (!str_eqz(v->key, "$or") || v->kind != NODE_ARRAY || v->count < 2) return false;
    for (const struct node *branch = v->child; branch; branch = branch->next) {
        if (branch->kind != NODE_OBJECT) return false;
        for (const struct node *m = branch->child; m; m = m->next)
            if (pattern_is_matcher(m->key)) return false;
    }
    return true;
}

static enum err read_scope(struct compiler *c, struct str path, const struct node *object, struct conjunctions *out);

static enum err too_many(struct compiler *c) {
    return pattern_refuse(&c->r, NULL, "$or expands to too many combinations, expected at most %d (with at most %d fields in all)",
                          PATTERN_CONJUNCTIONS_MAX, PATTERN_FIELDS_MAX);
}

static enum err read_choice(struct compiler *c, struct scope *s, struct str path, const struct node *v) {
    struct choice *choice = s->choices;
    while (choice && !(str_eq(choice->path, path) && !choice->path.p == !path.p)) choice = choice->next;
    if (!choice) {
        choice = ARENA_NEW(c->r.work, struct choice);
        if (!choice) return out_of_memory(c);
        *s->choices_end = choice;
        s->choices_end = &choice->next;
    }
    choice->path = path; /* of duplicates the last wins */
    choice->branches = (struct conjunctions){arena_array(c->r.work, PATTERN_CONJUNCTIONS_MAX, sizeof *choice->branches.items), 0};
    if (!choice->branches.items) return out_of_memory(c);
    for (const struct node *branch = v->child; branch; branch = branch->next) {
        struct conjunctions some;
        enum err e = read_scope(c, path, branch, &some);
        if (e) return e;
        if (choice->branches.count + some.count > PATTERN_CONJUNCTIONS_MAX) return too_many(c);
        memcpy(choice->branches.items + choice->branches.count, some.items, some.count * sizeof *some.items);
        choice->branches.count += some.count;
    }
    return ERR_OK;
}

static enum err read_members(struct compiler *c, struct scope *s, struct str path, const struct node *object) {
    if (!object->child) return pattern_refuse(&c->r, pattern_read_end(object), "Empty objects are not allowed");
    enum err e = ERR_OK;
    for (const struct node *v = object->child; v && !e; v = v->next) {
        struct str inner;
        if (is_choice(v))
            e = read_choice(c, s, path, v);
        else if (v->kind != NODE_OBJECT && v->kind != NODE_ARRAY)
            e = pattern_refuse(&c->r, pattern_seen(v), "\"%.*s\" must be an object or an array", STR_ARG(v->key));
        else if (!(e = join_path(c, path, v->key, &inner)))
            e = v->kind == NODE_OBJECT ? read_members(c, s, inner, v) : read_field(c, s, inner, v);
    }
    return e;
}

/* ---- conjunctions -------------------------------------------------------------------------------------------------------------- */

/* By path; of one path the later field first. */
static int by_path(const void *a, const void *b) {
    const struct pattern_field *const *x = a, *const *y = b;
    if ((*x)->path_id != (*y)->path_id) return (*x)->path_id < (*y)->path_id ? -1 : 1;
    return (*x)->id > (*y)->id ? -1 : (*x)->id < (*y)->id;
}

static enum err make_base(struct compiler *c, const struct scope *s, struct pattern_conjunction *out) {
    const struct pattern_field **fields = arena_array(c->r.work, s->field_count, sizeof *fields);
    if (!fields) return out_of_memory(c);
    size_t n = 0;
    for (const struct entry *e = s->fields; e; e = e->next) fields[n++] = e->field;
    if (n) qsort(fields, n, sizeof *fields, by_path);
    *out = (struct pattern_conjunction){fields, 0};
    for (size_t i = 0; i < n; i++)
        if (!i || fields[i]->path_id != fields[i - 1]->path_id) out->fields[out->count++] = fields[i];
    return ERR_OK;
}

/* outer AND inner; the inner field replaces the outer one. */
static enum err merge(struct compiler *c, const struct pattern_conjunction *outer, const struct pattern_conjunction *inner,
                      struct pattern_conjunction *out) {
    c->product_fields += outer->count + inner->count;
    if (c->product_fields > PATTERN_FIELDS_MAX) return too_many(c);
    out->fields = arena_array(c->r.work, outer->count + inner->count, sizeof *out->fields);
    if (!out->fields) return out_of_memory(c);
    out->count = 0;
    size_t i = 0, k = 0;
    while (i < outer->count || k < inner->count) {
        bool take_inner = i == outer->count || (k < inner->count && inner->fields[k]->path_id <= outer->fields[i]->path_id);
        if (take_inner && i < outer->count && inner->fields[k]->path_id == outer->fields[i]->path_id) i++;
        out->fields[out->count++] = take_inner ? inner->fields[k++] : outer->fields[i++];
    }
    return ERR_OK;
}

static enum err multiply(struct compiler *c, struct conjunctions *all, const struct conjunctions *branches) {
    size_t count = all->count * branches->count;
    if (count > PATTERN_CONJUNCTIONS_MAX) return too_many(c);
    struct pattern_conjunction *items = arena_array(c->r.work, count, sizeof *items), *item = items;
    if (!items) return out_of_memory(c);
    for (size_t i = 0; i < all->count; i++)
        for (size_t k = 0; k < branches->count; k++) {
            enum err e = merge(c, &all->items[i], &branches->items[k], item++);
            if (e) return e;
        }
    *all = (struct conjunctions){items, count};
    return ERR_OK;
}

static enum err read_scope(struct compiler *c, struct str path, const struct node *object, struct conjunctions *out) {
    struct scope s = {.choices_end = &s.choices};
    enum err e = read_members(c, &s, path, object);
    if (e) return e;
    *out = (struct conjunctions){ARENA_NEW(c->r.work, struct pattern_conjunction), 1};
    if (!out->items) return out_of_memory(c);
    e = make_base(c, &s, out->items);
    for (const struct choice *choice = s.choices; choice && !e; choice = choice->next) e = multiply(c, out, &choice->branches);
    return e;
}

/* ---- the whole ----------------------------------------------------------------------------------------------------------------- */

/* Moves what read_scope made from the work arena into the pattern. */
static enum err store(struct compiler *c, const struct conjunctions *made) {
    struct pattern *p = c->p;
    struct pattern_conjunction *items = arena_array(&p->arena, made->count, sizeof *items);
    p->fields = arena_array(&p->arena, p->field_count, sizeof *p->fields);
    if (!items || !p->fields) return out_of_memory(c);
    for (const struct entry *e = c->fields; e; e = e->next) p->fields[e->field->id] = e->field;
    for (size_t i = 0; i < made->count; i++) {
        items[i] = made->items[i];
        items[i].fields = arena_array(&p->arena, items[i].count, sizeof *items[i].fields);
        if (!items[i].fields) return out_of_memory(c);
        memcpy(items[i].fields, made->items[i].fields, items[i].count * sizeof *items[i].fields);
    }
    p->conjunctions = items;
    p->conjunction_count = made->count;
    return ERR_OK;
}

static size_t count_wildcards(const struct pattern *p, size_t path_id, const struct wildcard **out) {
    size_t n = 0;
    for (size_t i = 0; i < p->field_count; i++) {
        const struct pattern_field *f = p->fields[i];
        if (f->path_id != path_id) continue;
        for (size_t k = 0; k < f->count; k++)
            for (size_t t = 0; t < f->alternatives[k].count; t++) {
                const struct pattern_test *test = &f->alternatives[k].tests[t];
                if (test->kind != PATTERN_WILDCARD) continue;
                if (out) out[n] = &test->wildcard;
                n++;
            }
    }
    return n;
}

static enum err complexity_of_path(struct compiler *c, size_t path_id, size_t count, struct arena *work, size_t *complexity) {
    const struct wildcard **set = arena_array(work, count, sizeof(struct wildcard *));
    if (!set) return out_of_memory(c);
    count_wildcards(c->p, path_id, set);
    return wildcard_complexity(set, count, PATTERN_COMPLEXITY_MAX, work, complexity) ? out_of_memory(c) : ERR_OK;
}

/* One value can reach the positions of all wildcards of its path, so they count together, whichever branch they stand in. */
static enum err check_complexity(struct compiler *c) {
    enum err e = ERR_OK;
    for (size_t id = 0; id < c->p->path_count && !e; id++) {
        size_t complexity = 0, count = count_wildcards(c->p, id, NULL);
        if (!count) continue;
        struct arena work;
        arena_init(&work, WORK_ARENA_BYTES);
        e = complexity_of_path(c, id, count, &work, &complexity);
        arena_fini(&work);
        if (!e && complexity > PATTERN_COMPLEXITY_MAX)
            e = pattern_refuse(&c->r, NULL,
                               "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a "
                               "wildcard character");
    }
    return e;
}

static enum err compile(struct compiler *c) {
    struct node *root;
    struct fault syntax;
    const char *stop;
    enum err e = doc_parse_stop(c->r.work, c->r.source, &root, &syntax, &stop);
    if (e == ERR_SYNTAX) return pattern_refuse(&c->r, stop, "%s", syntax.message);
    if (e) return out_of_memory(c);
    if (root->kind != NODE_OBJECT) return pattern_refuse(&c->r, pattern_seen(root), "Filter is not an object");
    struct conjunctions made;
    e = read_scope(c, STR_NULL, root, &made);
    if (!e) e = store(c, &made);
    return e ? e : check_complexity(c);
}

static enum err build(struct str text, size_t arena_bytes, struct pattern **out, struct fault *fault) {
    *out = NULL;
    struct pattern *p = calloc(1, sizeof *p);
    if (!p) return fault_set(fault, ERR_NOMEM, NULL);
    struct arena work;
    arena_init(&work, WORK_ARENA_BYTES);
    arena_init(&p->arena, arena_bytes);
    p->source = arena_str(&p->arena, text.p ? text : STR(""));
    struct compiler c = {.r = {.arena = &p->arena, .work = &work, .source = p->source, .fault = fault}, .p = p};
    enum err e = p->source.p ? compile(&c) : out_of_memory(&c);
    arena_fini(&work);
    if (e) pattern_free(p);
    else *out = p;
    return e;
}

enum err pattern_parse(struct str text, struct pattern **out, struct fault *fault) {
    *out = NULL;
    if (text.n > PATTERN_BYTES_MAX)
        return fault_set(fault, ERR_PATTERN, "Event pattern is not valid. Reason: The text has %zu bytes, expected at most %d", text.n,
                         PATTERN_BYTES_MAX);
    enum err e = build(text, PATTERN_ARENA_BYTES, out, fault);
    if (e || (*out)->arena.used_bytes > ONE_BLOCK_BYTES) return e;
    /* A pattern of ordinary size leaves most of its block unused, and lives long, beside many thousands of others. Built once more into a
     * block of just the bytes that it takes, 1,000 realistic ones take 1.3 MB instead of 4 MB. */
    const struct arena *a = &(*out)->arena;
    struct pattern *small;
    if (build(text, a->used_bytes - (size_t)(a->end - a->at), &small, NULL) == ERR_OK) {
        pattern_free(*out);
        *out = small;
    }
    return ERR_OK;
}

void pattern_free(struct pattern *p) {
    if (!p) return;
    arena_fini(&p->arena);
    free(p);
}

struct str pattern_source(const struct pattern *p) {
    return p->source;
}

/* ---- questions about a pattern ------------------------------------------------------------------------------------------------- */

static const struct pattern_field *field_of(const struct pattern_conjunction *c, struct str path) {
    for (size_t i = 0; i < c->count; i++)
        if (str_eq(c->fields[i]->path, path)) return c->fields[i];
    return NULL;
}

static bool is_exact(const struct pattern_alternative *a) { return !a->but && a->tests[0].kind == PATTERN_STRING; }

static void add_value(struct str *values, size_t *count, struct str value) {
    for (size_t i = 0; i < *count; i++)
        if (str_eq(values[i], value)) return;
    values[(*count)++] = value;
}

bool pattern_values(const struct pattern *p, struct str path, struct arena *a, struct str **values, size_t *count) {
    size_t most = 0;
    *values = NULL;
    *count = 0;
    for (size_t i = 0; i < p->conjunction_count; i++) {
        const struct pattern_field *f = field_of(&p->conjunctions[i], path);
        if (!f) return false;
        for (size_t k = 0; k < f->count; k++)
            if (!is_exact(&f->alternatives[k])) return false;
        most += f->count;
    }
    *values = arena_array(a, most, sizeof **values);
    if (!*values) return false;
    const struct pattern_field *last = NULL;
    for (size_t i = 0; i < p->conjunction_count; i++) {
        const struct pattern_field *f = field_of(&p->conjunctions[i], path);
        for (size_t k = 0; f != last && k < f->count; k++) add_value(*values, count, f->alternatives[k].tests[0].text);
        last = f;
    }
    return true;
}

enum err pattern_test_event(struct str event_text, struct arena *a, struct node **event, struct fault *fault) {
    static const char *const needed[] = {"id", "account", "source", "time", "region", "detail-type"};
    *event = NULL;
    struct node *root;
    enum err e = doc_parse(a, event_text, &root, NULL);
    if (e == ERR_NOMEM) return fault_set(fault, ERR_NOMEM, NULL);
    bool good = !e && root->kind == NODE_OBJECT;
    for (size_t i = 0; good && i < sizeof needed / sizeof needed[0]; i++) good = doc_get(root, str_from(needed[i])) != NULL;
    if (!good) return fault_set(fault, ERR_VALIDATION, "Parameter Event is not valid.");
    *event = root;
    return ERR_OK;
}
