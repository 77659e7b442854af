#include "hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

static uint64_t table_key[2];
static pthread_once_t table_key_once = PTHREAD_ONCE_INIT;
static void table_key_make(void) { rng_bytes(table_key, sizeof table_key); }

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
static inline void sip_round(uint64_t v[4]) {
    v[0] += v[1], v[1] = ROTL(v[1], 13), v[1] ^= v[0], v[0] = ROTL(v[0], 32);
    v[2] += v[3], v[3] = ROTL(v[3], 16), v[3] ^= v[2];
    v[0] += v[3], v[3] = ROTL(v[3], 21), v[3] ^= v[0];
    v[2] += v[1], v[1] = ROTL(v[1], 17), v[1] ^= v[2], v[2] = ROTL(v[2], 32);
}

/* Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012). */
uint64_t hash_table(struct str s) {
    pthread_once(&table_key_once, table_key_make);
    uint64_t v[4] = {table_key[0] ^ 0x736f6d6570736575u, table_key[1] ^ 0x646f72616e646f6du, table_key[0] ^ 0x6c7967656e657261u,
                     table_key[1] ^ 0x7465646279746573u};
    size_t whole = s.n / 8 * 8;
    uint64_t m;
    for (size_t i = 0; i < whole; i += 8) {
        memcpy(&m, s.p + i, 8);
        v[3] ^= m, sip_round(v), sip_round(v), v[0] ^= m;
    }
    m = (uint64_t)s.n << 56;
    for (size_t i = whole; i < s.n; i++) m |= (uint64_t)(uint8_t)s.p[i] << (8 * (i - whole));
    v[3] ^= m, sip_round(v), sip_round(v), v[0] ^= m;
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Fetching an algorithm costs more than a short digest (OpenSSL 3): fetch once. */
static EVP_MD *md5, *sha256;
static pthread_once_t digests_once = PTHREAD_ONCE_INIT;
static void digests_fetch(void) {
    md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!md5 || !sha256) abort();
}

/* One context for each thread, freed when the thread ends. */
static pthread_key_t ctx_key;
static pthread_once_t ctx_once = PTHREAD_ONCE_INIT;
static void ctx_free(void *ctx) { EVP_MD_CTX_free(ctx); }
static void ctx_key_make(void) {
    if (pthread_key_create(&ctx_key, ctx_free)) abort();
}
static EVP_MD_CTX *thread_ctx(void) {
    static _Thread_local EVP_MD_CTX *ctx;
    if (ctx) return ctx;
    pthread_once(&ctx_once, ctx_key_make);
    ctx = EVP_MD_CTX_new();
    if (!ctx || pthread_setspecific(ctx_key, ctx)) abort();
    return ctx;
}

static void digest(EVP_MD *const *md, struct str a, struct str b, uint8_t *out) {
    pthread_once(&digests_once, digests_fetch);
    EVP_MD_CTX *ctx = thread_ctx();
    if (!EVP_DigestInit_ex2(ctx, *md, NULL) || !EVP_DigestUpdate(ctx, a.p ? a.p : "", a.n) ||
        !EVP_DigestUpdate(ctx, b.p ? b.p : "", b.n) || !EVP_DigestFinal_ex(ctx, out, NULL))
        abort();
}

void hash_md5(struct str s, uint8_t out[16]) { digest(&md5, s, STR(""), out); }
void hash_sha256(struct str s, uint8_t out[32]) { digest(&sha256, s, STR(""), out); }

static void sha256_3(const uint8_t pad[64], struct str a, struct str b, uint8_t out[32]) {
    pthread_once(&digests_once, digests_fetch);
    EVP_MD_CTX *ctx = thread_ctx();
    if (!EVP_DigestInit_ex2(ctx, sha256, NULL) || !EVP_DigestUpdate(ctx, pad, 64) ||
        !EVP_DigestUpdate(ctx, a.p ? a.p : "", a.n) || !EVP_DigestUpdate(ctx, b.p ? b.p : "", b.n) ||
        !EVP_DigestFinal_ex(ctx, out, NULL))
        abort();
}

void hash_hmac_sha256(struct str key, struct str part1, struct str part2, uint8_t out[32]) {
    uint8_t k[64] = {0}, pad[64], inner[32];
    if (key.n > 64) hash_sha256(key, k);
    else if (key.n) memcpy(k, key.p, key.n);
    for (int i = 0; i < 64; i++) pad[i] = k[i] ^ 0x36;
    sha256_3(pad, part1, part2, inner);
    for (int i = 0; i < 64; i++) pad[i] = k[i] ^ 0x5c;
    sha256_3(pad, str_of((const char *)inner, 32), STR(""), out);
    OPENSSL_cleanse(k, sizeof k);
    OPENSSL_cleanse(pad, sizeof pad);
}

