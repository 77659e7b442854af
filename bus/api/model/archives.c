#include "archives.h"

#include "declare.h"

#define NAME_AWS "[\\.\\-_A-Za-z0-9]+"
#define NAME_POSIX "^[._A-Za-z0-9-]+$"

STRING(text, "String");
STRING(archive_name, "ArchiveName", BETWEEN(1, 48), .pattern = NAME_AWS, .posix = NAME_POSIX);
STRING(archive_description, "ArchiveDescription", AT_MOST(512));
STRING(arn, "Arn", BETWEEN(1, 1600));
STRING(pattern, "EventPattern", AT_MOST(4096));
STRING(kms_key, "KmsKeyIdentifier", AT_MOST(2048), .pattern = "^[a-zA-Z0-9_\\-/:]*$", .posix = "^[a-zA-Z0-9_/:-]*$");
STRING(next_token, "NextToken", BETWEEN(1, 2048));
INTEGER(retention_days, "RetentionDays", AT_LEAST(0));
INTEGER(limit, "LimitMax100", BETWEEN(1, 100));
INTEGER(number, "Long");
static const struct shape timestamp = {.type = SHAPE_TIMESTAMP, .name = "Timestamp"};

static const char *const archive_states[] = {"ENABLED", "DISABLED", "CREATING", "UPDATING", "CREATE_FAILED", "UPDATE_FAILED", NULL};
static const char *const replay_states[] = {"STARTING", "RUNNING", "CANCELLING", "COMPLETED", "CANCELLED", "FAILED", NULL};
STRING(archive_state, "ArchiveState", .values = archive_states);
STRING(replay_state, "ReplayState", .values = replay_states);

/* ---- archives ----------------------------------------------------------------------------------------------------------------- */

STRUCT(create_archive, "CreateArchiveRequest", struct events_create_archive,
       MEMBER(struct events_create_archive, name, "ArchiveName", &archive_name, REQUIRED, "the new archive"),
       MEMBER(struct events_create_archive, source_arn, "EventSourceArn", &arn, REQUIRED, "ARN of the bus whose events it keeps"),
       MEMBER(struct events_create_archive, description, "Description", &archive_description, OPTIONAL, "what it is for"),
       MEMBER(struct events_create_archive, pattern, "EventPattern", &pattern, OPTIONAL, "which events it keeps (all)"),
       MEMBER(struct events_create_archive, retention_days, "RetentionDays", &retention_days, OPTIONAL, "how long; 0: for ever (0)"),
       MEMBER(struct events_create_archive, kms_key, "KmsKeyIdentifier", &kms_key, OPTIONAL, "kept and given back"),
       MEMBER_END);
STRUCT(update_archive, "UpdateArchiveRequest", struct events_update_archive,
       MEMBER(struct events_update_archive, name, "ArchiveName", &archive_name, REQUIRED, "the archive"),
       MEMBER(struct events_update_archive, description, "Description", &archive_description, OPTIONAL, "what it is for"),
       MEMBER(struct events_update_archive, pattern, "EventPattern", &pattern, OPTIONAL, "which events it keeps from now on; empty: all"),
       MEMBER(struct events_update_archive, retention_days, "RetentionDays", &retention_days, OPTIONAL, "how long; 0: for ever"),
       MEMBER(struct events_update_archive, kms_key, "KmsKeyIdentifier", &kms_key, OPTIONAL, "kept and given back"),
       MEMBER_END);
STRUCT(archive_answer, "CreateArchiveResponse", struct events_archive_answer,
       MEMBER(struct events_archive_answer, arn, "ArchiveArn", &text, OPTIONAL, "the archive's ARN"),
       MEMBER(struct events_archive_answer, state, "State", &archive_state, OPTIONAL, "ENABLED"),
       MEMBER(struct events_archive_answer, created_ms, "CreationTime", &timestamp, OPTIONAL, "when it was made"),
       MEMBER_END);
STRUCT(archive_by_name, "DescribeArchiveRequest", struct events_archive_name,
       MEMBER(struct events_archive_name, name, "ArchiveName", &archive_name, REQUIRED, "the archive"),
       MEMBER_END);
