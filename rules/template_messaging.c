/* Queues, topics, streams and log groups of templates, as requests of their services. */
#include "arn.h"
#include "template_state.h"

#define WHAT(t, kind, name) arena_printf((t)->arena, kind " %.*s of account %.*s", STR_ARG(name), STR_ARG((t)->options->account))

/* ---- queues ---------------------------------------------------------------------------------------------- */
/* "https://host/ACCOUNT/NAME", an ARN, or a name: the name, when the queue is of this account. */
static struct str queue_name(const struct template *t, struct str text) {
    struct arn arn;
    if (arn_parse(text, &arn)) return str_eq(arn.account, t->options->account) ? arn.resource : STR_NULL;
    size_t at = text.n;
    while (at && text.p[at - 1] != '/') at--;
    return str_skip(text, at);
}

/* The policy that a QueuePolicy of this template gives the queue; of several the last wins, as on AWS. */
static struct str policy_of(struct template *t, struct template_resource *queue) {
    struct str found = STR_NULL;
    for (size_t i = 0; i < t->resource_count; i++) {
        const struct template_resource *r = &t->resources[i];
        if (r->absent || !r->type || r->type->load != template_load_queue_policy || !r->properties) continue;
        const struct ynode *queues = template_get(r->properties, "Queues");
        for (const struct ynode *n = queues && queues->kind == YNODE_LIST ? queues->child : NULL; n; n = n->next)
            if (n->kind == YNODE_STRING && str_eq(queue_name(t, n->text), queue->name))
                found = template_document(t, template_get(r->properties, "PolicyDocument"));
    }
    return found;
}

static void check_fifo(struct template *t, struct template_resource *r) {
    const struct ynode *n = template_get(r->properties, "FifoQueue"), *name = template_get(r->properties, "QueueName"),
                       *deduplication = template_get(r->properties, "ContentBasedDeduplication");
    bool is = n && n->kind < YNODE_LIST && str_eq_nocase(n->text, STR("true")), named = str_ends(r->name, STR(".fifo"));
    if (is && !named) problem_at(t->problems, name ? name : n, "the name of a FIFO queue ends in .fifo");
    if (!is && named) problem_at(t->problems, name ? name : r->properties, "a queue whose name ends in .fifo needs FifoQueue: true");
    if (!is && deduplication && deduplication->kind < YNODE_LIST && str_eq_nocase(deduplication->text, STR("true")))
        problem_at(t->problems, deduplication, "only a FIFO queue looks for equal bodies");
}

void template_load_queue(struct template *t, struct template_resource *r) {
    struct template_request q;
    check_fifo(t, r);
    template_begin(&q);
    template_member(&q, "QueueName", r->name);
    template_member(&q, "QueueUrl", r->name); /* what the update goes by */
    json_key(&q.j, STR("Attributes"));
    json_object_begin(&q.j);
    template_write(t, &q.j, r->properties, "Queue");
    template_member(&q, "Policy", policy_of(t, r));
    json_object_end(&q.j);
    template_declare(t, &q, "sqs.CreateQueue", "sqs.SetQueueAttributes", r->properties, WHAT(t, "queue", r->name));
}

static bool is_own_queue(struct template *t, struct str name) {
    for (size_t i = 0; i < t->resource_count; i++)
        if (t->resources[i].type && t->resources[i].type->load == template_load_queue && str_eq(t->resources[i].name, name)) return true;
    return false;
}

/* The queues of this template have their policy already; of others it is an attribute that changes. */
void template_load_queue_policy(struct template *t, struct template_resource *r) {
    const struct ynode *queues = template_get(r->properties, "Queues");
    struct template_request q;
    template_begin(&q);
    template_write(t, &q.j, r->properties, "QueuePolicy");
    buf_fini(&q.out);
    struct str policy = template_document(t, template_get(r->properties, "PolicyDocument"));
    if (queues && !queues->unknown && queues->kind != YNODE_LIST) problem_at(t->problems, queues, "a list of queue URLs is expected here");
    for (const struct ynode *n = queues && queues->kind == YNODE_LIST ? queues->child : NULL; n; n = n->next) {
        struct str url = template_text(t, n), name = queue_name(t, url);
        if (!url.p || !policy.p || is_own_queue(t, name)) continue;
        template_begin(&q);
        template_member(&q, "QueueUrl", name.p ? name : url);
        json_key(&q.j, STR("Attributes"));
        json_object_begin(&q.j);
        template_member(&q, "Policy", policy);
        json_object_end(&q.j);
        template_declare(t, &q, "sqs.SetQueueAttributes", NULL, r->properties, WHAT(t, "policy of queue", url));
    }
}

/* ---- topics ---------------------------------------------------------------------------------------------- */
static void set_topic(struct template *t, struct str arn, const char *name, struct str value, const struct ynode *node) {
    struct template_request q;
    if (!arn.p || !value.p) return;
    template_begin(&q);
    template_member(&q, "TopicArn", arn);
    template_member(&q, "AttributeName", str_from(name));
    template_member(&q, "AttributeValue", value);
    template_declare(t, &q, "sns.SetTopicAttributes", NULL, node, arena_printf(t->arena, "%s of topic %.*s", name, STR_ARG(arn)));
}

