#include "segment.h"

#include <stdlib.h>

/* ---- building: what is there only until the segment is done --------------------------------------------------------------------- */

struct list { /* a growing array of numbers */
    uint32_t *items;
    uint32_t count, cap;
};
struct filing { /* a conjunction under a key */
    uint32_t key;
    uint32_t posting; /* POSTING_RULE, POSTING_CONJUNCTION or POSTING_SPLIT */
    uint32_t used;    /* terms of the conjunction, the first ones, that its keys have looked at */
};
struct choice { /* a field of a conjunction that is being filed */
    uint64_t load;
    uint32_t keys; /* place in all_keys */
};
struct build {
    struct segment *s;
    struct scan_paths *paths;
    size_t keys_cap;
    uint32_t slot_count;
    uint32_t wildcard_count, wildcard_cap, range_count, range_cap;
    struct list all_keys; /* of all fields of all rules: path, count, keys */
    struct list rule_at;  /* by rule and field: place in all_keys */
    struct list terms, predicate_keys;
    struct list by_hash; /* predicates by their keys: open addressing, + 1 */
    uint32_t predicate_cap, conjunction_cap, filing_cap, filing_count;
    struct filing *filings;
    uint32_t *filings_of; /* by rule: how many */
    struct choice *order;
    uint32_t order_cap;
    uint32_t *path_buts; /* by path: fields with an anything-but, with a range */
    uint32_t *path_ranges;
    uint32_t path_cap;
    struct buf text; /* of a key that is being made */
    enum err err;
};

static bool failed(struct build *b, enum err e) {
    if (!b->err) b->err = e;
    return false;
}

static bool grow(struct build *b, void **items, uint32_t *cap, size_t need, size_t size) {
    if (need <= *cap) return true;
    size_t more = *cap ? (size_t)*cap * 2 : 64;
    while (more < need) more *= 2;
    void *grown = more > UINT32_MAX ? NULL : realloc(*items, more * size);
    if (!grown) return failed(b, ERR_NOMEM);
    *items = grown;
    *cap = (uint32_t)more;
    return true;
}

static bool add(struct build *b, struct list *l, uint32_t item) {
    if (l->count == l->cap) {
        void *items = l->items;
        if (!grow(b, &items, &l->cap, (size_t)l->count + 1, sizeof *l->items)) return false;
        l->items = items;
    }
    l->items[l->count++] = item;
    return true;
}

static struct key *key_at(struct build *b, uint32_t key) { return (struct key *)(void *)(b->s->keys + (size_t)key * 4); }

/* ---- keys ----------------------------------------------------------------------------------------------------------------------- */

static bool grow_slots(struct build *b) {
    struct segment *s = b->s;
    uint32_t size = s->slots ? (s->slot_mask + 1) * 2 : 64;
    struct key_slot *slots = calloc(size, sizeof *slots);
    if (!slots) return failed(b, ERR_NOMEM);
    for (uint32_t i = 0; s->slots && i <= s->slot_mask; i++) {
        if (!s->slots[i].key) continue;
        const struct key *k = segment_key(s, s->slots[i].key);
        uint32_t at = (uint32_t)segment_hash(s->seed, k->path, key_kind(k), key_text(k)) & (size - 1);
        while (slots[at].key) at = (at + 1) & (size - 1);
        slots[at] = s->slots[i];
    }
    free(s->slots);
    s->slots = slots;
    s->slot_mask = size - 1;
    return true;
}

static bool new_key(struct build *b, uint32_t path, enum key_kind kind, struct str text, uint32_t *key) {
    struct segment *s = b->s;
    size_t size = (sizeof(struct key) + text.n + 3) & ~(size_t)3;
    if (text.n > 0xFFFFFF || s->keys_bytes + size > (size_t)1 << 30) return failed(b, ERR_LIMIT);
    if (s->keys_bytes + size > b->keys_cap) {
        size_t cap = b->keys_cap ? b->keys_cap : 4096;
        while (cap < s->keys_bytes + size) cap *= 2;
        char *keys = realloc(s->keys, cap);
        if (!keys) return failed(b, ERR_NOMEM);
        s->keys = keys;
        b->keys_cap = cap;
        if (!s->keys_bytes) s->keys_bytes = 4; /* place 0 is no key */
    }
    *key = (uint32_t)(s->keys_bytes / 4);
    struct key *k = key_at(b, *key);
    *k = (struct key){.path = path, .kind_bytes = (uint32_t)kind << 24 | (uint32_t)text.n};
    if (text.n) memcpy(k->text, text.p, text.n);
    s->keys_bytes += size;
    return true;
}

/* The key of that text, made when it is new (*made). */
static bool intern(struct build *b, uint32_t path, enum key_kind kind, struct str text, uint32_t *key, bool *made) {
    struct segment *s = b->s;
    if ((size_t)b->slot_count * 2 >= (s->slots ? s->slot_mask : 0) && !grow_slots(b)) return false;
    uint64_t hash = segment_hash(s->seed, path, kind, text);
    *made = false;
    if ((*key = segment_find_hashed(s, path, kind, text, hash))) return true;
    if (!new_key(b, path, kind, text, key)) return false;
    *made = true;
    uint32_t at = (uint32_t)hash & s->slot_mask;
    while (s->slots[at].key) at = (at + 1) & s->slot_mask;
    s->slots[at] = (struct key_slot){(uint32_t)(hash >> 32), *key};
    b->slot_count++;
    return true;
}

