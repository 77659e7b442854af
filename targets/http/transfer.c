#include "transfer.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "log.h"

struct transfer_loop {
    pthread_t thread;
    CURLM *multi;
    pthread_mutex_t lock; /* guards the next four */
    struct transfer *first, *last;
    size_t waiting;
    bool stopping;
    /* the thread's own */
    struct transfer *running;
    size_t running_count;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode global_result;
static void init_global(void) { global_result = curl_global_init(CURL_GLOBAL_DEFAULT); }

CURL *transfer_easy(struct transfer *t) {
    CURL *easy = curl_easy_init();
    if (!easy) return NULL;
    t->easy = easy;
    t->error[0] = 0;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)TRANSFER_CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)TRANSFER_TIMEOUT_MS);
    return easy;
}

void transfer_submit(struct transfer_loop *loop, struct transfer *t) {
    t->next = t->previous = NULL;
    pthread_mutex_lock(&loop->lock);
    bool stopping = loop->stopping, full = loop->waiting >= TRANSFER_WAITING_MAX;
    if (!stopping && !full) {
        if (loop->last)
            loop->last->next = t;
        else
            loop->first = t;
        loop->last = t;
        loop->waiting++;
        /* Under the lock: stop cannot free the handle before the wake-up is sent. */
        curl_multi_wakeup(loop->multi);
    }
    pthread_mutex_unlock(&loop->lock);
    if (stopping)
        t->finished(t, TRANSFER_SHUTDOWN, CURLE_ABORTED_BY_CALLBACK);
    else if (full)
        t->finished(t, TRANSFER_FULL, CURLE_ABORTED_BY_CALLBACK);
}

static struct transfer *take_waiting(struct transfer_loop *loop, bool *stopping) {
    pthread_mutex_lock(&loop->lock);
    *stopping = loop->stopping;
    struct transfer *t = loop->running_count < TRANSFER_RUNNING_MAX || *stopping ? loop->first : NULL;
    if (t) {
        loop->first = t->next;
        if (!loop->first) loop->last = NULL;
        loop->waiting--;
    }
    pthread_mutex_unlock(&loop->lock);
    if (t) t->next = NULL;
    return t;
}

static void begin(struct transfer_loop *loop, struct transfer *t) {
    if (curl_multi_add_handle(loop->multi, t->easy) != CURLM_OK) {
        t->finished(t, TRANSFER_DONE, CURLE_OUT_OF_MEMORY);
        return;
    }
    t->next = loop->running;
    if (t->next) t->next->previous = t;
    loop->running = t;
    loop->running_count++;
}

static void end(struct transfer_loop *loop, struct transfer *t, enum transfer_end how, CURLcode result) {
    curl_multi_remove_handle(loop->multi, t->easy);
    if (t->previous)
        t->previous->next = t->next;
    else
        loop->running = t->next;
    if (t->next) t->next->previous = t->previous;
    loop->running_count--;
    t->finished(t, how, result);
}

static void end_done(struct transfer_loop *loop) {
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(loop->multi, &left))) {
        struct transfer *t = NULL;
        if (message->msg != CURLMSG_DONE) continue;
        CURLcode result = message->data.result; /* the message dies with the handle's removal */
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
        end(loop, t, TRANSFER_DONE, result);
    }
}

static void *run(void *arg) {
    struct transfer_loop *loop = arg;
    bool stopping = false;
    for (;;) {
        int active;
        struct transfer *t;
        while ((t = take_waiting(loop, &stopping))) {
            if (stopping)
                t->finished(t, TRANSFER_SHUTDOWN, CURLE_ABORTED_BY_CALLBACK);
            else
                begin(loop, t);
        }
        if (stopping) break;
        CURLMcode code = curl_multi_perform(loop->multi, &active);
        end_done(loop);
        if (code == CURLM_OK && loop->running_count < TRANSFER_RUNNING_MAX) {
            pthread_mutex_lock(&loop->lock);
            bool more = loop->first || loop->stopping;
            pthread_mutex_unlock(&loop->lock);
            if (more) continue;
        }
        /* Waits for sockets, libcurl's own timers or curl_multi_wakeup. */
        if (code == CURLM_OK) code = curl_multi_poll(loop->multi, NULL, 0, 60000, NULL);
        if (code != CURLM_OK) log_line(LOG_ERROR, "transfer", "libcurl failed", LOG_Z("error", curl_multi_strerror(code)));
    }
    while (loop->running) end(loop, loop->running, TRANSFER_SHUTDOWN, CURLE_ABORTED_BY_CALLBACK);
    return NULL;
}

enum err transfer_loop_start(struct transfer_loop **out, struct fault *fault) {
    pthread_once(&once, init_global);
    struct transfer_loop *loop = calloc(1, sizeof *loop);
    if (!loop) return fault_set(fault, ERR_NOMEM, NULL);
    pthread_mutex_init(&loop->lock, NULL);
    loop->multi = global_result ? NULL : curl_multi_init();
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = loop->multi ? pthread_create(&loop->thread, NULL, run, loop) : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (loop->multi && !error) {
        *out = loop;
        return ERR_OK;
    }
    enum err err = loop->multi ? fault_set(fault, ERR_INTERNAL, "cannot start a thread: %s", strerror(error))
                               : fault_set(fault, ERR_INTERNAL, "libcurl cannot be started");
    transfer_loop_free(loop);
    return err;
}

void transfer_loop_stop(struct transfer_loop *loop) {
    pthread_mutex_lock(&loop->lock);
    bool first = !loop->stopping;
    loop->stopping = true;
    curl_multi_wakeup(loop->multi);
    pthread_mutex_unlock(&loop->lock);
    if (first) pthread_join(loop->thread, NULL);
}

void transfer_loop_free(struct transfer_loop *loop) {
    if (!loop) return;
    if (loop->multi) curl_multi_cleanup(loop->multi);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}
