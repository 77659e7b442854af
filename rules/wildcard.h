/* Wildcard patterns: literals with '*' between them; "\*" and "\\" stand for the characters themselves. */
#ifndef RULES_WILDCARD_H
#define RULES_WILDCARD_H

#include "arena.h"
#include "err.h"

struct wildcard {
    const struct str *pieces; /* the literals before, between and behind the stars; may be empty at both ends */
    size_t count;             /* stars + 1 */
};

/* What is wrong with a text, and where: the position counts bytes of the text from 1, as the service does. */
enum wildcard_flaw { WILDCARD_OK, WILDCARD_CONSECUTIVE, WILDCARD_ESCAPE };
enum wildcard_flaw wildcard_check(struct str text, size_t *position);
/* `text` passes wildcard_check; pieces live in the arena. ERR_NOMEM. */
enum err wildcard_read(struct str text, struct arena *a, struct wildcard *w) MUST_USE;
/* Linear but for repeated literals: each piece is looked for once, leftmost, which is enough since only '*' is variable. */
bool wildcard_match(const struct wildcard *w, struct str s);

/* The greatest number of positions (non-empty prefixes of the patterns, a '*' counting as a character, common prefixes counting once)
 * that one input can reach at once, in *complexity; whatever is above `limit` is reported as limit + 1. Exact up to a bound of work;
 * a set that needs more counts as above the limit. `work` holds the bookkeeping. ERR_NOMEM. */
enum { WILDCARD_LIMIT_MAX = 30 };
enum err wildcard_complexity(const struct wildcard *const *set, size_t count, size_t limit, struct arena *work,
                             size_t *complexity) MUST_USE;

#endif