static bool copy_number(struct build *b, struct number *n) {
    struct str text = arena_str(&b->s->arena, n->text);
    n->text = text;
    return text.p || failed(b, ERR_NOMEM);
}

static bool keep_range(struct build *b, uint32_t key, const struct pattern_range *r) {
    void *items = b->s->ranges;
    if (!grow(b, &items, &b->range_cap, (size_t)b->range_count + 1, sizeof *b->s->ranges)) return false;
    b->s->ranges = items;
    struct pattern_range *kept = &b->s->ranges[b->range_count];
    *kept = *r;
    key_at(b, key)->index = b->range_count++;
    return (!r->has_lower || copy_number(b, &kept->lower)) && (!r->has_upper || copy_number(b, &kept->upper));
}

static bool keep_wildcard(struct build *b, uint32_t key, const struct wildcard *w) {
    void *items = b->s->wildcards;
    if (!grow(b, &items, &b->wildcard_cap, (size_t)b->wildcard_count + 1, sizeof *b->s->wildcards)) return false;
    b->s->wildcards = items;
    struct str *pieces = arena_array(&b->s->arena, w->count, sizeof *pieces);
    if (!pieces) return failed(b, ERR_NOMEM);
    for (size_t i = 0; i < w->count; i++)
        if (!(pieces[i] = arena_str(&b->s->arena, w->pieces[i])).p) return failed(b, ERR_NOMEM);
    key_at(b, key)->index = b->wildcard_count;
    b->s->wildcards[b->wildcard_count++] = (struct wildcard){pieces, w->count};
    return true;
}

static struct str number_text(struct build *b, const struct pattern_range *r) {
    buf_clear(&b->text);
    buf_addc(&b->text, (char)(r->has_lower | r->has_upper << 1 | r->lower_open << 2 | r->upper_open << 3));
    if (r->has_lower) buf_add(&b->text, r->lower.text);
    buf_addc(&b->text, 0);
    if (r->has_upper) buf_add(&b->text, r->upper.text);
    return buf_str(&b->text);
}

static struct str address_text(struct build *b, const struct address *a, unsigned bits) {
    buf_clear(&b->text);
    buf_addc(&b->text, (char)a->length);
    buf_addc(&b->text, (char)bits);
    for (unsigned i = 0; i < a->length; i++) {
        unsigned keep = bits > 8 * i + 8 ? 8 : bits > 8 * i ? bits - 8 * i : 0;
        buf_addc(&b->text, (char)(a->bytes[i] & (0xFF00u >> keep)));
    }
    return buf_str(&b->text);
}

static bool has_literal(const struct wildcard *w) {
    for (size_t i = 0; i < w->count; i++)
        if (w->pieces[i].n) return true;
    return false;
}

/* The kind and text of a test's key. */
static enum key_kind describe(struct build *b, const struct pattern_test *t, struct str *text) {
    static const enum key_kind plain[] = {[PATTERN_NULL] = KEY_NULL,
                                          [PATTERN_FALSE] = KEY_FALSE,
                                          [PATTERN_TRUE] = KEY_TRUE,
                                          [PATTERN_PREFIX] = KEY_PREFIX,
                                          [PATTERN_SUFFIX] = KEY_SUFFIX,
                                          [PATTERN_FOLDED] = KEY_FOLDED,
                                          [PATTERN_PREFIX_FOLDED] = KEY_PREFIX_FOLDED,
                                          [PATTERN_SUFFIX_FOLDED] = KEY_SUFFIX_FOLDED,
                                          [PATTERN_PRESENT] = KEY_PRESENT,
                                          [PATTERN_ABSENT] = KEY_ABSENT};
    struct number_key n;
    *text = t->text.p ? t->text : STR("");
    switch (t->kind) {
    case PATTERN_STRING:
        if (!t->address.length) return KEY_STRING;
        return *text = address_text(b, &t->address, t->address.length * 8u), KEY_ADDRESS;
    case PATTERN_CIDR: return *text = address_text(b, &t->address, t->bits), KEY_ADDRESS;
    case PATTERN_NUMBER:
        if (!t->held) return KEY_NUMBER_TEXT;
        n = number_key(&t->number);
        buf_clear(&b->text);
        buf_add(&b->text, str_of((const char *)&n, sizeof n));
        return *text = buf_str(&b->text), KEY_NUMBER;
    case PATTERN_RANGE: return *text = number_text(b, &t->range), KEY_RANGE;
    case PATTERN_WILDCARD:
        if (t->wildcard.count == 1) return *text = t->wildcard.pieces[0], KEY_STRING;
        if (!has_literal(&t->wildcard)) return *text = STR(""), KEY_PREFIX;
        return KEY_WILDCARD;
    case PATTERN_NULL:
    case PATTERN_FALSE:
    case PATTERN_TRUE:
    case PATTERN_PRESENT:
    case PATTERN_ABSENT: *text = STR(""); break;
    default: break;
    }
    return plain[t->kind];
}

