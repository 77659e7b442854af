/* The adapter and the operations, against servers on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "attempts.h"
#include "clock.h"
#include "destination/model.h"
#include "http_peer.h"
#include "log.h"
#include "target_host.h"

#define ARN(name) "arn:aws:events:us-east-1:111122223333:api-destination/" name
static struct http_peer peer;
static struct target target;
static char url[64];
static const char *allowed[] = {"127.0.0.0/8"};

static int open_target(void) {
    struct fault fault;
    host.destinations = (struct destination_options){.private_destinations = allowed,
                                                     .private_count = 1,
                                                     .timeout_ms = 300,
                                                     .concurrency = 8,
                                                     .connections = 64,
                                                     .response_bytes = 1000};
    return target_destination_new(&host, &target, &fault) ? -1 : 0;
}
static void close_target(void) {
    target.stop(target.self);
    target.free(target.self);
}

static enum err run(const char *operation, void *in, struct host_call *c) {
    enum err err = host_run(c, &target, operation, in);
    return err;
}
static enum err ask(const char *operation, void *in) {
    struct host_call c;
    enum err err = run(operation, in, &c);
    arena_fini(&c.arena);
    return err;
}

static struct connection_basic basic = {{"user", 4}, {"pass-word", 9}};
static struct connection_auth auth = {.basic = &basic};
static enum err make_connection(const char *name) {
    struct connection_settings in = {.name = str_from(name), .type = STR("BASIC"), .auth = &auth};
    return ask("CreateConnection", &in);
}
static enum err make_destination(const char *name, const char *endpoint, int64_t rate) {
    struct destination_settings in = {.name = str_from(name),
                                      .connection_arn = STR("arn:aws:events:us-east-1:111122223333:connection/c"),
                                      .endpoint = str_from(endpoint),
                                      .method = STR("POST"),
                                      .rate = {rate > 0, rate}};
    return ask("CreateApiDestination", &in);
}

static int start(void **state) {
    (void)state;
    if (!http_peer_start(&peer) || host_start() || open_target()) return -1;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", peer.port);
    return make_connection("c") || make_destination("d", url, 0) ? -1 : 0;
}
static int end(void **state) {
    (void)state;
    close_target();
    host_end();
    http_peer_stop(&peer);
    return 0;
}

static void answer_with(int status, const char *headers, size_t body_bytes) {
    pthread_mutex_lock(&peer.lock);
    peer.status = status;
    peer.headers = headers;
    peer.body_bytes = body_bytes;
    pthread_mutex_unlock(&peer.lock);
}
static void hold(bool yes) {
    pthread_mutex_lock(&peer.lock);
    peer.hold = yes;
    pthread_cond_broadcast(&peer.changed);
    pthread_mutex_unlock(&peer.lock);
}

static struct trial call(const char *arn) {
    static struct trial trial;
    trial_begin(&trial, &target, str_from(arn), STR("{\"a\":1}"));
    assert_true(trial_wait(&trial));
    return trial;
}

static void status_decides_the_outcome(void **state) {
    (void)state;
    static const struct {
        int status;
        enum outcome outcome;
    } rows[] = {{200, OUTCOME_DELIVERED},         {204, OUTCOME_DELIVERED},         {302, OUTCOME_ERROR_FROM_TARGET},
                {400, OUTCOME_INVALID_PARAMETER}, {401, OUTCOME_ERROR_FROM_TARGET}, {403, OUTCOME_INVALID_PARAMETER},
                {404, OUTCOME_INVALID_PARAMETER}, {407, OUTCOME_ERROR_FROM_TARGET}, {408, OUTCOME_INVALID_PARAMETER},
                {409, OUTCOME_ERROR_FROM_TARGET}, {410, OUTCOME_INVALID_PARAMETER}, {422, OUTCOME_INVALID_PARAMETER},
                {429, OUTCOME_THROTTLING},        {500, OUTCOME_ERROR_FROM_TARGET}, {502, OUTCOME_ERROR_FROM_TARGET},
                {503, OUTCOME_THROTTLING}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        answer_with(rows[i].status, NULL, 0);
        assert_int_equal(call(ARN("d")).outcome, rows[i].outcome);
    }
    assert_int_equal(peer.connections, 1); /* one for all of them */
}

static void retry_after_is_reported_and_honoured(void **state) {
    (void)state;
    answer_with(429, "Retry-After: 1\r\n", 0);
    int64_t before = clock_mono_ms();
    assert_int_equal(call(ARN("d")).retry_after_ms, 1000);
    answer_with(200, NULL, 0);
    assert_int_equal(call(ARN("d")).outcome, OUTCOME_DELIVERED);
    assert_true(clock_mono_ms() - before >= 1000); /* nobody else's delivery goes there meanwhile */
}

