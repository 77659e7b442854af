/* The operations on topics and subscriptions. */
#include <inttypes.h>
#include <stdlib.h>

#include "json.h"
#include "page.h"
#include "topic.h"

enum { PAGE = 100 };

static enum err no_memory(struct call *call) { return fault_set(&call->fault, ERR_NOMEM, NULL); }

/* ---- naming -------------------------------------------------------------------------------------------------------------------------- */
/* A TopicArn or SubscriptionArn is the first member of the requests that have one. */
static struct str resource_of(void *self, struct call *call) {
    (void)self;
    return *(const struct str *)call->in;
}
static struct str any_resource(void *self, struct call *call) {
    return topic_arn_text(((const struct topic_service *)self)->host, call->arena, call->account, STR("*"));
}
static struct str create_resource(void *self, struct call *call) {
    return topic_arn_text(((const struct topic_service *)self)->host, call->arena, call->account,
                          ((const struct topic_create *)call->in)->name);
}
static struct str publish_resource(void *self, struct call *call) {
    const struct topic_publish *in = call->in;
    (void)self;
    return in->arn.p ? in->arn : in->target;
}

static enum err find_topic(struct topic_service *s, struct call *call, struct str arn, struct topic **t) {
    struct str account, name;
    if (!topic_arn_parse(arn, &account, &name, NULL))
        return fault_set(&call->fault, ERR_INVALID_PARAMETER, "Invalid parameter: TopicArn Reason: '%.*s' is not the ARN of a topic",
                         STR_ARG(arn));
    *t = (struct topic *)(void *)resources_get(&s->topics, account, name);
    if (*t && !str_eq((*t)->arn, arn)) { /* another region or partition: policies know the topic by its one ARN */
        resource_unref(&(*t)->r);
        *t = NULL;
    }
    return *t ? ERR_OK : fault_set(&call->fault, ERR_NOT_FOUND, "Topic does not exist");
}

static size_t subscription_index(const struct topic *t, struct str arn) {
    size_t i = 0;
    while (i < t->count && !str_eq(t->subscriptions[i]->arn, arn)) i++;
    return i;
}

static enum err find_subscription(struct topic_service *s, struct call *call, struct str arn, struct topic **t, size_t *index) {
    struct str account, name, id;
    *t = NULL;
    if (topic_arn_parse(arn, &account, &name, &id)) *t = (struct topic *)(void *)resources_get(&s->topics, account, name);
    *index = *t ? subscription_index(*t, arn) : 0;
    if (*t && *index < (*t)->count) return ERR_OK;
    if (*t) resource_unref(&(*t)->r);
    *t = NULL;
    return fault_set(&call->fault, ERR_NOT_FOUND, "Subscription does not exist");
}

/* ---- storing
 * -------------------------------------------------------------------------------------------------------------------------------- */
static bool add_record(struct txn *txn, const char *kind, struct str key, struct buf *record) {
    struct store_op *op = txn_add(txn, record ? OP_CATALOG_PUT : OP_CATALOG_DELETE);
    if (!op) return false;
    op->u.catalog.kind = str_from(kind);
    op->u.catalog.key = arena_str(txn->arena, key);
    if (record) op->u.catalog.value = record->failed ? STR_NULL : arena_str(txn->arena, buf_str(record));
    return op->u.catalog.key.p && (!record || op->u.catalog.value.p);
}

/* Commits, then shows the entry; takes over the reference. The caller holds the change lock. */
static enum err commit_and_show(struct topic_service *s, struct call *call, struct txn *txn, bool whole, struct topic *t) {
    enum err err = whole ? committer_run(s->host->committer, txn, &call->fault) : no_memory(call);
    if (err)
        resource_unref(&t->r);
    else if (!resources_show(&s->topics, &t->r))
        err = no_memory(call);
    return err;
}

static enum err store_topic(struct topic_service *s, struct call *call, struct topic *t) {
    struct txn txn;
    struct buf record;
    txn_init(&txn, call->arena);
    buf_init(&record, 0);
    topic_record(&record, t);
    bool whole = add_record(&txn, "topic", t->r.key, &record);
    buf_fini(&record);
    return commit_and_show(s, call, &txn, whole, t);
}

