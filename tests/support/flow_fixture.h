/* A whole flow for tests: a store (memory, or SQLite in a fresh directory) behind the fault decorator, its committer, accounts, queues... It can be
 * closed and opened again on the same store, as a restarted daemon would. Included by exactly one file of a program. */
#ifndef SUPPORT_FLOW_FIXTURE_H
#define SUPPORT_FLOW_FIXTURE_H

#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "doc.h"
#include "flow.h"
#include "log.h"

#define OWNER STR("111122223333")
#define OTHER STR("444455556666")
#define THIRD STR("777788889999")

struct fixture {
    char dir[64];
    bool sqlite;
    struct store *store; /* the fault decorator */
    struct committer *committer;
    struct settings settings;
    struct flow *flow;
    struct fault fault;
    struct arena arena; /* what answers live in; until fixture_end */
};

static inline int fixture_remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk) {
    (void)st;
    (void)flag;
    (void)walk;
    return remove(path);
}

static inline void fixture_open_store(struct fixture *x) {
    struct store *inner;
    char path[96];
    snprintf(path, sizeof path, "%s/bus.db", x->dir);
    struct store_options options = {.durability = DURABILITY_OFF};
    assert_int_equal(x->sqlite ? store_open_sqlite(path, &options, &inner, &x->fault) : store_open_memory(&inner, &x->fault), ERR_OK);
    assert_int_equal(store_open_fault(inner, &x->store, &x->fault), ERR_OK);
}

static inline enum err fixture_try_open_flow(struct fixture *x) {
    struct flow_options options = {.committer = x->committer, .settings = &x->settings, .region = STR("us-east-1"), .data_dir = str_from(x->dir)};
    assert_int_equal(committer_start(x->store, NULL, &x->committer, &x->fault), ERR_OK);
    options.committer = x->committer;
    return flow_open(&options, &x->flow, &x->fault);
}

static inline void fixture_open_flow(struct fixture *x) { assert_int_equal(fixture_try_open_flow(x), ERR_OK); }

static inline void fixture_close_flow(struct fixture *x) {
    flow_close(x->flow);
    x->flow = NULL;
    committer_stop(x->committer);
    x->committer = NULL;
}

/* The store and its directory; no flow yet: settings may be changed before fixture_open_flow. */
static inline void fixture_begin(struct fixture *x, bool sqlite) {
    *x = (struct fixture){.sqlite = sqlite};
    log_fd_set(-1); /* refusals are logged as they should be; nobody reads them here */
    fault_clear(&x->fault);
    arena_init(&x->arena, 0);
    settings_default(&x->settings);
    str_copyz(x->dir, sizeof x->dir, STR("/tmp/bus-flow-test-XXXXXX"));
    assert_non_null(mkdtemp(x->dir));
    fixture_open_store(x);
}

/* With three accounts. */
static inline void fixture_start(struct fixture *x, bool sqlite) {
    fixture_begin(x, sqlite);
    fixture_open_flow(x);
    assert_int_equal(world_create_account(flow_world(x->flow), OWNER, STR("owner"), &x->fault), ERR_OK);
    assert_int_equal(world_create_account(flow_world(x->flow), OTHER, STR("other"), &x->fault), ERR_OK);
    assert_int_equal(world_create_account(flow_world(x->flow), THIRD, STR("third"), &x->fault), ERR_OK);
}

static inline void fixture_reopen(struct fixture *x) {
    fixture_close_flow(x);
    if (x->sqlite) {
        store_close(x->store);
        fixture_open_store(x);
    }
    fixture_open_flow(x);
}