static void answers_are_read_up_to_a_bound(void **state) {
    (void)state;
    answer_with(200, NULL, 200000);
    assert_int_equal(call(ARN("d")).outcome, OUTCOME_DELIVERED);
    answer_with(500, NULL, 200000);
    struct trial trial = call(ARN("d"));
    assert_int_equal(trial.outcome, OUTCOME_ERROR_FROM_TARGET);
    assert_non_null(strstr(trial.message, "/hook answered HTTP status 500: xxx"));
    assert_true(strlen(trial.message) < 400);
}

static void silence_is_a_time_out(void **state) {
    (void)state;
    hold(true);
    struct trial trial = call(ARN("d"));
    assert_int_equal(trial.outcome, OUTCOME_TIMEOUT);
    hold(false);
}

static void what_does_not_exist(void **state) {
    (void)state;
    assert_int_equal(call(ARN("nothing")).outcome, OUTCOME_NO_RESOURCE);
    assert_int_equal(call(ARN("d/another-uuid")).outcome, OUTCOME_NO_RESOURCE);
    assert_int_equal(call("arn:aws:events:eu-west-1:111122223333:api-destination/d").outcome, OUTCOME_NO_RESOURCE);
    struct connection_reference c = {STR("c")};
    struct host_call described;
    assert_int_equal(run("DescribeApiDestination", &(struct destination_reference){STR("d")}, &described), ERR_OK);
    struct trial whole;
    trial_begin(&whole, &target, ((struct destination_description *)described.call.out)->arn, STR("{}"));
    assert_true(trial_wait(&whole));
    assert_int_equal(whole.outcome, OUTCOME_DELIVERED);
    arena_fini(&described.arena);
    assert_int_equal(ask("DeleteConnection", &c), ERR_OK);
    assert_int_equal(call(ARN("d")).outcome, OUTCOME_NO_RESOURCE);
    assert_int_equal(make_connection("c"), ERR_OK); /* of the same name, but another one */
    assert_int_equal(call(ARN("d")).outcome, OUTCOME_NO_RESOURCE);
    assert_int_equal(peer.requests, 1);
}

static void another_account_may_not(void **state) {
    (void)state;
    static struct trial trial;
    trial = (struct trial){
        .attempt = {.delivery = {.arn = STR(ARN("d")), .account = STR("999999999999"), .input = STR("{}")}, .done = trial_done}};
    trial.attempt.ctx = &trial;
    target.kind->attempt(target.self, &trial.attempt);
    assert_true(trial_wait(&trial));
    assert_int_equal(trial.outcome, OUTCOME_NO_PERMISSIONS);
}

static void the_rate_limit_holds(void **state) {
    (void)state;
    enum { N = 12 };
    static struct trial trials[N];
    assert_int_equal(make_destination("slow", url, 20), ERR_OK);
    int64_t before = clock_mono_ms();
    for (int i = 0; i < N; i++) trial_begin(&trials[i], &target, STR(ARN("slow")), STR("{}"));
    for (int i = 0; i < N; i++) {
        assert_true(trial_wait(&trials[i]));
        assert_int_equal(trials[i].outcome, OUTCOME_DELIVERED);
    }
    assert_true(clock_mono_ms() - before >= (N - 1) * 1000 / 20 - 15); /* 50 ms apart; 10 ms may be borrowed */
    assert_int_equal(target.kind->concurrency(target.self, STR(ARN("slow"))), 8);
}

static void concurrency_follows_a_slow_rate(void **state) {
    (void)state;
    assert_int_equal(make_destination("rare", url, 1), ERR_OK);
    assert_int_equal(target.kind->concurrency(target.self, STR(ARN("rare"))), 3);
    assert_int_equal(target.kind->concurrency(target.self, STR(ARN("d"))), 8);
}

static void a_hanging_one_does_not_hold_up_another(void **state) {
    (void)state;
    enum { N = 40 };
    static struct trial hanging[N];
    static struct http_peer healthy;
    char other[64];
    assert_true(http_peer_start(&healthy));
    snprintf(other, sizeof other, "http://127.0.0.1:%d/ok", healthy.port);
    assert_int_equal(make_destination("ok", other, 0), ERR_OK);
    hold(true);
    for (int i = 0; i < N; i++) trial_begin(&hanging[i], &target, STR(ARN("d")), STR("{}"));
    pthread_mutex_lock(&peer.lock);
    while (peer.held < 1) pthread_cond_wait(&peer.changed, &peer.lock);
    pthread_mutex_unlock(&peer.lock);
    for (int i = 0; i < 20; i++) assert_int_equal(call(ARN("ok")).outcome, OUTCOME_DELIVERED);
    int ended = 0;
    for (int i = 0; i < N; i++) ended += hanging[i].reports;
    assert_true(ended < N); /* they were still waiting */
    hold(false);
    for (int i = 0; i < N; i++) assert_true(trial_wait(&hanging[i]));
    http_peer_stop(&healthy);
}

