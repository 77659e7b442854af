/* libbus against the real gateway with a scripted engine behind it, over ipc, tcp and TLS; and against a daemon of its own process that is
 * killed under load. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bus.h"
#include "fake_api.h"
#include "nng.h"
#include "wire.h"

extern char **environ;
static char *self; /* this program, to run the daemon with */

struct fixture {
    char dir[64], ipc[96];
    struct api api;
    struct gate_nng *gate;
    struct bus *bus;
    struct bus_fault fault;
};

static void start_gate_at(struct fixture *f, const char *url, struct gate_nng_options options) {
    struct fault fault;
    options.urls = &url;
    options.url_count = 1;
    enum err err = gate_nng_start(&f->api, &options, &f->gate, &fault);
    if (err) fail_msg("%s", fault.message);
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    str_copyz(f->dir, sizeof f->dir, STR("/tmp/bus-client-XXXXXX"));
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->ipc, sizeof f->ipc, "ipc://%s/s", f->dir);
    fake_init(&f->api);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    bus_close(f->bus, 0);
    fake_release(&f->api);
    gate_nng_stop(f->gate);
    size_t callers = fake_get(&f->api, &f->api.callers);
    fake_fini(&f->api);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    int rc = system(command);
    free(f);
    return rc || callers; /* every caller was given back */
}

static struct bus_options options_for(const char *endpoint) {
    return (struct bus_options){.endpoint = endpoint, .access_key_id = FAKE_KEY, .secret_access_key = FAKE_SECRET};
}

static void open_with(struct fixture *f, struct bus_options options) {
    if (bus_open(&options, &f->bus, &f->fault)) fail_msg("%s", f->fault.message);
}

static void start(struct fixture *f) {
    start_gate_at(f, f->ipc, (struct gate_nng_options){0});
    open_with(f, options_for(f->ipc));
}

static const struct bus_event plain = {.source = "shop", .detail_type = "Order", .detail = "{\"n\":1}"};

/* Counts callbacks by outcome. */
struct tally {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t ok, failed, duplicates;
    enum bus_err last_err;
    struct map ids;
};

static void tally_init(struct tally *t) {
    *t = (struct tally){0};
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
    map_init(&t->ids);
}

