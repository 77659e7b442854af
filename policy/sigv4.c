#include "sigv4.h"

#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "hash.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
enum { PARAMETERS_MAX = 128, SIGNED_HEADERS_MAX = 64, EXPIRES_MAX_S = 604800 };

/* ---- time ------------------------------------------------------------------------------------------------------------------------- */
bool sigv4_time(struct str t, int64_t *ms) {
    char iso[CLOCK_ISO_SIZE];
    if (t.n != 16 || t.p[8] != 'T' || t.p[15] != 'Z') return false;
    snprintf(iso, sizeof iso, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", t.p, t.p + 4, t.p + 6, t.p + 9, t.p + 11, t.p + 13);
    return clock_parse_iso(str_from(iso), ms);
}

void sigv4_timestamp(int64_t ms, char out[17]) {
    char iso[CLOCK_ISO_SIZE];
    clock_iso(ms, iso);
    snprintf(out, 17, "%.4s%.2s%.2sT%.2s%.2s%.2sZ", iso, iso + 5, iso + 8, iso + 11, iso + 14, iso + 17);
}

/* ---- encoding (RFC 3986) ------------------------------------------------------------------------------------------------------------ */
static bool is_unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

static void add_encoded(struct buf *out, struct str s, bool keep_slash) {
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_unreserved(s.p[i]) || (keep_slash && c == '/')) {
            buf_addc(out, s.p[i]);
            continue;
        }
        buf_addc(out, '%');
        buf_addc(out, hex[c >> 4]);
        buf_addc(out, hex[c & 15]);
    }
}

static struct str decoded(struct str s, struct arena *a) {
    char *to = arena_alloc(a, s.n + 1);
    if (!to) return STR_NULL;
    struct str out = {to, 0};
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%' && i + 2 < s.n && hash_from_hex(str_of(s.p + i + 1, 2), &c, 1)) i += 2;
        to[out.n++] = c;
    }
    return out;
}

/* ---- the query ------------------------------------------------------------------------------------------------------------------------ */
struct parameter {
    struct str name, value; /* decoded */
};
struct query {
    struct parameter items[PARAMETERS_MAX];
    size_t count;
};

static struct str path_of(struct str target) { return str_of(target.p, str_find(target, '?', 0)); }

static enum err read_query(struct str target, struct arena *a, struct query *q, struct fault *fault) {
    size_t at = str_find(target, '?', 0);
    struct str rest = at < target.n ? str_skip(target, at + 1) : STR_NULL, piece;
    q->count = 0;
    while (str_cut(&rest, '&', &piece)) {
        if (!piece.n) continue;
        if (q->count == PARAMETERS_MAX) return fault_set(fault, ERR_INCOMPLETE_SIGNATURE, "The query has more than %d parameters.", PARAMETERS_MAX);
        size_t equals = str_find(piece, '=', 0);
        struct parameter *p = &q->items[q->count++];
        *p = (struct parameter){decoded(str_of(piece.p, equals), a), decoded(str_skip(piece, equals + (equals < piece.n)), a)};
        if (!p->name.p || !p->value.p) return fault_set(fault, ERR_NOMEM, NULL);
    }
    return ERR_OK;
}

static struct str parameter(const struct query *q, const char *name) {
    for (size_t i = 0; i < q->count; i++)
        if (str_eqz(q->items[i].name, name)) return q->items[i].value;
    return STR_NULL;
}

/* ---- the claim ------------------------------------------------------------------------------------------------------------------------ */
static struct str header(const struct sigv4_request *r, const char *name) {
    for (size_t i = 0; i < r->header_count; i++)
        if (str_eq_nocase(r->headers[i].name, str_from(name))) return r->headers[i].value;
    return STR_NULL;
}

static struct str trimmed(struct str s) {
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) s = str_skip(s, 1);
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) s.n--;
    return s;
}

/* AKID/20150830/us-east-1/service/aws4_request; a key id holds no slash. */
static bool read_credential(struct str credential, struct sigv4_claim *c) {
    struct str rest = credential, end;
    return str_cut(&rest, '/', &c->key_id) && str_cut(&rest, '/', &c->date) && str_cut(&rest, '/', &c->region) && str_cut(&rest, '/', &c->service) &&
           str_cut(&rest, '/', &end) && !rest.p && str_eqz(end, "aws4_request") && c->key_id.n && c->date.n == 8 && c->region.n && c->service.n;
}

