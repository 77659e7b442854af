#include "request.h"

#include <jansson.h>
#include <strings.h>

#include "hash.h"
#include "json.h"

#define USER_AGENT "Amazon/EventBridge/ApiDestinations"
#define CONTENT_TYPE "application/json; charset=utf-8"

static enum err no_memory(struct fault *fault) { return fault_set(fault, ERR_NOMEM, NULL); }

/* ---- text -------------------------------------------------------------------------------------------------------------------------------
 */
/* Everything but RFC 3986's unreserved characters as %XX. */
static void add_encoded(struct buf *out, struct str text) {
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            buf_addc(out, (char)c);
        } else {
            buf_addc(out, '%');
            buf_addc(out, hex[c >> 4]);
            buf_addc(out, hex[c & 15]);
        }
    }
}

static void add_pair(struct buf *out, struct str key, struct str value) {
    if (out->n) buf_addc(out, '&');
    add_encoded(out, key);
    buf_addc(out, '=');
    add_encoded(out, value);
}

static bool keep(struct arena *a, struct buf *text, struct str *out) {
    *out = text->failed ? STR_NULL : arena_str(a, buf_str(text));
    if (text->p) explicit_bzero(text->p, text->cap);
    buf_fini(text);
    return out->p;
}

static bool has_control(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 127) return true;
    return false;
}

/* ---- parameters of two places: the connection's, and the target's where the connection is silent ----------------------------------------
 */
/* The target's, as JSON: {"path": ["a"], "headers": {"K": "v"}, "query": {"k": "v"}}; NULL members are fine. */
struct sources {
    const struct list *of_connection; /* NULL: none */
    const json_t *of_target;
};

static const struct connection_parameter *parameter(const struct list *list, size_t i) {
    return LIST_AT(*list, struct connection_parameter, i);
}

static bool connection_has(const struct list *list, struct str key, bool nocase) {
    for (size_t i = 0; list && i < list->n; i++)
        if (nocase ? str_eq_nocase(parameter(list, i)->key, key) : str_eq(parameter(list, i)->key, key)) return true;
    return false;
}

static struct str text_of(const json_t *value) {
    return json_is_string(value) ? str_of(json_string_value(value), json_string_length(value)) : STR("");
}

static void add_query(struct buf *out, struct sources s) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)s.of_target, key, value) if (!connection_has(s.of_connection, str_from(key), false))
        add_pair(out, str_from(key), text_of(value));
    for (size_t i = 0; s.of_connection && i < s.of_connection->n; i++) {
        const struct connection_parameter *p = parameter(s.of_connection, i);
        if (p->key.p) add_pair(out, p->key, p->value.p ? p->value : STR(""));
    }
}

/* ---- the URL ----------------------------------------------------------------------------------------------------------------------------
 */
static enum err add_path(struct buf *out, struct str endpoint, const json_t *values, struct fault *fault) {
    size_t used = 0;
    for (size_t i = 0; i < endpoint.n; i++) {
        if (endpoint.p[i] != '*') {
            buf_addc(out, endpoint.p[i]);
            continue;
        }
        if (used >= json_array_size(values))
            return fault_set(fault, ERR_VALIDATION, "the endpoint has more asterisks than the target has PathParameterValues (%zu)",
                             json_array_size(values));
        struct str value = text_of(json_array_get(values, used++));
        if (!value.n || str_eqz(value, ".") || str_eqz(value, ".."))
            return fault_set(fault, ERR_VALIDATION, "path parameter %zu is '%.*s' for this event: that would name another place", used,
                             STR_ARG(value));
        add_encoded(out, value);
    }
    return ERR_OK;
}

static enum err fill_url(struct request *r, struct str endpoint, const json_t *path, struct sources query, struct fault *fault) {
    struct buf url, more;
    buf_init(&url, 65536);
    buf_init(&more, 65536);
    enum err err = add_path(&url, endpoint, path, fault);
    add_query(&more, query);
    if (!err && more.n) {
        buf_addc(&url, str_find(buf_str(&url), '?', 0) < url.n ? '&' : '?');
        buf_add(&url, buf_str(&more));
    }
    if (!err && (url.failed || more.failed)) err = fault_set(fault, ERR_VALIDATION, "the URL becomes longer than 65536 bytes");
    if (more.p) explicit_bzero(more.p, more.cap);
    buf_fini(&more);
    if (!keep(&r->arena, &url, &r->url) && !err) err = no_memory(fault);
    return err;
}

