/* The events service through the engine: JSON in, JSON or AWS's sentence out. Truth as a table of steps where it is a verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "flow_host.h"
#include "doc.h"
#include "engine.h"

static struct api *api;

static int setup(void **state) {
    struct fault fault;
    if (host_setup(state)) return -1;
    struct api_options options = {.flow = host.flow, .durability = STR("off"), .threads = 1};
    if (api_open(&options, &api, &fault)) return -1;
    return (int)world_create_account(world(), STR(A1), STR_NULL, &fault);
}

static int teardown(void **state) {
    api_close(api);
    return host_teardown(state);
}

/* Runs an operation; gives the answer, or the error's sentence. */
static enum err ask(const char *operation, const char *request, char *text, size_t size) {
    struct buf answer;
    struct fault fault;
    fault_clear(&fault);
    buf_init(&answer, 0);
    enum err err = api_run(api, STR(A1), str_from(operation), str_from(request), &answer, &fault);
    str_copyz(text, size, err ? str_from(fault.message) : buf_str(&answer));
    buf_fini(&answer);
    return err;
}

struct step {
    const char *operation, *request;
    enum err err;
    const char *answer; /* exactly; NULL: not looked at */
};

static void walk(const struct step *steps) {
    static char got[65536];
    for (; steps->operation; steps++) {
        enum err err = ask(steps->operation, steps->request, got, sizeof got);
        bool same = err == steps->err && (!steps->answer || strcmp(got, steps->answer) == 0);
        if (!same) print_error("%s %s\n  got      %d %s\n  expected %d %s\n", steps->operation, steps->request, err, got, steps->err, steps->answer ? steps->answer : "");
        assert_true(same);
    }
}
#define WALK(...) walk((const struct step[]){__VA_ARGS__, {NULL, NULL, ERR_OK, NULL}})
#define ARN "arn:aws:events:us-east-1:" A1 ":"
#define OK ERR_OK

static void buses(void **state) {
    (void)state;
    host.settings.buses_per_account = 3;
    WALK({"CreateEventBus", "{\"Name\":\"b\",\"Description\":\"d\"}", OK, "{\"EventBusArn\":\"" ARN "event-bus/b\",\"Description\":\"d\"}"},
         {"CreateEventBus", "{\"Name\":\"b\"}", ERR_EXISTS, "Event bus b already exists."},
         {"CreateEventBus", "{\"Name\":\"default\"}", ERR_EXISTS, "Event bus default already exists."},
         {"CreateEventBus", "{\"Name\":\"a/b\"}", ERR_VALIDATION, "The name of a custom event bus can't contain the slash (/) character."},
         {"CreateEventBus", "{\"Name\":\"c\"}", OK, NULL},
         {"CreateEventBus", "{\"Name\":\"d\"}", ERR_LIMIT, "The requested resource exceeds the maximum number allowed."},
         {"DescribeEventBus", "{\"Name\":\"x\"}", ERR_NOT_FOUND, "Event bus x does not exist."},
         {"DeleteEventBus", "{\"Name\":\"default\"}", ERR_VALIDATION, "Cannot delete event bus default."},
         {"DeleteEventBus", "{\"Name\":\"never-there\"}", OK, "{}"},
         {"PutRule", "{\"Name\":\"r\",\"EventBusName\":\"b\",\"EventPattern\":\"{\\\"source\\\":[\\\"a\\\"]}\"}", OK, "{\"RuleArn\":\"" ARN "rule/b/r\"}"},
         {"DeleteEventBus", "{\"Name\":\"b\"}", ERR_VALIDATION, "EventBus can't be deleted since it has rules."},
         {"DeleteRule", "{\"Name\":\"r\",\"EventBusName\":\"" ARN "event-bus/b\"}", OK, "{}"},
         {"DeleteEventBus", "{\"Name\":\"b\"}", OK, "{}"},
         {"CreateEventBus", "{}", ERR_VALIDATION, "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"});
}

