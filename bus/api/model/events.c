#include "events.h"

#include "declare.h"

/* Patterns as AWS shows them, and the same in POSIX (where a backslash in brackets is itself). The region in an ARN is wider here: an
 * installation may be called "local". */
#define NAME_AWS "[\\.\\-_A-Za-z0-9]+"
#define NAME_POSIX "^[._A-Za-z0-9-]+$"
#define BUS_AWS "[/\\.\\-_A-Za-z0-9]+"
#define BUS_POSIX "^[/._A-Za-z0-9-]+$"
#define BUS_OR_ARN_AWS "(arn:aws[\\w-]*:events:[a-z]{2}-[a-z]+-[\\w-]+:[0-9]{12}:event-bus\\/)?[/\\.\\-_A-Za-z0-9]+"
#define BUS_OR_ARN_POSIX "^(arn:aws[A-Za-z0-9_-]*:events:[A-Za-z0-9_-]+:[0-9]{12}:event-bus/)?[/._A-Za-z0-9-]+$"

/* ---- scalars ------------------------------------------------------------------------------------------------------------------ */

STRING(text, "String");
STRING(rule_name, "RuleName", BETWEEN(1, 64), .pattern = NAME_AWS, .posix = NAME_POSIX);
STRING(bus_name, "EventBusName", BETWEEN(1, 256), .pattern = BUS_AWS, .posix = BUS_POSIX);
STRING(own_bus_name, "NonPartnerEventBusName", BETWEEN(1, 256), .pattern = NAME_AWS, .posix = NAME_POSIX);
STRING(bus_name_or_arn, "EventBusNameOrArn", BETWEEN(1, 1600), .pattern = BUS_OR_ARN_AWS, .posix = BUS_OR_ARN_POSIX);
STRING(event_source_name, "EventSourceName", BETWEEN(1, 256), .pattern = "aws\\.partner(/[\\.\\-_A-Za-z0-9]+){2,}",
       .posix = "^aws\\.partner(/[._A-Za-z0-9-]+){2,}$");
STRING(description, "EventBusDescription", AT_MOST(512));
STRING(rule_description, "RuleDescription", AT_MOST(512));
STRING(kms_key, "KmsKeyIdentifier", AT_MOST(2048), .pattern = "^[a-zA-Z0-9_\\-/:]*$", .posix = "^[a-zA-Z0-9_/:-]*$");
STRING(arn, "Arn", BETWEEN(1, 1600));
STRING(target_arn, "TargetArn", BETWEEN(1, 1600));
STRING(role_arn, "RoleArn", BETWEEN(1, 1600));
STRING(target_id, "TargetId", BETWEEN(1, 64), .pattern = NAME_AWS, .posix = NAME_POSIX);
STRING(pattern, "EventPattern", AT_MOST(4096));
STRING(schedule, "ScheduleExpression", AT_MOST(256));
STRING(next_token, "NextToken", BETWEEN(1, 2048));
INTEGER(limit, "LimitMax100", BETWEEN(1, 100));
INTEGER(count, "Integer");
static const struct shape boolean = {.type = SHAPE_BOOLEAN, .name = "Boolean"};
static const struct shape timestamp = {.type = SHAPE_TIMESTAMP, .name = "Timestamp"};
static const struct shape json = {.type = SHAPE_JSON, .name = "Json"};

static const char *const rule_states[] = {"ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS", NULL};
STRING(rule_state, "RuleState", .values = rule_states);

/* ---- parts -------------------------------------------------------------------------------------------------------------------- */

STRING(tag_key, "TagKey", BETWEEN(1, 128));
STRING(tag_value, "TagValue", BETWEEN(0, 256));
STRUCT(tag, "Tag", struct events_tag,
       MEMBER(struct events_tag, key, "Key", &tag_key, REQUIRED, "the tag's key"),
       MEMBER(struct events_tag, value, "Value", &tag_value, REQUIRED, "the tag's value"),
       MEMBER_END);
LIST(tags, "TagList", tag);
LIST(tag_keys, "TagKeyList", tag_key);

STRUCT(dead_letter, "DeadLetterConfig", struct events_dead_letter,
       MEMBER(struct events_dead_letter, arn, "Arn", &arn, OPTIONAL, "the queue that takes what could not be delivered"),
       MEMBER_END);

static const char *const include_details[] = {"NONE", "FULL", NULL};
static const char *const log_levels[] = {"OFF", "ERROR", "INFO", "TRACE", NULL};
STRING(include_detail, "IncludeDetail", .values = include_details);
STRING(log_level, "Level", .values = log_levels);
STRUCT(log_config, "LogConfig", struct events_log_config,
       MEMBER(struct events_log_config, include_detail, "IncludeDetail", &include_detail, OPTIONAL, "whether logs show the events' detail"),
       MEMBER(struct events_log_config, level, "Level", &log_level, OPTIONAL, "what is logged"),
       MEMBER_END);

