#include "rulelint.h"

#include <stdlib.h>

#include "alternative.h"
#include "lint.h"

struct looked_at { /* a rule with a pattern */
    const struct declared *item;
    struct str name, bus; /* as the request has them */
    struct pattern *pattern;
    uint64_t signature;
    size_t next; /* the one before with the same remainder, + 1; 0: none */
};

struct rulelint {
    struct arena *arena;
    struct problems *out;
    struct lint found;
    struct looked_at *rules;
    size_t *heads; /* by the signature's remainder: the latest rule, + 1 */
    size_t count, slots;
};

/* ---- places ----------------------------------------------------------------------------------------------------------------------------
 */

/* As pattern_parse sees it: two or more objects, none of whose keys is a matcher's name. */
static bool is_choice(const struct ynode *n) {
    if (!str_eqz(n->key, "$or") || n->kind != YNODE_LIST || n->count < 2) return false;
    for (const struct ynode *c = n->child; c; c = c->next) {
        if (c->kind != YNODE_MAP) return false;
        for (const struct ynode *m = c->child; m; m = m->next)
            if (pattern_is_matcher(m->key)) return false;
    }
    return true;
}

/* The list that is the pattern's field of that id: fields are numbered in the order of the text. */
static const struct ynode *field_node(const struct ynode *map, size_t *id) {
    const struct ynode *found = NULL;
    for (const struct ynode *n = map->child; n && !found; n = n->next) {
        if (n->kind == YNODE_MAP)
            found = field_node(n, id);
        else if (is_choice(n))
            for (const struct ynode *c = n->child; c && !found; c = c->next) found = field_node(c, id);
        else if ((*id)-- == 0)
            found = n;
    }
    return found;
}

static const struct ynode *place_of(const struct ynode *pattern, const struct lint_finding *f) {
    size_t id = f->field;
    const struct ynode *n = id == LINT_NONE ? pattern : field_node(pattern, &id);
    if (!n) return pattern;
    const struct ynode *item = f->alternative == LINT_NONE ? NULL : n->child;
    for (size_t i = 0; item && i < f->alternative; i++) item = item->next;
    return item ? item : n;
}

/* ---- rules ------------------------------------------------------------------------------------------------------------------------------
 */

static const struct ynode *pattern_node(const struct declared *d) {
    static const char *const keys[] = {"pattern", "EventPattern", "Pattern", NULL}; /* rule files, templates, SAM's events */
    const struct ynode *n = NULL;
    for (const char *const *key = keys; !n && *key && str_eqz(d->operation, "events.PutRule"); key++)
        n = ynode_get(d->node, str_from(*key));
    return n && n->kind == YNODE_MAP ? n : NULL;
}

static enum err parse(const struct ynode *n, struct pattern **out) {
    struct buf text;
    buf_init(&text, 0);
    ynode_json(&text, n);
    *out = NULL;
    enum err err = text.failed ? ERR_NOMEM : pattern_parse(buf_str(&text), out, NULL);
    buf_fini(&text);
    return err == ERR_PATTERN ? ERR_OK : err; /* a mistake, which rulefile_read tells of */
}

static void tell(struct rulelint *l, const struct ynode *pattern) {
    for (size_t i = 0; i < l->found.count; i++) {
        const struct lint_finding *f = &l->found.items[i];
        problem_at(l->out, place_of(pattern, f), "%s: %s: %.*s", f->note ? "note" : "warning", f->code, STR_ARG(f->message));
    }
}

static enum err take_names(struct rulelint *l, struct looked_at *one) {
    struct arena scratch;
    struct node *root;
    arena_init(&scratch, 0);
    enum err err = doc_parse(&scratch, one->item->request, &root, NULL);
    const struct node *name = err ? NULL : doc_get(root, STR("Name")), *bus = err ? NULL : doc_get(root, STR("EventBusName"));
    one->name = name ? arena_str(l->arena, name->text) : STR("");
    one->bus = bus ? arena_str(l->arena, bus->text) : STR("default");
    arena_fini(&scratch);
    return err || !one->name.p || !one->bus.p ? ERR_NOMEM : ERR_OK;
}

static bool on_one_bus(const struct looked_at *a, const struct looked_at *b) {
    return str_eq(a->bus, b->bus) && str_eq(a->item->account, b->item->account);
}

static void compare(struct rulelint *l, const struct looked_at *one) {
    struct arena scratch;
    bool same = false;
    arena_init(&scratch, 0);
    for (size_t i = one->next; i && !same; i = l->rules[i - 1].next) {
        const struct looked_at *other = &l->rules[i - 1];
        if (other->signature != one->signature || !on_one_bus(other, one)) continue;
        same = lint_same(one->pattern, other->pattern, &scratch);
        arena_reset(&scratch);
        if (same)
            problem_at(l->out, one->item->node, "warning: SamePattern: rule %.*s takes exactly the same events", STR_ARG(other->name));
    }
    arena_fini(&scratch);
}

/* Takes over the pattern. */
static enum err look_at(struct rulelint *l, const struct declared *item, struct pattern *pattern) {
    struct looked_at *one = &l->rules[l->count];
    size_t slot = lint_signature(pattern) % l->slots;
    *one = (struct looked_at){.item = item, .pattern = pattern, .signature = lint_signature(pattern), .next = l->heads[slot]};
    l->heads[slot] = ++l->count;
    enum err err = take_names(l, one);
    if (!err) err = lint_pattern(pattern, NULL, l->arena, &l->found);
    if (err) return err;
    tell(l, pattern_node(item));
    compare(l, one);
    return ERR_OK;
}

static enum err look_at_all(struct rulelint *l, const struct rulefile *file) {
    enum err err = ERR_OK;
    for (size_t i = 0; !err && i < file->count; i++) {
        const struct ynode *n = pattern_node(&file->items[i]);
        struct pattern *pattern = NULL;
        if (n) err = parse(n, &pattern);
        if (pattern) err = look_at(l, &file->items[i], pattern);
    }
    for (size_t i = 0; i < l->count; i++) pattern_free(l->rules[i].pattern);
    return err;
}

enum err rulefile_lint(const struct rulefile *file, struct arena *a, struct problems *out) {
    struct rulelint *l = calloc(1, sizeof *l);
    problems_init(out, a);
    if (!l) return ERR_NOMEM;
    *l = (struct rulelint){.arena = a, .out = out, .slots = file->count + 1};
    l->rules = calloc(l->slots, sizeof *l->rules);
    l->heads = calloc(l->slots, sizeof *l->heads);
    enum err err = l->rules && l->heads && out->items ? look_at_all(l, file) : ERR_NOMEM;
    free(l->heads);
    free(l->rules);
    free(l);
    if (!err) problems_sort(out);
    return err;
}
