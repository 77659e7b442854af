/* Shards: which one takes a hash. */
#include "stream.h"

__extension__ typedef unsigned __int128 u128;

static u128 number_of(const uint8_t hash[16]) {
    u128 n = 0;
    for (int i = 0; i < 16; i++) n = n << 8 | hash[i];
    return n;
}

/* Start of shard i of k: floor(i * 2^128 / k), by long division of i * 2^128. */
static u128 start_of(uint32_t i, uint32_t k) {
    if (i == k) return 0; /* 2^128, wrapped */
    u128 quotient = 0;
    uint64_t rest = i;
    for (int bit = 0; bit < 128; bit++) {
        rest <<= 1;
        quotient <<= 1;
        if (rest >= k) {
            rest -= k;
            quotient |= 1;
        }
    }
    return quotient;
}

void stream_shard_start(const struct stream *s, uint32_t shard, uint8_t hash[16]) {
    u128 n = start_of(shard, s->shards);
    for (int i = 15; i >= 0; i--, n >>= 8) hash[i] = (uint8_t)n;
}

uint32_t stream_shard_of(const struct stream *s, const uint8_t hash[16]) {
    if (s->shards == 1) return 0;
    u128 n = number_of(hash);
    /* The top 64 bits give the shard, but for hashes right at a border. */
    uint32_t shard = (uint32_t)((u128)(uint64_t)(n >> 64) * s->shards >> 64);
    while (shard + 1 < s->shards && n >= start_of(shard + 1, s->shards)) shard++;
    while (shard > 0 && n < start_of(shard, s->shards)) shard--;
    return shard;
}

struct str stream_hash_text(const uint8_t hash[16], struct arena *a) {
    char digits[40];
    size_t at = sizeof digits;
    u128 n = number_of(hash);
    do digits[--at] = (char)('0' + (int)(n % 10));
    while (n /= 10);
    return arena_str(a, str_of(digits + at, sizeof digits - at));
}

bool stream_hash_parse(struct str text, uint8_t hash[16]) {
    u128 n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') return false;
        u128 next = n * 10 + (unsigned)(text.p[i] - '0');
        if (n > ~(u128)0 / 10 || next < n * 10) return false;
        n = next;
    }
    for (int i = 15; i >= 0; i--, n >>= 8) hash[i] = (uint8_t)n;
    return text.n > 0;
}
