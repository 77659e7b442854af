#include "invoker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "dispatch.h"
#include "hash.h"
#include "log.h"
#include "loop.h"
#include "request.h"
#include "retry_after.h"
#include "token.h"

enum {
    TIMEOUT_MS = 5000, /* the service's bound of one invocation */
    CONCURRENCY = 64,
    CONNECTIONS = 2048,
    RESPONSE_BYTES = 65536,
    INBOX_MAX = 1 << 20, /* lanes keep it far below */
    OTHER_FDS = 1024,    /* of the process, beside these connections */
    EXCERPT_READ = 2048, /* of an answer, before its secrets are covered */
    EXCERPT_MAX = 200,
    MESSAGE_MAX = 1024,
    TURN_STARTS =
        8, /* requests begun before the loop looks for events again: what has just come for a good one does not wait behind a hundred */
    JITTER_PART = 20,     /* time-outs are shortened at random by up to a twentieth: what began together does not end together */
    PAUSE_MAX_MS = 30000, /* a destination that says Retry-After is let alone for so long at most; its deliveries wait as long as it says */
};
#define MS ((int64_t)1000000)

/* ---- one HTTP exchange: of an invocation or for a token
 * ------------------------------------------------------------------------------------ */
struct talk {
    struct exchange exchange; /* first: see talk_of */
    struct request request;
    bool has_request;
    const struct guard *guard;
    bool trusted; /* the operator allowed the host or the resource: any address will do */
    bool refused; /* an address was not connected to */
    char refused_address[GUARD_ADDRESS_SIZE];
    struct buf answer; /* its first bytes */
    size_t answer_max, answer_bytes;
    bool too_long;
};

struct invocation {
    struct talk talk; /* first */
    struct job job;
    struct invoker *invoker;
    struct attempt *attempt;
    struct destination *destination;
    struct connection *connection; /* NULL destination: only to be authorized */
    struct invocation *next;       /* in the inbox, or among those that wait for a token */
    struct str token;              /* what was sent; malloced */
    bool refreshed;
};

struct token {
    struct talk talk; /* first: the exchange that fetches it */
    struct invoker *invoker;
    struct connection *connection; /* a reference while it is being fetched */
    bool fetching;
    char *value; /* "Bearer ..."; NULL: there is none */
    int64_t expires_ns, retry_ns;
    int failures;
    char failure[MESSAGE_MAX];
    enum outcome failure_outcome;
    struct invocation *first, **last; /* wait for it */
};

struct invoker {
    struct registry *registry;
    const struct guard *guard;
    struct loop *loop;
    int64_t timeout_ms, concurrency, response_bytes;
    const char *ca_file;
    pthread_mutex_t lock; /* guards the next three */
    struct invocation *first, **last;
    size_t waiting;
    bool stopped;
    /* the loop's thread */
    struct dispatch dispatch;
};

/* The guard's place: the very address that libcurl is about to connect to. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address) {
    struct talk *t = ctx;
    (void)purpose;
    if (t->trusted || guard_permits(t->guard, &address->addr))
        return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    t->refused = true;
    guard_address_text(&address->addr, t->refused_address);
    return CURL_SOCKET_BAD;
}

static size_t take_answer(char *bytes, size_t size, size_t count, void *ctx) {
    struct talk *t = ctx;
    size_t n = size * count, room = t->answer_max - t->answer.n;
    t->answer_bytes += n;
    t->too_long = t->answer_bytes > t->answer_max;
    buf_add(&t->answer, str_of(bytes, n < room ? n : room));
    return t->too_long ? 0 : n; /* 0 ends the exchange: the status is known by now, the rest is not wanted */
}

static void talk_reset(struct talk *t) {
    if (t->exchange.easy) curl_easy_cleanup(t->exchange.easy);
    t->exchange.easy = NULL;
    if (t->has_request) request_fini(&t->request);
    t->has_request = t->refused = t->too_long = false;
    t->answer_bytes = 0;
    if (t->answer.p) explicit_bzero(t->answer.p, t->answer.cap);
    buf_fini(&t->answer);
}

