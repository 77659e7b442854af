#include "model.h"

#define TEXT(name_, min_, max_) {.type = SHAPE_STRING, .name = name_, .has_min = true, .min = min_, .has_max = true, .max = max_}
#define NUMBER(name_, min_, max_) {.type = SHAPE_INTEGER, .name = name_, .has_min = true, .min = min_, .has_max = true, .max = max_}
#define STRUCTURE(name_, type_, members_) {.type = SHAPE_STRUCT, .name = name_, .size = sizeof(type_), .members = members_}

static const char *const modes[] = {"process", "worker", NULL};
static const char *const invocation_types[] = {"Event", "RequestResponse", "DryRun", NULL};

#define NAME_PATTERN "(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z0-9-]+:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?"
#define NAME_POSIX "^(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z0-9-]+:)?([0-9]{12}:)?(function:)?([a-zA-Z0-9_-]+)(:([$]LATEST|[a-zA-Z0-9_-]+))?$"

static const struct shape text = {.type = SHAPE_STRING, .name = "String"};
static const struct shape timestamp = {.type = SHAPE_TIMESTAMP, .name = "Timestamp"};
static const struct shape integer = {.type = SHAPE_INTEGER, .name = "Integer"};
static const struct shape json = {.type = SHAPE_JSON, .name = "Payload"};
static const struct shape name = {.type = SHAPE_STRING, .name = "FunctionName", .has_min = true, .min = 1, .has_max = true, .max = 140,
                                  .pattern = NAME_PATTERN, .posix = NAME_POSIX};
static const struct shape mode = {.type = SHAPE_STRING, .name = "Mode", .values = modes};
static const struct shape invocation_type = {.type = SHAPE_STRING, .name = "InvocationType", .values = invocation_types};
static const struct shape description = TEXT("Description", 0, 256);
static const struct shape directory = TEXT("WorkingDirectory", 1, 4095);
static const struct shape argument = TEXT("Argument", 0, 4096);
static const struct shape command = {.type = SHAPE_LIST, .name = "Command", .item = &argument, .has_min = true, .min = 1, .has_max = true,
                                     .max = FUNCTION_COMMAND_MAX};
static const struct shape timeout = NUMBER("Timeout", 1, 900);
static const struct shape concurrency = NUMBER("Concurrency", 1, 256);
static const struct shape memory_size = NUMBER("MemorySize", 16, 1048576);
static const struct shape cpu_seconds = NUMBER("CpuSeconds", 1, 86400);
static const struct shape marker = TEXT("Marker", 1, 256);
static const struct shape max_items = NUMBER("MaxListItems", 1, 10000);
static const struct shape variable_name = {.type = SHAPE_STRING, .name = "EnvironmentVariableName", .has_min = true, .min = 1,
                                           .has_max = true, .max = 256, .pattern = "[a-zA-Z]([a-zA-Z0-9_])+",
                                           .posix = "^[a-zA-Z]([a-zA-Z0-9_])+$"};
static const struct shape variable_value = {.type = SHAPE_STRING, .name = "EnvironmentVariableValue", .has_max = true, .max = 4096,
                                            .sensitive = true};
static const struct shape variables = {.type = SHAPE_MAP, .name = "EnvironmentVariables", .item = &variable_value, .key = &variable_name,
                                       .has_max = true, .max = 128};

static const struct member environment_members[] = {
    MEMBER(struct function_environment, variables, "Variables", &variables, OPTIONAL, "name and value of each variable"),
    MEMBER_END,
};
static const struct shape environment = STRUCTURE("Environment", struct function_environment, environment_members);

#define SETTINGS(type, command_required)                                                                                                  \
    MEMBER(type, function_name, "FunctionName", &name, REQUIRED, "the function's name or ARN"),                                           \
        MEMBER(type, command, "Command", &command, command_required, "program and arguments; run without a shell"),                       \
        MEMBER(type, mode, "Mode", &mode, OPTIONAL, "process: one process per event (default); worker: persistent processes"),            \
        MEMBER(type, timeout, "Timeout", &timeout, OPTIONAL, "seconds an event may take (default 30)"),                                   \
        MEMBER(type, concurrency, "Concurrency", &concurrency, OPTIONAL, "events at once (default 4)"),                                   \
        MEMBER(type, memory_size, "MemorySize", &memory_size, OPTIONAL, "address space of a process in MiB (default: no limit)"),         \
        MEMBER(type, cpu_seconds, "CpuSeconds", &cpu_seconds, OPTIONAL, "CPU time of one event in seconds (default: no limit)"),          \
        MEMBER(type, environment, "Environment", &environment, OPTIONAL, "variables beside PATH, HOME, LANG and BUS_*"),                  \
        MEMBER(type, working_directory, "WorkingDirectory", &directory, OPTIONAL, "where the command runs (default: busd's)"),            \
        MEMBER(type, description, "Description", &description, OPTIONAL, "what it is for")