static bool test_key(struct build *b, uint32_t path, const struct pattern_test *t, uint32_t *key) {
    struct str text;
    bool made;
    enum key_kind kind = describe(b, t, &text);
    if (b->text.failed) return failed(b, ERR_NOMEM);
    if (!intern(b, path, kind, text, key, &made)) return false;
    if (made && kind == KEY_RANGE) return keep_range(b, *key, &t->range);
    return !made || kind != KEY_WILDCARD || keep_wildcard(b, *key, &t->wildcard);
}

/* anything-but: a key whose text is the list of its parts' keys. */
static bool but_key(struct build *b, uint32_t path, const struct pattern_alternative *a, uint32_t *key) {
    struct buf parts;
    bool made, good = true, strings = true;
    buf_init(&parts, 0);
    for (size_t i = 0; i < a->count && good; i++) {
        uint32_t part = 0;
        good = test_key(b, path, &a->tests[i], &part);
        strings = strings && good && key_kind(key_at(b, part)) == KEY_STRING;
        buf_add(&parts, str_of((const char *)&part, sizeof part));
    }
    if (parts.failed) good = failed(b, ERR_NOMEM);
    good = good && intern(b, path, KEY_BUT, buf_str(&parts), key, &made);
    if (good) key_at(b, *key)->index = strings;
    buf_fini(&parts);
    return good;
}

/* ---- first pass: all fields' keys, and how often each is used ---------------------------------------------------------------------------
 */

static bool count_paths(struct build *b, uint32_t path) {
    if (path < b->path_cap) return true;
    uint32_t cap = b->path_cap, cap_too = b->path_cap;
    void *buts = b->path_buts, *ranges = b->path_ranges;
    bool good = grow(b, &buts, &cap, (size_t)path + 1, sizeof *b->path_buts);
    b->path_buts = buts;
    good = good && grow(b, &ranges, &cap_too, (size_t)path + 1, sizeof *b->path_ranges);
    b->path_ranges = ranges;
    if (!good) return false;
    memset(b->path_buts + b->path_cap, 0, (cap - b->path_cap) * sizeof *b->path_buts);
    memset(b->path_ranges + b->path_cap, 0, (cap - b->path_cap) * sizeof *b->path_ranges);
    b->path_cap = cap;
    return true;
}

static bool read_field(struct build *b, const struct pattern_field *f) {
    uint32_t path;
    enum err e = scan_paths_add(b->paths, f->path, &path);
    if (e) return failed(b, e);
    if (!count_paths(b, path) || !add(b, &b->rule_at, b->all_keys.count) || !add(b, &b->all_keys, path) ||
        !add(b, &b->all_keys, (uint32_t)f->count))
        return false;
    for (size_t i = 0; i < f->count; i++) {
        const struct pattern_alternative *a = &f->alternatives[i];
        uint32_t key;
        if (a->but ? !but_key(b, path, a, &key) : !test_key(b, path, &a->tests[0], &key)) return false;
        if (!add(b, &b->all_keys, key)) return false;
        struct key *k = key_at(b, key);
        k->posting++;
        if (a->but)
            b->path_buts[path]++;
        else if (key_kind(k) == KEY_RANGE)
            b->path_ranges[path]++;
    }
    return true;
}

static bool read_rules(struct build *b, const struct segment_rule *rules, size_t count) {
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < rules[i].pattern->field_count; k++)
            if (!read_field(b, rules[i].pattern->fields[k])) return false;
    return true;
}

/* ---- second pass: conjunctions under their access field ------------------------------------------------------------------------- */

/* How many conjunctions a value of the event may bring up when they are filed under this key, roughly. */
static uint64_t key_load(struct build *b, uint32_t key) {
    const struct key *k = key_at(b, key);
    switch (key_kind(k)) {
    case KEY_STRING:
    case KEY_NUMBER:
    case KEY_NUMBER_TEXT: return k->posting;
    case KEY_FOLDED:
    case KEY_ADDRESS: return k->posting + 1;
    case KEY_PREFIX:
    case KEY_SUFFIX:
    case KEY_PREFIX_FOLDED:
    case KEY_SUFFIX_FOLDED: return k->posting + ((k->kind_bytes & 0xFFFFFF) ? 2u : 64u);
    case KEY_WILDCARD: return 2 * (uint64_t)k->posting + 8;
    case KEY_RANGE: return (uint64_t)b->path_ranges[k->path] / 2 + 8;
    case KEY_BUT: return (uint64_t)b->path_buts[k->path] + 64;
    default: return (uint64_t)k->posting + 32;
    }
}

