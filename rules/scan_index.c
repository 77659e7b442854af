#include "scan_index.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* What 64 bytes are; bit i stands for byte i. */
struct masks {
    uint64_t quote, backslash;
    uint64_t op; /* { } [ ] : , and the control characters 0x1A and 0x0C, which no place of the grammar takes */
    uint64_t blank;
    uint64_t control; /* below 0x20 */
    uint64_t wide;    /* 0x80 and up */
};

struct state {
    const char *text, *end;
    uint64_t in_string;        /* all ones when the next block begins inside a string */
    uint64_t escaped;          /* 1 when the next block's first byte is escaped */
    uint64_t after_scalar;     /* 1 when the byte before the next block belongs to a scalar without quotes */
    uint64_t bad;              /* not 0: refused */
    const char *utf8_to;       /* up to here UTF-8 has been looked at */
    const char *low_surrogate; /* the escape that a high surrogate before it has claimed */
    bool escapes;
};

/* ---- what is rare: escapes and characters beyond ASCII -------------------------------------------------------------------------- */

static bool read_hex(const char *p, const char *end, uint32_t *unit) {
    *unit = 0;
    if (end - p < 4) return false;
    for (int i = 0; i < 4; i++) {
        unsigned c = (unsigned char)p[i], digit = c - '0';
        if (digit > 9) digit = (c | 0x20) - 'a' < 6 ? (c | 0x20) - 'a' + 10 : 16;
        if (digit > 15) return false;
        *unit = *unit << 4 | digit;
    }
    return true;
}

/* One escape in a string; p is its backslash. */
static bool escape_is_good(struct state *s, const char *p) {
    if (s->end - p < 2) return false;
    if (p[1] != 'u') return p[1] && strchr("\"\\/bfnrt", p[1]);
    uint32_t unit, low;
    if (!read_hex(p + 2, s->end, &unit)) return false;
    if (unit >= 0xDC00 && unit < 0xE000) return s->low_surrogate == p;
    if (unit < 0xD800 || unit >= 0xE000) return true;
    s->low_surrogate = p + 6;
    return s->end - p >= 12 && p[6] == '\\' && p[7] == 'u' && read_hex(p + 8, s->end, &low) && low >= 0xDC00 && low < 0xE000;
}

/* Bytes that are escaped by a backslash before them: every second one of a run of backslashes counts (J. Keiser, D. Lemire, "Parsing
 * Gigabytes of JSON per Second", 2019). */
static uint64_t find_escaped(struct state *s, uint64_t backslash) {
    uint64_t escaped = s->escaped, open = backslash & ~escaped;
    s->escaped = 0;
    while (open) {
        uint64_t first = open & (0 - open);
        if (first >> 63) s->escaped = 1;
        escaped |= first << 1;
        open &= ~(first | first << 1);
    }
    return escaped;
}

static void check_escapes(struct state *s, const char *block, uint64_t starts) {
    for (; starts; starts &= starts - 1)
        if (!escape_is_good(s, block + __builtin_ctzll(starts))) s->bad = 1;
}

/* Bytes of the well-formed character at p, or 0 (RFC 3629). */
static size_t utf8_length(const unsigned char *p, size_t left) {
    unsigned c = p[0];
    size_t n = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
    if (!n || n > left) return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80) return 0;
    if (n < 3) return n;
    if (n == 3) return (c == 0xE0 && p[1] < 0xA0) || (c == 0xED && p[1] > 0x9F) ? 0 : 3;
    return (c == 0xF0 && p[1] < 0x90) || (c == 0xF4 && p[1] > 0x8F) ? 0 : 4;
}

static void check_utf8(struct state *s, const char *block) {
    const char *p = s->utf8_to > block ? s->utf8_to : block, *stop = s->end - block > 64 ? block + 64 : s->end;
    while (p < stop) {
        size_t n = utf8_length((const unsigned char *)p, (size_t)(s->end - p));
        if (!n) {
            s->bad = 1;
            return;
        }
        p += n;
    }
    s->utf8_to = p;
}

/* ---- one block: quotes, then what is inside, then tokens ------------------------------------------------------------------------------
 */

__attribute__((always_inline)) static inline uint64_t real_quotes(struct state *s, const char *block, const struct masks *m) {
    if (__builtin_expect(m->wide != 0, 0)) check_utf8(s, block);
    if (__builtin_expect((m->backslash | s->escaped) == 0, 1)) return m->quote;
    s->escapes = true;
    uint64_t escaped = find_escaped(s, m->backslash);
    check_escapes(s, block, m->backslash & ~escaped);
    return m->quote & ~escaped;
}

