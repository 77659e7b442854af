#include "gram.h"

#include <stdlib.h>

static uint64_t load(const char *p, unsigned power) {
    uint64_t bytes = 0;
    memcpy(&bytes, p, (size_t)1 << power);
    return bytes;
}

static struct gram_slot *slot_of(const struct gram *g, uint64_t bytes, unsigned power) {
    uint32_t i = (uint32_t)keyhash_fold(bytes ^ g->seed, KEYHASH_K1 + (power << 8)) & g->mask;
    while (g->slots[i].count && (g->slots[i].bytes != bytes || (g->slots[i].count & 3) != power)) i = (i + 1) & g->mask;
    return &g->slots[i];
}

const struct gram_slot *gram_find(const struct gram *g, const char *p, unsigned power) {
    const struct gram_slot *slot = slot_of(g, load(p, power), power);
    return slot->first ? slot : NULL;
}

/* The longest power that some piece of the wildcard has room for. */
static unsigned power_of(const struct wildcard *w) {
    unsigned power = 0;
    for (size_t i = 0; i < w->count; i++)
        while (power < 3 && w->pieces[i].n >= (size_t)2 << power) power++;
    return power;
}

/* Calls for each gram of the wildcard: counting (choose NULL), or finding the rarest. */
static struct gram_slot *each_gram(struct gram *g, const struct wildcard *w, bool choose) {
    unsigned power = power_of(w);
    struct gram_slot *best = NULL;
    for (size_t i = 0; i < w->count; i++)
        for (size_t k = 0; k + ((size_t)1 << power) <= w->pieces[i].n; k++) {
            uint64_t bytes = load(w->pieces[i].p + k, power);
            struct gram_slot *slot = slot_of(g, bytes, power);
            if (!choose) {
                slot->bytes = bytes;
                slot->count = (slot->count + 4) | power; /* the power in the low two bits, the count above */
            } else if (!best || slot->count >> 2 < best->count >> 2) {
                best = slot;
            }
        }
    return best;
}

/* Slots that no wildcard chose go; the table shrinks to those that stay. */
static bool keep_chosen(struct gram *g, const uint32_t *sizes) {
    uint32_t chosen = 0, size = 8;
    for (uint32_t i = 0; i <= g->mask; i++) chosen += sizes[i] != 0;
    while (size < chosen * 4) size *= 2;
    struct gram small = *g;
    small.mask = size - 1;
    small.slots = calloc(size, sizeof *small.slots);
    if (!small.slots) return false;
    uint32_t first = 1;
    for (uint32_t i = 0; i <= g->mask; i++) {
        if (!sizes[i]) continue;
        unsigned power = g->slots[i].count & 3;
        small.lengths[power] = true;
        *slot_of(&small, g->slots[i].bytes, power) = (struct gram_slot){g->slots[i].bytes, first, power | 4};
        first += sizes[i];
    }
    free(g->slots);
    *g = small;
    return true;
}

enum err gram_build(struct gram *g, const struct gram_item *items, size_t count, uint64_t seed) {
    *g = (struct gram){.seed = seed};
    size_t grams = 0;
    uint32_t size = 64;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < items[i].wildcard->count; k++) grams += items[i].wildcard->pieces[k].n;
    while (size < grams * 2) size *= 2;
    g->mask = size - 1;
    g->slots = calloc(size, sizeof *g->slots);
    uint32_t *sizes = calloc(size, sizeof *sizes);
    struct gram_slot *chosen = calloc(count + 1, sizeof *chosen);
    g->keys = calloc(count + 1, sizeof *g->keys);
    enum err e = ERR_NOMEM;
    if (!g->slots || !sizes || !chosen || !g->keys) goto out;
    for (size_t i = 0; i < count; i++) each_gram(g, items[i].wildcard, false);
    for (size_t i = 0; i < count; i++) {
        const struct gram_slot *slot = each_gram(g, items[i].wildcard, true);
        chosen[i] = *slot;
        sizes[slot - g->slots]++;
    }
    if (!keep_chosen(g, sizes)) goto out;
    for (size_t i = 0; i < count; i++) {
        struct gram_slot *slot = slot_of(g, chosen[i].bytes, chosen[i].count & 3);
        g->keys[slot->first - 1 + (slot->count >> 2) - 1] = items[i].key;
        slot->count += 4;
    }
    for (uint32_t i = 0; i <= g->mask; i++)
        if (g->slots[i].count) g->slots[i].count -= 4;
    g->key_count = (uint32_t)count;
    e = ERR_OK;
out:
    free(sizes);
    free(chosen);
    if (e) gram_fini(g);
    return e;
}

void gram_fini(struct gram *g) {
    free(g->slots);
    free(g->keys);
    *g = (struct gram){0};
}

size_t gram_bytes(const struct gram *g) { return g->slots ? (g->mask + 1) * sizeof *g->slots + g->key_count * sizeof *g->keys : 0; }
