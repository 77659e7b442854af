/* The paths that rules name, as a tree of names: what the scanner walks beside the text.
 *
 * A path "detail.state" is the names "detail" and "state", one below the other. A path's number stays the same in every later copy, and
 * the tree only grows: indexes built for an older copy stay right for a newer one. Owner: one thread, until it is shared; from then on
 * it is immutable and counted, and changes are made to a copy. */
#ifndef RULES_SCAN_PATHS_H
#define RULES_SCAN_PATHS_H

#include <stdatomic.h>

#include "err.h"
#include "keyhash.h"

enum { SCAN_ROOT = 0, SCAN_PATHS_MAX = 1 << 24 };
#define SCAN_NO_PATH UINT32_MAX

struct scan_path {
    uint32_t parent;
    uint32_t name_at, name_bytes; /* in names */
    bool wanted;                  /* some rule names it: its leaves are told. Else it is only on the way */
    bool leads;                   /* there are longer paths */
    uint64_t names;               /* scan_name_bit of each name below: most others are seen not to be there without a search */
    uint64_t leading; /* bit (first byte % 64) of each name below that leads on: a name with dots can only begin like one of them */
};

static inline uint64_t scan_name_bit(const char *name, size_t n) { return UINT64_C(1) << (((n ? (unsigned char)*name : 0) + n * 11) % 64); }
static inline uint64_t scan_first_bit(const char *name, size_t n) {
    return UINT64_C(1) << ((n ? (unsigned char)*name : (unsigned char)'.') % 64);
}

struct scan_paths {
    _Atomic int refs;
    uint64_t seed;
    struct scan_path *paths; /* [0] is the root */
    uint32_t count, cap;
    char *names;
    size_t names_bytes, names_cap;
    struct scan_edge { /* open addressing, a quarter full at least, half at most */
        uint32_t tag;
        uint32_t path; /* 0: free */
    } * edges;
    uint32_t edge_mask;
};

/* An empty tree with one reference, or NULL. */
struct scan_paths *scan_paths_new(uint64_t seed);
/* A copy with one reference, or NULL. */
struct scan_paths *scan_paths_copy(const struct scan_paths *p);
void scan_paths_release(struct scan_paths *p);
/* The number of a dotted path, added when it is new; marks it as wanted. ERR_NOMEM; ERR_LIMIT past SCAN_PATHS_MAX names. */
enum err scan_paths_add(struct scan_paths *p, struct str path, uint32_t *number) MUST_USE;
/* The number, or SCAN_NO_PATH. */
uint32_t scan_paths_find(const struct scan_paths *p, struct str path);
/* Bytes it takes. */
size_t scan_paths_bytes(const struct scan_paths *p);

/* The path below `parent` by one name (which holds no dots), or SCAN_NO_PATH. */
static inline uint32_t scan_paths_child(const struct scan_paths *p, uint32_t parent, const char *name, size_t n) {
    if (!(p->paths[parent].names & scan_name_bit(name, n))) return SCAN_NO_PATH;
    uint64_t hash = keyhash(p->seed + parent * KEYHASH_K2, name, n);
    uint32_t tag = (uint32_t)(hash >> 32);
    for (uint32_t i = (uint32_t)hash & p->edge_mask;; i = (i + 1) & p->edge_mask) {
        const struct scan_edge *e = &p->edges[i];
        if (!e->path) return SCAN_NO_PATH;
        if (e->tag != tag) continue;
        const struct scan_path *path = &p->paths[e->path];
        if (path->parent == parent && path->name_bytes == n && keyhash_same(p->names + path->name_at, name, n)) return e->path;
    }
}

/* True when `below` is `above` or lies below it. */
static inline bool scan_paths_under(const struct scan_paths *p, uint32_t below, uint32_t above) {
    while (below > above) below = p->paths[below].parent; /* a parent is older, and so its number is smaller */
    return below == above;
}

#endif