/* The request is filled in. Checks the URL again, for the operator's setting may be another one than when it was declared. */
static enum err talk_prepare(struct invoker *i, struct talk *t, struct str url, struct str arn, struct fault *fault) {
    char host[GUARD_HOST_SIZE];
    t->has_request = true;
    t->guard = i->guard;
    t->answer_max = (size_t)i->response_bytes;
    buf_init(&t->answer, t->answer_max + 1);
    arn.n -= ID_TEXT_SIZE; /* without the slash and the UUID behind the name: so the operator writes it */
    enum err err = guard_check_url(i->guard, url, arn, "The endpoint cannot be called.", host, fault);
    if (err) return err;
    bool host_trusted = guard_trusts(i->guard, str_from(host), STR_NULL);
    t->trusted = host_trusted || guard_trusts(i->guard, str_from(host), arn);
    CURL *easy = exchange_easy(&t->exchange);
    bool ok = easy && request_apply(&t->request, easy);
    int64_t timeout_ms = i->timeout_ms - (int64_t)rng_below((uint64_t)(i->timeout_ms / JITTER_PART + 1));
    ok = ok && !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms) &&
         !curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)i->timeout_ms);
    ok = ok && !curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) && !curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
    ok = ok && !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer) && !curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    /* Open connections are shared by host: one that only this resource may have must not be found there by another. */
    bool alone = t->trusted && !host_trusted;
    ok = ok && !curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)(alone ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
    ok = ok && !curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, alone ? 1L : 0L);
    if (ok && i->ca_file) ok = !curl_easy_setopt(easy, CURLOPT_CAINFO, i->ca_file);
    return ok ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}

/* What came of it without an HTTP status. */
static enum outcome outcome_of_result(const struct talk *t, CURLcode result) {
    if (t->refused) return OUTCOME_NO_PERMISSIONS;
    switch (result) {
    case CURLE_OPERATION_TIMEDOUT: return OUTCOME_TIMEOUT;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return OUTCOME_INVALID_PARAMETER;
    case CURLE_OUT_OF_MEMORY: return OUTCOME_INTERNAL_ERROR;
    default: return OUTCOME_CONNECTION_FAILURE;
    }
}

static void add_result(struct buf *out, const struct talk *t, CURLcode result) {
    if (t->refused)
        buf_addf(
            out,
            "address %s is not a public one, and busd does not connect to it: the operator's setting private-destinations can allow it",
            t->refused_address);
    else
        buf_addz(out, t->exchange.error[0] ? t->exchange.error : curl_easy_strerror(result));
}

/* The begin of the answer, printable and without the connection's secrets. */
static void add_excerpt(struct buf *out, const struct talk *t, const struct connection *c, struct str token) {
    struct buf text;
    buf_init(&text, 0);
    struct str answer = buf_str(&t->answer);
    buf_add(&text, answer.n > EXCERPT_READ ? str_of(answer.p, EXCERPT_READ) : answer);
    request_redact(c->auth, token, &text);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < ' ' || text.p[i] == 127) text.p[i] = ' ';
    if (text.n) buf_addf(out, ": %.*s", text.n > EXCERPT_MAX ? EXCERPT_MAX : (int)text.n, text.p);
    if (text.p) explicit_bzero(text.p, text.cap);
    buf_fini(&text);
}

static int64_t retry_after_of(CURL *easy) {
    struct curl_header *header;
    if (!easy || curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1, &header) != CURLHE_OK) return -1;
    return retry_after_ms(str_from(header->value), clock_now_ms());
}

