#include "declare.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doc.h"
#include "document.h"
#include "log.h"
#include "os.h"
#include "references.h"
#include "rulefile.h"

#define OPERATOR_ACCOUNT STR("000000000000")
#define FILE_BYTES_MAX ((size_t)64 << 20)
enum { FILES_MAX = 1000 };

/* ---- the operator ---------------------------------------------------------------------------------------------------------------------
 */
static enum err write_credentials(const char *path, struct str id, struct str secret, struct str region, struct str endpoint,
                                  struct fault *fault) {
    struct buf text;
    buf_init(&text, 0);
    buf_addf(&text, "# The operator's access key of this busd. For the AWS CLI and busctl: AWS_SHARED_CREDENTIALS_FILE=%s\n[default]\n",
             path);
    buf_addf(&text, "aws_access_key_id = %.*s\naws_secret_access_key = %.*s\n", STR_ARG(id), STR_ARG(secret));
    buf_addf(&text, "region = %.*s\n", STR_ARG(region));
    if (!str_ends(endpoint, STR(":0"))) /* a free port is another one at each start */
        buf_addf(&text, "bus_endpoint = %.*s\n", STR_ARG(endpoint));
    enum err err = text.failed ? fault_set(fault, ERR_NOMEM, NULL) : os_write_file(path, buf_str(&text), 0600, fault);
    if (text.p) explicit_bzero(text.p, text.n);
    buf_fini(&text);
    return err;
}

static enum err make_account(struct world *world, struct arena *a, struct fault *fault) {
    struct account_info *accounts;
    size_t count;
    enum err err = world_list_accounts(world, a, &accounts, &count, fault);
    if (err || count) return err;
    return world_create_account(world, OPERATOR_ACCOUNT, STR("operator"), fault);
}

/* The operator's key belongs to the first account when 000000000000 was deleted. */
static enum err operator_account(struct world *world, struct arena *a, struct str *account, struct fault *fault) {
    struct account_info *accounts;
    size_t count;
    enum err err = world_list_accounts(world, a, &accounts, &count, fault);
    if (!err) *account = accounts[0].id; /* in order of id: 000000000000 when it is there */
    return err;
}

enum err declare_operator(struct api *api, struct str data_dir, struct str endpoint, struct fault *fault) {
    struct world *world = flow_world(api_flow(api));
    struct arena a;
    arena_init(&a, 0);
    enum err err = make_account(world, &a, fault);
    struct str path = arena_printf(&a, "%.*s/credentials", STR_ARG(data_dir));
    if (!err && !path.p) err = fault_set(fault, ERR_NOMEM, NULL);
    if (!err && access(path.p, F_OK) != 0) {
        struct key_spec spec = {.description = STR("operator's key, made at start"), .is_operator = true};
        struct str id, secret;
        err = operator_account(world, &a, &spec.account, fault);
        if (!err) err = world_create_key(world, &spec, &a, &id, &secret, fault);
        if (!err) err = write_credentials(path.p, id, secret, flow_region(api_flow(api)), endpoint, fault);
        if (!err) log_line(LOG_INFO, "declare", "made an operator's access key", LOG_S("key", id), LOG_S("file", path));
    }
    arena_fini(&a);
    return err;
}

/* ---- rule files ------------------------------------------------------------------------------------------------------------------------
 */
struct loaded {
    char *path;
    struct arena arena;
    struct rulefile file;
};

struct loading {
    struct api *api;
    struct loaded files[FILES_MAX];
    size_t count;
    size_t mistakes;
    struct fault *fault;
};

static void say(struct loading *l, const char *file, int line, int column, struct str path, const char *message) {
    l->mistakes++;
    fprintf(stderr, "busd: %s:%d:%d: %.*s%s%s\n", file, line, column, STR_ARG(path), path.n ? ": " : "", message);
}

static struct str directory_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? str_of(path, slash == path ? 1 : (size_t)(slash - path)) : STR("");
}

