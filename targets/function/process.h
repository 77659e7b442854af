/* One process of a function at work: feeds it events, reads its answers and complaints, ends it.
 *
 *   PROCESS MODE  start, one event, end of input -> it exits -> verdict
 *   WORKER MODE   start, (event line -> answer line)*, idle for a time -> end of input -> it exits
 *
 * Ending goes in stages, each with a deadline: end of input, SIGTERM, SIGKILL. Owned by the runner's thread; nothing here blocks. */
#ifndef FUNCTION_PROCESS_H
#define FUNCTION_PROCESS_H

#include "child.h"
#include "runner.h"

enum { PROCESS_LINE_MAX = 1024, PROCESS_ERROR_MAX = 256 };

enum stage { STAGE_RUN, STAGE_CLOSE, STAGE_TERM, STAGE_KILL };
enum verdict { /* why we ended it */
               VERDICT_NONE,
               VERDICT_TIMEOUT,
               VERDICT_TOO_LONG, /* an answer past FUNCTION_RESPONSE_MAX_BYTES */
               VERDICT_GARBAGE,  /* a worker's answer that is no JSON, or came unasked */
               VERDICT_CLOSED,   /* a worker closed its input or output */
               VERDICT_RETIRED,  /* idle for long, or its function changed */
               VERDICT_SHUTDOWN,
};

struct process;
enum watched { WATCH_IN, WATCH_OUT, WATCH_ERR, WATCH_END };
struct watch { /* what epoll gives back */
    struct process *process;
    enum watched what;
};

/* Lines of stderr that may still be logged; shared by a function's processes. */
struct log_allowance {
    int64_t lines, refilled_ms, dropped;
};

struct process {
    struct process *previous, *next; /* the pool's list */
    struct function *function;       /* a reference */
    struct invocation *invocation;   /* under way; NULL: an idle worker */
    struct log_allowance *allowance;
    int epoll;
    struct child child;
    struct watch watches[4];
    size_t sent;  /* bytes of payload and its line end */
    bool feeding; /* child.in is being watched */
    struct buf answer;
    size_t answer_bytes;         /* also those not kept */
    uint64_t answered;           /* events a worker has answered */
    char line[PROCESS_LINE_MAX]; /* of stderr, being gathered */
    size_t line_bytes;
    char last_error[PROCESS_ERROR_MAX];
    enum stage stage;
    enum verdict verdict;
    bool retire;         /* end once the event under way is done */
    bool dead;           /* reaped */
    int64_t deadline_ms; /* of the event, the idle time or the stage; INT64_MAX: none */
};

/* Starts a process of f and gives it its first event. On error nothing was started and the event is still the caller's: ERR_NOT_FOUND for a
 * program that is not in PATH, ERR_INTERNAL for what the system refuses, ERR_NOMEM. */
enum err process_start(struct function *f, struct invocation *first, int epoll, struct log_allowance *allowance, int64_t now_ms,
                       struct process **p, struct fault *fault) MUST_USE;
/* An idle worker's next event. */
void process_give(struct process *p, struct invocation *invocation, int64_t now_ms);
/* An epoll event of one of its watches (WATCH_END: afterwards p->dead). May finish the event under way. */
void process_handle(struct process *p, const struct watch *watch, int64_t now_ms);
/* Acts when the deadline has passed. */
void process_tick(struct process *p, int64_t now_ms);
/* Begins to end it, gently: an idle worker by the end of its input, else by SIGTERM. */
void process_end(struct process *p, enum verdict verdict, int64_t now_ms);
/* Gives up on a process that not even SIGKILL ended (the kernel holds it): reports its event, marks it dead. */
void process_abandon(struct process *p);
/* Once it is dead. */
void process_free(struct process *p);
/* A worker ready for the next event. */
static inline bool process_is_idle(const struct process *p) { return !p->invocation && p->stage == STAGE_RUN && !p->dead && !p->retire; }

#endif
