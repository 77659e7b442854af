/* A keyed hash for the tables of the matcher: two multiplications for texts of up to sixteen bytes, which most names and values are.
 *
 * The seed is drawn per table, so that nobody who writes rules or events can pick names that collide. Not for other processes or disks. */
#ifndef RULES_KEYHASH_H
#define RULES_KEYHASH_H

#include "str.h"

#define KEYHASH_K1 UINT64_C(0x9E3779B97F4A7C15) /* odd, bits spread: 2^64 / golden ratio */
#define KEYHASH_K2 UINT64_C(0xC2B2AE3D27D4EB4F)

static inline uint64_t keyhash_fold(uint64_t a, uint64_t b) {
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t keyhash_load8(const char *p) {
    uint64_t w;
    memcpy(&w, p, 8);
    return w;
}

static inline uint64_t keyhash_load4(const char *p) {
    uint32_t w;
    memcpy(&w, p, 4);
    return w;
}

/* Are the n bytes the same? Short ones are not worth a call. */
static inline bool keyhash_same(const char *a, const char *b, size_t n) {
    if (n > 16) return memcmp(a, b, n) == 0;
    if (n >= 8)
        return ((keyhash_load8(a) ^ keyhash_load8(b)) | (keyhash_load8(a + n - 8) ^ keyhash_load8(b + n - 8))) == 0;
    if (n >= 4) return ((keyhash_load4(a) ^ keyhash_load4(b)) | (keyhash_load4(a + n - 4) ^ keyhash_load4(b + n - 4))) == 0;
    return n == 0 || (a[0] == b[0] && a[n / 2] == b[n / 2] && a[n - 1] == b[n - 1]);
}

/* Reads nothing beyond the n bytes. */
static inline uint64_t keyhash(uint64_t seed, const char *p, size_t n) {
    uint64_t a = 0, b = 0, length = n;
    while (n > 16) {
        seed = keyhash_fold(keyhash_load8(p) ^ KEYHASH_K1 ^ seed, keyhash_load8(p + 8) ^ KEYHASH_K2 ^ seed << 17);
        p += 16, n -= 16;
    }
    if (n >= 8) {
        a = keyhash_load8(p);
        b = keyhash_load8(p + n - 8);
    } else if (n >= 4) {
        a = keyhash_load4(p);
        b = keyhash_load4(p + n - 4);
    } else if (n) {
        a = (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[n / 2] << 8 | (unsigned char)p[n - 1];
    }
    return keyhash_fold(keyhash_fold(a ^ seed, b ^ KEYHASH_K1 ^ seed >> 7) ^ length, KEYHASH_K2 ^ seed);
}

#endif
