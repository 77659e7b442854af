#include "match.h"
#include "fold.h"

/* ---- values --------------------------------------------------------------------------------------------------------------------- */

static const struct number *number_of(struct match *m, uint32_t leaf) {
    struct value *v = &m->w->values[leaf];
    if (!v->has_number) {
        v->number = number_read(v->text);
        v->has_number = true;
    }
    return &v->number;
}

static const struct address *address_of(struct match *m, uint32_t leaf) {
    struct value *v = &m->w->values[leaf];
    if (!v->has_address) {
        address_read(v->text, &v->address);
        v->has_address = true;
    }
    return &v->address;
}

/* The segment's key of a string, posted or not: two strings are equal when their keys are. */
static uint32_t string_key_of(struct match *m, uint32_t leaf) {
    struct value *v = &m->w->values[leaf];
    if (v->string_key_epoch == m->w->segment_epoch) return v->string_key;
    uint32_t path = m->w->scan.leaves[leaf].path;
    v->string_key_epoch = m->w->segment_epoch;
    return v->string_key = segment_find_hashed(m->s, path, KEY_STRING, v->text, m->w->scan.leaves[leaf].hash);
}

/* p == NULL without memory. */
static struct str folded_of(struct match *m, uint32_t leaf) {
    struct value *v = &m->w->values[leaf];
    if (v->folded.p) return v->folded;
    char *out = arena_alloc(&m->w->arena, v->text.n);
    bool ascii = true;
    for (size_t i = 0; out && i < v->text.n; i++) {
        unsigned char c = (unsigned char)v->text.p[i];
        ascii &= c < 0x80;
        out[i] = (char)(c | (unsigned)((unsigned char)(c - 'A') < 26) << 5);
    }
    v->folded = !out ? STR_NULL : ascii ? str_of(out, v->text.n) : fold_text(&m->w->arena, v->text);
    if (!v->folded.p) m->w->err = ERR_NOMEM;
    return v->folded;
}

static enum node_kind kind_of_leaf(const struct match *m, uint32_t leaf) { return (enum node_kind)m->w->scan.leaves[leaf].kind; }

/* ---- a key by itself ------------------------------------------------------------------------------------------------------------ */

static bool is_in_block(const struct address *a, const struct key *k) {
    struct address block = {.length = (uint8_t)k->text[0]};
    memcpy(block.bytes, k->text + 2, block.length);
    return address_in(a, &block, (unsigned char)k->text[1]);
}

static bool number_is(const struct number *n, struct str text) {
    struct number_key want = number_key(n);
    return !n->more && memcmp(&want, text.p, sizeof want) == 0;
}

static bool string_key_takes(struct match *m, const struct key *k, uint32_t leaf) {
    struct str text = key_text(k), s = m->w->values[leaf].text;
    switch (key_kind(k)) {
    case KEY_STRING: return str_eq(s, text);
    case KEY_PREFIX: return str_starts(s, text);
    case KEY_SUFFIX: return str_ends(s, text);
    case KEY_FOLDED: return str_eq(folded_of(m, leaf), text);
    case KEY_PREFIX_FOLDED: return str_starts(folded_of(m, leaf), text);
    case KEY_SUFFIX_FOLDED: return str_ends(folded_of(m, leaf), text);
    case KEY_WILDCARD: return work_spend(m->w, s.n) && wildcard_match(&m->s->wildcards[k->index], s);
    case KEY_ADDRESS: return is_in_block(address_of(m, leaf), k);
    default: return false;
    }
}

static bool but_takes(struct match *m, const struct key *k, uint32_t leaf) {
    struct str parts = key_text(k);
    uint32_t same = 0;
    work_spend(m->w, parts.n / sizeof(uint32_t));
    if (k->index) { /* nothing but strings */
        if (kind_of_leaf(m, leaf) != NODE_STRING || !(same = string_key_of(m, leaf))) return true;
    }
    for (size_t i = 0; i < parts.n; i += sizeof(uint32_t)) {
        uint32_t part;
        memcpy(&part, parts.p + i, sizeof part);
        if (same ? part == same : match_takes(m, segment_key(m->s, part), leaf)) return false;
    }
    return true;
}