/* `changed` is in t already; NULL: `gone` was taken out. */
static enum err store_subscription(struct topic_service *s, struct call *call, struct topic *t, const struct subscription *changed,
                                   struct str gone) {
    struct txn txn;
    struct buf record;
    txn_init(&txn, call->arena);
    buf_init(&record, 0);
    if (changed) subscription_record(&record, changed);
    bool whole = add_record(&txn, "subscription", changed ? changed->arn : gone, changed ? &record : NULL);
    buf_fini(&record);
    return commit_and_show(s, call, &txn, whole, t);
}

/* ---- topics
 * ------------------------------------------------------------------------------------------------------------------------------------ */
static enum err create_topic(void *self, struct call *call) {
    struct topic_service *s = self;
    const struct topic_create *in = call->in;
    enum err err = ERR_OK;
    ((struct topic_arn *)call->out)->arn = topic_arn_text(s->host, call->arena, call->account, in->name);
    resources_lock(&s->topics);
    struct resource *there = resources_get(&s->topics, call->account, in->name);
    if (!there) {
        struct topic *t = topic_new(s->host, call->account, in->name, NULL, 0);
        if (!t) err = no_memory(call);
        for (size_t i = 0; !err && i < in->attributes.n; i++) {
            const struct map_entry *e = LIST_AT(in->attributes, struct map_entry, i);
            err = topic_set(t, e->key, e->s, &call->fault);
        }
        if (!err)
            err = store_topic(s, call, t);
        else if (t)
            resource_unref(&t->r);
    }
    resource_unref(there);
    resources_unlock(&s->topics);
    return err;
}

static enum err delete_topic(void *self, struct call *call) {
    struct topic_service *s = self;
    struct topic *t;
    resources_lock(&s->topics);
    enum err err = find_topic(s, call, ((const struct topic_arn *)call->in)->arn, &t);
    if (!err) {
        struct txn txn;
        txn_init(&txn, call->arena);
        bool whole = add_record(&txn, "topic", t->r.key, NULL);
        for (size_t i = 0; whole && i < t->count; i++) whole = add_record(&txn, "subscription", t->subscriptions[i]->arn, NULL);
        err = whole ? committer_run(s->host->committer, &txn, &call->fault) : no_memory(call);
        if (!err) resources_hide(&s->topics, t->r.key);
        resource_unref(&t->r);
    } else if (err == ERR_NOT_FOUND) {
        err = ERR_OK; /* deleting what is not there is fine, as with SNS */
    }
    resources_unlock(&s->topics);
    return err;
}

/* SNS has a sentence of its own for a token that is none. */
static enum err page_of(struct call *call, struct str token, struct str *after) {
    enum err err = page_begin(call, token, after);
    return err == ERR_VALIDATION ? fault_set(&call->fault, ERR_INVALID_PARAMETER, "Invalid parameter: NextToken") : err;
}

static enum err list_topics(void *self, struct call *call) {
    struct topic_service *s = self;
    const struct topic_list *in = call->in;
    struct topic_list_answer *out = call->out;
    struct resource **topics;
    size_t count;
    bool more;
    struct str after;
    enum err err = page_of(call, in->token, &after);
    if (!err) err = resources_list(&s->topics, call->account, STR(""), after, PAGE, call->arena, &topics, &count, &more, &call->fault);
    if (err) return err;
    struct topic_arn *items = arena_array(call->arena, count, sizeof *items);
    for (size_t i = 0; i < count; i++) {
        if (items) items[i].arn = arena_str(call->arena, ((struct topic *)(void *)topics[i])->arn);
        if (i + 1 == count) out->token = page_end(call, more, topics[i]->name);
        resource_unref(topics[i]);
    }
    out->topics = (struct list){true, count, items};
    return items ? ERR_OK : no_memory(call);
}

/* An answer of attributes being written. */
enum { ATTRIBUTES_MAX = 16 };
static struct map_entry *attributes_begin(struct call *call) { return arena_array(call->arena, ATTRIBUTES_MAX, sizeof(struct map_entry)); }

static void attribute(struct call *call, struct map_entry *items, const char *name, struct str value) {
    struct topic_attributes *out = call->out;
    if (!value.p) return;
    items[out->attributes.n++] = (struct map_entry){.key = str_from(name), .s = arena_str(call->arena, value)};
    out->attributes.items = items;
    out->attributes.set = true;
}

