/* A set of rules compiled together: immutable, shared by counted references. MATCHER.md tells the reasons.
 *
 * A KEY is an alternative of a field ("this path has this value"): equal ones of all rules are one key. A PREDICATE is a field of a
 * conjunction: some of its keys must take one of the path's values. A conjunction is filed under the keys of its most selective field,
 * the ACCESS field: only when one of these keys is hit by a value of the event are the other predicates looked at, each at most once per
 * event. Keys that equal a value are found by hash, prefixes and suffixes in a trie, ranges in an interval tree, wildcards by a piece
 * that they need; what is true of nearly everything (anything-but, exists) is asked in turn, where nothing better was there to file under.
 */
#ifndef RULES_SEGMENT_H
#define RULES_SEGMENT_H

#include "affix.h"
#include "gram.h"
#include "interval.h"
#include "pattern_ast.h"
#include "scan.h"

enum key_kind {
    KEY_STRING,
    KEY_ADDRESS, /* an IP literal or a CIDR block */
    KEY_NUMBER,
    KEY_NUMBER_TEXT, /* one that no double holds: equal text only */
    KEY_NULL,
    KEY_FALSE,
    KEY_TRUE,
    KEY_PREFIX,
    KEY_SUFFIX,
    KEY_FOLDED,
    KEY_PREFIX_FOLDED,
    KEY_SUFFIX_FOLDED,
    KEY_WILDCARD,
    KEY_RANGE,
    KEY_PRESENT,
    KEY_ABSENT,
    KEY_BUT,  /* takes what none of its parts takes */
    KEY_PAIR, /* a key and a string's key: see enum posting_kind */
    KEY_KINDS
};

/* In segment.keys, at multiples of 4; a key is named by its place / 4. Place 0 is no key. */
struct key {
    uint32_t path;
    uint32_t posting;    /* see enum posting_kind; while building: how many fields have it */
    uint32_t kind_bytes; /* kind << 24 | length of text */
    uint32_t index;      /* wildcard, range: place in segment.wildcards, .ranges; but: 1 when all its parts are KEY_STRING */
    char text[];         /* what makes it equal to another of its kind; see describe in segment.c */
};

/* The top three bits of a posting tell what it is. POSTING_SPLIT: what would be too long a list is filed once more, by the strings of the
 * path that is its place; with the posting's own key they make a KEY_PAIR, which has a posting itself. POSTING_SOLE is a rule, too, that is
 * filed here and nowhere else; its place is the rule's number + 1, and 0 is no posting. */
enum posting_kind { POSTING_SOLE, POSTING_RULE, POSTING_CONJUNCTION, POSTING_LIST, POSTING_SPLIT };
enum { POSTING_SHIFT = 29, SEGMENT_RULES_MAX = 1 << 24 };
#define POSTING_PLACE(p) ((p) & ((UINT32_C(1) << POSTING_SHIFT) - 1))

struct predicate {
    uint32_t path;
    uint32_t keys; /* the first one in segment.predicate_keys */
    uint32_t key_count;
    uint32_t kinds; /* bit per key_kind of its keys */
};

struct conjunction {
    uint32_t rule;
    uint32_t terms; /* the first one in segment.terms; the next conjunction's ends them. The access field's predicate comes first, then
                       those that are likely to fail */
};

/* By path: what is filed there. */
struct field {
    uint32_t kinds; /* bit per key_kind that something is filed under */
    uint32_t extra; /* place in segment.extras; 0: none */
};
struct field_extra {
    struct affix affixes[4]; /* KEY_PREFIX, KEY_SUFFIX, KEY_PREFIX_FOLDED, KEY_SUFFIX_FOLDED */
    struct gram grams;
    uint32_t gram_at; /* the first of its slots among all grams' of the segment */
    struct interval *intervals;
    uint32_t interval_count;
    uint32_t *buts;
    uint32_t but_count;
    uint8_t *address_bits; /* pairs: length of the address (4 or 16), bits of the block; each pair once */
    uint32_t address_count;
};

struct segment {
    _Atomic int refs;
    uint64_t seed;
    void **owners; /* by rule */
    uint32_t rule_count;
    struct conjunction *conjunctions; /* one more than conjunction_count: its terms end the last one's */
    uint32_t conjunction_count;
    uint32_t *terms; /* predicates */
    struct predicate *predicates;
    uint32_t predicate_count;
    uint32_t *predicate_keys;
    char *keys;
    size_t keys_bytes;
    struct key_slot { /* open addressing, at most half full */
        uint32_t tag;
        uint32_t key; /* 0: free */
    } * slots;
    uint32_t slot_mask;
    uint32_t *lists; /* of POSTING_LIST: a count, then POSTING_RULE and POSTING_CONJUNCTION */
    struct field *fields;
    uint32_t field_count;
    struct field_extra *extras;
    uint32_t extra_count;
    uint32_t gram_count;
    uint32_t *absent; /* keys of KEY_ABSENT that something is filed under */
    uint32_t absent_count;
    struct wildcard *wildcards;
    struct pattern_range *ranges;
    struct arena arena; /* holds the wildcards' pieces */
    size_t bytes;       /* that all of it takes */
};

struct segment_rule {
    const struct pattern *pattern; /* needed until segment_build returns */
    void *owner;                   /* what a match tells */
};

/* Compiles rules; new paths are added to `paths`. *out has one reference. ERR_NOMEM; ERR_LIMIT when there is too much for one segment
 * (2^30 bytes of keys, or SEGMENT_RULES_MAX rules). */
enum err segment_build(const struct segment_rule *rules, size_t count, struct scan_paths *paths, struct segment **out) MUST_USE;
void segment_release(struct segment *s);

static inline const struct key *segment_key(const struct segment *s, uint32_t key) {
    return (const struct key *)(const void *)(s->keys + (size_t)key * 4);
}
static inline enum key_kind key_kind(const struct key *k) { return (enum key_kind)(k->kind_bytes >> 24); }
static inline struct str key_text(const struct key *k) { return str_of(k->text, k->kind_bytes & 0xFFFFFF); }
/* Finds a key by its text; 0: none. The hash is scan_string_hash for KEY_STRING. */
static inline uint64_t segment_hash(uint64_t seed, uint32_t path, enum key_kind kind, struct str text) {
    return scan_string_hash(seed + (uint64_t)kind * 0x10001, path, text);
}
static inline uint32_t segment_find_hashed(const struct segment *s, uint32_t path, enum key_kind kind, struct str text, uint64_t hash) {
    for (uint32_t i = (uint32_t)hash & s->slot_mask;; i = (i + 1) & s->slot_mask) {
        const struct key_slot *slot = &s->slots[i];
        if (!slot->key) return 0;
        if (slot->tag != (uint32_t)(hash >> 32)) continue;
        const struct key *k = segment_key(s, slot->key);
        if (k->path == path && k->kind_bytes == ((uint32_t)kind << 24 | (uint32_t)text.n) && keyhash_same(k->text, text.p, text.n))
            return slot->key;
    }
}

/* A number as a key's text: equal for equal values (that a double holds). */
struct number_key {
    uint64_t head;
    int64_t exponent;
    uint64_t negative;
};
static inline struct number_key number_key(const struct number *n) {
    return (struct number_key){n->head, n->head ? n->exponent : 0, n->negative};
}

#endif