static long status_of(const struct talk *t, CURLcode result) {
    long status = 0;
    if (t->exchange.easy && (result == CURLE_OK || t->too_long)) curl_easy_getinfo(t->exchange.easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* ---- outcomes
 * ------------------------------------------------------------------------------------------------------------------------------- */
static void free_invocation(struct invocation *v) {
    talk_reset(&v->talk);
    if (v->token.p) {
        char *token = (char *)(uintptr_t)v->token.p;
        explicit_bzero(token, v->token.n);
        free(token);
    }
    destination_unref(v->destination);
    connection_unref(v->connection);
    free(v);
}

/* Reports and ends it. Text is cut at the end of a character. */
static void report(struct invocation *v, enum outcome outcome, struct str message, int64_t after_ms) {
    char text[MESSAGE_MAX];
    struct attempt *attempt = v->attempt;
    while (message.n >= sizeof text || (message.n && !str_is_utf8(message))) message.n--;
    str_copyz(text, sizeof text, message);
    free_invocation(v);
    if (attempt) attempt->done(attempt, outcome, text, after_ms);
}

/* Ends a job that dispatch counts as running. */
static void job_report(struct invocation *v, enum ending ending, enum outcome outcome, struct str message, int64_t after_ms) {
    struct invoker *i = v->invoker;
    int64_t now = clock_mono_ns(), pause = after_ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : after_ms;
    dispatch_ended(&i->dispatch, &v->job, ending, after_ms > 0 ? now + pause * MS : 0, now);
    report(v, outcome, message, after_ms);
}

static enum outcome outcome_of_status(long status) {
    if (status >= 200 && status < 300) return OUTCOME_DELIVERED;
    if (status == 429 || status == 503) return OUTCOME_THROTTLING;
    if (status == 401 || status == 407 || status == 409) return OUTCOME_ERROR_FROM_TARGET;
    return status >= 400 && status < 500 ? OUTCOME_INVALID_PARAMETER : OUTCOME_ERROR_FROM_TARGET;
}

static void report_status(struct invocation *v, long status) {
    struct buf message;
    enum outcome outcome = outcome_of_status(status);
    int64_t after = outcome == OUTCOME_DELIVERED ? -1 : retry_after_of(v->talk.exchange.easy);
    buf_init(&message, 8192);
    if (outcome != OUTCOME_DELIVERED) {
        buf_addf(&message, "%.*s answered HTTP status %ld", STR_ARG(v->destination->endpoint), status);
        if (status >= 300 && status < 400) buf_addz(&message, "; redirects are not followed");
        add_excerpt(&message, &v->talk, v->connection, v->token);
    }
    job_report(v, outcome == OUTCOME_THROTTLING ? ENDING_THROTTLED : ENDING_GOOD, outcome, buf_str(&message), after);
    buf_fini(&message);
}

static void report_result(struct invocation *v, CURLcode result) {
    struct buf message;
    enum outcome outcome = outcome_of_result(&v->talk, result);
    buf_init(&message, 8192);
    buf_addf(&message, "%.*s: ", STR_ARG(v->destination->endpoint));
    add_result(&message, &v->talk, result);
    job_report(v, outcome == OUTCOME_INTERNAL_ERROR ? ENDING_NEITHER : ENDING_DEAD, outcome, buf_str(&message), -1);
    buf_fini(&message);
}

/* ---- invocations
 * -------------------------------------------------------------------------------------------------------------------------------- */
static void need_token(struct invocation *v);

static struct token *token_of(struct invoker *i, struct connection *c) {
    if (c->token) return c->token;
    struct token *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->invoker = i;
    t->last = &t->first;
    return c->token = t;
}

static void forget_token(struct token *t) {
    if (t->value) explicit_bzero(t->value, strlen(t->value));
    free(t->value);
    t->value = NULL;
}

/* The destination does not take the token: it is fetched anew, once, unless another invocation has done so meanwhile. */
static bool refresh(struct invocation *v) {
    struct token *t = v->connection->token;
    if (v->refreshed || !v->token.p || !t) return false;
    v->refreshed = true;
    if (t->value && str_eqz(v->token, t->value)) forget_token(t);
    talk_reset(&v->talk);
    need_token(v);
    return true;
}

static void invoked(struct exchange *x, enum exchange_end end, CURLcode result) {
    struct invocation *v = (struct invocation *)(void *)x;
    long status = end == EXCHANGE_DONE ? status_of(&v->talk, result) : 0;
    if (end == EXCHANGE_SHUTDOWN)
        job_report(v, ENDING_NEITHER, OUTCOME_INTERNAL_ERROR, STR("shutting down"), -1);
    else if (!status)
        report_result(v, result);
    else if (!((status == 401 || status == 407) && refresh(v)))
        report_status(v, status);
}

static void invoke(struct invocation *v, const char *token) {
    struct fault fault;
    const struct destination *d = v->destination;
    fault_clear(&fault);
    if (v->token.p) free((char *)(uintptr_t)v->token.p);
    v->token = STR_NULL;
    if (token) {
        char *copy = strdup(token);
        v->token = str_from(copy);
    }
    enum err err = token && !v->token.p ? fault_set(&fault, ERR_NOMEM, NULL)
                                        : request_fill(&v->talk.request, d, v->connection, &v->attempt->delivery, v->token, &fault);
    if (!err) err = talk_prepare(v->invoker, &v->talk, d->endpoint, d->arn, &fault);
    if (err) {
        enum outcome outcome = err == ERR_VALIDATION ? OUTCOME_INVALID_PARAMETER : OUTCOME_INTERNAL_ERROR;
        job_report(v, ENDING_NEITHER, outcome, str_from(fault.message), -1);
        return;
    }
    v->talk.exchange.finished = invoked;
    loop_add(v->invoker->loop, &v->talk.exchange);
}

static void begin(struct invocation *v) {
    if (v->connection->auth->oauth)
        need_token(v);
    else
        invoke(v, NULL);
}

/* ---- tokens
 * -------------------------------------------------------------------------------------------------------------------------------------- */
void invoker_free_token(struct token *t) {
    talk_reset(&t->talk);
    forget_token(t);
    free(t);
}

static void fail_one(struct invocation *v, enum outcome outcome, const char *message, int64_t after_ms) {
    if (v->destination)
        job_report(v, ENDING_NEITHER, outcome, str_from(message), after_ms);
    else
        free_invocation(v);
}

static void token_failed(struct token *t, enum outcome outcome, struct str why) {
    int64_t wait = TOKEN_RETRY_MIN_MS;
    for (int n = 0; n < t->failures && wait < TOKEN_RETRY_MAX_MS; n++) wait *= 2;
    if (wait > TOKEN_RETRY_MAX_MS) wait = TOKEN_RETRY_MAX_MS;
    t->failures++;
    t->retry_ns = clock_mono_ns() + wait * MS;
    t->failure_outcome = outcome;
    snprintf(t->failure, sizeof t->failure, "no OAuth token: %.*s", STR_ARG(why));
    log_line(LOG_WARN, "destination", "no OAuth token", LOG_S("connection", t->connection->arn), LOG_S("error", why));
    connection_mark(t->invoker->registry, t->connection, "DEAUTHORIZED", str_from(t->failure), 0);
}

/* Everybody who waited goes on, or fails. */
static void token_settled(struct token *t) {
    struct invocation *v = t->first;
    struct connection *c = t->connection;
    t->fetching = false;
    t->connection = NULL;
    t->first = NULL;
    t->last = &t->first;
    talk_reset(&t->talk);
    while (v) {
        struct invocation *next = v->next;
        v->next = NULL;
        if (!v->destination)
            free_invocation(v);
        else if (t->value)
            invoke(v, t->value);
        else
            fail_one(v, t->failure_outcome, t->failure, -1);
        v = next;
    }
    connection_unref(c); /* perhaps with t */
}

static void take_token(struct token *t) {
    struct fault fault;
    struct buf value;
    int64_t lifetime_s = 0;
    buf_init(&value, 65536);
    enum err err = token_parse(buf_str(&t->talk.answer), &value, &lifetime_s, &fault);
    buf_addc(&value, 0);
    if (!err && !value.failed) t->value = strdup(value.p);
    if (value.p) explicit_bzero(value.p, value.cap);
    buf_fini(&value);
    if (err) {
        token_failed(t, OUTCOME_ERROR_FROM_TARGET, str_from(fault.message));
    } else if (!t->value) {
        token_failed(t, OUTCOME_INTERNAL_ERROR, STR("out of memory"));
    } else {
        t->failures = 0;
        t->expires_ns = clock_mono_ns() + lifetime_s * 1000 * MS;
        connection_mark(t->invoker->registry, t->connection, "AUTHORIZED", STR_NULL, clock_now_ms());
    }
}

static void token_answered(struct token *t, CURLcode result) {
    struct buf why;
    long status = status_of(&t->talk, result);
    enum outcome outcome = OUTCOME_ERROR_FROM_TARGET;
    buf_init(&why, 8192);
    buf_addf(&why, "%.*s", STR_ARG(t->connection->auth->oauth->endpoint));
    if (status >= 200 && status < 300 && !t->talk.too_long) {
        buf_fini(&why);
        take_token(t);
        return;
    }
    if (!status) {
        outcome = outcome_of_result(&t->talk, result);
        buf_addz(&why, ": ");
        add_result(&why, &t->talk, result);
    } else if (status >= 200 && status < 300) {
        buf_addf(&why, " answered more than %zu bytes", t->talk.answer_max);
    } else {
        buf_addf(&why, " answered HTTP status %ld", status);
        add_excerpt(&why, &t->talk, t->connection, STR_NULL);
    }
    token_failed(t, outcome, buf_str(&why));
    buf_fini(&why);
}

static void token_finished(struct exchange *x, enum exchange_end end, CURLcode result) {
    struct token *t = (struct token *)(void *)x;
    if (end == EXCHANGE_SHUTDOWN) {
        t->failure_outcome = OUTCOME_INTERNAL_ERROR;
        snprintf(t->failure, sizeof t->failure, "shutting down");
    } else {
        token_answered(t, result);
    }
    token_settled(t);
}

static void fetch_token(struct token *t, struct connection *c) {
    struct fault fault;
    fault_clear(&fault);
    forget_token(t);
    resource_ref(&c->r);
    t->connection = c;
    t->fetching = true;
    enum err err = request_fill_token(&t->talk.request, c->auth->oauth, &fault);
    if (!err) err = talk_prepare(t->invoker, &t->talk, c->auth->oauth->endpoint, c->arn, &fault);
    if (err) {
        token_failed(t, err == ERR_VALIDATION ? OUTCOME_INVALID_PARAMETER : OUTCOME_INTERNAL_ERROR, str_from(fault.message));
        token_settled(t);
        return;
    }
    t->talk.exchange.finished = token_finished;
    loop_add(t->invoker->loop, &t->talk.exchange);
}

/* Goes on with the token there is, waits for the one that is being fetched, or has one fetched. */
static void need_token(struct invocation *v) {
    struct token *t = token_of(v->invoker, v->connection);
    int64_t now = clock_mono_ns();
    if (!t) {
        fail_one(v, OUTCOME_INTERNAL_ERROR, "out of memory", -1);
        return;
    }
    if (!t->fetching && t->value && now < t->expires_ns && v->destination) {
        invoke(v, t->value);
        return;
    }
    if (!t->fetching && t->failures && now < t->retry_ns) {
        fail_one(v, t->failure_outcome, t->failure, (t->retry_ns - now) / MS);
        return;
    }
    v->next = NULL;
    *t->last = v;
    t->last = &v->next;
    if (!t->fetching) fetch_token(t, v->connection);
}

/* ---- the loop's turn
 * -------------------------------------------------------------------------------------------------------------------------- */
static struct invocation *take_inbox(struct invoker *i) {
    pthread_mutex_lock(&i->lock);
    struct invocation *first = i->first;
    i->first = NULL;
    i->last = &i->first;
    i->waiting = 0;
    if (loop_is_stopping(i->loop)) i->stopped = true;
    pthread_mutex_unlock(&i->lock);
    return first;
}

static void enter(struct invoker *i, struct invocation *v, int64_t now) {
    const struct destination *d = v->destination;
    if (!d)
        need_token(v);
    else if (!dispatch_push(&i->dispatch, d->arn, d->rate, i->concurrency, &v->job, now))
        report(v, OUTCOME_INTERNAL_ERROR, STR("out of memory"), -1);
}

static struct invocation *of_job(struct job *job) { return (struct invocation *)(void *)((char *)job - offsetof(struct invocation, job)); }

/* The last turn: nothing runs any more, what waits is reported. */
static void end_all(struct invoker *i) {
    struct job *job;
    while ((job = dispatch_take(&i->dispatch))) report(of_job(job), OUTCOME_INTERNAL_ERROR, STR("shutting down"), -1);
}

static void turn(void *ctx) {
    struct invoker *i = ctx;
    int64_t now = clock_mono_ns();
    bool stopping = loop_is_stopping(i->loop);
    for (struct invocation *v = take_inbox(i), *next; v; v = next) {
        next = v->next;
        v->next = NULL;
        if (stopping && v->destination)
            report(v, OUTCOME_INTERNAL_ERROR, STR("shutting down"), -1);
        else if (stopping)
            free_invocation(v);
        else
            enter(i, v, now);
    }
    if (stopping) {
        end_all(i);
        return;
    }
    struct job *job = NULL;
    for (int n = 0; n < TURN_STARTS && (job = dispatch_next(&i->dispatch, clock_mono_ns())); n++) begin(of_job(job));
    loop_alarm(i->loop, job ? 0 : dispatch_due(&i->dispatch));
}

/* ---- from outside
 * ------------------------------------------------------------------------------------------------------------------------------- */
static void submit(struct invoker *i, struct invocation *v) {
    pthread_mutex_lock(&i->lock);
    bool stopped = i->stopped, full = i->waiting >= INBOX_MAX, first = !i->first;
    if (!stopped && !full) {
        *i->last = v;
        i->last = &v->next;
        i->waiting++;
    }
    pthread_mutex_unlock(&i->lock);
    if (stopped)
        report(v, OUTCOME_INTERNAL_ERROR, STR("shutting down"), -1);
    else if (full)
        report(v, OUTCOME_THROTTLING, STR("too many requests wait for API destinations"), -1);
    else if (first)
        loop_wake(i->loop);
}

void invoker_submit(struct invoker *i, struct attempt *attempt, struct destination *d, struct connection *c) {
    struct invocation *v = calloc(1, sizeof *v);
    if (!v) {
        destination_unref(d);
        connection_unref(c);
        attempt->done(attempt, OUTCOME_INTERNAL_ERROR, "out of memory", -1);
        return;
    }
    v->invoker = i;
    v->attempt = attempt;
    v->destination = d;
    v->connection = c;
    submit(i, v);
}

void invoker_authorize(struct invoker *i, struct connection *c) {
    struct invocation *v = calloc(1, sizeof *v);
    if (!v) {
        connection_unref(c); /* the first invocation fetches the token */
        return;
    }
    v->invoker = i;
    v->connection = c;
    submit(i, v);
}

int64_t invoker_concurrency(const struct invoker *i) { return i->concurrency; }

/* As many connections as asked for, or as the process may have. */
static size_t slots_of(int64_t asked) {
    struct rlimit files;
    size_t slots = asked > 0 ? (size_t)asked : CONNECTIONS;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur == RLIM_INFINITY) return slots;
    if (files.rlim_cur < slots + OTHER_FDS && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max == RLIM_INFINITY || files.rlim_max > slots + OTHER_FDS ? slots + OTHER_FDS : files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files)) getrlimit(RLIMIT_NOFILE, &files);
    }
    size_t most = files.rlim_cur > 2 * OTHER_FDS ? files.rlim_cur - OTHER_FDS : files.rlim_cur / 2;
    if (slots <= most) return slots;
    log_line(LOG_WARN, "destination", "fewer connections to API destinations than the setting says: the process may not open more files",
             LOG_I("asked", slots), LOG_I("connections", most), LOG_I("files", files.rlim_cur));
    return most ? most : 1;
}

