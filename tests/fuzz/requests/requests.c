/* A fuzzer of requests: every operation of the tables, in its shape and out of it, to a real daemon over HTTP (and over NNG what HTTP has
 * no name for).
 *
 * usage: requests --http ADDR:PORT --listen URL --key ID --secret SECRET [--seed N] [--seconds N] [--connections N]
 *
 * Wrong is: no answer, an answer of 5xx, one that is no JSON or does not keep the operation's shape, an error without type and sentence.
 * The daemon's end is for who started it to look at. Prints what was wrong, then one line of counts; exit 1 when anything was. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "arena.h"
#include "bus.h"
#include "catalog.h"
#include "clock.h"
#include "mutation.h"
#include "peer.h"
#include "value.h"

enum { OPERATIONS_MAX = 512, CONNECTIONS_MAX = 32, SHOWN_MAX = 20, SHOWN_BYTES = 1500, CALL_MS = 20000, INVOKE_MS = 3000 };

static struct {
    const char *http, *listen, *key, *secret;
    int64_t seed, seconds, connections;
    struct memory *memory;
    const struct operation *operations[OPERATIONS_MAX];
    _Atomic uint64_t asked[OPERATIONS_MAX], done[OPERATIONS_MAX];
    size_t operation_count;
    int64_t end_ms;
    _Atomic uint64_t requests, accepted, refused, wrong;
} run = {.seed = 1, .seconds = 10, .connections = 4};

struct worker {
    pthread_t thread;
    struct dice dice;
    struct peer peer;
    struct bus *bus;
    struct arena arena;
    int index;
};

/* ---- verdicts
 * ---------------------------------------------------------------------------------------------------------------------------- */
static void wrong(const struct worker *w, const char *what, struct str name, struct str request, int status, struct str answer) {
    if (atomic_fetch_add(&run.wrong, 1) >= SHOWN_MAX) return;
    printf("WRONG %s: %.*s (seed %lld, connection %d, status %d)\n  request %.*s\n  answer  %.*s\n", what, STR_ARG(name),
           (long long)run.seed, w->index, status, (int)(request.n < SHOWN_BYTES ? request.n : SHOWN_BYTES), request.p ? request.p : "",
           (int)(answer.n < SHOWN_BYTES ? answer.n : SHOWN_BYTES), answer.p ? answer.p : "");
    fflush(stdout);
}

static bool is_text(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text && *text;
}

/* An answer of 200: JSON of the operation's shape, every member of it known. */
static const char *flaw_of_answer(struct worker *w, const struct operation *o, struct str text, const json_t *answer) {
    struct fault fault;
    if (!json_is_object(answer)) return "the answer is no JSON object";
    if (!o || !o->out) return NULL;
    fault_clear(&fault);
    arena_reset(&w->arena);
    void *out = arena_alloc(&w->arena, o->out->size);
    if (!out) abort();
    enum err err = shape_decode(o->out, text, true, &w->arena, out, &fault);
    if (err) printf("  %s: %s\n", fault.where, fault.message);
    return err ? "the answer does not keep its shape" : NULL;
}

static const char *flaw(struct worker *w, const struct operation *o, int status, struct str text, const json_t *answer) {
    if (!status) return "no answer";
    if (status >= 500) return "an internal error";
    if (status == 200) return flaw_of_answer(w, o, text, answer);
    return is_text(answer, "__type") && is_text(answer, "message") ? NULL : "an error without type or sentence";
}

static void judge(struct worker *w, size_t index, struct str name, struct str request, int status, struct str text) {
    json_t *answer = json_loadb(text.p ? text.p : "", text.n, JSON_ALLOW_NUL, NULL);
    const struct operation *o = index < run.operation_count ? run.operations[index] : NULL;
    const char *what = flaw(w, o, status, text, answer);
    atomic_fetch_add(&run.requests, 1);
    if (what)
        wrong(w, what, name, request, status, text);
    else if (status == 200)
        atomic_fetch_add(&run.accepted, 1);
    else
        atomic_fetch_add(&run.refused, 1);
    if (status == 200 && o) atomic_fetch_add(&run.done[index], 1);
    if (status == 200 && answer) memory_learn(run.memory, answer);
    json_decref(answer);
}

/* ---- requests
 * ------------------------------------------------------------------------------------------------------------------------------ */
/* The name before the operation in X-Amz-Target; NULL: HTTP has none for the service. */
static const char *target_of(const char *service) {
    static const char *const names[][2] = {{"events", "AWSEvents."},
                                           {"kinesis", "Kinesis_20131202."},
                                           {"sqs", "AmazonSQS."},
                                           {"logs", "Logs_20140328."},
                                           {"bus", "EventBus."}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i][0], service) == 0) return names[i][1];
    return NULL;
}

