/* A field, a conjunction: each is asked as a pattern of its own. What the evaluator says is the verdict; leaves, misses and hints are what
 * is told with it. */
#include "explain.h"

#include <stdlib.h>

#include "explain_parts.h"
#include "json.h"

enum { SCRATCH_BYTES = 64 << 20, VALUES_SHOWN = 3, PLACES_SHOWN = 3, PAIRS_TRIED = 200 };
/* Bounds of one explanation: values visited, over all questions and fields; pairs of a test and a value, and names, that are compared for
 * hints. Each is a second of work or less. */
enum { VISITS_MAX = 200000000, PAIRS_MAX = 50000, NAMES_MAX = 20000, PAIRS_QUICK = 8 };

struct explainer {
    const struct pattern *p;
    const struct node *event;
    struct arena *arena;
    struct arena scratch; /* of one question to the evaluator */
    struct buf text;
    struct explain_field *fields; /* by id; path absent: not looked at */
    size_t *walks;                /* by id: how many values lie on the way to the field's */
    size_t visits, pairs, names;  /* what is left */
    enum err err;
};

const char *explain_code_name(enum explain_code code) {
    static const char *const names[] = {
        [EXPLAIN_MATCHED] = "Matched",      [EXPLAIN_NO_FIELD] = "NoField",       [EXPLAIN_NO_VALUE] = "NoValue",
        [EXPLAIN_WRONG_TYPE] = "WrongType", [EXPLAIN_WRONG_VALUE] = "WrongValue", [EXPLAIN_EXCLUDED] = "Excluded",
        [EXPLAIN_NOT_ABSENT] = "NotAbsent"};
    return names[code];
}

/* ---- questions to the evaluator ---------------------------------------------------------------------------------------------------- */

static enum err ask(const struct pattern *p, const struct pattern_conjunction *c, const struct node *event, struct arena *scratch,
                    bool *matched) {
    struct pattern one = *p; /* borrowed: its arena is not touched */
    one.conjunctions = c;
    one.conjunction_count = 1;
    enum err err = pattern_match(&one, event, scratch, matched);
    arena_reset(scratch);
    return err;
}

static bool spend(struct explainer *x, size_t visits) {
    if (visits > x->visits && !x->err) x->err = ERR_LIMIT;
    x->visits -= visits < x->visits ? visits : x->visits;
    return !x->err;
}

static bool takes(struct explainer *x, const struct pattern_field **fields, size_t count) {
    struct pattern_conjunction c = {fields, count};
    bool matched = false;
    size_t visits = 0;
    for (size_t i = 0; i < count; i++) visits += x->walks[fields[i]->id];
    if (!spend(x, visits)) return false;
    x->err = ask(x->p, &c, x->event, &x->scratch, &matched);
    return matched && !x->err;
}

/* What was written into x->text since the last call, in the arena. */
static struct str take_text(struct explainer *x) {
    struct str s = x->text.failed ? STR_NULL : arena_str(x->arena, buf_str(&x->text));
    if (!s.p && !x->err) x->err = ERR_NOMEM;
    buf_clear(&x->text);
    return s;
}

/* ---- a field ------------------------------------------------------------------------------------------------------------------------ */

static void add_had(struct explainer *x, const struct leaves *found, bool named) {
    if (found->total > 1) buf_addf(&x->text, "%zu values: ", found->total);
    for (size_t i = 0; i < found->total && i < VALUES_SHOWN; i++) {
        if (i) buf_addz(&x->text, ", ");
        phrase_value(found->items[i].node, named, &x->text);
    }
    if (found->total > VALUES_SHOWN) buf_addz(&x->text, ", ...");
}

/* Could the field take a value of that kind at all? */
static bool can_take_kind(const struct pattern_field *f, enum node_kind kind) {
    for (size_t i = 0; i < f->count; i++) {
        enum pattern_kind k = f->alternatives[i].tests[0].kind;
        if (f->alternatives[i].but || k == PATTERN_PRESENT) return true;
        bool number = k == PATTERN_NUMBER || k == PATTERN_RANGE, word = k == PATTERN_NULL || k == PATTERN_FALSE || k == PATTERN_TRUE;
        if (kind == NODE_NUMBER ? number : kind == NODE_STRING ? !number && !word : word) return true;
    }
    return false;
}