static enum err get_topic_attributes(void *self, struct call *call) {
    struct topic *t;
    struct map_entry *items = attributes_begin(call);
    if (!items) return no_memory(call);
    enum err err = find_topic(self, call, ((const struct topic_arn *)call->in)->arn, &t);
    if (err) return err;
    attribute(call, items, "TopicArn", t->arn);
    attribute(call, items, "Owner", t->r.account);
    attribute(call, items, "DisplayName", t->display_name.p ? t->display_name : STR(""));
    attribute(call, items, "Policy", t->policy);
    if (topic_is_fifo(t)) attribute(call, items, "FifoTopic", STR("true"));
    attribute(call, items, "SubscriptionsConfirmed", arena_printf(call->arena, "%zu", t->count));
    attribute(call, items, "SubscriptionsPending", STR("0"));
    attribute(call, items, "SubscriptionsDeleted", STR("0"));
    resource_unref(&t->r);
    return ERR_OK;
}

static enum err set_topic_attributes(void *self, struct call *call) {
    struct topic_service *s = self;
    const struct topic_set_attribute *in = call->in;
    struct topic *old;
    resources_lock(&s->topics);
    enum err err = find_topic(s, call, in->arn, &old);
    if (!err) {
        struct topic *t = topic_new(s->host, old->r.account, old->r.name, old, 0);
        err = t ? topic_set(t, in->name, in->value, &call->fault) : no_memory(call);
        if (!err)
            err = store_topic(s, call, t);
        else if (t)
            resource_unref(&t->r);
        resource_unref(&old->r);
    }
    resources_unlock(&s->topics);
    return err;
}

/* ---- subscriptions
 * ------------------------------------------------------------------------------------------------------------------------------- */
static struct str new_subscription_arn(struct call *call, const struct topic *t) {
    char id[ID_TEXT_SIZE];
    id_text(id_random(), id);
    return arena_printf(call->arena, "%.*s:%s", STR_ARG(t->arn), id);
}

static void put_sorted(struct topic *t, struct subscription *s) {
    size_t i = 0;
    while (i < t->count && str_cmp(t->subscriptions[i]->arn, s->arn) < 0) i++;
    if (i < t->count && str_eq(t->subscriptions[i]->arn, s->arn)) {
        subscription_unref(t->subscriptions[i]);
    } else {
        memmove(&t->subscriptions[i + 1], &t->subscriptions[i], (t->count - i) * sizeof t->subscriptions[0]);
        t->count++;
    }
    t->subscriptions[i] = s;
}

/* Puts the subscription, new or changed, into a new entry of its topic. Takes over the reference. */
static enum err put_subscription(struct topic_service *s, struct call *call, const struct topic *old, struct subscription *sub) {
    bool room = old->count < SUBSCRIPTIONS_MAX || subscription_index(old, sub->arn) < old->count;
    struct topic *t = room ? topic_new(s->host, old->r.account, old->r.name, old, 1) : NULL;
    if (!t) {
        subscription_unref(sub);
        return room ? no_memory(call) : fault_set(&call->fault, ERR_LIMIT, "A topic has at most %d subscriptions.", SUBSCRIPTIONS_MAX);
    }
    put_sorted(t, sub);
    return store_subscription(s, call, t, sub, STR_NULL);
}

static enum err subscribe_locked(struct topic_service *s, struct call *call, const struct topic *t) {
    const struct topic_subscribe *in = call->in;
    struct topic_subscription_arn *out = call->out;
    struct subscription *sub = NULL;
    for (size_t i = 0; i < t->count && !sub; i++)
        if (str_eq(t->subscriptions[i]->protocol, in->protocol) && str_eq(t->subscriptions[i]->endpoint, in->endpoint))
            sub = subscription_copy(t->subscriptions[i]);
    if (!sub) sub = subscription_new(s->host, new_subscription_arn(call, t), in->protocol, in->endpoint);
    if (!sub) return no_memory(call);
    enum err err = subscription_check(sub, &call->fault);
    for (size_t i = 0; !err && i < in->attributes.n; i++) {
        const struct map_entry *e = LIST_AT(in->attributes, struct map_entry, i);
        err = subscription_set(sub, e->key, e->s, &call->fault);
    }
    if (!err && !(out->arn = arena_str(call->arena, sub->arn)).p) err = no_memory(call);
    if (!err) return put_subscription(s, call, t, sub);
    subscription_unref(sub);
    return err;
}

