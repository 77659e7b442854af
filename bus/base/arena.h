/* A capped arena: memory of one batch, request or compiled object, freed all at once.
 *
 * Owner: one thread at a time. Allocation is a bump of a pointer; blocks double up to 1 MiB. Past the cap, or when malloc
 * fails, arena_alloc returns NULL: an error of the request (ERR_NOMEM), never a crash. Under AddressSanitizer the tail of each
 * block that was not handed out is poisoned, so an overrun is seen at once. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "str.h"

struct arena_block;
struct arena {
    struct arena_block *blocks; /* newest first */
    char *at, *end;
    size_t used_bytes; /* in all blocks */
    size_t max_bytes;  /* cap over all blocks; 0: 256 MiB */
};

void arena_init(struct arena *a, size_t max_bytes);
/* Gives everything back. All pointers into the arena are dead; the arena is empty and usable. */
void arena_fini(struct arena *a);
/* As fini, but overwrites the memory first: for what held secrets. */
void arena_wipe(struct arena *a);
/* As fini, but keeps one block, so that a batch loop does not go to malloc. */
void arena_reset(struct arena *a);
/* 16-byte aligned, zeroed. NULL past the cap or without memory. n == 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((malloc, warn_unused_result));
/* count * size with overflow check. */
void *arena_array(struct arena *a, size_t count, size_t size) __attribute__((warn_unused_result));
/* Copy with a NUL behind it (not counted). The absent string gives the absent string; no memory gives p == NULL as well. */
struct str arena_str(struct arena *a, struct str s) __attribute__((warn_unused_result));
/* printf into the arena; p == NULL when there is no memory. */
struct str arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3), warn_unused_result));

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))

#endif
