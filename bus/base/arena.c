#include "arena.h"

#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n) __asan_poison_memory_region((p), (n))
#define UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
#define RED_ZONE 16u /* a gap behind each allocation, so that a small overrun is caught */
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#define RED_ZONE 0u
#endif

enum { BLOCK_FIRST = 4096, BLOCK_MOST = 1 << 20, ALIGN = 16 };
#define ARENA_MAX_DEFAULT ((size_t)256 << 20)

struct arena_block {
    struct arena_block *next;
    size_t size; /* of data */
    _Alignas(ALIGN) char data[];
};

void arena_init(struct arena *a, size_t max_bytes) {
    *a = (struct arena){.max_bytes = max_bytes ? max_bytes : ARENA_MAX_DEFAULT};
}

static void free_blocks(struct arena_block *b) {
    while (b) {
        struct arena_block *next = b->next;
        UNPOISON(b->data, b->size);
        free(b);
        b = next;
    }
}

void arena_fini(struct arena *a) {
    free_blocks(a->blocks);
    arena_init(a, a->max_bytes);
}

void arena_wipe(struct arena *a) {
    for (struct arena_block *b = a->blocks; b; b = b->next) {
        UNPOISON(b->data, b->size);
        explicit_bzero(b->data, b->size);
    }
    arena_fini(a);
}

void arena_reset(struct arena *a) {
    struct arena_block *keep = a->blocks;
    if (!keep) return;
    free_blocks(keep->next);
    keep->next = NULL;
    UNPOISON(keep->data, keep->size);
    memset(keep->data, 0, (size_t)(a->at - keep->data));
    POISON(keep->data, keep->size);
    a->at = keep->data;
    a->end = keep->data + keep->size;
    a->used_bytes = keep->size;
}

static bool add_block(struct arena *a, size_t need) {
    size_t size = a->blocks ? a->blocks->size * 2 : BLOCK_FIRST;
    if (size > BLOCK_MOST) size = BLOCK_MOST;
    if (size < need) size = need;
    size_t room = a->max_bytes - a->used_bytes;
    if (need > room) return false;
    if (size > room) size = room;
    struct arena_block *b = calloc(1, sizeof *b + size);
    if (!b) return false;
    b->next = a->blocks;
    b->size = size;
    a->blocks = b;
    a->at = b->data;
    a->end = b->data + size;
    a->used_bytes += size;
    POISON(b->data, size);
    return true;
}

void *arena_alloc(struct arena *a, size_t n) {
    if (n > a->max_bytes) return NULL;
    size_t need = ((n ? n : 1) + (ALIGN - 1)) / ALIGN * ALIGN + RED_ZONE;
    if ((size_t)(a->end - a->at) < need && !add_block(a, need)) return NULL;
    void *p = a->at;
    a->at += need;
    UNPOISON(p, n);
    return p;
}

void *arena_array(struct arena *a, size_t count, size_t size) {
    size_t n;
    if (__builtin_mul_overflow(count, size, &n)) return NULL;
    return arena_alloc(a, n);
}

struct str arena_str(struct arena *a, struct str s) {
    if (!s.p) return STR_NULL;
    char *p = arena_alloc(a, s.n + 1);
    if (!p) return STR_NULL;
    if (s.n) memcpy(p, s.p, s.n);
    return str_of(p, s.n);
}

struct str arena_printf(struct arena *a, const char *format, ...) {
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    struct str s = STR_NULL;
    int n = vsnprintf(NULL, 0, format, ap);
    if (n >= 0) {
        char *p = arena_alloc(a, (size_t)n + 1);
        if (p) {
            vsnprintf(p, (size_t)n + 1, format, again);
            s = str_of(p, (size_t)n);
        }
    }
    va_end(again);
    va_end(ap);
    return s;
}