static enum err subscribe(void *self, struct call *call) {
    struct topic_service *s = self;
    struct topic *t;
    resources_lock(&s->topics);
    enum err err = find_topic(s, call, ((const struct topic_subscribe *)call->in)->arn, &t);
    if (!err) {
        err = subscribe_locked(s, call, t);
        resource_unref(&t->r);
    }
    resources_unlock(&s->topics);
    return err;
}

static enum err unsubscribe(void *self, struct call *call) {
    struct topic_service *s = self;
    struct str arn = ((const struct topic_subscription_arn *)call->in)->arn;
    struct topic *old;
    size_t i;
    resources_lock(&s->topics);
    enum err err = find_subscription(s, call, arn, &old, &i);
    if (!err) {
        struct topic *t = topic_new(s->host, old->r.account, old->r.name, old, 0);
        if (t) {
            subscription_unref(t->subscriptions[i]);
            t->count--;
            memmove(&t->subscriptions[i], &t->subscriptions[i + 1], (t->count - i) * sizeof t->subscriptions[0]);
            err = store_subscription(s, call, t, NULL, arn);
        } else {
            err = no_memory(call);
        }
        resource_unref(&old->r);
    } else if (err == ERR_NOT_FOUND) {
        err = ERR_OK;
    }
    resources_unlock(&s->topics);
    return err;
}

static enum err set_subscription_attributes(void *self, struct call *call) {
    struct topic_service *s = self;
    const struct topic_set_attribute *in = call->in;
    struct topic *t;
    size_t i;
    resources_lock(&s->topics);
    enum err err = find_subscription(s, call, in->arn, &t, &i);
    if (!err) {
        struct subscription *sub = subscription_copy(t->subscriptions[i]);
        err = sub ? subscription_set(sub, in->name, in->value, &call->fault) : no_memory(call);
        if (!err)
            err = put_subscription(s, call, t, sub);
        else
            subscription_unref(sub);
        resource_unref(&t->r);
    }
    resources_unlock(&s->topics);
    return err;
}

static enum err get_subscription_attributes(void *self, struct call *call) {
    struct topic *t;
    size_t i;
    struct map_entry *items = attributes_begin(call);
    if (!items) return no_memory(call);
    enum err err = find_subscription(self, call, ((const struct topic_subscription_arn *)call->in)->arn, &t, &i);
    if (err) return err;
    const struct subscription *sub = t->subscriptions[i];
    attribute(call, items, "SubscriptionArn", sub->arn);
    attribute(call, items, "TopicArn", t->arn);
    attribute(call, items, "Owner", t->r.account);
    attribute(call, items, "Protocol", sub->protocol);
    attribute(call, items, "Endpoint", sub->endpoint);
    attribute(call, items, "PendingConfirmation", STR("false"));
    attribute(call, items, "RawMessageDelivery", sub->raw ? STR("true") : STR("false"));
    attribute(call, items, "FilterPolicy", sub->filter_text);
    if (sub->filter) attribute(call, items, "FilterPolicyScope", sub->filter_body ? STR("MessageBody") : STR("MessageAttributes"));
    attribute(call, items, "RedrivePolicy", sub->redrive_text);
    resource_unref(&t->r);
    return ERR_OK;
}

static bool fill_subscriptions(struct call *call, const struct topic *t, struct str after, struct topic_subscription *items, size_t *n,
                               bool *more) {
    struct arena *a = call->arena;
    for (size_t i = 0; i < t->count; i++) {
        const struct subscription *s = t->subscriptions[i];
        if (after.p && str_cmp(s->arn, after) <= 0) continue;
        if (*n == PAGE) {
            *more = true;
            break;
        }
        items[*n] = (struct topic_subscription){arena_str(a, s->arn), arena_str(a, t->r.account), arena_str(a, s->protocol),
                                                arena_str(a, s->endpoint), arena_str(a, t->arn)};
        if (!items[(*n)++].topic.p) return false;
    }
    return true;
}

