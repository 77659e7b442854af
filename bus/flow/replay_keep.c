/* What leaves archives: events older than the retention, and what deleted archives held. A piece at a time, so that no commit of a producer
 * waits long behind it. */
#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "replay_state.h"

enum { TRIM_EVERY_MS = 60000, PAUSE_MS = 5000, DAY_MS = 86400000, DROPS_AT_ONCE = 100 };

struct keeper {
    struct replays *replays;
    struct arena arena;     /* of the round under way */
    uint64_t generation;    /* of the snapshot when deleted archives were last looked for */
    int64_t trimmed_ms;     /* monotonic: when the last round began; -1: never */
    int64_t pause_until_ms; /* monotonic: after a refusal of the store */
    struct archive_info *archives;
    size_t count, at; /* of the round */
};

struct keeper *keeper_new(struct replays *r) {
    struct keeper *k = calloc(1, sizeof *k);
    if (!k) return NULL;
    k->replays = r;
    k->trimmed_ms = -1;
    arena_init(&k->arena, 0);
    return k;
}

void keeper_free(struct keeper *k) {
    if (!k) return;
    arena_fini(&k->arena);
    free(k);
}

static void told(const char *what, const struct fault *fault) { log_line(LOG_WARN, "archive", what, LOG_Z("error", fault->message)); }

/* One operation, committed; how many events went. */
static enum err run_cut(struct keeper *k, enum store_op_kind kind, int64_t archive, int64_t before_ms, int64_t *removed,
                        struct fault *fault) {
    struct arena a;
    struct txn txn;
    arena_init(&a, 0);
    txn_init(&txn, &a);
    struct store_op *op = txn_add(&txn, kind);
    enum err err = op ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
    if (!err) {
        op->u.cut.archive = archive;
        op->u.cut.before_ms = before_ms;
        op->u.cut.limit = ARCHIVE_PIECE;
        err = committer_run(k->replays->flow->committer, &txn, fault);
    }
    *removed = err ? 0 : op->u.cut.removed;
    arena_fini(&a);
    return err;
}

/* ---- deleted archives -------------------------------------------------------------------------------------------------------------- */
struct drops {
    int64_t numbers[DROPS_AT_ONCE];
    size_t count;
};

static enum err see_drop(void *ctx, struct str key, struct str value) {
    struct drops *d = ctx;
    (void)value;
    if (d->count < DROPS_AT_ONCE && str_to_i64(key, &d->numbers[d->count])) d->count++;
    return ERR_OK;
}

static enum err forget_drop(struct keeper *k, int64_t number, struct fault *fault) {
    struct arena a;
    struct txn txn;
    arena_init(&a, 0);
    txn_init(&txn, &a);
    struct store_op *op = txn_add(&txn, OP_CATALOG_DELETE);
    struct str key = arena_printf(&a, "%lld", (long long)number);
    if (op) op->u.catalog.kind = STR("archive-drop");
    if (op) op->u.catalog.key = key;
    enum err err = op && key.p ? committer_run(k->replays->flow->committer, &txn, fault) : fault_set(fault, ERR_NOMEM, NULL);
    arena_fini(&a);
    return err;
}

/* Looks when the world has changed; *busy while there is something left. */
static void drop_step(struct keeper *k, bool *busy) {
    struct store *s = k->replays->flow->store;
    struct snapshot *snapshot = world_snapshot(k->replays->flow->world);
    uint64_t generation = snapshot->generation;
    snapshot_release(snapshot);
    if (generation == k->generation || clock_mono_ms() < k->pause_until_ms) return;
    struct drops drops = {.count = 0};
    struct fault fault;
    int64_t removed = 0;
    enum err err = s->ops->catalog_scan(s, STR("archive-drop"), see_drop, &drops, &fault);
    for (size_t i = 0; !err && i < drops.count; i++) {
        err = run_cut(k, OP_ARCHIVE_DROP, drops.numbers[i], 0, &removed, &fault);
        if (!err && removed < ARCHIVE_PIECE) err = forget_drop(k, drops.numbers[i], &fault);
    }
    if (err) {
        told("what a deleted archive held could not be removed; it is tried again", &fault);
        k->pause_until_ms = clock_mono_ms() + PAUSE_MS;
    } else if (drops.count) {
        *busy = true;
    } else {
        k->generation = generation;
    }
}

/* ---- retention --------------------------------------------------------------------------------------------------------------------------
 */
/* One archive; true when there is more of it to trim. Nothing is written when nothing is old. */
static enum err trim_one(struct keeper *k, const struct archive_info *i, bool *more, struct fault *fault) {
    struct store *s = k->replays->flow->store;
    struct store_archive_stats stats;
    int64_t before = clock_now_ms() - i->retention_days * DAY_MS, removed = 0;
    *more = false;
    enum err err = s->ops->archive_stats(s, i->number, &stats, fault);
    if (err || !stats.count || stats.oldest_ms >= before) return err;
    err = run_cut(k, OP_ARCHIVE_TRIM, i->number, before, &removed, fault);
    *more = removed == ARCHIVE_PIECE;
    return err;
}

static void begin_round(struct keeper *k, int64_t now) {
    struct fault fault;
    k->trimmed_ms = now;
    k->count = k->at = 0;
    arena_reset(&k->arena);
    if (archive_list_limited(k->replays->flow->world, &k->arena, &k->archives, &k->count, &fault)) {
        k->count = 0;
        told("archives could not be looked through for old events", &fault);
    }
}

void keeper_step(struct keeper *k, bool *busy, int64_t *due_ms) {
    int64_t now = clock_mono_ms();
    drop_step(k, busy);
    if (k->trimmed_ms < 0 || now - k->trimmed_ms >= TRIM_EVERY_MS || now < k->trimmed_ms) begin_round(k, now);
    if (k->at < k->count) {
        struct fault fault;
        bool more;
        if (trim_one(k, &k->archives[k->at], &more, &fault)) {
            told("old events could not be removed from an archive; it is tried again", &fault);
            k->at = k->count; /* not before the next round */
        } else if (!more) {
            k->at++;
        }
        *busy = true;
    }
    if (k->trimmed_ms + TRIM_EVERY_MS < *due_ms) *due_ms = k->trimmed_ms + TRIM_EVERY_MS;
}