STRING(condition_text, "String");
STRUCT(condition, "Condition", struct events_condition,
       MEMBER(struct events_condition, type, "Type", &condition_text, REQUIRED, "the operator: StringEquals"),
       MEMBER(struct events_condition, key, "Key", &condition_text, REQUIRED, "the condition key: aws:PrincipalOrgID"),
       MEMBER(struct events_condition, value, "Value", &condition_text, REQUIRED, "the value it is compared with"),
       MEMBER_END);

/* ---- targets ------------------------------------------------------------------------------------------------------------------ */

STRING(target_input, "TargetInput", AT_MOST(8192));
STRING(input_path, "TargetInputPath", AT_MOST(256));
STRING(input_path_key, "InputTransformerPathKey", BETWEEN(1, 256), .pattern = "[A-Za-z0-9\\_\\-]+", .posix = "^[A-Za-z0-9_-]+$");
MAP(input_paths, "TransformerPaths", input_path, .key = &input_path_key, AT_MOST(100));
STRING(template, "TransformerInput", BETWEEN(1, 8192));
STRUCT(transformer, "InputTransformer", struct events_input_transformer,
       MEMBER(struct events_input_transformer, paths, "InputPathsMap", &input_paths, OPTIONAL,
              "names for values taken from the event by JSONPath"),
       MEMBER(struct events_input_transformer, template, "InputTemplate", &template, REQUIRED,
              "what the target gets, with <name> for the values"),
       MEMBER_END);

STRUCT(kinesis, "KinesisParameters", struct events_kinesis,
       MEMBER(struct events_kinesis, partition_key_path, "PartitionKeyPath", &input_path, REQUIRED, "JSONPath of the partition key"),
       MEMBER_END);

STRING(message_group_id, "MessageGroupId", AT_MOST(100));
STRUCT(sqs, "SqsParameters", struct events_sqs,
       MEMBER(struct events_sqs, message_group_id, "MessageGroupId", &message_group_id, OPTIONAL, "message group of a FIFO queue"),
       MEMBER_END);

STRING(path_value, "PathParameter");
STRING(header_key, "HeaderKey", AT_MOST(512), .pattern = "^[!#$%&'*+-.^_`|~0-9a-zA-Z]+$");
STRING(header_value, "HeaderValue", AT_MOST(512), .pattern = "^[ \\t]*[\\x20-\\x7E]+([ \\t]+[\\x20-\\x7E]+)*[ \\t]*$",
       .posix = "^[\t -~]*[ -~][\t -~]*$");
STRING(query_key, "QueryStringKey", AT_MOST(512), .pattern = "[^\\x00-\\x1F\\x7F]+", .posix = "^[^[:cntrl:]]+$");
STRING(query_value, "QueryStringValue", AT_MOST(512), .pattern = "[^\\x00-\\x09\\x0B\\x0C\\x0E-\\x1F\\x7F]+",
       .posix = "^([^[:cntrl:]]|\n|\r)+$");
LIST(path_values, "PathParameterList", path_value);
MAP(headers, "HeaderParametersMap", header_value, .key = &header_key);
MAP(query, "QueryStringParametersMap", query_value, .key = &query_key);
STRUCT(http, "HttpParameters", struct events_http,
       MEMBER(struct events_http, path_values, "PathParameterValues", &path_values, OPTIONAL, "fill the asterisks of the URL"),
       MEMBER(struct events_http, headers, "HeaderParameters", &headers, OPTIONAL, "headers to send"),
       MEMBER(struct events_http, query, "QueryStringParameters", &query, OPTIONAL, "query parameters to send"),
       MEMBER_END);

INTEGER(attempts, "MaximumRetryAttempts", BETWEEN(0, 185));
INTEGER(age_seconds, "MaximumEventAgeInSeconds", BETWEEN(60, 86400));
STRUCT(retry, "RetryPolicy", struct events_retry,
       MEMBER(struct events_retry, attempts, "MaximumRetryAttempts", &attempts, OPTIONAL, "attempts after the first one (185)"),
       MEMBER(struct events_retry, age_seconds, "MaximumEventAgeInSeconds", &age_seconds, OPTIONAL, "no attempt after this age (86400)"),
       MEMBER_END);