static enum err list_by_topic(void *self, struct call *call) {
    const struct topic_list_subscriptions *in = call->in;
    struct topic_list_subscriptions_answer *out = call->out;
    struct topic_subscription *items = arena_array(call->arena, PAGE, sizeof *items);
    struct topic *t;
    size_t n = 0;
    bool more = false;
    struct str after;
    enum err err = page_of(call, in->token, &after);
    if (!err) err = items ? find_topic(self, call, in->arn, &t) : no_memory(call);
    if (err) return err;
    if (!fill_subscriptions(call, t, after, items, &n, &more)) err = no_memory(call);
    out->subscriptions = (struct list){true, n, items};
    if (more) out->token = page_end(call, more, items[n - 1].arn);
    resource_unref(&t->r);
    return err;
}

/* Topics go in order of name, a topic's subscriptions in order of ARN. A token is the last subscription's ARN: its topic is gone through
 * once more from there, then the topics behind it. */
static enum err list_subscriptions(void *self, struct call *call) {
    struct topic_service *s = self;
    const struct topic_list_subscriptions *in = call->in;
    struct topic_list_subscriptions_answer *out = call->out;
    struct topic_subscription *items = arena_array(call->arena, PAGE, sizeof *items);
    struct str after, account, from = STR_NULL, id;
    struct resource **topics;
    size_t count, n = 0;
    bool more = false, ignored, whole = true;
    if (!items) return no_memory(call);
    enum err err = page_of(call, in->token, &after);
    if (err) return err;
    if (after.p && !topic_arn_parse(after, &account, &from, &id)) return fault_set(&call->fault, ERR_INTERNAL, NULL);
    err =
        resources_list(&s->topics, call->account, STR(""), STR_NULL, SIZE_MAX, call->arena, &topics, &count, &ignored, &call->fault);
    for (size_t i = 0; !err && i < count; i++) {
        int order = from.p ? str_cmp(topics[i]->name, from) : 1;
        if (!more && whole && order >= 0)
            whole = fill_subscriptions(call, (struct topic *)(void *)topics[i], order ? STR_NULL : after, items, &n, &more);
        resource_unref(topics[i]);
    }
    if (!err && !whole) err = no_memory(call);
    out->subscriptions = (struct list){true, n, items};
    if (more) out->token = page_end(call, more, items[n - 1].arn);
    return err;
}

/* ---- publishing
 * ----------------------------------------------------------------------------------------------------------------------------------------
 */
static bool is_type(struct str type, struct str kind) { return str_starts(type, kind) && (type.n == kind.n || type.p[kind.n] == '.'); }

/* Values of these types stand in filters' JSON as they are. */
static bool is_json_type(struct str type) { return str_eqz(type, "Number") || str_eqz(type, "String.Array"); }

static bool is_json_of(struct str type, struct str value) {
    json_t *root = json_loadb(value.p, value.n, JSON_DECODE_ANY, NULL);
    bool ok = str_eqz(type, "Number") ? json_is_number(root) : json_is_array(root);
    json_decref(root);
    return ok;
}

/* SNS's rules. What passed here goes into queues with raw delivery, where it must be readable again. */
static enum err check_attributes(const struct list *attributes, struct fault *fault) {
    for (size_t i = 0; i < attributes->n; i++) {
        const struct map_entry *e = LIST_AT(*attributes, struct map_entry, i);
        const struct topic_attribute_value *v = e->p;
        bool binary = is_type(v->type, STR("Binary"));
        const char *flaw = NULL;
        if (!binary && !is_type(v->type, STR("String")) && !is_type(v->type, STR("Number")))
            flaw = "has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.";
        else if (!(binary ? v->binary : v->text).n)
            flaw = "must contain a non-empty value of its message attribute type.";
        else if ((binary ? v->text : v->binary).p)
            flaw = "must contain one value, that of its message attribute type.";
        else if (is_json_type(v->type) && !is_json_of(v->type, v->text))
            flaw = str_eqz(v->type, "Number") ? "is of type Number: its value must be a number."
                                              : "is of type String.Array: its value must be a JSON array.";
        if (flaw)
            return fault_at(fault, ERR_INVALID_PARAMETER, "messageAttributes", 0, 0, "Invalid parameter: The message attribute '%.*s' %s",
                            STR_ARG(e->key), flaw);
    }
    return ERR_OK;
}

