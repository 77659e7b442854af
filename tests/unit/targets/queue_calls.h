/* Calls of the queue service as a client makes them: JSON in, JSON out, over the memory store (commits of which can be made to fail)
 * and the real committer, on a fake clock.
 * In the requests below ' stands for ". Included by exactly one file of a program. */
#ifndef QUEUE_CALLS_H
#define QUEUE_CALLS_H

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "committer.h"
#include "log.h"
#include "target.h"

#define START_MS INT64_C(1790000000000)
#define ACCOUNT "111122223333"
#define ARN_OF(name) "arn:aws:sqs:us-east-1:" ACCOUNT ":" name
#define URL_OF(name) "http://127.0.0.1:4566/" ACCOUNT "/" name

static struct store *store;
static struct target_host host;
static struct target queues;
static _Atomic int64_t numbers, policies; /* numbers given out; compiled policies alive */
static int null_fd;
static char policy_question[512]; /* what policy_allows was asked last */

/* ---- the host ---------------------------------------------------------------------------------------------------------------------- */
static enum err next_number(void *flow, int64_t *number, struct fault *fault) {
    (void)flow;
    (void)fault;
    *number = atomic_fetch_add(&numbers, 1) + 1;
    return ERR_OK;
}
/* A policy here is a JSON text that allows the accounts it mentions. */
static enum err policy_new(struct str text, void **policy, struct fault *fault) {
    if (!str_starts(text, STR("{"))) return fault_set(fault, ERR_VALIDATION, "a policy is a JSON object.");
    *policy = strndup(text.p, text.n);
    atomic_fetch_add(&policies, 1);
    return *policy ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}
static void policy_free(void *policy) {
    if (policy) atomic_fetch_sub(&policies, 1);
    free(policy);
}
static bool policy_allows(const void *policy, const char *action, struct str resource, struct str account, struct str source_arn) {
    char who[16];
    snprintf(policy_question, sizeof policy_question, "%s %.*s %.*s %.*s", action, STR_ARG(resource), STR_ARG(account),
             STR_ARG(source_arn));
    return str_copyz(who, sizeof who, account) && strstr(policy, who);
}

static int open_queues(void) {
    struct fault fault;
    enum err err = target_queue_new(&host, &queues, &fault);
    if (err) fprintf(stderr, "%s\n", fault.message);
    return err ? -1 : 0;
}
static void close_queues(void) {
    queues.stop(queues.self);
    queues.free(queues.self);
}

static int start(void **state) {
    (void)state;
    struct fault fault;
    clock_fake(START_MS);
    null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_fd_set(null_fd); /* the planned failures are logged */
    atomic_store(&numbers, 0);
    host = (struct target_host){.region = STR("us-east-1"),
                                .next_number = next_number,
                                .policy_new = policy_new,
                                .policy_free = policy_free,
                                .policy_allows = policy_allows};
    struct store *memory;
    if (store_open_memory(&memory, &fault) || store_open_fault(memory, &store, &fault) ||
        committer_start(store, NULL, &host.committer, &fault))
        return -1;
    return open_queues();
}
static int end(void **state) {
    (void)state;
    close_queues();
    committer_stop(host.committer);
    store_close(store);
    log_fd_set(2);
    close(null_fd);
    clock_real();
    return atomic_load(&policies) ? -1 : 0;
}

/* ---- calls ------------------------------------------------------------------------------------------------------------------------- */
struct reply {
    struct call call;
    struct arena arena;
    enum err err;       /* ERR_PENDING: not yet answered */
    bool pending;       /* the handler left it to the poller */
    char resource[256]; /* that the action is checked against */
    char message[1024];
    json_t *body;
};
static pthread_mutex_t replies_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t replied = PTHREAD_COND_INITIALIZER;

static void finish(struct call *call, enum err err) {
    struct reply *r = call->engine;
    pthread_mutex_lock(&replies_lock);
    r->err = err;
    pthread_cond_broadcast(&replied);
    pthread_mutex_unlock(&replies_lock);
}

static void encode(struct reply *r) {
    struct buf text;
    buf_init(&text, 0);
    if (r->err)
        str_copyz(r->message, sizeof r->message, str_from(r->call.fault.message));
    else if (r->call.operation->out)
        shape_encode(r->call.operation->out, r->call.out, &text);
    r->body = json_loadb(text.n ? text.p : "{}", text.n ? text.n : 2, 0, NULL);
    buf_fini(&text);
    arena_fini(&r->arena);
}

/* Waits until the call was answered: r->err is the verdict, r->body the answer. A call that nobody answers ends the program. */
static void reply_wait(struct reply *r) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    int late = 0;
    pthread_mutex_lock(&replies_lock);
    while (r->err == ERR_PENDING && !late) late = pthread_cond_timedwait(&replied, &replies_lock, &until);
    pthread_mutex_unlock(&replies_lock);
    if (late) {
        fprintf(stderr, "%s was not answered within a minute\n", r->call.operation->name);
        abort();
    }
    encode(r);
}

