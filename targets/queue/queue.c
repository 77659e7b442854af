/* Entries of queues: attributes, records. */
#include <inttypes.h>
#include <stdlib.h>

#include "json.h"
#include "queue.h"
#include "record.h"

struct str queue_arn(const struct target_host *host, struct arena *a, struct str account, struct str name) {
    return arena_printf(a, "arn:aws:sqs:%.*s:%.*s:%.*s", STR_ARG(host->region), STR_ARG(account), STR_ARG(name));
}

bool queue_arn_parse(struct str text, struct str *account, struct str *name) {
    struct arn arn;
    if (!arn_parse(text, &arn) || !str_eqz(arn.service, "sqs") || !account_is_valid(arn.account) ||
        str_find(arn.resource, ':', 0) < arn.resource.n)
        return false;
    *account = arn.account;
    *name = arn.resource;
    return true;
}

static void free_queue(struct resource *r) {
    struct queue *q = (struct queue *)(void *)r;
    if (q->compiled_policy) q->host->policy_free(q->compiled_policy);
    free(q);
}

struct queue *queue_new(const struct target_host *host, struct str account, struct str name) {
    struct queue *q = calloc(1, sizeof *q);
    if (!q) return NULL;
    q->host = host;
    q->visibility_s = 30;
    q->retention_s = 345600;
    q->max_bytes = QUEUE_MESSAGE_MAX;
    if (resource_init(&q->r, account, name, free_queue)) return q;
    resource_unref(&q->r);
    return NULL;
}

struct queue *queue_copy(const struct queue *old) {
    struct queue *q = queue_new(old->host, old->r.account, old->r.name);
    if (!q) return NULL;
    q->number = old->number; /* member by member: the count of references in `r` changes under us */
    q->visibility_s = old->visibility_s;
    q->retention_s = old->retention_s;
    q->delay_s = old->delay_s;
    q->wait_s = old->wait_s;
    q->max_bytes = old->max_bytes;
    q->fifo = old->fifo;
    q->content_dedup = old->content_dedup;
    q->max_receives = old->max_receives;
    q->created_ms = old->created_ms;
    q->modified_ms = old->modified_ms;
    bool ok = !old->policy.p || !queue_set(q, STR("Policy"), old->policy, NULL);
    q->redrive = arena_str(&q->r.arena, old->redrive);
    q->dead_letter_arn = arena_str(&q->r.arena, old->dead_letter_arn);
    if (ok && (!old->redrive.p || q->redrive.p) && (!old->dead_letter_arn.p || q->dead_letter_arn.p)) return q;
    resource_unref(&q->r);
    return NULL;
}

/* ---- attributes ------------------------------------------------------------------------------------------------------------------------
 */
static const struct {
    const char *name;
    size_t offset;
    int64_t least, most;
} numbers[] = {{"VisibilityTimeout", offsetof(struct queue, visibility_s), 0, QUEUE_HIDDEN_MAX_S},
               {"MessageRetentionPeriod", offsetof(struct queue, retention_s), 60, 1209600},
               {"DelaySeconds", offsetof(struct queue, delay_s), 0, 900},
               {"ReceiveMessageWaitTimeSeconds", offsetof(struct queue, wait_s), 0, QUEUE_WAIT_MAX_S},
               {"MaximumMessageSize", offsetof(struct queue, max_bytes), 1024, QUEUE_MESSAGE_MAX}};
enum { NUMBERS = sizeof numbers / sizeof numbers[0] };
const char *const queue_settable[] = {"VisibilityTimeout",
                                      "MessageRetentionPeriod",
                                      "DelaySeconds",
                                      "ReceiveMessageWaitTimeSeconds",
                                      "MaximumMessageSize",
                                      "FifoQueue",
                                      "ContentBasedDeduplication",
                                      "RedrivePolicy",
                                      "Policy",
                                      NULL};

static int64_t *number_at(struct queue *q, size_t i) { return (int64_t *)(void *)((char *)q + numbers[i].offset); }