static enum err read_time(struct sigv4_claim *c, struct fault *fault) {
    if (!sigv4_time(c->timestamp, &c->time_ms))
        return fault_set(fault, ERR_INCOMPLETE_SIGNATURE, "Date must be in ISO-8601 'basic format'. Got '%.*s'. See http://en.wikipedia.org/wiki/ISO_8601",
                         (int)(c->timestamp.n < 64 ? c->timestamp.n : 64), c->timestamp.p ? c->timestamp.p : "");
    if (memcmp(c->timestamp.p, c->date.p, 8) == 0) return ERR_OK;
    return fault_set(fault, ERR_INVALID_SIGNATURE, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%.*s' != '%.8s', from '%.*s'.",
                     STR_ARG(c->date), c->timestamp.p, STR_ARG(c->timestamp));
}

static enum err check_form(struct sigv4_claim *c, struct str credential, const struct buf *missing, struct fault *fault) {
    uint8_t bytes[32];
    if (missing->n) return fault_set(fault, ERR_INCOMPLETE_SIGNATURE, "%.*s", (int)missing->n, missing->p);
    if (!read_credential(credential, c))
        return fault_set(fault, ERR_INCOMPLETE_SIGNATURE, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%.*s'",
                         (int)(credential.n < 256 ? credential.n : 256), credential.p);
    if (!hash_from_hex(c->signature, bytes, sizeof bytes)) return fault_set(fault, ERR_INVALID_SIGNATURE, "The signature is not 64 hexadecimal digits.");
    return read_time(c, fault);
}