static const char *const cloud_events_modes[] = {"structured", NULL};
STRING(cloud_events, "CloudEventsMode", .values = cloud_events_modes);
STRUCT(target, "Target", struct events_target,
       MEMBER(struct events_target, id, "Id", &target_id, REQUIRED, "names the target within the rule"),
       MEMBER(struct events_target, arn, "Arn", &target_arn, REQUIRED, "where the event goes"),
       MEMBER(struct events_target, role_arn, "RoleArn", &role_arn, OPTIONAL, "kept and given back"),
       MEMBER(struct events_target, input, "Input", &target_input, OPTIONAL, "JSON text sent instead of the event"),
       MEMBER(struct events_target, input_path, "InputPath", &input_path, OPTIONAL, "JSONPath of the part of the event that is sent"),
       MEMBER(struct events_target, transformer, "InputTransformer", &transformer, OPTIONAL, "what is sent, made from parts of the event"),
       MEMBER(struct events_target, cloud_events, "CloudEvents", &cloud_events, OPTIONAL,
              "structured: the target gets the event as a CloudEvent (not of the service)"),
       MEMBER(struct events_target, kinesis, "KinesisParameters", &kinesis, OPTIONAL, "for a stream"),
       MEMBER(struct events_target, run_command, "RunCommandParameters", &json, OPTIONAL, "kept and given back"),
       MEMBER(struct events_target, ecs, "EcsParameters", &json, OPTIONAL, "kept and given back"),
       MEMBER(struct events_target, batch, "BatchParameters", &json, OPTIONAL, "kept and given back"),
       MEMBER(struct events_target, sqs, "SqsParameters", &sqs, OPTIONAL, "for a queue"),
       MEMBER(struct events_target, http, "HttpParameters", &http, OPTIONAL, "for an API destination"),
       MEMBER(struct events_target, redshift_data, "RedshiftDataParameters", &json, OPTIONAL, "kept and given back"),
       MEMBER(struct events_target, sage_maker_pipeline, "SageMakerPipelineParameters", &json, OPTIONAL, "kept and given back"),
       MEMBER(struct events_target, dead_letter, "DeadLetterConfig", &dead_letter, OPTIONAL,
              "where an event goes that cannot be delivered"),
       MEMBER(struct events_target, retry, "RetryPolicy", &retry, OPTIONAL, "how long delivery is tried"),
       MEMBER(struct events_target, app_sync, "AppSyncParameters", &json, OPTIONAL, "kept and given back"),
       MEMBER_END);
LIST(targets, "TargetList", target, BETWEEN(1, 100));
LIST(target_list, "TargetList", target);
LIST(target_ids, "TargetIdList", target_id, BETWEEN(1, 100));

STRUCT(failed_target, "TargetsResultEntry", struct events_failed_target,
       MEMBER(struct events_failed_target, target_id, "TargetId", &text, OPTIONAL, "the target that failed"),
       MEMBER(struct events_failed_target, error_code, "ErrorCode", &text, OPTIONAL, "its error's name"),
       MEMBER(struct events_failed_target, error_message, "ErrorMessage", &text, OPTIONAL, "and sentence"),
       MEMBER_END);
LIST(failed_targets, "TargetsResultEntryList", failed_target);
STRUCT(targets_answer, "TargetsResponse", struct events_targets_answer,
       MEMBER(struct events_targets_answer, failed_count, "FailedEntryCount", &count, OPTIONAL, "how many targets failed"),
       MEMBER(struct events_targets_answer, failed, "FailedEntries", &failed_targets, OPTIONAL, "which, and why"),
       MEMBER_END);

/* ---- buses and permissions ---------------------------------------------------------------------------------------------------- */

STRUCT(create_event_bus, "CreateEventBusRequest", struct events_create_event_bus,
       MEMBER(struct events_create_event_bus, name, "Name", &bus_name, REQUIRED, "the new bus"),
       MEMBER(struct events_create_event_bus, event_source_name, "EventSourceName", &event_source_name, OPTIONAL, "of a partner bus"),
       MEMBER(struct events_create_event_bus, description, "Description", &description, OPTIONAL, "what it is for"),
       MEMBER(struct events_create_event_bus, kms_key, "KmsKeyIdentifier", &kms_key, OPTIONAL, "kept and given back"),
       MEMBER(struct events_create_event_bus, dead_letter, "DeadLetterConfig", &dead_letter, OPTIONAL, "the bus's dead-letter queue"),
       MEMBER(struct events_create_event_bus, log, "LogConfig", &log_config, OPTIONAL, "kept and given back"),
       MEMBER(struct events_create_event_bus, tags, "Tags", &tags, OPTIONAL, "tags of the bus"),
       MEMBER_END);
STRUCT(create_event_bus_answer, "CreateEventBusResponse", struct events_create_event_bus_answer,
       MEMBER(struct events_create_event_bus_answer, arn, "EventBusArn", &text, OPTIONAL, "the bus's ARN"),
       MEMBER(struct events_create_event_bus_answer, description, "Description", &description, OPTIONAL, "what it is for"),
       MEMBER(struct events_create_event_bus_answer, kms_key, "KmsKeyIdentifier", &kms_key, OPTIONAL, "as given"),
       MEMBER(struct events_create_event_bus_answer, dead_letter, "DeadLetterConfig", &dead_letter, OPTIONAL, "as given"),
       MEMBER(struct events_create_event_bus_answer, log, "LogConfig", &log_config, OPTIONAL, "as given"),
       MEMBER_END);
STRUCT(delete_event_bus, "DeleteEventBusRequest", struct events_delete_event_bus,
       MEMBER(struct events_delete_event_bus, name, "Name", &bus_name, REQUIRED, "the bus; it must have no rules"),
       MEMBER_END);
STRUCT(describe_event_bus, "DescribeEventBusRequest", struct events_describe_event_bus,
       MEMBER(struct events_describe_event_bus, name, "Name", &bus_name_or_arn, OPTIONAL, "name or ARN of the bus (default)"),
       MEMBER_END);
