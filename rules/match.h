/* Matching one event against a segment: the inside of matcher.c, not for others. */
#ifndef RULES_MATCH_H
#define RULES_MATCH_H

#include "matcher.h"
#include "scan.h"
#include "segment.h"

struct value {         /* a leaf as matching sees it; by leaf */
    struct str text;   /* strings: unescaped */
    struct str folded; /* p == NULL: not needed so far */
    struct number number;
    struct address address;
    uint32_t string_key; /* of the segment at hand; 0: none has the string */
    uint32_t string_key_epoch;
    uint32_t next;                         /* the next leaf of the same path, + 1; 0: none */
    bool has_number, has_address, repeats; /* repeats: an earlier leaf of the path has the same value */
};

struct head {             /* the leaves of a path; by path */
    uint32_t epoch;       /* of the event */
    uint32_t first, last; /* leaves */
    uint32_t count;
};

struct matcher_work {
    struct scan scan;
    struct arena arena; /* what this event needed: unescaped and folded texts */
    struct value *values;
    uint32_t value_cap;
    struct head *heads;
    uint32_t head_cap;
    uint32_t *paths; /* that have leaves */
    uint32_t path_count, path_cap;
    uint32_t event_epoch, segment_epoch, value_epoch; /* what was noted under another epoch is old */
    uint32_t *predicates;                             /* by predicate of the segment: epoch << 2 | enum answer */
    uint32_t predicate_cap;
    uint32_t *matched; /* by rule of the segment: epoch */
    uint32_t matched_cap;
    uint32_t *grams; /* by gram slot of the segment: value epoch */
    uint32_t gram_cap;
    uint32_t *same; /* open addressing: leaves of a path by value, + 1 */
    uint32_t same_cap;
    struct array_note { /* see arrays.c */
        uint32_t epoch, count;
    } * elements, *arrays;
    uint32_t element_cap, array_cap, array_epoch;
    uint32_t *touched;
    uint32_t touched_count, touched_cap;
    void **found;
    uint32_t found_count, found_cap;
    size_t steps;
    enum err err;
};

enum answer { ANSWER_UNKNOWN, ANSWER_NO, ANSWER_YES, ANSWER_IN_ARRAY }; /* the last: only values in arrays pass */

struct match {
    const struct segment *s;
    const struct scan_paths *paths;
    const uint64_t *dead; /* bit per rule; NULL: all live */
    struct matcher_work *w;
    bool arrays; /* some leaf stands in an array, or was reached by a name with dots: a path may have several values */
};

/* Adds what the segment's rules find to w->found. False after an error (w->err). */
bool match_segment(struct match *m);
/* Do the event's values of a conjunction's predicates agree on array elements? Its predicates are all satisfied one by one. */
bool arrays_agree(struct match *m, const struct conjunction *c);
/* Does the key take the leaf? */
bool match_takes(struct match *m, const struct key *k, uint32_t leaf);
bool match_predicate_takes(struct match *m, const struct predicate *p, uint32_t leaf);
/* Room for `need` items in a work's array, new ones zeroed. False: w->err is set. */
bool work_reserve(struct matcher_work *w, void **items, uint32_t *cap, size_t need, size_t size);
static inline bool work_spend(struct matcher_work *w, size_t steps) {
    w->steps += steps;
    if (__builtin_expect(w->steps > MATCHER_STEPS_MAX, 0)) w->err = ERR_LIMIT;
    return !w->err;
}

#endif