bool hash_equal_ct(const void *a, const void *b, size_t n) { return CRYPTO_memcmp(a, b, n) == 0; }

void hash_hex(const void *bytes, size_t n, char *out) {
    static const char hex[] = "0123456789abcdef";
    const uint8_t *b = bytes;
    for (size_t i = 0; i < n; i++) {
        *out++ = hex[b[i] >> 4];
        *out++ = hex[b[i] & 15];
    }
    *out = 0;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool hash_from_hex(struct str hex, void *bytes, size_t n) {
    uint8_t *b = bytes;
    if (hex.n != 2 * n) return false;
    for (size_t i = 0; i < n; i++) {
        int hi = hex_digit(hex.p[2 * i]), lo = hex_digit(hex.p[2 * i + 1]);
        if (hi < 0 || lo < 0) return false;
        b[i] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void hash_base64(struct buf *out, struct str bytes) {
    const uint8_t *b = (const uint8_t *)bytes.p;
    buf_reserve(out, (bytes.n + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t have = bytes.n - i < 3 ? bytes.n - i : 3;
        uint32_t v = (uint32_t)b[i] << 16 | (have > 1 ? (uint32_t)b[i + 1] << 8 : 0) | (have > 2 ? b[i + 2] : 0);
        buf_addc(out, base64[v >> 18]);
        buf_addc(out, base64[v >> 12 & 63]);
        buf_addc(out, have > 1 ? base64[v >> 6 & 63] : '=');
        buf_addc(out, have > 2 ? base64[v & 63] : '=');
    }
}

bool hash_from_base64(struct buf *out, struct str text) {
    if (text.n % 4) return false;
    for (size_t i = 0; i < text.n; i += 4) {
        uint32_t v = 0;
        int pad = 0;
        for (size_t k = 0; k < 4; k++) {
            char c = text.p[i + k];
            const char *hit = c ? strchr(base64, c) : NULL;
            if (c == '=' && i + 4 == text.n && k >= 2) pad++;
            else if (!hit || pad) return false;
            v = v << 6 | (hit ? (uint32_t)(hit - base64) : 0);
        }
        if ((pad == 1 && v & 0xFF) || (pad == 2 && v & 0xFFFF)) return false;
        buf_addc(out, (char)(v >> 16));
        if (pad < 2) buf_addc(out, (char)(v >> 8 & 255));
        if (pad < 1) buf_addc(out, (char)(v & 255));
    }
    return true;
}

void rng_bytes(void *out, size_t n) {
    char *p = out;
    while (n) {
        ssize_t got = getrandom(p, n, 0);
        if (got <= 0) abort();
        p += got;
        n -= (size_t)got;
    }
}

uint64_t rng_u64(void) {
    /* A pool per thread: getrandom costs a system call, and every event wants an id. */
    static _Thread_local uint64_t pool[64];
    static _Thread_local size_t left;
    if (!left) {
        rng_bytes(pool, sizeof pool);
        left = 64;
    }
    return pool[--left];
}

uint64_t rng_below(uint64_t n) {
    uint64_t limit = UINT64_MAX - UINT64_MAX % n, v;
    do v = rng_u64();
    while (v >= limit);
    return v % n;
}

struct id id_random(void) {
    struct id id;
    uint64_t w[2] = {rng_u64(), rng_u64()};
    memcpy(id.b, w, 16);
    id.b[6] = (uint8_t)((id.b[6] & 0x0F) | 0x40);
    id.b[8] = (uint8_t)((id.b[8] & 0x3F) | 0x80);
    return id;
}

void id_text(struct id id, char out[ID_TEXT_SIZE]) {
    char hex[33];
    hash_hex(id.b, 16, hex);
    static const struct { int from, to, n; } part[] = {{0, 0, 8}, {8, 9, 4}, {12, 14, 4}, {16, 19, 4}, {20, 24, 12}};
    memset(out, '-', ID_TEXT_SIZE - 1);
    for (int i = 0; i < 5; i++) memcpy(out + part[i].to, hex + part[i].from, (size_t)part[i].n);
    out[36] = 0;
}

bool id_parse(struct str s, struct id *id) {
    if (s.n != 36 || s.p[8] != '-' || s.p[13] != '-' || s.p[18] != '-' || s.p[23] != '-') return false;
    return hash_from_hex(str_of(s.p, 8), id->b, 4) && hash_from_hex(str_of(s.p + 9, 4), id->b + 4, 2) &&
           hash_from_hex(str_of(s.p + 14, 4), id->b + 6, 2) && hash_from_hex(str_of(s.p + 19, 4), id->b + 8, 2) &&
           hash_from_hex(str_of(s.p + 24, 12), id->b + 10, 6);
}