static enum err read_one(void *ctx, const char *path) {
    struct loading *l = ctx;
    if (l->count == FILES_MAX) return fault_set(l->fault, ERR_LIMIT, "more than %d rule files", FILES_MAX);
    struct buf text;
    buf_init(&text, 0);
    enum err err = os_read_file(path, FILE_BYTES_MAX, &text, l->fault);
    char *full = err ? NULL : realpath(path, NULL); /* programs of functions are run from elsewhere: their paths must be absolute */
    if (!err && !full) err = fault_set(l->fault, ERR_IO, "%s: no real path", path);
    if (!err) {
        struct loaded *f = &l->files[l->count++];
        f->path = strdup(path);
        arena_init(&f->arena, (size_t)1 << 30);
        struct str copy = arena_str(&f->arena, buf_str(&text)), dir = arena_str(&f->arena, directory_of(full));
        if (!f->path || !copy.p || !dir.p)
            err = fault_set(l->fault, ERR_NOMEM, NULL);
        else
            err = rulefile_read(copy, dir, flow_region(api_flow(l->api)), &f->arena, &f->file, l->fault);
        for (size_t i = 0; !err && i < f->file.problems.count; i++) {
            const struct problem *p = &f->file.problems.items[i];
            say(l, path, p->line, p->column, p->path, p->message.p ? p->message.p : "wrong");
        }
    }
    free(full);
    buf_fini(&text);
    return err;
}

/* ---- running what they declare
 * ------------------------------------------------------------------------------------------------------------- */
/* The place in the file that a refusal speaks of: "targets.2.member.arn" is the second child of the node. */
static const struct ynode *place_of(const struct declared *d, const char *where) {
    int64_t n = 0;
    const char *digits = strchr(where, '.');
    if (strncmp(where, "targets.", 8) == 0 && digits) n = atoll(digits + 1);
    const struct ynode *node = n > 0 ? d->node->child : NULL;
    while (node && --n > 0) node = node->next;
    return node ? node : d->node;
}

static void refused(struct loading *l, const struct loaded *f, const struct declared *d, const struct fault *why) {
    const struct ynode *node = place_of(d, why->where);
    struct arena a;
    struct buf message;
    arena_init(&a, 0);
    buf_init(&message, 0);
    buf_addf(&message, "%.*s: %s", STR_ARG(d->what), why->message[0] ? why->message : err_row(why->code)->sentence);
    buf_addc(&message, 0);
    say(l, f->path, node->line, node->column, ynode_path(node, &a), message.failed ? "refused" : message.p);
    buf_fini(&message);
    arena_fini(&a);
}

static bool is_there(enum err err) { return err == ERR_EXISTS || err == ERR_IN_USE || err == ERR_CONFLICT || err == ERR_QUEUE_EXISTS; }

/* PutTargets answers 200 and names the entries it refused. */
static void check_failed_entries(struct loading *l, const struct loaded *f, const struct declared *d, struct str answer) {
    struct arena a;
    struct node *root;
    struct fault why;
    arena_init(&a, 0);
    if (!doc_parse(&a, answer, &root, &why)) {
        const struct node *failed = doc_get(root, STR("FailedEntries"));
        for (const struct node *n = failed ? failed->child : NULL; n; n = n->next) {
            const struct node *id = doc_get(n, STR("TargetId")), *message = doc_get(n, STR("ErrorMessage"));
            fault_set(&why, ERR_VALIDATION, "target %.*s: %.*s", STR_ARG(id ? id->text : STR("")),
                      STR_ARG(message ? message->text : STR("")));
            struct declared at = *d;
            const struct ynode *target = id ? ynode_get(d->node, id->text) : NULL;
            if (target) at.node = target;
            refused(l, f, &at, &why);
        }
    }
    arena_fini(&a);
}

/* A key that is there already gets the file's secret and policy. */
static enum err replace_key(struct loading *l, const struct declared *d, struct fault *why) {
    enum err err = api_run(l->api, d->account, STR("bus.DeleteAccessKey"), d->request, NULL, why);
    return err ? err : api_run(l->api, d->account, d->operation, d->request, NULL, why);
}

static void run_one(struct loading *l, const struct loaded *f, const struct declared *d) {
    struct fault why;
    struct buf answer;
    buf_init(&answer, 0);
    fault_clear(&why);
    enum err err = api_run(l->api, d->account, d->operation, d->request, &answer, &why);
    if (is_there(err)) {
        if (str_eqz(d->operation, "bus.CreateAccessKey"))
            err = replace_key(l, d, &why);
        else
            err = d->update.p ? api_run(l->api, d->account, d->update, d->request, NULL, &why) : ERR_OK;
    }
    if (err)
        refused(l, f, d, &why);
    else if (str_eqz(d->operation, "events.PutTargets"))
        check_failed_entries(l, f, d, buf_str(&answer));
    buf_fini(&answer);
}

