/* Transfers (HTTP, SMTP) over libcurl's multi interface: one thread runs all of a loop's transfers.
 *
 * The owner makes an easy handle, gives it to the loop, and gets it back in `finished`. Bounds: transfers under way and waiting. */
#ifndef HTTP_TRANSFER_H
#define HTTP_TRANSFER_H

#include <curl/curl.h>

#include "err.h"

enum {
    TRANSFER_CONNECT_TIMEOUT_MS = 5000,
    TRANSFER_TIMEOUT_MS = 15000,
    TRANSFER_RUNNING_MAX = 64,
    TRANSFER_WAITING_MAX = 4096,
};

enum transfer_end {
    TRANSFER_DONE,     /* libcurl has a result */
    TRANSFER_FULL,     /* refused: too many wait */
    TRANSFER_SHUTDOWN, /* the loop was stopped before there was one */
};

/* Embedded in the owner's struct. */
struct transfer {
    CURL *easy;                  /* owned by the owner */
    char error[CURL_ERROR_SIZE]; /* libcurl's words */
    /* Exactly once, on the loop's thread or in transfer_submit. Must only enqueue (and free the handle). */
    void (*finished)(struct transfer *t, enum transfer_end end, CURLcode result);
    struct transfer *next, *previous; /* the loop's */
};

struct transfer_loop;
enum err transfer_loop_start(struct transfer_loop **loop, struct fault *fault) MUST_USE;
/* Never blocks. Any thread. */
void transfer_submit(struct transfer_loop *loop, struct transfer *t);
/* Ends the thread; what is under way or waits is finished as TRANSFER_SHUTDOWN. */
void transfer_loop_stop(struct transfer_loop *loop);
/* After stop. NULL is fine. */
void transfer_loop_free(struct transfer_loop *loop);

/* A handle with what every transfer shares: time-outs, no signals, the error buffer, t as its private pointer. NULL without memory. */
CURL *transfer_easy(struct transfer *t);

#endif