/* Authorization: AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=... */
static enum err read_header_form(const struct sigv4_request *r, struct str authorization, struct sigv4_claim *c, struct fault *fault) {
    struct str rest = authorization, piece, credential = STR_NULL;
    struct buf missing;
    str_cut(&rest, ' ', &piece);
    if (!str_eqz(piece, ALGORITHM))
        return fault_set(fault, ERR_INCOMPLETE_SIGNATURE, "Authorization header requires the algorithm '" ALGORITHM "', not '%.*s'.",
                         (int)(piece.n < 64 ? piece.n : 64), piece.p);
    while (str_cut(&rest, ',', &piece)) {
        piece = trimmed(piece);
        size_t equals = str_find(piece, '=', 0);
        struct str name = str_of(piece.p, equals), value = str_skip(piece, equals + 1);
        if (str_eqz(name, "Credential")) credential = value;
        else if (str_eqz(name, "SignedHeaders")) c->signed_headers = value;
        else if (str_eqz(name, "Signature")) c->signature = value;
    }
    c->timestamp = trimmed(header(r, "x-amz-date"));
    c->expires_s = -1;
    c->token = header(r, "x-amz-security-token");
    buf_init(&missing, 2048);
    if (!credential.n) buf_addz(&missing, "Authorization header requires 'Credential' parameter. ");
    if (!c->signature.n) buf_addz(&missing, "Authorization header requires 'Signature' parameter. ");
    if (!c->signed_headers.n) buf_addz(&missing, "Authorization header requires 'SignedHeaders' parameter. ");
    if (!c->timestamp.n) buf_addz(&missing, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ");
    enum err err = check_form(c, credential, &missing, fault);
    buf_fini(&missing);
    return err;
}

static enum err read_query_form(const struct query *q, struct sigv4_claim *c, struct fault *fault) {
    struct buf missing;
    struct str credential = parameter(q, "X-Amz-Credential"), expires = parameter(q, "X-Amz-Expires"), algorithm = parameter(q, "X-Amz-Algorithm");
    c->signature = parameter(q, "X-Amz-Signature");
    c->signed_headers = parameter(q, "X-Amz-SignedHeaders");
    c->timestamp = parameter(q, "X-Amz-Date");
    c->token = parameter(q, "X-Amz-Security-Token");
    buf_init(&missing, 2048);
    if (!str_eqz(algorithm, ALGORITHM)) buf_addz(&missing, "AWS query-string parameters must include 'X-Amz-Algorithm' with the value '" ALGORITHM "'. ");
    if (!credential.n) buf_addz(&missing, "AWS query-string parameters must include 'X-Amz-Credential'. ");
    if (!c->signature.n) buf_addz(&missing, "AWS query-string parameters must include 'X-Amz-Signature'. ");
    if (!c->signed_headers.n) buf_addz(&missing, "AWS query-string parameters must include 'X-Amz-SignedHeaders'. ");
    if (!c->timestamp.n) buf_addz(&missing, "AWS query-string parameters must include 'X-Amz-Date'. ");
    if (!str_to_i64(expires, &c->expires_s) || c->expires_s < 1 || c->expires_s > EXPIRES_MAX_S)
        buf_addz(&missing, "AWS query-string parameters must include 'X-Amz-Expires', a number of seconds from 1 to 604800. ");
    enum err err = check_form(c, credential, &missing, fault);
    buf_fini(&missing);
    return err;
}

enum err sigv4_read(const struct sigv4_request *r, struct arena *a, struct sigv4_claim *c, struct fault *fault) {
    *c = (struct sigv4_claim){.content_sha256 = trimmed(header(r, "x-amz-content-sha256"))};
    struct str authorization = trimmed(header(r, "authorization"));
    if (authorization.n) return read_header_form(r, authorization, c, fault);
    struct query *q = ARENA_NEW(a, struct query);
    if (!q) return fault_set(fault, ERR_NOMEM, NULL);
    enum err err = read_query(r->target, a, q, fault);
    if (err) return err;
    if (!parameter(q, "X-Amz-Signature").p && !parameter(q, "X-Amz-Credential").p) return fault_set(fault, ERR_MISSING_AUTH, NULL);
    return read_query_form(q, c, fault);
}

/* ---- the canonical request -------------------------------------------------------------------------------------------------------------- */
/* Without empty, "." and ".." segments; a slash at the end stays. */
static void add_path(struct buf *out, struct str path) {
    struct str rest = path, segment;
    size_t begin = out->n;
    bool slash = true;
    while (str_cut(&rest, '/', &segment)) {
        slash = !segment.n || str_eqz(segment, ".") || str_eqz(segment, "..");
        if (str_eqz(segment, "..")) {
            while (out->n > begin && out->p[--out->n] != '/') {}
        } else if (!slash) {
            buf_addc(out, '/');
            add_encoded(out, segment, false);
        }
    }
    if (slash || out->n == begin) buf_addc(out, '/');
}

static int by_text(const void *a, const void *b) { return str_cmp(*(const struct str *)a, *(const struct str *)b); }

static enum err add_query(struct buf *out, const struct query *q, bool presigned, struct arena *a, struct fault *fault) {
    struct str pairs[PARAMETERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < q->count; i++) {
        struct buf pair;
        if (presigned && str_eqz(q->items[i].name, "X-Amz-Signature")) continue;
        buf_init(&pair, 0);
        add_encoded(&pair, q->items[i].name, false);
        buf_addc(&pair, 1); /* below all that a name may hold: by name, then by value */
        add_encoded(&pair, q->items[i].value, false);
        pairs[count] = pair.failed ? STR_NULL : arena_str(a, buf_str(&pair));
        buf_fini(&pair);
        if (!pairs[count++].p) return fault_set(fault, ERR_NOMEM, NULL);
    }
    qsort(pairs, count, sizeof pairs[0], by_text);
    for (size_t i = 0; i < count; i++) {
        size_t name = str_find(pairs[i], 1, 0);
        if (i) buf_addc(out, '&');
        buf_add(out, str_of(pairs[i].p, name));
        buf_addc(out, '=');
        buf_add(out, str_skip(pairs[i], name + 1));
    }
    return ERR_OK;
}

/* Values without blanks around them and with single ones within; several headers of a name joined by commas. False: there is no such header. */
static bool add_header(struct buf *out, const struct sigv4_request *r, struct str name) {
    bool found = false;
    for (size_t i = 0; i < r->header_count; i++) {
        if (!str_eq_nocase(r->headers[i].name, name)) continue;
        struct str value = trimmed(r->headers[i].value);
        buf_addc(out, found ? ',' : ':');
        for (size_t k = 0; k < value.n; k++)
            if (value.p[k] != ' ' || k == 0 || value.p[k - 1] != ' ') buf_addc(out, value.p[k]);
        found = true;
    }
    return found;
}

static enum err add_headers(struct buf *out, const struct sigv4_request *r, struct str list, struct fault *fault) {
    struct str rest = list, name;
    bool host = false, target = !header(r, "x-amz-target").p; /* it names the operation: who could change it could turn a request into another */
    size_t count = 0;
    while (str_cut(&rest, ';', &name)) {
        host |= str_eqz(name, "host");
        target |= str_eqz(name, "x-amz-target");
        if (++count > SIGNED_HEADERS_MAX) return fault_set(fault, ERR_INCOMPLETE_SIGNATURE, "More than %d headers are signed.", SIGNED_HEADERS_MAX);
        buf_add(out, name);
        if (!add_header(out, r, name))
            return fault_set(fault, ERR_INVALID_SIGNATURE, "The header '%.*s' is said to be signed, but is not there.", (int)(name.n < 64 ? name.n : 64), name.p);
        buf_addc(out, '\n');
    }
    if (!host) return fault_set(fault, ERR_INVALID_SIGNATURE, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
    return target ? ERR_OK : fault_set(fault, ERR_INVALID_SIGNATURE, "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.");
}

enum err sigv4_string_to_sign(const struct sigv4_request *r, const struct sigv4_claim *c, struct str body_sha256, struct arena *a, struct str *out,
                              struct str *canonical, struct fault *fault) {
    struct buf text;
    uint8_t digest[32];
    char hex[65];
    struct query *q = ARENA_NEW(a, struct query);
    if (!q) return fault_set(fault, ERR_NOMEM, NULL);
    enum err err = read_query(r->target, a, q, fault);
    if (err) return err;
    buf_init(&text, 0);
    buf_add(&text, r->method);
    buf_addc(&text, '\n');
    add_path(&text, path_of(r->target));
    buf_addc(&text, '\n');
    err = add_query(&text, q, c->expires_s >= 0, a, fault);
    buf_addc(&text, '\n');
    if (!err) err = add_headers(&text, r, c->signed_headers, fault);
    buf_addc(&text, '\n');
    buf_add(&text, c->signed_headers);
    buf_addc(&text, '\n');
    buf_add(&text, body_sha256);
    hash_sha256(buf_str(&text), digest);
    hash_hex(digest, sizeof digest, hex);
    if (!err && canonical) *canonical = arena_str(a, buf_str(&text));
    if (!err) *out = arena_printf(a, ALGORITHM "\n%.*s\n%.*s/%.*s/%.*s/aws4_request\n%s", STR_ARG(c->timestamp), STR_ARG(c->date), STR_ARG(c->region),
                                  STR_ARG(c->service), hex);
    if (!err && (text.failed || !out->p || (canonical && !canonical->p))) err = fault_set(fault, ERR_NOMEM, NULL);
    buf_fini(&text);
    return err;
}

/* ---- the signature ---------------------------------------------------------------------------------------------------------------------- */
void sigv4_key(struct str secret, struct str date, struct str region, struct str service, uint8_t key[32]) {
    struct buf first;
    buf_init(&first, 0);
    buf_addz(&first, "AWS4");
    buf_add(&first, secret);
    hash_hmac_sha256(buf_str(&first), date, STR(""), key);
    struct str k = {(char *)key, 32};
    hash_hmac_sha256(k, region, STR(""), key);
    hash_hmac_sha256(k, service, STR(""), key);
    hash_hmac_sha256(k, STR("aws4_request"), STR(""), key);
    buf_fini(&first);
}

bool sigv4_matches(const uint8_t key[32], struct str string_to_sign, struct str signature) {
    uint8_t mac[32], claimed[32];
    hash_hmac_sha256(str_of((const char *)key, 32), string_to_sign, STR(""), mac);
    return hash_from_hex(signature, claimed, sizeof claimed) && hash_equal_ct(mac, claimed, sizeof mac);
}
