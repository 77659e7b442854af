/* A flow on a memory store in a fresh directory, for tests of flow and api. Included by one file of a program. */
#ifndef SUPPORT_FLOW_HOST_H
#define SUPPORT_FLOW_HOST_H

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "flow.h"
#include "log.h"

#define A1 "111111111111"
#define A2 "222222222222"
#define A3 "333333333333"

static struct {
    char dir[64];
    struct settings settings;
    struct store *inner, *store; /* inner: what survives a reopen; store: with the fault decorator around it */
    struct committer *committer;
    struct flow *flow;
    struct arena arena;
} host;

static int host_remove(const char *path, const struct stat *st, int flag, struct FTW *walk) {
    (void)st, (void)flag, (void)walk;
    return remove(path);
}

static void host_open(void) {
    struct fault fault;
    assert_int_equal(committer_start(host.store, NULL, &host.committer, &fault), ERR_OK);
    struct flow_options options = {.committer = host.committer, .settings = &host.settings, .region = STR("us-east-1"), .data_dir = str_from(host.dir)};
    enum err err = flow_open(&options, &host.flow, &fault);
    if (err) print_error("%s\n", fault.message);
    assert_int_equal(err, ERR_OK);
}

static void host_close(void) {
    flow_end_waits(host.flow);
    flow_drain(host.flow, 2000);
    flow_close(host.flow);
    committer_stop(host.committer);
}

/* What a restart of the daemon is. */
static inline void host_reopen(void) {
    host_close();
    host_open();
}

static int host_setup(void **state) {
    struct fault fault;
    (void)state;
    log_level_set(LOG_ERROR);
    log_fd_set(open("/dev/null", 1)); /* drops are errors, and wanted here */
    memset(&host, 0, sizeof host);
    arena_init(&host.arena, 0);
    snprintf(host.dir, sizeof host.dir, "/tmp/bus-flow-test-XXXXXX");
    settings_default(&host.settings);
    host.settings.retry_base_ms = 5;
    host.settings.retry_cap_ms = 20;
    if (!mkdtemp(host.dir) || store_open_memory(&host.inner, &fault) || store_open_fault(host.inner, &host.store, &fault)) return -1;
    host_open();
    return 0;
}