/* keys: those of a field, as all_keys has them (path, count, keys). */
static uint64_t field_load(struct build *b, const uint32_t *keys) {
    uint64_t most = 0;
    for (uint32_t i = 0; i < keys[1]; i++) {
        uint64_t load = key_load(b, keys[2 + i]);
        if (load > most) most = load;
    }
    return most + keys[1] / 8;
}

static bool grow_predicate_table(struct build *b) {
    uint32_t size = b->by_hash.cap ? b->by_hash.cap * 2 : 64;
    uint32_t *items = calloc(size, sizeof *items);
    if (!items) return failed(b, ERR_NOMEM);
    for (uint32_t p = 0; p < b->s->predicate_count; p++) {
        const struct predicate *of = &b->s->predicates[p];
        uint64_t hash = keyhash(b->s->seed, (const char *)(b->predicate_keys.items + of->keys), of->key_count * sizeof(uint32_t));
        uint32_t at = (uint32_t)hash & (size - 1);
        while (items[at]) at = (at + 1) & (size - 1);
        items[at] = p + 1;
    }
    free(b->by_hash.items);
    b->by_hash = (struct list){items, 0, size};
    return true;
}

/* The predicate of these keys, new or known. */
static bool predicate_of(struct build *b, const uint32_t *keys, uint32_t *predicate) {
    struct segment *s = b->s;
    size_t bytes = keys[1] * sizeof *keys;
    if ((size_t)s->predicate_count * 2 >= b->by_hash.cap && !grow_predicate_table(b)) return false;
    uint32_t at = (uint32_t)keyhash(s->seed, (const char *)(keys + 2), bytes) & (b->by_hash.cap - 1);
    for (; b->by_hash.items[at]; at = (at + 1) & (b->by_hash.cap - 1)) {
        const struct predicate *p = &s->predicates[b->by_hash.items[at] - 1];
        if (p->key_count == keys[1] && memcmp(b->predicate_keys.items + p->keys, keys + 2, bytes) == 0)
            return *predicate = b->by_hash.items[at] - 1, true;
    }
    void *items = s->predicates;
    if (!grow(b, &items, &b->predicate_cap, (size_t)s->predicate_count + 1, sizeof *s->predicates)) return false;
    s->predicates = items;
    *predicate = s->predicate_count++;
    uint32_t kinds = 0;
    for (uint32_t i = 0; i < keys[1]; i++) kinds |= UINT32_C(1) << key_kind(key_at(b, keys[2 + i]));
    s->predicates[*predicate] = (struct predicate){keys[0], b->predicate_keys.count, keys[1], kinds};
    b->by_hash.items[at] = *predicate + 1;
    for (uint32_t i = 0; i < keys[1]; i++)
        if (!add(b, &b->predicate_keys, keys[2 + i])) return false;
    return true;
}

static bool file(struct build *b, const uint32_t *keys, uint32_t posting, uint32_t rule) {
    b->filings_of[rule] += keys[1];
    void *items = b->filings;
    if (!grow(b, &items, &b->filing_cap, (size_t)b->filing_count + keys[1], sizeof *b->filings)) return false;
    b->filings = items;
    for (uint32_t i = 0; i < keys[1]; i++) b->filings[b->filing_count++] = (struct filing){keys[2 + i], posting, 1};
    return true;
}

static int by_load(const void *a, const void *b) {
    const struct choice *x = a, *y = b;
    if (x->load != y->load) return x->load < y->load ? -1 : 1;
    return x->keys < y->keys ? -1 : x->keys > y->keys;
}

/* The conjunction's fields, those first that few values satisfy: the first one is the access field, and what fails fails early. */
static struct choice *choose_order(struct build *b, const struct pattern_conjunction *c, const uint32_t *at) {
    void *items = b->order;
    if (!grow(b, &items, &b->order_cap, c->count, sizeof *b->order)) return NULL;
    b->order = items;
    for (size_t i = 0; i < c->count; i++) {
        uint32_t keys = at[c->fields[i]->id];
        b->order[i] = (struct choice){field_load(b, b->all_keys.items + keys), keys};
    }
    qsort(b->order, c->count, sizeof *b->order, by_load);
    return b->order;
}

/* at: of the rule's fields, by id, their keys. */
static bool add_conjunction(struct build *b, const struct pattern_conjunction *c, uint32_t rule, const uint32_t *at) {
    struct segment *s = b->s;
    const uint32_t *all = b->all_keys.items;
    if (c->count == 1) return file(b, all + at[c->fields[0]->id], (uint32_t)POSTING_RULE << POSTING_SHIFT | rule, rule);
    const struct choice *order = choose_order(b, c, at);
    if (!order) return false;
    void *items = s->conjunctions;
    if (!grow(b, &items, &b->conjunction_cap, (size_t)s->conjunction_count + 2, sizeof *s->conjunctions)) return false;
    s->conjunctions = items;
    uint32_t number = s->conjunction_count++;
    if (number >> POSTING_SHIFT) return failed(b, ERR_LIMIT);
    s->conjunctions[number] = (struct conjunction){rule, b->terms.count};
    for (size_t i = 0; i < c->count; i++) {
        uint32_t predicate;
        if (!predicate_of(b, all + order[i].keys, &predicate) || !add(b, &b->terms, predicate)) return false;
    }
    return file(b, all + order[0].keys, (uint32_t)POSTING_CONJUNCTION << POSTING_SHIFT | number, rule);
}

