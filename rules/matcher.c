/* A set is a list of parts, each compiled at once (segment.h), the big ones first. What was added since the last publication is compiled
 * together with the smaller parts behind the first one that is eight times as big: so there are few parts, and a rule is compiled a
 * few times in its life. Removed rules are only marked; their parts shrink when they are compiled the next time. */
#include "matcher.h"
#include "hash.h"
#include "match.h"

#include <stdlib.h>

enum {
    PART_RATIO = 8,
    PART_FOREGROUND_MAX = 16384, /* rules that a single change compiles again, about ten milliseconds; more is matcher_compact_begin's */
    PARTS_SCATTERED = 12,
    NO_RULE = -1
};

struct dead { /* the removed rules of a part, shared by the matchers that know them */
    _Atomic int refs;
    uint64_t bits[];
};

struct matcher {
    _Atomic int refs;
    struct scan_paths *paths;
    size_t count, bytes;
    size_t part_count;
    struct {
        struct segment *segment;
        struct dead *dead; /* NULL: none */
    } parts[];
};

struct set_rule {                  /* by id */
    const struct pattern *pattern; /* NULL: the id is free */
    void *owner;
    struct set_part *part; /* NULL: not compiled yet */
    uint32_t place;        /* in the part, or in pending; of a free id: the next free one */
};

struct set_part {
    struct segment *segment;
    int32_t *ids; /* by rule of the segment; NO_RULE: removed */
    uint32_t live;
    struct dead *dead;
    bool dead_stale; /* more are removed than `dead` says */
};

struct matcher_set {
    struct scan_paths *paths;
    struct set_rule *rules;
    uint32_t rule_count, rule_cap, free_id; /* free_id + 1; 0: none */
    uint32_t live;
    uint32_t *pending; /* ids */
    uint32_t pending_count, pending_cap;
    struct set_part **parts;
    uint32_t part_count, part_cap;
    uint32_t foreground_max;
};

/* ---- shared pieces -------------------------------------------------------------------------------------------------------------- */

static bool last_reference(_Atomic int *refs) { return atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1; }

static void add_reference(_Atomic int *refs) { atomic_fetch_add_explicit(refs, 1, memory_order_relaxed); }

static void dead_release(struct dead *d) {
    if (d && last_reference(&d->refs)) free(d);
}

struct matcher *matcher_share(struct matcher *m) {
    add_reference(&m->refs);
    return m;
}

void matcher_release(struct matcher *m) {
    if (!m || !last_reference(&m->refs)) return;
    for (size_t i = 0; i < m->part_count; i++) {
        segment_release(m->parts[i].segment);
        dead_release(m->parts[i].dead);
    }
    scan_paths_release(m->paths);
    free(m);
}

size_t matcher_count(const struct matcher *m) { return m->count; }

size_t matcher_bytes(const struct matcher *m) { return m->bytes; }

static bool reserve(void **items, uint32_t *cap, size_t need, size_t size) {
    if (need <= *cap) return true;
    size_t more = *cap ? *cap : 16;
    while (more < need) more *= 2;
    void *grown = more > UINT32_MAX ? NULL : realloc(*items, more * size);
    if (!grown) return false;
    *items = grown;
    *cap = (uint32_t)more;
    return true;
}

/* ---- the set -------------------------------------------------------------------------------------------------------------------- */

struct matcher_set *matcher_set_new(void) {
    struct matcher_set *set = calloc(1, sizeof *set);
    if (set) set->foreground_max = PART_FOREGROUND_MAX;
    if (set && (set->paths = scan_paths_new(rng_u64()))) return set;
    free(set);
    return NULL;
}

static void part_free(struct set_part *p) {
    if (!p) return;
    segment_release(p->segment);
    dead_release(p->dead);
    free(p->ids);
    free(p);
}

void matcher_set_free(struct matcher_set *set) {
    if (!set) return;
    for (uint32_t i = 0; i < set->part_count; i++) part_free(set->parts[i]);
    scan_paths_release(set->paths);
    free(set->parts);
    free(set->rules);
    free(set->pending);
    free(set);
}

size_t matcher_set_count(const struct matcher_set *set) { return set->live; }

void matcher_set_foreground(struct matcher_set *set, uint32_t rules) { set->foreground_max = rules; }

static bool add_pending(struct matcher_set *set, uint32_t id) {
    void *items = set->pending;
    if (!reserve(&items, &set->pending_cap, (size_t)set->pending_count + 1, sizeof *set->pending)) return false;
    set->pending = items;
    set->rules[id].part = NULL;
    set->rules[id].place = set->pending_count;
    set->pending[set->pending_count++] = id;
    return true;
}

