/* The service "events": EventBridge's operations on buses, rules, targets and events, as C structs and as a table of descriptions. The
 * members, limits and patterns are AWS's (docs.aws.amazon.com/eventbridge/latest/APIReference). A struct X is a request, X_answer its
 * answer; an operation without an X_answer answers {}. */
#ifndef MODEL_EVENTS_H
#define MODEL_EVENTS_H

#include "operation.h"

/* Ended by a row whose name is NULL. */
extern const struct operation events_operations[];

/* ---- parts -------------------------------------------------------------------------------------------------------------------- */

struct events_tag {
    struct str key, value;
};
struct events_dead_letter {
    struct str arn;
};
struct events_log_config {
    struct str include_detail, level;
};
struct events_condition {
    struct str type, key, value;
};
struct events_input_transformer {
    struct list paths; /* map_entry: name -> JSONPath (s) */
    struct str template;
};
struct events_retry {
    struct opt_i64 attempts, age_seconds;
};
struct events_kinesis {
    struct str partition_key_path;
};
struct events_sqs {
    struct str message_group_id;
};
struct events_http {
    struct list path_values;        /* str */
    struct list headers, query;     /* map_entry: s */
};
struct events_target {
    struct str id, arn, role_arn, input, input_path;
    struct events_input_transformer *transformer;
    struct str cloud_events;
    struct events_kinesis *kinesis;
    struct events_sqs *sqs;
    struct events_http *http;
    struct events_dead_letter *dead_letter;
    struct events_retry *retry;
    /* Of services that are in the cloud only: kept as JSON and given back. */
    struct str run_command, ecs, batch, redshift_data, sage_maker_pipeline, app_sync;
};
struct events_failed_target {
    struct str target_id, error_code, error_message;
};

/* ---- buses and permissions ---------------------------------------------------------------------------------------------------- */

struct events_create_event_bus {
    struct str name, event_source_name, description, kms_key;
    struct events_dead_letter *dead_letter;
    struct events_log_config *log;
    struct list tags; /* events_tag */
};
struct events_create_event_bus_answer {
    struct str arn, description, kms_key;
    struct events_dead_letter *dead_letter;
    struct events_log_config *log;
};
struct events_delete_event_bus {
    struct str name;
};
struct events_describe_event_bus {
    struct str name; /* or ARN; absent: default */
};
struct events_describe_event_bus_answer {
    struct str name, arn, description, kms_key, policy;
    struct events_dead_letter *dead_letter;
    struct events_log_config *log;
    struct opt_i64 created_ms, modified_ms;
};
struct events_list_event_buses {
    struct str name_prefix, next_token;
    struct opt_i64 limit;
};
struct events_bus {
    struct str name, arn, description, policy;
    struct opt_i64 created_ms, modified_ms;
};
struct events_list_event_buses_answer {
    struct list buses; /* events_bus */
    struct str next_token;
};
struct events_update_event_bus {
    struct str name, description, kms_key;
    struct events_dead_letter *dead_letter;
    struct events_log_config *log;
};
struct events_update_event_bus_answer {
    struct str arn, name, description, kms_key;
    struct events_dead_letter *dead_letter;
    struct events_log_config *log;
};
struct events_put_permission {
    struct str bus, action, principal, statement_id, policy;
    struct events_condition *condition;
};
struct events_remove_permission {
    struct str bus, statement_id;
    struct opt_bool all;
};

/* ---- rules and targets -------------------------------------------------------------------------------------------------------- */

struct events_put_rule {
    struct str name, bus /* name or ARN; absent: default */, pattern, schedule, state, description, role_arn;
    struct list tags; /* events_tag */
};
/* Not AWS's: about a rule that was taken and looks wrong. */
struct events_warning {
    struct str code, level, path, message;
};
struct events_put_rule_answer {
    struct str arn;
    struct list warnings; /* events_warning */
};
struct events_delete_rule {
    struct str name, bus;
    struct opt_bool force;
};
/* DescribeRule, EnableRule, DisableRule. */
struct events_rule_name {
    struct str name, bus;
};
struct events_describe_rule_answer {
    struct str name, arn, bus, pattern, schedule, state, description, role_arn, managed_by, created_by;
};
struct events_list_rules {
    struct str name_prefix, bus, next_token;
    struct opt_i64 limit;
};
struct events_rule {
    struct str name, arn, bus, pattern, schedule, state, description, role_arn, managed_by;
};
struct events_list_rules_answer {
    struct list rules; /* events_rule */
    struct str next_token;
};
struct events_list_rule_names_by_target {
    struct str target_arn, bus, next_token;
    struct opt_i64 limit;
};
struct events_list_rule_names_by_target_answer {
    struct list rule_names; /* str */
    struct str next_token;
};
struct events_put_targets {
    struct str rule, bus;
    struct list targets; /* events_target */
};
struct events_remove_targets {
    struct str rule, bus;
    struct list ids; /* str */
    struct opt_bool force;
};
/* Of PutTargets and RemoveTargets. */
struct events_targets_answer {
    struct opt_i64 failed_count;
    struct list failed; /* events_failed_target */
};
struct events_list_targets_by_rule {
    struct str rule, bus, next_token;
    struct opt_i64 limit;
};
struct events_list_targets_by_rule_answer {
    struct list targets; /* events_target */
    struct str next_token;
};
struct events_test_event_pattern {
    struct str pattern, event;
};
struct events_test_event_pattern_answer {
    struct opt_bool result;
};

/* ---- events and tags ---------------------------------------------------------------------------------------------------------- */

/* Not validated by shape: an entry that is not valid fails alone, with its own code in the answer. */
struct events_entry {
    struct opt_i64 time_ms;
    struct str source, detail_type, detail, bus, trace_header;
    struct list resources; /* str */
};
struct events_put_events {
    struct list entries; /* events_entry */
    struct str endpoint_id;
};
struct events_put_result {
    struct str event_id, error_code, error_message;
};
struct events_put_events_answer {
    struct opt_i64 failed_count;
    struct list entries; /* events_put_result */
};
struct events_tag_resource {
    struct str arn;
    struct list tags; /* events_tag */
};
struct events_untag_resource {
    struct str arn;
    struct list keys; /* str */
};
struct events_list_tags_for_resource {
    struct str arn;
};
struct events_list_tags_for_resource_answer {
    struct list tags; /* events_tag */
};

#endif
