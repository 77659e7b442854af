#include "model.h"

#define STRUCTURE(name_, type_, members_) {.type = SHAPE_STRUCT, .name = name_, .size = sizeof(type_), .members = members_}
#define NUMBER(name_, min_, max_) {.type = SHAPE_INTEGER, .name = name_, .has_min = true, .min = min_, .has_max = true, .max = max_}

static const struct shape text = {.type = SHAPE_STRING, .name = "String"};
static const struct shape number = {.type = SHAPE_INTEGER, .name = "Long"};
/* CloudWatch Logs gives its creation time as a whole number of milliseconds, not as a timestamp of seconds. */
static const struct shape name = {.type = SHAPE_STRING, .name = "LogGroupName", .has_min = true, .min = 1, .has_max = true, .max = 512,
                                  .pattern = "[\\.\\-_/#A-Za-z0-9]+", .posix = "^[._/#A-Za-z0-9-]+$"};
static const struct shape file = {.type = SHAPE_STRING, .name = "File", .has_min = true, .min = 1, .has_max = true, .max = 200,
                                  .pattern = "[\\.\\-_/%A-Za-z0-9]+", .posix = "^[._/%A-Za-z0-9-]+$"};
static const struct shape max_bytes = NUMBER("MaxBytes", 1024, (int64_t)1 << 40);
static const struct shape keep = NUMBER("Keep", 0, 1000);
static const struct shape token = {.type = SHAPE_STRING, .name = "NextToken", .has_min = true, .min = 1, .has_max = true, .max = 2048};
static const struct shape limit = NUMBER("DescribeLimit", 1, 50);

#define SETTINGS(type)                                                                                                              \
    MEMBER(type, log_group_name, "logGroupName", &name, REQUIRED, "the log group's name"),                                          \
        MEMBER(type, file, "File", &file, OPTIONAL, "path below DATA/logs/ (default ACCOUNT-NAME.jsonl)"),                          \
        MEMBER(type, max_bytes, "MaxBytes", &max_bytes, OPTIONAL, "size at which the file is rotated (default 64 MiB)"),            \
        MEMBER(type, keep, "Keep", &keep, OPTIONAL, "rotated files to keep (default 5)")

static const struct member settings_members[] = {SETTINGS(struct log_group_settings), MEMBER_END};
const struct shape log_shape_settings = STRUCTURE("CreateLogGroupRequest", struct log_group_settings, settings_members);
static const struct shape update = STRUCTURE("UpdateLogGroupRequest", struct log_group_settings, settings_members);

static const struct member reference_members[] = {
    MEMBER(struct log_group_reference, log_group_name, "logGroupName", &name, REQUIRED, "the log group's name"),
    MEMBER_END,
};
static const struct shape reference = STRUCTURE("DeleteLogGroupRequest", struct log_group_reference, reference_members);

static const struct member group_members[] = {
    SETTINGS(struct log_group),
    MEMBER(struct log_group, arn, "arn", &text, OPTIONAL, "the log group's ARN"),
    MEMBER(struct log_group, creation_time, "creationTime", &number, OPTIONAL, "milliseconds since 1970"),
    MEMBER_END,
};
static const struct shape group = STRUCTURE("LogGroup", struct log_group, group_members);
static const struct shape groups = {.type = SHAPE_LIST, .name = "LogGroups", .item = &group};

static const struct member describe_in_members[] = {
    MEMBER(struct log_groups_request, log_group_name_prefix, "logGroupNamePrefix", &name, OPTIONAL, "only names that begin so"),
    MEMBER(struct log_groups_request, limit, "limit", &limit, OPTIONAL, "log groups in one answer (default 50)"),
    MEMBER(struct log_groups_request, next_token, "nextToken", &token, OPTIONAL, "nextToken of the page before"),
    MEMBER_END,
};
static const struct shape describe_in = STRUCTURE("DescribeLogGroupsRequest", struct log_groups_request, describe_in_members);
static const struct member describe_out_members[] = {
    MEMBER(struct log_groups, log_groups, "logGroups", &groups, OPTIONAL, "in order of name"),
    MEMBER(struct log_groups, next_token, "nextToken", &text, OPTIONAL, "there are more: ask again with this"),
    MEMBER_END,
};
static const struct shape describe_out = STRUCTURE("DescribeLogGroupsResponse", struct log_groups, describe_out_members);

const struct operation log_operations[] = {
    {"logs", "CreateLogGroup", &log_shape_settings, NULL, "logs:CreateLogGroup", ACCESS_WRITE,
     "Makes a log group: a rotated file of JSON lines.", "busctl create-log-group --log-group-name audit --max-bytes 1048576"},
    {"logs", "UpdateLogGroup", &update, NULL, "logs:UpdateLogGroup", ACCESS_WRITE, "Changes what is given of a log group's settings.",
     "busctl update-log-group --log-group-name audit --keep 20"},
    {"logs", "DeleteLogGroup", &reference, NULL, "logs:DeleteLogGroup", ACCESS_WRITE,
     "Removes a log group; its files stay where they are.", "busctl delete-log-group --log-group-name audit"},
    {"logs", "DescribeLogGroups", &describe_in, &describe_out, "logs:DescribeLogGroups", ACCESS_READ, "Lists the account's log groups.",
     "busctl describe-log-groups"},
    {.name = NULL},
};