/* ---- headers
 * ------------------------------------------------------------------------------------------------------------------------------ */
/* What the service takes out of requests (user guide, "Headers in requests to API destinations"): they belong to the connection, or to who
 * sends. */
static bool is_ours(struct str name) {
    static const char *const names[] = {"A-IM",
                                        "Accept-Charset",
                                        "Accept-Datetime",
                                        "Accept-Encoding",
                                        "Cache-Control",
                                        "Connection",
                                        "Content-Encoding",
                                        "Content-Length",
                                        "Content-MD5",
                                        "Date",
                                        "Expect",
                                        "Forwarded",
                                        "From",
                                        "Host",
                                        "HTTP2-Settings",
                                        "If-Match",
                                        "If-Modified-Since",
                                        "If-None-Match",
                                        "If-Range",
                                        "If-Unmodified-Since",
                                        "Keep-Alive",
                                        "Max-Forwards",
                                        "Origin",
                                        "Pragma",
                                        "Proxy-Authorization",
                                        "Range",
                                        "Referer",
                                        "TE",
                                        "Trailer",
                                        "Transfer-Encoding",
                                        "Upgrade",
                                        "User-Agent",
                                        "Via",
                                        "Warning",
                                        NULL};
    for (size_t i = 0; names[i]; i++)
        if (str_eq_nocase(name, str_from(names[i]))) return true;
    return false;
}

static bool has_header(const struct request *r, struct str name) {
    for (const struct curl_slist *h = r->headers; h; h = h->next)
        if (strlen(h->data) > name.n && (h->data[name.n] == ':' || h->data[name.n] == ';') && str_eq_nocase(str_of(h->data, name.n), name))
            return true;
    return false;
}

static enum err add_header(struct request *r, struct str name, struct str value, struct fault *fault) {
    struct buf line;
    if (has_control(value) || has_control(name) || !name.n || str_find(name, ':', 0) < name.n)
        return fault_set(fault, ERR_VALIDATION,
                         "header '%.*s' cannot be sent: its value holds a control character for this event, or its name a colon",
                         STR_ARG(name));
    buf_init(&line, 65536);
    /* libcurl's spelling of a header without a value is a semicolon; "Name:" would take one of its own away. */
    if (value.n)
        buf_addf(&line, "%.*s: %.*s", STR_ARG(name), STR_ARG(value));
    else
        buf_addf(&line, "%.*s;", STR_ARG(name));
    buf_addc(&line, 0);
    struct curl_slist *more = line.failed ? NULL : curl_slist_append(r->headers, line.p);
    if (line.p) explicit_bzero(line.p, line.cap);
    buf_fini(&line);
    if (!more) return no_memory(fault);
    r->headers = more;
    return ERR_OK;
}

static enum err add_headers(struct request *r, struct sources s, struct fault *fault) {
    const char *key;
    json_t *value;
    enum err err = ERR_OK;
    for (size_t i = 0; s.of_connection && i < s.of_connection->n && !err; i++) {
        const struct connection_parameter *p = parameter(s.of_connection, i);
        if (p->key.p && !is_ours(p->key) && !has_header(r, p->key)) err = add_header(r, p->key, p->value.p ? p->value : STR(""), fault);
    }
    json_object_foreach((json_t *)(uintptr_t)s.of_target, key, value) {
        struct str name = str_from(key);
        if (!err && !is_ours(name) && !has_header(r, name)) err = add_header(r, name, text_of(value), fault);
    }
    return err;
}

