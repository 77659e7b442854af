/* Entries of topics and subscriptions: their attributes and records. */
#include <stdlib.h>

#include "json.h"
#include "record.h"
#include "topic.h"

struct str topic_arn_text(const struct target_host *host, struct arena *a, struct str account, struct str name) {
    return arena_printf(a, "arn:aws:sns:%.*s:%.*s:%.*s", STR_ARG(host->region), STR_ARG(account), STR_ARG(name));
}

bool topic_arn_parse(struct str text, struct str *account, struct str *name, struct str *id) {
    struct arn arn;
    if (!arn_parse(text, &arn) || !str_eqz(arn.service, "sns") || !account_is_valid(arn.account)) return false;
    size_t colon = str_find(arn.resource, ':', 0);
    *account = arn.account;
    *name = str_of(arn.resource.p, colon);
    if (id) *id = str_skip(arn.resource, colon + 1);
    return name->n && (colon < arn.resource.n) == (id != NULL);
}

static void free_topic(struct resource *r) {
    struct topic *t = (struct topic *)(void *)r;
    for (size_t i = 0; i < t->count; i++) subscription_unref(t->subscriptions[i]);
    if (t->compiled_policy) t->host->policy_free(t->compiled_policy);
    free(t->subscriptions);
    free(t);
}

struct topic *topic_new(const struct target_host *host, struct str account, struct str name, const struct topic *from, size_t more) {
    struct topic *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->host = host;
    bool ok = resource_init(&t->r, account, name, free_topic);
    size_t n = from ? from->count : 0;
    t->subscriptions = calloc(n + more + 1, sizeof(struct subscription *));
    t->arn = topic_arn_text(host, &t->r.arena, account, name);
    if (from) {
        ok = ok && !topic_set(t, STR("DisplayName"), from->display_name, NULL) && !topic_set(t, STR("Policy"), from->policy, NULL);
    }
    for (size_t i = 0; t->subscriptions && i < n; i++) {
        t->subscriptions[t->count++] = from->subscriptions[i];
        atomic_fetch_add_explicit(&from->subscriptions[i]->refs, 1, memory_order_relaxed);
    }
    if (ok && t->subscriptions && t->arn.p) return t;
    resource_unref(&t->r);
    return NULL;
}

static enum err set_policy(struct topic *t, struct str value, struct fault *fault) {
    void *compiled = NULL;
    struct fault why;
    enum err err = value.n ? t->host->policy_new(value, &compiled, &why) : ERR_OK;
    if (err == ERR_NOMEM) return fault_set(fault, err, NULL);
    if (err) return fault_set(fault, ERR_INVALID_PARAMETER, "Invalid parameter: Policy: %s", why.message);
    if (t->compiled_policy) t->host->policy_free(t->compiled_policy);
    t->compiled_policy = compiled;
    t->policy = value.n ? arena_str(&t->r.arena, value) : STR_NULL;
    return !value.n || t->policy.p ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}

bool topic_is_fifo(const struct topic *t) { return str_ends(t->r.name, STR(".fifo")); }

/* The name says it; the attribute, which stock clients send, must agree. */
static enum err check_fifo(const struct topic *t, struct str value, struct fault *fault) {
    bool fifo = str_eq_nocase(value, STR("true"));
    if (!fifo && !str_eq_nocase(value, STR("false")))
        return fault_set(fault, ERR_INVALID_PARAMETER, "Invalid parameter: FifoTopic: it is true or false");
    if (fifo != topic_is_fifo(t))
        return fault_set(fault, ERR_INVALID_PARAMETER,
                         "Invalid parameter: FifoTopic: FIFO topics, and only they, have names that end in .fifo");
    return ERR_OK;
}

enum err topic_set(struct topic *t, struct str name, struct str value, struct fault *fault) {
    if (str_eqz(name, "Policy")) return set_policy(t, value, fault);
    if (str_eqz(name, "FifoTopic")) return check_fifo(t, value, fault);
    if (!str_eqz(name, "DisplayName"))
        return fault_set(fault, ERR_INVALID_PARAMETER,
                         "Invalid parameter: AttributeName: %.*s is not known; DisplayName, FifoTopic and Policy are", STR_ARG(name));
    t->display_name = value.n ? arena_str(&t->r.arena, value) : STR_NULL;
    return !value.n || t->display_name.p ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}

/* ---- subscriptions ---------------------------------------------------------------------------------------------------------------------
 */