static const struct member create_members[] = {SETTINGS(struct function_settings, REQUIRED), MEMBER_END};
static const struct member update_members[] = {SETTINGS(struct function_settings, OPTIONAL), MEMBER_END};
static const struct member configuration_members[] = {
    SETTINGS(struct function_configuration, REQUIRED),
    MEMBER(struct function_configuration, function_arn, "FunctionArn", &text, OPTIONAL, "the function's ARN"),
    MEMBER(struct function_configuration, last_modified, "LastModified", &timestamp, OPTIONAL, "when it was created or changed"),
    MEMBER_END,
};
static const struct member reference_members[] = {
    MEMBER(struct function_reference, function_name, "FunctionName", &name, REQUIRED, "the function's name or ARN"),
    MEMBER_END,
};
const struct shape function_shape_settings = STRUCTURE("CreateFunctionRequest", struct function_settings, create_members);
static const struct shape update = STRUCTURE("UpdateFunctionConfigurationRequest", struct function_settings, update_members);
static const struct shape configuration = STRUCTURE("FunctionConfiguration", struct function_configuration, configuration_members);
static const struct shape reference = STRUCTURE("FunctionReference", struct function_reference, reference_members);
static const struct shape functions = {.type = SHAPE_LIST, .name = "FunctionList", .item = &configuration};

static const struct member get_members[] = {
    MEMBER(struct function_description, configuration, "Configuration", &configuration, OPTIONAL, "the function"),
    MEMBER_END,
};
static const struct shape get = STRUCTURE("GetFunctionResponse", struct function_description, get_members);

static const struct member list_in_members[] = {
    MEMBER(struct function_list_request, marker, "Marker", &marker, OPTIONAL, "NextMarker of the page before"),
    MEMBER(struct function_list_request, max_items, "MaxItems", &max_items, OPTIONAL, "functions in one answer (default 50)"),
    MEMBER_END,
};
static const struct shape list_in = STRUCTURE("ListFunctionsRequest", struct function_list_request, list_in_members);
static const struct member list_out_members[] = {
    MEMBER(struct function_list, functions, "Functions", &functions, OPTIONAL, "in order of name"),
    MEMBER(struct function_list, next_marker, "NextMarker", &text, OPTIONAL, "there are more: ask again with this Marker"),
    MEMBER_END,
};
static const struct shape list_out = STRUCTURE("ListFunctionsResponse", struct function_list, list_out_members);

static const struct member invoke_in_members[] = {
    MEMBER(struct function_invoke_request, function_name, "FunctionName", &name, REQUIRED, "the function's name or ARN"),
    MEMBER(struct function_invoke_request, invocation_type, "InvocationType", &invocation_type, OPTIONAL,
           "RequestResponse waits for the answer (default), Event does not, DryRun only checks"),
    MEMBER(struct function_invoke_request, payload, "Payload", &json, OPTIONAL, "the event, any JSON (default {})"),
    MEMBER_END,
};
static const struct shape invoke_in = STRUCTURE("InvocationRequest", struct function_invoke_request, invoke_in_members);
static const struct member invoke_out_members[] = {
    MEMBER(struct function_invoke_response, status_code, "StatusCode", &integer, OPTIONAL, "200; 202 for Event; 204 for DryRun"),
    MEMBER(struct function_invoke_response, function_error, "FunctionError", &text, OPTIONAL, "\"Unhandled\" when the function failed"),
    MEMBER(struct function_invoke_response, payload, "Payload", &json, OPTIONAL, "what the function answered"),
    MEMBER_END,
};
static const struct shape invoke_out = STRUCTURE("InvocationResponse", struct function_invoke_response, invoke_out_members);

/* To make a function is to run a program as busd's user: that is the operator's to give, not every account's. */
const struct operation function_operations[] = {
    {"lambda", "CreateFunction", &function_shape_settings, &configuration, NULL, ACCESS_OPERATOR,
     "Makes a function from a command of this machine.",
     "busctl create-function --function-name resize --command /usr/local/bin/resize --timeout 10"},
    {"lambda", "UpdateFunctionConfiguration", &update, &configuration, NULL, ACCESS_OPERATOR,
     "Changes what is given of a function's settings.", "busctl update-function-configuration --function-name resize --concurrency 8"},
    {"lambda", "DeleteFunction", &reference, NULL, "lambda:DeleteFunction", ACCESS_WRITE,
     "Removes a function; events under way are finished.", "busctl delete-function --function-name resize"},
    {"lambda", "GetFunction", &reference, &get, "lambda:GetFunction", ACCESS_READ, "Shows a function.",
     "busctl get-function --function-name resize"},
    {"lambda", "ListFunctions", &list_in, &list_out, "lambda:ListFunctions", ACCESS_READ, "Lists the account's functions.",
     "busctl list-functions"},
    {"lambda", "Invoke", &invoke_in, &invoke_out, "lambda:InvokeFunction", ACCESS_DATA, "Runs a function with an event of your own.",
     "busctl invoke --function-name resize --payload '{\"id\":1}'"},
    {.name = NULL},
};
