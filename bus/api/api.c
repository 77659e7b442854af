#include "engine.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "archives.h"
#include "clock.h"
#include "events.h"
#include "explanation.h"
#include "http_auth.h"
#include "operator.h"
#include "signature.h"

enum { THREADS_DEFAULT = 8, QUEUED_DEFAULT = 1024, SERVICES_MAX = 32, SESSIONS_MAX = 65536 };
#define CALL_MEMORY_MAX ((size_t)64 << 20)

/* An operation joined with its handler. */
struct row {
    const struct operation *operation;
    const struct handler_row *handler;
    void *self;
};

struct api {
    struct flow *flow;
    int64_t started_ms;
    struct str durability;
    struct map rows;       /* "events.PutRule", and "PutRule" where one service has it -> struct row */
    struct row *row_block; /* owns them */
    pthread_mutex_t guard_lock;
    struct replay_guard *guard;
    struct http_auth *http_auth;
    bool auth_open;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct api_call *first, **last;
    size_t queued, max_queued;
    bool stopping;
    pthread_t *threads;
    size_t thread_count;
};

struct flow *api_flow(struct api *api) {
    return api->flow;
}
int64_t api_started_ms(const struct api *api) { return api->started_ms; }
bool api_auth_open(const struct api *api) { return api->auth_open; }
struct http_auth *api_http_auth(struct api *api) { return api->http_auth; }
size_t api_put_bytes_most(const struct api *api) { return (size_t)flow_settings(api->flow)->entry_bytes; }
struct str api_durability(const struct api *api) {
    return api->durability;
}

/* ---- who asks -------------------------------------------------------------------------------------------------------------------- */
enum err api_authenticate(struct api *api, const struct api_signature *s, struct str header, struct str body, struct caller **out,
                          struct fault *fault) {
    *out = NULL;
    if (!s->key_id.n) return fault_set(fault, ERR_MISSING_AUTH, NULL);
    struct caller *caller = world_caller(flow_world(api->flow), s->key_id);
    if (!caller) return fault_set(fault, ERR_UNKNOWN_KEY, NULL);
    uint8_t mac[32];
    hash_hmac_sha256(caller->secret, header, body, mac);
    enum err err = hash_equal_ct(mac, s->mac, sizeof mac)
                       ? ERR_OK
                       : fault_set(fault, ERR_INVALID_SIGNATURE,
                                   "The request's signature does not match: check the secret access key of %.*s.", STR_ARG(s->key_id));
    if (!err) {
        pthread_mutex_lock(&api->guard_lock);
        err = signature_check(api->guard, clock_now_ms(), flow_settings(api->flow)->signature_window_ms, s->key_id, s->session, s->counter,
                              s->timestamp_ms, fault);
        pthread_mutex_unlock(&api->guard_lock);
    }
    if (err)
        caller_release(caller);
    else
        *out = caller;
    return err;
}

void api_caller_release(struct caller *caller) { caller_release(caller); }

/* ---- events ------------------------------------------------------------------------------------------------------------------------- */
static void put_done(struct accept *x) {
    struct api_put *put = x->ctx;
    put->err = x->err;
    put->results = x->err ? NULL : x->results;
    if (x->err) put->fault = x->fault;
    put->done(put);
}

void api_put_events(struct api *api, struct api_put *put) {
    struct accept *x = ARENA_NEW(put->arena, struct accept);
    if (!x) {
        put->err = fault_set(&put->fault, ERR_NOMEM, NULL);
        put->done(put);
        return;
    }
    *x = (struct accept){
        .caller = put->caller, .arena = put->arena, .entries = put->entries, .count = put->count, .done = put_done, .ctx = put};
    flow_accept(api->flow, x);
}

/* ---- one call -------------------------------------------------------------------------------------------------------------------------
 */
struct running {
    struct call call;
    struct arena arena;
    struct api *api;
    struct caller *caller; /* NULL: the daemon itself, with all rights */
    const struct row *row;
    struct api_call *x;
};

