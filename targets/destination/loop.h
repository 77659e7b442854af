/* HTTP exchanges over libcurl's multi interface, driven by events: epoll tells which sockets are ready, so that thousands of silent ones
 * cost nothing (http/transfer.h polls all of them each time: right for its 64, not for these). One thread; HTTP/1.1 and 2, connections used
 * again. */
#ifndef DESTINATION_LOOP_H
#define DESTINATION_LOOP_H

#include <curl/curl.h>

#include "err.h"

enum exchange_end {
    EXCHANGE_DONE,     /* libcurl has a result */
    EXCHANGE_SHUTDOWN, /* the loop was stopped before there was one */
};

/* Embedded in the owner's struct. */
struct exchange {
    CURL *easy;                  /* the owner's; made by exchange_easy */
    char error[CURL_ERROR_SIZE]; /* libcurl's words */
    /* Exactly once, on the loop's thread, with the handle out of the loop. May add exchanges. */
    void (*finished)(struct exchange *x, enum exchange_end end, CURLcode result);
    struct exchange *next, *previous; /* the loop's */
};
/* A handle for x with the error buffer, no signals, no proxy of the environment, nothing but http and https. NULL without memory. */
CURL *exchange_easy(struct exchange *x);

struct loop;
struct loop_options {
    /* On the loop's thread: after loop_wake, when an exchange has ended, and when the time that loop_alarm set has come. */
    void (*turn)(void *ctx);
    void *ctx;
};
/* Starts the thread. ERR_NOMEM, ERR_INTERNAL, ERR_IO. */
enum err loop_start(const struct loop_options *options, struct loop **l, struct fault *fault) MUST_USE;
/* Makes the loop take a turn soon. Any thread; never blocks. */
void loop_wake(struct loop *l);
/* The loop takes a turn at that time (clock_mono_ns) at the latest; INT64_MAX: not because of the time. Loop's thread. */
void loop_alarm(struct loop *l, int64_t at_ns);
/* Starts an exchange. Loop's thread. */
void loop_add(struct loop *l, struct exchange *x);
/* Ends the thread: what is under way is finished as EXCHANGE_SHUTDOWN, then `turn` is called one last time. Once. */
void loop_stop(struct loop *l);
bool loop_is_stopping(struct loop *l);
/* After stop. NULL is fine. */
void loop_free(struct loop *l);

#endif