static void tally_done(void *ctx, const struct bus_result *result) {
    struct tally *t = ctx;
    pthread_mutex_lock(&t->lock);
    if (result->err) {
        t->failed++;
        t->last_err = result->err;
    } else {
        t->ok++;
        void *old;
        if (!map_put(&t->ids, str_from(result->event_id), t, &old) || old) t->duplicates++;
    }
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

static void tally_wait(struct tally *t, size_t results) {
    pthread_mutex_lock(&t->lock);
    while (t->ok + t->failed < results) pthread_cond_wait(&t->changed, &t->lock);
    pthread_mutex_unlock(&t->lock);
}

static void tally_fini(struct tally *t) {
    map_fini(&t->ids);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
}

/* ---- puts ---- */

static void put_arrives_whole_and_tells_its_id(void **state) {
    struct fixture *f = *state;
    start(f);
    const char *resources[] = {"arn:one", "arn:two"};
    struct bus_event event = {.bus = "orders", .source = "shop", .detail_type = "Order Placed", .detail = "{\"a\":1}garbage", .detail_bytes = 7,
                              .resources = resources, .resource_count = 2, .time_ms = 1767225600000, .trace_header = "Root=1",
                              .id = "01234567-89ab-4def-8123-456789abcdef"};
    struct bus_result result;
    assert_int_equal(bus_put(f->bus, &event, &result, &f->fault), BUS_ERR_OK);
    assert_string_equal(result.event_id, event.id);
    assert_false(result.duplicate);
    assert_string_equal(f->api.last_text, "orders|shop|Order Placed|Root=1|{\"a\":1}|arn:two");
    assert_true(f->api.last.time_ms == 1767225600000);
    assert_true(f->api.last.has_id);
    assert_int_equal(bus_put(f->bus, &event, &result, NULL), BUS_ERR_OK); /* the same id again */
    assert_true(result.duplicate);
    assert_int_equal(f->api.events, 1);
}

static void put_many_in_one_request_with_partial_failure(void **state) {
    struct fixture *f = *state;
    start(f);
    struct bus_event events[5];
    struct bus_result results[5];
    for (int i = 0; i < 5; i++) events[i] = plain;
    events[2].source = "refuse";
    events[4].id = "no uuid";
    assert_int_equal(bus_put_many(f->bus, events, 5, results, &f->fault), BUS_ERR_INVALID_ARGUMENT);
    assert_string_equal(f->fault.where, "events.2");
    assert_string_equal(f->fault.message, "this source is refused");
    assert_int_equal(results[0].err, BUS_ERR_OK);
    assert_int_equal(results[2].err, BUS_ERR_INVALID_ARGUMENT);
    assert_int_equal(results[3].err, BUS_ERR_OK);
    assert_int_equal(results[4].err, BUS_ERR_USAGE);
    assert_non_null(strstr(results[4].message, "not a UUID"));
    assert_int_equal(f->api.events, 3);
    assert_int_equal(bus_put_many(f->bus, events, 0, NULL, NULL), BUS_ERR_OK);
}

static void async_events_travel_in_growing_batches(void **state) {
    struct fixture *f = *state;
    start(f);
    struct tally tally;
    tally_init(&tally);
    for (int i = 0; i < 20000; i++) assert_int_equal(bus_put_async(f->bus, &plain, tally_done, &tally, NULL), BUS_ERR_OK);
    assert_int_equal(bus_flush(f->bus, 30000), BUS_ERR_OK);
    assert_int_equal(tally.ok, 20000); /* flush: every callback has returned */
    assert_int_equal(tally.failed, 0);
    assert_int_equal(tally.duplicates, 0);
    assert_int_equal(f->api.events, 20000);
    assert_true(f->api.largest_batch > 10);
    assert_true(f->api.largest_batch <= 1000);
    tally_fini(&tally);
}

static void full_window_refuses_or_waits(void **state) {
    struct fixture *f = *state;
    start_gate_at(f, f->ipc, (struct gate_nng_options){0});
    struct bus_options options = options_for(f->ipc);
    options.window_events = 10;
    options.window_full_fails = true;
    open_with(f, options);
    struct tally tally;
    tally_init(&tally);
    f->api.hold = true;
    for (int i = 0; i < 10; i++) assert_int_equal(bus_put_async(f->bus, &plain, tally_done, &tally, &f->fault), BUS_ERR_OK);
    assert_int_equal(bus_put_async(f->bus, &plain, tally_done, &tally, &f->fault), BUS_ERR_WINDOW_FULL);
    assert_non_null(strstr(f->fault.message, "window of 10 events"));
    fake_release(&f->api);
    tally_wait(&tally, 10);
    assert_int_equal(bus_put_async(f->bus, &plain, tally_done, &tally, &f->fault), BUS_ERR_OK);
    assert_int_equal(bus_flush(f->bus, 10000), BUS_ERR_OK);
    assert_int_equal(bus_close(f->bus, 1000), BUS_ERR_OK);
    options.window_full_fails = false; /* now 100 events squeeze through a window of 10 */
    open_with(f, options);
    for (int i = 0; i < 100; i++) assert_int_equal(bus_put_async(f->bus, &plain, tally_done, &tally, NULL), BUS_ERR_OK);
    assert_int_equal(bus_flush(f->bus, 10000), BUS_ERR_OK);
    assert_int_equal(tally.ok, 111);
    tally_fini(&tally);
}

static void window_is_bounded_by_bytes_too(void **state) {
    struct fixture *f = *state;
    start_gate_at(f, f->ipc, (struct gate_nng_options){0});
    struct bus_options options = options_for(f->ipc);
    options.window_bytes = 1000;
    options.window_full_fails = true;
    open_with(f, options);
    char *large = malloc(5001);
    memset(large, ' ', 5000);
    large[0] = '{', large[4999] = '}', large[5000] = 0;
    struct bus_event event = plain;
    event.detail = large;
    f->api.hold = true;
    assert_int_equal(bus_put_async(f->bus, &event, NULL, NULL, NULL), BUS_ERR_OK); /* one larger than the window goes alone */
    assert_int_equal(bus_put_async(f->bus, &plain, NULL, NULL, NULL), BUS_ERR_WINDOW_FULL);
    fake_wait(&f->api, &f->api.held_put_count, 1);
    fake_release(&f->api);
    assert_int_equal(bus_flush(f->bus, 10000), BUS_ERR_OK);
    assert_int_equal(bus_put_async(f->bus, &plain, NULL, NULL, NULL), BUS_ERR_OK);
    free(large);
}

static void passing_refusals_are_tried_again(void **state) {
    struct fixture *f = *state;
    start(f);
    struct tally tally;
    tally_init(&tally);
    f->api.throttle = 150;      /* entries one by one */
    f->api.refuse_requests = 2; /* and requests whole */
    for (int i = 0; i < 100; i++) assert_int_equal(bus_put_async(f->bus, &plain, tally_done, &tally, NULL), BUS_ERR_OK);
    assert_int_equal(bus_flush(f->bus, 20000), BUS_ERR_OK);
    assert_int_equal(tally.ok, 100);
    assert_int_equal(tally.duplicates, 0);
    assert_int_equal(f->api.events, 100);
    tally_fini(&tally);
}

static void event_whose_time_is_over_is_told_once(void **state) {
    struct fixture *f = *state;
    start_gate_at(f, f->ipc, (struct gate_nng_options){0});
    struct bus_options options = options_for(f->ipc);
    options.request_timeout_ms = 150;
    open_with(f, options);
    f->api.hold = true;
    struct bus_result result;
    assert_int_equal(bus_put(f->bus, &plain, &result, &f->fault), BUS_ERR_TIMEOUT);
    assert_non_null(strstr(result.message, "may or may not"));
    char *answer;
    assert_int_equal(bus_call(f->bus, "Hold", NULL, &answer, &f->fault), BUS_ERR_TIMEOUT);
    assert_null(answer);
    f->api.throttle = SIZE_MAX;
    fake_release(&f->api); /* late answers find nobody */
    assert_int_equal(bus_put(f->bus, &plain, &result, &f->fault), BUS_ERR_TIMEOUT);
    fake_set(&f->api, &f->api.throttle, 0);
    assert_int_equal(bus_call_within(f->bus, 20000, "Echo", "{}", NULL, &f->fault), BUS_ERR_OK);
}

static void linger_gathers_a_batch(void **state) {
    struct fixture *f = *state;
    start_gate_at(f, f->ipc, (struct gate_nng_options){0});
    struct bus_options options = options_for(f->ipc);
    options.linger_ms = 60000;
    options.batch_events = 50;
    open_with(f, options);
    for (int i = 0; i < 50; i++) assert_int_equal(bus_put_async(f->bus, &plain, NULL, NULL, NULL), BUS_ERR_OK);
    assert_int_equal(bus_put_async(f->bus, &plain, NULL, NULL, NULL), BUS_ERR_OK); /* the 51st seals the full batch, and waits */
    fake_wait(&f->api, &f->api.events, 50);
    assert_int_equal(fake_get(&f->api, &f->api.batches), 1);
    assert_int_equal(bus_flush(f->bus, 10000), BUS_ERR_OK); /* flush does not linger */
    assert_int_equal(f->api.events, 51);
}

static void event_too_large_for_a_frame_is_refused_and_a_large_one_passes(void **state) {
    struct fixture *f = *state;
    start(f);
    size_t n = 17u << 20;
    char *large = malloc(n);
    memset(large, ' ', n);
    struct bus_event event = plain;
    event.detail = large;
    event.detail_bytes = n;
    assert_int_equal(bus_put(f->bus, &event, NULL, &f->fault), BUS_ERR_TOO_LARGE);
    event.detail_bytes = 12u << 20;
    assert_int_equal(bus_put(f->bus, &event, NULL, &f->fault), BUS_ERR_OK);
    assert_int_equal(f->api.last.detail.n, 12u << 20);
    free(large);
}

/* ---- callbacks ---- */

struct chain {
    struct bus *bus;
    struct tally tally;
    int left;
    enum bus_err put_err, call_err, flush_err, close_err;
};

static void chain_done(void *ctx, const struct bus_result *result) {
    struct chain *c = ctx;
    c->put_err = bus_put(c->bus, &plain, NULL, NULL);
    c->call_err = bus_call(c->bus, "Echo", NULL, NULL, NULL);
    c->flush_err = bus_flush(c->bus, 0);
    c->close_err = bus_close(c->bus, 0);
    if (--c->left > 0 && bus_put_async(c->bus, &plain, chain_done, c, NULL)) c->left = -1000;
    tally_done(&c->tally, result);
}

static void callback_may_put_async_and_waiting_calls_are_refused_there(void **state) {
    struct fixture *f = *state;
    start(f);
    struct chain chain = {.bus = f->bus, .left = 5};
    tally_init(&chain.tally);
    assert_int_equal(bus_put_async(f->bus, &plain, chain_done, &chain, NULL), BUS_ERR_OK);
    tally_wait(&chain.tally, 5);
    assert_int_equal(bus_flush(f->bus, 10000), BUS_ERR_OK);
    assert_int_equal(chain.left, 0);
    assert_int_equal(chain.put_err, BUS_ERR_USAGE);
    assert_int_equal(chain.call_err, BUS_ERR_USAGE);
    assert_int_equal(chain.flush_err, BUS_ERR_USAGE);
    assert_int_equal(chain.close_err, BUS_ERR_USAGE);
    tally_fini(&chain.tally);
}

static void close_gives_every_event_its_callback(void **state) {
    struct fixture *f = *state;
    start(f);
    struct tally tally;
    tally_init(&tally);
    f->api.hold = true;
    for (int i = 0; i < 2500; i++) assert_int_equal(bus_put_async(f->bus, &plain, tally_done, &tally, NULL), BUS_ERR_OK);
    struct bus *bus = f->bus;
    f->bus = NULL;
    assert_int_equal(bus_close(bus, 10), BUS_ERR_TIMEOUT);
    assert_int_equal(tally.failed, 2500);
    assert_int_equal(tally.last_err, BUS_ERR_CLOSED);
    tally_fini(&tally);
}

/* ---- operations ---- */

static void call_answers_and_errors_with_place(void **state) {
    struct fixture *f = *state;
    start(f);
    char *answer;
    assert_int_equal(bus_call(f->bus, "Echo", "{\"x\":\"\xc3\xa4\"}", &answer, &f->fault), BUS_ERR_OK);
    assert_string_equal(answer, "{\"x\":\"\xc3\xa4\"}");
    bus_free(answer);
    assert_int_equal(bus_call(f->bus, "Refuse", "{}", &answer, &f->fault), BUS_ERR_PATTERN);
    assert_null(answer);
    assert_string_equal(f->fault.where, "eventPattern");
    assert_int_equal(f->fault.line, 2);
    assert_int_equal(f->fault.column, 5);
    assert_string_equal(f->fault.message, "Event pattern is not valid. Reason: no");
    assert_int_equal(bus_call(f->bus, "Unknown", NULL, NULL, NULL), BUS_ERR_UNKNOWN_OPERATION);
    assert_int_equal(bus_call(f->bus, "", NULL, NULL, NULL), BUS_ERR_USAGE);
    assert_int_equal(bus_call(f->bus, "Echo", "\"\xff\"", NULL, NULL), BUS_ERR_USAGE);
}

static void typed_helpers_quote_and_read_answers(void **state) {
    struct fixture *f = *state;
    start(f);
    char *arn;
    struct bus_rule rule = {.name = "a\"b", .event_pattern = "{\"source\":[\"x\"]}"};
    assert_int_equal(bus_put_rule(f->bus, &rule, &arn, &f->fault), BUS_ERR_OK);
    assert_string_equal(arn, "arn:aws:events:us-east-1:1:rule/r");
    bus_free(arn);
    assert_string_equal(f->api.last_text, "{\"Name\":\"a\\\"b\",\"EventPattern\":\"{\\\"source\\\":[\\\"x\\\"]}\",\"State\":\"ENABLED\"}");
    struct bus_target target = {.id = "t1", .arn = "arn:q", .input_transformer = "{\"InputTemplate\":\"1\"}", .dead_letter_arn = "arn:d"};
    assert_int_equal(bus_put_targets(f->bus, NULL, "r", &target, 1, &f->fault), BUS_ERR_LIMIT);
    assert_string_equal(f->fault.where, "t2");
    assert_string_equal(f->api.last_text, "{\"Rule\":\"r\",\"Targets\":[{\"Id\":\"t1\",\"Arn\":\"arn:q\",\"InputTransformer\":{\"InputTemplate\":\"1\"},"
                                          "\"DeadLetterConfig\":{\"Arn\":\"arn:d\"}}]}");
    const char *ids[] = {"t1", "t2"};
    assert_int_equal(bus_remove_targets(f->bus, "b", "r", ids, 2, NULL), BUS_ERR_OK);
    assert_string_equal(f->api.last_text, "{\"Rule\":\"r\",\"EventBusName\":\"b\",\"Ids\":[\"t1\",\"t2\"]}");
    assert_int_equal(bus_create_event_bus(f->bus, "b", &arn, &f->fault), BUS_ERR_PROTOCOL); /* an echo has no EventBusArn */
    assert_null(arn);
    assert_int_equal(bus_delete_event_bus(f->bus, "\xff", &f->fault), BUS_ERR_USAGE);
    assert_int_equal(bus_disable_rule(f->bus, "b", "r", NULL), BUS_ERR_OK);
    assert_int_equal(bus_put_permission(f->bus, "b", "s1", "111122223333", NULL), BUS_ERR_OK);
    assert_string_equal(f->api.last_text, "{\"EventBusName\":\"b\",\"StatementId\":\"s1\",\"Principal\":\"111122223333\",\"Action\":\"events:PutEvents\"}");
}

struct caller_thread {
    struct bus *bus;
    int wrong;
};

static void *call_and_put(void *arg) {
    struct caller_thread *t = arg;
    for (int i = 0; i < 100; i++) {
        char request[64], *answer = NULL;
        snprintf(request, sizeof request, "{\"thread\":\"%p\",\"i\":%d}", arg, i);
        if (bus_call(t->bus, "Echo", request, &answer, NULL) || strcmp(answer, request) != 0) t->wrong++;
        bus_free(answer);
        if (bus_put(t->bus, &plain, NULL, NULL)) t->wrong++;
    }
    return NULL;
}

static void many_threads_share_one_handle(void **state) {
    struct fixture *f = *state;
    start(f);
    pthread_t threads[8];
    struct caller_thread t[8];
    for (int i = 0; i < 8; i++) {
        t[i] = (struct caller_thread){f->bus, 0};
        pthread_create(&threads[i], NULL, call_and_put, &t[i]);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(t[i].wrong, 0);
    }
    assert_int_equal(f->api.events, 800);
}

/* ---- identity ---- */

static void unknown_key_and_wrong_secret_are_told_at_once(void **state) {
    struct fixture *f = *state;
    start_gate_at(f, f->ipc, (struct gate_nng_options){0});
    struct bus_options options = options_for(f->ipc);
    options.access_key_id = "AKIDOTHER";
    open_with(f, options);
    assert_int_equal(bus_put(f->bus, &plain, NULL, &f->fault), BUS_ERR_UNKNOWN_KEY);
    assert_int_equal(bus_call(f->bus, "Echo", NULL, NULL, NULL), BUS_ERR_UNKNOWN_KEY);
    bus_close(f->bus, 0);
    options = options_for(f->ipc);
    options.secret_access_key = "wrong";
    open_with(f, options);
    assert_int_equal(bus_put(f->bus, &plain, NULL, &f->fault), BUS_ERR_INVALID_SIGNATURE);
    assert_int_equal(f->api.events, 0);
}

/* Sends bytes as they are and reads the answer. */
static void exchange(nng_socket socket, struct str frame, struct wire_answer *answer, struct arena *arena) {
    void *p;
    size_t n;
    struct fault fault;
    assert_int_equal(nng_send(socket, (void *)(uintptr_t)frame.p, frame.n, 0), 0);
    assert_int_equal(nng_recv(socket, &p, &n, NNG_FLAG_ALLOC), 0);
    struct str copy = arena_str(arena, str_of(p, n));
    nng_free(p, n);
    assert_int_equal(wire_read_answer(copy, arena, answer, &fault), ERR_OK);
}

static void replayed_forged_and_malformed_frames_are_refused(void **state) {
    struct fixture *f = *state;
    start_gate_at(f, f->ipc, (struct gate_nng_options){0});
    nng_socket socket;
    assert_int_equal(nng_req0_open(&socket), 0);
    assert_int_equal(nng_dial(socket, f->ipc, NULL, 0), 0);
    struct arena arena;
    struct buf body, frame;
    struct wire_answer answer;
    arena_init(&arena, 0);
    buf_init(&body, 0);
    buf_init(&frame, 0);
    wire_call_body(&body, STR("Echo"), STR("{\"amount\":1}"));
    struct wire_signature s = {.key_id = STR(FAKE_KEY), .session = "12345678", .counter = 1, .timestamp_ms = clock_now_ms()};
    uint8_t header[WIRE_HEADER_MAX];
    size_t n = wire_sign(WIRE_CALL, &s, STR(FAKE_SECRET), buf_str(&body), header);
    buf_add(&frame, str_of((char *)header, n));
    buf_add(&frame, buf_str(&body));
    exchange(socket, buf_str(&frame), &answer, &arena);
    assert_int_equal(answer.kind, WIRE_ANSWER);
    exchange(socket, buf_str(&frame), &answer, &arena);
    assert_int_equal(answer.kind, WIRE_ERROR);
    assert_int_equal(answer.error.err, ERR_REPLAYED);
    frame.p[frame.n - 2] = '9'; /* another amount under the same mac */
    exchange(socket, buf_str(&frame), &answer, &arena);
    assert_int_equal(answer.error.err, ERR_INVALID_SIGNATURE);
    assert_true(answer.error.daemon_ms >= s.timestamp_ms);
    exchange(socket, STR("GET / HTTP/1.1\r\n\r\n"), &answer, &arena);
    assert_int_equal(answer.error.err, ERR_MALFORMED);
    exchange(socket, STR(""), &answer, &arena);
    assert_int_equal(answer.error.err, ERR_MALFORMED);
    /* Well signed, but not a PUT. */
    s.counter = 2;
    n = wire_sign(WIRE_PUT, &s, STR(FAKE_SECRET), STR("\0\0\0\1x"), header);
    buf_clear(&frame);
    buf_add(&frame, str_of((char *)header, n));
    buf_add(&frame, STR("\0\0\0\1x"));
    exchange(socket, buf_str(&frame), &answer, &arena);
    assert_int_equal(answer.error.err, ERR_MALFORMED);
    assert_int_equal(f->api.calls, 1);
    nng_close(socket);
    buf_fini(&frame);
    buf_fini(&body);
    arena_fini(&arena);
}

/* ---- transports ---- */

static void tcp_port_zero_is_told_and_serves(void **state) {
    struct fixture *f = *state;
    start_gate_at(f, "tcp://127.0.0.1:0", (struct gate_nng_options){0});
    const char *url = gate_nng_url(f->gate, 0);
    assert_true(str_starts(str_from(url), STR("tcp://127.0.0.1:")));
    assert_null(strstr(url, ":0"));
    assert_null(gate_nng_url(f->gate, 1));
    open_with(f, options_for(url));
    assert_true(bus_is_connected(f->bus));
    assert_string_equal(bus_endpoint(f->bus), url);
    assert_int_equal(bus_put(f->bus, &plain, NULL, &f->fault), BUS_ERR_OK);
}

static void tls_serves_who_trusts_its_certificate_and_no_other(void **state) {
    struct fixture *f = *state;
    char command[512], cert[96], key[96], other[96];
    snprintf(cert, sizeof cert, "%s/cert.pem", f->dir);
    snprintf(key, sizeof key, "%s/key.pem", f->dir);
    snprintf(other, sizeof other, "%s/other.pem", f->dir);
    for (int i = 0; i < 2; i++) {
        snprintf(command, sizeof command,
                 "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost "
                 "-addext subjectAltName=DNS:localhost -keyout %s -out %s 2>/dev/null",
                 i ? "/dev/null" : key, i ? other : cert);
        assert_int_equal(system(command), 0);
    }
    start_gate_at(f, "tls+tcp://127.0.0.1:0", (struct gate_nng_options){.tls_cert_file = cert, .tls_key_file = key});
    struct bus_options options = options_for(gate_nng_url(f->gate, 0));
    options.tls_ca_file = cert;
    options.tls_server_name = "localhost";
    open_with(f, options);
    struct tally tally;
    tally_init(&tally);
    for (int i = 0; i < 2000; i++) assert_int_equal(bus_put_async(f->bus, &plain, tally_done, &tally, NULL), BUS_ERR_OK);
    assert_int_equal(bus_close(f->bus, 20000), BUS_ERR_OK);
    f->bus = NULL;
    assert_int_equal(tally.ok, 2000);
    tally_fini(&tally);
    options.tls_ca_file = other;
    assert_int_not_equal(bus_open(&options, &f->bus, &f->fault), BUS_ERR_OK);
    assert_null(f->bus);
    options.tls_ca_file = cert;
    options.tls_server_name = "example.com";
    assert_int_not_equal(bus_open(&options, &f->bus, &f->fault), BUS_ERR_OK);
    options.tls_ca_file = NULL;
    options.tls_insecure = true;
    open_with(f, options);
    assert_int_equal(bus_put(f->bus, &plain, NULL, &f->fault), BUS_ERR_OK);
}

/* ---- the gate's own ---- */

static void ipc_socket_is_private_and_other_files_are_left_alone(void **state) {
    struct fixture *f = *state;
    struct stat st;
    start_gate_at(f, f->ipc, (struct gate_nng_options){0});
    assert_int_equal(stat(f->ipc + 6, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    char file[96], url[104];
    snprintf(file, sizeof file, "%s/file", f->dir);
    snprintf(url, sizeof url, "ipc://%s", file);
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fclose(out);
    const char *urls[] = {url, f->ipc, "http://x", "tls+tcp://127.0.0.1:0"};
    const enum err expected[] = {ERR_IO, ERR_IO, ERR_USAGE, ERR_USAGE};
    for (int i = 0; i < 4; i++) {
        struct gate_nng *second;
        struct fault fault;
        struct gate_nng_options options = {.urls = &urls[i], .url_count = 1};
        assert_int_equal(gate_nng_start(&f->api, &options, &second, &fault), expected[i]);
        assert_null(second);
        assert_string_equal(fault.where, urls[i]);
    }
    assert_int_equal(stat(file, &st), 0);
}

static void *hold_call(void *arg) {
    struct fixture *f = arg;
    return (void *)(intptr_t)bus_call(f->bus, "Hold", NULL, NULL, NULL);
}

static void long_polls_leave_room_for_events_and_drain_waits_for_them(void **state) {
    struct fixture *f = *state;
    start_gate_at(f, f->ipc, (struct gate_nng_options){.requests_max = 4, .calls_max = 2});
    open_with(f, options_for(f->ipc));
    f->api.hold = true;
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, hold_call, f);
    fake_wait(&f->api, &f->api.held_call_count, 2);
    assert_int_equal(bus_call_within(f->bus, 200, "Echo", NULL, NULL, &f->fault), BUS_ERR_TIMEOUT); /* throttled until then */
    assert_int_equal(fake_get(&f->api, &f->api.calls), 2);
    assert_int_equal(bus_put_async(f->bus, &plain, NULL, NULL, NULL), BUS_ERR_OK);
    fake_wait(&f->api, &f->api.held_put_count, 1); /* an event gets in all the same */
    assert_int_equal(gate_nng_drain(f->gate, 10), ERR_TIMEOUT);
    fake_release(&f->api);
    for (int i = 0; i < 2; i++) {
        void *err;
        pthread_join(threads[i], &err);
        assert_int_equal((intptr_t)err, BUS_ERR_OK);
    }
    assert_int_equal(bus_flush(f->bus, 10000), BUS_ERR_OK);
    assert_int_equal(gate_nng_drain(f->gate, 10000), ERR_OK);
    assert_int_equal(bus_call_within(f->bus, 200, "Echo", NULL, NULL, &f->fault), BUS_ERR_TIMEOUT); /* refused as shutting down */
    assert_int_equal(fake_get(&f->api, &f->api.calls), 2);
}

/* ---- a daemon that is killed ---- */

/* `ahead_s`: its clock stands that much ahead of the real one, and stays there. */
static int run_daemon(const char *url, const char *record, int ahead_s) {
    struct api api;
    struct gate_nng *gate;
    struct fault fault;
    fake_init(&api);
    if (ahead_s) clock_fake(clock_now_ms() + ahead_s * 1000LL);
    struct gate_nng_options options = {.urls = &url, .url_count = 1};
    if (!fake_record(&api, record) || gate_nng_start(&api, &options, &gate, &fault)) return 1;
    if (write(1, "ready\n", 6) != 6) return 1;
    for (;;) pause();
}

static pid_t spawn_daemon_ahead(struct fixture *f, const char *record, const char *ahead_s) {
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ready[1], 1);
    posix_spawn_file_actions_addclose(&actions, ready[0]);
    char mode[] = "--daemon", path[96], ahead[16];
    str_copyz(path, sizeof path, str_from(record));
    str_copyz(ahead, sizeof ahead, str_from(ahead_s));
    char *argv[] = {self, mode, f->ipc, path, ahead, NULL};
    pid_t pid;
    assert_int_equal(posix_spawn(&pid, self, &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ready[1]);
    char line[6];
    assert_int_equal(read(ready[0], line, 6), 6);
    close(ready[0]);
    return pid;
}

static pid_t spawn_daemon(struct fixture *f, const char *record) { return spawn_daemon_ahead(f, record, "0"); }

static void kill_daemon(pid_t pid) {
    int status;
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

struct producer {
    struct bus *bus;
    struct tally *tally;
    size_t count, refused;
};

static void *produce(void *arg) {
    struct producer *p = arg;
    char detail[256];
    for (size_t i = 0; i < p->count; i++) {
        snprintf(detail, sizeof detail, "{\"i\":%zu,\"padding\":\"%0128d\"}", i, 7);
        struct bus_event event = {.source = "load", .detail_type = "Tick", .detail = detail};
        if (bus_put_async(p->bus, &event, tally_done, p->tally, NULL)) p->refused++;
    }
    return NULL;
}

static void nothing_is_lost_or_doubled_when_the_daemon_is_killed_under_load(void **state) {
    struct fixture *f = *state;
    enum { EACH = 15000, KILLS = 5 };
    char record[96];
    snprintf(record, sizeof record, "%s/ids", f->dir);
    pid_t pid = spawn_daemon(f, record);
    struct bus_options options = options_for(f->ipc);
    options.window_events = 500;
    options.batch_events = 100;
    options.request_timeout_ms = 120000;
    open_with(f, options);
    struct tally tally;
    tally_init(&tally);
    struct producer producers[2] = {{f->bus, &tally, EACH, 0}, {f->bus, &tally, EACH, 0}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, produce, &producers[i]);
    for (size_t k = 1; k <= KILLS; k++) {
        tally_wait(&tally, k * 2 * EACH / (KILLS + 1));
        kill_daemon(pid);
        pid = spawn_daemon(f, record);
    }
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    assert_int_equal(bus_flush(f->bus, 60000), BUS_ERR_OK);
    kill_daemon(pid);
    assert_int_equal(producers[0].refused + producers[1].refused, 0);
    assert_int_equal(tally.ok, 2 * EACH);
    assert_int_equal(tally.failed, 0);
    assert_int_equal(tally.duplicates, 0); /* ids told twice */

    /* The record: each acknowledged id once, and nothing else. */
    FILE *in = fopen(record, "rb");
    assert_non_null(in);
    struct map recorded;
    map_init(&recorded);
    size_t lines = 0, doubled = 0, unknown = 0;
    struct id id;
    while (fread(id.b, sizeof id.b, 1, in) == 1) {
        char text[ID_TEXT_SIZE];
        void *old;
        id_text(id, text);
        lines++;
        if (!map_put(&recorded, str_from(text), f, &old) || old) doubled++;
        if (!map_get(&tally.ids, str_from(text))) unknown++;
    }
    fclose(in);
    assert_int_equal(doubled, 0);
    assert_int_equal(unknown, 0);
    assert_int_equal(lines, 2 * EACH);
    map_fini(&recorded);
    tally_fini(&tally);
}

static void call_survives_a_restart(void **state) {
    struct fixture *f = *state;
    char record[96];
    snprintf(record, sizeof record, "%s/ids", f->dir);
    pid_t pid = spawn_daemon(f, record);
    open_with(f, options_for(f->ipc));
    assert_int_equal(bus_call(f->bus, "Echo", NULL, NULL, &f->fault), BUS_ERR_OK);
    kill_daemon(pid);
    assert_int_equal(bus_call_within(f->bus, 50, "Echo", NULL, NULL, &f->fault), BUS_ERR_TIMEOUT);
    pid = spawn_daemon(f, record);
    assert_int_equal(bus_call(f->bus, "Echo", NULL, NULL, &f->fault), BUS_ERR_OK);
    kill_daemon(pid);
}

static void wrong_clock_is_learned_from_the_refusal(void **state) {
    struct fixture *f = *state;
    char record[96];
    snprintf(record, sizeof record, "%s/ids", f->dir);
    pid_t pid = spawn_daemon_ahead(f, record, "3600"); /* 60 s would be accepted */
    open_with(f, options_for(f->ipc));
    struct tally tally;
    tally_init(&tally);
    for (int i = 0; i < 100; i++) assert_int_equal(bus_put_async(f->bus, &plain, tally_done, &tally, NULL), BUS_ERR_OK);
    assert_int_equal(bus_flush(f->bus, 10000), BUS_ERR_OK);
    assert_int_equal(tally.ok, 100);
    assert_int_equal(bus_call(f->bus, "Echo", NULL, NULL, NULL), BUS_ERR_OK);
    kill_daemon(pid);
    pid = spawn_daemon_ahead(f, record, "-3600"); /* wrong the other way: learned anew */
    assert_int_equal(bus_call(f->bus, "Echo", NULL, NULL, NULL), BUS_ERR_OK);
    kill_daemon(pid);
    tally_fini(&tally);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
int main(int argc, char **argv) {
    if (argc == 5 && strcmp(argv[1], "--daemon") == 0) return run_daemon(argv[2], argv[3], atoi(argv[4]));
    self = argv[0];
    const struct CMUnitTest tests[] = {
        TEST(put_arrives_whole_and_tells_its_id),
        TEST(put_many_in_one_request_with_partial_failure),
        TEST(async_events_travel_in_growing_batches),
        TEST(full_window_refuses_or_waits),
        TEST(window_is_bounded_by_bytes_too),
        TEST(passing_refusals_are_tried_again),
        TEST(event_whose_time_is_over_is_told_once),
        TEST(linger_gathers_a_batch),
        TEST(event_too_large_for_a_frame_is_refused_and_a_large_one_passes),
        TEST(callback_may_put_async_and_waiting_calls_are_refused_there),
        TEST(close_gives_every_event_its_callback),
        TEST(call_answers_and_errors_with_place),
        TEST(typed_helpers_quote_and_read_answers),
        TEST(many_threads_share_one_handle),
        TEST(wrong_clock_is_learned_from_the_refusal),
        TEST(unknown_key_and_wrong_secret_are_told_at_once),
        TEST(replayed_forged_and_malformed_frames_are_refused),
        TEST(tcp_port_zero_is_told_and_serves),
        TEST(tls_serves_who_trusts_its_certificate_and_no_other),
        TEST(ipc_socket_is_private_and_other_files_are_left_alone),
        TEST(long_polls_leave_room_for_events_and_drain_waits_for_them),
        TEST(nothing_is_lost_or_doubled_when_the_daemon_is_killed_under_load),
        TEST(call_survives_a_restart),
    };
    return cmocka_run_group_tests_name("gate/client", tests, NULL, NULL);
}