STRUCT(describe_archive_answer, "DescribeArchiveResponse", struct events_describe_archive_answer,
       MEMBER(struct events_describe_archive_answer, arn, "ArchiveArn", &text, OPTIONAL, "its ARN"),
       MEMBER(struct events_describe_archive_answer, name, "ArchiveName", &text, OPTIONAL, "the archive"),
       MEMBER(struct events_describe_archive_answer, source_arn, "EventSourceArn", &text, OPTIONAL, "the bus whose events it keeps"),
       MEMBER(struct events_describe_archive_answer, description, "Description", &text, OPTIONAL, "what it is for"),
       MEMBER(struct events_describe_archive_answer, pattern, "EventPattern", &text, OPTIONAL, "which events it keeps"),
       MEMBER(struct events_describe_archive_answer, state, "State", &archive_state, OPTIONAL, "ENABLED"),
       MEMBER(struct events_describe_archive_answer, kms_key, "KmsKeyIdentifier", &text, OPTIONAL, "as given"),
       MEMBER(struct events_describe_archive_answer, retention_days, "RetentionDays", &number, OPTIONAL, "how long; 0: for ever"),
       MEMBER(struct events_describe_archive_answer, size_bytes, "SizeBytes", &number, OPTIONAL, "size of the events it holds, exact"),
       MEMBER(struct events_describe_archive_answer, event_count, "EventCount", &number, OPTIONAL, "number of events it holds, exact"),
       MEMBER(struct events_describe_archive_answer, created_ms, "CreationTime", &timestamp, OPTIONAL, "when it was made"),
       MEMBER_END);
STRUCT(list_archives, "ListArchivesRequest", struct events_list_archives,
       MEMBER(struct events_list_archives, name_prefix, "NamePrefix", &archive_name, OPTIONAL, "only archives whose names begin so"),
       MEMBER(struct events_list_archives, source_arn, "EventSourceArn", &arn, OPTIONAL, "only archives of this bus"),
       MEMBER(struct events_list_archives, state, "State", &archive_state, OPTIONAL, "only archives in this state"),
       MEMBER(struct events_list_archives, next_token, "NextToken", &next_token, OPTIONAL, "from the answer before"),
       MEMBER(struct events_list_archives, limit, "Limit", &limit, OPTIONAL, "how many at most in one answer"),
       MEMBER_END);
STRUCT(archive, "Archive", struct events_archive,
       MEMBER(struct events_archive, name, "ArchiveName", &text, OPTIONAL, "the archive"),
       MEMBER(struct events_archive, source_arn, "EventSourceArn", &text, OPTIONAL, "the bus whose events it keeps"),
       MEMBER(struct events_archive, state, "State", &archive_state, OPTIONAL, "ENABLED"),
       MEMBER(struct events_archive, retention_days, "RetentionDays", &number, OPTIONAL, "how long; 0: for ever"),
       MEMBER(struct events_archive, size_bytes, "SizeBytes", &number, OPTIONAL, "size of the events it holds, exact"),
       MEMBER(struct events_archive, event_count, "EventCount", &number, OPTIONAL, "number of events it holds, exact"),
       MEMBER(struct events_archive, created_ms, "CreationTime", &timestamp, OPTIONAL, "when it was made"),
       MEMBER_END);
LIST(archives, "ArchiveResponseList", archive);
STRUCT(list_archives_answer, "ListArchivesResponse", struct events_list_archives_answer,
       MEMBER(struct events_list_archives_answer, archives, "Archives", &archives, OPTIONAL, "the archives"),
       MEMBER(struct events_list_archives_answer, next_token, "NextToken", &next_token, OPTIONAL, "there are more: ask with this"),
       MEMBER_END);

/* ---- replays ------------------------------------------------------------------------------------------------------------------ */