static bool file_rules(struct build *b, const struct segment_rule *rules, size_t count) {
    const uint32_t *at = b->rule_at.items;
    for (size_t i = 0; i < count; i++) {
        const struct pattern *p = rules[i].pattern;
        b->s->owners[i] = rules[i].owner;
        for (size_t k = 0; k < p->conjunction_count; k++)
            if (!add_conjunction(b, &p->conjunctions[k], (uint32_t)i, at)) return false;
        at += p->field_count;
    }
    return true;
}

/* ---- splitting: what is filed under a key that too many share ------------------------------------------------------------------- */

enum {
    SPLIT_FROM = 24,        /* conjunctions under a key: fewer are as quickly looked at one by one */
    SPLIT_GROUP = 8,        /* that can be split by the same path, at least */
    SPLIT_ALTERNATIVES = 8, /* of each of them, at most; and SPLIT_GROWTH in the mean */
    SPLIT_GROWTH = 4,
    SPLIT_DEPTH = 4,
    SPLIT_FILINGS = 8 /* times as many filings in all as without, at most */
};

struct heavy { /* a filing under a shared key, and by which of its terms it could be split */
    struct filing filing;
    uint32_t path; /* SCAN_NO_PATH: by none */
    uint32_t term;
};

/* The next term behind the used ones that some of a few strings satisfy. */
static struct heavy heavy_of(const struct build *b, struct filing f) {
    struct heavy h = {f, SCAN_NO_PATH, 0};
    if (f.posting >> POSTING_SHIFT != POSTING_CONJUNCTION) return h;
    const struct conjunction *c = &b->s->conjunctions[POSTING_PLACE(f.posting)];
    for (uint32_t i = c->terms + f.used; i < c[1].terms; i++) {
        const struct predicate *p = &b->s->predicates[b->terms.items[i]];
        if (p->kinds != 1 << KEY_STRING || p->key_count > SPLIT_ALTERNATIVES) continue;
        h.path = p->path;
        h.term = i;
        h.filing.used = i + 1 - c->terms;
        return h;
    }
    return h;
}

static int by_key_and_path(const void *a, const void *b) {
    const struct heavy *x = a, *y = b;
    if (x->filing.key != y->filing.key) return x->filing.key < y->filing.key ? -1 : 1;
    if (x->path != y->path) return x->path < y->path ? -1 : 1;
    return x->filing.posting < y->filing.posting ? -1 : x->filing.posting > y->filing.posting;
}

/* Counts the filings from `from` on by key; those under a shared one go to heavy[], the others stay. */
static uint32_t take_heavy(struct build *b, uint32_t from, struct heavy *heavy) {
    uint32_t n = from, count = 0;
    for (uint32_t i = from; i < b->filing_count; i++) key_at(b, b->filings[i].key)->posting = 0;
    for (uint32_t i = from; i < b->filing_count; i++) key_at(b, b->filings[i].key)->posting++;
    for (uint32_t i = from; i < b->filing_count; i++) {
        if (key_at(b, b->filings[i].key)->posting >= SPLIT_FROM)
            heavy[count++] = heavy_of(b, b->filings[i]);
        else
            b->filings[n++] = b->filings[i];
    }
    b->filing_count = n;
    return count;
}

static const struct predicate *split_predicate(const struct build *b, const struct heavy *h) {
    return &b->s->predicates[b->terms.items[h->term]];
}

/* How many of heavy[] are of one key and path, from the first one on; *split: is it worth to split them? */
static uint32_t group_of(const struct build *b, const struct heavy *heavy, uint32_t count, bool *split) {
    uint32_t n = 0, alternatives = 0;
    for (; n < count && heavy[n].filing.key == heavy->filing.key && heavy[n].path == heavy->path; n++)
        if (heavy->path != SCAN_NO_PATH) alternatives += split_predicate(b, &heavy[n])->key_count;
    *split = heavy->path != SCAN_NO_PATH && n >= SPLIT_GROUP && alternatives <= SPLIT_GROWTH * n;
    return n;
}

static bool add_filing(struct build *b, struct filing f) {
    void *items = b->filings;
    if (!grow(b, &items, &b->filing_cap, (size_t)b->filing_count + 1, sizeof *b->filings)) return false;
    b->filings = items;
    b->filings[b->filing_count++] = f;
    return true;
}

static bool file_pairs(struct build *b, const struct heavy *h) {
    struct filing f = h->filing;
    const struct predicate p = *split_predicate(b, h);
    for (uint32_t i = 0; i < p.key_count; i++) {
        uint32_t pair[2] = {h->filing.key, b->predicate_keys.items[p.keys + i]};
        bool made;
        if (!intern(b, h->path, KEY_PAIR, str_of((const char *)pair, sizeof pair), &f.key, &made) || !add_filing(b, f)) return false;
    }
    return true;
}

