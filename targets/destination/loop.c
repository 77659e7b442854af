#include "loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

enum {
    EVENTS = 256,
    IDLE_MAX = 512, /* connections kept open without an exchange: once a second libcurl looks at each of them, which stops everything else
                       meanwhile */
};

struct loop {
    struct loop_options o;
    pthread_t thread;
    bool started;
    CURLM *multi;
    int epoll, wake, timer;
    _Atomic bool stopping;
    /* the thread's own */
    struct exchange *running;
    size_t running_count;
    int64_t curl_due_ns, alarm_ns, armed_ns; /* INT64_MAX: not */
    bool turn;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode global_result;
static void init_global(void) { global_result = curl_global_init(CURL_GLOBAL_DEFAULT); }

CURL *exchange_easy(struct exchange *x) {
    CURL *easy = curl_easy_init();
    if (!easy) return NULL;
    x->easy = easy;
    x->error[0] = 0;
    bool ok = !curl_easy_setopt(easy, CURLOPT_PRIVATE, x) && !curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->error);
    ok = ok && !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) && !curl_easy_setopt(easy, CURLOPT_PROXY, "");
    ok = ok && !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") && !curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    ok = ok && !curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* do not wait for a name server that hangs */
    /* Without a CApath libcurl keeps the parsed certificates of the CA file; with Debian's default one it would read all of them for each
     * connection. */
    ok = ok && !curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    if (ok) return easy;
    curl_easy_cleanup(easy);
    return x->easy = NULL;
}

/* ---- what libcurl asks for --------------------------------------------------------------------------------------------------------------
 */
static int socket_changed(CURL *easy, curl_socket_t fd, int what, void *ctx, void *of_socket) {
    struct loop *l = ctx;
    struct epoll_event e = {.data.fd = fd};
    (void)easy, (void)of_socket;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL); /* fails when the socket is closed by now: then it is out of the set as well */
        return 0;
    }
    if (what & CURL_POLL_IN) e.events |= EPOLLIN;
    if (what & CURL_POLL_OUT) e.events |= EPOLLOUT;
    if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, fd, &e) && (errno != ENOENT || epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e))) {
        log_line(LOG_ERROR, "destination", "epoll refuses a socket", LOG_Z("error", strerror(errno)));
        return -1;
    }
    return 0;
}

static int timer_changed(CURLM *multi, long ms, void *ctx) {
    struct loop *l = ctx;
    (void)multi;
    l->curl_due_ns = ms < 0 ? INT64_MAX : clock_mono_ns() + (int64_t)ms * 1000000;
    return 0;
}

/* ---- exchanges
 * ------------------------------------------------------------------------------------------------------------------------------ */
/* libcurl's bound counts the connections in use as well. */
static void allow(struct loop *l, size_t running) { curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, (long)(running + IDLE_MAX)); }

void loop_add(struct loop *l, struct exchange *x) {
    CURLMcode code = l->stopping ? CURLM_INTERNAL_ERROR : curl_multi_add_handle(l->multi, x->easy);
    if (code) {
        x->finished(x, l->stopping ? EXCHANGE_SHUTDOWN : EXCHANGE_DONE, CURLE_OUT_OF_MEMORY);
        l->turn = true;
        return;
    }
    allow(l, ++l->running_count);
    x->previous = NULL;
    x->next = l->running;
    if (x->next) x->next->previous = x;
    l->running = x;
}

static void end(struct loop *l, struct exchange *x, enum exchange_end how, CURLcode result) {
    allow(l, --l->running_count);
    curl_multi_remove_handle(l->multi, x->easy);
    if (x->previous)
        x->previous->next = x->next;
    else
        l->running = x->next;
    if (x->next) x->next->previous = x->previous;
    l->turn = true;
    x->finished(x, how, result);
}

static void end_done(struct loop *l) {
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(l->multi, &left))) {
        struct exchange *x = NULL;
        if (message->msg != CURLMSG_DONE) continue;
        CURLcode result = message->data.result; /* the message dies with the handle's removal */
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &x);
        end(l, x, EXCHANGE_DONE, result);
    }
}

/* ---- the thread
 * ------------------------------------------------------------------------------------------------------------------------------ */
void loop_alarm(struct loop *l, int64_t at_ns) { l->alarm_ns = at_ns; }

static void arm(struct loop *l) {
    int64_t at = l->curl_due_ns < l->alarm_ns ? l->curl_due_ns : l->alarm_ns;
    if (at == l->armed_ns) return;
    struct itimerspec t = {0};
    int64_t set = at < 1 ? 1 : at; /* zero would disarm it */
    if (at != INT64_MAX) t.it_value = (struct timespec){.tv_sec = set / 1000000000, .tv_nsec = set % 1000000000};
    if (timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &t, NULL))
        log_line(LOG_ERROR, "destination", "timerfd", LOG_Z("error", strerror(errno)));
    l->armed_ns = at;
}

