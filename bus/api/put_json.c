/* The body of PutEvents without jansson, and its answer. Reads what clients send; anything unusual is left to the shapes, which have the sentences. */
#include "api.h"
#include "event.h"
#include "json.h"

enum { ENTRIES_MAX = 10, RESOURCES_MAX = 256 };

struct reader {
    const char *p, *end;
    struct arena *arena;
};

static void skip_blanks(struct reader *r) {
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r')) r->p++;
}

/* Takes one byte, and the blanks around it. */
static bool take(struct reader *r, char c) {
    skip_blanks(r);
    if (r->p == r->end || *r->p != c) return false;
    r->p++;
    skip_blanks(r);
    return true;
}

static int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

/* Four digits at r->p; -1 when they are none. */
static int32_t take_hex4(struct reader *r) {
    int32_t value = 0;
    if (r->end - r->p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(*r->p++);
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

static char *add_utf8(char *to, int32_t c) {
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 63));
        *to++ = (char)(0x80 | (c & 63));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 63));
        *to++ = (char)(0x80 | (c >> 6 & 63));
        *to++ = (char)(0x80 | (c & 63));
    }
    return to;
}

/* Behind "\u". A lone surrogate, or NUL, is no character. */
static bool take_unicode(struct reader *r, char **to) {
    int32_t c = take_hex4(r);
    if (c <= 0 || (c >= 0xdc00 && c < 0xe000)) return false;
    if (c >= 0xd800 && c < 0xdc00) {
        if (r->end - r->p < 6 || r->p[0] != '\\' || r->p[1] != 'u') return false;
        r->p += 2;
        int32_t low = take_hex4(r);
        if (low < 0xdc00 || low >= 0xe000) return false;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    *to = add_utf8(*to, c);
    return true;
}

static bool take_escape(struct reader *r, char **to) {
    if (r->p == r->end) return false;
    char c = *r->p++;
    switch (c) {
    case '"':
    case '\\':
    case '/': break;
    case 'b': c = '\b'; break;
    case 'f': c = '\f'; break;
    case 'n': c = '\n'; break;
    case 'r': c = '\r'; break;
    case 't': c = '\t'; break;
    case 'u': return take_unicode(r, to);
    default: return false;
    }
    *(*to)++ = c;
    return true;
}

/* A string: a view when it holds no escape. It never grows when its escapes are undone. */
static bool take_string(struct reader *r, struct str *out) {
    if (r->p == r->end || *r->p != '"') return false;
    const char *begin = ++r->p;
    r->p = json_escape_at(begin, r->end);
    if (r->p < r->end && *r->p == '"') {
        *out = str_of(begin, (size_t)(r->p++ - begin));
        return true;
    }
    const char *close = r->p; /* where it ends: room for no more than that is needed */
    while (close < r->end && *close == '\\') close = json_escape_at(r->end - close > 1 ? close + 2 : r->end, r->end);
    char *text = arena_alloc(r->arena, (size_t)(close - begin) + 1), *to = text;
    if (!text) return false;
    memcpy(to, begin, (size_t)(r->p - begin));
    to += r->p - begin;
    while (r->p < r->end && *r->p == '\\') {
        r->p++;
        if (!take_escape(r, &to)) return false;
        const char *next = json_escape_at(r->p, r->end);
        memcpy(to, r->p, (size_t)(next - r->p));
        to += next - r->p;
        r->p = next;
    }
    if (r->p == r->end || *r->p != '"') return false;
    r->p++;
    *out = str_of(text, (size_t)(to - text));
    return true;
}

/* Whole seconds since 1970. */
static bool take_seconds(struct reader *r, int64_t *ms) {
    const char *begin = r->p;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9') r->p++;
    size_t n = (size_t)(r->p - begin);
    if (n < 1 || n > 11 || (n > 1 && *begin == '0') || (r->p < r->end && strchr(".eE", *r->p)) || !str_to_i64(str_of(begin, n), ms)) return false;
    *ms *= 1000;
    return true;
}

static bool take_resources(struct reader *r, struct entry *e) {
    struct str items[RESOURCES_MAX];
    size_t count = 0;
    if (!take(r, '[')) return false;
    while (r->p < r->end && *r->p == '"') {
        if (count == RESOURCES_MAX || !take_string(r, &items[count++])) return false;
        if (!take(r, ',')) break;
        if (r->p == r->end || *r->p != '"') return false;
    }
    if (!take(r, ']')) return false;
    e->resources = arena_array(r->arena, count ? count : 1, sizeof *e->resources);
    if (!e->resources) return false;
    memcpy(e->resources, items, count * sizeof *items);
    e->resource_count = count;
    return true;
}

/* The string member of that name; NULL for those that are none, or not known. */
static struct str *member_of(struct entry *e, struct str key) {
    switch (key.n) {
    case 6: return str_eqz(key, "Source") ? &e->source : str_eqz(key, "Detail") ? &e->detail : NULL;
    case 10: return str_eqz(key, "DetailType") ? &e->detail_type : NULL;
    case 11: return str_eqz(key, "TraceHeader") ? &e->trace_header : NULL;
    case 12: return str_eqz(key, "EventBusName") ? &e->bus : NULL;
    default: return NULL;
    }
}

static bool take_member(struct reader *r, struct entry *e) {
    struct str key;
    if (!take_string(r, &key) || !take(r, ':')) return false;
    struct str *text = member_of(e, key);
    if (text) return !text->p && take_string(r, text);
    if (str_eqz(key, "Resources")) return !e->resources && take_resources(r, e);
    return str_eqz(key, "Time") && e->time_ms < 0 && take_seconds(r, &e->time_ms);
}

static bool take_entry(struct reader *r, struct entry *e) {
    *e = (struct entry){.time_ms = -1};
    if (!take(r, '{')) return false;
    if (take(r, '}')) return true;
    do
        if (!take_member(r, e)) return false;
    while (take(r, ','));
    return take(r, '}') && (!e->bus.p || str_is_utf8(e->bus)) && (!e->trace_header.p || str_is_utf8(e->trace_header));
}

bool api_read_put(struct str body, size_t most_bytes, struct arena *a, struct entry **entries, size_t *count) {
    struct reader r = {body.p, body.p + body.n, a};
    struct str key;
    size_t total = 0;
    *count = 0;
    *entries = arena_array(a, ENTRIES_MAX, sizeof **entries);
    if (!*entries || !take(&r, '{') || !take_string(&r, &key) || !str_eqz(key, "Entries") || !take(&r, ':') || !take(&r, '[')) return false;
    do {
        if (*count == ENTRIES_MAX || !take_entry(&r, &(*entries)[*count])) return false;
        total += event_entry_bytes(&(*entries)[(*count)++]);
    } while (take(&r, ','));
    return take(&r, ']') && take(&r, '}') && r.p == r.end && total <= most_bytes;
}

void api_write_results(const struct api_put *put, struct buf *out) {
    struct json j;
    int64_t failed = 0;
    for (size_t i = 0; i < put->count; i++) failed += put->results[i].err != ERR_OK;
    json_init(&j, out);
    json_object_begin(&j);
    json_key_i64(&j, "FailedEntryCount", failed);
    json_key(&j, STR("Entries"));
    json_array_begin(&j);
    for (size_t i = 0; i < put->count; i++) {
        const struct entry_result *r = &put->results[i];
        char id[ID_TEXT_SIZE];
        json_object_begin(&j);
        if (r->err) {
            json_key_str(&j, "ErrorCode", str_from(err_row(r->err)->aws_type));
            json_key_str(&j, "ErrorMessage", r->message);
        } else {
            id_text(r->id, id);
            json_key_str(&j, "EventId", str_from(id));
        }
        json_object_end(&j);
    }
    json_array_end(&j);
    json_object_end(&j);
}