STRUCT(describe_event_bus_answer, "DescribeEventBusResponse", struct events_describe_event_bus_answer,
       MEMBER(struct events_describe_event_bus_answer, name, "Name", &text, OPTIONAL, "the bus"),
       MEMBER(struct events_describe_event_bus_answer, arn, "Arn", &text, OPTIONAL, "its ARN"),
       MEMBER(struct events_describe_event_bus_answer, description, "Description", &description, OPTIONAL, "what it is for"),
       MEMBER(struct events_describe_event_bus_answer, kms_key, "KmsKeyIdentifier", &kms_key, OPTIONAL, "as given"),
       MEMBER(struct events_describe_event_bus_answer, dead_letter, "DeadLetterConfig", &dead_letter, OPTIONAL, "its dead-letter queue"),
       MEMBER(struct events_describe_event_bus_answer, policy, "Policy", &text, OPTIONAL, "who else may use it: a policy document"),
       MEMBER(struct events_describe_event_bus_answer, log, "LogConfig", &log_config, OPTIONAL, "as given"),
       MEMBER(struct events_describe_event_bus_answer, created_ms, "CreationTime", &timestamp, OPTIONAL, "when it was made"),
       MEMBER(struct events_describe_event_bus_answer, modified_ms, "LastModifiedTime", &timestamp, OPTIONAL, "when it was changed last"),
       MEMBER_END);

STRUCT(bus, "EventBus", struct events_bus,
       MEMBER(struct events_bus, name, "Name", &text, OPTIONAL, "the bus"),
       MEMBER(struct events_bus, arn, "Arn", &text, OPTIONAL, "its ARN"),
       MEMBER(struct events_bus, description, "Description", &description, OPTIONAL, "what it is for"),
       MEMBER(struct events_bus, policy, "Policy", &text, OPTIONAL, "who else may use it"),
       MEMBER(struct events_bus, created_ms, "CreationTime", &timestamp, OPTIONAL, "when it was made"),
       MEMBER(struct events_bus, modified_ms, "LastModifiedTime", &timestamp, OPTIONAL, "when it was changed last"),
       MEMBER_END);
LIST(buses, "EventBusList", bus);
STRUCT(list_event_buses, "ListEventBusesRequest", struct events_list_event_buses,
       MEMBER(struct events_list_event_buses, name_prefix, "NamePrefix", &bus_name, OPTIONAL, "only buses whose names begin so"),
       MEMBER(struct events_list_event_buses, next_token, "NextToken", &next_token, OPTIONAL, "from the answer before"),
       MEMBER(struct events_list_event_buses, limit, "Limit", &limit, OPTIONAL, "how many at most in one answer"),
       MEMBER_END);
STRUCT(list_event_buses_answer, "ListEventBusesResponse", struct events_list_event_buses_answer,
       MEMBER(struct events_list_event_buses_answer, buses, "EventBuses", &buses, OPTIONAL, "the buses"),
       MEMBER(struct events_list_event_buses_answer, next_token, "NextToken", &next_token, OPTIONAL, "there are more: ask with this"),
       MEMBER_END);

STRUCT(update_event_bus, "UpdateEventBusRequest", struct events_update_event_bus,
       MEMBER(struct events_update_event_bus, name, "Name", &bus_name, OPTIONAL, "the bus (default)"),
       MEMBER(struct events_update_event_bus, kms_key, "KmsKeyIdentifier", &kms_key, OPTIONAL, "kept and given back"),
       MEMBER(struct events_update_event_bus, description, "Description", &description, OPTIONAL, "what it is for"),
       MEMBER(struct events_update_event_bus, dead_letter, "DeadLetterConfig", &dead_letter, OPTIONAL, "the bus's dead-letter queue"),
       MEMBER(struct events_update_event_bus, log, "LogConfig", &log_config, OPTIONAL, "kept and given back"),
       MEMBER_END);
STRUCT(update_event_bus_answer, "UpdateEventBusResponse", struct events_update_event_bus_answer,
       MEMBER(struct events_update_event_bus_answer, arn, "Arn", &text, OPTIONAL, "the bus's ARN"),
       MEMBER(struct events_update_event_bus_answer, name, "Name", &text, OPTIONAL, "the bus"),
       MEMBER(struct events_update_event_bus_answer, kms_key, "KmsKeyIdentifier", &kms_key, OPTIONAL, "as given"),
       MEMBER(struct events_update_event_bus_answer, description, "Description", &description, OPTIONAL, "what it is for"),
       MEMBER(struct events_update_event_bus_answer, dead_letter, "DeadLetterConfig", &dead_letter, OPTIONAL, "as given"),
       MEMBER(struct events_update_event_bus_answer, log, "LogConfig", &log_config, OPTIONAL, "as given"),
       MEMBER_END);

