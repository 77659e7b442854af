/* The inside of replays, shared by replay.c (what there is, and its records), replay_run.c (moving them), replay_preview.c and
 * replay_keep.c (what leaves archives). */
#ifndef FLOW_REPLAY_STATE_H
#define FLOW_REPLAY_STATE_H

#include <pthread.h>

#include "flow_state.h"
#include "replay.h"

/* Fields above the line belong to replays->lock (what of info was asked for never changes, and is read without it), the others to the thread. */
struct replay {
    struct arena arena; /* of the strings */
    struct replay_info info;
    int64_t number; /* of the archive */
    int64_t next;   /* sequence to go on with; 0: not looked up yet */
    bool held;      /* the thread has it in hand: only the thread frees it */
    bool forgotten; /* its records are gone; it goes when it is no longer held */
    /* ---- */
    int64_t refilled_ms;    /* monotonic; 0: never */
    int64_t budget;         /* thousandths of events that may go now */
    int64_t pause_until_ms; /* monotonic */
    bool stale;             /* a page's commit failed: the position is to be read again */
    bool settled;           /* everything submitted before its end is committed */
    int failures;           /* of the store, one behind the other */
};

struct replays {
    struct flow *flow;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* held over commits of replays' records (but for the thread's pages): changes are made one at a time */
    pthread_cond_t wake;
    bool stopping;
    bool woken;            /* something was started or is to be cancelled since the round began */
    struct map replays;    /* "ACCOUNT/NAME" -> struct replay * */
    struct keeper *keeper; /* the thread's */
    struct arena page;     /* the thread's: of the page under way */
};

static inline bool replay_is_active(enum replay_state s) { return s == REPLAY_STARTING || s == REPLAY_RUNNING || s == REPLAY_CANCELLING; }

/* Adds the record of a replay, and that of its position, to a transaction. False without memory. */
bool replay_add_record(struct txn *txn, const struct replay *x) __attribute__((warn_unused_result));
bool replay_add_position(struct txn *txn, const struct replay *x, int64_t next, int64_t last_ms, int64_t replayed)
    __attribute__((warn_unused_result));
/* Takes the position from the store: after a commit that failed, which may have been applied all the same. */
enum err replay_reload(struct replays *r, struct replay *x, struct fault *fault) MUST_USE;
bool replay_add_delete(struct txn *txn, const struct replay_info *i) __attribute__((warn_unused_result));
/* With the lock: the state becomes durable, then visible. */
enum err replay_end_locked(struct replays *r, struct replay *x, enum replay_state state, const char *reason, struct fault *fault) MUST_USE;
/* With the lock: the thread lets go of it. */
void replay_release_locked(struct replay *x);

/* ---- replay_run.c ---- */
void *replays_main(void *replays);
/* The rule of the bus with this ARN, or NULL. */
const struct rule_view *replay_rule(const struct bus_view *bus, struct str arn);

/* ---- replay_keep.c ---- */
struct keeper *keeper_new(struct replays *r);
void keeper_free(struct keeper *k);
/* One piece of what is due. *busy: there may be more at once; *due_ms: when to look again, at the latest (monotonic). */
void keeper_step(struct keeper *k, bool *busy, int64_t *due_ms);

#endif