static bool is_protocol(struct str protocol) {
    static const char *const here[] = {"sqs", "lambda", "http", "https", "email", "email-json", NULL};
    for (const char *const *p = here; *p; p++)
        if (str_eqz(protocol, *p)) return true;
    return false;
}

/* n: Protocol, Endpoint, and what the table of the section knows. */
static void load_subscription(struct template *t, const struct ynode *n, struct str topic, const char *section) {
    struct template_request q;
    const struct ynode *how = template_get(n, "Protocol"), *where = template_get(n, "Endpoint"), *filter = template_get(n, "FilterPolicy");
    if (n->kind != YNODE_MAP) {
        problem_at(t->problems, n, "a mapping with Protocol and Endpoint is expected here");
        return;
    }
    template_begin(&q);
    template_member(&q, "TopicArn", topic);
    struct str protocol = template_text(t, how), endpoint = template_text(t, where);
    template_member(&q, "Protocol", protocol);
    template_member(&q, "Endpoint", endpoint);
    json_key(&q.j, STR("Attributes"));
    json_object_begin(&q.j);
    template_write(t, &q.j, n, section);
    json_object_end(&q.j);
    bool left_out = endpoint.p && map_get(&t->left_out, endpoint), here = !protocol.p || is_protocol(protocol);
    if (protocol.p && !here)
        problem_at(t->warnings, how, "the protocol %.*s means nothing here; the subscription is left out", STR_ARG(protocol));
    if (left_out) problem_at(t->warnings, where, "the subscription is left out: its endpoint means nothing here");
    if (filter && filter->kind != YNODE_MAP && filter->kind != YNODE_STRING) here = false; /* told */
    if (!topic.p || !protocol.p || !endpoint.p || !here || left_out)
        buf_fini(&q.out);
    else
        template_declare(t, &q, "sns.Subscribe", NULL, n, WHAT(t, "subscription", endpoint));
}

void template_load_topic(struct template *t, struct template_resource *r) {
    const struct ynode *list = template_get(r->properties, "Subscription"), *fifo = template_get(r->properties, "FifoTopic");
    struct str arn = template_attribute(t, r->node, r, STR("TopicArn"));
    struct template_request q;
    bool is_fifo = false, named = str_ends(r->name, STR(".fifo"));
    template_begin(&q);
    template_member(&q, "Name", r->name);
    json_key(&q.j, STR("Attributes"));
    json_object_begin(&q.j);
    template_write(t, &q.j, r->properties, "Topic");
    json_object_end(&q.j);
    if (fifo && fifo->kind < YNODE_LIST) is_fifo = str_eq_nocase(fifo->text, STR("true"));
    if (is_fifo != named && r->name.p)
        problem_at(t->problems, fifo ? fifo : r->properties, "a topic with FifoTopic: true, and no other, has a name that ends in .fifo");
    template_declare(t, &q, "sns.CreateTopic", NULL, r->properties, WHAT(t, "topic", r->name));
    set_topic(t, arn, "DisplayName", template_text(t, template_get(r->properties, "DisplayName")), r->properties);
    if (!list || list->unknown) return;
    if (list->kind != YNODE_LIST) problem_at(t->problems, list, "a list of subscriptions is expected here");
    for (const struct ynode *n = list->kind == YNODE_LIST ? list->child : NULL; n; n = n->next)
        if (!n->unknown) load_subscription(t, n, arn, "Topic.Subscription");
}

void template_load_subscription(struct template *t, struct template_resource *r) {
    load_subscription(t, r->properties, template_text(t, template_get(r->properties, "TopicArn")), "Subscription");
}

void template_load_topic_policy(struct template *t, struct template_resource *r) {
    const struct ynode *topics = template_get(r->properties, "Topics");
    struct template_request q;
    template_begin(&q);
    template_write(t, &q.j, r->properties, "TopicPolicy");
    buf_fini(&q.out);
    struct str policy = template_document(t, template_get(r->properties, "PolicyDocument"));
    if (topics && !topics->unknown && topics->kind != YNODE_LIST) problem_at(t->problems, topics, "a list of topic ARNs is expected here");
    for (const struct ynode *n = topics && topics->kind == YNODE_LIST ? topics->child : NULL; n; n = n->next)
        set_topic(t, template_text(t, n), "Policy", policy, r->properties);
}

/* ---- streams and log groups ------------------------------------------------------------------------------ */
void template_load_stream(struct template *t, struct template_resource *r) {
    struct template_request q;
    template_begin(&q);
    template_member(&q, "StreamName", r->name);
    template_write(t, &q.j, r->properties, "Stream");
    template_declare(t, &q, "kinesis.CreateStream", "kinesis.UpdateStream", r->properties, WHAT(t, "stream", r->name));
}

void template_load_log_group(struct template *t, struct template_resource *r) {
    struct template_request q;
    template_begin(&q);
    template_member(&q, "logGroupName", r->name);
    template_write(t, &q.j, r->properties, "LogGroup");
    template_declare(t, &q, "logs.CreateLogGroup", NULL, r->properties, WHAT(t, "log group", r->name));
}
