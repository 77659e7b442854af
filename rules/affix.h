/* Many prefixes (or suffixes) looked for in one text at once: a path-compressed trie, built once. Time grows with the text, not with
 * their number. Pure and immutable after affix_build. */
#ifndef RULES_AFFIX_H
#define RULES_AFFIX_H

#include "err.h"

struct affix_item {
    struct str text; /* bytes stay where they are as long as the trie lives */
    uint32_t key;
};
struct affix_node;
struct affix {
    struct affix_node *nodes;
    uint8_t *firsts; /* by node: the first byte of its label */
    uint32_t count;
    bool backward; /* suffixes */
};

/* Sorts the items, whose texts differ. ERR_NOMEM. */
enum err affix_build(struct affix *t, struct affix_item *items, size_t count, bool backward) MUST_USE;
void affix_fini(struct affix *t);
size_t affix_bytes(const struct affix *t);
/* Steps through the items that `s` begins (ends) with, the shortest first. Start with *at = 0 and *used = 0, which the calls keep their
 * place in; false after the last. */
bool affix_next(const struct affix *t, struct str s, uint32_t *at, size_t *used, uint32_t *key);

#endif