bool match_takes(struct match *m, const struct key *k, uint32_t leaf) {
    enum key_kind kind = key_kind(k);
    if (kind == KEY_BUT) return but_takes(m, k, leaf);
    if (kind == KEY_PRESENT) return true;
    switch (kind_of_leaf(m, leaf)) {
    case NODE_STRING: return string_key_takes(m, k, leaf);
    case NODE_NUMBER:
        if (kind == KEY_NUMBER_TEXT) return str_eq(m->w->values[leaf].text, key_text(k));
        if (kind == KEY_NUMBER) return number_is(number_of(m, leaf), key_text(k));
        return kind == KEY_RANGE && interval_holds(&m->s->ranges[k->index], number_of(m, leaf));
    case NODE_NULL: return kind == KEY_NULL;
    case NODE_FALSE: return kind == KEY_FALSE;
    case NODE_TRUE: return kind == KEY_TRUE;
    default: return false;
    }
}

/* ---- a predicate: once per event ------------------------------------------------------------------------------------------------ */

bool match_predicate_takes(struct match *m, const struct predicate *p, uint32_t leaf) {
    if (p->kinds == 1 << KEY_STRING) {
        uint32_t key = kind_of_leaf(m, leaf) == NODE_STRING ? string_key_of(m, leaf) : 0;
        for (uint32_t i = 0; key && i < p->key_count; i++)
            if (m->s->predicate_keys[p->keys + i] == key) return true;
        return false;
    }
    for (uint32_t i = 0; i < p->key_count; i++)
        if (match_takes(m, segment_key(m->s, m->s->predicate_keys[p->keys + i]), leaf)) return true;
    return false;
}

static const struct head *leaves_at(const struct match *m, uint32_t path) {
    const struct head *h = &m->w->heads[path];
    return h->epoch == m->w->event_epoch ? h : NULL;
}

static enum answer ask(struct match *m, const struct predicate *p) {
    const struct head *h = leaves_at(m, p->path);
    if (!h) return p->kinds >> KEY_ABSENT & 1 ? ANSWER_YES : ANSWER_NO;
    enum answer best = ANSWER_NO;
    for (uint32_t leaf = h->first + 1; leaf; leaf = m->w->values[leaf - 1].next) {
        bool in_array = m->w->scan.leaves[leaf - 1].element;
        if (best == ANSWER_IN_ARRAY && in_array) continue;
        if (!work_spend(m->w, p->key_count)) return ANSWER_NO;
        if (!match_predicate_takes(m, p, leaf - 1)) continue;
        if (!in_array) return ANSWER_YES;
        best = ANSWER_IN_ARRAY;
    }
    return best;
}

static enum answer answer(struct match *m, uint32_t predicate) {
    uint32_t *note = &m->w->predicates[predicate];
    if (*note >> 2 == m->w->segment_epoch) return (enum answer)(*note & 3);
    enum answer a = ask(m, &m->s->predicates[predicate]);
    *note = m->w->segment_epoch << 2 | (uint32_t)a;
    return a;
}

/* ---- rules ---------------------------------------------------------------------------------------------------------------------- */

static bool find_rule(struct match *m, uint32_t rule) {
    struct matcher_work *w = m->w;
    if (m->dead && m->dead[rule / 64] >> (rule % 64) & 1) return true;
    if (w->found_count == w->found_cap) {
        void *items = w->found;
        if (!work_reserve(w, &items, &w->found_cap, (size_t)w->found_count + 1, sizeof *w->found)) return false;
        w->found = items;
    }
    w->found[w->found_count++] = m->s->owners[rule];
    return true;
}

static bool take_rule(struct match *m, uint32_t rule) {
    if (m->w->matched[rule] == m->w->segment_epoch) return true;
    m->w->matched[rule] = m->w->segment_epoch;
    return find_rule(m, rule);
}

