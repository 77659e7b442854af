/* The HTTP gateway with a scripted engine behind it, by plain sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "fake_api.h"
#include "http.h"

enum { ANSWER_BYTES = 1 << 20 };

/* ---- the rest of the engine, as far as HTTP asks it --------------------------------------------------------------------------------- */

/* X-Key is who asks: there is no signature. */
enum err api_authenticate_http(struct api *api, const struct api_http_request *request, struct caller **caller, struct fault *fault) {
    struct str key = STR_NULL;
    for (size_t i = 0; i < request->header_count; i++)
        if (str_eq_nocase(request->headers[i].name, STR("x-key"))) key = request->headers[i].value;
    if (!key.p) return fault_set(fault, ERR_MISSING_AUTH, NULL);
    if (!str_eqz(key, FAKE_KEY)) return fault_set(fault, ERR_UNKNOWN_KEY, NULL);
    *caller = malloc(sizeof **caller);
    if (!*caller) abort();
    (*caller)->api = api;
    pthread_mutex_lock(&api->lock);
    api->callers++;
    pthread_mutex_unlock(&api->lock);
    return ERR_OK;
}

size_t api_put_bytes_most(const struct api *api) {
    (void)api;
    return 1 << 20;
}

int api_query(struct api *api, struct caller *caller, struct str query, struct str form, struct str request_id, struct buf *answer) {
    (void)api, (void)caller;
    buf_addf(answer, "<%.*s %.*s %zu>", STR_ARG(query), STR_ARG(form), request_id.n);
    return 200;
}

int api_query_error(enum err err, const struct fault *fault, struct str request_id, struct buf *answer) {
    (void)fault, (void)request_id;
    buf_addz(answer, err_row(err)->aws_type);
    return err_row(err)->http_status;
}

enum err api_read_cloudevents(const struct api_http_request *request, struct str body, struct str bus, struct arena *a,
                              struct entry **entries, size_t *count, struct fault *fault) {
    (void)request;
    if (!body.n) return fault_set(fault, ERR_MALFORMED, "no event");
    *entries = ARENA_NEW(a, struct entry);
    if (!*entries) return ERR_NOMEM;
    **entries =
        (struct entry){.bus = bus, .source = STR("cloud"), .detail_type = STR("t"), .detail = body, .time_ms = -1, .id = id_random()};
    *count = 1;
    return ERR_OK;
}

/* ---- fixture
 * ----------------------------------------------------------------------------------------------------------------------------- */

struct fixture {
    struct api api;
    struct gate_http *gate;
    char answer[ANSWER_BYTES];
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    struct fault fault;
    assert_non_null(f);
    fake_init(&f->api);
    struct gate_http_options options = {.address = "127.0.0.1:0", .body_bytes = 65536};
    if (gate_http_start(&f->api, &options, &f->gate, &fault)) fail_msg("%s", fault.message);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    fake_release(&f->api);
    gate_http_stop(f->gate);
    size_t callers = fake_get(&f->api, &f->api.callers);
    fake_fini(&f->api);
    free(f);
    return callers ? -1 : 0; /* every caller was given back */
}

static int dial(const struct fixture *f) {
    const char *address = gate_http_address(f->gate), *colon = strrchr(address, ':');
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1)), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval patience = {30, 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && !connect(fd, (struct sockaddr *)&to, sizeof to));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static void say(int fd, const char *text) { assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text)); }

/* Reads until `last` has come `times` times, or to the end when it is NULL. */
static const char *hear(struct fixture *f, int fd, const char *last, int times) {
    size_t n = 0;
    f->answer[0] = 0;
    for (;;) {
        int seen = 0;
        for (const char *p = last ? f->answer : NULL; p && (p = strstr(p, last)); p += strlen(last)) seen++;
        if (last && seen >= times) return f->answer;
        ssize_t got = recv(fd, f->answer + n, sizeof f->answer - 1 - n, 0);
        if (got < 0) fail_msg("no answer in time; so far: %s", f->answer);
        if (got == 0) return f->answer;
        n += (size_t)got;
        f->answer[n] = 0;
    }
}

#define HEAD(target) "POST / HTTP/1.1\r\nHost: x\r\nX-Key: " FAKE_KEY "\r\nX-Amz-Target: " target "\r\n"
#define ECHO(length, body) HEAD("EventBus.Echo") "Content-Length: " #length "\r\n\r\n" body
#define PUT_BODY                                                                                                                           \
    "{\"Entries\":[{\"Source\":\"s\",\"DetailType\":\"t\",\"Detail\":\"{\\\"a\\\":1}\",\"EventBusName\":\"b\",\"Resources\":[\"r\"]}]}"

static void assert_has(const char *text, const char *part) {
    if (!strstr(text, part)) fail_msg("'%s' is not in: %s", part, text);
}