static int host_teardown(void **state) {
    (void)state;
    host_close();
    store_close(host.store);
    arena_fini(&host.arena);
    nftw(host.dir, host_remove, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

/* ---- the control plane, as the operations do it -------------------------------------------------------------------------------------- */
static struct world *world(void) { return flow_world(host.flow); }
static void ok(enum err err, const struct fault *fault) {
    if (err) print_error("%s\n", fault->message);
    assert_int_equal(err, ERR_OK);
}

static inline void account(const char *id) {
    struct fault fault;
    ok(world_create_account(world(), str_from(id), STR_NULL, &fault), &fault);
}

static inline void allow(const char *owner, const char *who) {
    struct fault fault;
    char sid[32];
    snprintf(sid, sizeof sid, "let-%s", who);
    ok(world_add_permission(world(), (struct bus_ref){str_from(owner), STR("default")}, str_from(sid), str_from(who), STR("events:PutEvents"), STR_NULL,
                            STR_NULL, STR_NULL, &fault), &fault);
}

static inline void rule(const char *owner, const char *name, const char *pattern, const char *target) {
    struct fault fault;
    struct str arn, text = str_from(target);
    struct target_failure *failures;
    size_t failed = 0;
    struct bus_ref bus = {str_from(owner), STR("default")};
    struct rule_spec spec = {.bus = bus, .name = str_from(name), .pattern = str_from(pattern), .created_by = str_from(owner)};
    ok(world_put_rule(world(), &spec, &host.arena, &arn, &fault), &fault);
    if (target) ok(world_put_targets(world(), bus, str_from(name), &text, 1, &host.arena, &failures, &failed, &fault), &fault);
    if (failed) print_error("%.*s\n", STR_ARG(failures[0].message));
    assert_int_equal(failed, 0);
}

static inline struct caller *caller_of(const char *owner) {
    struct fault fault;
    struct str id, secret;
    struct key_spec spec = {.account = str_from(owner)};
    ok(world_create_key(world(), &spec, &host.arena, &id, &secret, &fault), &fault);
    struct caller *caller = world_caller(world(), id);
    assert_non_null(caller);
    return caller;
}

/* Runs an operation of a target kind's service without the engine: `in` is the request's struct. */
struct host_call {
    struct call call;
    bool over;
    enum err err;
};
static pthread_mutex_t host_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t host_ended = PTHREAD_COND_INITIALIZER;

static void host_finish(struct call *call, enum err err) {
    struct host_call *c = (struct host_call *)(void *)call;
    pthread_mutex_lock(&host_lock);
    c->err = err;
    c->over = true;
    pthread_cond_broadcast(&host_ended);
    pthread_mutex_unlock(&host_lock);
}

static inline void *serve(const char *service, const char *operation, const char *owner, void *in) {
    size_t count;
    const struct service *const *services = flow_services(host.flow, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(services[i]->name, service) != 0) continue;
        const struct handler_row *h = services[i]->handlers;
        const struct operation *op = services[i]->operations;
        while (strcmp(h->name, operation) != 0) h++;
        while (strcmp(op->name, operation) != 0) op++;
        struct host_call *c = ARENA_NEW(&host.arena, struct host_call);
        c->call = (struct call){.operation = op, .account = str_from(owner), .region = STR("us-east-1"), .arena = &host.arena, .now_ms = clock_now_ms(),
                                .in = in, .out = arena_alloc(&host.arena, op->out ? op->out->size : 1), .finish = host_finish};
        enum err err = h->handler(services[i]->self, &c->call);
        if (err != ERR_PENDING) host_finish(&c->call, err);
        pthread_mutex_lock(&host_lock);
        while (!c->over) pthread_cond_wait(&host_ended, &host_lock);
        pthread_mutex_unlock(&host_lock);
        ok(c->err, &c->call.fault);
        return c->call.out;
    }
    fail_msg("no service %s", service);
    return NULL;
}

/* ---- putting -------------------------------------------------------------------------------------------------------------------------- */
struct put {
    struct accept x;
    struct arena arena;
    bool over;
};

static void put_over(struct accept *x) {
    struct put *p = x->ctx;
    pthread_mutex_lock(&host_lock);
    p->over = true;
    pthread_cond_broadcast(&host_ended);
    pthread_mutex_unlock(&host_lock);
}

/* Puts the entries and waits for the answer. The results live until put_free. */
static struct put *put(struct caller *caller, const struct entry *entries, size_t count) {
    struct put *p = calloc(1, sizeof *p);
    assert_non_null(p);
    arena_init(&p->arena, 0);
    p->x = (struct accept){.caller = caller, .arena = &p->arena, .entries = entries, .count = count, .done = put_over, .ctx = p};
    flow_accept(host.flow, &p->x);
    pthread_mutex_lock(&host_lock);
    while (!p->over) pthread_cond_wait(&host_ended, &host_lock);
    pthread_mutex_unlock(&host_lock);
    return p;
}

static void put_free(struct put *p) {
    arena_fini(&p->arena);
    free(p);
}

static inline struct entry entry(const char *source, const char *detail) {
    return (struct entry){.source = str_from(source), .detail_type = STR("t"), .detail = str_from(detail), .time_ms = -1};
}

static inline enum err put_one(struct caller *caller, struct entry e) {
    struct put *p = put(caller, &e, 1);
    enum err err = p->x.err ? p->x.err : p->x.results[0].err;
    put_free(p);
    return err;
}

struct counted {
    const char *name;
    uint64_t value;
};
static void counted_each(void *ctx, const char *name, uint64_t value, const char *help) {
    struct counted *c = ctx;
    (void)help;
    if (strcmp(name, c->name) == 0) c->value = value;
}
static inline uint64_t count_of(const char *name) {
    struct counted c = {name, UINT64_MAX};
    counters_each(flow_counters(host.flow), counted_each, &c);
    assert_true(c.value != UINT64_MAX);
    return c.value;
}

/* Waits until a condition holds that the flow's threads make true: ten seconds at most. */
static inline void wait_a_moment(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += 2000000;
    if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
    pthread_mutex_lock(&host_lock);
    pthread_cond_timedwait(&host_ended, &host_lock, &t);
    pthread_mutex_unlock(&host_lock);
}
#define UNTIL(condition)                                                        \
    do {                                                                        \
        for (int left_ = 5000; !(condition) && left_ > 0; left_--) wait_a_moment(); \
        assert_true(condition);                                                 \
    } while (0)

#endif