/* A rule that only one key leads to: without arrays one value only can have hit it, and there is no need to note that it was found. */
static bool take_sole(struct match *m, uint32_t rule) { return m->arrays ? take_rule(m, rule) : find_rule(m, rule); }

static bool try_conjunction(struct match *m, uint32_t number) {
    const struct conjunction *c = &m->s->conjunctions[number];
    if (m->w->matched[c->rule] == m->w->segment_epoch) return true;
    uint32_t in_arrays = 0;
    for (uint32_t i = c->terms + !m->arrays; i < c[1].terms; i++) { /* the access field's predicate is known to hold */
        enum answer a = answer(m, m->s->terms[i]);
        if (a == ANSWER_NO) return !m->w->err;
        in_arrays += a == ANSWER_IN_ARRAY;
    }
    if (in_arrays > 1 && !arrays_agree(m, c)) return !m->w->err;
    return take_rule(m, c->rule);
}

static bool try_key(struct match *m, uint32_t key);

/* Of what is filed under the key, that what the strings at a path bring up. */
static bool try_split(struct match *m, uint32_t key, uint32_t path) {
    const struct head *h = leaves_at(m, path);
    for (uint32_t leaf = h ? h->first + 1 : 0; leaf; leaf = m->w->values[leaf - 1].next) {
        if (!work_spend(m->w, 1)) return false;
        if (m->w->values[leaf - 1].repeats || kind_of_leaf(m, leaf - 1) != NODE_STRING) continue;
        uint32_t pair[2] = {key, string_key_of(m, leaf - 1)};
        struct str text = str_of((const char *)pair, sizeof pair);
        if (!pair[1]) continue;
        uint32_t found = segment_find_hashed(m->s, path, KEY_PAIR, text, segment_hash(m->s->seed, path, KEY_PAIR, text));
        if (!try_key(m, found)) return false;
    }
    return true;
}

static bool try_one(struct match *m, uint32_t key, uint32_t posting) {
    uint32_t place = POSTING_PLACE(posting);
    switch ((enum posting_kind)(posting >> POSTING_SHIFT)) {
    case POSTING_SOLE: return !place || take_sole(m, place - 1);
    case POSTING_RULE: return take_rule(m, place);
    case POSTING_CONJUNCTION: return work_spend(m->w, 1) && try_conjunction(m, place);
    case POSTING_SPLIT: return try_split(m, key, place);
    case POSTING_LIST: break;
    }
    return true; /* no list holds a list */
}

/* All that is filed under a key; 0 is no key. */
static bool try_key(struct match *m, uint32_t key) {
    if (!key) return true;
    uint32_t posting = segment_key(m->s, key)->posting;
    if (posting >> POSTING_SHIFT != POSTING_LIST) return try_one(m, key, posting);
    const uint32_t *list = m->s->lists + POSTING_PLACE(posting);
    if (!work_spend(m->w, list[0])) return false;
    for (uint32_t i = 1; i <= list[0]; i++)
        if (!try_one(m, key, list[i])) return false;
    return true;
}

static bool try_text(struct match *m, uint32_t path, enum key_kind kind, struct str text) {
    return try_key(m, segment_find_hashed(m->s, path, kind, text, segment_hash(m->s->seed, path, kind, text)));
}

/* ---- access: the keys that a value hits ----------------------------------------------------------------------------------------- */

static bool has(const struct field *f, enum key_kind kind) { return f->kinds >> kind & 1; }

static bool try_affixes(struct match *m, const struct affix *t, struct str s) {
    uint32_t at = 0, key;
    size_t used = 0;
    if (!t->count) return true;
    if (!work_spend(m->w, s.n)) return false;
    while (affix_next(t, s, &at, &used, &key))
        if (!try_key(m, key)) return false;
    return true;
}

static bool try_gram_slot(struct match *m, const struct field_extra *x, const struct gram_slot *slot, uint32_t leaf) {
    uint32_t *seen = &m->w->grams[x->gram_at + (uint32_t)(slot - x->grams.slots)];
    if (*seen == m->w->value_epoch) return true;
    *seen = m->w->value_epoch;
    for (uint32_t i = 0; i < slot->count >> 2; i++) {
        uint32_t key = x->grams.keys[slot->first - 1 + i];
        if (string_key_takes(m, segment_key(m->s, key), leaf) && !try_key(m, key)) return false;
        if (m->w->err) return false;
    }
    return true;
}