static void permissions(void **state) {
    (void)state;
#define STATEMENT(sid, who) "{\\\"Sid\\\":\\\"" sid "\\\",\\\"Effect\\\":\\\"Allow\\\",\\\"Principal\\\":" who ",\\\"Action\\\":\\\"events:PutEvents\\\",\\\"Resource\\\":\\\"" ARN "event-bus/default\\\"}"
#define ROOT(account) "{\\\"AWS\\\":\\\"arn:aws:iam::" account ":root\\\"}"
    host.settings.policy_characters = 450;
    static char got[8192];
    WALK({"PutPermission", "{\"Action\":\"events:PutEvents\",\"Principal\":\"" A2 "\",\"StatementId\":\"one\"}", OK, "{}"},
         {"PutPermission", "{\"Action\":\"events:PutEvents\",\"Principal\":\"*\",\"StatementId\":\"two\"}", OK, "{}"},
         {"PutPermission", "{\"Action\":\"events:PutEvents\",\"Principal\":\"" A3 "\",\"StatementId\":\"one\"}", OK, "{}"});
    assert_int_equal(ask("DescribeEventBus", "{}", got, sizeof got), ERR_OK);
    assert_non_null(strstr(got, "\"Policy\":\"{\\\"Version\\\":\\\"2012-10-17\\\",\\\"Statement\\\":[" STATEMENT("one", ROOT(A3)) "," STATEMENT("two", "\\\"*\\\"") "]}\""));
    WALK({"PutPermission", "{\"Action\":\"events:PutEvents\",\"Principal\":\"" A2 "\",\"StatementId\":\"three\"}", ERR_POLICY_LENGTH, NULL},
         {"PutPermission", "{\"Principal\":\"" A2 "\"}", ERR_VALIDATION, "Parameter(s) Policy, or Action, Principal and StatementId must be specified."},
         {"PutPermission", "{\"Action\":\"x\",\"Principal\":\"12\",\"StatementId\":\"a b\"}", ERR_VALIDATION, NULL},
         {"RemovePermission", "{\"StatementId\":\"four\"}", ERR_NOT_FOUND, "Statement with the provided id does not exist."},
         {"RemovePermission", "{\"StatementId\":\"one\"}", OK, "{}"}, {"RemovePermission", "{\"StatementId\":\"two\"}", OK, "{}"});
    assert_int_equal(ask("DescribeEventBus", "{}", got, sizeof got), ERR_OK);
    assert_null(strstr(got, "Policy"));
}

static void rules(void **state) {
    (void)state;
    host.settings.rules_per_bus = 2;
#define PATTERN "\"EventPattern\":\"{\\\"source\\\":[\\\"a\\\"]}\""
    WALK({"PutRule", "{\"Name\":\"r\"}", ERR_VALIDATION, "Parameter(s) EventPattern or ScheduleExpression must be specified."},
         {"PutRule", "{\"Name\":\"r\",\"ScheduleExpression\":\"rate(1 minutes)\"}", ERR_VALIDATION, "Parameter ScheduleExpression is not valid."},
         {"PutRule", "{\"Name\":\"r\",\"EventPattern\":\"{\\\"source\\\":[]}\"}", ERR_PATTERN,
          "Event pattern is not valid. Reason: Empty arrays are not allowed\n at [Source: (String)\"{\"source\":[]}\"; line: 1, column: 13]"},
         {"PutRule", "{\"Name\":\"r\"," PATTERN ",\"EventBusName\":\"x\"}", ERR_NOT_FOUND, "Event bus x does not exist."},
         {"PutRule", "{\"Name\":\"r\"," PATTERN ",\"State\":\"SLEEPING\"}", ERR_VALIDATION,
          "1 validation error detected: Value 'SLEEPING' at 'state' failed to satisfy constraint: Member must satisfy enum value set: [ENABLED, DISABLED, "
          "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS]"},
         {"PutRule", "{\"Name\":\"r\"," PATTERN ",\"Description\":\"d\"}", OK, "{\"RuleArn\":\"" ARN "rule/r\"}"},
         {"DescribeRule", "{\"Name\":\"r\"}", OK, "{\"Name\":\"r\",\"Arn\":\"" ARN "rule/r\"," PATTERN ",\"State\":\"ENABLED\",\"Description\":\"d\",\"EventBusName\":\"default\",\"CreatedBy\":\"" A1 "\"}"},
         {"DisableRule", "{\"Name\":\"r\"}", OK, "{}"},
         {"ListRules", "{}", OK, "{\"Rules\":[{\"Name\":\"r\",\"Arn\":\"" ARN "rule/r\"," PATTERN ",\"State\":\"DISABLED\",\"Description\":\"d\",\"EventBusName\":\"default\"}]}"},
         {"EnableRule", "{\"Name\":\"none\"}", ERR_NOT_FOUND, "Rule none does not exist on EventBus default."},
         {"PutRule", "{\"Name\":\"s\",\"ScheduleExpression\":\"cron(0 12 * * ? *)\"}", OK, NULL},
         {"PutRule", "{\"Name\":\"t\"," PATTERN "}", ERR_LIMIT, "The requested resource exceeds the maximum number allowed."},
         {"PutRule", "{\"Name\":\"r\"," PATTERN "}", OK, NULL}, /* replacing is no new one */
         {"DeleteRule", "{\"Name\":\"never-there\"}", OK, "{}"});
}