/* Runs the handler; reply_wait gives the answer, reply_fini ends it. */
static void reply_begin(struct reply *r, const char *account, const char *operation, struct str request) {
    const struct service *s = queues.service;
    const struct handler_row *handler = s->handlers;
    const struct operation *row = s->operations;
    *r = (struct reply){.err = ERR_PENDING};
    arena_init(&r->arena, 0);
    while (handler->name && strcmp(handler->name, operation) != 0) handler++;
    while (row->name && strcmp(row->name, operation) != 0) row++;
    if (!handler->name || !row->name) abort();
    r->call = (struct call){.operation = row,
                            .account = str_from(account),
                            .region = STR("us-east-1"),
                            .arena = &r->arena,
                            .now_ms = clock_now_ms(),
                            .in = arena_alloc(&r->arena, row->in->size),
                            .out = row->out ? arena_alloc(&r->arena, row->out->size) : NULL,
                            .engine = r,
                            .finish = finish};
    fault_clear(&r->call.fault);
    enum err err = shape_decode(row->in, request, true, &r->arena, r->call.in, &r->call.fault);
    if (!err) {
        str_copyz(r->resource, sizeof r->resource, handler->resource(s->self, &r->call));
        err = handler->handler(s->self, &r->call);
    }
    r->pending = err == ERR_PENDING;
    if (!r->pending) r->err = err; /* else the poller may have answered already */
}

static void reply_fini(struct reply *r) { json_decref(r->body); }

static struct str request_text(char *out, size_t size, const char *format, va_list ap) __attribute__((format(printf, 3, 0)));
static struct str request_text(char *out, size_t size, const char *format, va_list ap) {
    int n = vsnprintf(out, size, format, ap);
    if (n < 0 || (size_t)n >= size) abort();
    for (char *at = out; *at; at++)
        if (*at == '\'') *at = '"';
    return str_of(out, (size_t)n);
}

/* ---- one call after the other ----------------------------------------------------------------------------------------------------------
 */
static struct reply last = {.err = ERR_OK};
static const char *caller = ACCOUNT;

static enum err ask(const char *operation, const char *format, ...) __attribute__((format(printf, 2, 3)));
static enum err ask(const char *operation, const char *format, ...) {
    static char text[1 << 16];
    va_list ap;
    va_start(ap, format);
    struct str request = request_text(text, sizeof text, format, ap);
    va_end(ap);
    reply_fini(&last);
    reply_begin(&last, caller, operation, request);
    reply_wait(&last);
    return last.err;
}

/* "Messages.0.Body" of an answer: a string, or a number or boolean as text; "(none)" when it is not there. */
static const char *reply_at(const struct reply *r, const char *path) {
    static char numeral[8][32];
    static int turn;
    const json_t *v = r->body;
    struct str rest = str_from(path), part;
    char key[128];
    while (v && str_cut(&rest, '.', &part)) {
        int64_t index;
        str_copyz(key, sizeof key, part);
        v = json_is_array(v) && str_to_i64(part, &index) ? json_array_get(v, (size_t)index) : json_object_get(v, key);
    }
    if (json_is_string(v)) return json_string_value(v);
    if (json_is_boolean(v)) return json_is_true(v) ? "true" : "false";
    if (!json_is_integer(v)) return "(none)";
    turn = (turn + 1) % 8;
    snprintf(numeral[turn], sizeof numeral[turn], "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    return numeral[turn];
}
static const char *at(const char *path) { return reply_at(&last, path); }
static inline size_t count_of(const char *member) { return json_array_size(json_object_get(last.body, member)); }

#define OK(...) assert_int_equal(ask(__VA_ARGS__), ERR_OK)
#define FAILS(err_, message_, ...)                                                                                                         \
    do {                                                                                                                                   \
        assert_int_equal(ask(__VA_ARGS__), err_);                                                                                          \
        assert_string_equal(last.message, message_);                                                                                       \
    } while (0)
#define IS(path, value) assert_string_equal(at(path), value)

static inline void create(const char *name) { OK("CreateQueue", "{'QueueName':'%s'}", name); }
static inline void send_text(const char *queue, const char *body) {
    OK("SendMessage", "{'QueueUrl':'%s','MessageBody':'%s'}", queue, body);
}
/* The body of the next message, "(none)" when there is none; its handle into handle (NULL: nobody needs it). */
static inline const char *receive(const char *queue, char *handle) {
    OK("ReceiveMessage", "{'QueueUrl':'%s'}", queue);
    if (handle) str_copyz(handle, 256, str_from(at("Messages.0.ReceiptHandle")));
    return at("Messages.0.Body");
}
static inline void turn_clock(int64_t ms) { clock_fake(clock_now_ms() + ms); }

#endif
