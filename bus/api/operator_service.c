/* The bus service: accounts, access keys and the daemon's state, for operator keys. */
#include "clock.h"
#include "doc.h"
#include "engine.h"
#include "json.h"
#include "operator.h"

static struct world *world_of(void *self) { return flow_world(api_flow(self)); }
static enum err no_memory(struct call *call) { return fault_set(&call->fault, ERR_NOMEM, NULL); }

/* ---- accounts ---------------------------------------------------------------------------------------------------------------------- */
static enum err create_account(void *self, struct call *call) {
    const struct bus_create_account *in = call->in;
    struct bus_create_account_answer *out = call->out;
    enum err err = world_create_account(world_of(self), in->account_id, in->name, &call->fault);
    if (err) return err;
    if (!(out->account = ARENA_NEW(call->arena, struct bus_account))) return no_memory(call);
    *out->account = (struct bus_account){in->account_id, in->name, {true, call->now_ms}};
    return ERR_OK;
}

/* What an account has beside buses and keys, as the services list and delete it. */
static const struct {
    const char *list, *items, *item /* NULL: the item is the name */, *remove, *argument;
} owned[] = {{"events.ListArchives", "Archives", "ArchiveName", "events.DeleteArchive", "ArchiveName"},
             {"sns.ListTopics", "Topics", "TopicArn", "sns.DeleteTopic", "TopicArn"},
             {"sqs.ListQueues", "QueueUrls", NULL, "sqs.DeleteQueue", "QueueUrl"},
             {"kinesis.ListStreams", "StreamNames", NULL, "kinesis.DeleteStream", "StreamName"},
             {"lambda.ListFunctions", "Functions", "FunctionName", "lambda.DeleteFunction", "FunctionName"},
             {"logs.DescribeLogGroups", "logGroups", "logGroupName", "logs.DeleteLogGroup", "logGroupName"}};

static enum err delete_one(void *self, struct call *call, struct str account, size_t kind, struct str name) {
    struct buf request;
    struct json j;
    buf_init(&request, 0);
    json_init(&j, &request);
    json_object_begin(&j);
    json_key_str(&j, owned[kind].argument, name);
    json_object_end(&j);
    enum err err =
        request.failed ? no_memory(call) : api_run(self, account, str_from(owned[kind].remove), buf_str(&request), NULL, &call->fault);
    buf_fini(&request);
    return err;
}

/* Page by page until there are none: each round deletes what it was shown. */
static enum err delete_owned(void *self, struct call *call, struct str account, size_t kind) {
    enum err err = ERR_OK;
    for (bool more = true; more && !err;) {
        struct arena a;
        struct buf answer;
        struct node *root = NULL;
        arena_init(&a, 0);
        buf_init(&answer, 0);
        err = api_run(self, account, str_from(owned[kind].list), STR("{}"), &answer, &call->fault);
        if (!err) err = doc_parse(&a, buf_str(&answer), &root, &call->fault);
        const struct node *list = doc_get(root, str_from(owned[kind].items));
        more = list && list->child;
        for (const struct node *n = more ? list->child : NULL; n && !err; n = n->next) {
            const struct node *name = owned[kind].item ? doc_get(n, str_from(owned[kind].item)) : n;
            err = name ? delete_one(self, call, account, kind, name->text) : fault_set(&call->fault, ERR_INTERNAL, NULL);
        }
        buf_fini(&answer);
        arena_fini(&a);
    }
    return err;
}

static enum err delete_account(void *self, struct call *call) {
    const struct bus_delete_account *in = call->in;
    if (str_eq(in->account_id, call->account))
        return fault_set(&call->fault, ERR_VALIDATION, "Account %.*s holds the operator's key that asks; it cannot be deleted with it.",
                         STR_ARG(in->account_id));
    enum err err = ERR_OK;
    for (size_t i = 0; !err && i < sizeof owned / sizeof owned[0]; i++) err = delete_owned(self, call, in->account_id, i);
    if (!err) err = replays_forget_account(flow_replays(api_flow(self)), in->account_id, &call->fault);
    return err ? err : world_delete_account(world_of(self), in->account_id, &call->fault);
}

static enum err list_accounts(void *self, struct call *call) {
    struct bus_list_accounts_answer *out = call->out;
    struct account_info *accounts;
    size_t count;
    enum err err = world_list_accounts(world_of(self), call->arena, &accounts, &count, &call->fault);
    if (err) return err;
    struct bus_account *items = arena_array(call->arena, count, sizeof *items);
    if (!items) return no_memory(call);
    for (size_t i = 0; i < count; i++) items[i] = (struct bus_account){accounts[i].id, accounts[i].name, {true, accounts[i].created_ms}};
    out->accounts = (struct list){true, count, items};
    return ERR_OK;
}