STRING(replay_name, "ReplayName", BETWEEN(1, 64), .pattern = NAME_AWS, .posix = NAME_POSIX);
STRING(replay_description, "ReplayDescription", AT_MOST(512));
INTEGER(rate, "EventsPerSecond", BETWEEN(0, 10000000));
LIST(filter_arns, "ReplayDestinationFilters", arn, AT_MOST(100));
LIST(filter_list, "ReplayDestinationFilters", text);
STRUCT(destination, "ReplayDestination", struct events_destination,
       MEMBER(struct events_destination, arn, "Arn", &arn, REQUIRED, "the archive's own bus"),
       MEMBER(struct events_destination, filter_arns, "FilterArns", &filter_arns, OPTIONAL, "the rules that get the events (all)"),
       MEMBER_END);
STRUCT(destination_answer, "ReplayDestination", struct events_destination,
       MEMBER(struct events_destination, arn, "Arn", &text, OPTIONAL, "the archive's own bus"),
       MEMBER(struct events_destination, filter_arns, "FilterArns", &filter_list, OPTIONAL, "the rules that get the events"),
       MEMBER_END);
STRUCT(start_replay, "StartReplayRequest", struct events_start_replay,
       MEMBER(struct events_start_replay, name, "ReplayName", &replay_name, REQUIRED, "the new replay; its events carry this name"),
       MEMBER(struct events_start_replay, description, "Description", &replay_description, OPTIONAL, "what it is for"),
       MEMBER(struct events_start_replay, source_arn, "EventSourceArn", &arn, REQUIRED, "ARN of the archive"),
       MEMBER(struct events_start_replay, start_ms, "EventStartTime", &timestamp, REQUIRED, "events taken in from this time on"),
       MEMBER(struct events_start_replay, end_ms, "EventEndTime", &timestamp, REQUIRED, "and before this one"),
       MEMBER(struct events_start_replay, destination, "Destination", &destination, REQUIRED, "where to"),
       MEMBER(struct events_start_replay, rate, "EventsPerSecond", &rate, OPTIONAL,
              "no more than so many a second; 0: as fast as they can be stored (setting replay-rate). Not in AWS"),
       MEMBER_END);
STRUCT(start_replay_answer, "StartReplayResponse", struct events_start_replay_answer,
       MEMBER(struct events_start_replay_answer, arn, "ReplayArn", &text, OPTIONAL, "the replay's ARN"),
       MEMBER(struct events_start_replay_answer, state, "State", &replay_state, OPTIONAL, "STARTING"),
       MEMBER(struct events_start_replay_answer, started_ms, "ReplayStartTime", &timestamp, OPTIONAL, "when it was started"),
       MEMBER_END);
STRUCT(replay_by_name, "DescribeReplayRequest", struct events_replay_name,
       MEMBER(struct events_replay_name, name, "ReplayName", &replay_name, REQUIRED, "the replay"),
       MEMBER_END);
STRUCT(describe_replay_answer, "DescribeReplayResponse", struct events_describe_replay_answer,
       MEMBER(struct events_describe_replay_answer, name, "ReplayName", &text, OPTIONAL, "the replay"),
       MEMBER(struct events_describe_replay_answer, arn, "ReplayArn", &text, OPTIONAL, "its ARN"),
       MEMBER(struct events_describe_replay_answer, description, "Description", &text, OPTIONAL, "what it is for"),
       MEMBER(struct events_describe_replay_answer, state, "State", &replay_state, OPTIONAL, "how it stands"),
       MEMBER(struct events_describe_replay_answer, state_reason, "StateReason", &text, OPTIONAL, "why it failed"),
       MEMBER(struct events_describe_replay_answer, source_arn, "EventSourceArn", &text, OPTIONAL, "the archive"),
       MEMBER(struct events_describe_replay_answer, destination, "Destination", &destination_answer, OPTIONAL, "where to"),
       MEMBER(struct events_describe_replay_answer, start_ms, "EventStartTime", &timestamp, OPTIONAL, "events taken in from this time on"),
       MEMBER(struct events_describe_replay_answer, end_ms, "EventEndTime", &timestamp, OPTIONAL, "and before this one"),
       MEMBER(struct events_describe_replay_answer, last_ms, "EventLastReplayedTime", &timestamp, OPTIONAL,
              "when the last event replayed so far had been taken in"),
       MEMBER(struct events_describe_replay_answer, started_ms, "ReplayStartTime", &timestamp, OPTIONAL, "when it was started"),
       MEMBER(struct events_describe_replay_answer, ended_ms, "ReplayEndTime", &timestamp, OPTIONAL, "when it ended"),
       MEMBER(struct events_describe_replay_answer, rate, "EventsPerSecond", &number, OPTIONAL, "its bound; 0: none. Not in AWS"),
       MEMBER(struct events_describe_replay_answer, replayed, "ReplayedEventCount", &number, OPTIONAL, "events so far. Not in AWS"),
       MEMBER_END);
