/* The function service's data: requests, answers and their shapes (our subset of AWS Lambda's API; Command, Mode, Concurrency, CpuSeconds
 * and WorkingDirectory are ours, for a function is a command of this machine). Data only: the CLI and the reference read it too. */
#ifndef FUNCTION_MODEL_H
#define FUNCTION_MODEL_H

#include "operation.h"

enum {
    FUNCTION_TIMEOUT_DEFAULT_S = 30,
    FUNCTION_CONCURRENCY_DEFAULT = 4,
    FUNCTION_COMMAND_MAX = 64,
    FUNCTION_RESPONSE_MAX_BYTES = 6 * 1024 * 1024, /* Lambda's bound of a synchronous answer */
};

struct function_environment {
    struct list variables; /* map_entry, strings */
};

/* CreateFunction and UpdateFunctionConfiguration; in an update what is absent stays as it is. */
struct function_settings {
    struct str function_name, mode, working_directory, description;
    struct list command; /* struct str */
    struct opt_i64 timeout, concurrency, memory_size, cpu_seconds;
    struct function_environment *environment;
};

struct function_configuration {
    struct str function_name, function_arn, mode, working_directory, description;
    struct list command;
    struct opt_i64 timeout, concurrency, memory_size, cpu_seconds, last_modified;
    struct function_environment *environment;
};

struct function_reference { /* DeleteFunction, GetFunction */
    struct str function_name;
};
struct function_description {
    struct function_configuration *configuration;
};
struct function_list_request {
    struct str marker;
    struct opt_i64 max_items;
};
struct function_list {
    struct list functions; /* struct function_configuration */
    struct str next_marker;
};
struct function_invoke_request {
    struct str function_name, invocation_type, payload;
};
struct function_invoke_response {
    struct opt_i64 status_code;
    struct str function_error, payload;
};

/* Ended by name == NULL. */
extern const struct operation function_operations[];
/* The shape of CreateFunction's request: the rule files decode their `functions` with it. */
extern const struct shape function_shape_settings;

#endif