static enum err invalid(struct fault *fault, struct str name, const char *why) {
    return fault_at(fault, ERR_INVALID_PARAMETER, "attributes", 0, 0, "Invalid value for the parameter %.*s. Reason: %s", STR_ARG(name),
                    why);
}

static enum err set_flag(bool *flag, struct str name, struct str value, struct fault *fault) {
    if (!str_eq_nocase(value, STR("true")) && !str_eq_nocase(value, STR("false"))) return invalid(fault, name, "must be true or false.");
    *flag = str_eq_nocase(value, STR("true"));
    return ERR_OK;
}

static enum err set_redrive(struct queue *q, struct str name, struct str value, struct fault *fault) {
    if (!value.n) {
        q->redrive = q->dead_letter_arn = STR_NULL;
        q->max_receives = 0;
        return ERR_OK;
    }
    json_error_t where;
    json_t *root = json_loadb(value.p, value.n, 0, &where);
    const json_t *arn = json_object_get(root, "deadLetterTargetArn"), *count = json_object_get(root, "maxReceiveCount");
    struct str text = arn ? str_of(json_string_value(arn), json_string_length(arn)) : STR_NULL, account, to;
    int64_t receives = json_is_integer(count) ? (int64_t)json_integer_value(count) : 0;
    if (json_is_string(count) && !str_to_i64(str_from(json_string_value(count)), &receives)) receives = 0;
    enum err err = ERR_OK;
    if (!root)
        err = invalid(fault, name, "it is not JSON.");
    else if (!text.p || !queue_arn_parse(text, &account, &to))
        err = invalid(fault, name, "deadLetterTargetArn must be the ARN of a queue.");
    else if (!str_eq(account, q->r.account))
        err = invalid(fault, name, "the dead-letter queue must belong to the same account.");
    else if (str_eq(to, q->r.name))
        err = invalid(fault, name, "a queue cannot be its own dead-letter queue.");
    else if (str_ends(to, STR(".fifo")) != q->fifo)
        err = invalid(fault, name, "the dead-letter queue of a FIFO queue must be a FIFO queue, and only of one.");
    else if (receives < 1 || receives > 1000)
        err = invalid(fault, name, "maxReceiveCount must be from 1 to 1000.");
    if (!err) {
        q->redrive = arena_str(&q->r.arena, value);
        q->dead_letter_arn = arena_str(&q->r.arena, text);
        q->max_receives = (int32_t)receives;
        if (!q->redrive.p || !q->dead_letter_arn.p) err = fault_set(fault, ERR_NOMEM, NULL);
    }
    json_decref(root);
    return err;
}

static enum err set_policy(struct queue *q, struct str name, struct str value, struct fault *fault) {
    void *compiled = NULL;
    struct fault why;
    enum err err = value.n ? q->host->policy_new(value, &compiled, &why) : ERR_OK;
    if (err == ERR_NOMEM) return fault_set(fault, err, NULL);
    if (err) return invalid(fault, name, why.message);
    if (q->compiled_policy) q->host->policy_free(q->compiled_policy);
    q->compiled_policy = compiled;
    q->policy = value.n ? arena_str(&q->r.arena, value) : STR_NULL;
    return !value.n || q->policy.p ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}

enum err queue_set(struct queue *q, struct str name, struct str value, struct fault *fault) {
    for (size_t i = 0; i < NUMBERS; i++) {
        if (!str_eqz(name, numbers[i].name)) continue;
        int64_t v;
        if (!str_to_i64(value, &v) || v < numbers[i].least || v > numbers[i].most)
            return fault_at(fault, ERR_INVALID_PARAMETER, "attributes", 0, 0,
                            "Invalid value for the parameter %s. Reason: Must be an integer from %" PRId64 " to %" PRId64 ".",
                            numbers[i].name, numbers[i].least, numbers[i].most);
        *number_at(q, i) = v;
        return ERR_OK;
    }
    if (str_eqz(name, "FifoQueue")) {
        bool fifo = false;
        enum err err = set_flag(&fifo, name, value, fault);
        if (!err && fifo != str_ends(q->r.name, STR(".fifo")))
            err = invalid(fault, name, "FIFO queues, and only they, have names that end in .fifo.");
        return err;
    }
    if (str_eqz(name, "ContentBasedDeduplication")) {
        enum err err = set_flag(&q->content_dedup, name, value, fault);
        if (!err && q->content_dedup && !q->fifo) err = invalid(fault, name, "it is for FIFO queues.");
        return err;
    }
    if (str_eqz(name, "RedrivePolicy")) return set_redrive(q, name, value, fault);
    if (str_eqz(name, "Policy")) return set_policy(q, name, value, fault);
    return fault_at(fault, ERR_INVALID_PARAMETER, "attributes", 0, 0, "Unknown Attribute %.*s.", STR_ARG(name));
}

