/* Which request may start now: the one place where destinations meet, and where one could harm another.
 *
 * Each destination has a gauge: its queue of jobs, its rate (GCRA, the "virtual scheduling" of ATM Forum TM 4.0), how many run, how many
 * may (it grows by one with each good answer and is halved by a time-out, as TCP's window), and what is known of it, its standing:
 *  - GOOD: it answers, and in less than DISPATCH_SLOW_NS on average;
 *  - NEW: nothing is known yet;
 *  - BAD: it hangs, cannot be reached, or is slow.
 * Good ones go first and may use all slots; new ones three quarters of them, together with the bad ones; bad ones half. And a gauge may
 * start another job only while it runs less than a sixteenth of the free slots (at least one): a dynamic threshold (Choudhury and Hahne,
 * 1998) that leaves room for whoever comes, however many hang at once. Within a standing the gauges take turns.
 *
 * Pure but for memory: time is handed in. Owner: one thread. */
#ifndef DESTINATION_DISPATCH_H
#define DESTINATION_DISPATCH_H

#include "map.h"

#define DISPATCH_SLOW_NS ((int64_t)1000000000)

enum standing { STANDING_GOOD, STANDING_NEW, STANDING_BAD, STANDINGS };

/* Embedded in what is to be started. */
struct job {
    struct job *next;
    struct gauge *gauge;
    int64_t started_ns;
    enum standing standing; /* when it started */
};

struct gauges { /* a list of gauges that wait for their turn */
    struct gauge *first, **last;
};

struct dispatch {
    struct map gauges; /* by name */
    struct gauges turns[STANDINGS];
    struct gauge **later; /* a heap of gauges that have to wait, by when their time comes */
    size_t later_count, later_cap;
    size_t slots, running, of_standing[STANDINGS];
    int64_t swept_ns;
};
/* `slots`: jobs that may run at once. */
void dispatch_init(struct dispatch *d, size_t slots);
/* No job may be queued or running. */
void dispatch_fini(struct dispatch *d);

/* Queues a job under a name (a destination's ARN), with its present rate (per second) and the most that may run at once. False without
 * memory. */
bool dispatch_push(struct dispatch *d, struct str name, int64_t rate, int64_t most, struct job *job, int64_t now_ns)
    __attribute__((warn_unused_result));
/* The next job that may start now (it counts as running from here on), or NULL: then nothing can start before dispatch_due, or another job
 * ends. */
struct job *dispatch_next(struct dispatch *d, int64_t now_ns);
/* When the first of the gauges that wait may go on; INT64_MAX: none waits. */
int64_t dispatch_due(const struct dispatch *d);
/* Any queued job, taken out of its queue without starting, or NULL: for the end. */
struct job *dispatch_take(struct dispatch *d);

enum ending {
    ENDING_GOOD,      /* the destination answered */
    ENDING_THROTTLED, /* it said that it is too much */
    ENDING_DEAD,      /* it did not answer, or could not be reached */
    ENDING_NEITHER,   /* it was not asked */
};
/* The job ended; not before pause_until_ns (0: no pause) does the next one of its gauge start. */
void dispatch_ended(struct dispatch *d, struct job *job, enum ending ending, int64_t pause_until_ns, int64_t now_ns);

/* For tests and figures. */
size_t dispatch_limit(const struct dispatch *d, struct str name);
enum standing dispatch_standing(const struct dispatch *d, struct str name);

#endif