STRUCT(list_replays, "ListReplaysRequest", struct events_list_replays,
       MEMBER(struct events_list_replays, name_prefix, "NamePrefix", &replay_name, OPTIONAL, "only replays whose names begin so"),
       MEMBER(struct events_list_replays, state, "State", &replay_state, OPTIONAL, "only replays in this state"),
       MEMBER(struct events_list_replays, source_arn, "EventSourceArn", &arn, OPTIONAL, "only replays of this archive"),
       MEMBER(struct events_list_replays, next_token, "NextToken", &next_token, OPTIONAL, "from the answer before"),
       MEMBER(struct events_list_replays, limit, "Limit", &limit, OPTIONAL, "how many at most in one answer"),
       MEMBER_END);
STRUCT(replay, "Replay", struct events_replay,
       MEMBER(struct events_replay, name, "ReplayName", &text, OPTIONAL, "the replay"),
       MEMBER(struct events_replay, source_arn, "EventSourceArn", &text, OPTIONAL, "the archive"),
       MEMBER(struct events_replay, state, "State", &replay_state, OPTIONAL, "how it stands"),
       MEMBER(struct events_replay, state_reason, "StateReason", &text, OPTIONAL, "why it failed"),
       MEMBER(struct events_replay, start_ms, "EventStartTime", &timestamp, OPTIONAL, "events taken in from this time on"),
       MEMBER(struct events_replay, end_ms, "EventEndTime", &timestamp, OPTIONAL, "and before this one"),
       MEMBER(struct events_replay, last_ms, "EventLastReplayedTime", &timestamp, OPTIONAL,
              "when the last event replayed so far had been taken in"),
       MEMBER(struct events_replay, started_ms, "ReplayStartTime", &timestamp, OPTIONAL, "when it was started"),
       MEMBER(struct events_replay, ended_ms, "ReplayEndTime", &timestamp, OPTIONAL, "when it ended"),
       MEMBER_END);
LIST(replays, "ReplayList", replay);
STRUCT(list_replays_answer, "ListReplaysResponse", struct events_list_replays_answer,
       MEMBER(struct events_list_replays_answer, replays, "Replays", &replays, OPTIONAL, "the replays"),
       MEMBER(struct events_list_replays_answer, next_token, "NextToken", &next_token, OPTIONAL, "there are more: ask with this"),
       MEMBER_END);
STRUCT(cancel_replay_answer, "CancelReplayResponse", struct events_cancel_replay_answer,
       MEMBER(struct events_cancel_replay_answer, arn, "ReplayArn", &text, OPTIONAL, "its ARN"),
       MEMBER(struct events_cancel_replay_answer, state, "State", &replay_state, OPTIONAL, "CANCELLING"),
       MEMBER_END);

INTEGER(samples, "SampleCount", BETWEEN(0, 100));
LIST(sample_list, "SampleList", text);
STRUCT(preview_replay, "PreviewReplayRequest", struct events_preview_replay,
       MEMBER(struct events_preview_replay, source_arn, "EventSourceArn", &arn, REQUIRED, "ARN of the archive"),
       MEMBER(struct events_preview_replay, start_ms, "EventStartTime", &timestamp, REQUIRED, "events taken in from this time on"),
       MEMBER(struct events_preview_replay, end_ms, "EventEndTime", &timestamp, REQUIRED, "and before this one"),
       MEMBER(struct events_preview_replay, pattern, "EventPattern", &pattern, OPTIONAL, "a proposed pattern"),
       MEMBER(struct events_preview_replay, filter_arns, "FilterArns", &filter_arns, OPTIONAL,
              "without a pattern: the rules that are asked (all enabled ones of the bus)"),
       MEMBER(struct events_preview_replay, samples, "SampleCount", &samples, OPTIONAL, "matching events to show in one answer (5)"),
       MEMBER(struct events_preview_replay, next_token, "NextToken", &next_token, OPTIONAL,
              "from the answer before: goes on where that ended"),
       MEMBER_END);