static void tell_without_value(struct explainer *x, const struct pattern_field *f, const struct leaves *found, struct explain_field *out) {
    out->code = found->inner ? EXPLAIN_NO_VALUE : EXPLAIN_NO_FIELD;
    out->distance = found->inner ? 900 : EXPLAIN_DISTANCE_MAX;
    if (!found->inner) {
        buf_addz(&x->text, "no such field");
        out->had = take_text(x);
        elsewhere_hint(f, x->event, &x->names, &x->text);
        if (x->text.n) {
            out->distance = 800;
            out->hint = take_text(x);
        }
        return;
    }
    bool array = found->inner->kind == NODE_ARRAY;
    buf_addf(&x->text, "%s",
             !found->inner->child ? array ? "an empty array" : "an empty object"
             : array              ? "an array without scalars"
                                  : "an object");
    out->had = take_text(x);
    buf_addz(&x->text, "only scalars are values");
    const struct node *first = array ? NULL : found->inner->child;
    for (const struct node *m = first; m && m != first->next; m = m->next) {
        buf_addz(&x->text, "; it has the field ");
        phrase_text(m->key, &x->text);
        if (m->next) buf_addf(&x->text, " and %zu more", found->inner->count - 1);
    }
    out->hint = take_text(x);
}

static void tell_miss(struct explainer *x, const struct pattern_field *f, const struct leaves *found, struct explain_field *out) {
    struct miss m = miss_nearest(f, found, &x->pairs, &x->scratch);
    bool type = m.kind == MISS_TYPE || (m.kind == MISS_NONE && !can_take_kind(f, m.leaf->node->kind));
    out->code = m.kind == MISS_EXCLUDED     ? EXPLAIN_EXCLUDED
                : m.kind == MISS_NOT_ABSENT ? EXPLAIN_NOT_ABSENT
                : type                      ? EXPLAIN_WRONG_TYPE
                                            : EXPLAIN_WRONG_VALUE;
    out->distance = m.distance;
    out->at = m.leaf->at;
    add_had(x, found, type);
    out->had = take_text(x);
    miss_hint(&m, &x->text);
    if (x->text.n && !str_eq(out->at, f->path)) buf_addf(&x->text, ", at %.*s", STR_ARG(out->at));
    if (x->text.n) out->hint = take_text(x);
    arena_reset(&x->scratch);
}

static void tell_match(struct explainer *x, const struct leaves *found, struct explain_field *out) {
    out->code = EXPLAIN_MATCHED;
    if (found->taken.node) {
        out->at = found->taken.at;
        phrase_value(found->taken.node, false, &x->text);
    } else if (found->cut) {
        buf_addz(&x->text, "a value too far on to be shown");
    } else {
        buf_addz(&x->text, "no value");
    }
    out->had = take_text(x);
}

static const struct explain_field *look_at(struct explainer *x, const struct pattern_field *f) {
    struct explain_field *out = &x->fields[f->id];
    if (out->path.p || x->err) return out;
    struct leaves found;
    *out = (struct explain_field){.path = f->path};
    bool matched = takes(x, &f, 1);
    if (!x->err && !leaves_find(f, x->event, matched ? LEAVES_TAKEN : LEAVES_ALL, x->arena, &found)) x->err = ERR_NOMEM;
    x->walks[f->id] = x->err ? 0 : found.visits;
    if (!spend(x, 2 * x->walks[f->id])) return out;
    phrase_field(f, &x->text);
    out->wanted = take_text(x);
    if (matched)
        tell_match(x, &found, out);
    else if (found.total)
        tell_miss(x, f, &found, out);
    else
        tell_without_value(x, f, &found, out);
    return out;
}

/* ---- a conjunction ------------------------------------------------------------------------------------------------------------------ */

/* detail.items.sku matches in detail.items[0].sku, detail.items[2].sku */
static void add_places(struct explainer *x, const struct pattern_field *f) {
    struct leaves found;
    size_t shown = 0;
    if (!spend(x, x->walks[f->id])) return;
    if (!leaves_find(f, x->event, LEAVES_ALL, x->arena, &found)) {
        x->err = ERR_NOMEM;
        return;
    }
    buf_addf(&x->text, "%.*s matches in ", STR_ARG(f->path));
    for (size_t i = 0; i < found.total && i < LEAVES_MAX; i++) {
        if (!pattern_field_takes(f, found.items[i].node)) continue;
        if (shown == PLACES_SHOWN) {
            buf_addz(&x->text, ", ...");
            return;
        }
        buf_addf(&x->text, "%s%.*s", shown++ ? ", " : "", STR_ARG(found.items[i].at));
    }
    if (!shown) buf_add(&x->text, x->fields[f->id].at.p ? x->fields[f->id].at : STR("an element further on"));
}