struct str queue_get(const struct queue *q, struct str name, struct arena *a) {
    for (size_t i = 0; i < NUMBERS; i++)
        if (str_eqz(name, numbers[i].name))
            return arena_printf(a, "%" PRId64, *(const int64_t *)(const void *)((const char *)q + numbers[i].offset));
    if (str_eqz(name, "FifoQueue")) return q->fifo ? STR("true") : STR_NULL;
    if (str_eqz(name, "ContentBasedDeduplication")) return q->fifo ? (q->content_dedup ? STR("true") : STR("false")) : STR_NULL;
    if (str_eqz(name, "RedrivePolicy")) return arena_str(a, q->redrive);
    if (str_eqz(name, "Policy")) return arena_str(a, q->policy);
    return STR_NULL;
}

/* ---- records
 * ------------------------------------------------------------------------------------------------------------------------------ */
enum err queue_store(struct queue_service *s, struct queue *q, struct fault *fault) {
    struct buf record;
    struct json j;
    struct arena a;
    arena_init(&a, 0);
    buf_init(&record, 0);
    json_init(&j, &record);
    json_object_begin(&j);
    json_key_i64(&j, "number", q->number);
    json_key_i64(&j, "created", q->created_ms);
    json_key_i64(&j, "modified", q->modified_ms);
    for (const char *const *name = queue_settable; *name; name++) {
        struct str value = queue_get(q, str_from(*name), &a);
        if (value.p) json_key_str(&j, *name, value);
    }
    json_object_end(&j);
    enum err err =
        record.failed ? fault_set(fault, ERR_NOMEM, NULL) : record_put(s->host->committer, STR("queue"), q->r.key, buf_str(&record), fault);
    buf_fini(&record);
    arena_fini(&a);
    if (err)
        resource_unref(&q->r);
    else if (!resources_show(&s->queues, &q->r))
        err = fault_set(fault, ERR_NOMEM, NULL);
    return err;
}

static enum err load(void *ctx, struct str key, const json_t *record, struct fault *fault) {
    struct queue_service *s = ctx;
    size_t slash = str_find(key, '/', 0);
    struct queue *q = queue_new(s->host, str_of(key.p, slash), str_skip(key, slash + 1));
    if (!q) return fault_set(fault, ERR_NOMEM, NULL);
    q->fifo = str_ends(q->r.name, STR(".fifo"));
    q->number = record_i64(record, "number", 0);
    q->created_ms = record_i64(record, "created", 0);
    q->modified_ms = record_i64(record, "modified", 0);
    enum err err = q->number > 0 ? ERR_OK : fault_set(fault, ERR_CORRUPT, "the stored queue %.*s has no number", STR_ARG(key));
    for (const char *const *name = queue_settable; *name && !err; name++) {
        struct str value = record_str(record, *name, &q->r.arena);
        if (value.p) err = queue_set(q, str_from(*name), value, fault);
    }
    if (err)
        resource_unref(&q->r);
    else if (!resources_show(&s->queues, &q->r))
        err = fault_set(fault, ERR_NOMEM, NULL);
    return err;
}

enum err queue_load_all(struct queue_service *s, struct fault *fault) {
    return record_each(committer_store(s->host->committer), STR("queue"), load, s, fault);
}