/* What is not split goes back, with a POSTING_SPLIT for what is; then come the pairs, from *from on. */
static bool split_heavy(struct build *b, const struct heavy *heavy, uint32_t count, uint32_t *from) {
    bool split;
    for (uint32_t i = 0, n; i < count; i += n) {
        n = group_of(b, heavy + i, count - i, &split);
        struct filing marker = {heavy[i].filing.key, (uint32_t)POSTING_SPLIT << POSTING_SHIFT | heavy[i].path, 0};
        if (split && !add_filing(b, marker)) return false;
        for (uint32_t k = i; !split && k < i + n; k++)
            if (!add_filing(b, heavy[k].filing)) return false;
    }
    *from = b->filing_count;
    for (uint32_t i = 0, n; i < count; i += n) {
        n = group_of(b, heavy + i, count - i, &split);
        for (uint32_t k = i; split && k < i + n; k++)
            if (!file_pairs(b, &heavy[k])) return false;
    }
    return true;
}

/* Lists that are too long for one key become lists of pairs of keys, and those of pairs of a pair and a key. */
static bool split_filings(struct build *b) {
    size_t most = (size_t)b->filing_count * SPLIT_FILINGS + 4096;
    uint32_t from = 0;
    bool good = true;
    if (b->s->conjunctions) b->s->conjunctions[b->s->conjunction_count].terms = b->terms.count;
    for (int depth = 0; good && depth < SPLIT_DEPTH && from < b->filing_count && b->filing_count < most; depth++) {
        struct heavy *heavy = malloc((b->filing_count - from) * sizeof *heavy);
        if (!heavy) return failed(b, ERR_NOMEM);
        uint32_t count = take_heavy(b, from, heavy);
        if (count) qsort(heavy, count, sizeof *heavy, by_key_and_path);
        good = split_heavy(b, heavy, count, &from);
        free(heavy);
    }
    return good;
}

/* ---- postings: the filings, by key ---------------------------------------------------------------------------------------------- */

/* Is this the only place where the rule is filed? */
static bool sole(const struct build *b, uint32_t posting) {
    return posting >> POSTING_SHIFT == POSTING_RULE && b->filings_of[POSTING_PLACE(posting)] == 1;
}

static bool make_postings(struct build *b) {
    struct segment *s = b->s;
    for (size_t at = 4; at < s->keys_bytes;) {
        struct key *k = key_at(b, (uint32_t)(at / 4));
        k->posting = 0;
        at += (sizeof *k + (k->kind_bytes & 0xFFFFFF) + 3) & ~(size_t)3;
    }
    size_t lists = 1; /* count how many each key has; then lay the lists out; then fill them */
    for (uint32_t i = 0; i < b->filing_count; i++) {
        uint32_t n = ++key_at(b, b->filings[i].key)->posting;
        lists += n == 2 ? 3 : n > 2;
    }
    if (lists >> POSTING_SHIFT) return failed(b, ERR_LIMIT);
    s->lists = calloc(lists, sizeof *s->lists);
    if (!s->lists) return failed(b, ERR_NOMEM);
    s->bytes += lists * sizeof *s->lists;
    uint32_t end = 1;
    for (uint32_t i = 0; i < b->filing_count; i++) {
        struct key *k = key_at(b, b->filings[i].key);
        uint32_t posting = b->filings[i].posting;
        if (k->posting == 1) {
            k->posting = sole(b, posting) ? POSTING_PLACE(posting) + 1 : posting;
        } else if (k->posting >> POSTING_SHIFT == 0) { /* the first one: room for all */
            uint32_t n = k->posting;
            k->posting = (uint32_t)POSTING_LIST << POSTING_SHIFT | end;
            s->lists[end] = 1;
            s->lists[end + 1] = posting;
            end += n + 1;
        } else {
            uint32_t *list = s->lists + POSTING_PLACE(k->posting);
            list[++list[0]] = posting;
        }
    }
    return true;
}

/* ---- fields: how filed keys are found ------------------------------------------------------------------------------------------- */

static int affix_of(enum key_kind kind) {
    switch (kind) {
    case KEY_PREFIX: return 0;
    case KEY_SUFFIX: return 1;
    case KEY_PREFIX_FOLDED: return 2;
    case KEY_SUFFIX_FOLDED: return 3;
    default: return -1;
    }
}

/* Kinds that are not found by hash alone. */
static bool needs_extra(enum key_kind kind) {
    return affix_of(kind) >= 0 || kind == KEY_WILDCARD || kind == KEY_RANGE || kind == KEY_BUT || kind == KEY_ADDRESS;
}

struct filed { /* keys that something is filed under and that need an extra, by path and kind */
    uint32_t path;
    uint32_t kind;
    uint32_t key;
};

static int by_path_and_kind(const void *a, const void *b) {
    const struct filed *x = a, *y = b;
    if (x->path != y->path) return x->path < y->path ? -1 : 1;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    return x->key < y->key ? -1 : x->key > y->key;
}