static void ask_nng(struct worker *w, size_t index, struct buf *body) {
    const struct operation *o = run.operations[index];
    struct bus_fault fault = {0};
    char name[128], *answer = NULL;
    snprintf(name, sizeof name, "%s.%s", o->service, o->name);
    struct str request = buf_str(body);
    if (memchr(request.p, 0, request.n) || !str_is_utf8(request)) return; /* the library takes text */
    buf_addc(body, 0);
    /* Behind a worker that dies at every start, Invoke rightly waits: the pool pauses for up to 30 s (targets/function/runner.c). */
    bool invoke = strcmp(name, "lambda.Invoke") == 0;
    enum bus_err err = bus_call_within(w->bus, invoke ? INVOKE_MS : CALL_MS, name, body->p, &answer, &fault);
    if (err == BUS_ERR_USAGE || (invoke && err == BUS_ERR_TIMEOUT)) return; /* USAGE: refused before it was sent */
    int status = err == BUS_ERR_OK ? 200 : 400;
    if (err == BUS_ERR_INTERNAL || err == BUS_ERR_NOMEM || err == BUS_ERR_IO || err == BUS_ERR_CORRUPT || err == BUS_ERR_PROTOCOL)
        status = 500;
    if (err == BUS_ERR_TIMEOUT || err == BUS_ERR_CLOSED || err == BUS_ERR_UNREACHABLE) status = 0;
    char text[7000];
    snprintf(text, sizeof text, "{\"__type\":\"%d\",\"message\":\"%s\"}", (int)err, fault.message[0] ? "said" : "");
    struct str said = status == 400 ? str_from(text) : status == 200 ? str_from(answer) : str_from(fault.message);
    judge(w, index, str_from(name), request, status, said);
    bus_free(answer);
}

static void ask_http(struct worker *w, size_t index, const struct buf *body) {
    const struct operation *o = run.operations[index];
    char target[128];
    struct str answer;
    snprintf(target, sizeof target, "%s%s", target_of(o->service), o->name);
    struct peer_request r = {.method = "POST",
                             .path = "/",
                             .target = str_from(target),
                             .type = "application/x-amz-json-1.1",
                             .service = "events",
                             .body = buf_str(body)};
    switch (dice_below(&w->dice, 100)) { /* now and then what is around the body is odd */
    case 0: r.unsigned_ = true; break;
    case 1: r.forged = true; break;
    case 2: r.encoding = "gzip"; break;
    case 3: r.target.n--; break;
    case 4: r.type = NULL; break;
    default: break;
    }
    bool other = r.target.n != strlen(target);
    int status = peer_ask(&w->peer, &r, &answer);
    judge(w, other ? run.operation_count : index, str_from(target), r.body, status, answer);
}

static void write_body(struct worker *w, json_t *value, struct buf *body) {
    char *text = json_dumps(value, JSON_COMPACT);
    if (!text) abort();
    buf_addz(body, text);
    free(text);
    /* Bytes of a URL are left alone: it must not come to name another host. */
    if (dice_one_in(&w->dice, 12) && !memmem(body->p, body->n, "http", 4)) mutation_of_text(body, &w->dice);
    if (body->failed) abort();
}

static void ask_operation(struct worker *w) {
    size_t index = dice_below(&w->dice, run.operation_count);
    const struct operation *o = run.operations[index];
    struct buf body;
    json_t *value = value_make(o, run.memory, &w->dice);
    for (uint64_t n = dice_below(&w->dice, 10); n > 5; n--) mutation_of_tree(value, &w->dice);
    buf_init(&body, 0);
    write_body(w, value, &body);
    atomic_fetch_add(&run.asked[index], 1);
    if (target_of(o->service))
        ask_http(w, index, &body);
    else
        ask_nng(w, index, &body);
    buf_fini(&body);
    json_decref(value);
}

static void ask_cloudevents(struct worker *w) {
    struct buf body;
    struct str answer;
    bool batch = dice_one_in(&w->dice, 3);
    json_t *event = json_pack("{s:s, s:s, s:s, s:s, s:{s:i}}", "specversion", "1.0", "id", "1", "source", "s", "type", "t", "data", "n", 1);
    json_object_set_new(event, "id", json_integer((json_int_t)dice_below(&w->dice, 100)));
    if (!dice_one_in(&w->dice, 3)) json_object_set_new(event, "id", json_sprintf("%d", (int)dice_below(&w->dice, 100000)));
    for (uint64_t n = dice_below(&w->dice, 3); n; n--) mutation_of_tree(event, &w->dice);
    json_t *value = batch ? json_pack("[O, O]", event, event) : json_incref(event);
    buf_init(&body, 0);
    write_body(w, value, &body);
    struct peer_request r = {.method = "POST",
                             .path = dice_one_in(&w->dice, 4) ? "/cloudevents/a" : "/cloudevents/default",
                             .type = batch ? "application/cloudevents-batch+json" : "application/cloudevents+json",
                             .service = "events",
                             .body = buf_str(&body)};
    int status = peer_ask(&w->peer, &r, &answer);
    judge(w, run.operation_count, str_from(r.path), r.body, status, answer);
    buf_fini(&body);
    json_decref(value);
    json_decref(event);
}