STRUCT(preview_replay_answer, "PreviewReplayResponse", struct events_preview_replay_answer,
       MEMBER(struct events_preview_replay_answer, scanned, "ScannedEventCount", &number, OPTIONAL, "events looked at in this call"),
       MEMBER(struct events_preview_replay_answer, scanned_bytes, "ScannedBytes", &number, OPTIONAL, "their size"),
       MEMBER(struct events_preview_replay_answer, matched, "MatchedEventCount", &number, OPTIONAL, "how many of them match"),
       MEMBER(struct events_preview_replay_answer, last_ms, "EventLastScannedTime", &timestamp, OPTIONAL,
              "when the last of them was taken in"),
       MEMBER(struct events_preview_replay_answer, samples, "Samples", &sample_list, OPTIONAL, "the first that match"),
       MEMBER(struct events_preview_replay_answer, next_token, "NextToken", &next_token, OPTIONAL,
              "there is more to look at: ask with this"),
       MEMBER_END);

/* ---- the table ---------------------------------------------------------------------------------------------------------------- */

#define ROW(name_, in_, out_, access_, help_, example_) \
    {.service = "events", .name = (name_), .in = (in_), .out = (out_), .action = "events:" name_, .access = (access_), .help = (help_),\
     .example = (example_)}
#define BUS_ARN "arn:aws:events:us-east-1:111122223333:event-bus/default"
#define ARCHIVE_ARN "arn:aws:events:us-east-1:111122223333:archive/all"

const struct operation archives_operations[] = {
    ROW("CreateArchive", &create_archive, &archive_answer, ACCESS_WRITE, "Keeps the events of a bus, from now on.",
        "busctl create-archive --archive-name all --event-source-arn " BUS_ARN " --retention-days 30"),
    ROW("DeleteArchive", &archive_by_name, NULL, ACCESS_WRITE, "Deletes an archive and what it holds.",
        "busctl delete-archive --archive-name all"),
    ROW("DescribeArchive", &archive_by_name, &describe_archive_answer, ACCESS_READ, "Shows an archive, and how much it holds.",
        "busctl describe-archive --archive-name all"),
    ROW("ListArchives", &list_archives, &list_archives_answer, ACCESS_READ, "Lists the account's archives.", "busctl list-archives"),
    ROW("UpdateArchive", &update_archive, &archive_answer, ACCESS_WRITE, "Changes what an archive keeps, and how long.",
        "busctl update-archive --archive-name all --retention-days 7"),
    ROW("StartReplay", &start_replay, &start_replay_answer, ACCESS_WRITE, "Puts an archive's events onto its bus again.",
        "busctl start-replay --replay-name again --event-source-arn " ARCHIVE_ARN
        " --event-start-time 2026-05-01T00:00:00Z --event-end-time 2026-05-02T00:00:00Z --destination Arn=" BUS_ARN),
    ROW("DescribeReplay", &replay_by_name, &describe_replay_answer, ACCESS_READ, "Shows how a replay stands.",
        "busctl describe-replay --replay-name again"),
    ROW("ListReplays", &list_replays, &list_replays_answer, ACCESS_READ, "Lists the account's replays.",
        "busctl list-replays --state RUNNING"),
    ROW("CancelReplay", &replay_by_name, &cancel_replay_answer, ACCESS_WRITE, "Stops a replay after the page under way.",
        "busctl cancel-replay --replay-name again"),
    ROW("PreviewReplay", &preview_replay, &preview_replay_answer, ACCESS_READ,
        "Matches a proposed pattern, or rules, against an archive, and delivers nothing. Not in AWS.",
        "busctl preview-replay --event-source-arn " ARCHIVE_ARN " --event-start-time 2026-05-01T00:00:00Z"
        " --event-end-time 2026-05-02T00:00:00Z --event-pattern '{\"source\":[\"shop\"]}'"),
    {.name = NULL},
};
