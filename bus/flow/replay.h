/* Replays: an archive's events put onto its bus again.
 *
 *   StartReplay -> STARTING -> RUNNING: page -> match -> ONE transaction (what in-store targets get, pending deliveries, the position)
 *                                 |        '- next page, at the rate asked for
 *                                 '-> COMPLETED | CANCELLING -> CANCELLED | FAILED (and why)
 *
 * One thread moves all replays, a page at a time each in turn. The position is committed with what a page did, so a replay goes on where it
 * stood after any end of the process: in the store exactly once, outside it at least once. An event counts by when it was taken in (not by
 * its `time`): from <= ingestion < until. A replay whose end lies ahead waits for it. It yields to producers: it pauses while half of the
 * deliveries that may wait (setting pending-deliveries) do wait.
 *
 * The same thread takes out of the store what archives no longer keep (replay_keep.c). */
#ifndef FLOW_REPLAY_H
#define FLOW_REPLAY_H

#include "archive.h"

struct flow;
struct replays;

enum replay_state { REPLAY_STARTING, REPLAY_RUNNING, REPLAY_CANCELLING, REPLAY_COMPLETED, REPLAY_CANCELLED, REPLAY_FAILED };
/* "STARTING", ... */
const char *replay_state_name(enum replay_state state);
/* The other way; false for what is none. */
bool replay_state_of(struct str name, enum replay_state *state);

struct replay_info {
    struct str account, name, arn, description; /* absent: none given */
    struct str archive, archive_arn, bus, bus_arn;
    const struct str *rules; /* ARNs of the rules that get the events; none: all */
    size_t rule_count;
    int64_t from_ms, until_ms;
    int64_t rate; /* events a second; 0: as fast as they can be stored */
    enum replay_state state;
    struct str reason; /* of a failure; absent otherwise */
    int64_t started_ms, ended_ms /* 0: not yet */, last_ms /* ingestion of the last event replayed; 0: none yet */;
    int64_t replayed; /* events so far */
};

enum err replays_open(struct flow *flow, struct replays **r, struct fault *fault) MUST_USE;
/* Ends the thread after the page under way; nothing moves from then on. */
void replays_stop(struct replays *r);
void replays_free(struct replays *r);

struct replay_spec {
    struct str account, name, description;
    struct archive_info archive;
    const struct str *rules; /* ARNs of rules of the archive's bus */
    size_t rule_count;
    int64_t from_ms, until_ms;
    int64_t rate; /* -1: the setting replay-rate */
};
/* ERR_EXISTS "Replay N already exists.", ERR_LIMIT (settings active-replays, replays-kept). *info lives in a. Blocks for a commit. */
enum err replay_start(struct replays *r, const struct replay_spec *spec, struct arena *a, struct replay_info *info,
                      struct fault *fault) MUST_USE;
/* "Replay N does not exist."; ERR_ILLEGAL_STATUS once it has ended or is being cancelled. Blocks for a commit. */
enum err replay_cancel(struct replays *r, struct str account, struct str name, struct arena *a, struct replay_info *info,
                       struct fault *fault) MUST_USE;
enum err replay_describe(struct replays *r, struct str account, struct str name, struct arena *a, struct replay_info *info,
                         struct fault *fault) MUST_USE;
struct replay_filter {
    struct str prefix, archive_arn; /* absent archive: any */
    bool by_state;
    enum replay_state state;
};
/* In order of name, behind `after` (absent: from the start). */
enum err replay_list(struct replays *r, struct str account, const struct replay_filter *filter, struct str after, size_t limit,
                     struct arena *a, struct replay_info **replays, size_t *count, bool *more, struct fault *fault) MUST_USE;
/* Ends and forgets all replays of an account that is being deleted. Blocks for a commit. */
enum err replays_forget_account(struct replays *r, struct str account, struct fault *fault) MUST_USE;

/* What a replay would do, without doing it. */
struct preview {
    struct archive_info archive;
    int64_t from_ms, until_ms;
    struct str pattern;      /* a proposed one; absent: none */
    const struct str *rules; /* without a pattern: ARNs of rules of the bus; none: all of them */
    size_t rule_count;
    int64_t position;   /* where to go on; 0: at from_ms */
    size_t samples_max; /* how many matching events to show */
    /* results */
    int64_t scanned, scanned_bytes, matched, last_ms;
    struct str *samples;
    size_t sample_count;
    bool more; /* go on at `position` */
};
enum { PREVIEW_EVENTS = 2000, PREVIEW_BYTES = 4 << 20 }; /* work of one call */
/* Matches at most PREVIEW_EVENTS events and about PREVIEW_BYTES of JSON, and no longer than half a second. ERR_PATTERN; answers live in a.
 */
enum err replay_preview(struct replays *r, struct preview *p, struct arena *a, struct fault *fault) MUST_USE;

#endif