enum err invoker_start(struct registry *registry, const struct guard *guard, struct invoker **out, struct fault *fault) {
    const struct destination_options *o = &registry->host->destinations;
    if (o->ca_file && access(o->ca_file, R_OK))
        return fault_set(fault, ERR_USAGE, "destination-ca: %s cannot be read: a PEM file of certificates is expected", o->ca_file);
    struct invoker *i = calloc(1, sizeof *i);
    if (!i) return fault_set(fault, ERR_NOMEM, NULL);
    i->registry = registry;
    i->guard = guard;
    i->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : TIMEOUT_MS;
    i->concurrency = o->concurrency > 0 ? o->concurrency : CONCURRENCY;
    i->response_bytes = o->response_bytes > 0 ? o->response_bytes : RESPONSE_BYTES;
    i->ca_file = o->ca_file;
    i->last = &i->first;
    pthread_mutex_init(&i->lock, NULL);
    size_t slots = slots_of(o->connections);
    dispatch_init(&i->dispatch, slots);
    struct loop_options options = {.turn = turn, .ctx = i};
    enum err err = loop_start(&options, &i->loop, fault);
    if (err)
        invoker_free(i);
    else
        *out = i;
    return err;
}

void invoker_stop(struct invoker *i) {
    if (i) loop_stop(i->loop);
}

void invoker_free(struct invoker *i) {
    if (!i) return;
    loop_free(i->loop);
    dispatch_fini(&i->dispatch);
    pthread_mutex_destroy(&i->lock);
    free(i);
}
