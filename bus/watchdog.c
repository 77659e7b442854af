#include "watchdog.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "log.h"
#include "os.h"

static struct {
    struct arena arena;
    struct txn txn; /* without operations: it goes through the queue, and writes nothing */
    _Atomic bool under_way;
} beat;

static void beat_done(struct txn *txn, enum err err, const struct fault *fault) {
    (void)txn;
    (void)err;
    (void)fault;
    atomic_store(&beat.under_way, false);
}

int watchdog_interval_ms(void) {
    int64_t usec, pid;
    if (!str_to_i64(str_from(os_env("WATCHDOG_USEC", "")), &usec) || usec < 2000) return -1;
    if (str_to_i64(str_from(os_env("WATCHDOG_PID", "")), &pid) && pid != getpid()) return -1;
    return usec / 2000 > INT_MAX ? INT_MAX : (int)(usec / 2000);
}

void watchdog_beat(struct committer *c) {
    struct fault fault;
    if (atomic_load(&beat.under_way)) {
        log_line(LOG_WARN, "watchdog", "the store has not got through its queue since the last look");
        return;
    }
    os_sd_notify("WATCHDOG=1");
    arena_init(&beat.arena, 0);
    txn_init(&beat.txn, &beat.arena);
    beat.txn.done = beat_done;
    atomic_store(&beat.under_way, true);
    enum err err = committer_submit(c, &beat.txn, &fault);
    if (!err) return;
    atomic_store(&beat.under_way, false); /* its queue is full: it works, or the next groups will not come through either */
    log_line(LOG_WARN, "watchdog", "the store's queue takes no more", LOG_Z("error", fault.message));
}
