/* Who asks over HTTP: AWS Signature Version 4 by a key of this installation. */
#include "http_auth.h"

#include <stdlib.h>

#include "clock.h"
#include "cloudevent.h"
#include "engine.h"
#include "hash.h"
#include "sigv4.h"

enum { KEYS_KEPT = 256, OPEN_ACCOUNTS_MAX = 1000 };

/* Signing keys are good for a day: kept, since making one takes four digests. A slot is found by a keyed hash and compared whole. */
struct signing_key {
    char scope[160]; /* key id, date, region, service */
    uint64_t secret; /* keyed hash of it: a key id may come back with another secret */
    uint8_t key[32];
};
struct http_auth {
    pthread_mutex_t lock;
    struct signing_key keys[KEYS_KEPT];
};

struct http_auth *http_auth_new(void) {
    struct http_auth *h = calloc(1, sizeof *h);
    if (h) pthread_mutex_init(&h->lock, NULL);
    return h;
}

void http_auth_free(struct http_auth *h) {
    if (!h) return;
    pthread_mutex_destroy(&h->lock);
    explicit_bzero(h->keys, sizeof h->keys);
    free(h);
}

static void signing_key(struct http_auth *h, const struct caller *caller, const struct sigv4_claim *c, uint8_t key[32]) {
    char scope[160];
    int n = snprintf(scope, sizeof scope, "%.*s/%.*s/%.*s/%.*s", STR_ARG(c->key_id), STR_ARG(c->date), STR_ARG(c->region), STR_ARG(c->service));
    uint64_t secret = hash_table(caller->secret);
    bool fits = n > 0 && (size_t)n < sizeof scope, found = false;
    struct signing_key *slot = fits ? &h->keys[hash_table(str_of(scope, (size_t)n)) % KEYS_KEPT] : NULL;
    if (slot) {
        pthread_mutex_lock(&h->lock);
        found = slot->secret == secret && strcmp(slot->scope, scope) == 0;
        if (found) memcpy(key, slot->key, 32);
        pthread_mutex_unlock(&h->lock);
    }
    if (found) return;
    sigv4_key(caller->secret, c->date, c->region, c->service, key);
    if (!slot) return;
    pthread_mutex_lock(&h->lock);
    memcpy(slot->scope, scope, sizeof scope);
    memcpy(slot->key, key, 32);
    slot->secret = secret;
    pthread_mutex_unlock(&h->lock);
}

/* ---- checks, in the order in which AWS reports them ------------------------------------------------------------------------------------ */
static enum err check_scope(const struct sigv4_claim *c, struct str region, struct fault *fault) {
    static const char *const services[] = {"events", "sqs", "sns", "kinesis", "lambda", "logs", "sts", "execute-api"};
    if (!str_eq(c->region, region))
        return fault_set(fault, ERR_INVALID_SIGNATURE, "Credential should be scoped to a valid region: this is '%.*s', not '%.*s'.", STR_ARG(region),
                         (int)(c->region.n < 64 ? c->region.n : 64), c->region.p);
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
        if (str_eqz(c->service, services[i])) return ERR_OK;
    return fault_set(fault, ERR_INVALID_SIGNATURE, "Credential should be scoped to correct service: 'events', not '%.*s'.",
                     (int)(c->service.n < 64 ? c->service.n : 64), c->service.p);
}

static enum err check_time(const struct sigv4_claim *c, int64_t window_ms, struct fault *fault) {
    int64_t now = clock_now_ms(), begin = c->time_ms - window_ms, end = c->time_ms + (c->expires_s >= 0 ? c->expires_s * 1000 : window_ms);
    char now_text[17];
    sigv4_timestamp(now, now_text);
    if (now < begin)
        return fault_set(fault, ERR_INVALID_SIGNATURE, "Signature not yet current: %.*s is still later than %s, the time here, by more than %lld s.", STR_ARG(c->timestamp),
                         now_text, (long long)window_ms / 1000);
    if (now > end)
        return fault_set(fault, ERR_INVALID_SIGNATURE, "Signature expired: %.*s is now earlier than %s, the time here, by more than %lld s.", STR_ARG(c->timestamp),
                         now_text, (long long)(c->expires_s >= 0 ? c->expires_s : window_ms / 1000));
    return ERR_OK;
}

/* x-amz-content-sha256, where a client sends it. */
static enum err check_payload(struct api *api, const struct sigv4_claim *c, struct str body_sha256, struct str *digest, struct fault *fault) {
    *digest = body_sha256;
    if (!c->content_sha256.p || str_eq(c->content_sha256, body_sha256)) return ERR_OK;
    if (str_starts(c->content_sha256, STR("STREAMING-")))
        return fault_set(fault, ERR_INVALID_SIGNATURE, "Signed chunks (%.*s) are not taken: sign the whole body.", (int)(c->content_sha256.n < 64 ? c->content_sha256.n : 64),
                         c->content_sha256.p);
    if (!str_eqz(c->content_sha256, "UNSIGNED-PAYLOAD"))
        return fault_set(fault, ERR_INVALID_SIGNATURE, "The provided 'x-amz-content-sha256' header does not match what was computed.");
    if (!flow_settings(api_flow(api))->unsigned_payload)
        return fault_set(fault, ERR_INVALID_SIGNATURE, "UNSIGNED-PAYLOAD is not taken here (setting unsigned-payload): sign the body.");
    *digest = c->content_sha256;
    return ERR_OK;
}