enum err matcher_set_add(struct matcher_set *set, const struct pattern *pattern, void *owner, uint32_t *id) {
    if (set->live == SEGMENT_RULES_MAX) return ERR_LIMIT;
    if (!set->free_id) {
        void *items = set->rules;
        if (!reserve(&items, &set->rule_cap, (size_t)set->rule_count + 1, sizeof *set->rules)) return ERR_NOMEM;
        set->rules = items;
    }
    *id = set->free_id ? set->free_id - 1 : set->rule_count;
    uint32_t next_free = set->free_id ? set->rules[*id].place : 0;
    if (!add_pending(set, *id)) return ERR_NOMEM;
    if (set->free_id)
        set->free_id = next_free;
    else
        set->rule_count++;
    set->rules[*id].pattern = pattern;
    set->rules[*id].owner = owner;
    set->live++;
    return ERR_OK;
}

void matcher_set_remove(struct matcher_set *set, uint32_t id) {
    struct set_rule *r = &set->rules[id];
    if (r->part) {
        r->part->ids[r->place] = NO_RULE;
        r->part->live--;
        r->part->dead_stale = true;
    } else {
        uint32_t last = set->pending[--set->pending_count];
        set->pending[r->place] = last;
        set->rules[last].place = r->place;
    }
    *r = (struct set_rule){.place = set->free_id};
    set->free_id = id + 1;
    set->live--;
}

/* ---- parts ---------------------------------------------------------------------------------------------------------------------- */

/* Compiles the rules of these ids; the ids go to the part. NULL: *err tells. */
static struct set_part *part_new(const struct matcher_set *set, const int32_t *ids, uint32_t count, struct scan_paths *paths,
                                 enum err *err) {
    struct set_part *p = calloc(1, sizeof *p);
    struct segment_rule *rules = malloc((count + 1) * sizeof *rules);
    *err = ERR_NOMEM;
    if (p) p->ids = malloc((count + 1) * sizeof *p->ids);
    if (p && p->ids && rules) {
        memcpy(p->ids, ids, count * sizeof *ids);
        p->live = count;
        for (uint32_t i = 0; i < count; i++) rules[i] = (struct segment_rule){set->rules[ids[i]].pattern, set->rules[ids[i]].owner};
        *err = segment_build(rules, count, paths, &p->segment);
    }
    free(rules);
    if (!*err) return p;
    part_free(p);
    return NULL;
}

static void part_takes_its_rules(struct matcher_set *set, struct set_part *p) {
    for (uint32_t i = 0; i < p->segment->rule_count; i++) {
        if (p->ids[i] == NO_RULE) continue;
        set->rules[p->ids[i]].part = p;
        set->rules[p->ids[i]].place = i;
    }
}

/* Brings the marks of removed rules up to date; matchers keep those they know. */
static bool part_mark_dead(struct set_part *p) {
    if (!p->dead_stale) return true;
    uint32_t count = p->segment->rule_count;
    struct dead *d = calloc(1, sizeof *d + (count / 64 + 1) * sizeof d->bits[0]);
    if (!d) return false;
    d->refs = 1;
    for (uint32_t i = 0; i < count; i++) d->bits[i / 64] |= (uint64_t)(p->ids[i] == NO_RULE) << (i % 64);
    dead_release(p->dead);
    p->dead = d;
    p->dead_stale = false;
    return true;
}

/* Is the part to be compiled again, together with `fresh` rules? */
static bool is_merged(const struct matcher_set *set, const struct set_part *p, uint32_t fresh) {
    uint32_t size = p->segment->rule_count;
    if (p->live == 0) return true;
    if (p->live > set->foreground_max && p->live > fresh) return false;
    return p->live <= PART_RATIO * fresh || p->live < size / 2;
}

/* Ids of what is compiled now: all pending ones, and those of the parts that are merged (*merged, by part). */
static int32_t *collect(const struct matcher_set *set, bool *merged, uint32_t *count) {
    uint32_t total = set->pending_count;
    for (uint32_t i = set->part_count; i-- > 0;) {
        merged[i] = is_merged(set, set->parts[i], total);
        if (merged[i]) total += set->parts[i]->live;
    }
    int32_t *ids = malloc(((size_t)total + 1) * sizeof *ids);
    *count = 0;
    for (uint32_t i = 0; ids && i < set->part_count; i++)
        for (uint32_t k = 0; merged[i] && k < set->parts[i]->segment->rule_count; k++)
            if (set->parts[i]->ids[k] != NO_RULE) ids[(*count)++] = set->parts[i]->ids[k];
    for (uint32_t i = 0; ids && i < set->pending_count; i++) ids[(*count)++] = (int32_t)set->pending[i];
    return ids;
}