STRING(action, "Action", BETWEEN(1, 64), .pattern = "events:[a-zA-Z]+");
STRING(principal, "Principal", BETWEEN(1, 12), .pattern = "(\\d{12}|\\*)", .posix = "^([0-9]{12}|\\*)$");
STRING(statement_id, "StatementId", BETWEEN(1, 64), .pattern = "[a-zA-Z0-9-_]+", .posix = "^[a-zA-Z0-9_-]+$");
STRUCT(put_permission, "PutPermissionRequest", struct events_put_permission,
       MEMBER(struct events_put_permission, bus, "EventBusName", &own_bus_name, OPTIONAL, "the bus (default)"),
       MEMBER(struct events_put_permission, action, "Action", &action, OPTIONAL, "what is allowed: events:PutEvents"),
       MEMBER(struct events_put_permission, principal, "Principal", &principal, OPTIONAL, "the account that is allowed, or * for all"),
       MEMBER(struct events_put_permission, statement_id, "StatementId", &statement_id, OPTIONAL, "names the statement in the policy"),
       MEMBER(struct events_put_permission, condition, "Condition", &condition, OPTIONAL, "holds only when; needs the principal *"),
       MEMBER(struct events_put_permission, policy, "Policy", &text, OPTIONAL, "a whole policy document, in place of all the others"),
       MEMBER_END);
STRUCT(remove_permission, "RemovePermissionRequest", struct events_remove_permission,
       MEMBER(struct events_remove_permission, statement_id, "StatementId", &statement_id, OPTIONAL, "the statement that goes"),
       MEMBER(struct events_remove_permission, all, "RemoveAllPermissions", &boolean, OPTIONAL, "all statements go"),
       MEMBER(struct events_remove_permission, bus, "EventBusName", &own_bus_name, OPTIONAL, "the bus (default)"),
       MEMBER_END);

/* ---- rules -------------------------------------------------------------------------------------------------------------------- */

#define BUS_MEMBER(type) MEMBER(type, bus, "EventBusName", &bus_name_or_arn, OPTIONAL, "name or ARN of the bus (default)")
#define PAGE_MEMBERS(type)                                                                       \
    MEMBER(type, next_token, "NextToken", &next_token, OPTIONAL, "from the answer before"),      \
    MEMBER(type, limit, "Limit", &limit, OPTIONAL, "how many at most in one answer")
#define NEXT_MEMBER(type) MEMBER(type, next_token, "NextToken", &next_token, OPTIONAL, "there are more: ask with this")

STRUCT(put_rule, "PutRuleRequest", struct events_put_rule,
       MEMBER(struct events_put_rule, name, "Name", &rule_name, REQUIRED, "the rule; one of that name is replaced"),
       MEMBER(struct events_put_rule, schedule, "ScheduleExpression", &schedule, OPTIONAL,
              "when it fires: rate(5 minutes), cron(0 12 * * ? *)"),
       MEMBER(struct events_put_rule, pattern, "EventPattern", &pattern, OPTIONAL, "which events it takes: JSON"),
       MEMBER(struct events_put_rule, state, "State", &rule_state, OPTIONAL, "ENABLED or DISABLED"),
       MEMBER(struct events_put_rule, description, "Description", &rule_description, OPTIONAL, "what it is for"),
       MEMBER(struct events_put_rule, role_arn, "RoleArn", &role_arn, OPTIONAL, "kept and given back"),
       MEMBER(struct events_put_rule, tags, "Tags", &tags, OPTIONAL, "tags of a new rule"),
       BUS_MEMBER(struct events_put_rule),
       MEMBER_END);
/* AWS's answer has RuleArn alone. One member more is no breach: AWS JSON clients read the members that their model knows and pass over the
 * others, since the service adds members to answers without a new version. */
STRUCT(warning, "RuleWarning", struct events_warning,
       MEMBER(struct events_warning, code, "Code", &text, OPTIONAL, "NeverMatches, UnknownField, UnseenValue, TypeDiffers, SamePattern, ..."),
       MEMBER(struct events_warning, level, "Level", &text, OPTIONAL, "warning, or note"),
       MEMBER(struct events_warning, path, "Path", &text, OPTIONAL, "the field; empty for the rule as a whole"),
       MEMBER(struct events_warning, message, "Message", &text, OPTIONAL, "what looks wrong"),
       MEMBER_END);
LIST(warnings, "RuleWarningList", warning);
STRUCT(put_rule_answer, "PutRuleResponse", struct events_put_rule_answer,
       MEMBER(struct events_put_rule_answer, arn, "RuleArn", &text, OPTIONAL, "the rule's ARN"),
       MEMBER(struct events_put_rule_answer, warnings, "Warnings", &warnings, OPTIONAL, "what looks wrong about it; busd's own addition"),
       MEMBER_END);
STRUCT(delete_rule, "DeleteRuleRequest", struct events_delete_rule,
       MEMBER(struct events_delete_rule, name, "Name", &rule_name, REQUIRED, "the rule; it must have no targets"),
       BUS_MEMBER(struct events_delete_rule),
       MEMBER(struct events_delete_rule, force, "Force", &boolean, OPTIONAL, "also a managed rule"),
       MEMBER_END);
STRUCT(rule_by_name, "RuleRequest", struct events_rule_name,
       MEMBER(struct events_rule_name, name, "Name", &rule_name, REQUIRED, "the rule"),
       BUS_MEMBER(struct events_rule_name),
       MEMBER_END);