static void acted(CURLMcode code) {
    if (code) log_line(LOG_ERROR, "destination", "libcurl failed", LOG_Z("error", curl_multi_strerror(code)));
}

static void take_event(struct loop *l, const struct epoll_event *e) {
    uint64_t count;
    int active, what = 0;
    if (e->data.fd == l->wake || e->data.fd == l->timer) {
        if (read(e->data.fd, &count, sizeof count) == (ssize_t)sizeof count && e->data.fd == l->wake) l->turn = true;
        if (e->data.fd == l->timer) l->armed_ns = INT64_MAX;
        return;
    }
    if (e->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) what |= CURL_CSELECT_IN;
    if (e->events & (EPOLLOUT | EPOLLERR)) what |= CURL_CSELECT_OUT;
    acted(curl_multi_socket_action(l->multi, e->data.fd, what, &active));
}

static void take_time(struct loop *l) {
    int active;
    int64_t now = clock_mono_ns();
    if (l->alarm_ns <= now) {
        l->alarm_ns = INT64_MAX;
        l->turn = true;
    }
    if (l->curl_due_ns > now) return;
    l->curl_due_ns = INT64_MAX;
    acted(curl_multi_socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &active));
}

static void *run(void *ctx) {
    struct loop *l = ctx;
    struct epoll_event events[EVENTS];
    while (!l->stopping) {
        take_time(l);
        end_done(l);
        if (l->turn) {
            l->turn = false;
            l->o.turn(l->o.ctx);
            take_time(l); /* what the turn added: libcurl asks for its first step by a timer of 0 ms */
            end_done(l);
        }
        bool busy = l->turn || l->alarm_ns <= 0;
        if (!busy) arm(l);
        int n = epoll_wait(l->epoll, events, EVENTS, busy ? 0 : -1);
        for (int i = 0; i < n; i++) take_event(l, &events[i]);
    }
    while (l->running) end(l, l->running, EXCHANGE_SHUTDOWN, CURLE_ABORTED_BY_CALLBACK);
    l->o.turn(l->o.ctx);
    return NULL;
}

void loop_wake(struct loop *l) {
    uint64_t one = 1;
    if (write(l->wake, &one, sizeof one) < 0 && errno != EAGAIN)
        log_line(LOG_ERROR, "destination", "eventfd", LOG_Z("error", strerror(errno)));
}

/* ---- life
 * -------------------------------------------------------------------------------------------------------------------------------------- */
static bool watch(struct loop *l, int fd) {
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    return fd >= 0 && !epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e);
}

static enum err open_parts(struct loop *l, struct fault *fault) {
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (l->epoll < 0 || !watch(l, l->wake) || !watch(l, l->timer))
        return fault_set(fault, ERR_IO, "epoll, eventfd or timerfd: %s", strerror(errno));
    l->multi = global_result ? NULL : curl_multi_init();
    bool ok = l->multi && !curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, socket_changed) &&
              !curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l);
    ok = ok && !curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, timer_changed) && !curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l);
    return ok ? ERR_OK : fault_set(fault, ERR_INTERNAL, "libcurl cannot be started");
}

static enum err start_thread(struct loop *l, struct fault *fault) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&l->thread, NULL, run, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    l->started = !error;
    return error ? fault_set(fault, ERR_INTERNAL, "cannot start a thread: %s", strerror(error)) : ERR_OK;
}

enum err loop_start(const struct loop_options *o, struct loop **out, struct fault *fault) {
    pthread_once(&once, init_global);
    struct loop *l = calloc(1, sizeof *l);
    if (!l) return fault_set(fault, ERR_NOMEM, NULL);
    l->o = *o;
    l->epoll = l->wake = l->timer = -1;
    l->curl_due_ns = l->alarm_ns = l->armed_ns = INT64_MAX;
    *out = l; /* before the thread runs: its turns use it */
    enum err err = open_parts(l, fault);
    if (!err) err = start_thread(l, fault);
    if (err) {
        loop_free(l);
        *out = NULL;
    }
    return err;
}

void loop_stop(struct loop *l) {
    if (!l || !l->started) return;
    l->stopping = true;
    loop_wake(l);
    pthread_join(l->thread, NULL);
    l->started = false;
}

bool loop_is_stopping(struct loop *l) { return l->stopping; }

void loop_free(struct loop *l) {
    if (!l) return;
    if (l->multi) curl_multi_cleanup(l->multi);
    if (l->epoll >= 0) close(l->epoll);
    if (l->wake >= 0) close(l->wake);
    if (l->timer >= 0) close(l->timer);
    free(l);
}
