/* One placeholder of a template (generator.h): what its arguments are read into, and what renders it. */
#ifndef BUSCTL_PLACEHOLDER_H
#define BUSCTL_PLACEHOLDER_H

#include <jansson.h>

#include "generator.h"

/* Where the randomness of one generator comes from. */
struct dice {
    uint64_t state;
};
uint64_t dice_roll(struct dice *d);
/* Uniform in [0, n); n > 0. */
uint64_t dice_below(struct dice *d, uint64_t n);
/* Uniform in [0, 1). */
double dice_unit(struct dice *d);

struct choice {
    struct str text;
    double up_to; /* of the weights' running sum; only with weights */
};

/* A placeholder, compiled. */
struct placeholder {
    const struct placeholder_kind *kind;
    double low, high, step; /* numbers: the range, and what they are a multiple of */
    int decimals;
    int64_t next, by;  /* sequence */
    size_t length;     /* how many characters or words */
    struct str format; /* dates */
    struct choice *choices;
    size_t choice_count;
};

struct moment {
    struct dice *dice;
    int64_t now_ms;
};

struct placeholder_kind {
    struct generator_name known;
    /* Reads the arguments: a JSON value, or NULL when there are none. ERR_SYNTAX with a sentence. NULL: it takes none. */
    enum err (*compile)(struct placeholder *p, const json_t *argument, struct arena *a, struct fault *fault);
    void (*render)(struct placeholder *p, const struct moment *m, struct buf *out);
};
extern const struct placeholder_kind placeholder_kinds[]; /* ended by a row whose name is NULL */

/* Appends a time as moment.js formats it: YYYY YY MMMM MMM MM M Do DDDD DDD DD D dddd ddd HH H hh h mm m ss s SSS SS S A a ZZ Z X x, and
 * [text]. `utc`: else in this machine's time zone. */
void placeholder_date(struct str format, int64_t ms, bool utc, struct buf *out);

#endif
