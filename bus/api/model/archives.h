/* The service "events", continued: archives and replays, as C structs and as a table of descriptions. Members, limits and patterns are
 * AWS's (docs.aws.amazon.com/eventbridge/latest/APIReference), but for what is marked as ours: EventsPerSecond and ReplayedEventCount of
 * replays, and the operation PreviewReplay. A struct X is a request, X_answer its answer. */
#ifndef MODEL_ARCHIVES_H
#define MODEL_ARCHIVES_H

#include "operation.h"

/* Ended by a row whose name is NULL. */
extern const struct operation archives_operations[];

struct events_create_archive {
    struct str name, source_arn, description, pattern, kms_key;
    struct opt_i64 retention_days;
};
struct events_update_archive {
    struct str name, description, pattern, kms_key;
    struct opt_i64 retention_days;
};
/* Of CreateArchive and UpdateArchive. */
struct events_archive_answer {
    struct str arn, state;
    struct opt_i64 created_ms;
};
struct events_archive_name {
    struct str name;
};
struct events_describe_archive_answer {
    struct str arn, name, source_arn, description, pattern, state, kms_key;
    struct opt_i64 retention_days, size_bytes, event_count, created_ms;
};
struct events_list_archives {
    struct str name_prefix, source_arn, state, next_token;
    struct opt_i64 limit;
};
struct events_archive {
    struct str name, source_arn, state;
    struct opt_i64 retention_days, size_bytes, event_count, created_ms;
};
struct events_list_archives_answer {
    struct list archives; /* events_archive */
    struct str next_token;
};

struct events_destination {
    struct str arn;
    struct list filter_arns; /* str */
};
struct events_start_replay {
    struct str name, description, source_arn;
    struct opt_i64 start_ms, end_ms;
    struct events_destination *destination;
    struct opt_i64 rate; /* ours */
};
struct events_start_replay_answer {
    struct str arn, state;
    struct opt_i64 started_ms;
};
struct events_replay_name {
    struct str name;
};
struct events_describe_replay_answer {
    struct str name, arn, description, state, state_reason, source_arn;
    struct events_destination *destination;
    struct opt_i64 start_ms, end_ms, last_ms, started_ms, ended_ms;
    struct opt_i64 rate, replayed; /* ours */
};
struct events_list_replays {
    struct str name_prefix, source_arn, state, next_token;
    struct opt_i64 limit;
};
struct events_replay {
    struct str name, source_arn, state, state_reason;
    struct opt_i64 start_ms, end_ms, last_ms, started_ms, ended_ms;
};
struct events_list_replays_answer {
    struct list replays; /* events_replay */
    struct str next_token;
};
struct events_cancel_replay_answer {
    struct str arn, state;
};

/* Ours: what a replay would do. */
struct events_preview_replay {
    struct str source_arn, pattern, next_token;
    struct opt_i64 start_ms, end_ms, samples;
    struct list filter_arns; /* str */
};
struct events_preview_replay_answer {
    struct opt_i64 scanned, scanned_bytes, matched, last_ms;
    struct list samples; /* str: events' JSON */
    struct str next_token;
};

#endif
