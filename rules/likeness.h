/* How like two texts are, counted in characters, for sentences like `nearest: "running", 1 edit`. Texts are well-formed UTF-8. Pure. */
#ifndef RULES_LIKENESS_H
#define RULES_LIKENESS_H

#include "str.h"

#define LIKENESS_FAR SIZE_MAX

/* The least number of edits that turn one text into the other: a character added, left out or replaced, or two neighbours swapped (optimal
 * string alignment). What both begin and end with costs nothing; LIKENESS_FAR when more than 64 characters are left of either. */
size_t likeness_edits(struct str a, struct str b);
/* Is that few enough, for texts of these lengths, to be a slip of the hand? At most one for each four characters, and one at least, but
 * never all of them. */
bool likeness_is_near(struct str a, struct str b, size_t edits);
/* The same letters and digits in the same order, whatever the case of ASCII letters and whatever '-', '_', '.' and blanks stand between:
 * "DetailType", "detail_type" and "detail-type" are. */
bool likeness_same_letters(struct str a, struct str b);
/* Characters of the text. */
size_t likeness_characters(struct str s);
/* The first bytes of the text, at most n, cut between characters. */
struct str likeness_head(struct str s, size_t n);

#endif