static bool affix_extra(struct build *b, struct field_extra *x, const struct filed *keys, size_t n) {
    struct affix_item *items = malloc(n * sizeof *items);
    if (!items) return failed(b, ERR_NOMEM);
    for (size_t i = 0; i < n; i++) items[i] = (struct affix_item){key_text(segment_key(b->s, keys[i].key)), keys[i].key};
    int which = affix_of((enum key_kind)keys->kind);
    enum err e = affix_build(&x->affixes[which], items, n, which & 1);
    free(items);
    b->s->bytes += affix_bytes(&x->affixes[which]);
    return !e || failed(b, e);
}

static bool gram_extra(struct build *b, struct field_extra *x, const struct filed *keys, size_t n) {
    struct gram_item *items = malloc(n * sizeof *items);
    if (!items) return failed(b, ERR_NOMEM);
    for (size_t i = 0; i < n; i++) items[i] = (struct gram_item){&b->s->wildcards[segment_key(b->s, keys[i].key)->index], keys[i].key};
    enum err e = gram_build(&x->grams, items, n, b->s->seed);
    free(items);
    if (e) return failed(b, e);
    x->gram_at = b->s->gram_count;
    b->s->gram_count += x->grams.mask + 1;
    b->s->bytes += gram_bytes(&x->grams);
    return true;
}

static bool range_extra(struct build *b, struct field_extra *x, const struct filed *keys, size_t n) {
    x->intervals = malloc(n * sizeof *x->intervals);
    if (!x->intervals) return failed(b, ERR_NOMEM);
    x->interval_count = (uint32_t)n;
    for (size_t i = 0; i < n; i++) x->intervals[i] = (struct interval){b->s->ranges[segment_key(b->s, keys[i].key)->index], keys[i].key, 0};
    interval_build(x->intervals, n);
    b->s->bytes += n * sizeof *x->intervals;
    return true;
}

static bool but_extra(struct build *b, struct field_extra *x, const struct filed *keys, size_t n) {
    x->buts = malloc(n * sizeof *x->buts);
    if (!x->buts) return failed(b, ERR_NOMEM);
    for (size_t i = 0; i < n; i++) x->buts[i] = keys[i].key;
    x->but_count = (uint32_t)n;
    b->s->bytes += n * sizeof *x->buts;
    return true;
}

static bool address_extra(struct build *b, struct field_extra *x, const struct filed *keys, size_t n) {
    bool seen[17][129] = {0};
    x->address_bits = malloc(2 * (33 + 129));
    if (!x->address_bits) return failed(b, ERR_NOMEM);
    for (size_t i = 0; i < n; i++) {
        const unsigned char *text = (const unsigned char *)segment_key(b->s, keys[i].key)->text;
        if (seen[text[0]][text[1]]) continue;
        seen[text[0]][text[1]] = true;
        x->address_bits[2 * x->address_count] = text[0];
        x->address_bits[2 * x->address_count++ + 1] = text[1];
    }
    b->s->bytes += 2 * (33 + 129);
    return true;
}

static bool add_extra(struct build *b, struct field_extra *x, const struct filed *keys, size_t n) {
    switch ((enum key_kind)keys->kind) {
    case KEY_WILDCARD: return gram_extra(b, x, keys, n);
    case KEY_RANGE: return range_extra(b, x, keys, n);
    case KEY_BUT: return but_extra(b, x, keys, n);
    case KEY_ADDRESS: return address_extra(b, x, keys, n);
    default: return affix_extra(b, x, keys, n);
    }
}

/* Sets each field's kinds; collects the keys that need an extra, and the absent ones. */
static bool collect_filed(struct build *b, struct filed **filed, size_t *count) {
    struct segment *s = b->s;
    struct list absent = {0};
    size_t cap = 0;
    bool good = true;
    for (size_t at = 4; at < s->keys_bytes && good;) {
        uint32_t number = (uint32_t)(at / 4);
        const struct key *k = segment_key(s, number);
        enum key_kind kind = key_kind(k);
        at += (sizeof *k + (k->kind_bytes & 0xFFFFFF) + 3) & ~(size_t)3;
        if (!k->posting || kind == KEY_PAIR) continue;
        s->fields[k->path].kinds |= UINT32_C(1) << kind;
        if (kind == KEY_ABSENT) good = add(b, &absent, number);
        if (!needs_extra(kind)) continue;
        if (*count == cap) {
            cap = cap ? cap * 2 : 64;
            struct filed *grown = realloc(*filed, cap * sizeof *grown);
            if (!grown)
                good = failed(b, ERR_NOMEM);
            else
                *filed = grown;
        }
        if (good) (*filed)[(*count)++] = (struct filed){k->path, (uint32_t)kind, number};
    }
    s->absent = absent.items;
    s->absent_count = absent.count;
    return good;
}