struct subscription *subscription_new(const struct target_host *host, struct str arn, struct str protocol, struct str endpoint) {
    struct subscription *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->refs = 1;
    s->host = host;
    arena_init(&s->arena, 0);
    s->arn = arena_str(&s->arena, arn);
    s->protocol = arena_str(&s->arena, protocol);
    s->endpoint = arena_str(&s->arena, endpoint);
    if (s->arn.p && s->protocol.p && s->endpoint.p) return s;
    subscription_unref(s);
    return NULL;
}

void subscription_unref(struct subscription *s) {
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1) return;
    if (s->filter) s->host->filter_free(s->filter);
    arena_fini(&s->arena);
    free(s);
}

struct subscription *subscription_copy(const struct subscription *old) {
    struct subscription *s = subscription_new(old->host, old->arn, old->protocol, old->endpoint);
    struct fault fault;
    if (!s) return NULL;
    bool ok = !subscription_check(s, &fault) && !subscription_set(s, STR("FilterPolicy"), old->filter_text, &fault) &&
              !subscription_set(s, STR("RedrivePolicy"), old->redrive_text, &fault);
    s->filter_body = old->filter_body;
    s->raw = old->raw;
    if (ok) return s;
    subscription_unref(s);
    return NULL;
}

static enum err invalid(struct fault *fault, const char *what, const char *why) {
    return fault_set(fault, ERR_INVALID_PARAMETER, "Invalid parameter: %s: %s", what, why);
}

static enum err set_filter(struct subscription *s, struct str value, struct fault *fault) {
    void *filter = NULL;
    struct fault why;
    if (value.n && !str_eqz(value, "{}")) {
        enum err err = s->host->filter_new(value, &filter, &why);
        if (err == ERR_NOMEM) return fault_set(fault, err, NULL);
        if (err) return fault_set(fault, ERR_INVALID_PARAMETER, "Invalid parameter: FilterPolicy: %s", why.message);
    }
    if (s->filter) s->host->filter_free(s->filter);
    s->filter = filter;
    s->filter_text = value.n ? arena_str(&s->arena, value) : STR_NULL;
    return !value.n || s->filter_text.p ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}

static enum err set_redrive(struct subscription *s, struct str value, struct fault *fault) {
    s->redrive_text = s->dead_letter_arn = STR_NULL;
    if (!value.n) return ERR_OK;
    json_t *root = json_loadb(value.p, value.n, 0, NULL);
    const json_t *target = json_object_get(root, "deadLetterTargetArn");
    struct arn arn;
    struct str text = target ? str_of(json_string_value(target), json_string_length(target)) : STR_NULL;
    enum err err = ERR_OK;
    if (!text.p || !arn_parse(text, &arn) || !str_eqz(arn.service, "sqs")) {
        err = invalid(fault, "RedrivePolicy", "it must be a JSON object with deadLetterTargetArn, the ARN of a queue");
    } else {
        s->redrive_text = arena_str(&s->arena, value);
        s->dead_letter_arn = arena_str(&s->arena, text);
        if (!s->redrive_text.p || !s->dead_letter_arn.p) err = fault_set(fault, ERR_NOMEM, NULL);
    }
    json_decref(root);
    return err;
}

enum err subscription_set(struct subscription *s, struct str name, struct str value, struct fault *fault) {
    if (str_eqz(name, "FilterPolicy")) return set_filter(s, value, fault);
    if (str_eqz(name, "RedrivePolicy")) return set_redrive(s, value, fault);
    if (str_eqz(name, "FilterPolicyScope")) {
        s->filter_body = str_eqz(value, "MessageBody");
        if (value.n && !s->filter_body && !str_eqz(value, "MessageAttributes"))
            return invalid(fault, "FilterPolicyScope", "it is MessageAttributes or MessageBody");
        return ERR_OK;
    }
    if (str_eqz(name, "RawMessageDelivery")) {
        s->raw = str_eq_nocase(value, STR("true"));
        if (value.n && !s->raw && !str_eq_nocase(value, STR("false"))) return invalid(fault, "RawMessageDelivery", "it is true or false");
        return ERR_OK;
    }
    return fault_set(fault, ERR_INVALID_PARAMETER,
                     "Invalid parameter: AttributeName: %.*s is not known; FilterPolicy, FilterPolicyScope, "
                     "RawMessageDelivery and RedrivePolicy are",
                     STR_ARG(name));
}

static bool is_address(struct str s) {
    size_t at = str_find(s, '@', 0);
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 127) return false;
    return at > 0 && at + 1 < s.n;
}