static void running_finish(struct call *call, enum err err) {
    struct running *r = (struct running *)(void *)call;
    struct api_call *x = r->x;
    x->err = err;
    if (err) {
        x->fault = call->fault;
        if (!x->fault.code) fault_set(&x->fault, err, NULL);
    } else if (call->operation->out) {
        shape_encode(call->operation->out, call->out, &x->answer);
    } else {
        buf_addz(&x->answer, "{}");
    }
    if (!err && x->answer.failed) x->err = fault_set(&x->fault, ERR_NOMEM, "the answer takes too much memory: ask for less at once");
    arena_fini(&r->arena);
    free(r);
    x->done(x);
}

struct caller *api_caller_of(struct call *call) {
    return ((struct running *)(void *)call)->caller;
}

enum err api_authorize(struct call *call, const char *action, struct str resource, const struct condition_value *keys, size_t count) {
    struct running *r = (struct running *)(void *)call;
    if (!r->caller) return ERR_OK;
    return flow_authorize(r->api->flow, r->caller, action, resource.p ? resource : STR("*"), keys, count, &call->fault);
}

static enum err running_authorize(struct call *call, const char *action, struct str resource) {
    return api_authorize(call, action, resource, NULL, 0);
}

static enum err check_access(struct running *r) {
    const struct operation *op = r->call.operation;
    if (!r->caller || r->row->handler->authorizes) return ERR_OK;
    if (op->access == ACCESS_OPERATOR) {
        if (r->caller->is_operator) return ERR_OK;
        return fault_set(&r->call.fault, ERR_ACCESS_DENIED,
                         "User: %.*s is not authorized to perform: %s.%s: it takes an operator's access key.",
                         STR_ARG(r->caller->principal_arn), op->service, op->name);
    }
    struct str resource = r->row->handler->resource ? r->row->handler->resource(r->row->self, &r->call) : STR_NULL;
    return running_authorize(&r->call, op->action, resource);
}

static enum err decode(struct running *r) {
    struct call *call = &r->call;
    call->in = arena_alloc(&r->arena, call->operation->in->size);
    call->out = arena_alloc(&r->arena, call->operation->out ? call->operation->out->size : 1);
    if (!call->in || !call->out) return fault_set(&call->fault, ERR_NOMEM, NULL);
    return shape_decode(call->operation->in, r->x->body.n ? r->x->body : STR("{}"), false, &r->arena, call->in, &call->fault);
}

static const struct row *row_find(const struct api *api, struct str name, struct fault *fault) {
    const struct row *row = map_get(&api->rows, name);
    if (!row) fault_set(fault, ERR_UNKNOWN_OPERATION, "There is no operation '%.*s'.", STR_ARG(name));
    return row;
}

static void refuse(struct api_call *x, enum err err) {
    x->err = err;
    x->done(x);
}

/* Runs x on this thread; the handler may finish later. */
static void run(struct api *api, struct api_call *x, struct caller *caller, struct str account) {
    fault_clear(&x->fault);
    const struct row *row = row_find(api, x->operation, &x->fault);
    struct running *r = row ? calloc(1, sizeof *r) : NULL;
    if (!r) {
        refuse(x, row ? fault_set(&x->fault, ERR_NOMEM, NULL) : ERR_UNKNOWN_OPERATION);
        return;
    }
    arena_init(&r->arena, CALL_MEMORY_MAX);
    r->api = api;
    r->caller = caller;
    r->row = row;
    r->x = x;
    r->call = (struct call){.operation = row->operation,
                            .account = account,
                            .principal_arn = caller ? caller->principal_arn : STR("arn:aws:iam:::busd"),
                            .region = flow_region(api->flow),
                            .is_operator = !caller || caller->is_operator,
                            .arena = &r->arena,
                            .now_ms = clock_now_ms(),
                            .engine = api,
                            .finish = running_finish,
                            .authorize = running_authorize};
    enum err err = row->operation->access == ACCESS_OPERATOR ? check_access(r) : ERR_OK; /* before the request is looked at */
    if (!err) err = decode(r);
    if (!err && row->operation->access != ACCESS_OPERATOR) err = check_access(r);
    if (!err) err = row->handler->handler(row->self, &r->call);
    if (err != ERR_PENDING) running_finish(&r->call, err);
}