static inline void fixture_end(struct fixture *x) {
    if (x->flow) fixture_close_flow(x);
    store_close(x->store);
    arena_fini(&x->arena);
    nftw(x->dir, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    clock_real();
}

/* Waits (at most a minute: then the test has failed) until the condition holds. */
#define UNTIL(condition)                                                                    \
    do {                                                                                    \
        int64_t until_ns_ = clock_mono_ns() + 60000000000;                                  \
        while (!(condition)) {                                                              \
            if (clock_mono_ns() > until_ns_) fail_msg("still not so: %s", #condition);      \
            poll(NULL, 0, 1);                                                               \
        }                                                                                   \
    } while (0)

/* ---- operations of the target kinds, as JSON -------------------------------------------------------------------------------- */
struct fixture_call {
    struct call call;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool over;
    enum err err;
};

static inline void fixture_finish(struct call *call, enum err err) {
    struct fixture_call *c = call->engine;
    pthread_mutex_lock(&c->lock);
    c->err = err;
    c->over = true;
    pthread_cond_signal(&c->ended);
    pthread_mutex_unlock(&c->lock);
}

static inline enum err fixture_allow(struct call *call, const char *action, struct str resource) {
    (void)call;
    (void)action;
    (void)resource;
    return ERR_OK;
}

/* Runs an operation ("sqs", "CreateQueue") as the account; *answer is its JSON in x->arena. */
static inline enum err fixture_run(struct fixture *x, struct str account, const char *service, const char *operation, struct str body,
                                   struct node **answer) {
    size_t count;
    const struct service *const *services = flow_services(x->flow, &count), *s = NULL;
    for (size_t i = 0; i < count; i++)
        if (strcmp(services[i]->name, service) == 0) s = services[i];
    assert_non_null(s);
    const struct operation *op = s->operations;
    const struct handler_row *handler = s->handlers;
    while (op->name && strcmp(op->name, operation) != 0) op++;
    while (handler->name && strcmp(handler->name, operation) != 0) handler++;
    assert_non_null(op->name);
    assert_non_null(handler->name);
    struct fixture_call c = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
    c.call = (struct call){.operation = op, .account = account, .principal_arn = STR("arn:aws:iam::111122223333:root"), .region = STR("us-east-1"),
                           .arena = &x->arena, .now_ms = clock_now_ms(), .in = arena_alloc(&x->arena, op->in->size),
                           .out = arena_alloc(&x->arena, op->out ? op->out->size : 1), .engine = &c, .finish = fixture_finish,
                           .authorize = fixture_allow};
    enum err err = shape_decode(op->in, body, false, &x->arena, c.call.in, &c.call.fault);
    if (!err) err = handler->handler(s->self, &c.call);
    if (err == ERR_PENDING) {
        pthread_mutex_lock(&c.lock);
        while (!c.over) pthread_cond_wait(&c.ended, &c.lock);
        err = c.err;
        pthread_mutex_unlock(&c.lock);
    }
    x->fault = c.call.fault;
    if (err || !op->out || !answer) return err;
    struct buf json;
    buf_init(&json, 0);
    shape_encode(op->out, c.call.out, &json);
    struct str text = arena_str(&x->arena, buf_str(&json));
    buf_fini(&json);
    assert_int_equal(doc_parse(&x->arena, text, answer, &x->fault), ERR_OK);
    return ERR_OK;
}

static inline void fixture_queue(struct fixture *x, struct str account, const char *name) {
    struct str body = arena_printf(&x->arena, "{\"QueueName\":\"%s\"}", name);
    assert_int_equal(fixture_run(x, account, "sqs", "CreateQueue", body, NULL), ERR_OK);
}

/* Takes one message off a queue (it does not come again): the Message object, or NULL when there is none. */
static inline const struct node *fixture_receive(struct fixture *x, struct str account, const char *queue) {
    struct node *answer = NULL;
    struct str body = arena_printf(&x->arena, "{\"QueueUrl\":\"%s\",\"VisibilityTimeout\":43200,\"MessageAttributeNames\":[\"All\"]}", queue);
    assert_int_equal(fixture_run(x, account, "sqs", "ReceiveMessage", body, &answer), ERR_OK);
    const struct node *messages = doc_get(answer, STR("Messages"));
    return messages ? messages->child : NULL;
}

/* The number of messages visible in a queue. */
static inline int64_t fixture_depth(struct fixture *x, struct str account, const char *queue) {
    struct node *answer = NULL;
    struct str body = arena_printf(&x->arena, "{\"QueueUrl\":\"%s\",\"AttributeNames\":[\"ApproximateNumberOfMessages\"]}", queue);
    assert_int_equal(fixture_run(x, account, "sqs", "GetQueueAttributes", body, &answer), ERR_OK);
    const struct node *n = doc_get(doc_get(answer, STR("Attributes")), STR("ApproximateNumberOfMessages"));
    int64_t v = -1;
    assert_non_null(n);
    assert_true(str_to_i64(n->text, &v));
    return v;
}

static inline struct str fixture_text(const struct node *object, const char *name) {
    const struct node *n = doc_get(object, str_from(name));
    return n ? n->text : STR_NULL;
}

static inline struct str fixture_attribute(const struct node *message, const char *name) {
    return fixture_text(doc_get(doc_get(message, STR("MessageAttributes")), str_from(name)), "StringValue");
}

#define ASSERT_TEXT(s, want)                                                                                                   \
    do {                                                                                                                       \
        struct str got_ = (s), want_ = str_from(want);                                                                         \
        if (!str_eq(got_, want_)) fail_msg("got '%.*s', not '%.*s'", STR_ARG(got_), STR_ARG(want_));                           \
    } while (0)

/* ---- rules and events ----------------------------------------------------------------------------------------------------------- */
static inline struct bus_ref fixture_bus(struct str account, const char *name) { return (struct bus_ref){account, str_from(name)}; }

/* Puts a rule with one target (JSON text; NULL: none). */
static inline void fixture_rule(struct fixture *x, struct bus_ref bus, const char *name, const char *pattern, const char *target) {
    struct rule_spec spec = {.bus = bus, .name = str_from(name), .pattern = str_from(pattern), .created_by = bus.account};
    struct str arn, text = str_from(target);
    struct target_failure *failures;
    size_t failed = 0;
    assert_int_equal(world_put_rule(flow_world(x->flow), &spec, &x->arena, &arn, &x->fault), ERR_OK);
    if (!target) return;
    assert_int_equal(world_put_targets(flow_world(x->flow), bus, spec.name, &text, 1, &x->arena, &failures, &failed, &x->fault), ERR_OK);
    if (failed) fail_msg("%.*s", STR_ARG(failures[0].message));
}

struct fixture_batch {
    struct accept x;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool over;
};

static inline void fixture_batch_done(struct accept *x) {
    struct fixture_batch *b = x->ctx;
    pthread_mutex_lock(&b->lock);
    b->over = true;
    pthread_cond_signal(&b->ended);
    pthread_mutex_unlock(&b->lock);
}

/* A caller of the account with every right; the test's to release. */
static inline struct caller *fixture_caller(struct fixture *x, struct str account) {
    struct str id = arena_printf(&x->arena, "AK%.*s", STR_ARG(account)), secret;
    struct key_spec spec = {.id = id, .account = account};
    struct caller *caller = world_caller(flow_world(x->flow), id);
    if (caller) return caller;
    assert_int_equal(world_create_key(flow_world(x->flow), &spec, &x->arena, &id, &secret, &x->fault), ERR_OK);
    return world_caller(flow_world(x->flow), id);
}

/* Puts a batch and waits for its answer; results live in x->arena. The batch's own error is returned (its fault in x->fault). */
static inline enum err fixture_put(struct fixture *x, struct str account, const struct entry *entries, size_t count, struct entry_result **results) {
    struct fixture_batch b = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
    b.x = (struct accept){.caller = fixture_caller(x, account), .arena = &x->arena, .entries = entries, .count = count, .done = fixture_batch_done,
                          .ctx = &b};
    flow_accept(x->flow, &b.x);
    pthread_mutex_lock(&b.lock);
    while (!b.over) pthread_cond_wait(&b.ended, &b.lock);
    pthread_mutex_unlock(&b.lock);
    caller_release(b.x.caller);
    x->fault = b.x.fault;
    if (results) *results = b.x.results;
    return b.x.err;
}

static inline struct entry fixture_entry(const char *source, const char *detail) {
    return (struct entry){.source = str_from(source), .detail_type = STR("t"), .detail = str_from(detail), .time_ms = -1};
}

/* Puts one event, which must be accepted; its id. */
static inline struct id fixture_event(struct fixture *x, struct str account, const char *source, const char *detail) {
    struct entry e = fixture_entry(source, detail);
    struct entry_result *r;
    assert_int_equal(fixture_put(x, account, &e, 1, &r), ERR_OK);
    if (r->err) fail_msg("%.*s", STR_ARG(r->message));
    return r->id;
}

static inline uint64_t fixture_count(const _Atomic uint64_t *counter) { return atomic_load(counter); }
#define COUNTED(x, field) fixture_count(&flow_counters((x)->flow)->field)

#endif