/* Names two fields that cannot be had together, or when each two can, all that lie in arrays. */
static struct str conflict_of(struct explainer *x, const struct pattern_conjunction *c) {
    const struct pattern_field *pair[2] = {NULL, NULL};
    size_t tried = 0;
    for (size_t i = 0; i < c->count && !pair[0]; i++)
        for (size_t k = i + 1; k < c->count && !pair[0] && tried < PAIRS_TRIED && !x->err; k++, tried++) {
            const struct pattern_field *two[2] = {c->fields[i], c->fields[k]};
            if (!takes(x, two, 2) && !x->err) pair[0] = two[0], pair[1] = two[1];
        }
    buf_addz(&x->text, "each field matches in some element, but not in the same element: ");
    size_t shown = 0;
    for (size_t i = 0; i < c->count && !x->err; i++) {
        const struct pattern_field *f = c->fields[i];
        bool told = pair[0] ? f == pair[0] || f == pair[1] : str_find(x->fields[f->id].at, '[', 0) < x->fields[f->id].at.n;
        if (!told || shown == 8) continue;
        if (shown++) buf_addz(&x->text, "; ");
        add_places(x, f);
    }
    return take_text(x);
}

static void copy_fields(struct explainer *x, const struct pattern_conjunction *c, struct explain_branch *out) {
    size_t most = c->count < EXPLAIN_FIELDS_MAX ? c->count : EXPLAIN_FIELDS_MAX;
    out->fields = arena_array(x->arena, most, sizeof *out->fields);
    if (!out->fields) x->err = ERR_NOMEM;
    bool whole = most == c->count;
    for (int round = whole ? 1 : 0; round < 2 && !x->err; round++) /* too many: those that fail first */
        for (size_t i = 0; i < c->count && out->count < most; i++) {
            const struct explain_field *f = &x->fields[c->fields[i]->id];
            if (whole || (f->code == EXPLAIN_MATCHED) == (round == 1)) out->fields[out->count++] = *f;
        }
}

/* What is known without asking for the conjunction as a whole. */
static struct explain_branch survey(struct explainer *x, size_t number) {
    const struct pattern_conjunction *c = &x->p->conjunctions[number];
    struct explain_branch b = {.number = number + 1, .total = c->count};
    uint64_t sum = 0;
    for (size_t i = 0; i < c->count && !x->err; i++) {
        const struct explain_field *f = look_at(x, c->fields[i]);
        b.failing += f->code != EXPLAIN_MATCHED;
        sum += f->distance;
    }
    b.distance = (unsigned)(sum / c->count);
    if (b.failing && !b.distance) b.distance = 1;
    return b;
}

static void decide(struct explainer *x, struct explain_branch *b) {
    const struct pattern_conjunction *c = &x->p->conjunctions[b->number - 1];
    b->matched = !b->failing && takes(x, c->fields, c->count);
    if (!b->failing && !b->matched && !x->err) b->conflict = conflict_of(x, c);
    copy_fields(x, c, b);
}

/* ---- the whole ---------------------------------------------------------------------------------------------------------------------- */