/* ---- publication ---------------------------------------------------------------------------------------------------------------- */

static bool knows_paths(const struct scan_paths *paths, const struct pattern *p) {
    for (size_t i = 0; i < p->field_count; i++) {
        uint32_t number = scan_paths_find(paths, p->fields[i]->path);
        if (number == SCAN_NO_PATH || !paths->paths[number].wanted) return false;
    }
    return true;
}

/* The tree for a part of these rules: the set's own when it has all names or nobody else reads it, a copy otherwise; a new one when no
 * other part is left, so that names that no rule has any more go. */
static struct scan_paths *paths_for(const struct matcher_set *set, const int32_t *ids, uint32_t count) {
    if (count == set->live) return scan_paths_new(rng_u64());
    bool known = true;
    for (uint32_t i = 0; i < count && known; i++) known = knows_paths(set->paths, set->rules[ids[i]].pattern);
    if (!known && set->paths->refs > 1) return scan_paths_copy(set->paths);
    add_reference(&set->paths->refs);
    return set->paths;
}

static void drop_merged(struct matcher_set *set, const bool *merged) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < set->part_count; i++) {
        if (merged[i])
            part_free(set->parts[i]);
        else
            set->parts[n++] = set->parts[i];
    }
    set->part_count = n;
}

/* Compiles what is pending, if anything is, or parts that should shrink. */
static enum err compile_pending(struct matcher_set *set) {
    enum err e = ERR_NOMEM;
    uint32_t count = 0;
    void *items = set->parts;
    if (!reserve(&items, &set->part_cap, (size_t)set->part_count + 1, sizeof *set->parts)) return ERR_NOMEM;
    set->parts = items;
    bool *merged = calloc((size_t)set->part_count + 1, sizeof *merged);
    int32_t *ids = merged ? collect(set, merged, &count) : NULL;
    struct scan_paths *paths = ids && count ? paths_for(set, ids, count) : NULL;
    struct set_part *made = NULL;
    if (!ids || (count && !paths)) goto out;
    made = count ? part_new(set, ids, count, paths, &e) : NULL;
    if (count && !made) goto out;
    e = ERR_OK;
    drop_merged(set, merged);
    if (!made) goto out;
    scan_paths_release(set->paths);
    set->paths = paths;
    paths = NULL;
    part_takes_its_rules(set, made);
    set->parts[set->part_count++] = made;
    set->pending_count = 0;
out:
    scan_paths_release(paths);
    free(merged);
    free(ids);
    return e;
}

enum err matcher_set_publish(struct matcher_set *set, struct matcher **out) {
    *out = NULL;
    enum err e = compile_pending(set);
    if (e) return e;
    struct matcher *m = calloc(1, sizeof *m + set->part_count * sizeof m->parts[0]);
    if (!m) return ERR_NOMEM;
    m->refs = 1;
    m->count = set->live;
    m->paths = set->paths;
    m->bytes = sizeof *m + scan_paths_bytes(set->paths);
    add_reference(&set->paths->refs);
    for (uint32_t i = 0; i < set->part_count; i++) {
        struct set_part *p = set->parts[i];
        if (!part_mark_dead(p)) {
            matcher_release(m);
            return ERR_NOMEM;
        }
        m->parts[i].segment = p->segment;
        m->parts[i].dead = p->dead;
        m->part_count++;
        m->bytes += p->segment->bytes;
        add_reference(&p->segment->refs);
        if (p->dead) add_reference(&p->dead->refs);
    }
    *out = m;
    return ERR_OK;
}

/* ---- compaction ----------------------------------------------------------------------------------------------------------------- */

struct matcher_compaction {
    struct segment_rule *rules;
    uint32_t *ids;
    uint32_t count;
    struct scan_paths *paths;
    struct segment *segment; /* NULL: run failed, or was not called */
};

bool matcher_set_is_scattered(const struct matcher_set *set) {
    uint32_t big = 0, held = 0;
    for (uint32_t i = 0; i < set->part_count; i++) {
        big += set->parts[i]->live > set->foreground_max / PART_RATIO;
        held += set->parts[i]->segment->rule_count;
    }
    return set->part_count > PARTS_SCATTERED || big > 3 || held > 2 * set->live + set->foreground_max;
}

static void compaction_free(struct matcher_compaction *c) {
    segment_release(c->segment);
    scan_paths_release(c->paths);
    free(c->rules);
    free(c->ids);
    free(c);
}