static bool try_grams(struct match *m, const struct field_extra *x, uint32_t leaf) {
    struct str s = m->w->values[leaf].text;
    m->w->value_epoch++;
    for (unsigned power = 0; power < 4; power++) {
        if (!x->grams.lengths[power]) continue;
        if (!work_spend(m->w, s.n)) return false;
        for (size_t i = 0; i + ((size_t)1 << power) <= s.n; i++) {
            const struct gram_slot *slot = gram_find(&x->grams, s.p + i, power);
            if (slot && !try_gram_slot(m, x, slot, leaf)) return false;
        }
    }
    return true;
}

static bool try_addresses(struct match *m, uint32_t path, const struct field_extra *x, uint32_t leaf) {
    const struct address *a = address_of(m, leaf);
    for (uint32_t i = 0; a->length && i < x->address_count; i++) {
        unsigned length = x->address_bits[2 * i], bits = x->address_bits[2 * i + 1];
        if (length != a->length) continue;
        char text[18] = {(char)length, (char)bits};
        for (unsigned k = 0; k < length; k++) {
            unsigned keep = bits > 8 * k + 8 ? 8 : bits > 8 * k ? bits - 8 * k : 0;
            text[2 + k] = (char)(a->bytes[k] & (0xFF00u >> keep));
        }
        if (!try_text(m, path, KEY_ADDRESS, str_of(text, 2 + length))) return false;
    }
    return true;
}

static bool try_folded(struct match *m, uint32_t path, const struct field *f, const struct field_extra *x, uint32_t leaf) {
    struct str folded = folded_of(m, leaf);
    if (!folded.p) return false;
    if (has(f, KEY_FOLDED) && !try_text(m, path, KEY_FOLDED, folded)) return false;
    return !x || (try_affixes(m, &x->affixes[2], folded) && try_affixes(m, &x->affixes[3], folded));
}

enum {
    FOLDED_KINDS = 1 << KEY_FOLDED | 1 << KEY_PREFIX_FOLDED | 1 << KEY_SUFFIX_FOLDED,
    SEARCHED_KINDS = FOLDED_KINDS | 1 << KEY_PREFIX | 1 << KEY_SUFFIX | 1 << KEY_ADDRESS | 1 << KEY_WILDCARD
};

static bool try_string(struct match *m, uint32_t path, const struct field *f, uint32_t leaf) {
    struct str s = m->w->values[leaf].text;
    if (has(f, KEY_STRING) && !try_key(m, string_key_of(m, leaf))) return false;
    if (!(f->kinds & SEARCHED_KINDS)) return true;
    const struct field_extra *x = f->extra ? &m->s->extras[f->extra] : NULL; /* NULL: nothing but KEY_FOLDED */
    if (x && (!try_affixes(m, &x->affixes[0], s) || !try_affixes(m, &x->affixes[1], s))) return false;
    if (f->kinds & FOLDED_KINDS && !try_folded(m, path, f, x, leaf)) return false;
    if (has(f, KEY_ADDRESS) && !try_addresses(m, path, x, leaf)) return false;
    return !has(f, KEY_WILDCARD) || try_grams(m, x, leaf);
}

static bool visit_key(void *ctx, uint32_t key) {
    struct match *m = ctx;
    return work_spend(m->w, 1) && try_key(m, key);
}

static bool try_number(struct match *m, uint32_t path, const struct field *f, uint32_t leaf) {
    if (has(f, KEY_NUMBER_TEXT) && !try_text(m, path, KEY_NUMBER_TEXT, m->w->values[leaf].text)) return false;
    if (!has(f, KEY_NUMBER) && !has(f, KEY_RANGE)) return true;
    const struct number *n = number_of(m, leaf);
    struct number_key k = number_key(n);
    if (has(f, KEY_NUMBER) && !n->more && !try_text(m, path, KEY_NUMBER, str_of((const char *)&k, sizeof k))) return false;
    if (!has(f, KEY_RANGE)) return true;
    const struct field_extra *x = &m->s->extras[f->extra];
    interval_visit(x->intervals, x->interval_count, n, visit_key, m);
    return !m->w->err;
}