/* `inside` has the opening quotes and what follows them, not the closing ones. */
__attribute__((always_inline)) static inline uint64_t tokens_of(struct state *s, const struct masks *m, uint64_t quote, uint64_t inside) {
    s->in_string = (uint64_t)((int64_t)inside >> 63);
    s->bad |= m->control & inside;
    uint64_t scalar = ~(m->op | m->blank | quote | inside);
    uint64_t starts = scalar & ~(scalar << 1 | s->after_scalar);
    s->after_scalar = scalar >> 63;
    return quote | starts | (m->op & ~inside);
}

__attribute__((always_inline)) static inline uint32_t *put_tokens(uint32_t *out, uint32_t base, uint64_t bits) {
    uint32_t *next = out + __builtin_popcountll(bits);
    while (bits) {
        for (int i = 0; i < 4; i++) { /* past the last one rubbish is written, and overwritten by the next block */
            out[i] = base + (uint32_t)(bits ? __builtin_ctzll(bits) : 0);
            bits &= bits - 1;
        }
        out += 4;
    }
    return next;
}

static uint64_t prefix_xor(uint64_t bits) {
    for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
    return bits;
}

static bool finish(const struct state *s, struct scan_index *out, const uint32_t *end) {
    out->count = (size_t)(end - out->tokens);
    out->escapes = s->escapes;
    memset(out->tokens + out->count, 0, 16 * sizeof *out->tokens); /* what is read ahead: the text's first byte, which ends nothing */
    return !s->bad && !s->in_string && !s->escaped;
}

enum { FETCH_BYTES_MAX = 4096 };

/* Calls for the first lines of the text all at once: what it takes to wait for the first one, the others take, too. */
static struct state begin(struct str text) {
    for (size_t i = 0; i < text.n && i < FETCH_BYTES_MAX; i += 64) __builtin_prefetch(text.p + i);
    return (struct state){.text = text.p, .end = text.p + text.n, .utf8_to = text.p};
}

/* The last bytes, with blanks behind them. */
static const char *last_block(char block[64], const char *p, const char *end) {
    memset(block, ' ', 64);
    memcpy(block, p, (size_t)(end - p));
    return block;
}

/* ---- portable: eight bytes at a time in a word ---------------------------------------------------------------------------------- */

