#include "json.h"

#include <inttypes.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

void json_init(struct json *j, struct buf *out) { *j = (struct json){.out = out}; }

static void value_begins(struct json *j) {
    if (j->comma) buf_addc(j->out, ',');
    j->comma = true;
}

static void opens(struct json *j, char c) {
    value_begins(j);
    buf_addc(j->out, c);
    j->comma = false;
}

static void closes(struct json *j, char c) {
    buf_addc(j->out, c);
    j->comma = true;
}

void json_object_begin(struct json *j) { opens(j, '{'); }
void json_object_end(struct json *j) { closes(j, '}'); }
void json_array_begin(struct json *j) { opens(j, '['); }
void json_array_end(struct json *j) { closes(j, ']'); }

#ifdef __SSE2__
/* The blocks that are plain; stops in front of one that is not, or of what is left. An unsigned byte is at most 0x1F when the smaller of
 * the two is itself. */
static const char *skip_blocks(const char *p, const char *end) {
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1F);
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i found = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
        found = _mm_or_si128(found, _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
        int mask = _mm_movemask_epi8(found);
        if (mask) return p + __builtin_ctz((unsigned)mask);
    }
    return p;
}
#else
static const char *skip_blocks(const char *p, const char *end) {
    (void)end;
    return p;
}
#endif

const char *json_escape_at(const char *p, const char *end) {
    p = skip_blocks(p, end);
    while (p < end && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\') p++;
    return p;
}

void json_quote(struct buf *out, struct str s) {
    static const char hex[] = "0123456789abcdef";
    const char *from = s.p ? s.p : "", *end = from + s.n;
    buf_reserve(out, s.n + 2);
    buf_addc(out, '"');
    for (const char *p = json_escape_at(from, end); p < end; p = json_escape_at(from, end)) {
        unsigned char c = (unsigned char)*p;
        buf_add(out, str_of(from, (size_t)(p - from)));
        from = p + 1;
        switch (c) {
        case '"': buf_addz(out, "\\\""); break;
        case '\\': buf_addz(out, "\\\\"); break;
        case '\n': buf_addz(out, "\\n"); break;
        case '\r': buf_addz(out, "\\r"); break;
        case '\t': buf_addz(out, "\\t"); break;
        case '\b': buf_addz(out, "\\b"); break;
        case '\f': buf_addz(out, "\\f"); break;
        default:
            buf_addz(out, "\\u00");
            buf_addc(out, hex[c >> 4]);
            buf_addc(out, hex[c & 15]);
        }
    }
    buf_add(out, str_of(from, (size_t)(end - from)));
    buf_addc(out, '"');
}

void json_key(struct json *j, struct str key) {
    value_begins(j);
    json_quote(j->out, key);
    buf_addc(j->out, ':');
    j->comma = false;
}

void json_str(struct json *j, struct str value) {
    if (!value.p) {
        json_put_null(j);
        return;
    }
    value_begins(j);
    json_quote(j->out, value);
}

void json_raw(struct json *j, struct str value) {
    value_begins(j);
    buf_add(j->out, value);
}

void json_i64(struct json *j, int64_t value) {
    value_begins(j);
    buf_addf(j->out, "%" PRId64, value);
}

void json_bool(struct json *j, bool value) { json_raw(j, value ? STR("true") : STR("false")); }
void json_put_null(struct json *j) { json_raw(j, STR("null")); }

void json_seconds(struct json *j, int64_t ms) {
    value_begins(j);
    uint64_t size = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms; /* -500 ms is -0.500, and no integer has a negative zero */
    buf_addf(j->out, "%s%" PRIu64, ms < 0 ? "-" : "", size / 1000);
    if (size % 1000) buf_addf(j->out, ".%03d", (int)(size % 1000));
}

void json_key_str(struct json *j, const char *key, struct str value) {
    json_key(j, str_from(key));
    json_str(j, value);
}

void json_key_i64(struct json *j, const char *key, int64_t value) {
    json_key(j, str_from(key));
    json_i64(j, value);
}

void json_key_bool(struct json *j, const char *key, bool value) {
    json_key(j, str_from(key));
    json_bool(j, value);
}
