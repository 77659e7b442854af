/* The kind "http": a notification is a POST, as the Simple Notification Service sends it. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "clock.h"
#include "target.h"
#include "transfer.h"

enum { RESPONSE_MAX_BYTES = 65536, EXCERPT_MAX = 200, MESSAGE_MAX = 512, RETRY_AFTER_MAX_S = 86400 };

struct http {
    struct transfer_loop *loop;
};

struct post { /* one attempt under way */
    struct transfer transfer;
    struct attempt *attempt;
    struct curl_slist *headers;
    char *url;
    size_t response_bytes;
    char excerpt[EXCERPT_MAX + 1]; /* the begin of the answer, for the message */
    size_t excerpt_bytes;
};

static bool takes(struct str endpoint) { return str_starts(endpoint, STR("http://")) || str_starts(endpoint, STR("https://")); }

static void free_post(struct post *p) {
    if (p->transfer.easy) curl_easy_cleanup(p->transfer.easy);
    curl_slist_free_all(p->headers);
    free(p->url);
    free(p);
}

static size_t take_response(char *bytes, size_t size, size_t count, void *ctx) {
    struct post *p = ctx;
    size_t n = size * count;
    for (size_t i = 0; i < n && p->excerpt_bytes < EXCERPT_MAX; i++)
        p->excerpt[p->excerpt_bytes++] = bytes[i] >= ' ' && bytes[i] < 127 ? bytes[i] : ' ';
    p->response_bytes += n;
    return p->response_bytes > RESPONSE_MAX_BYTES ? 0 : n; /* 0 ends the transfer: the status is known by now, the rest is not wanted */
}

/* ---- outcomes ------------------------------------------------------------------------------------------------------------------- */

static enum outcome outcome_of_status(long status) {
    if (status >= 200 && status < 300) return OUTCOME_DELIVERED;
    if (status == 429 || status == 503) return OUTCOME_THROTTLING;
    if (status == 401 || status == 407 || status == 408 || status == 409) return OUTCOME_ERROR_FROM_TARGET;
    return status >= 400 && status < 500 ? OUTCOME_INVALID_PARAMETER : OUTCOME_ERROR_FROM_TARGET;
}

static enum outcome outcome_of_result(CURLcode result) {
    switch (result) {
    case CURLE_OPERATION_TIMEDOUT: return OUTCOME_TIMEOUT;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return OUTCOME_INVALID_PARAMETER;
    case CURLE_OUT_OF_MEMORY: return OUTCOME_INTERNAL_ERROR;
    default: return OUTCOME_CONNECTION_FAILURE;
    }
}

/* Retry-After, seconds or a date (RFC 9110, 10.2.3), in milliseconds from now; -1: none. */
static int64_t retry_after_ms(CURL *easy) {
    struct curl_header *header;
    int64_t seconds;
    if (curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1, &header) != CURLHE_OK) return -1;
    if (!str_to_i64(str_from(header->value), &seconds)) {
        time_t at = curl_getdate(header->value, NULL);
        if (at < 0) return -1;
        seconds = (int64_t)at - clock_now_ms() / 1000;
        if (seconds < 0) seconds = 0;
    }
    if (seconds < 0) return -1;
    return (seconds > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : seconds) * 1000;
}

static void report_status(struct post *p, long status) {
    char message[MESSAGE_MAX] = "";
    enum outcome outcome = outcome_of_status(status);
    if (status >= 300 && status < 400)
        snprintf(message, sizeof message, "the endpoint answered HTTP status %ld; redirects are not followed", status);
    else if (outcome != OUTCOME_DELIVERED)
        snprintf(message, sizeof message, "the endpoint answered HTTP status %ld%s%s", status, p->excerpt_bytes ? ": " : "", p->excerpt);
    int64_t after = outcome == OUTCOME_DELIVERED ? -1 : retry_after_ms(p->transfer.easy);
    p->attempt->done(p->attempt, outcome, message, after);
}