/* Bit i of the result: byte i of w is c. */
static uint64_t equal8(uint64_t w, unsigned char c) {
    const uint64_t ones = UINT64_C(0x0101010101010101), low7 = UINT64_C(0x7F7F7F7F7F7F7F7F);
    uint64_t x = w ^ (ones * c), zero = ~(((x & low7) + low7) | x | low7);
    return (zero >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

static uint64_t high8(uint64_t w) { return (w >> 7 & UINT64_C(0x0101010101010101)) * UINT64_C(0x0102040810204080) >> 56; }

static struct masks masks_portable(const char *p) {
    struct masks m = {0};
    for (unsigned i = 0; i < 8; i++) {
        uint64_t w, folded;
        memcpy(&w, p + 8 * i, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        w = __builtin_bswap64(w);
#endif
        folded = w | UINT64_C(0x2020202020202020);
        unsigned shift = 8 * i;
        m.quote |= equal8(w, '"') << shift;
        m.backslash |= equal8(w, '\\') << shift;
        m.op |= (equal8(folded, '{') | equal8(folded, '}') | equal8(w, ':') | equal8(w, ',')) << shift;
        m.blank |= (equal8(w, ' ') | equal8(w, '\n') | equal8(w, '\r') | equal8(w, '\t')) << shift;
        m.control |= equal8(w & UINT64_C(0xE0E0E0E0E0E0E0E0), 0) << shift;
        m.wide |= high8(w) << shift;
    }
    return m;
}

bool scan_index_portable(struct str text, struct scan_index *out) {
    struct state s = begin(text);
    uint32_t *at = out->tokens;
    for (size_t i = 0; i < text.n; i += 64) {
        char last[64];
        struct masks m = masks_portable(text.n - i >= 64 ? text.p + i : last_block(last, text.p + i, s.end));
        uint64_t quote = real_quotes(&s, text.p + i, &m);
        at = put_tokens(at, (uint32_t)i, tokens_of(&s, &m, quote, prefix_xor(quote) ^ s.in_string));
    }
    return finish(&s, out, at);
}

#if defined(__x86_64__)

/* ---- SSE2: on every x86-64 -------------------------------------------------------------------------------------------------------------
 */

static uint64_t equal_sse2(const __m128i v[4], char c) {
    const __m128i want = _mm_set1_epi8(c);
    uint64_t bits = 0;
    for (int i = 0; i < 4; i++) bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v[i], want)) << (16 * i);
    return bits;
}

static struct masks masks_sse2(const char *p) {
    __m128i v[4], folded[4], low[4];
    struct masks m = {0};
    for (int i = 0; i < 4; i++) {
        v[i] = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
        folded[i] = _mm_or_si128(v[i], _mm_set1_epi8(0x20));
        low[i] = _mm_and_si128(v[i], _mm_set1_epi8((char)0xE0));
        m.wide |= (uint64_t)(uint32_t)_mm_movemask_epi8(v[i]) << (16 * i);
    }
    m.quote = equal_sse2(v, '"');
    m.backslash = equal_sse2(v, '\\');
    m.op = equal_sse2(folded, '{') | equal_sse2(folded, '}') | equal_sse2(v, ':') | equal_sse2(v, ',');
    m.blank = equal_sse2(v, ' ') | equal_sse2(v, '\n') | equal_sse2(v, '\r') | equal_sse2(v, '\t');
    m.control = equal_sse2(low, 0);
    return m;
}

bool scan_index_sse2(struct str text, struct scan_index *out) {
    struct state s = begin(text);
    uint32_t *at = out->tokens;
    for (size_t i = 0; i < text.n; i += 64) {
        char last[64];
        struct masks m = masks_sse2(text.n - i >= 64 ? text.p + i : last_block(last, text.p + i, s.end));
        uint64_t quote = real_quotes(&s, text.p + i, &m);
        at = put_tokens(at, (uint32_t)i, tokens_of(&s, &m, quote, prefix_xor(quote) ^ s.in_string));
    }
    return finish(&s, out, at);
}

/* ---- AVX2, with a carry-less product for the prefix sums and a shuffle for the classes --------------------------------------------------
 */

#define AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt,pclmul")))
/* By low nibble, the one byte of the class that has it; a shuffled byte that equals its own origin is of the class. */
#define BLANK_TABLE ' ', 100, 100, 100, 17, 100, 100, 100, 100, '\t', '\n', 100, 100, '\r', 100, 100
#define OPERATOR_TABLE 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0

AVX2 static uint64_t prefix_xor_avx2(uint64_t bits) {
    __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (int64_t)bits), _mm_set1_epi8(-1), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

AVX2 static uint64_t bits_avx2(__m256i low, __m256i high) {
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

AVX2 static struct masks masks_avx2(const char *p) {
    const __m256i blanks = _mm256_setr_epi8(BLANK_TABLE, BLANK_TABLE), operators = _mm256_setr_epi8(OPERATOR_TABLE, OPERATOR_TABLE);
    const __m256i quote = _mm256_set1_epi8('"'), slash = _mm256_set1_epi8('\\'), fold = _mm256_set1_epi8(0x20);
    const __m256i top = _mm256_set1_epi8(0x1F);
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p), b = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    return (struct masks){
        .quote = bits_avx2(_mm256_cmpeq_epi8(a, quote), _mm256_cmpeq_epi8(b, quote)),
        .backslash = bits_avx2(_mm256_cmpeq_epi8(a, slash), _mm256_cmpeq_epi8(b, slash)),
        .op = bits_avx2(_mm256_cmpeq_epi8(_mm256_or_si256(a, fold), _mm256_shuffle_epi8(operators, a)),
                        _mm256_cmpeq_epi8(_mm256_or_si256(b, fold), _mm256_shuffle_epi8(operators, b))),
        .blank = bits_avx2(_mm256_cmpeq_epi8(a, _mm256_shuffle_epi8(blanks, a)), _mm256_cmpeq_epi8(b, _mm256_shuffle_epi8(blanks, b))),
        .control = bits_avx2(_mm256_cmpeq_epi8(_mm256_max_epu8(a, top), top), _mm256_cmpeq_epi8(_mm256_max_epu8(b, top), top)),
        .wide = bits_avx2(a, b)};
}

AVX2 bool scan_index_avx2(struct str text, struct scan_index *out) {
    struct state s = begin(text);
    uint32_t *at = out->tokens;
    for (size_t i = 0; i < text.n; i += 64) {
        char last[64];
        struct masks m = masks_avx2(text.n - i >= 64 ? text.p + i : last_block(last, text.p + i, s.end));
        uint64_t quote = real_quotes(&s, text.p + i, &m);
        at = put_tokens(at, (uint32_t)i, tokens_of(&s, &m, quote, prefix_xor_avx2(quote) ^ s.in_string));
    }
    return finish(&s, out, at);
}

/* ---- AVX-512 with VBMI2: comparisons give masks, and a compression gives the positions -------------------------------------------------
 */

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2,avx2,bmi,bmi2,lzcnt,popcnt,pclmul")))

AVX512 static uint64_t prefix_xor_avx512(uint64_t bits) {
    __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (int64_t)bits), _mm_set1_epi8(-1), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

AVX512 static struct masks masks_avx512(__m512i v) {
    const __m512i blanks = _mm512_broadcast_i32x4(_mm_setr_epi8(BLANK_TABLE));
    const __m512i operators = _mm512_broadcast_i32x4(_mm_setr_epi8(OPERATOR_TABLE));
    return (struct masks){.quote = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('"')),
                          .backslash = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\\')),
                          .op = _mm512_cmpeq_epi8_mask(_mm512_or_si512(v, _mm512_set1_epi8(0x20)), _mm512_shuffle_epi8(operators, v)),
                          .blank = _mm512_cmpeq_epi8_mask(v, _mm512_shuffle_epi8(blanks, v)),
                          .control = _mm512_cmplt_epu8_mask(v, _mm512_set1_epi8(0x20)),
                          .wide = _mm512_movepi8_mask(v)};
}