static bool try_leaf(struct match *m, uint32_t path, const struct field *f, uint32_t leaf) {
    switch (kind_of_leaf(m, leaf)) {
    case NODE_STRING: return try_string(m, path, f, leaf);
    case NODE_NUMBER: return try_number(m, path, f, leaf);
    case NODE_NULL: return !has(f, KEY_NULL) || try_text(m, path, KEY_NULL, STR(""));
    case NODE_FALSE: return !has(f, KEY_FALSE) || try_text(m, path, KEY_FALSE, STR(""));
    case NODE_TRUE: return !has(f, KEY_TRUE) || try_text(m, path, KEY_TRUE, STR(""));
    default: return true;
    }
}

/* Each anything-but is asked about one value after the other until it takes one: nearly all take the first. */
static bool try_buts(struct match *m, const struct field_extra *x, const struct head *h) {
    for (uint32_t i = 0; i < x->but_count; i++) {
        const struct key *k = segment_key(m->s, x->buts[i]);
        bool takes = false;
        for (uint32_t leaf = h->first + 1; leaf && !takes; leaf = m->w->values[leaf - 1].next) {
            if (!work_spend(m->w, 1)) return false;
            takes = !m->w->values[leaf - 1].repeats && but_takes(m, k, leaf - 1);
        }
        if (m->w->err || (takes && !try_key(m, x->buts[i]))) return false;
    }
    return true;
}

static bool try_path(struct match *m, uint32_t path) {
    const struct field *f = &m->s->fields[path];
    const struct head *h = &m->w->heads[path];
    if (!f->kinds) return true;
    for (uint32_t leaf = h->first + 1; leaf; leaf = m->w->values[leaf - 1].next)
        if (!m->w->values[leaf - 1].repeats && !try_leaf(m, path, f, leaf - 1)) return false;
    if (has(f, KEY_PRESENT) && !try_text(m, path, KEY_PRESENT, STR(""))) return false;
    return !has(f, KEY_BUT) || try_buts(m, &m->s->extras[f->extra], h);
}

static bool try_absent(struct match *m) {
    if (!work_spend(m->w, m->s->absent_count)) return false;
    for (uint32_t i = 0; i < m->s->absent_count; i++) {
        const struct key *k = segment_key(m->s, m->s->absent[i]);
        if (!leaves_at(m, k->path) && !try_key(m, m->s->absent[i])) return false;
    }
    return true;
}

/* ---- the segment ---------------------------------------------------------------------------------------------------------------- */

static bool prepare(struct match *m) {
    struct matcher_work *w = m->w;
    void *items;
#define ROOM(array, cap, need)                                                                                                             \
    if ((cap) < (need)) {                                                                                                                  \
        items = (array);                                                                                                                   \
        if (!work_reserve(w, &items, &(cap), (need), sizeof *(array))) return false;                                                       \
        (array) = items;                                                                                                                   \
    }
    ROOM(w->predicates, w->predicate_cap, m->s->predicate_count)
    ROOM(w->matched, w->matched_cap, m->s->rule_count)
    ROOM(w->grams, w->gram_cap, m->s->gram_count)
#undef ROOM
    if (++w->segment_epoch >> 30) { /* they share a word with an answer */
        memset(w->predicates, 0, w->predicate_cap * sizeof *w->predicates);
        memset(w->matched, 0, w->matched_cap * sizeof *w->matched);
        w->segment_epoch = 1;
    }
    return true;
}

bool match_segment(struct match *m) {
    if (!prepare(m)) return false;
    for (uint32_t i = 0; i < m->w->path_count; i++)
        if (m->w->paths[i] < m->s->field_count && !try_path(m, m->w->paths[i])) return false;
    return !m->s->absent_count || try_absent(m);
}
