/* The log service's data: requests, answers and their shapes (CloudWatch Logs' names; File, MaxBytes and Keep are ours, for a log group is
 * a file of this machine). Data only: the CLI and the reference read it too. */
#ifndef LOG_MODEL_H
#define LOG_MODEL_H

#include "operation.h"

#define LOG_MAX_BYTES_DEFAULT ((int64_t)64 * 1024 * 1024)
enum { LOG_KEEP_DEFAULT = 5, LOG_DESCRIBE_LIMIT_DEFAULT = 50 };

struct log_group_settings { /* CreateLogGroup, UpdateLogGroup; in an update what is absent stays */
    struct str log_group_name, file;
    struct opt_i64 max_bytes, keep;
};
struct log_group_reference {
    struct str log_group_name;
};
struct log_group {
    struct str log_group_name, arn, file;
    struct opt_i64 max_bytes, keep, creation_time;
};
struct log_groups_request {
    struct str log_group_name_prefix, next_token;
    struct opt_i64 limit;
};
struct log_groups {
    struct list log_groups; /* struct log_group */
    struct str next_token;
};

/* Ended by name == NULL. */
extern const struct operation log_operations[];
/* The shape of CreateLogGroup's request: the rule files decode their `logs` with it. */
extern const struct shape log_shape_settings;

#endif
