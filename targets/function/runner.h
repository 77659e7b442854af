/* Runs functions: one thread, one epoll loop, for all processes of all functions.
 *
 *   submit -> inbox -> the function's pool -> a process (a new one, or an idle worker) -> done
 *
 * The loop owns pools and processes; only the inbox is shared. Nothing in it blocks. Bounds: processes in all, events waiting in all and
 * per function, bytes of an answer, lines of stderr per second. A worker that dies is replaced after a pause that doubles up to 30 s. */
#ifndef FUNCTION_RUNNER_H
#define FUNCTION_RUNNER_H

#include "function.h"
#include "target.h"

enum {
    RUNNER_PROCESSES_MAX = 1024,
    RUNNER_WAITING_MAX = 16384,     /* in all */
    RUNNER_POOL_WAITING_MAX = 1024, /* per function */
    RUNNER_IDLE_MS = 60000,         /* a worker without work is ended after this */
    RUNNER_GRACE_MS = 2000,         /* from SIGTERM to SIGKILL */
};

/* One event for one function. Owned by the caller, untouched by it until done was called. */
struct invocation {
    struct function *function; /* the caller's reference */
    struct str payload;        /* JSON; line ends in it are sent as blanks */
    struct str event_id, source_arn;
    int32_t attempt;
    bool wants_answer;
    /* Exactly once: on the runner's thread, or in runner_submit. `message` and `answer` (a JSON text, or what else the process wrote to its
     * standard output; only when wanted) are valid during the call. Must only enqueue. */
    void (*done)(struct invocation *invocation, enum outcome outcome, const char *message, struct str answer);
    void *ctx;
    struct invocation *next; /* the runner's */
};

struct runner;
enum err runner_start(struct runner **r, struct fault *fault) MUST_USE;
/* Never blocks. Any thread. */
void runner_submit(struct runner *r, struct invocation *invocation);
/* The function of that key was changed or deleted: its workers finish what they do and end. Any thread. */
void runner_retire(struct runner *r, struct function *f);
/* Ends all processes (SIGTERM, then SIGKILL after RUNNER_GRACE_MS) and the thread; what was under way is reported as INTERNAL_ERROR. */
void runner_stop(struct runner *r);
/* After stop. NULL is fine. */
void runner_free(struct runner *r);

#endif