void api_call(struct api *api, struct api_call *x) {
    pthread_mutex_lock(&api->lock);
    bool room = !api->stopping && api->queued < api->max_queued;
    bool stopping = api->stopping;
    if (room) {
        x->engine = NULL;
        *api->last = x;
        api->last = (struct api_call **)&x->engine; /* the queue's link while it waits */
        api->queued++;
        pthread_cond_signal(&api->work);
    }
    pthread_mutex_unlock(&api->lock);
    if (room) return;
    refuse(x, fault_set(&x->fault, stopping ? ERR_SHUTTING_DOWN : ERR_THROTTLING,
                        stopping ? "The daemon is shutting down." : "Too many operations are waiting; try again later."));
}

static void *worker(void *ctx) {
    struct api *api = ctx;
    pthread_mutex_lock(&api->lock);
    for (;;) {
        while (!api->first && !api->stopping) pthread_cond_wait(&api->work, &api->lock);
        struct api_call *x = api->first;
        if (!x) break;
        api->first = x->engine;
        if (!api->first) api->last = &api->first;
        api->queued--;
        bool stopping = api->stopping;
        pthread_mutex_unlock(&api->lock);
        if (stopping)
            refuse(x, fault_set(&x->fault, ERR_SHUTTING_DOWN, "The daemon is shutting down."));
        else
            run(api, x, x->caller, x->caller->account);
        pthread_mutex_lock(&api->lock);
    }
    pthread_mutex_unlock(&api->lock);
    return NULL;
}

/* ---- the daemon's own calls
 * -------------------------------------------------------------------------------------------------------------- */
struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool over;
};

static void waiting_done(struct api_call *x) {
    struct waiting *w = x->ctx;
    pthread_mutex_lock(&w->lock);
    w->over = true;
    pthread_cond_signal(&w->ended);
    pthread_mutex_unlock(&w->lock);
}

enum err api_run(struct api *api, struct str account, struct str operation, struct str body, struct buf *answer, struct fault *fault) {
    struct waiting w = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
    struct api_call x = {.operation = operation, .body = body, .done = waiting_done, .ctx = &w};
    buf_init(&x.answer, 0);
    run(api, &x, NULL, account);
    pthread_mutex_lock(&w.lock);
    while (!w.over) pthread_cond_wait(&w.ended, &w.lock);
    pthread_mutex_unlock(&w.lock);
    if (x.err && fault) *fault = x.fault;
    if (!x.err && answer) buf_add(answer, buf_str(&x.answer));
    buf_fini(&x.answer);
    return x.err;
}

enum err api_check(struct api *api, struct str operation, struct str body, struct fault *fault) {
    struct arena a;
    const struct row *row = row_find(api, operation, fault);
    if (!row) return ERR_UNKNOWN_OPERATION;
    arena_init(&a, CALL_MEMORY_MAX);
    void *in = arena_alloc(&a, row->operation->in->size);
    enum err err = in ? shape_decode(row->operation->in, body, false, &a, in, fault) : fault_set(fault, ERR_NOMEM, NULL);
    arena_fini(&a);
    return err;
}

/* ---- life
 * ---------------------------------------------------------------------------------------------------------------------------------- */
static const struct handler_row *handler_of(const struct handler_row *handlers, const char *name) {
    for (; handlers->name; handlers++)
        if (strcmp(handlers->name, name) == 0) return handlers;
    return NULL;
}