static void finished(struct transfer *t, enum transfer_end end, CURLcode result) {
    struct post *p = (struct post *)t; /* its first member */
    char message[MESSAGE_MAX];
    long status = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    bool enough = result == CURLE_WRITE_ERROR && p->response_bytes > RESPONSE_MAX_BYTES;
    if (end == TRANSFER_SHUTDOWN) {
        p->attempt->done(p->attempt, OUTCOME_INTERNAL_ERROR, "shutting down", -1);
    } else if (end == TRANSFER_FULL) {
        p->attempt->done(p->attempt, OUTCOME_THROTTLING, "too many notifications wait for HTTP endpoints", -1);
    } else if (status && (result == CURLE_OK || enough)) {
        report_status(p, status);
    } else {
        snprintf(message, sizeof message, "%s", t->error[0] ? t->error : curl_easy_strerror(result));
        p->attempt->done(p->attempt, outcome_of_result(result), message, -1);
    }
    free_post(p);
}

/* ---- requests ------------------------------------------------------------------------------------------------------------------- */

static bool has_control(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127) return true;
    return false;
}

static bool add_header(struct post *p, const char *name, struct str value) {
    struct buf line;
    buf_init(&line, 4096);
    buf_addf(&line, "%s: %.*s", name, STR_ARG(value));
    buf_addc(&line, 0);
    struct curl_slist *more = line.failed ? NULL : curl_slist_append(p->headers, line.p);
    buf_fini(&line);
    if (more) p->headers = more;
    return more;
}

static bool prepare(struct post *p) {
    const struct delivery *d = &p->attempt->delivery;
    CURL *easy = transfer_easy(&p->transfer);
    struct str type = delivery_is_cloudevent(d) ? STR("application/cloudevents+json; charset=UTF-8") : STR("text/plain; charset=UTF-8");
    p->url = strndup(d->arn.p, d->arn.n);
    if (!easy || !p->url || !add_header(p, "Content-Type", type) ||
        !add_header(p, "x-amz-sns-message-type", STR("Notification")) || !add_header(p, "x-amz-sns-topic-arn", d->source_arn) ||
        !add_header(p, "Expect", STR("")))
        return false;
    bool ok = !curl_easy_setopt(easy, CURLOPT_URL, p->url);
    ok = ok && !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    ok = ok && !curl_easy_setopt(easy, CURLOPT_USERAGENT, "busd");
    ok = ok && !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, p->headers);
    ok = ok && !curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)d->input.n);
    ok = ok && !curl_easy_setopt(easy, CURLOPT_POSTFIELDS, d->input.n ? d->input.p : ""); /* borrowed until the attempt is done */
    ok = ok && !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_response);
    ok = ok && !curl_easy_setopt(easy, CURLOPT_WRITEDATA, p);
    return ok; /* certificates are verified and redirects are not followed: libcurl's defaults */
}

static void attempt_post(void *self, struct attempt *attempt) {
    struct http *http = self;
    const struct delivery *d = &attempt->delivery;
    if (!takes(d->arn) || has_control(d->arn) || has_control(d->source_arn)) {
        attempt->done(attempt, OUTCOME_INVALID_PARAMETER, "the endpoint is no URL, or it or the topic's ARN holds control characters", -1);
        return;
    }
    struct post *p = calloc(1, sizeof *p);
    if (p) p->attempt = attempt;
    if (!p || !prepare(p)) {
        if (p) free_post(p);
        attempt->done(attempt, OUTCOME_INTERNAL_ERROR, "out of memory", -1);
        return;
    }
    p->transfer.finished = finished;
    transfer_submit(http->loop, &p->transfer);
}

static int concurrency(void *self, struct str arn) {
    (void)self;
    (void)arn;
    return 0; /* the default */
}

static void stop(void *self) { transfer_loop_stop(((struct http *)self)->loop); }

static void free_http(void *self) {
    struct http *http = self;
    transfer_loop_free(http->loop);
    free(http);
}

static const struct target_kind kind = {
    .name = "http", .in_store = false, .takes = takes, .attempt = attempt_post, .concurrency = concurrency};

enum err target_http_new(const struct target_host *host, struct target *t, struct fault *fault) {
    (void)host; /* nothing of the host is needed: endpoints carry all */
    struct http *http = calloc(1, sizeof *http);
    if (!http) return fault_set(fault, ERR_NOMEM, NULL);
    enum err err = transfer_loop_start(&http->loop, fault);
    if (err) {
        free(http);
        return err;
    }
    *t = (struct target){&kind, http, NULL, stop, free_http};
    return ERR_OK;
}