#define Q(name) "arn:aws:sqs:us-east-1:" A1 ":" name
static void targets(void **state) {
    (void)state;
    host.settings.targets_per_rule = 3;
    WALK({"PutRule", "{\"Name\":\"r\"," PATTERN "}", OK, NULL},
         {"PutTargets", "{\"Rule\":\"x\",\"Targets\":[{\"Id\":\"1\",\"Arn\":\"" Q("q") "\"}]}", ERR_NOT_FOUND, "Rule x does not exist on EventBus default."},
         {"PutTargets", "{\"Rule\":\"r\",\"Targets\":[{\"Id\":\"b\",\"Arn\":\"" Q("q") "\",\"RoleArn\":\"role\",\"EcsParameters\":{\"TaskCount\":2}},{\"Id\":\"a\",\"Arn\":\"" Q("q") "\",\"InputPath\":\"$.detail\"}]}",
          OK, "{\"FailedEntryCount\":0,\"FailedEntries\":[]}"},
         {"ListTargetsByRule", "{\"Rule\":\"r\"}", OK,
          "{\"Targets\":[{\"Id\":\"a\",\"Arn\":\"" Q("q") "\",\"InputPath\":\"$.detail\"},{\"Id\":\"b\",\"Arn\":\"" Q("q") "\",\"RoleArn\":\"role\",\"EcsParameters\":{\"TaskCount\":2}}]}"},
         {"PutTargets", "{\"Rule\":\"r\",\"Targets\":[{\"Id\":\"a\",\"Arn\":\"" Q("other") "\"},{\"Id\":\"c\",\"Arn\":\"" Q("q") "\",\"Input\":\"1\",\"InputPath\":\"$\"}]}", OK,
          "{\"FailedEntryCount\":1,\"FailedEntries\":[{\"TargetId\":\"c\",\"ErrorCode\":\"ValidationException\",\"ErrorMessage\":"
          "\"Only one of Input, InputPath, or InputTransformer must be provided for target c.\"}]}"},
         {"PutTargets", "{\"Rule\":\"r\",\"Targets\":[{\"Id\":\"c\",\"Arn\":\"" Q("q") "\",\"InputTransformer\":{\"InputTemplate\":\"\\\"<k>\\\"\"}}]}", OK,
          "{\"FailedEntryCount\":1,\"FailedEntries\":[{\"TargetId\":\"c\",\"ErrorCode\":\"ValidationException\",\"ErrorMessage\":"
          "\"InputTemplate for target c contains invalid placeholder k.\"}]}"},
         {"ListRuleNamesByTarget", "{\"TargetArn\":\"" Q("other") "\"}", OK, "{\"RuleNames\":[\"r\"]}"},
         {"PutTargets", "{\"Rule\":\"r\",\"Targets\":[{\"Id\":\"c\",\"Arn\":\"" Q("q") "\"},{\"Id\":\"d\",\"Arn\":\"" Q("q") "\"}]}", ERR_LIMIT, NULL},
         {"DeleteRule", "{\"Name\":\"r\"}", ERR_VALIDATION, "Rule can't be deleted since it has targets."},
         {"RemoveTargets", "{\"Rule\":\"r\",\"Ids\":[\"a\",\"zzz\"]}", OK,
          "{\"FailedEntryCount\":1,\"FailedEntries\":[{\"TargetId\":\"zzz\",\"ErrorCode\":\"ResourceNotFoundException\",\"ErrorMessage\":\"Target zzz does not exist on rule r.\"}]}"},
         {"RemoveTargets", "{\"Rule\":\"r\",\"Ids\":[\"b\"]}", OK, NULL}, {"DeleteRule", "{\"Name\":\"r\"}", OK, "{}"},
         {"PutTargets", "{\"Rule\":\"r\",\"Targets\":[{\"Id\":\"x y\",\"Arn\":\"\"}]}", ERR_VALIDATION,
          "2 validation errors detected: Value 'x y' at 'targets.1.member.id' failed to satisfy constraint: Member must satisfy regular expression pattern: "
          "[\\.\\-_A-Za-z0-9]+; Value '' at 'targets.1.member.arn' failed to satisfy constraint: Member must have length greater than or equal to 1"});
}

