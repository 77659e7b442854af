#include "signature.h"

#include <stdlib.h>

#include "clock.h"
#include "map.h"

enum { SWEEP_FULL_MS = 1000 }; /* a full guard looks no more often for sessions to forget: a look goes through all of them */

struct session {
    uint64_t highest;
    uint64_t seen[SIGNATURE_WINDOW / 64]; /* bit c % SIGNATURE_WINDOW: counter c came, for c in (highest - WINDOW, highest] */
    int64_t latest_ms;                    /* the latest time it sent, or was heard of */
};

struct replay_guard {
    struct map sessions; /* key id, '/', 8 bytes -> struct session */
    size_t max;
    int64_t swept_ms;
};

struct replay_guard *replay_guard_new(size_t sessions_max) {
    struct replay_guard *g = calloc(1, sizeof *g);
    if (!g) return NULL;
    map_init(&g->sessions);
    g->max = sessions_max;
    return g;
}

void replay_guard_free(struct replay_guard *g) {
    if (!g) return;
    size_t at = 0;
    void *session;
    while (map_next(&g->sessions, &at, NULL, &session)) free(session);
    map_fini(&g->sessions);
    free(g);
}

size_t replay_guard_count(const struct replay_guard *g) { return g->sessions.count; }

/* What a session sent at most window_ms ahead of our time stays fresh until window_ms after: so two windows after it was last heard of, all
 * is stale. */
static void sweep(struct replay_guard *g, int64_t now_ms, int64_t window_ms) {
    g->swept_ms = now_ms;
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(&g->sessions, &at, &key, &value)) {
        struct session *s = value;
        if (now_ms - s->latest_ms <= 2 * window_ms) continue;
        map_remove(&g->sessions, key);
        free(s);
    }
}

static enum err session_get(struct replay_guard *g, struct str key_id, const uint8_t id[8], int64_t now_ms, int64_t window_ms,
                            struct session **out, struct fault *fault) {
    struct buf key;
    buf_init(&key, 1024);
    buf_add(&key, key_id);
    buf_addc(&key, '/');
    buf_add(&key, str_of((const char *)id, 8));
    struct session *s = key.failed ? NULL : map_get(&g->sessions, buf_str(&key));
    enum err err = key.failed ? fault_set(fault, ERR_NOMEM, NULL) : ERR_OK;
    if (!s && !err) {
        int64_t rest_ms = g->sessions.count >= g->max ? SWEEP_FULL_MS : window_ms;
        if (now_ms - g->swept_ms > rest_ms || now_ms < g->swept_ms) sweep(g, now_ms, window_ms);
        if (g->sessions.count >= g->max)
            err = fault_set(fault, ERR_THROTTLING, "%zu client sessions are remembered already; try again later.", g->max);
        else if (!(s = calloc(1, sizeof *s)) || !map_put(&g->sessions, buf_str(&key), s, NULL)) {
            free(s);
            err = fault_set(fault, ERR_NOMEM, NULL);
        }
    }
    buf_fini(&key);
    *out = s;
    return err;
}

static uint64_t *word(struct session *s, uint64_t counter) { return &s->seen[counter / 64 % (SIGNATURE_WINDOW / 64)]; }
static uint64_t bit(uint64_t counter) { return (uint64_t)1 << (counter % 64); }

/* Makes `counter` the highest: the counters that enter the window have not come yet. */
static void advance(struct session *s, uint64_t counter) {
    if (counter - s->highest >= SIGNATURE_WINDOW)
        memset(s->seen, 0, sizeof s->seen);
    else
        for (uint64_t c = s->highest; c != counter;) { /* counted up to, never past: the last counter there is has none behind it */
            c++;
            *word(s, c) &= ~bit(c);
        }
    s->highest = counter;
}

static bool first_time(struct session *s, uint64_t counter) {
    if (counter > s->highest)
        advance(s, counter);
    else if (s->highest - counter >= SIGNATURE_WINDOW)
        return false;
    else if (*word(s, counter) & bit(counter))
        return false;
    *word(s, counter) |= bit(counter);
    return true;
}

enum err signature_check(struct replay_guard *g, int64_t now_ms, int64_t window_ms, struct str key_id, const uint8_t id[8],
                         uint64_t counter, int64_t timestamp_ms, struct fault *fault) {
    if (timestamp_ms < now_ms - window_ms || timestamp_ms > now_ms + window_ms) {
        char theirs[CLOCK_ISO_SIZE], ours[CLOCK_ISO_SIZE];
        clock_iso(timestamp_ms < 0 ? 0 : timestamp_ms, theirs);
        clock_iso(now_ms, ours);
        return fault_set(fault, ERR_EXPIRED,
                         "Signature expired: the request's time is %s, the daemon's is %s; %lld seconds apart are allowed.", theirs, ours,
                         (long long)(window_ms / 1000));
    }
    struct session *s;
    enum err err = session_get(g, key_id, id, now_ms, window_ms, &s, fault);
    if (err) return err;
    if (!first_time(s, counter)) return fault_set(fault, ERR_REPLAYED, "This signed request was received before, or is too old to tell.");
    if (now_ms > s->latest_ms) s->latest_ms = now_ms;
    if (timestamp_ms > s->latest_ms) s->latest_ms = timestamp_ms;
    return ERR_OK;
}