static void stop_reports_what_runs_and_what_waits(void **state) {
    (void)state;
    enum { N = 30 };
    static struct trial trials[N], late;
    hold(true);
    for (int i = 0; i < N; i++) trial_begin(&trials[i], &target, STR(ARN("d")), STR("{}"));
    pthread_mutex_lock(&peer.lock);
    while (peer.held < 1) pthread_cond_wait(&peer.changed, &peer.lock);
    pthread_mutex_unlock(&peer.lock);
    target.stop(target.self);
    for (int i = 0; i < N; i++) assert_int_equal(trials[i].reports, 1);
    assert_int_equal(trials[N - 1].outcome, OUTCOME_INTERNAL_ERROR);
    assert_string_equal(trials[N - 1].message, "shutting down");
    trial_begin(&late, &target, STR(ARN("d")), STR("{}"));
    assert_int_equal(late.outcome, OUTCOME_INTERNAL_ERROR);
    hold(false);
}

static void many_change_while_they_are_called(void **state) {
    (void)state;
    enum { N = 60 };
    static struct trial trials[N];
    for (int i = 0; i < N; i++) {
        char text[32];
        snprintf(text, sizeof text, "description %d", i);
        trial_begin(&trials[i], &target, STR(ARN("d")), STR("{}"));
        struct connection_settings c = {.name = STR("c"), .description = str_from(text)};
        struct destination_settings d = {.name = STR("d"), .description = str_from(text)};
        assert_int_equal(i % 2 ? ask("UpdateConnection", &c) : ask("UpdateApiDestination", &d), ERR_OK);
    }
    for (int i = 0; i < N; i++) {
        assert_true(trial_wait(&trials[i]));
        assert_int_equal(trials[i].outcome, OUTCOME_DELIVERED);
    }
}

/* ---- operations
 * ----------------------------------------------------------------------------------------------------------------------------- */

static void refusals_have_their_sentences(void **state) {
    (void)state;
    struct host_call c;
#define REFUSED(operation, in, code, part)                                                                                                 \
    do {                                                                                                                                   \
        assert_int_equal(run(operation, in, &c), code);                                                                                    \
        if (!strstr(c.call.fault.message, part)) fail_msg("%s", c.call.fault.message);                                                     \
        arena_fini(&c.arena);                                                                                                              \
    } while (0)
    struct connection_settings connection = {.name = STR("c"), .type = STR("BASIC"), .auth = &auth};
    REFUSED("CreateConnection", &connection, ERR_EXISTS, "Connection c already exists.");
    connection = (struct connection_settings){.name = STR("x"), .type = STR("API_KEY"), .auth = &auth};
    REFUSED("CreateConnection", &connection, ERR_VALIDATION, "Reason: AuthorizationType API_KEY does not take BasicAuthParameters.");
    connection = (struct connection_settings){.name = STR("c"), .type = STR("API_KEY")};
    REFUSED("UpdateConnection", &connection, ERR_VALIDATION, "Reason: AuthorizationType API_KEY needs ApiKeyAuthParameters.");
    struct connection_reference reference = {STR("nobody")};
    REFUSED("DescribeConnection", &reference, ERR_NOT_FOUND, "Failed to describe the connection(s). Connection 'nobody' does not exist.");
    REFUSED("DeleteConnection", &reference, ERR_NOT_FOUND, "Connection 'nobody' does not exist.");
    REFUSED("DeauthorizeConnection", &reference, ERR_NOT_FOUND, "Connection 'nobody' does not exist.");
    REFUSED("DescribeApiDestination", &reference, ERR_NOT_FOUND,
            "Failed to describe the api-destination(s). An api-destination 'nobody' does not exist.");
    REFUSED("DeleteApiDestination", &reference, ERR_NOT_FOUND, "An api-destination 'nobody' does not exist.");
    struct destination_settings d = {.name = STR("e"),
                                     .connection_arn = STR("arn:aws:events:us-east-1:111122223333:connection/none"),
                                     .endpoint = STR("https://h/"),
                                     .method = STR("POST")};
    REFUSED("CreateApiDestination", &d, ERR_NOT_FOUND, "Connection 'none' does not exist.");
    d.connection_arn = STR("arn:aws:events:us-east-1:999999999999:connection/c");
    REFUSED("CreateApiDestination", &d, ERR_VALIDATION, "is not a connection of this account and region.");
    d.connection_arn = STR("arn:aws:events:us-east-1:111122223333:connection/c");
    d.endpoint = STR("http://example.com/");
    REFUSED("CreateApiDestination", &d, ERR_VALIDATION, "Parameter InvocationEndpoint is not valid. Reason: its scheme must be https");
    struct connection_list_request list = {.next_token = STR("nonsense")};
    REFUSED("ListConnections", &list, ERR_VALIDATION, "Parameter NextToken is not valid.");
}