enum err matcher_compact_begin(struct matcher_set *set, struct matcher_compaction **out) {
    *out = NULL;
    struct matcher_compaction *c = calloc(1, sizeof *c);
    if (!c) return ERR_NOMEM;
    c->rules = malloc(((size_t)set->live + 1) * sizeof *c->rules);
    c->ids = malloc(((size_t)set->live + 1) * sizeof *c->ids);
    c->paths = scan_paths_new(rng_u64());
    if (!c->rules || !c->ids || !c->paths) {
        compaction_free(c);
        return ERR_NOMEM;
    }
    for (uint32_t id = 0; id < set->rule_count; id++) {
        if (!set->rules[id].pattern) continue;
        c->ids[c->count] = id;
        c->rules[c->count++] = (struct segment_rule){set->rules[id].pattern, set->rules[id].owner};
    }
    *out = c;
    return ERR_OK;
}

enum err matcher_compact_run(struct matcher_compaction *c) { return segment_build(c->rules, c->count, c->paths, &c->segment); }

/* The part for what was compiled; rules that are gone, or whose id is another's by now, are dead in it. */
static struct set_part *compacted_part(const struct matcher_set *set, struct matcher_compaction *c) {
    struct set_part *p = calloc(1, sizeof *p);
    if (p) p->ids = malloc(((size_t)c->count + 1) * sizeof *p->ids);
    if (!p || !p->ids) return part_free(p), NULL;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct set_rule *r = &set->rules[c->ids[i]];
        bool same = r->pattern == c->rules[i].pattern && r->owner == c->rules[i].owner;
        p->ids[i] = same ? (int32_t)c->ids[i] : NO_RULE;
        p->live += same;
        p->dead_stale |= !same;
    }
    p->segment = c->segment;
    c->segment = NULL;
    return p;
}

void matcher_compact_end(struct matcher_set *set, struct matcher_compaction *c) {
    if (!set) {
        compaction_free(c);
        return;
    }
    struct set_part *p = NULL;
    void *items = set->parts, *pending = set->pending;
    bool room = reserve(&items, &set->part_cap, 1, sizeof *set->parts);
    set->parts = items;
    room = room && reserve(&pending, &set->pending_cap, set->live, sizeof *set->pending);
    set->pending = pending;
    if (room && c->segment) p = compacted_part(set, c);
    if (p) {
        for (uint32_t i = 0; i < set->part_count; i++) part_free(set->parts[i]);
        for (uint32_t id = 0; id < set->rule_count; id++) set->rules[id].part = NULL;
        set->parts[0] = p;
        set->part_count = 1;
        part_takes_its_rules(set, p);
        set->pending_count = 0; /* what came since begin, in whatever part, is compiled with the new tree of names */
        for (uint32_t id = 0; id < set->rule_count; id++) {
            if (!set->rules[id].pattern || set->rules[id].part) continue;
            set->rules[id].place = set->pending_count;
            set->pending[set->pending_count++] = id;
        }
        struct scan_paths *old = set->paths;
        set->paths = c->paths;
        c->paths = old;
    }
    compaction_free(c);
}

/* ---- work ----------------------------------------------------------------------------------------------------------------------- */

struct matcher_work *matcher_work_new(const char *scanner) {
    scan_index_fn *index = scanner ? scan_index_named(scanner) : scan_index_best();
    struct matcher_work *w = index ? calloc(1, sizeof *w) : NULL;
    if (!w) return NULL;
    arena_init(&w->arena, 0);
    if (scan_init(&w->scan, index) == ERR_OK) return w;
    free(w);
    return NULL;
}

void matcher_work_free(struct matcher_work *w) {
    if (!w) return;
    scan_fini(&w->scan);
    arena_fini(&w->arena);
    free(w->values);
    free(w->heads);
    free(w->paths);
    free(w->predicates);
    free(w->matched);
    free(w->grams);
    free(w->same);
    free(w->elements);
    free(w->arrays);
    free(w->touched);
    free(w->found);
    free(w);
}

bool work_reserve(struct matcher_work *w, void **items, uint32_t *cap, size_t need, size_t size) {
    uint32_t old = *cap;
    if (need <= old) return true;
    if (!reserve(items, cap, need, size)) {
        w->err = ERR_NOMEM;
        return false;
    }
    memset((char *)*items + old * size, 0, (*cap - old) * size);
    return true;
}

/* ---- an event ------------------------------------------------------------------------------------------------------------------- */

