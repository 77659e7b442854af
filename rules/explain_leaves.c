/* What an event has at a path, walked as the evaluator walks; and where else it has something of that name. */
#include "explain_parts.h"
#include "likeness.h"

enum { STEPS_MAX = 1000000 };

/* ---- the values at a path --------------------------------------------------------------------------------------------------------- */

struct walk {
    const struct pattern_field *field;
    struct leaves *out;
    struct arena *arena;
    struct buf at; /* the place, while it is wanted */
    enum leaves_want want;
    bool failed;
    size_t steps;
};

static void push_key(struct buf *at, struct str key) {
    if (at->n) buf_addc(at, '.');
    buf_add(at, key);
}

static void found(struct walk *w, const struct node *v) {
    struct leaves *out = w->out;
    struct leaf leaf = {v, STR_NULL};
    bool takes = w->want == LEAVES_TAKEN && pattern_field_takes(w->field, v);
    if (w->want == LEAVES_ALL ? out->total < LEAVES_MAX : takes) {
        leaf.at = arena_str(w->arena, buf_str(&w->at));
        w->failed |= !leaf.at.p;
    }
    if (out->total < LEAVES_MAX) out->items[out->total] = leaf;
    if (takes) out->taken = leaf;
    out->total++;
}

/* Is the walk over? */
static bool is_enough(const struct walk *w) {
    return w->out->cut || w->out->taken.node || (w->want == LEAVES_QUICK && w->out->total == LEAVES_MAX);
}
/* Is the place of the next value wanted? */
static bool keeps_place(const struct walk *w) { return w->want == LEAVES_TAKEN || (w->want == LEAVES_ALL && w->out->total < LEAVES_MAX); }

static void walk(struct walk *w, const struct node *v, struct str rest) {
    w->steps += v->count + 1;
    w->out->cut |= w->steps > STEPS_MAX;
    if (is_enough(w)) return;
    size_t before = w->at.n, index = 0;
    if (v->kind == NODE_ARRAY) {
        if (!rest.p && !w->out->inner) w->out->inner = v;
        for (const struct node *m = v->child; m && !is_enough(w); m = m->next, index++) {
            if (keeps_place(w)) buf_addf(&w->at, "[%zu]", index);
            walk(w, m, rest);
            w->at.n = before;
        }
    } else if (v->kind == NODE_OBJECT) {
        if (!rest.p) w->out->inner = v;
        for (const struct node *m = rest.p ? pattern_way(v->child, rest) : NULL; m && !is_enough(w); m = pattern_way(m->next, rest)) {
            if (keeps_place(w)) push_key(&w->at, m->key);
            walk(w, m, pattern_way_after(m->key, rest));
            w->at.n = before;
        }
    } else if (!rest.p) {
        found(w, v);
    }
}

bool leaves_find(const struct pattern_field *f, const struct node *event, enum leaves_want want, struct arena *a, struct leaves *out) {
    struct walk w = {.field = f, .out = out, .arena = a, .want = want};
    out->total = 0;
    out->taken = (struct leaf){NULL, STR_NULL};
    out->inner = NULL;
    out->cut = false;
    buf_init(&w.at, 0);
    walk(&w, event, f->path);
    out->visits = w.steps;
    bool good = !w.failed && !w.at.failed;
    buf_fini(&w.at);
    return good;
}

/* ---- elsewhere -------------------------------------------------------------------------------------------------------------------- */

enum likely { NOWHERE, NEAR, SAME_NAME, SAME_LETTERS, SAME_BUT_CASE };
struct search {
    struct str path, name; /* the path, and its last key */
    struct buf at;
    enum likely best;
    size_t edits;
    char place[512]; /* of the best */
    size_t *names;
};

static struct str last_key(struct str path) {
    size_t n = path.n;
    while (n && path.p[n - 1] != '.') n--;
    return str_skip(path, n);
}

/* Does the path lead through `to` and on? */
static bool holds(struct str path, struct str to) { return path.n > to.n && path.p[to.n] == '.' && str_starts(path, to); }

static void offer(struct search *s) {
    struct str at = buf_str(&s->at);
    size_t edits = 0;
    enum likely how = NOWHERE;
    if (str_eq_nocase(at, s->path)) {
        how = SAME_BUT_CASE;
    } else if (likeness_same_letters(at, s->path)) {
        how = SAME_LETTERS;
    } else {
        edits = likeness_edits(at, s->path);
        bool parent = holds(s->path, at) || holds(at, s->path); /* no slip of the hand */
        if (str_eq_nocase(last_key(at), s->name))
            how = SAME_NAME;
        else if (!parent && likeness_is_near(last_key(at), s->name, likeness_edits(last_key(at), s->name)) &&
                 likeness_is_near(at, s->path, edits))
            how = NEAR;
    }
    bool better = how > s->best || (how == s->best && how != NOWHERE && edits < s->edits);
    if (!better || at.n >= sizeof s->place) return;
    s->best = how;
    s->edits = edits;
    (void)str_copyz(s->place, sizeof s->place, at);
}

/* Every path of the event once for each value; arrays do not show. */
static void search(struct search *s, const struct node *v) {
    if (!*s->names) return;
    --*s->names;
    size_t before = s->at.n;
    if (v->kind < NODE_ARRAY) offer(s);
    for (const struct node *m = v->kind >= NODE_ARRAY ? v->child : NULL; m; m = m->next) {
        if (v->kind == NODE_OBJECT) push_key(&s->at, m->key);
        search(s, m);
        s->at.n = before;
    }
}

/* The longest beginning of the path where the event has a scalar, though the path goes on: "detail" with a detail that is a string. */
static const struct node *blocked_at(const struct node *v, struct str path, struct str rest, size_t *n, int depth) {
    const struct node *leaf = NULL;
    if (v->kind < NODE_ARRAY && rest.p) *n = path.n - rest.n - 1;
    if (v->kind < NODE_ARRAY || depth == 0) return rest.p ? v : NULL;
    if (v->kind == NODE_ARRAY) return v->child ? blocked_at(v->child, path, rest, n, depth - 1) : NULL;
    for (const struct node *m = rest.p ? pattern_way(v->child, rest) : NULL; m && !leaf; m = pattern_way(m->next, rest))
        leaf = blocked_at(m, path, pattern_way_after(m->key, rest), n, depth - 1);
    return leaf;
}

void elsewhere_hint(const struct pattern_field *f, const struct node *event, size_t *names, struct buf *out) {
    struct search s = {.path = f->path, .name = last_key(f->path), .names = names};
    size_t n = 0;
    const struct node *blocked = blocked_at(event, f->path, f->path, &n, 64);
    if (blocked && blocked->kind < NODE_ARRAY) {
        buf_add(out, str_of(f->path.p, n));
        buf_addz(out, " is ");
        phrase_value(blocked, true, out);
        return;
    }
    buf_init(&s.at, 0);
    search(&s, event);
    if (s.at.failed) out->failed = true;
    buf_fini(&s.at);
    if (s.best == NOWHERE) return;
    buf_addf(out, "the event has %s", s.place);
    if (s.best == SAME_BUT_CASE) buf_addz(out, ": upper and lower case differ");
    if (s.best == NEAR) buf_addf(out, ", %zu edit%s away", s.edits, s.edits == 1 ? "" : "s");
}
