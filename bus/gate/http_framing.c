#include "http_framing.h"

struct seen {
    struct str length, encoding, expectation;
    size_t lengths, encodings, hosts;
    bool bad_name;
};

static enum MHD_Result note_field(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value) {
    struct seen *seen = ctx;
    struct str key = str_from(name), text = str_from(value ? value : "");
    (void)kind;
    seen->bad_name |= str_find(key, ' ', 0) < key.n || str_find(key, '\t', 0) < key.n;
    switch (key.n) {
    case 4: seen->hosts += str_eq_nocase(key, STR("host")); break;
    case 6:
        if (str_eq_nocase(key, STR("expect"))) seen->expectation = text;
        break;
    case 14:
        if (str_eq_nocase(key, STR("content-length"))) seen->length = text, seen->lengths++;
        break;
    case 17:
        if (str_eq_nocase(key, STR("transfer-encoding"))) seen->encoding = text, seen->encodings++;
        break;
    default: break;
    }
    return MHD_YES;
}

static bool is_number(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9') return false;
    return s.n > 0;
}

int http_framing_check(struct MHD_Connection *mhd, const char *method, const char *version, const char **type, const char **why) {
    struct seen seen = {.bad_name = false};
    bool is_1_1 = strcmp(version, "HTTP/1.1") == 0;
    MHD_get_connection_values(mhd, MHD_HEADER_KIND, note_field, &seen);
    *type = "SerializationException";
    *why = "A header's name is followed by a blank.";
    if (seen.bad_name) return 400;
    *why = "HTTP/1.1 wants one Host header.";
    if (seen.hosts > 1 || (is_1_1 && !seen.hosts)) return 400;
    *why = "There is more than one length of the body: one Content-Length, or Transfer-Encoding, is expected.";
    if (seen.lengths + seen.encodings > 1) return 400;
    *why = "Content-Length is not a whole number.";
    if (seen.lengths && !is_number(seen.length)) return 400;
    *why = "The only Transfer-Encoding known here is chunked.";
    if (seen.encodings && !str_eq_nocase(seen.encoding, STR("chunked"))) return 501;
    *why = "The only expectation met here is 100-continue.";
    if (seen.expectation.p && !str_eq_nocase(seen.expectation, STR("100-continue"))) return 417;
    *why = "A request with a body needs Content-Length, or Transfer-Encoding: chunked.";
    return strcmp(method, "POST") == 0 && !seen.lengths && !seen.encodings ? 411 : 0;
}
