/* The inside of explain: what was found at a field's path, and which of it came closest. */
#ifndef RULES_EXPLAIN_PARTS_H
#define RULES_EXPLAIN_PARTS_H

#include "explain.h"
#include "pattern_ast.h"

enum { LEAVES_MAX = 64 };

struct leaf {
    const struct node *node;
    struct str at; /* absent in a quick look */
};

/* The values at a path. */
struct leaves {
    struct leaf items[LEAVES_MAX]; /* the first ones */
    size_t total;
    struct leaf taken;        /* LEAVES_TAKEN: the first that the field takes; node NULL: none */
    const struct node *inner; /* an object, or an array, at the end of the path; NULL: none */
    size_t visits;            /* values on the way */
    bool cut;                 /* the event is too large to be looked at as a whole */
};

enum leaves_want {
    LEAVES_ALL,   /* the first LEAVES_MAX with their places, and how many there are */
    LEAVES_TAKEN, /* as far as the first that the field takes */
    LEAVES_QUICK  /* the first LEAVES_MAX without their places */
};
/* Looks up f's path. False without memory. */
bool leaves_find(const struct pattern_field *f, const struct node *event, enum leaves_want want, struct arena *a, struct leaves *out);

/* The nearest miss: a test of the field and a value, and what is between them. */
enum miss_kind {
    MISS_NONE,   /* nothing alike */
    MISS_TYPE,   /* would match as another type */
    MISS_CASE,   /* letters of another case */
    MISS_BLANKS, /* blanks around it */
    MISS_EDITS,  /* .n edits away */
    MISS_INSIDE, /* the value contains what is wanted */
    MISS_BOUND,  /* on the wrong side of a range's bound */
    MISS_PREFIX, /* the first .n of .m characters agree; likewise the last ones for a suffix */
    MISS_SUFFIX,
    MISS_WILDCARD, /* agrees up to byte .n; piece .m does not follow */
    MISS_NUMBER,   /* another number */
    MISS_INEXACT,  /* equal, but no double holds it, and the texts differ */
    MISS_BITS,     /* the first .n bits of an address agree */
    MISS_FAMILY,   /* an address of the other family */
    MISS_NO_ADDRESS,
    MISS_EXCLUDED, /* what anything-but names */
    MISS_NOT_ABSENT
};
struct miss {
    enum miss_kind kind;
    const struct pattern_test *test; /* NULL with MISS_NONE and MISS_NOT_ABSENT */
    const struct leaf *leaf;
    size_t n, m;
    unsigned distance;
};
/* `found` holds at least one value, none of which the field takes. Measures at most *pairs pairs of a test and a value, and counts them
 * off. */
struct miss miss_nearest(const struct pattern_field *f, const struct leaves *found, size_t *pairs, struct arena *scratch);
/* Appends what there is to say about it; nothing when there is nothing. */
void miss_hint(const struct miss *m, struct buf *out);

/* Appends a text in quotes, escaped as in JSON, cut. */
void phrase_text(struct str text, struct buf *out);
/* Appends a scalar; named: with its type ("the string "7""). */
void phrase_value(const struct node *leaf, bool named, struct buf *out);
/* Appends what one test takes: a string that begins with "x". */
void phrase_test(const struct pattern_test *t, struct buf *out);
/* Appends what a field wants: one of "running", "stopped". */
void phrase_field(const struct pattern_field *f, struct buf *out);

/* Appends, about a path where the event has no value, where it might have been meant: the event has Detail.State. Looks at *names values at
 * most, and counts them off. */
void elsewhere_hint(const struct pattern_field *f, const struct node *event, size_t *names, struct buf *out);

#endif