STRUCT(describe_rule_answer, "DescribeRuleResponse", struct events_describe_rule_answer,
       MEMBER(struct events_describe_rule_answer, name, "Name", &text, OPTIONAL, "the rule"),
       MEMBER(struct events_describe_rule_answer, arn, "Arn", &text, OPTIONAL, "its ARN"),
       MEMBER(struct events_describe_rule_answer, pattern, "EventPattern", &text, OPTIONAL, "which events it takes"),
       MEMBER(struct events_describe_rule_answer, schedule, "ScheduleExpression", &text, OPTIONAL, "when it fires"),
       MEMBER(struct events_describe_rule_answer, state, "State", &text, OPTIONAL, "ENABLED or DISABLED"),
       MEMBER(struct events_describe_rule_answer, description, "Description", &text, OPTIONAL, "what it is for"),
       MEMBER(struct events_describe_rule_answer, role_arn, "RoleArn", &text, OPTIONAL, "as given"),
       MEMBER(struct events_describe_rule_answer, managed_by, "ManagedBy", &text, OPTIONAL, "who manages it, if not its owner"),
       MEMBER(struct events_describe_rule_answer, bus, "EventBusName", &text, OPTIONAL, "its bus"),
       MEMBER(struct events_describe_rule_answer, created_by, "CreatedBy", &text, OPTIONAL, "the account that made it"),
       MEMBER_END);

STRUCT(rule, "Rule", struct events_rule,
       MEMBER(struct events_rule, name, "Name", &text, OPTIONAL, "the rule"),
       MEMBER(struct events_rule, arn, "Arn", &text, OPTIONAL, "its ARN"),
       MEMBER(struct events_rule, pattern, "EventPattern", &text, OPTIONAL, "which events it takes"),
       MEMBER(struct events_rule, state, "State", &text, OPTIONAL, "ENABLED or DISABLED"),
       MEMBER(struct events_rule, description, "Description", &text, OPTIONAL, "what it is for"),
       MEMBER(struct events_rule, schedule, "ScheduleExpression", &text, OPTIONAL, "when it fires"),
       MEMBER(struct events_rule, role_arn, "RoleArn", &text, OPTIONAL, "as given"),
       MEMBER(struct events_rule, managed_by, "ManagedBy", &text, OPTIONAL, "who manages it, if not its owner"),
       MEMBER(struct events_rule, bus, "EventBusName", &text, OPTIONAL, "its bus"),
       MEMBER_END);
LIST(rules, "RuleResponseList", rule);
STRUCT(list_rules, "ListRulesRequest", struct events_list_rules,
       MEMBER(struct events_list_rules, name_prefix, "NamePrefix", &rule_name, OPTIONAL, "only rules whose names begin so"),
       BUS_MEMBER(struct events_list_rules),
       PAGE_MEMBERS(struct events_list_rules),
       MEMBER_END);
STRUCT(list_rules_answer, "ListRulesResponse", struct events_list_rules_answer,
       MEMBER(struct events_list_rules_answer, rules, "Rules", &rules, OPTIONAL, "the rules"),
       NEXT_MEMBER(struct events_list_rules_answer),
       MEMBER_END);

LIST(rule_names, "RuleNameList", text);
STRUCT(list_rule_names_by_target, "ListRuleNamesByTargetRequest", struct events_list_rule_names_by_target,
       MEMBER(struct events_list_rule_names_by_target, target_arn, "TargetArn", &target_arn, REQUIRED, "the target's ARN"),
       BUS_MEMBER(struct events_list_rule_names_by_target),
       PAGE_MEMBERS(struct events_list_rule_names_by_target),
       MEMBER_END);
STRUCT(list_rule_names_by_target_answer, "ListRuleNamesByTargetResponse", struct events_list_rule_names_by_target_answer,
       MEMBER(struct events_list_rule_names_by_target_answer, rule_names, "RuleNames", &rule_names, OPTIONAL, "rules with that target"),
       NEXT_MEMBER(struct events_list_rule_names_by_target_answer),
       MEMBER_END);

STRUCT(put_targets, "PutTargetsRequest", struct events_put_targets,
       MEMBER(struct events_put_targets, rule, "Rule", &rule_name, REQUIRED, "the rule"),
       BUS_MEMBER(struct events_put_targets),
       MEMBER(struct events_put_targets, targets, "Targets", &targets, REQUIRED, "its new targets; one with the same Id is replaced"),
       MEMBER_END);
STRUCT(remove_targets, "RemoveTargetsRequest", struct events_remove_targets,
       MEMBER(struct events_remove_targets, rule, "Rule", &rule_name, REQUIRED, "the rule"),
       BUS_MEMBER(struct events_remove_targets),
       MEMBER(struct events_remove_targets, ids, "Ids", &target_ids, REQUIRED, "the targets that go"),
       MEMBER(struct events_remove_targets, force, "Force", &boolean, OPTIONAL, "also of a managed rule"),
       MEMBER_END);
STRUCT(list_targets_by_rule, "ListTargetsByRuleRequest", struct events_list_targets_by_rule,
       MEMBER(struct events_list_targets_by_rule, rule, "Rule", &rule_name, REQUIRED, "the rule"),
       BUS_MEMBER(struct events_list_targets_by_rule),
       PAGE_MEMBERS(struct events_list_targets_by_rule),
       MEMBER_END);