/* A bus's policy, whole: its text stands in the request as a string. */
static enum err check_policy(struct loading *l, const struct declared *d, struct fault *why) {
    struct arena a;
    struct node *root;
    arena_init(&a, 0);
    enum err err = doc_parse(&a, d->request, &root, why);
    const struct node *policy = err ? NULL : doc_get(root, STR("Policy")), *bus = err ? NULL : doc_get(root, STR("EventBusName"));
    if (!err && policy && bus)
        err = policy_names_bus(policy->text, world_bus_arn(flow_world(api_flow(l->api)), &a, (struct bus_ref){d->account, bus->text}), why);
    arena_fini(&a);
    return err;
}

/* Secrets that stand elsewhere take their places in the requests. */
static void look_up_all(struct loading *l) {
    for (size_t i = 0; i < l->count; i++)
        for (size_t k = 0; k < l->files[i].file.count; k++) {
            struct declared *d = &l->files[i].file.items[k];
            struct fault why;
            if (!str_eqz(d->operation, "events.CreateConnection")) continue;
            if (references_look_up(d->request, &l->files[i].arena, &d->request, &why)) refused(l, &l->files[i], d, &why);
        }
}

/* Before anything is changed: what can be told without changing anything. */
static void check_all(struct loading *l) {
    for (size_t i = 0; i < l->count; i++)
        for (size_t k = 0; k < l->files[i].file.count; k++) {
            const struct declared *d = &l->files[i].file.items[k];
            struct fault why;
            enum err err = api_check(l->api, d->operation, d->request, &why);
            if (!err && str_eqz(d->operation, "events.PutPermission")) err = check_policy(l, d, &why);
            if (err) refused(l, &l->files[i], d, &why);
        }
}

/* Of all files together, in the order of kinds: what one file names may stand in another. */
static const char *const order[] = {
    "bus.CreateAccount",    "bus.CreateAccessKey",  "events.CreateEventBus",   "events.UpdateEventBus",       "events.PutPermission",
    "events.CreateArchive", "kinesis.CreateStream", "sqs.CreateQueue",         "lambda.CreateFunction",       "logs.CreateLogGroup",
    "sns.CreateTopic",      "sns.Subscribe",        "events.CreateConnection", "events.CreateApiDestination", "events.PutRule",
    "events.PutTargets"};
enum { ORDERS = sizeof order / sizeof order[0] };
static int order_of(struct str operation) {
    for (int i = 0; i < ORDERS; i++)
        if (str_eqz(operation, order[i])) return i;
    return ORDERS;
}

static void run_all(struct loading *l) {
    for (int step = 0; step <= ORDERS; step++)
        for (size_t i = 0; i < l->count; i++)
            for (size_t k = 0; k < l->files[i].file.count; k++)
                if (order_of(l->files[i].file.items[k].operation) == step) run_one(l, &l->files[i], &l->files[i].file.items[k]);
}

enum err declare_files(struct api *api, const char *const *paths, size_t count, struct fault *fault) {
    static const char *const suffixes[] = {".yaml", ".yml", NULL};
    struct loading *l = calloc(1, sizeof *l);
    if (!l) return fault_set(fault, ERR_NOMEM, NULL);
    l->api = api;
    l->fault = fault;
    enum err err = ERR_OK;
    for (size_t i = 0; i < count && !err; i++)
        err = os_is_dir(paths[i]) ? os_each_file(paths[i], suffixes, read_one, l, fault) : read_one(l, paths[i]);
    if (!err && !l->mistakes) look_up_all(l);
    if (!err && !l->mistakes) check_all(l);
    if (!err && !l->mistakes) {
        struct world *world = flow_world(api_flow(api));
        world_bulk_begin(world);
        run_all(l);
        world_bulk_end(world);
    }
    if (!err && l->mistakes)
        err = fault_set(fault, ERR_VALIDATION, "%zu mistake%s in the rule files; nothing is served", l->mistakes,
                        l->mistakes == 1 ? "" : "s");
    for (size_t i = 0; i < l->count; i++) {
        free(l->files[i].path);
        arena_wipe(&l->files[i].arena);
    }
    free(l);
    return err;
}