AVX512 static uint32_t *put_tokens_avx512(uint32_t *out, uint32_t base, uint64_t bits) {
    static const uint8_t places[64] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                       22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
                                       44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    int count = __builtin_popcountll(bits);
    __m512i all = _mm512_maskz_compress_epi8(bits, _mm512_loadu_si512(places)), from = _mm512_set1_epi32((int)base);
    _mm512_storeu_si512(out, _mm512_add_epi32(from, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(all))));
    _mm512_storeu_si512(out + 16, _mm512_add_epi32(from, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(all, 1))));
    if (__builtin_expect(count > 32, 0)) {
        _mm512_storeu_si512(out + 32, _mm512_add_epi32(from, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(all, 2))));
        _mm512_storeu_si512(out + 48, _mm512_add_epi32(from, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(all, 3))));
    }
    return out + count;
}

AVX512 bool scan_index_avx512(struct str text, struct scan_index *out) {
    struct state s = begin(text);
    uint32_t *at = out->tokens;
    const __m512i padding = _mm512_set1_epi8(' ');
    for (size_t i = 0; i < text.n; i += 64) {
        size_t left = text.n - i;
        __m512i v;
        if (__builtin_expect(left >= 64, 1))
            v = _mm512_loadu_si512(text.p + i);
        else
            v = _mm512_mask_loadu_epi8(padding, (UINT64_C(1) << left) - 1, text.p + i);
        struct masks m = masks_avx512(v);
        uint64_t quote = real_quotes(&s, text.p + i, &m);
        at = put_tokens_avx512(at, (uint32_t)i, tokens_of(&s, &m, quote, prefix_xor_avx512(quote) ^ s.in_string));
    }
    return finish(&s, out, at);
}

/* ---- which one ------------------------------------------------------------------------------------------------------------------ */

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("pclmul");
}

static bool has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vbmi2");
}

scan_index_fn *scan_index_named(const char *name) {
    if (strcmp(name, "portable") == 0) return scan_index_portable;
    if (strcmp(name, "sse2") == 0) return scan_index_sse2;
    if (strcmp(name, "avx2") == 0) return has_avx2() ? scan_index_avx2 : NULL;
    if (strcmp(name, "avx512") == 0) return has_avx512() ? scan_index_avx512 : NULL;
    return NULL;
}

scan_index_fn *scan_index_best(void) { return has_avx512() ? scan_index_avx512 : has_avx2() ? scan_index_avx2 : scan_index_sse2; }

#else

scan_index_fn *scan_index_named(const char *name) { return strcmp(name, "portable") == 0 ? scan_index_portable : NULL; }

scan_index_fn *scan_index_best(void) { return scan_index_portable; }

#endif