/* ---- requests
 * ---------------------------------------------------------------------------------------------------------------------------- */

static void an_operation_is_asked_and_answered(void **state) {
    struct fixture *f = *state;
    int fd = dial(f);
    say(fd, ECHO(9, "{\"a\":\"b\"}"));
    const char *answer = hear(f, fd, "{\"a\":\"b\"}", 1);
    assert_has(answer, "HTTP/1.1 200 OK\r\n");
    assert_has(answer, "x-amzn-RequestId: ");
    assert_has(answer, "Content-Type: application/x-amz-json-1.1\r\n");
    say(fd, HEAD("EventBus.Refuse") "Content-Length: 0\r\n\r\n");
    answer = hear(f, fd, "\"}", 1);
    assert_has(answer, "HTTP/1.1 400 ");
    assert_has(answer, "{\"__type\":\"InvalidEventPatternException\",\"message\":\"Event pattern is not valid. Reason: no\"}");
    close(fd);
}

static void events_go_straight_into_entries(void **state) {
    struct fixture *f = *state;
    int fd = dial(f);
    char request[1024];
    snprintf(request, sizeof request, HEAD("AWSEvents.PutEvents") "Content-Length: %zu\r\n\r\n%s", strlen(PUT_BODY), PUT_BODY);
    say(fd, request);
    assert_has(hear(f, fd, "]}", 1), "{\"FailedEntryCount\":0,\"Entries\":[{\"EventId\":\"");
    assert_string_equal(f->api.last_text, "b|s|t||{\"a\":1}|r");
    assert_int_equal(fake_get(&f->api, &f->api.calls), 0);
    say(fd, HEAD("AWSEvents.PutEvents") "Content-Length: 14\r\n\r\n{\"Entries\":[]}"); /* the operation's own business */
    hear(f, fd, "[]}", 1);
    assert_int_equal(fake_get(&f->api, &f->api.calls), 1);
    fake_set(&f->api, &f->api.refuse_requests, 1);
    say(fd, request);
    assert_has(hear(f, fd, "}", 1), "HTTP/1.1 507 ");
    close(fd);
}

static void nobody_unknown_gets_an_answer(void **state) {
    struct fixture *f = *state;
    int fd = dial(f);
    say(fd, "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: EventBus.Echo\r\nContent-Length: 2\r\n\r\n{}");
    assert_has(hear(f, fd, "\"}", 1), "\"MissingAuthenticationTokenException\"");
    say(fd, "POST / HTTP/1.1\r\nHost: x\r\nX-Key: other\r\nX-Amz-Target: EventBus.Echo\r\nContent-Length: 2\r\n\r\n{}");
    assert_has(hear(f, fd, "\"}", 1), "HTTP/1.1 403 ");
    assert_int_equal(fake_get(&f->api, &f->api.calls), 0);
    close(fd);
}

static void pipelined_requests_are_answered_in_order(void **state) {
    struct fixture *f = *state;
    int fd = dial(f);
    say(fd, ECHO(3, "[1]") ECHO(3, "[2]") ECHO(3, "[3]") ECHO(3, "[4]"));
    const char *answer = hear(f, fd, "[4]", 1), *at = answer;
    for (int i = 1; i <= 4; i++) {
        char body[16];
        snprintf(body, sizeof body, "[%d]", i);
        at = strstr(at, body);
        assert_non_null(at);
    }
    close(fd);
}

