/* Digests (OpenSSL libcrypto), encodings and random bytes. All functions may be called from any thread and never block. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "err.h"

/* Spread for hash tables: keyed per process (SipHash-2-4), so that a peer cannot pick colliding names. */
uint64_t hash_table(struct str s);

void hash_md5(struct str s, uint8_t out[16]);
void hash_sha256(struct str s, uint8_t out[32]);
/* HMAC-SHA256 (RFC 2104) over the concatenation of two parts, so that a header and a body need not be copied together. */
void hash_hmac_sha256(struct str key, struct str part1, struct str part2, uint8_t out[32]);
/* Compares in time that does not depend on the content. */
bool hash_equal_ct(const void *a, const void *b, size_t n);

/* Lower-case hex, 2n characters and NUL into out. */
void hash_hex(const void *bytes, size_t n, char *out);
/* Exactly n bytes from 2n hex digits of either case. */
bool hash_from_hex(struct str hex, void *bytes, size_t n);
/* RFC 4648 base64 with padding. */
void hash_base64(struct buf *out, struct str bytes);
bool hash_from_base64(struct buf *out, struct str text);

/* From the kernel's generator. Aborts if there is none: nothing here is safe without it. */
void rng_bytes(void *out, size_t n);
uint64_t rng_u64(void);
/* Uniform in [0, n); n > 0. */
uint64_t rng_below(uint64_t n);

/* A 128-bit event, message or request id, shown as a UUID. */
struct id {
    uint8_t b[16];
};
#define ID_TEXT_SIZE 37
struct id id_random(void); /* version 4 */
void id_text(struct id id, char out[ID_TEXT_SIZE]);
/* 8-4-4-4-12 hex of either case. */
bool id_parse(struct str s, struct id *id);

#endif