/* ---- access keys --------------------------------------------------------------------------------------------------------------------- */
static enum err create_access_key(void *self, struct call *call) {
    const struct bus_create_access_key *in = call->in;
    struct bus_create_access_key_answer *out = call->out;
    struct key_spec spec = {.id = in->access_key_id,
                            .secret = in->secret,
                            .account = in->account_id,
                            .description = in->description,
                            .policy = in->policy,
                            .is_operator = in->is_operator.v};
    struct str id, secret;
    enum err err = world_create_key(world_of(self), &spec, call->arena, &id, &secret, &call->fault);
    if (err) return err;
    if (!(out->key = ARENA_NEW(call->arena, struct bus_access_key))) return no_memory(call);
    *out->key = (struct bus_access_key){.account_id = in->account_id,
                                        .access_key_id = id,
                                        .secret = secret,
                                        .policy = in->policy,
                                        .description = in->description,
                                        .is_operator = in->is_operator,
                                        .created_ms = {true, call->now_ms}};
    return ERR_OK;
}

static enum err list_access_keys(void *self, struct call *call) {
    const struct bus_list_access_keys *in = call->in;
    struct bus_list_access_keys_answer *out = call->out;
    struct key_info *keys;
    size_t count;
    enum err err = world_list_keys(world_of(self), in->account_id, call->arena, &keys, &count, &call->fault);
    if (err) return err;
    struct bus_access_key *items = arena_array(call->arena, count, sizeof *items);
    if (!items) return no_memory(call);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct bus_access_key){.account_id = keys[i].account,
                                           .access_key_id = keys[i].id,
                                           .policy = keys[i].policy,
                                           .description = keys[i].description,
                                           .is_operator = {true, keys[i].is_operator},
                                           .created_ms = {true, keys[i].created_ms}};
    out->keys = (struct list){true, count, items};
    return ERR_OK;
}

static enum err delete_access_key(void *self, struct call *call) {
    const struct bus_delete_access_key *in = call->in;
    return world_delete_key(world_of(self), in->access_key_id, &call->fault);
}

static enum err put_access_key_policy(void *self, struct call *call) {
    const struct bus_put_access_key_policy *in = call->in;
    return world_set_key_policy(world_of(self), in->access_key_id, in->policy, &call->fault);
}

/* ---- the daemon ------------------------------------------------------------------------------------------------------------------------
 */
enum { COUNTERS_MAX = 64 };
struct counting {
    struct map_entry *items;
    size_t n;
};

static void add_counter(void *ctx, const char *name, uint64_t value, const char *help) {
    struct counting *c = ctx;
    (void)help;
    if (c->n < COUNTERS_MAX) c->items[c->n++] = (struct map_entry){.key = str_from(name), .i = {true, (int64_t)value}};
}

static enum err describe_daemon(void *self, struct call *call) {
    struct bus_describe_daemon_answer *out = call->out;
    struct flow *flow = api_flow(self);
    struct counting counting = {.items = arena_array(call->arena, COUNTERS_MAX, sizeof(struct map_entry))};
    if (!counting.items) return no_memory(call);
    counters_each(flow_counters(flow), add_counter, &counting);
    struct store_stats store;
    enum err err = flow_store_stats(flow, &store, &call->fault);
    if (err) return err;
    add_counter(&counting, "PendingDeliveries", (uint64_t)flow_pending(flow), NULL);
    add_counter(&counting, "RememberedEventIds", flow_remembered_ids(flow), NULL);
    add_counter(&counting, "StoreBytes", (uint64_t)store.file_bytes, NULL);
    add_counter(&counting, "StoreWalBytes", (uint64_t)store.wal_bytes, NULL);
    add_counter(&counting, "StoreCommits", (uint64_t)store.commits, NULL);
    *out = (struct bus_describe_daemon_answer){.version = str_from(BUSD_VERSION),
                                               .region = call->region,
                                               .durability = api_durability(self),
                                               .uptime_seconds = {true, (clock_now_ms() - api_started_ms(self)) / 1000},
                                               .hop_limit = {true, flow_settings(flow)->hop_limit},
                                               .counters = {true, counting.n, counting.items}};
    return ERR_OK;
}

const struct handler_row bus_handlers[] = {
    {"CreateAccount", create_account},
    {"DeleteAccount", delete_account},
    {"ListAccounts", list_accounts},
    {"CreateAccessKey", create_access_key},
    {"ListAccessKeys", list_access_keys},
    {"DeleteAccessKey", delete_access_key},
    {"PutAccessKeyPolicy", put_access_key_policy},
    {"DescribeDaemon", describe_daemon},
    {NULL, NULL},
};