static enum err add_authorization(struct request *r, const struct connection *c, struct str token, struct fault *fault) {
    const struct connection_auth *auth = c->auth;
    if (auth->basic) {
        struct buf pair, header;
        struct str value;
        buf_init(&pair, 0);
        buf_init(&header, 0);
        buf_addf(&pair, "%.*s:%.*s", STR_ARG(auth->basic->username), STR_ARG(auth->basic->password));
        buf_addz(&header, "Basic ");
        hash_base64(&header, buf_str(&pair));
        bool ok = !pair.failed && keep(&r->arena, &header, &value);
        if (pair.p) explicit_bzero(pair.p, pair.cap);
        buf_fini(&pair);
        return ok ? add_header(r, STR("Authorization"), value, fault) : no_memory(fault);
    }
    if (auth->api_key) return add_header(r, auth->api_key->name, auth->api_key->value, fault);
    return token.p ? add_header(r, STR("Authorization"), token, fault) : ERR_OK;
}

/* ---- the body
 * ------------------------------------------------------------------------------------------------------------------------------- */
static size_t skip_blanks(struct str s, size_t i) {
    while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\n' || s.p[i] == '\r')) i++;
    return i;
}

/* Behind the string that begins at i; s.n when it does not end. */
static size_t skip_string(struct str s, size_t i) {
    for (i++; i < s.n && s.p[i] != '"'; i++)
        if (s.p[i] == '\\') i++;
    return i < s.n ? i + 1 : s.n;
}

/* Behind the value that begins at i: at the comma or bracket that ends it. */
static size_t skip_value(struct str s, size_t i) {
    size_t depth = 0;
    while (i < s.n) {
        char c = s.p[i];
        if (c == '"') {
            i = skip_string(s, i);
            continue;
        }
        if (!depth && (c == ',' || c == '}' || c == ']')) break;
        if (c == '{' || c == '[') depth++;
        if (c == '}' || c == ']') depth--;
        i++;
    }
    return i;
}