/* A token stays right whatever is added or removed between two pages. */
static void pages(void **state) {
    (void)state;
    static char got[65536];
    char request[512];
    for (int i = 0; i < 10; i++) {
        snprintf(request, sizeof request, "{\"Name\":\"r%d\"," PATTERN "}", i);
        assert_int_equal(ask("PutRule", request, got, sizeof got), ERR_OK);
    }
    int seen = 0;
    char token[256] = "";
    for (int page = 0; page < 10; page++) {
        if (token[0]) snprintf(request, sizeof request, "{\"Limit\":3,\"NamePrefix\":\"r\",\"NextToken\":\"%s\"}", token);
        else snprintf(request, sizeof request, "{\"Limit\":3,\"NamePrefix\":\"r\"}");
        assert_int_equal(ask("ListRules", request, got, sizeof got), ERR_OK);
        for (const char *at = got; (at = strstr(at, "{\"Name\":")); at++) seen++;
        const char *next = strstr(got, "\"NextToken\":\"");
        token[0] = 0;
        if (!next || sscanf(next, "\"NextToken\":\"%250[^\"]", token) != 1) break;
        char other[512]; /* it is of this request alone */
        snprintf(other, sizeof other, "{\"Limit\":3,\"NamePrefix\":\"r0\",\"NextToken\":\"%s\"}", token);
        WALK({"ListRules", other, ERR_VALIDATION, "Parameter NextToken is not valid."},
             {"ListEventBuses", other, ERR_VALIDATION, "Parameter NextToken is not valid."});
        if (page == 0) { /* r2 was the last one seen */
            assert_int_equal(ask("DeleteRule", "{\"Name\":\"r2\"}", got, sizeof got), ERR_OK);
            assert_int_equal(ask("PutRule", "{\"Name\":\"r0a\"," PATTERN "}", got, sizeof got), ERR_OK);
        }
    }
    assert_int_equal(seen, 10);
    WALK({"ListRules", "{\"NextToken\":\"nonsense\"}", ERR_VALIDATION, "Parameter NextToken is not valid."},
         {"ListRules", "{\"Limit\":0}", ERR_VALIDATION, NULL}, {"ListEventBuses", "{\"Limit\":101}", ERR_VALIDATION, NULL});
}

static void patterns_are_tested(void **state) {
    (void)state;
#define EVENT "\"Event\":\"{\\\"id\\\":\\\"1\\\",\\\"account\\\":\\\"1\\\",\\\"source\\\":\\\"a\\\",\\\"time\\\":\\\"t\\\",\\\"region\\\":\\\"r\\\",\\\"detail-type\\\":\\\"d\\\"}\""
    WALK({"TestEventPattern", "{" PATTERN "," EVENT "}", OK, "{\"Result\":true}"},
         {"TestEventPattern", "{\"EventPattern\":\"{\\\"source\\\":[\\\"b\\\"]}\"," EVENT "}", OK, "{\"Result\":false}"},
         {"TestEventPattern", "{" PATTERN ",\"Event\":\"{}\"}", ERR_VALIDATION, "Parameter Event is not valid."},
         {"TestEventPattern", "{\"EventPattern\":\"[]\"," EVENT "}", ERR_PATTERN, NULL});
}

static void tags(void **state) {
    (void)state;
    WALK({"PutRule", "{\"Name\":\"r\"," PATTERN ",\"Tags\":[{\"Key\":\"a\",\"Value\":\"1\"}]}", OK, NULL},
         {"TagResource", "{\"ResourceARN\":\"" ARN "rule/r\",\"Tags\":[{\"Key\":\"b\",\"Value\":\"2\"},{\"Key\":\"a\",\"Value\":\"3\"}]}", OK, "{}"},
         {"ListTagsForResource", "{\"ResourceARN\":\"" ARN "rule/r\"}", OK, "{\"Tags\":[{\"Key\":\"b\",\"Value\":\"2\"},{\"Key\":\"a\",\"Value\":\"3\"}]}"},
         {"UntagResource", "{\"ResourceARN\":\"" ARN "rule/r\",\"TagKeys\":[\"b\",\"never\"]}", OK, "{}"},
         {"ListTagsForResource", "{\"ResourceARN\":\"" ARN "rule/r\"}", OK, "{\"Tags\":[{\"Key\":\"a\",\"Value\":\"3\"}]}"},
         {"ListTagsForResource", "{\"ResourceARN\":\"" ARN "rule/none\"}", ERR_NOT_FOUND, "Rule none does not exist on EventBus default."},
         {"ListTagsForResource", "{\"ResourceARN\":\"nonsense\"}", ERR_VALIDATION, NULL});
}