enum err subscription_check(struct subscription *s, struct fault *fault) {
    struct arn arn;
    bool is_arn = arn_parse(s->endpoint, &arn);
    s->target = s->endpoint;
    if (str_eqz(s->protocol, "sqs"))
        return is_arn && str_eqz(arn.service, "sqs") ? ERR_OK : invalid(fault, "Endpoint", "the ARN of a queue is expected");
    if (str_eqz(s->protocol, "lambda"))
        return is_arn && str_eqz(arn.service, "lambda") ? ERR_OK : invalid(fault, "Endpoint", "the ARN of a function is expected");
    if (str_eqz(s->protocol, "http"))
        return str_starts(s->endpoint, STR("http://")) ? ERR_OK : invalid(fault, "Endpoint", "a URL that begins with http:// is expected");
    if (str_eqz(s->protocol, "https"))
        return str_starts(s->endpoint, STR("https://")) ? ERR_OK
                                                        : invalid(fault, "Endpoint", "a URL that begins with https:// is expected");
    if (!is_address(s->endpoint)) return invalid(fault, "Endpoint", "an e-mail address is expected");
    s->target = arena_printf(&s->arena, "mailto:%.*s", STR_ARG(s->endpoint));
    return s->target.p ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}

/* ---- records
 * ---------------------------------------------------------------------------------------------------------------------------------- */
void topic_record(struct buf *out, const struct topic *t) {
    struct json j;
    json_init(&j, out);
    json_object_begin(&j);
    if (t->display_name.p) json_key_str(&j, "DisplayName", t->display_name);
    if (t->policy.p) json_key_str(&j, "Policy", t->policy);
    json_object_end(&j);
}

void subscription_record(struct buf *out, const struct subscription *s) {
    struct json j;
    json_init(&j, out);
    json_object_begin(&j);
    json_key_str(&j, "protocol", s->protocol);
    json_key_str(&j, "endpoint", s->endpoint);
    if (s->filter_text.p) json_key_str(&j, "FilterPolicy", s->filter_text);
    if (s->filter_body) json_key_str(&j, "FilterPolicyScope", STR("MessageBody"));
    if (s->raw) json_key_str(&j, "RawMessageDelivery", STR("true"));
    if (s->redrive_text.p) json_key_str(&j, "RedrivePolicy", s->redrive_text);
    json_object_end(&j);
}

static enum err load_topic(void *ctx, struct str key, const json_t *record, struct fault *fault) {
    struct topic_service *service = ctx;
    size_t slash = str_find(key, '/', 0);
    struct topic *t = topic_new(service->host, str_of(key.p, slash), str_skip(key, slash + 1), NULL, 0);
    if (!t) return fault_set(fault, ERR_NOMEM, NULL);
    enum err err = topic_set(t, STR("DisplayName"), record_str(record, "DisplayName", &t->r.arena), fault);
    if (!err) err = topic_set(t, STR("Policy"), record_str(record, "Policy", &t->r.arena), fault);
    if (err) {
        resource_unref(&t->r);
        return err;
    }
    return resources_show(&service->topics, &t->r) ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}

static enum err load_subscription(void *ctx, struct str key, const json_t *record, struct fault *fault) {
    static const char *const names[] = {"FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy"};
    struct topic_service *service = ctx;
    struct str account, name, id;
    struct arena a;
    arena_init(&a, 0);
    struct resource *r = topic_arn_parse(key, &account, &name, &id) ? resources_get(&service->topics, account, name) : NULL;
    struct subscription *s =
        r ? subscription_new(service->host, key, record_str(record, "protocol", &a), record_str(record, "endpoint", &a)) : NULL;
    enum err err = !r  ? fault_set(fault, ERR_CORRUPT, "the stored subscription %.*s has no topic", STR_ARG(key))
                   : s ? subscription_check(s, fault)
                       : ERR_NOMEM;
    for (size_t i = 0; !err && i < 4; i++) {
        struct str value = record_str(record, names[i], &a);
        if (value.p) err = subscription_set(s, str_from(names[i]), value, fault);
    }
    struct topic *t = err ? NULL : topic_new(service->host, account, name, (struct topic *)(void *)r, 1);
    if (!err && !t) err = fault_set(fault, ERR_NOMEM, NULL);
    if (!err) {
        t->subscriptions[t->count++] = s; /* the scan goes in order of ARN */
        s = NULL;
        if (!resources_show(&service->topics, &t->r)) err = fault_set(fault, ERR_NOMEM, NULL);
    }
    subscription_unref(s);
    resource_unref(r);
    arena_fini(&a);
    return err;
}

enum err topic_load_all(struct topic_service *s, struct fault *fault) {
    struct store *store = committer_store(s->host->committer);
    enum err err = record_each(store, STR("topic"), load_topic, s, fault);
    return err ? err : record_each(store, STR("subscription"), load_subscription, s, fault);
}