static bool prepare_event(struct matcher_work *w, const struct scan_paths *paths) {
    void *values = w->values, *heads = w->heads, *list = w->paths;
    bool room = work_reserve(w, &values, &w->value_cap, w->scan.leaf_count, sizeof *w->values);
    w->values = values;
    room = room && work_reserve(w, &heads, &w->head_cap, paths->count, sizeof *w->heads);
    w->heads = heads;
    room = room && work_reserve(w, &list, &w->path_cap, w->scan.leaf_count, sizeof *w->paths);
    w->paths = list;
    w->path_count = 0;
    if (!++w->event_epoch) { /* it came round: what was noted is forgotten */
        memset(w->heads, 0, w->head_cap * sizeof *w->heads);
        w->event_epoch = 1;
    }
    return room;
}

static bool set_text(struct matcher_work *w, struct scan_leaf *l, struct value *v) {
    v->text = str_of(l->p, l->bytes);
    if (__builtin_expect(!l->escaped, 1)) return true;
    char *out = arena_alloc(&w->arena, l->bytes);
    if (!out) return w->err = ERR_NOMEM, false;
    v->text = str_of(out, scan_unescape(v->text, out));
    l->hash = scan_string_hash(w->scan.watch.seed, l->path, v->text);
    return true;
}

/* Hangs the leaves into the lists of their paths. */
static bool list_leaves(struct matcher_work *w) {
    for (uint32_t i = 0; i < w->scan.leaf_count; i++) {
        struct scan_leaf *l = &w->scan.leaves[i];
        struct value *v = &w->values[i];
        struct head *h = &w->heads[l->path];
        v->folded = STR_NULL;
        v->next = v->string_key_epoch = 0;
        v->has_number = v->has_address = v->repeats = false;
        if (!set_text(w, l, v)) return false;
        if (h->epoch == w->event_epoch) {
            w->values[h->last].next = i + 1;
            h->last = i;
            h->count++;
        } else {
            *h = (struct head){w->event_epoch, i, i, 1};
            w->paths[w->path_count++] = l->path;
        }
    }
    return true;
}

/* Notes which of a path's leaves have the value of an earlier one: they need not be looked up again. */
static bool find_repeats(struct matcher_work *w, const struct head *h, uint64_t seed) {
    uint32_t size = 16;
    while (size < h->count * 2) size *= 2;
    void *same = w->same;
    bool room = work_reserve(w, &same, &w->same_cap, size, sizeof *w->same);
    w->same = same;
    if (!room) return false;
    memset(w->same, 0, size * sizeof *w->same);
    for (uint32_t leaf = h->first + 1; leaf; leaf = w->values[leaf - 1].next) {
        struct value *v = &w->values[leaf - 1];
        uint32_t at = (uint32_t)keyhash(seed, v->text.p, v->text.n) & (size - 1), other;
        for (; (other = w->same[at]); at = (at + 1) & (size - 1)) {
            v->repeats = w->scan.leaves[other - 1].kind == w->scan.leaves[leaf - 1].kind && str_eq(w->values[other - 1].text, v->text);
            if (v->repeats) break;
        }
        if (!other) w->same[at] = leaf;
    }
    return true;
}

enum { REPEATS_FROM = 8 }; /* fewer leaves are as quickly looked up twice */

static bool read_leaves(struct matcher_work *w, const struct scan_paths *paths) {
    if (!prepare_event(w, paths) || !list_leaves(w)) return false;
    for (uint32_t i = 0; w->path_count != w->scan.leaf_count && i < w->path_count; i++) {
        const struct head *h = &w->heads[w->paths[i]];
        if (h->count >= REPEATS_FROM && !find_repeats(w, h, paths->seed)) return false;
    }
    return true;
}

enum err matcher_match(const struct matcher *m, struct matcher_work *w, struct str event, struct matcher_found *found) {
    *found = (struct matcher_found){0};
    w->err = ERR_OK;
    w->steps = 0;
    w->found_count = 0;
    if (w->arena.used_bytes) arena_reset(&w->arena);
    const struct segment *biggest = m->part_count ? m->parts[0].segment : NULL;
    w->scan.watch = (struct scan_watch){m->paths->seed, biggest ? (const char *)biggest->slots : "", biggest ? biggest->slot_mask : 0};
    enum err e = scan_read(&w->scan, m->paths, event);
    if (e || !w->scan.is_object) return e;
    bool good = read_leaves(w, m->paths);
    for (size_t i = 0; i < m->part_count && good; i++) {
        struct match match = {.s = m->parts[i].segment,
                              .paths = m->paths,
                              .dead = m->parts[i].dead ? m->parts[i].dead->bits : NULL,
                              .w = w,
                              .arrays = w->scan.element_count > 1 || w->scan.dotted};
        good = match_segment(&match);
    }
    if (!good) return w->err;
    *found = (struct matcher_found){w->found, w->found_count};
    return ERR_OK;
}