/* The query protocol answers in XML. */
static void ask_identity(struct worker *w) {
    struct buf body;
    struct str answer;
    buf_init(&body, 0);
    buf_addz(&body, "Action=GetCallerIdentity&Version=2011-06-15");
    if (dice_one_in(&w->dice, 2)) mutation_of_text(&body, &w->dice);
    struct peer_request r = {
        .method = "POST", .path = "/", .type = "application/x-www-form-urlencoded", .service = "sts", .body = buf_str(&body)};
    int status = peer_ask(&w->peer, &r, &answer);
    bool good = status == 200 ? str_starts(answer, STR("<GetCallerIdentityResponse "))
                              : status >= 400 && status < 500 && str_starts(answer, STR("<ErrorResponse "));
    atomic_fetch_add(&run.requests, 1);
    if (!good)
        wrong(w, "no answer of the query protocol", STR("GetCallerIdentity"), r.body, status, answer);
    else
        atomic_fetch_add(status == 200 ? &run.accepted : &run.refused, 1);
    buf_fini(&body);
}

static void *work(void *ctx) {
    struct worker *w = ctx;
    while (clock_mono_ms() < run.end_ms && atomic_load(&run.wrong) < SHOWN_MAX) {
        uint64_t kind = dice_below(&w->dice, 40);
        if (kind == 0)
            ask_identity(w);
        else if (kind == 1)
            ask_cloudevents(w);
        else
            ask_operation(w);
    }
    return NULL;
}

/* ---- the whole
 * ------------------------------------------------------------------------------------------------------------------------------- */
static bool read_flags(int argc, char **argv) {
    const struct {
        const char *name, **text;
        int64_t *number;
    } flags[] = {{"--http", &run.http, NULL},
                 {"--listen", &run.listen, NULL},
                 {"--key", &run.key, NULL},
                 {"--secret", &run.secret, NULL},
                 {"--seed", NULL, &run.seed},
                 {"--seconds", NULL, &run.seconds},
                 {"--connections", NULL, &run.connections}};
    for (int i = 1; i < argc; i += 2) {
        size_t k = 0;
        while (k < sizeof flags / sizeof flags[0] && strcmp(argv[i], flags[k].name) != 0) k++;
        if (k == sizeof flags / sizeof flags[0] || i + 1 == argc) return false;
        if (flags[k].text)
            *flags[k].text = argv[i + 1];
        else if (!str_to_i64(str_from(argv[i + 1]), flags[k].number) || *flags[k].number < 1)
            return false;
    }
    return run.http && run.listen && run.key && run.secret && run.connections <= CONNECTIONS_MAX;
}

static bool worker_start(struct worker *w, int index) {
    struct bus_options options = {.endpoint = run.listen, .access_key_id = run.key, .secret_access_key = run.secret, .region = "us-east-1"};
    struct bus_fault fault = {0};
    w->index = index;
    w->dice.state = (uint64_t)run.seed * 1000003 + (uint64_t)index;
    arena_init(&w->arena, 0);
    peer_init(&w->peer, run.http, (struct peer_keys){str_from(run.key), str_from(run.secret), STR("us-east-1")});
    if (bus_open(&options, &w->bus, &fault)) {
        fprintf(stderr, "requests: %s\n", fault.message);
        return false;
    }
    return pthread_create(&w->thread, NULL, work, w) == 0;
}

static void worker_end(struct worker *w) {
    pthread_join(w->thread, NULL);
    if (bus_close(w->bus, 1000)) fprintf(stderr, "requests: closing took too long\n");
    peer_fini(&w->peer);
    arena_fini(&w->arena);
}

static void report(void) {
    size_t answered = 0;
    for (size_t i = 0; i < run.operation_count; i++) answered += run.done[i] > 0;
    for (size_t i = 0; i < run.operation_count; i++)
        if (!run.done[i])
            printf("never accepted: %s.%s of %llu\n", run.operations[i]->service, run.operations[i]->name,
                   (unsigned long long)run.asked[i]);
    printf("seed %lld: %llu requests, %llu accepted, %llu refused, %llu wrong; %zu of %zu operations accepted\n", (long long)run.seed,
           (unsigned long long)run.requests, (unsigned long long)run.accepted, (unsigned long long)run.refused,
           (unsigned long long)run.wrong, answered, run.operation_count);
}

int main(int argc, char **argv) {
    static struct worker workers[CONNECTIONS_MAX];
    size_t services;
    if (!read_flags(argc, argv)) {
        fprintf(stderr, "usage: %s --http ADDR:PORT --listen URL --key ID --secret SECRET [--seed N] [--seconds N] [--connections N]\n",
                argv[0]);
        return 2;
    }
    const struct operation *const *tables = model_tables(&services);
    for (size_t i = 0; i < services; i++)
        for (const struct operation *o = tables[i]; o->name && run.operation_count < OPERATIONS_MAX; o++)
            run.operations[run.operation_count++] = o;
    run.memory = memory_new();
    run.end_ms = clock_mono_ms() + run.seconds * 1000;
    int started = 0;
    while (run.memory && started < run.connections && worker_start(&workers[started], started)) started++;
    for (int i = 0; i < started; i++) worker_end(&workers[i]);
    memory_free(run.memory);
    report();
    return started == run.connections && !run.wrong ? 0 : 1;
}
