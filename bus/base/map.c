#include "map.h"

#include <stdlib.h>

#include "hash.h"

struct map_slot {
    char *key; /* NULL: never used, or (value == &tombstone) removed */
    size_t key_bytes;
    uint64_t hash;
    void *value;
};
static char tombstone;

void map_init(struct map *m) { *m = (struct map){0}; }

void map_fini(struct map *m) {
    for (size_t i = 0; i < m->cap; i++) free(m->slots[i].key);
    free(m->slots);
    map_init(m);
}

static struct map_slot *find(const struct map *m, struct str key, uint64_t hash) {
    if (!m->cap) return NULL;
    for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct map_slot *s = &m->slots[i];
        if (!s->key && s->value != &tombstone) return NULL;
        if (s->key && s->hash == hash && str_eq(str_of(s->key, s->key_bytes), key)) return s;
    }
}

static struct map_slot *free_slot(struct map_slot *slots, size_t cap, uint64_t hash) {
    size_t i = hash & (cap - 1);
    while (slots[i].key) i = (i + 1) & (cap - 1);
    return &slots[i];
}

static bool grow(struct map *m) {
    size_t cap = 16;
    while (cap < (m->count + 1) * 2) cap *= 2;
    struct map_slot *slots = calloc(cap, sizeof *slots);
    if (!slots) return false;
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].key) *free_slot(slots, cap, m->slots[i].hash) = m->slots[i];
    free(m->slots);
    m->slots = slots;
    m->cap = cap;
    m->dead = 0;
    return true;
}

void *map_get(const struct map *m, struct str key) {
    struct map_slot *s = m->cap ? find(m, key, hash_table(key)) : NULL;
    return s ? s->value : NULL;
}

bool map_put(struct map *m, struct str key, void *value, void **old) {
    if (old) *old = NULL;
    uint64_t hash = hash_table(key);
    struct map_slot *s = find(m, key, hash);
    if (s) {
        if (old) *old = s->value;
        s->value = value;
        return true;
    }
    if ((m->count + m->dead + 1) * 4 > m->cap * 3 && !grow(m)) return false;
    char *copy = malloc(key.n + 1);
    if (!copy) return false;
    if (key.n) memcpy(copy, key.p, key.n);
    copy[key.n] = 0;
    s = free_slot(m->slots, m->cap, hash);
    if (s->value == &tombstone) m->dead--;
    *s = (struct map_slot){copy, key.n, hash, value};
    m->count++;
    return true;
}

void *map_remove(struct map *m, struct str key) {
    struct map_slot *s = m->cap ? find(m, key, hash_table(key)) : NULL;
    if (!s) return NULL;
    void *value = s->value;
    free(s->key);
    *s = (struct map_slot){.value = &tombstone};
    m->count--;
    m->dead++;
    return value;
}

bool map_next(const struct map *m, size_t *at, struct str *key, void **value) {
    for (; *at < m->cap; ++*at) {
        const struct map_slot *s = &m->slots[*at];
        if (!s->key) continue;
        if (key) *key = str_of(s->key, s->key_bytes);
        if (value) *value = s->value;
        ++*at;
        return true;
    }
    return false;
}
