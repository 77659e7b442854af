/* Inside the client: what the files of libbus share. Not installed.
 *
 *   bus_put_async --> open batch --seal--> ready --send--> sent --answer--> callbacks     (put.c)
 *   bus_call ------------------------------> ready --send--> sent --answer--> caller      (call.c)
 *                                             ^                |
 *                                             '-- connection lost, throttled, clock learned: signed again --'
 *
 * One lock guards the lists. One thread, the runner (client.c), moves requests between them, signs, sends, reads answers and runs the
 * callbacks, never with the lock held. A request in `ready` or `sent` is changed by the runner only; producers write to the open batch
 * and append to `ready`, under the lock. */
#ifndef LIBBUS_CLIENT_H
#define LIBBUS_CLIENT_H

#include <pthread.h>
#include <time.h>

#include "bus.h"
#include "credentials.h"
#include "link.h"
#include "wire.h"

enum {
    PUTS_UNDER_WAY = 2,      /* requests with events on the wire, while batches are small: one in the daemon's commit, one on its way */
    PUTS_UNDER_WAY_FULL = 4, /* when full batches wait */
    BATCHES_KEPT = 8,        /* empty batches whose memory is kept */
    BACKOFF_MIN_MS = 20,
    BACKOFF_MAX_MS = 5000,
    REQUEST_TIMEOUT_MAX_MS = 240000, /* below the five minutes the daemon remembers ids for */
};

/* One request, on its way to an answer. */
struct request {
    struct request *next;
    enum wire_kind kind; /* WIRE_PUT: a struct batch; WIRE_CALL: a struct call */
    struct buf body;
    uint32_t id;         /* of the last attempt */
    uint64_t epoch;      /* of the line, at the last attempt */
    int64_t sent_ms;     /* monotonic */
    int64_t not_before_ms; /* monotonic: the next attempt; 0: at once */
    int attempts;        /* made so far */
    bool clock_learned;  /* it was sent again because of ERR_EXPIRED: not twice */
};
struct request_list {
    struct request *first, *last;
};

/* One event of a batch. */
struct slot {
    bus_put_done done;
    void *ctx;
    struct id id;
    int64_t deadline_ms; /* monotonic; not falling within a batch */
    size_t at, bytes;    /* its entry in the body */
};
struct batch {
    struct request request; /* first: a WIRE_PUT request is its batch */
    struct slot *slots;
    size_t count, cap;
    size_t due;             /* slots before this one were reported already: their time was over */
    uint64_t number;        /* in order of opening; a repeated part keeps its batch's number */
    int64_t opened_ms;
};

struct call {
    struct request request; /* first */
    int64_t deadline_ms;
    bool done;
    enum err err;
    char *answer;           /* malloc; the caller's */
    struct fault *fault;
    pthread_cond_t answered;
};

struct bus {
    struct arena arena; /* credentials and options' texts; made at open, then read only */
    struct credentials credentials;
    struct bus_options options; /* with defaults in place; its texts are not used after open */
    struct link *link;
    pthread_t runner;

    pthread_mutex_t lock; /* guards what follows, but for the runner's own */
    pthread_cond_t work;    /* the runner waits for something to do */
    pthread_cond_t room;    /* producers wait for room in the window */
    pthread_cond_t settled; /* bus_flush and bus_close wait for batches to end; bus_open for the connection */
    bool runner_waits, poked;
    enum { OPENING, RUNNING, FAILED, CLOSING, ABANDONED } state;
    enum err open_err;
    struct fault *open_fault; /* the opener's, until OPENING ends */
    struct batch *open;       /* being filled; may be NULL */
    struct request_list ready, sent;
    size_t puts_sent;         /* requests with events in `sent` */
    struct batch *idle;
    size_t idle_count;
    size_t window_events, window_bytes; /* in use */
    uint64_t batch_number;     /* last given */
    uint64_t held;             /* what the runner has in hand, in no list: a batch's number, HELD_CALL, or 0: nothing */
    size_t flushers;
    struct id id_next;         /* of the next event without one */

    /* the runner's own */
    uint8_t session[8];
    uint64_t counter;
    uint32_t request_id;
    int64_t clock_offset_ms; /* the daemon's clock minus ours */
    int64_t heard_ms;        /* last frame from the daemon, or the connection's start */
    struct arena scratch;    /* of one answer */
};

#define HELD_CALL UINT64_MAX

/* ---- client.c ---- */
void client_append(struct request_list *list, struct request *r);
void client_remove(struct request_list *list, struct request *r);
/* Wakes the runner. With the lock held. */
void client_poke_locked(struct bus *bus);
bool client_is_runner(const struct bus *bus);
/* True when a wait may begin or go on: neither failed nor closing. With the lock held. */
bool client_is_open_locked(const struct bus *bus);
/* The runner has nothing in hand any more: what it held is in a list again, or has ended. With the lock held. */
void client_let_go_locked(struct bus *bus);
/* A point of CLOCK_MONOTONIC, `ms` from now. */
struct timespec client_time_in(int64_t ms);
/* Full jitter over a doubling bound. */
int64_t client_backoff_ms(int attempts);
/* Fills the public fault (may be NULL) and returns the public number. */
enum bus_err client_fault(struct bus_fault *out, const struct fault *fault, enum err err);
enum bus_err client_fail(struct bus_fault *out, enum err err, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- put.c: on the runner, without the lock unless _locked ---- */
/* Moves the open batch to `ready` when it may go. */
void put_seal_locked(struct bus *bus);
/* When the open batch must move on by itself (linger, its first event's time); INT64_MAX: never. */
int64_t put_open_due_ms_locked(const struct bus *bus);
/* Takes reported entries out of the body; false when none is left. */
bool put_trim(struct batch *batch);
/* Reports events whose time is over. */
void put_expire(struct bus *bus, struct batch *batch, int64_t now_ms);
/* The answer came, or the request failed with `fault`: reports, repeats or both. The batch is in no list and is used up. */
void put_answered(struct bus *bus, struct batch *batch, const struct wire_answer *answer);
void put_failed(struct bus *bus, struct batch *batch, const struct fault *fault);
void put_batch_free(struct batch *batch);

/* ---- call.c: on the runner, without the lock ---- */
void call_answered(struct bus *bus, struct call *call, const struct wire_answer *answer);
void call_failed(struct bus *bus, struct call *call, const struct fault *fault);

#endif