static bool make_extras(struct build *b, struct filed *filed, size_t count) {
    struct segment *s = b->s;
    qsort(filed, count, sizeof *filed, by_path_and_kind);
    uint32_t paths = 0;
    for (size_t i = 0; i < count; i++) paths += i == 0 || filed[i].path != filed[i - 1].path;
    s->extras = calloc(paths + 1, sizeof *s->extras);
    if (!s->extras) return failed(b, ERR_NOMEM);
    s->bytes += (paths + 1) * sizeof *s->extras;
    s->extra_count = 1; /* [0] is none */
    for (size_t i = 0, to; i < count; i = to) {
        if (i == 0 || filed[i].path != filed[i - 1].path) s->fields[filed[i].path].extra = s->extra_count++;
        for (to = i; to < count && filed[to].path == filed[i].path && filed[to].kind == filed[i].kind;) to++;
        if (!add_extra(b, &s->extras[s->extra_count - 1], filed + i, to - i)) return false;
    }
    return true;
}

static bool make_fields(struct build *b) {
    struct segment *s = b->s;
    struct filed *filed = NULL;
    size_t count = 0;
    s->field_count = b->paths->count;
    s->fields = calloc(s->field_count, sizeof *s->fields);
    if (!s->fields) return failed(b, ERR_NOMEM);
    bool good = collect_filed(b, &filed, &count) && (count == 0 || make_extras(b, filed, count));
    free(filed);
    return good;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------ */

static void *shrink(void *items, size_t bytes) {
    void *small = realloc(items, bytes ? bytes : 1);
    return small ? small : items;
}

/* Gives back what the growing arrays have too much, and counts the rest. Keys stay where they are: tries point into them. */
static void settle(struct build *b) {
    struct segment *s = b->s;
    s->terms = shrink(b->terms.items, b->terms.count * sizeof *s->terms);
    s->predicate_keys = shrink(b->predicate_keys.items, b->predicate_keys.count * sizeof *s->predicate_keys);
    b->terms.items = b->predicate_keys.items = NULL;
    if (s->conjunctions) {
        s->conjunctions[s->conjunction_count].terms = b->terms.count;
        s->conjunctions = shrink(s->conjunctions, (s->conjunction_count + 1) * sizeof *s->conjunctions);
    }
    if (s->predicates) s->predicates = shrink(s->predicates, s->predicate_count * sizeof *s->predicates);
    s->bytes += sizeof *s + b->terms.count * sizeof *s->terms + b->predicate_keys.count * sizeof *s->predicate_keys;
    s->bytes += (s->conjunction_count + 1) * sizeof *s->conjunctions + s->predicate_count * sizeof *s->predicates;
    s->bytes += s->keys_bytes + ((size_t)s->slot_mask + 1) * sizeof *s->slots + s->field_count * sizeof *s->fields;
    s->bytes += s->rule_count * sizeof *s->owners + b->wildcard_cap * sizeof *s->wildcards + b->range_cap * sizeof *s->ranges;
    s->bytes += s->arena.used_bytes;
}

static void build_fini(struct build *b) {
    free(b->all_keys.items);
    free(b->rule_at.items);
    free(b->terms.items);
    free(b->predicate_keys.items);
    free(b->by_hash.items);
    free(b->filings);
    free(b->order);
    free(b->filings_of);
    free(b->path_buts);
    free(b->path_ranges);
    buf_fini(&b->text);
}

enum err segment_build(const struct segment_rule *rules, size_t count, struct scan_paths *paths, struct segment **out) {
    *out = NULL;
    if (count > SEGMENT_RULES_MAX) return ERR_LIMIT;
    struct segment *s = calloc(1, sizeof *s);
    if (!s) return ERR_NOMEM;
    struct build b = {.s = s, .paths = paths};
    s->refs = 1;
    s->seed = paths->seed;
    s->rule_count = (uint32_t)count;
    arena_init(&s->arena, 0);
    buf_init(&b.text, 0);
    s->owners = malloc((count + 1) * sizeof *s->owners);
    b.filings_of = calloc(count + 1, sizeof *b.filings_of);
    bool good = (s->owners && b.filings_of) || failed(&b, ERR_NOMEM);
    good = good && grow_slots(&b) && read_rules(&b, rules, count) && file_rules(&b, rules, count) && split_filings(&b);
    if (good && s->keys) s->keys = shrink(s->keys, s->keys_bytes);
    good = good && make_postings(&b) && make_fields(&b);
    if (good) settle(&b);
    build_fini(&b);
    if (good)
        *out = s;
    else
        segment_release(s);
    return good ? ERR_OK : b.err;
}

static void extra_fini(struct field_extra *x) {
    for (int i = 0; i < 4; i++) affix_fini(&x->affixes[i]);
    gram_fini(&x->grams);
    free(x->intervals);
    free(x->buts);
    free(x->address_bits);
}

void segment_release(struct segment *s) {
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1) return;
    for (uint32_t i = 1; i < s->extra_count; i++) extra_fini(&s->extras[i]);
    free(s->owners);
    free(s->conjunctions);
    free(s->terms);
    free(s->predicates);
    free(s->predicate_keys);
    free(s->keys);
    free(s->slots);
    free(s->lists);
    free(s->fields);
    free(s->extras);
    free(s->absent);
    free(s->wildcards);
    free(s->ranges);
    arena_fini(&s->arena);
    free(s);
}