static void a_body_may_come_in_chunks_and_wait_to_be_asked_for(void **state) {
    struct fixture *f = *state;
    int fd = dial(f);
    say(fd, HEAD("EventBus.Echo") "Transfer-Encoding: chunked\r\n\r\n3\r\n[12\r\n2;x=y\r\n3]\r\n0\r\n\r\n");
    hear(f, fd, "[123]", 1);
    say(fd, HEAD("EventBus.Echo") "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_string_equal(hear(f, fd, "\r\n\r\n", 1), "HTTP/1.1 100 Continue\r\n\r\n");
    say(fd, "[7]");
    hear(f, fd, "[7]", 1);
    say(fd, HEAD("EventBus.Echo") "Content-Length: 65537\r\n\r\n");
    assert_has(hear(f, fd, NULL, 0), "HTTP/1.1 413 ");
    close(fd);
}

static void one_cloud_event_is_answered_as_one(void **state) {
    struct fixture *f = *state;
    int fd = dial(f);
    say(fd, "POST /cloudevents/a%2Fb HTTP/1.1\r\nHost: x\r\nX-Key: " FAKE_KEY "\r\nContent-Length: 2\r\n\r\n{}");
    assert_has(hear(f, fd, "}", 1), "HTTP/1.1 200 ");
    assert_has(f->api.last_text, "a/b|cloud|t|");
    say(fd, "POST /cloudevents/b HTTP/1.1\r\nHost: x\r\nX-Key: " FAKE_KEY "\r\nContent-Length: 0\r\n\r\n");
    assert_has(hear(f, fd, "}", 1), "no event");
    close(fd);
}

/* ---- answers that come later -----------------------------------------------------------------------------------------------------------
 */

static void put(const struct fixture *f, int fd) {
    char request[1024];
    (void)f;
    snprintf(request, sizeof request, HEAD("AWSEvents.PutEvents") "Content-Length: %zu\r\n\r\n%s", strlen(PUT_BODY), PUT_BODY);
    say(fd, request);
}

static void hold(struct fixture *f) {
    pthread_mutex_lock(&f->api.lock);
    f->api.hold = true;
    pthread_mutex_unlock(&f->api.lock);
}

static void an_answer_may_come_later_and_harms_nobody_meanwhile(void **state) {
    struct fixture *f = *state;
    int held[8], other = dial(f);
    hold(f);
    for (int i = 0; i < 8; i++) put(f, held[i] = dial(f));
    fake_wait(&f->api, &f->api.held_put_count, 8);
    say(other, ECHO(3, "[1]"));
    hear(f, other, "[1]", 1);
    fake_release(&f->api);
    for (int i = 0; i < 8; i++) {
        assert_has(hear(f, held[i], "]}", 1), "\"FailedEntryCount\":0");
        close(held[i]);
    }
    close(other);
}

static void a_peer_that_leaves_before_its_answer_harms_nobody(void **state) {
    struct fixture *f = *state;
    hold(f);
    for (int i = 0; i < 4; i++) {
        int fd = dial(f);
        put(f, fd);
        fake_wait(&f->api, &f->api.held_put_count, (size_t)i + 1);
        if (i % 2) setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger)); /* a reset */
        close(fd);
    }
    fake_release(&f->api);
    fake_wait(&f->api, &f->api.batches, 4);
    int fd = dial(f);
    say(fd, ECHO(3, "[1]"));
    hear(f, fd, "[1]", 1);
    close(fd);
}

static void draining_answers_what_is_under_way_and_nothing_new(void **state) {
    struct fixture *f = *state;
    int held = dial(f), late = dial(f);
    hold(f);
    put(f, held);
    fake_wait(&f->api, &f->api.held_put_count, 1);
    assert_int_equal(gate_http_drain(f->gate, 10), ERR_TIMEOUT);
    say(late, ECHO(3, "[1]"));
    assert_has(hear(f, late, NULL, 0), "HTTP/1.1 503 ");
    fake_release(&f->api);
    assert_has(hear(f, held, NULL, 0), "\"FailedEntryCount\":0");
    assert_int_equal(gate_http_drain(f->gate, 10000), ERR_OK);
    close(held);
    close(late);
}

/* ---- starting
 * -------------------------------------------------------------------------------------------------------------------------------- */

static void what_cannot_be_listened_on_is_said(void **state) {
    struct fixture *f = *state;
    struct gate_http *gate;
    struct fault fault;
    static const char *const wrong[] = {"",          "127.0.0.1", "127.0.0.1:",   "127.0.0.1:65536",
                                        "nowhere:1", "[::1:80",   "1.2.3.4.5:80", "127.0.0.1:-1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct gate_http_options options = {.address = wrong[i]};
        assert_int_equal(gate_http_start(&f->api, &options, &gate, &fault), ERR_USAGE);
    }
    struct gate_http_options taken = {.address = gate_http_address(f->gate)};
    assert_int_equal(gate_http_start(&f->api, &taken, &gate, &fault), ERR_IO);
    assert_has(fault.message, "--http");
    struct gate_http_options half = {.address = "127.0.0.1:0", .cert_file = "/nowhere"};
    assert_int_equal(gate_http_start(&f->api, &half, &gate, &fault), ERR_USAGE);
    struct gate_http_options missing = {.address = "127.0.0.1:0", .cert_file = "/nowhere", .key_file = "/nowhere"};
    assert_int_not_equal(gate_http_start(&f->api, &missing, &gate, &fault), ERR_OK);
    assert_null(gate);
    assert_has(fault.message, "/nowhere");
    gate_http_stop(NULL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(an_operation_is_asked_and_answered),
        T(events_go_straight_into_entries),
        T(nobody_unknown_gets_an_answer),
        T(pipelined_requests_are_answered_in_order),
        T(a_body_may_come_in_chunks_and_wait_to_be_asked_for),
        T(one_cloud_event_is_answered_as_one),
        T(an_answer_may_come_later_and_harms_nobody_meanwhile),
        T(a_peer_that_leaves_before_its_answer_harms_nobody),
        T(draining_answers_what_is_under_way_and_nothing_new),
        T(what_cannot_be_listened_on_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