STRUCT(list_targets_by_rule_answer, "ListTargetsByRuleResponse", struct events_list_targets_by_rule_answer,
       MEMBER(struct events_list_targets_by_rule_answer, targets, "Targets", &target_list, OPTIONAL, "the rule's targets"),
       NEXT_MEMBER(struct events_list_targets_by_rule_answer),
       MEMBER_END);

STRUCT(test_event_pattern, "TestEventPatternRequest", struct events_test_event_pattern,
       MEMBER(struct events_test_event_pattern, pattern, "EventPattern", &pattern, REQUIRED, "the pattern: JSON"),
       MEMBER(struct events_test_event_pattern, event, "Event", &text, REQUIRED, "a whole event: JSON"),
       MEMBER_END);
STRUCT(test_event_pattern_answer, "TestEventPatternResponse", struct events_test_event_pattern_answer,
       MEMBER(struct events_test_event_pattern_answer, result, "Result", &boolean, OPTIONAL, "whether they match"),
       MEMBER_END);

/* ---- events and tags ---------------------------------------------------------------------------------------------------------- */

STRING(resource, "EventResource", AT_MOST(2048));
LIST(resources, "EventResourceList", resource);
STRING(trace_header, "TraceHeader", BETWEEN(1, 500));
STRUCT(entry, "PutEventsRequestEntry", struct events_entry,
       MEMBER(struct events_entry, time_ms, "Time", &timestamp, OPTIONAL, "when it happened (now)"),
       MEMBER(struct events_entry, source, "Source", &text, OPTIONAL, "who says it: com.example.shop"),
       MEMBER(struct events_entry, resources, "Resources", &resources, OPTIONAL, "ARNs of what it is about"),
       MEMBER(struct events_entry, detail_type, "DetailType", &text, OPTIONAL, "what kind of event it is"),
       MEMBER(struct events_entry, detail, "Detail", &text, OPTIONAL, "what happened: a JSON object as text"),
       MEMBER(struct events_entry, bus, "EventBusName", &text, OPTIONAL, "name or ARN of the bus (default)"),
       MEMBER(struct events_entry, trace_header, "TraceHeader", &trace_header, OPTIONAL, "X-Ray trace header"),
       MEMBER_END);
LIST(entries, "PutEventsRequestEntryList", entry, BETWEEN(1, 10));
STRING(endpoint_id, "EndpointId", BETWEEN(1, 50), .pattern = "^[A-Za-z0-9\\-]+[\\.][A-Za-z0-9\\-]+$",
       .posix = "^[A-Za-z0-9-]+[.][A-Za-z0-9-]+$");
STRUCT(put_events, "PutEventsRequest", struct events_put_events,
       MEMBER(struct events_put_events, entries, "Entries", &entries, REQUIRED, "the events"),
       MEMBER(struct events_put_events, endpoint_id, "EndpointId", &endpoint_id, OPTIONAL, "an endpoint: its bus here takes the events"),
       MEMBER_END);
STRUCT(put_result, "PutEventsResultEntry", struct events_put_result,
       MEMBER(struct events_put_result, event_id, "EventId", &text, OPTIONAL, "the accepted event's id"),
       MEMBER(struct events_put_result, error_code, "ErrorCode", &text, OPTIONAL, "or why it was not accepted"),
       MEMBER(struct events_put_result, error_message, "ErrorMessage", &text, OPTIONAL, "the same as a sentence"),
       MEMBER_END);
LIST(put_results, "PutEventsResultEntryList", put_result);
STRUCT(put_events_answer, "PutEventsResponse", struct events_put_events_answer,
       MEMBER(struct events_put_events_answer, failed_count, "FailedEntryCount", &count, OPTIONAL, "how many were not accepted"),
       MEMBER(struct events_put_events_answer, entries, "Entries", &put_results, OPTIONAL, "one result for each entry, in order"),
       MEMBER_END);

STRUCT(tag_resource, "TagResourceRequest", struct events_tag_resource,
       MEMBER(struct events_tag_resource, arn, "ResourceARN", &arn, REQUIRED, "ARN of a bus or rule"),
       MEMBER(struct events_tag_resource, tags, "Tags", &tags, REQUIRED, "tags to set"),
       MEMBER_END);
STRUCT(untag_resource, "UntagResourceRequest", struct events_untag_resource,
       MEMBER(struct events_untag_resource, arn, "ResourceARN", &arn, REQUIRED, "ARN of a bus or rule"),
       MEMBER(struct events_untag_resource, keys, "TagKeys", &tag_keys, REQUIRED, "tags to take off"),
       MEMBER_END);
STRUCT(list_tags_for_resource, "ListTagsForResourceRequest", struct events_list_tags_for_resource,
       MEMBER(struct events_list_tags_for_resource, arn, "ResourceARN", &arn, REQUIRED, "ARN of a bus or rule"),
       MEMBER_END);