/* Is this token, with its quotes, one of the names? */
static bool names_member(struct str token, const struct connection_parameter *members, size_t count) {
    json_t *name = json_loadb(token.p, token.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    bool found = false;
    for (size_t i = 0; name && i < count && !found; i++) found = str_eq(text_of(name), members[i].key);
    json_decref(name);
    return found;
}

enum err body_merge(struct str text, const struct connection_parameter *members, size_t count, struct buf *out, struct fault *fault) {
    static const char no_object[] =
        "the connection has body parameters, but what the target gets is no JSON object that they could go into";
    size_t i = skip_blanks(text, 0), first = out->n + 1;
    if (i >= text.n || text.p[i] != '{') return fault_set(fault, ERR_VALIDATION, no_object);
    buf_addc(out, '{');
    for (i = skip_blanks(text, i + 1); i < text.n && text.p[i] == '"'; i = skip_blanks(text, i)) {
        size_t key_end = skip_string(text, i), end = skip_blanks(text, key_end);
        if (end >= text.n || text.p[end] != ':') return fault_set(fault, ERR_VALIDATION, no_object);
        end = skip_value(text, end + 1);
        if (!names_member(str_of(text.p + i, key_end - i), members, count)) {
            if (out->n > first) buf_addc(out, ',');
            buf_add(out, str_of(text.p + i, end - i));
        }
        if (end >= text.n || text.p[end] != ',') {
            i = end;
            break;
        }
        i = end + 1;
    }
    if (i >= text.n || text.p[i] != '}' || skip_blanks(text, i + 1) != text.n) return fault_set(fault, ERR_VALIDATION, no_object);
    for (size_t k = 0; k < count; k++) {
        if (!members[k].key.p) continue;
        if (out->n > first) buf_addc(out, ',');
        json_quote(out, members[k].key);
        buf_addc(out, ':');
        json_quote(out, members[k].value.p ? members[k].value : STR(""));
    }
    buf_addc(out, '}');
    return out->failed ? no_memory(fault) : ERR_OK;
}

static enum err fill_body(struct request *r, const struct connection *c, struct str input, struct fault *fault) {
    const struct list *members = c->auth->http ? &c->auth->http->body : NULL;
    if (strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0) return ERR_OK; /* a body has no meaning there (RFC 9110, 9.3.1) */
    r->body = input.p ? input : STR("");                                                /* borrowed until the attempt is done */
    if (!members || !members->n) return ERR_OK;
    struct buf out;
    buf_init(&out, 0);
    enum err err = body_merge(input, members->items, members->n, &out, fault);
    struct str merged;
    if (!keep(&r->arena, &out, &merged) && !err) err = no_memory(fault);
    r->body = merged;
    return err;
}

/* ---- whole requests
 * ------------------------------------------------------------------------------------------------------------------------- */
static void request_init(struct request *r) {
    *r = (struct request){0};
    arena_init(&r->arena, (size_t)64 << 20);
    r->headers = curl_slist_append(NULL, "Expect:"); /* takes libcurl's own away: it would wait a second for a 100 that few servers send */
}

static enum err fill(struct request *r, const struct destination *d, const struct connection *c, const struct delivery *delivery,
                     struct str token, const json_t *parameters, struct fault *fault) {
    const struct connection_http *http = c->auth->http;
    struct sources query = {http ? &http->query : NULL, json_object_get(parameters, "query")};
    struct sources headers = {http ? &http->headers : NULL, json_object_get(parameters, "headers")};
    struct str method = arena_str(&r->arena, d->method);
    if (!method.p) return no_memory(fault);
    r->method = method.p;
    enum err err = fill_url(r, d->endpoint, json_object_get(parameters, "path"), query, fault);
    if (!err) err = add_authorization(r, c, token, fault);
    if (!err) err = add_headers(r, headers, fault);
    if (!err) err = fill_body(r, c, delivery->input, fault);
    if (!err) err = add_header(r, STR("User-Agent"), STR(USER_AGENT), fault);
    if (!err && !has_header(r, STR("Content-Type"))) err = add_header(r, STR("Content-Type"), STR(CONTENT_TYPE), fault);
    return err;
}

enum err request_fill(struct request *r, const struct destination *d, const struct connection *c, const struct delivery *delivery,
                      struct str token, struct fault *fault) {
    struct str text = delivery->parameters;
    request_init(r);
    json_t *parameters = text.n ? json_loadb(text.p, text.n, 0, NULL) : NULL;
    enum err err = text.n && !parameters ? fault_set(fault, ERR_VALIDATION, "the target's HttpParameters are no JSON")
                                         : fill(r, d, c, delivery, token, parameters, fault);
    json_decref(parameters);
    if (err) request_fini(r);
    return err;
}

/* Adds what the connection's own parameters do not replace. */
static void add_grant(struct buf *form, const struct list *own, const char *key, struct str value) {
    if (!connection_has(own, str_from(key), false)) add_pair(form, str_from(key), value);
}

static enum err fill_token(struct request *r, const struct connection_oauth *oauth, struct buf *form, struct fault *fault) {
    bool get = str_eqz(oauth->method, "GET");
    const struct connection_http *http = oauth->http;
    const struct list *own = !http ? NULL : get ? &http->query : &http->body;
    add_grant(form, own, "grant_type", STR("client_credentials"));
    add_grant(form, own, "client_id", oauth->client->id);
    add_grant(form, own, "client_secret", oauth->client->secret);
    if (!get) add_query(form, (struct sources){own, NULL});
    struct buf url;
    buf_init(&url, 65536);
    buf_add(&url, oauth->endpoint);
    struct buf query;
    buf_init(&query, 65536);
    if (get) buf_add(&query, buf_str(form));
    add_query(&query, (struct sources){http ? &http->query : NULL, NULL});
    if (query.n) {
        buf_addc(&url, str_find(oauth->endpoint, '?', 0) < oauth->endpoint.n ? '&' : '?');
        buf_add(&url, buf_str(&query));
    }
    bool ok = !query.failed && !form->failed;
    if (query.p) explicit_bzero(query.p, query.cap);
    buf_fini(&query);
    ok = keep(&r->arena, &url, &r->url) && ok;
    if (ok && !get) ok = (r->body = arena_str(&r->arena, buf_str(form))).p;
    if (!ok) return no_memory(fault);
    enum err err = add_headers(r, (struct sources){http ? &http->headers : NULL, NULL}, fault);
    if (!err) err = add_header(r, STR("User-Agent"), STR(USER_AGENT), fault);
    if (!err && !has_header(r, STR("Accept"))) err = add_header(r, STR("Accept"), STR("application/json"), fault);
    if (!err && !get && !has_header(r, STR("Content-Type")))
        err = add_header(r, STR("Content-Type"), STR("application/x-www-form-urlencoded"), fault);
    return err;
}

enum err request_fill_token(struct request *r, const struct connection_oauth *oauth, struct fault *fault) {
    struct buf form;
    request_init(r);
    buf_init(&form, 65536);
    struct str method = arena_str(&r->arena, oauth->method);
    r->method = method.p;
    enum err err = method.p ? fill_token(r, oauth, &form, fault) : no_memory(fault);
    if (form.p) explicit_bzero(form.p, form.cap);
    buf_fini(&form);
    if (err) request_fini(r);
    return err;
}

bool request_apply(const struct request *r, CURL *easy) {
    bool ok = !curl_easy_setopt(easy, CURLOPT_URL, r->url.p) && !curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    if (strcmp(r->method, "HEAD") == 0)
        ok = ok && !curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else if (r->body.p) /* POSTFIELDS alone says POST */
        ok = ok && !curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n) &&
             !curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body.p) && !curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method);
    else
        ok = ok && !curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method);
    return ok && !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, r->headers);
}

