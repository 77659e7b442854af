/* Simple case folding (Unicode 14.0, CaseFolding.txt statuses C and S): one character to one character, outside the BMP too.
 *
 * Two strings are equal but for case when they fold to the same characters; so 'K', 'k' and the Kelvin sign are one, and 'ß' is not
 * "ss". The table is our own: the C library's towlower depends on the locale that the process happens to have. All strings are
 * well-formed UTF-8. Pure; any thread. */
#ifndef RULES_FOLD_H
#define RULES_FOLD_H

#include "arena.h"

uint32_t fold_char(uint32_t c);
/* The folded string, in the arena; p == NULL without memory. */
struct str fold_text(struct arena *a, struct str s) __attribute__((warn_unused_result));
/* `folded` comes from fold_text. */
bool fold_equal(struct str s, struct str folded);
bool fold_starts(struct str s, struct str folded);
bool fold_ends(struct str s, struct str folded);

#endif