/* Tags are given to a new resource with it, or not at all; a rule that is there keeps its own. */
static void tags_of_new_resources(void **state) {
    (void)state;
    WALK({"CreateEventBus", "{\"Name\":\"b\",\"Tags\":[{\"Key\":\"a\",\"Value\":\"1\"},{\"Key\":\"empty\",\"Value\":\"\"}]}", OK, NULL},
         {"ListTagsForResource", "{\"ResourceARN\":\"" ARN "event-bus/b\"}", OK, "{\"Tags\":[{\"Key\":\"a\",\"Value\":\"1\"},{\"Key\":\"empty\",\"Value\":\"\"}]}"},
         {"PutRule", "{\"Name\":\"r\"," PATTERN ",\"Tags\":[{\"Key\":\"a\",\"Value\":\"1\"}]}", OK, NULL},
         {"PutRule", "{\"Name\":\"r\"," PATTERN ",\"Tags\":[{\"Key\":\"a\",\"Value\":\"2\"}]}", OK, NULL},
         {"ListTagsForResource", "{\"ResourceARN\":\"" ARN "rule/r\"}", OK, "{\"Tags\":[{\"Key\":\"a\",\"Value\":\"1\"}]}"},
         {"PutRule", "{\"Name\":\"s\"," PATTERN ",\"Tags\":[{\"Key\":\"\",\"Value\":\"1\"}]}", ERR_VALIDATION,
          "1 validation error detected: Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1"});
    static char request[8192], got[256];
    for (int rule = 0; rule < 2; rule++) {
        int n = snprintf(request, sizeof request, rule ? "{\"Name\":\"s\"," PATTERN ",\"Tags\":[" : "{\"Name\":\"c\",\"Tags\":[");
        for (int i = 0; i < 51; i++) n += snprintf(request + n, sizeof request - (size_t)n, "%s{\"Key\":\"k%d\",\"Value\":\"v\"}", i ? "," : "", i);
        snprintf(request + n, sizeof request - (size_t)n, "]}");
        assert_int_equal(ask(rule ? "PutRule" : "CreateEventBus", request, got, sizeof got), ERR_LIMIT);
    }
    WALK({"DescribeRule", "{\"Name\":\"s\"}", ERR_NOT_FOUND, NULL}, {"DescribeEventBus", "{\"Name\":\"c\"}", ERR_NOT_FOUND, NULL});
}

/* What is kept about a bus and given back, over a restart too. */
static void settings_of_buses(void **state) {
    (void)state;
#define DLQ "\"DeadLetterConfig\":{\"Arn\":\"" Q("dlq") "\"}"
#define LOG_CONFIG(level, detail) "\"LogConfig\":{\"IncludeDetail\":\"" detail "\",\"Level\":\"" level "\"}"
#define KEY "\"KmsKeyIdentifier\":\"arn:aws:kms:us-east-1:" A1 ":key/k\""
    clock_fake(1777593600000);
    WALK({"CreateEventBus", "{\"Name\":\"b\"," KEY ",\"Description\":\"d\"," DLQ "," LOG_CONFIG("INFO", "FULL") "}", OK,
          "{\"EventBusArn\":\"" ARN "event-bus/b\",\"Description\":\"d\"," KEY "," DLQ "," LOG_CONFIG("INFO", "FULL") "}"});
    api_close(api);
    host_reopen();
    struct fault fault;
    struct api_options options = {.flow = host.flow, .durability = STR("off"), .threads = 1};
    assert_int_equal(api_open(&options, &api, &fault), ERR_OK);
    WALK({"DescribeEventBus", "{\"Name\":\"b\"}", OK,
          "{\"Name\":\"b\",\"Arn\":\"" ARN "event-bus/b\",\"Description\":\"d\"," KEY "," DLQ "," LOG_CONFIG("INFO", "FULL")
          ",\"CreationTime\":1777593600,\"LastModifiedTime\":1777593600}"});
    clock_fake(1777593601000);
    WALK({"UpdateEventBus", "{\"Name\":\"b\",\"LogConfig\":{\"Level\":\"OFF\"}}", OK,
          "{\"Arn\":\"" ARN "event-bus/b\",\"Name\":\"b\"," KEY ",\"Description\":\"d\"," DLQ "," LOG_CONFIG("OFF", "FULL") "}"},
         {"ListEventBuses", "{\"NamePrefix\":\"b\"}", OK,
          "{\"EventBuses\":[{\"Name\":\"b\",\"Arn\":\"" ARN "event-bus/b\",\"Description\":\"d\",\"CreationTime\":1777593600,\"LastModifiedTime\":1777593601}]}"},
         {"CreateEventBus", "{\"Name\":\"c\",\"LogConfig\":{\"Level\":\"LOUD\",\"IncludeDetail\":\"SOME\"}}", ERR_VALIDATION,
          "2 validation errors detected: Value 'SOME' at 'logConfig.includeDetail' failed to satisfy constraint: Member must satisfy enum value set: [NONE, FULL]; "
          "Value 'LOUD' at 'logConfig.level' failed to satisfy constraint: Member must satisfy enum value set: [OFF, ERROR, INFO, TRACE]"});
    clock_real();
}

