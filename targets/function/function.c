#include "function.h"

#include <stdlib.h>

enum { FUNCTION_MAX_BYTES = 2 * 1024 * 1024 }; /* 64 arguments and 128 variables of 4 KiB, and the rest */

struct function *function_new(void) {
    struct function *f = calloc(1, sizeof *f);
    if (!f) return NULL;
    atomic_init(&f->references, 1);
    arena_init(&f->arena, FUNCTION_MAX_BYTES);
    return f;
}

struct function *function_ref(struct function *f) {
    atomic_fetch_add(&f->references, 1);
    return f;
}

void function_unref(struct function *f) {
    if (!f || atomic_fetch_sub(&f->references, 1) > 1) return;
    arena_fini(&f->arena);
    free(f);
}
