/* Where in a YAML file a pattern is wrong: every flaw at the node it stands in. */
#ifndef RULES_PATTERN_FLAW_H
#define RULES_PATTERN_FLAW_H

#include "yamltree.h"

/* Adds a problem for each flaw of the pattern: at the alternative (`...pattern.detail.state[1]`) or, where only the whole is wrong (an
 * empty list, too complex), at the smallest part that is. Adds none when the pattern is right. `pattern` is a YNODE_MAP. ERR_NOMEM only.
 * Any thread. */
enum err pattern_flaws(const struct ynode *pattern, struct problems *problems) MUST_USE;

#endif
