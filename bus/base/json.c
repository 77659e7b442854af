#include "json.h"

#include <inttypes.h>

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

void json_quote(struct buf *out, struct str s) {
    static const char hex[] = "0123456789abcdef";
    buf_reserve(out, s.n + 2);
    buf_addc(out, '"');
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        buf_add(out, str_of(s.p + from, i - from));
        from = i + 1;
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
    buf_add(out, str_of(s.p + from, s.n - from));
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