void request_fini(struct request *r) {
    for (struct curl_slist *h = r->headers; h; h = h->next) explicit_bzero(h->data, strlen(h->data));
    curl_slist_free_all(r->headers);
    r->headers = NULL;
    arena_wipe(&r->arena);
}

/* ---- redaction
 * -------------------------------------------------------------------------------------------------------------------------------- */
static void cover(struct buf *text, struct str secret) {
    if (!secret.n || !text->n) return;
    if (secret.n < 3) { /* to cover one or two characters everywhere would show where they were not */
        if (memmem(text->p, text->n, secret.p, secret.n)) text->n = 0;
        return;
    }
    for (char *at = text->p; (at = memmem(at, text->n - (size_t)(at - text->p), secret.p, secret.n));) {
        size_t left = text->n - (size_t)(at - text->p) - secret.n, stars = secret.n < 4 ? secret.n : 4;
        memset(at, '*', stars);
        memmove(at + stars, at + secret.n, left);
        text->n = (size_t)(at - text->p) + stars + left;
        at += stars;
    }
}

/* As it is, as it stands in a URL or form, and as it stands in JSON. */
static void cover_forms(struct buf *text, struct str secret) {
    struct buf form;
    if (!secret.p) return;
    cover(text, secret);
    buf_init(&form, 0);
    add_encoded(&form, secret);
    cover(text, buf_str(&form));
    buf_clear(&form);
    json_quote(&form, secret);
    if (form.n > 2) cover(text, str_of(form.p + 1, form.n - 2));
    if (form.p) explicit_bzero(form.p, form.cap);
    buf_fini(&form);
}

static void cover_list(struct buf *text, const struct list *list) {
    for (size_t i = 0; i < list->n; i++)
        if (parameter(list, i)->is_secret.v) cover_forms(text, parameter(list, i)->value);
}

static void cover_http(struct buf *text, const struct connection_http *http) {
    if (!http) return;
    cover_list(text, &http->headers);
    cover_list(text, &http->query);
    cover_list(text, &http->body);
}

void request_redact(const struct connection_auth *auth, struct str token, struct buf *text) {
    if (!auth) return;
    cover_forms(text, token);
    size_t blank = str_find(token, ' ', 0);
    if (blank < token.n) cover_forms(text, str_skip(token, blank + 1));
    if (auth->basic) {
        struct buf pair, coded;
        buf_init(&pair, 0);
        buf_init(&coded, 0);
        buf_addf(&pair, "%.*s:%.*s", STR_ARG(auth->basic->username), STR_ARG(auth->basic->password));
        hash_base64(&coded, buf_str(&pair));
        cover(text, buf_str(&coded));
        if (pair.p) explicit_bzero(pair.p, pair.cap);
        if (coded.p) explicit_bzero(coded.p, coded.cap);
        buf_fini(&pair);
        buf_fini(&coded);
        cover_forms(text, auth->basic->password);
    }
    if (auth->api_key) cover_forms(text, auth->api_key->value);
    if (auth->oauth) {
        cover_forms(text, auth->oauth->client->secret);
        cover_http(text, auth->oauth->http);
    }
    cover_http(text, auth->http);
}
