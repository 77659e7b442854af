#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "attempts.h"
#include "clock.h"
#include "http_peer.h"
#include "http/transfer.h"

static struct http_peer peer;
static struct target target;
static struct target_host host;
static char url[64];

static int start(void **state) {
    (void)state;
    struct fault fault;
    if (!http_peer_start(&peer)) return -1;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", peer.port);
    return target_http_new(&host, &target, &fault) ? -1 : 0;
}

static int end(void **state) {
    (void)state;
    target.stop(target.self);
    target.free(target.self);
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

static struct trial post(const char *endpoint) {
    static struct trial trial;
    trial_begin(&trial, &target, str_from(endpoint), STR("{\"a\":1}"));
    assert_true(trial_wait(&trial));
    return trial;
}

static void takes_http_and_https_only(void **state) {
    (void)state;
    assert_true(target.kind->takes(STR("http://h/")));
    assert_true(target.kind->takes(STR("https://h/")));
    assert_false(target.kind->takes(STR("ftp://h/")));
    assert_false(target.kind->takes(STR("mailto:a@b.c")));
    assert_false(target.kind->takes(STR_NULL));
}

static void post_carries_body_and_sns_headers(void **state) {
    (void)state;
    assert_int_equal(post(url).outcome, OUTCOME_DELIVERED);
    buf_addc(&peer.last, 0);
    assert_non_null(strstr(peer.last.p, "POST /hook HTTP/1.1\r\n"));
    assert_non_null(strstr(peer.last.p, "Content-Type: text/plain; charset=UTF-8\r\n"));
    assert_non_null(strstr(peer.last.p, "x-amz-sns-message-type: Notification\r\n"));
    assert_non_null(strstr(peer.last.p, "x-amz-sns-topic-arn: arn:aws:events:us-east-1:111122223333:rule/r\r\n"));
    assert_null(strstr(peer.last.p, "Expect:"));
    assert_non_null(strstr(peer.last.p, "\r\n\r\n{\"a\":1}"));
}

static void a_cloudevent_says_so(void **state) {
    (void)state;
    static struct trial trial;
    trial_begin(&trial, &target, str_from(url), STR("{\"specversion\":\"1.0\",\"id\":\"1\"}"));
    assert_true(trial_wait(&trial));
    assert_int_equal(trial.outcome, OUTCOME_DELIVERED);
    buf_addc(&peer.last, 0);
    assert_non_null(strstr(peer.last.p, "Content-Type: application/cloudevents+json; charset=UTF-8\r\n"));
}

static void status_decides_the_outcome(void **state) {
    (void)state;
    static const struct {
        int status;
        enum outcome outcome;
    } rows[] = {{200, OUTCOME_DELIVERED},         {201, OUTCOME_DELIVERED},         {204, OUTCOME_DELIVERED},
                {400, OUTCOME_INVALID_PARAMETER}, {401, OUTCOME_ERROR_FROM_TARGET}, {403, OUTCOME_INVALID_PARAMETER},
                {404, OUTCOME_INVALID_PARAMETER}, {407, OUTCOME_ERROR_FROM_TARGET}, {408, OUTCOME_ERROR_FROM_TARGET},
                {409, OUTCOME_ERROR_FROM_TARGET}, {410, OUTCOME_INVALID_PARAMETER}, {429, OUTCOME_THROTTLING},
                {500, OUTCOME_ERROR_FROM_TARGET}, {502, OUTCOME_ERROR_FROM_TARGET}, {503, OUTCOME_THROTTLING}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        answer_with(rows[i].status, NULL, 0);
        struct trial trial = post(url);
        assert_int_equal(trial.outcome, rows[i].outcome);
        assert_int_equal(trial.retry_after_ms, -1);
    }
}

static void retry_after_in_seconds(void **state) {
    (void)state;
    answer_with(429, "Retry-After: 7\r\n", 0);
    struct trial trial = post(url);
    assert_int_equal(trial.outcome, OUTCOME_THROTTLING);
    assert_int_equal(trial.retry_after_ms, 7000);
}

static void retry_after_as_a_date(void **state) {
    (void)state;
    clock_fake(1777636800000); /* 2026-05-01T12:00:00Z */
    answer_with(503, "Retry-After: Fri, 01 May 2026 12:01:30 GMT\r\n", 0);
    struct trial trial = post(url);
    clock_real();
    assert_int_equal(trial.outcome, OUTCOME_THROTTLING);
    assert_int_equal(trial.retry_after_ms, 90000);
}

static void retry_after_nonsense_is_ignored(void **state) {
    (void)state;
    answer_with(503, "Retry-After: soon\r\n", 0);
    assert_int_equal(post(url).retry_after_ms, -1);
    answer_with(503, "Retry-After: -5\r\n", 0);
    assert_int_equal(post(url).retry_after_ms, -1);
}

static void redirect_is_not_followed(void **state) {
    (void)state;
    answer_with(302, "Location: http://127.0.0.1:1/\r\n", 0);
    struct trial trial = post(url);
    assert_int_equal(trial.outcome, OUTCOME_ERROR_FROM_TARGET);
    assert_non_null(strstr(trial.message, "redirects are not followed"));
    assert_int_equal(peer.requests, 1);
}

static void answer_past_the_bound_still_counts_by_status(void **state) {
    (void)state;
    answer_with(200, NULL, 200000);
    assert_int_equal(post(url).outcome, OUTCOME_DELIVERED);
    answer_with(500, NULL, 200000);
    struct trial trial = post(url);
    assert_int_equal(trial.outcome, OUTCOME_ERROR_FROM_TARGET);
    assert_non_null(strstr(trial.message, "500: xxx"));
    assert_true(strlen(trial.message) < 400);
}

static void refused_connection_is_a_connection_failure(void **state) {
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* bound, not listening: nobody else can take the port */
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    char dead[64];
    snprintf(dead, sizeof dead, "http://127.0.0.1:%d/", ntohs(at.sin_port));
    struct trial trial = post(dead);
    close(fd);
    assert_int_equal(trial.outcome, OUTCOME_CONNECTION_FAILURE);
    assert_true(trial.message[0]);
}

static void reset_connection_is_a_connection_failure(void **state) {
    (void)state;
    pthread_mutex_lock(&peer.lock);
    peer.reset = true;
    pthread_mutex_unlock(&peer.lock);
    assert_int_equal(post(url).outcome, OUTCOME_CONNECTION_FAILURE);
}

static void unresolved_name_is_a_connection_failure(void **state) {
    (void)state;
    assert_int_equal(post("http://nobody.invalid/").outcome, OUTCOME_CONNECTION_FAILURE);
}

static void plain_server_behind_https_is_a_connection_failure(void **state) {
    (void)state;
    char https[64];
    answer_with(200, NULL, 0);
    snprintf(https, sizeof https, "https://127.0.0.1:%d/", peer.port);
    pthread_mutex_lock(&peer.lock);
    peer.reset = true;
    pthread_mutex_unlock(&peer.lock);
    /* The peer waits for a request's head that never comes in a TLS hello: close it from here. */
    static struct trial trial;
    trial_begin(&trial, &target, str_from(https), STR("{}"));
    pthread_mutex_lock(&peer.lock);
    while (peer.connections == 0) {
        pthread_mutex_unlock(&peer.lock);
        sched_yield();
        pthread_mutex_lock(&peer.lock);
    }
    shutdown(peer.fds[0], SHUT_RDWR);
    pthread_mutex_unlock(&peer.lock);
    assert_true(trial_wait(&trial));
    assert_int_equal(trial.outcome, OUTCOME_CONNECTION_FAILURE);
}

static void malformed_endpoint_is_final(void **state) {
    (void)state;
    assert_int_equal(post("http://exa mple:x/").outcome, OUTCOME_INVALID_PARAMETER);
    assert_int_equal(post("ftp://127.0.0.1/").outcome, OUTCOME_INVALID_PARAMETER);
    assert_int_equal(post("http://127.0.0.1/\r\nX: y").outcome, OUTCOME_INVALID_PARAMETER);
}

static void topic_arn_cannot_inject_a_header(void **state) {
    (void)state;
    static struct trial trial;
    trial = (struct trial){
        .attempt = {.delivery = {.arn = str_from(url), .source_arn = STR("arn\r\nEvil: yes"), .input = STR("{}")}, .done = trial_done}};
    trial.attempt.ctx = &trial;
    target.kind->attempt(target.self, &trial.attempt);
    assert_true(trial_wait(&trial));
    assert_int_equal(trial.outcome, OUTCOME_INVALID_PARAMETER);
    assert_int_equal(peer.requests, 0);
}

static void connection_is_used_again(void **state) {
    (void)state;
    for (int i = 0; i < 5; i++) assert_int_equal(post(url).outcome, OUTCOME_DELIVERED);
    assert_int_equal(peer.requests, 5);
    assert_int_equal(peer.connections, 1);
}

static void many_at_once_are_bounded_and_all_delivered(void **state) {
    (void)state;
    enum { N = 200 };
    static struct trial trials[N];
    pthread_mutex_lock(&peer.lock);
    peer.hold = true;
    pthread_mutex_unlock(&peer.lock);
    for (int i = 0; i < N; i++) trial_begin(&trials[i], &target, str_from(url), STR("{}"));
    pthread_mutex_lock(&peer.lock);
    while (peer.held < TRANSFER_RUNNING_MAX) pthread_cond_wait(&peer.changed, &peer.lock);
    assert_int_equal(peer.requests, TRANSFER_RUNNING_MAX);
    peer.hold = false;
    pthread_cond_broadcast(&peer.changed);
    pthread_mutex_unlock(&peer.lock);
    for (int i = 0; i < N; i++) {
        assert_true(trial_wait(&trials[i]));
        assert_int_equal(trials[i].outcome, OUTCOME_DELIVERED);
    }
    assert_int_equal(peer.requests, N);
}

static void stop_reports_what_is_under_way(void **state) {
    (void)state;
    static struct trial trial, late;
    pthread_mutex_lock(&peer.lock);
    peer.hold = true;
    pthread_mutex_unlock(&peer.lock);
    trial_begin(&trial, &target, str_from(url), STR("{}"));
    pthread_mutex_lock(&peer.lock);
    while (peer.held < 1) pthread_cond_wait(&peer.changed, &peer.lock);
    pthread_mutex_unlock(&peer.lock);
    target.stop(target.self);
    assert_int_equal(trial.reports, 1);
    assert_int_equal(trial.outcome, OUTCOME_INTERNAL_ERROR);
    assert_string_equal(trial.message, "shutting down");
    trial_begin(&late, &target, str_from(url), STR("{}"));
    assert_int_equal(late.outcome, OUTCOME_INTERNAL_ERROR);
}

struct timed {
    struct transfer transfer;
    CURLcode result;
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool finished;
};
static void timed_finished(struct transfer *t, enum transfer_end how, CURLcode result) {
    struct timed *timed = (struct timed *)t;
    assert_int_equal(how, TRANSFER_DONE);
    pthread_mutex_lock(&timed->lock);
    timed->result = result;
    timed->finished = true;
    pthread_cond_signal(&timed->done);
    pthread_mutex_unlock(&timed->lock);
}

static void transfer_times_out(void **state) {
    (void)state;
    struct timed timed = {.transfer = {.finished = timed_finished}};
    struct transfer_loop *loop;
    struct fault fault;
    pthread_mutex_init(&timed.lock, NULL);
    pthread_cond_init(&timed.done, NULL);
    pthread_mutex_lock(&peer.lock);
    peer.hold = true;
    pthread_mutex_unlock(&peer.lock);
    assert_int_equal(transfer_loop_start(&loop, &fault), ERR_OK);
    CURL *easy = transfer_easy(&timed.transfer);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 100L);
    transfer_submit(loop, &timed.transfer);
    pthread_mutex_lock(&timed.lock);
    while (!timed.finished) pthread_cond_wait(&timed.done, &timed.lock);
    pthread_mutex_unlock(&timed.lock);
    assert_int_equal(timed.result, CURLE_OPERATION_TIMEDOUT);
    curl_easy_cleanup(easy);
    transfer_loop_stop(loop);
    transfer_loop_free(loop);
}

int main(void) {
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    unsetenv("https_proxy");
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(takes_http_and_https_only),
        T(post_carries_body_and_sns_headers),
        T(a_cloudevent_says_so),
        T(status_decides_the_outcome),
        T(retry_after_in_seconds),
        T(retry_after_as_a_date),
        T(retry_after_nonsense_is_ignored),
        T(redirect_is_not_followed),
        T(answer_past_the_bound_still_counts_by_status),
        T(refused_connection_is_a_connection_failure),
        T(reset_connection_is_a_connection_failure),
        T(unresolved_name_is_a_connection_failure),
        T(plain_server_behind_https_is_a_connection_failure),
        T(malformed_endpoint_is_final),
        T(topic_arn_cannot_inject_a_header),
        T(connection_is_used_again),
        T(many_at_once_are_bounded_and_all_delivered),
        T(stop_reports_what_is_under_way),
        T(transfer_times_out),
    };
    return cmocka_run_group_tests_name("targets/http", tests, NULL, NULL);
}