static void pages_survive_changes_and_prefixes_filter(void **state) {
    (void)state;
    char name[16], token[128] = "";
    int seen = 0;
    for (int i = 0; i < 7; i++) {
        snprintf(name, sizeof name, "x%d", i);
        assert_int_equal(make_connection(name), ERR_OK);
        assert_int_equal(make_destination(name, url, 0), ERR_OK);
    }
    for (int page = 0; page == 0 || token[0]; page++) {
        struct connection_list_request in = {
            .name_prefix = STR("x"), .limit = {true, 3}, .next_token = token[0] ? str_from(token) : STR_NULL};
        struct host_call c;
        assert_int_equal(run("ListConnections", &in, &c), ERR_OK);
        const struct connection_list *out = c.call.out;
        seen += (int)out->connections.n;
        str_copyz(token, sizeof token, out->next_token.p ? out->next_token : STR(""));
        arena_fini(&c.arena);
        struct connection_reference gone = {STR("x2")}; /* where the first page ended */
        if (page == 0) assert_int_equal(ask("DeleteConnection", &gone), ERR_OK);
    }
    assert_int_equal(seen, 7);
    struct host_call c;
    struct destination_list_request in = {.connection_arn = STR("arn:aws:events:us-east-1:111122223333:connection/c"),
                                          .name_prefix = STR("x")};
    assert_int_equal(run("ListApiDestinations", &in, &c), ERR_OK);
    assert_int_equal(((struct destination_list *)c.call.out)->destinations.n, 7);
    arena_fini(&c.arena);
    in.connection_arn = STR("arn:aws:events:us-east-1:111122223333:connection/x1");
    assert_int_equal(run("ListApiDestinations", &in, &c), ERR_OK);
    assert_int_equal(((struct destination_list *)c.call.out)->destinations.n, 0);
    arena_fini(&c.arena);
    struct connection_list_request by_state = {.state = STR("DEAUTHORIZED")};
    struct connection_reference x1 = {STR("x1")};
    assert_int_equal(ask("DeauthorizeConnection", &x1), ERR_OK);
    assert_int_equal(run("ListConnections", &by_state, &c), ERR_OK);
    assert_int_equal(((struct connection_list *)c.call.out)->connections.n, 1);
    arena_fini(&c.arena);
}

static void all_is_there_after_a_restart(void **state) {
    (void)state;
    struct host_call c;
    struct connection_reference name = {STR("c")}, x = {STR("x")};
    assert_int_equal(make_connection("x"), ERR_OK);
    assert_int_equal(ask("DeauthorizeConnection", &x), ERR_OK);
    close_target();
    assert_int_equal(open_target(), 0);
    assert_int_equal(call(ARN("d")).outcome, OUTCOME_DELIVERED);
    buf_addc(&peer.last, 0);
    assert_non_null(strstr(peer.last.p, "Authorization: Basic dXNlcjpwYXNzLXdvcmQ="));
    assert_int_equal(run("DescribeConnection", &name, &c), ERR_OK);
    const struct connection_description *d = c.call.out;
    assert_true(str_eqz(d->state, "AUTHORIZED") && str_eqz(d->auth->basic->username, "user") && !d->auth->basic->password.p);
    arena_fini(&c.arena);
    assert_int_equal(run("DescribeConnection", &x, &c), ERR_OK);
    d = c.call.out;
    assert_true(str_eqz(d->state, "DEAUTHORIZED") && !d->auth);
    arena_fini(&c.arena);
}

int main(void) {
    log_level_set(LOG_ERROR);
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(status_decides_the_outcome),
        T(retry_after_is_reported_and_honoured),
        T(answers_are_read_up_to_a_bound),
        T(silence_is_a_time_out),
        T(what_does_not_exist),
        T(another_account_may_not),
        T(the_rate_limit_holds),
        T(concurrency_follows_a_slow_rate),
        T(a_hanging_one_does_not_hold_up_another),
        T(stop_reports_what_runs_and_what_waits),
        T(many_change_while_they_are_called),
        T(refusals_have_their_sentences),
        T(pages_survive_changes_and_prefixes_filter),
        T(all_is_there_after_a_restart),
    };
    return cmocka_run_group_tests_name("targets/destination", tests, NULL, NULL);
}
