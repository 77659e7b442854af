/* Many wildcard patterns looked for in one text at once: each is filed under one piece of 8, 4, 2 or 1 bytes that every text it matches
 * must hold, the rarest among all of them. A text that holds the piece is a candidate, and checked. Immutable after gram_build. */
#ifndef RULES_GRAM_H
#define RULES_GRAM_H

#include "keyhash.h"
#include "wildcard.h"

struct gram_item {
    const struct wildcard *wildcard; /* with at least one byte that is no star */
    uint32_t key;
};
struct gram_slot {
    uint64_t bytes;
    uint32_t first; /* index into keys, + 1 */
    uint32_t count; /* of keys, times 4, plus the power of two that is its length; 0: free */
};
struct gram {
    struct gram_slot *slots;
    uint32_t *keys; /* by slot: together */
    uint32_t mask;
    uint32_t key_count;
    uint64_t seed;
    bool lengths[4]; /* 1, 2, 4, 8 */
};

/* ERR_NOMEM. */
enum err gram_build(struct gram *g, const struct gram_item *items, size_t count, uint64_t seed) MUST_USE;
void gram_fini(struct gram *g);
size_t gram_bytes(const struct gram *g);
/* The slot of the piece of 1 << power bytes at p, or NULL. */
const struct gram_slot *gram_find(const struct gram *g, const char *p, unsigned power);

#endif