static void write_attribute(struct json *j, const struct map_entry *e, int form) {
    const struct topic_attribute_value *v = e->p;
    struct buf binary;
    buf_init(&binary, 0);
    if (v->binary.p) hash_base64(&binary, v->binary);
    struct str value = v->binary.p ? buf_str(&binary) : v->text;
    json_key(j, e->key);
    if (form == 0) { /* for filters: numbers and arrays as JSON, the rest as strings */
        if (is_json_type(v->type))
            json_raw(j, value);
        else
            json_str(j, value);
    } else {
        json_object_begin(j);
        json_key_str(j, form == 1 ? "Type" : "DataType", v->type);
        json_key_str(j, form == 1 ? "Value" : v->binary.p ? "BinaryValue" : "StringValue", value);
        json_object_end(j);
    }
    buf_fini(&binary);
}

/* form 0: for filters; 1: of the envelope; 2: of queues. */
static struct str attributes_json(struct call *call, const struct list *attributes, int form) {
    struct buf out;
    struct json j;
    if (!attributes->n) return STR_NULL;
    buf_init(&out, 0);
    json_init(&j, &out);
    json_object_begin(&j);
    for (size_t i = 0; i < attributes->n; i++) write_attribute(&j, LIST_AT(*attributes, struct map_entry, i), form);
    json_object_end(&j);
    struct str text = out.failed ? STR_NULL : arena_str(call->arena, buf_str(&out));
    buf_fini(&out);
    return text;
}

static enum err publish(void *self, struct call *call) {
    struct topic_service *s = self;
    const struct topic_publish *in = call->in;
    struct topic_publish_answer *out = call->out;
    struct topic *t;
    struct txn txn;
    char id[ID_TEXT_SIZE];
    struct str arn = in->arn.p ? in->arn : in->target;
    if (!arn.p) return fault_set(&call->fault, ERR_INVALID_PARAMETER, "Invalid parameter: TopicArn or TargetArn must be given");
    if (in->structure.n) return fault_set(&call->fault, ERR_INVALID_PARAMETER, "Invalid parameter: MessageStructure is not supported");
    enum err err = check_attributes(&in->attributes, &call->fault);
    if (!err) err = find_topic(s, call, arn, &t);
    if (err) return err;
    if (topic_is_fifo(t) && !in->group.n) {
        resource_unref(&t->r);
        return fault_at(&call->fault, ERR_INVALID_PARAMETER, "messageGroupId", 0, 0,
                        "Invalid parameter: The MessageGroupId parameter is required for FIFO topics");
    }
    id_text(id_random(), id);
    out->id = arena_str(call->arena, str_from(id));
    struct notification n = {.message = in->message,
                             .subject = in->subject,
                             .id = out->id,
                             .group = in->group,
                             .dedup = in->dedup,
                             .event = in->message,
                             .event_id = out->id,
                             .now_ms = call->now_ms,
                             .attributes = attributes_json(call, &in->attributes, 1),
                             .filter_attributes = attributes_json(call, &in->attributes, 0),
                             .queue_attributes = attributes_json(call, &in->attributes, 2)};
    txn_init(&txn, call->arena);
    if (!out->id.p || (in->attributes.n && (!n.attributes.p || !n.filter_attributes.p || !n.queue_attributes.p)))
        err = no_memory(call);
    else if (topic_fan_out(s, t, &n, &txn, &call->fault) != OUTCOME_DELIVERED)
        err = no_memory(call);
    if (!err) err = committer_run(s->host->committer, &txn, &call->fault);
    resource_unref(&t->r);
    return err;
}

const struct handler_row topic_handlers[] = {
    {"CreateTopic", create_topic, create_resource},
    {"DeleteTopic", delete_topic, resource_of},
    {"ListTopics", list_topics, any_resource},
    {"GetTopicAttributes", get_topic_attributes, resource_of},
    {"SetTopicAttributes", set_topic_attributes, resource_of},
    {"Subscribe", subscribe, resource_of},
    {"Unsubscribe", unsubscribe, resource_of},
    {"ListSubscriptions", list_subscriptions, any_resource},
    {"ListSubscriptionsByTopic", list_by_topic, resource_of},
    {"GetSubscriptionAttributes", get_subscription_attributes, resource_of},
    {"SetSubscriptionAttributes", set_subscription_attributes, resource_of},
    {"Publish", publish, publish_resource},
    {.name = NULL},
};
