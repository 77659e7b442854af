#include "scan_paths.h"

#include <stdlib.h>

struct scan_paths *scan_paths_new(uint64_t seed) {
    struct scan_paths *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    *p = (struct scan_paths){.refs = 1, .seed = seed, .cap = 16, .names_cap = 256, .edge_mask = 31};
    p->paths = calloc(p->cap, sizeof *p->paths);
    p->names = malloc(p->names_cap);
    p->edges = calloc(p->edge_mask + 1, sizeof *p->edges);
    p->count = 1;
    if (p->paths && p->names && p->edges) return p;
    scan_paths_release(p);
    return NULL;
}

struct scan_paths *scan_paths_copy(const struct scan_paths *from) {
    struct scan_paths *p = malloc(sizeof *p);
    if (!p) return NULL;
    *p = (struct scan_paths){.refs = 1,
                             .seed = from->seed,
                             .count = from->count,
                             .cap = from->cap,
                             .names_bytes = from->names_bytes,
                             .names_cap = from->names_cap,
                             .edge_mask = from->edge_mask};
    p->paths = malloc(p->cap * sizeof *p->paths);
    p->names = malloc(p->names_cap);
    p->edges = malloc((p->edge_mask + 1) * sizeof *p->edges);
    if (!p->paths || !p->names || !p->edges) {
        scan_paths_release(p);
        return NULL;
    }
    memcpy(p->paths, from->paths, p->count * sizeof *p->paths);
    memcpy(p->names, from->names, p->names_bytes);
    memcpy(p->edges, from->edges, (p->edge_mask + 1) * sizeof *p->edges);
    return p;
}

void scan_paths_release(struct scan_paths *p) {
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1) return;
    free(p->paths);
    free(p->names);
    free(p->edges);
    free(p);
}

static void put_edge(struct scan_paths *p, uint32_t number) {
    const struct scan_path *path = &p->paths[number];
    uint64_t hash = keyhash(p->seed + path->parent * KEYHASH_K2, p->names + path->name_at, path->name_bytes);
    uint32_t i = (uint32_t)hash & p->edge_mask;
    while (p->edges[i].path) i = (i + 1) & p->edge_mask;
    p->edges[i] = (struct scan_edge){(uint32_t)(hash >> 32), number};
}

static bool grow_edges(struct scan_paths *p) {
    uint32_t size = (p->edge_mask + 1) * 2;
    struct scan_edge *edges = calloc(size, sizeof *edges);
    if (!edges) return false;
    free(p->edges);
    p->edges = edges;
    p->edge_mask = size - 1;
    for (uint32_t i = 1; i < p->count; i++) put_edge(p, i);
    return true;
}

static bool grow_paths(struct scan_paths *p) {
    struct scan_path *paths = realloc(p->paths, p->cap * 2 * sizeof *paths);
    if (!paths) return false;
    p->paths = paths;
    p->cap *= 2;
    return true;
}

static bool grow_names(struct scan_paths *p, size_t more) {
    size_t cap = p->names_cap;
    while (cap < p->names_bytes + more) cap *= 2;
    char *names = realloc(p->names, cap);
    if (!names) return false;
    p->names = names;
    p->names_cap = cap;
    return true;
}

static enum err add_child(struct scan_paths *p, uint32_t parent, struct str name, uint32_t *number) {
    if (p->count == SCAN_PATHS_MAX || p->names_bytes + name.n > UINT32_MAX) return ERR_LIMIT;
    if (p->count == p->cap && !grow_paths(p)) return ERR_NOMEM;
    if (p->names_bytes + name.n > p->names_cap && !grow_names(p, name.n)) return ERR_NOMEM;
    if ((uint64_t)p->count * 2 > p->edge_mask && !grow_edges(p)) return ERR_NOMEM;
    if (name.n) memcpy(p->names + p->names_bytes, name.p, name.n);
    *number = p->count++;
    p->paths[*number] = (struct scan_path){.parent = parent, .name_at = (uint32_t)p->names_bytes, .name_bytes = (uint32_t)name.n};
    p->names_bytes += name.n;
    p->paths[parent].names |= scan_name_bit(name.p, name.n);
    struct scan_path *above = &p->paths[parent];
    if (!above->leads && parent != SCAN_ROOT) /* its own name leads from now on */
        p->paths[above->parent].leading |= scan_first_bit(p->names + above->name_at, above->name_bytes);
    above->leads = true;
    put_edge(p, *number);
    return ERR_OK;
}

enum err scan_paths_add(struct scan_paths *p, struct str path, uint32_t *number) {
    uint32_t at = SCAN_ROOT;
    struct str name;
    while (str_cut(&path, '.', &name)) {
        uint32_t child = scan_paths_child(p, at, name.p, name.n);
        if (child == SCAN_NO_PATH) {
            enum err e = add_child(p, at, name, &child);
            if (e) return e;
        }
        at = child;
    }
    if (!p->paths[at].wanted) p->paths[at].wanted = true; /* no write when nothing changes: the tree may be shared */
    *number = at;
    return ERR_OK;
}

uint32_t scan_paths_find(const struct scan_paths *p, struct str path) {
    uint32_t at = SCAN_ROOT;
    struct str name;
    while (at != SCAN_NO_PATH && str_cut(&path, '.', &name)) at = scan_paths_child(p, at, name.p, name.n);
    return at;
}

size_t scan_paths_bytes(const struct scan_paths *p) {
    return sizeof *p + p->cap * sizeof *p->paths + p->names_cap + (p->edge_mask + 1) * sizeof *p->edges;
}