static enum err check_signature(struct api *api, const struct sigv4_request *s, const struct sigv4_claim *c, const struct caller *caller, struct str body,
                                struct arena *a, struct fault *fault) {
    uint8_t digest[32], key[32];
    char hex[65];
    struct str text, payload;
    hash_sha256(body, digest);
    hash_hex(digest, sizeof digest, hex);
    enum err err = check_payload(api, c, str_from(hex), &payload, fault);
    if (!err) err = sigv4_string_to_sign(s, c, payload, a, &text, NULL, fault);
    if (err) return err;
    signing_key(api_http_auth(api), caller, c, key);
    if (sigv4_matches(key, text, c->signature)) return ERR_OK;
    return fault_set(fault, ERR_INVALID_SIGNATURE,
                     "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult "
                     "the service documentation for details.");
}

/* ---- CloudEvents ------------------------------------------------------------------------------------------------------------------------------ */
_Static_assert(sizeof(struct api_http_header) == sizeof(struct cloudevent_header), "one is handed on as the other");

enum err api_read_cloudevents(const struct api_http_request *request, struct str body, struct str bus, struct arena *a, struct entry **entries, size_t *count,
                              struct fault *fault) {
    return cloudevent_read((const struct cloudevent_header *)(const void *)request->headers, request->header_count, body, bus, a, entries, count, fault);
}

/* ---- --auth open ------------------------------------------------------------------------------------------------------------------------- */
static bool is_account(struct str id) {
    for (size_t i = 0; i < id.n; i++)
        if (id.p[i] < '0' || id.p[i] > '9') return false;
    return id.n == 12;
}

static enum err make_account(struct world *w, struct str id, struct fault *fault) {
    struct arena a;
    struct account_info *accounts;
    size_t count;
    arena_init(&a, 0);
    enum err err = world_list_accounts(w, &a, &accounts, &count, fault);
    if (!err && count >= OPEN_ACCOUNTS_MAX) err = fault_set(fault, ERR_LIMIT, "More than %d accounts are not made by themselves.", OPEN_ACCOUNTS_MAX);
    if (!err) err = world_create_account(w, id, STR("made by --auth open"), fault);
    arena_fini(&a);
    return err == ERR_EXISTS ? ERR_OK : err;
}

static enum err open_caller(struct api *api, struct str key_id, struct caller **out, struct fault *fault) {
    struct world *w = flow_world(api_flow(api));
    struct caller *known = key_id.p ? world_caller(w, key_id) : NULL;
    if (known) {
        *out = known;
        return ERR_OK;
    }
    struct str account = is_account(key_id) ? key_id : STR("000000000000");
    enum err err = world_account_caller(w, account, key_id.n ? key_id : STR("anonymous"), out, fault);
    if (err != ERR_NOT_FOUND) return err;
    err = make_account(w, account, fault);
    return err ? err : world_account_caller(w, account, key_id.n ? key_id : STR("anonymous"), out, fault);
}

/* ---- the whole ----------------------------------------------------------------------------------------------------------------------------- */
_Static_assert(sizeof(struct api_http_header) == sizeof(struct sigv4_header), "one is handed on as the other");

enum err api_authenticate_http(struct api *api, const struct api_http_request *request, struct caller **out, struct fault *fault) {
    struct sigv4_request s = {request->method, request->target, (const struct sigv4_header *)(const void *)request->headers, request->header_count};
    struct sigv4_claim claim;
    struct arena a;
    *out = NULL;
    arena_init(&a, 8 << 20);
    enum err err = sigv4_read(&s, &a, &claim, fault);
    if (api_auth_open(api)) {
        err = open_caller(api, err ? STR_NULL : claim.key_id, out, fault);
        arena_fini(&a);
        return err;
    }
    struct caller *caller = NULL;
    if (!err) err = check_scope(&claim, flow_region(api_flow(api)), fault);
    if (!err && !(caller = world_caller(flow_world(api_flow(api)), claim.key_id))) err = fault_set(fault, ERR_UNKNOWN_KEY, NULL);
    if (!err) err = check_signature(api, &s, &claim, caller, request->body, &a, fault);
    if (!err) err = check_time(&claim, flow_settings(api_flow(api))->signature_window_ms, fault);
    arena_fini(&a);
    if (err) api_caller_release(caller);
    else *out = caller;
    return err;
}