static void put_events(void **state) {
    (void)state;
    static char got[65536];
    WALK({"PutEvents", "{\"Entries\":[]}", ERR_VALIDATION, NULL}, {"PutEvents", "{}", ERR_VALIDATION, NULL}, {"PutEvents", "[]", ERR_MALFORMED, NULL},
         {"PutEvents", "{\"Entries\":5}", ERR_MALFORMED, NULL}, {"Nonsense", "{}", ERR_UNKNOWN_OPERATION, "There is no operation 'Nonsense'."});
    char request[4096] = "{\"Entries\":[";
    for (int i = 0; i < 11; i++) strcat(request, i ? ",{\"Source\":\"a\"}" : "{\"Source\":\"a\"}");
    strcat(request, "]}");
    assert_int_equal(ask("PutEvents", request, got, sizeof got), ERR_VALIDATION);
    assert_non_null(strstr(got, "at 'entries' failed to satisfy constraint: Member must have length less than or equal to 10"));
}

/* What the control plane made is there again when the daemon comes back. */
static void everything_survives_a_restart(void **state) {
    (void)state;
    static char before[4][16384], after[16384];
    static const struct { const char *operation, *request; } looks[] = {{"ListEventBuses", "{}"}, {"DescribeEventBus", "{}"}, {"ListRules", "{\"EventBusName\":\"b\"}"},
                                                                          {"ListTargetsByRule", "{\"Rule\":\"r\",\"EventBusName\":\"b\"}"}};
    WALK({"CreateEventBus", "{\"Name\":\"b\",\"Description\":\"d\"}", OK, NULL},
         {"PutPermission", "{\"Action\":\"events:PutEvents\",\"Principal\":\"" A2 "\",\"StatementId\":\"one\"}", OK, NULL},
         {"PutRule", "{\"Name\":\"r\",\"EventBusName\":\"b\"," PATTERN ",\"ScheduleExpression\":\"rate(2 days)\",\"State\":\"DISABLED\"}", OK, NULL},
         {"PutTargets", "{\"Rule\":\"r\",\"EventBusName\":\"b\",\"Targets\":[{\"Id\":\"1\",\"Arn\":\"" Q("q") "\",\"RetryPolicy\":{\"MaximumRetryAttempts\":3},"
          "\"InputTransformer\":{\"InputPathsMap\":{\"x\":\"$.detail\"},\"InputTemplate\":\"<x>\"}}]}", OK, NULL});
    for (int i = 0; i < 4; i++) assert_int_equal(ask(looks[i].operation, looks[i].request, before[i], sizeof before[i]), ERR_OK);
    struct fault fault;
    struct api_options options = {.durability = STR("off"), .threads = 1};
    api_close(api);
    host_reopen();
    options.flow = host.flow;
    ok(api_open(&options, &api, &fault), &fault);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ask(looks[i].operation, looks[i].request, after, sizeof after), ERR_OK);
        assert_string_equal(after, before[i]);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {T(buses), T(permissions), T(rules), T(targets), T(pages), T(patterns_are_tested), T(tags), T(tags_of_new_resources), T(settings_of_buses), T(put_events),
                                       T(everything_survives_a_restart)};
    return cmocka_run_group_tests_name("api/events", tests, NULL, NULL);
}