static int by_distance(const void *a, const void *b) {
    const struct explain_branch *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Puts the conjunction that the evaluator took first in front. */
static void find_first_match(struct explainer *x, struct explain_branch *all, size_t count) {
    for (size_t i = 0; i < count && !x->err; i++) {
        const struct pattern_conjunction *c = &x->p->conjunctions[i];
        if (all[i].failing || !takes(x, c->fields, c->count)) continue;
        struct explain_branch match = all[i];
        all[i] = all[0];
        all[0] = match;
        return;
    }
}

static struct str reason_of(struct explainer *x, const struct explain_branch *b) {
    if (b->conflict.p) return b->conflict;
    const struct explain_field *first = NULL;
    for (size_t i = 0; i < b->count && !first; i++)
        if (b->fields[i].code != EXPLAIN_MATCHED) first = &b->fields[i];
    if (!first) return STR_NULL;
    explain_line(first, &x->text);
    if (b->failing > 1) buf_addf(&x->text, "; and %zu more field%s", b->failing - 1, b->failing == 2 ? "" : "s");
    return take_text(x);
}

static void explain_object(struct explainer *x, struct explanation *out) {
    size_t total = x->p->conjunction_count;
    struct explain_branch *all = arena_array(x->arena, total, sizeof *all);
    x->fields = arena_array(x->arena, x->p->field_count, sizeof *x->fields);
    x->walks = arena_array(x->arena, x->p->field_count, sizeof *x->walks);
    if (!all || !x->fields || !x->walks) {
        x->err = ERR_NOMEM;
        return;
    }
    for (size_t i = 0; i < total && !x->err; i++) all[i] = survey(x, i);
    size_t fixed = out->matched ? 1 : 0;
    if (out->matched) find_first_match(x, all, total);
    if (!x->err && total > fixed) qsort(all + fixed, total - fixed, sizeof *all, by_distance);
    out->branches = all;
    out->total = total;
    out->count = total < EXPLAIN_BRANCHES_MAX ? total : EXPLAIN_BRANCHES_MAX;
    for (size_t i = 0; i < out->count && !x->err; i++) decide(x, &all[i]);
    if (!x->err && !out->matched) out->reason = reason_of(x, &all[0]);
}

enum err explain(const struct pattern *p, const struct node *event, struct arena *a, struct explanation *out) {
    struct explainer x = {.p = p, .event = event, .arena = a, .visits = VISITS_MAX, .pairs = PAIRS_MAX, .names = NAMES_MAX};
    *out = (struct explanation){0};
    arena_init(&x.scratch, SCRATCH_BYTES);
    buf_init(&x.text, 0);
    x.err = pattern_match(p, event, &x.scratch, &out->matched);
    arena_reset(&x.scratch);
    if (!x.err && event->kind != NODE_OBJECT) {
        out->reason = STR("the event is no JSON object");
    } else if (!x.err) {
        explain_object(&x, out);
    }
    buf_fini(&x.text);
    arena_fini(&x.scratch);
    return x.err;
}

/* ---- closeness ---------------------------------------------------------------------------------------------------------------------- */

static unsigned quick_distance(const struct pattern *p, const struct pattern_field *f, const struct node *event, struct arena *scratch) {
    struct pattern_conjunction c = {&f, 1};
    struct leaves found;
    bool matched = false;
    if (ask(p, &c, event, scratch, &matched) || matched) return matched ? 0 : EXPLAIN_DISTANCE_MAX;
    if (!leaves_find(f, event, LEAVES_QUICK, scratch, &found) || !found.total) return EXPLAIN_DISTANCE_MAX;
    size_t pairs = PAIRS_QUICK;
    unsigned distance = miss_nearest(f, &found, &pairs, scratch).distance;
    arena_reset(scratch);
    return distance;
}

unsigned explain_distance(const struct pattern *p, const struct node *event) {
    enum { UNKNOWN = EXPLAIN_DISTANCE_MAX + 1 };
    unsigned best = EXPLAIN_DISTANCE_MAX, few[64];
    unsigned *known = p->field_count <= 64 ? few : calloc(p->field_count, sizeof *known);
    struct arena scratch;
    if (!known) return best;
    arena_init(&scratch, SCRATCH_BYTES);
    for (size_t i = 0; i < p->field_count; i++) known[i] = UNKNOWN;
    for (size_t i = 0; i < p->conjunction_count; i++) {
        const struct pattern_conjunction *c = &p->conjunctions[i];
        uint64_t sum = 0;
        for (size_t k = 0; k < c->count; k++) {
            unsigned *d = &known[c->fields[k]->id];
            if (*d == UNKNOWN) *d = quick_distance(p, c->fields[k], event, &scratch);
            sum += *d;
        }
        if (sum / c->count < best) best = (unsigned)(sum / c->count);
    }
    arena_fini(&scratch);
    if (known != few) free(known);
    return best;
}

/* ---- as text ------------------------------------------------------------------------------------------------------------------------- */

void explain_line(const struct explain_field *f, struct buf *out) {
    buf_addf(out, "%.*s: wanted %.*s; had %.*s", STR_ARG(f->path), STR_ARG(f->wanted), STR_ARG(f->had));
    if (f->hint.p) buf_addf(out, " (%.*s)", STR_ARG(f->hint));
}

static void field_json(struct json *j, const struct explain_field *f) {
    json_object_begin(j);
    json_key_str(j, "Path", f->path);
    json_key_bool(j, "Matched", f->code == EXPLAIN_MATCHED);
    json_key_str(j, "Code", str_from(explain_code_name(f->code)));
    json_key_str(j, "Wanted", f->wanted);
    json_key_str(j, "Had", f->had);
    if (f->at.p) json_key_str(j, "At", f->at);
    if (f->hint.p) json_key_str(j, "Hint", f->hint);
    json_object_end(j);
}

static void branch_json(struct json *j, const struct explain_branch *b) {
    json_object_begin(j);
    json_key_i64(j, "Number", (int64_t)b->number);
    json_key_bool(j, "Matched", b->matched);
    if (b->conflict.p) json_key_str(j, "Conflict", b->conflict);
    json_key_i64(j, "FieldCount", (int64_t)b->total);
    json_key(j, STR("Fields"));
    json_array_begin(j);
    for (size_t i = 0; i < b->count; i++) field_json(j, &b->fields[i]);
    json_array_end(j);
    json_object_end(j);
}

void explain_json(const struct explanation *e, struct buf *out) {
    struct json j;
    json_init(&j, out);
    json_object_begin(&j);
    json_key_bool(&j, "Matched", e->matched);
    if (e->reason.p) json_key_str(&j, "Reason", e->reason);
    json_key_i64(&j, "BranchCount", (int64_t)e->total);
    json_key(&j, STR("Branches"));
    json_array_begin(&j);
    for (size_t i = 0; i < e->count; i++) branch_json(&j, &e->branches[i]);
    json_array_end(&j);
    json_object_end(&j);
}
