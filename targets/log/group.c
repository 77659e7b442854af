#include "group.h"

#include <stdlib.h>

struct group *group_new(void) {
    struct group *g = calloc(1, sizeof *g);
    if (!g) return NULL;
    atomic_init(&g->references, 1);
    arena_init(&g->arena, 65536);
    return g;
}

struct group *group_ref(struct group *g) {
    atomic_fetch_add(&g->references, 1);
    return g;
}

void group_unref(struct group *g) {
    if (!g || atomic_fetch_sub(&g->references, 1) > 1) return;
    arena_fini(&g->arena);
    free(g);
}
