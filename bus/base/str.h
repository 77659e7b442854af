/* A view of bytes, and a growable buffer.
 *
 * Everything that comes from outside is a `struct str`: a pointer and a length, never NUL-terminated by contract,
 * never owned. What must live longer is copied into an arena (arena.h) or a `struct buf`. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* p == NULL means "absent"; p != NULL with n == 0 is the empty string. */
struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_NULL ((struct str){NULL, 0})
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : "" /* for "%.*s" */

static inline struct str str_of(const char *p, size_t n) { return (struct str){p, n}; }
/* NULL gives the absent string. */
static inline struct str str_from(const char *z) { return (struct str){z, z ? strlen(z) : 0}; }
static inline bool str_eq(struct str a, struct str b) { return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0); }
static inline bool str_eqz(struct str a, const char *z) { return str_eq(a, str_from(z)); }
static inline bool str_starts(struct str s, struct str prefix) {
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}
static inline bool str_ends(struct str s, struct str suffix) {
    return s.n >= suffix.n && (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}
/* Bytes from `from` on; empty past the end. */
static inline struct str str_skip(struct str s, size_t from) {
    return from >= s.n ? (struct str){s.p ? s.p + s.n : NULL, 0} : (struct str){s.p + from, s.n - from};
}
/* ASCII only. */
bool str_eq_nocase(struct str a, struct str b);
/* Bytewise order, the shorter first when one is a prefix of the other. <0, 0, >0. */
int str_cmp(struct str a, struct str b);
/* Index of the first `c` at or after `from`, or s.n when there is none. */
size_t str_find(struct str s, char c, size_t from);
/* Takes what stands before the next `sep` off the front of *rest (and the sep with it). False when *rest was absent; the last
 * piece leaves *rest absent, so "a,,b" yields "a", "", "b". */
bool str_cut(struct str *rest, char sep, struct str *piece);
/* Decimal integer, whole string, optional '-'. False on anything else or on overflow. */
bool str_to_i64(struct str s, int64_t *value);
/* True for well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF). */
bool str_is_utf8(struct str s);
/* Copies into dst of `size` bytes, always NUL-terminated; false when it had to cut. */
bool str_copyz(char *dst, size_t size, struct str s);

/* A growable byte buffer on the heap. Owner: whoever declared it; buf_fini frees. A failed allocation or reaching `max` sets
 * `failed`, keeps what was written so far and turns every later append into a no-op: check once, at the end. */
struct buf {
    char *p;
    size_t n;
    size_t cap;
    size_t max; /* 0: BUF_MAX_DEFAULT */
    bool failed;
};
#define BUF_MAX_DEFAULT ((size_t)1 << 30)

void buf_init(struct buf *b, size_t max_bytes);
void buf_fini(struct buf *b);
void buf_clear(struct buf *b);                                /* keeps the memory, clears `failed` */
bool buf_reserve(struct buf *b, size_t more);                 /* room for `more` bytes; false sets failed */
void buf_add(struct buf *b, struct str s);
void buf_addz(struct buf *b, const char *z);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_addv(struct buf *b, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));
static inline struct str buf_str(const struct buf *b) { return (struct str){b->p ? b->p : "", b->n}; }

#endif