STRUCT(list_tags_for_resource_answer, "ListTagsForResourceResponse", struct events_list_tags_for_resource_answer,
       MEMBER(struct events_list_tags_for_resource_answer, tags, "Tags", &tags, OPTIONAL, "its tags"),
       MEMBER_END);

/* ---- the table ---------------------------------------------------------------------------------------------------------------- */

#define ROW(name_, in_, out_, access_, help_, example_) \
    {.service = "events", .name = (name_), .in = (in_), .out = (out_), .action = "events:" name_, .access = (access_), .help = (help_),\
     .example = (example_)}

const struct operation events_operations[] = {
    ROW("PutEvents", &put_events, &put_events_answer, ACCESS_DATA, "Puts events onto buses.",
        "busctl put-events --entries Source=shop,DetailType=Order,Detail='{\"id\":1}'"),
    ROW("PutRule", &put_rule, &put_rule_answer, ACCESS_WRITE, "Makes or changes a rule.",
        "busctl put-rule --name orders --event-pattern '{\"source\":[\"shop\"]}'"),
    ROW("DeleteRule", &delete_rule, NULL, ACCESS_WRITE, "Deletes a rule without targets.", "busctl delete-rule --name orders"),
    ROW("DescribeRule", &rule_by_name, &describe_rule_answer, ACCESS_READ, "Shows a rule.", "busctl describe-rule --name orders"),
    ROW("ListRules", &list_rules, &list_rules_answer, ACCESS_READ, "Lists the rules of a bus.", "busctl list-rules --name-prefix or"),
    ROW("EnableRule", &rule_by_name, NULL, ACCESS_WRITE, "Switches a rule on.", "busctl enable-rule --name orders"),
    ROW("DisableRule", &rule_by_name, NULL, ACCESS_WRITE, "Switches a rule off.", "busctl disable-rule --name orders"),
    ROW("ListRuleNamesByTarget", &list_rule_names_by_target, &list_rule_names_by_target_answer, ACCESS_READ,
        "Lists the rules that have a target.",
        "busctl list-rule-names-by-target --target-arn arn:aws:sqs:us-east-1:111122223333:orders"),
    ROW("PutTargets", &put_targets, &targets_answer, ACCESS_WRITE, "Adds targets to a rule, or changes them.",
        "busctl put-targets --rule orders --targets Id=1,Arn=arn:aws:sqs:us-east-1:111122223333:orders"),
    ROW("RemoveTargets", &remove_targets, &targets_answer, ACCESS_WRITE, "Takes targets off a rule.",
        "busctl remove-targets --rule orders --ids 1 2"),
    ROW("ListTargetsByRule", &list_targets_by_rule, &list_targets_by_rule_answer, ACCESS_READ, "Lists the targets of a rule.",
        "busctl list-targets-by-rule --rule orders"),
    ROW("TestEventPattern", &test_event_pattern, &test_event_pattern_answer, ACCESS_READ, "Says whether an event matches a pattern.",
        "busctl test-event-pattern --event-pattern file://pattern.json --event file://event.json"),
    ROW("CreateEventBus", &create_event_bus, &create_event_bus_answer, ACCESS_WRITE, "Makes a bus.",
        "busctl create-event-bus --name orders"),
    ROW("DeleteEventBus", &delete_event_bus, NULL, ACCESS_WRITE, "Deletes a bus without rules.", "busctl delete-event-bus --name orders"),
    ROW("DescribeEventBus", &describe_event_bus, &describe_event_bus_answer, ACCESS_READ, "Shows a bus and its policy.",
        "busctl describe-event-bus --name orders"),
    ROW("ListEventBuses", &list_event_buses, &list_event_buses_answer, ACCESS_READ, "Lists the account's buses.",
        "busctl list-event-buses"),
    ROW("UpdateEventBus", &update_event_bus, &update_event_bus_answer, ACCESS_WRITE, "Changes a bus.",
        "busctl update-event-bus --name orders --description 'all orders'"),
    ROW("PutPermission", &put_permission, NULL, ACCESS_WRITE, "Lets another account use a bus.",
        "busctl put-permission --action events:PutEvents --principal 111122223333 --statement-id work"),
    ROW("RemovePermission", &remove_permission, NULL, ACCESS_WRITE, "Takes a statement, or all, out of a bus's policy.",
        "busctl remove-permission --statement-id work"),
    ROW("TagResource", &tag_resource, NULL, ACCESS_WRITE, "Sets tags of a bus or rule.",
        "busctl tag-resource --resource-arn arn:aws:events:us-east-1:111122223333:rule/orders --tags Key=team,Value=shop"),
    ROW("UntagResource", &untag_resource, NULL, ACCESS_WRITE, "Takes tags off a bus or rule.",
        "busctl untag-resource --resource-arn arn:aws:events:us-east-1:111122223333:rule/orders --tag-keys team"),
    ROW("ListTagsForResource", &list_tags_for_resource, &list_tags_for_resource_answer, ACCESS_READ, "Lists the tags of a bus or rule.",
        "busctl list-tags-for-resource --resource-arn arn:aws:events:us-east-1:111122223333:rule/orders"),
    {.name = NULL},
};
