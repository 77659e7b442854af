#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

bool str_eq_nocase(struct str a, struct str b) {
    if (a.n != b.n) return false;
    for (size_t i = 0; i < a.n; i++)
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i])) return false;
    return true;
}

int str_cmp(struct str a, struct str b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

size_t str_find(struct str s, char c, size_t from) {
    if (from >= s.n) return s.n;
    const char *hit = memchr(s.p + from, c, s.n - from);
    return hit ? (size_t)(hit - s.p) : s.n;
}

bool str_cut(struct str *rest, char sep, struct str *piece) {
    if (!rest->p) return false;
    size_t at = str_find(*rest, sep, 0);
    *piece = str_of(rest->p, at);
    *rest = at == rest->n ? STR_NULL : str_of(rest->p + at + 1, rest->n - at - 1);
    return true;
}

bool str_to_i64(struct str s, int64_t *value) {
    size_t i = 0;
    bool negative = s.n && s.p[0] == '-';
    if (negative) i++;
    if (i == s.n) return false;
    int64_t v = 0; /* kept negative: the negative range is the larger one */
    for (; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, s.p[i] - '0', &v)) return false;
    }
    if (!negative && __builtin_sub_overflow((int64_t)0, v, &v)) return false;
    *value = v;
    return true;
}

bool str_is_utf8(struct str s) {
    const unsigned char *p = (const unsigned char *)s.p, *end = p + s.n;
    while (p < end) {
        if (*p < 0x80) {
            p++;
            continue;
        }
        int more;
        uint32_t c, least;
        if ((*p & 0xE0) == 0xC0) more = 1, c = *p & 0x1Fu, least = 0x80;
        else if ((*p & 0xF0) == 0xE0) more = 2, c = *p & 0x0Fu, least = 0x800;
        else if ((*p & 0xF8) == 0xF0) more = 3, c = *p & 0x07u, least = 0x10000;
        else return false;
        if (end - p <= more) return false;
        for (int i = 1; i <= more; i++) {
            if ((p[i] & 0xC0) != 0x80) return false;
            c = c << 6 | (p[i] & 0x3Fu);
        }
        if (c < least || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return false;
        p += more + 1;
    }
    return true;
}

bool str_copyz(char *dst, size_t size, struct str s) {
    size_t n = s.n < size ? s.n : size - 1;
    if (n) memcpy(dst, s.p, n);
    dst[n] = 0;
    return n == s.n;
}

void buf_init(struct buf *b, size_t max_bytes) { *b = (struct buf){.max = max_bytes}; }

void buf_fini(struct buf *b) {
    free(b->p);
    *b = (struct buf){.max = b->max};
}

void buf_clear(struct buf *b) {
    b->n = 0;
    b->failed = false;
}

bool buf_reserve(struct buf *b, size_t more) {
    size_t max = b->max ? b->max : BUF_MAX_DEFAULT;
    if (b->failed || more > max || b->n > max - more) {
        b->failed = true;
        return false;
    }
    if (b->n + more <= b->cap) return true;
    size_t cap = b->cap ? b->cap : 256;
    while (cap < b->n + more) cap *= 2;
    char *p = realloc(b->p, cap);
    if (!p) {
        b->failed = true;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

void buf_add(struct buf *b, struct str s) {
    if (s.n == 0 || !buf_reserve(b, s.n)) return;
    memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
}

void buf_addz(struct buf *b, const char *z) { buf_add(b, str_from(z)); }

void buf_addc(struct buf *b, char c) {
    if (!buf_reserve(b, 1)) return;
    b->p[b->n++] = c;
}

void buf_addv(struct buf *b, const char *format, va_list ap) {
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, format, ap);
    if (n >= 0 && buf_reserve(b, (size_t)n + 1)) {
        vsnprintf(b->p + b->n, (size_t)n + 1, format, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

void buf_addf(struct buf *b, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    buf_addv(b, format, ap);
    va_end(ap);
}