static bool add_row(struct api *api, struct row *row) {
    char full[128];
    int n = snprintf(full, sizeof full, "%s.%s", row->operation->service, row->operation->name);
    struct str name = str_from(row->operation->name);
    if (!map_put(&api->rows, str_of(full, (size_t)n), row, NULL)) return false;
    /* The short name is the first service's that has it: events come first. */
    return map_get(&api->rows, name) || map_put(&api->rows, name, row, NULL);
}

static enum err join(struct api *api, const struct service *const *services, size_t count, struct fault *fault) {
    size_t total = 0, n = 0;
    for (size_t i = 0; i < count; i++)
        for (const struct operation *op = services[i]->operations; op->name; op++) total++;
    api->row_block = calloc(total, sizeof *api->row_block);
    if (!api->row_block) return fault_set(fault, ERR_NOMEM, NULL);
    for (size_t i = 0; i < count; i++) {
        for (const struct operation *op = services[i]->operations; op->name; op++) {
            struct row *row = &api->row_block[n++];
            *row = (struct row){op, handler_of(services[i]->handlers, op->name), services[i]->self};
            if (!row->handler) return fault_set(fault, ERR_INTERNAL, "operation %s.%s has no handler", op->service, op->name);
            if (!add_row(api, row)) return fault_set(fault, ERR_NOMEM, NULL);
        }
    }
    return ERR_OK;
}

static enum err join_all(struct api *api, struct fault *fault) {
    const struct service events = {"events", events_operations, events_handlers, api}, bus = {"bus", bus_operations, bus_handlers, api},
                         explain = {"events", explain_operations, explain_handlers, api},
                         archives = {"events", archives_operations, archives_handlers, api};
    const struct service *all[SERVICES_MAX] = {&events, &archives, &explain, &bus};
    size_t count = 4, kinds;
    const struct service *const *of_kinds = flow_services(api->flow, &kinds);
    assert(count + kinds <= SERVICES_MAX);
    for (size_t i = 0; i < kinds; i++) all[count++] = of_kinds[i];
    return join(api, all, count, fault);
}

enum err api_open(const struct api_options *o, struct api **out, struct fault *fault) {
    struct api *api = calloc(1, sizeof *api);
    if (!api) return fault_set(fault, ERR_NOMEM, NULL);
    api->flow = o->flow;
    api->started_ms = o->started_ms;
    api->durability = o->durability;
    api->max_queued = o->max_queued ? o->max_queued : QUEUED_DEFAULT;
    api->last = &api->first;
    map_init(&api->rows);
    pthread_mutex_init(&api->guard_lock, NULL);
    pthread_mutex_init(&api->lock, NULL);
    pthread_cond_init(&api->work, NULL);
    size_t threads = o->threads ? o->threads : THREADS_DEFAULT;
    api->threads = calloc(threads, sizeof *api->threads);
    api->guard = replay_guard_new(SESSIONS_MAX);
    api->http_auth = http_auth_new();
    api->auth_open = o->auth_open;
    enum err err = api->threads && api->guard && api->http_auth ? join_all(api, fault) : fault_set(fault, ERR_NOMEM, NULL);
    while (!err && api->thread_count < threads) {
        if (pthread_create(&api->threads[api->thread_count], NULL, worker, api))
            err = fault_set(fault, ERR_NOMEM, "no thread for operations");
        else
            api->thread_count++;
    }
    if (err)
        api_close(api);
    else
        *out = api;
    return err;
}

void api_close(struct api *api) {
    if (!api) return;
    pthread_mutex_lock(&api->lock);
    api->stopping = true;
    pthread_cond_broadcast(&api->work);
    pthread_mutex_unlock(&api->lock);
    for (size_t i = 0; i < api->thread_count; i++) pthread_join(api->threads[i], NULL);
    replay_guard_free(api->guard);
    http_auth_free(api->http_auth);
    map_fini(&api->rows);
    pthread_mutex_destroy(&api->guard_lock);
    pthread_mutex_destroy(&api->lock);
    pthread_cond_destroy(&api->work);
    free(api->threads);
    free(api->row_block);
    free(api);
}
