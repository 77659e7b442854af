#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <regex.h>

#include "catalog.h"
#include "events.h"
#include "operator.h"

static struct fault fault;

static const struct operation *find(const char *name) {
    size_t count;
    const struct operation *const *tables = model_tables(&count);
    for (size_t t = 0; t < count; t++)
        for (const struct operation *o = tables[t]; o->name; o++)
            if (!strcmp(o->name, name)) return o;
    fail_msg("no operation %s", name);
    return NULL;
}

/* Every expression of every shape compiles, every structure is large enough for its members, every member has its sentence. */
static void walk(const struct shape *shape) {
    if (shape->pattern || shape->posix) {
        char text[1024];
        regex_t regex;
        snprintf(text, sizeof text, shape->posix ? "%s" : "^(%s)$", shape->posix ? shape->posix : shape->pattern);
        assert_int_equal(regcomp(&regex, text, REG_EXTENDED | REG_NOSUB), 0);
        regfree(&regex);
        assert_non_null(shape->pattern);
    }
    assert_non_null(shape->name);
    if (shape->key) walk(shape->key);
    if (shape->type == SHAPE_LIST || shape->type == SHAPE_MAP) walk(shape->item);
    if (shape->type != SHAPE_STRUCT) return;
    for (const struct member *m = shape->members; m->name; m++) {
        assert_true(m->offset < shape->size);
        assert_true(m->doc && *m->doc);
        for (const struct member *n = m + 1; n->name; n++) {
            assert_true(strcmp(m->name, n->name) != 0);
            assert_true(m->offset != n->offset);
        }
        walk(m->shape);
    }
}

static void every_shape_of_every_operation_is_sound(void **state) {
    (void)state;
    size_t count, seen = 0;
    const struct operation *const *tables = model_tables(&count);
    for (size_t t = 0; t < count; t++)
        for (const struct operation *o = tables[t]; o->name; o++, seen++) {
            assert_int_equal(o->in->type, SHAPE_STRUCT);
            walk(o->in);
            if (o->out) walk(o->out);
            assert_true(o->help && *o->help);
            assert_true(o->access == ACCESS_OPERATOR ? !o->action : o->action != NULL);
        }
    assert_true(seen >= 30);
}

static enum err decode(const char *operation, const char *json, struct arena *a, void *out) {
    return shape_decode(find(operation)->in, str_from(json), true, a, out, &fault);
}

static void put_targets_takes_every_field_and_gives_it_back(void **state) {
    (void)state;
    static const char text[] =
        "{\"Rule\":\"r\",\"EventBusName\":\"arn:aws:events:us-east-1:111122223333:event-bus/"
        "b\",\"Targets\":[{\"Id\":\"1\",\"Arn\":\"a\",\"RoleArn\":\"r\","
        "\"InputTransformer\":{\"InputPathsMap\":{\"x\":\"$.detail\"},\"InputTemplate\":\"<x>\"},\"KinesisParameters\":{"
        "\"PartitionKeyPath\":\"$.id\"},"
        "\"EcsParameters\":{\"TaskDefinitionArn\":\"t\",\"TaskCount\":2},\"SqsParameters\":{\"MessageGroupId\":\"g\"},\"HttpParameters\":{"
        "\"PathParameterValues\":[\"p\"],\"HeaderParameters\":{\"X-A\":\"b "
        "c\"},\"QueryStringParameters\":{\"q\":\"v\"}},\"DeadLetterConfig\":{\"Arn\":\"d\"},"
        "\"RetryPolicy\":{\"MaximumRetryAttempts\":0,\"MaximumEventAgeInSeconds\":60}}]}";
    struct arena a;
    arena_init(&a, 0);
    struct events_put_targets in = {0};
    assert_int_equal(decode("PutTargets", text, &a, &in), ERR_OK);
    const struct events_target *t = LIST_AT(in.targets, struct events_target, 0);
    assert_true(str_eqz(t->ecs, "{\"TaskDefinitionArn\":\"t\",\"TaskCount\":2}"));
    assert_true(t->retry->attempts.set && t->retry->attempts.v == 0);
    struct buf again;
    buf_init(&again, 0);
    shape_encode(find("PutTargets")->in, &in, &again);
    assert_true(str_eqz(buf_str(&again), text));
    buf_fini(&again);
    arena_fini(&a);
}

static void limits_are_those_of_the_service(void **state) {
    (void)state;
    static const struct {
        const char *operation, *json, *part;
    } refused[] = {
        {"PutRule", "{\"Name\":\"a/b\"}",
         "Value 'a/b' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+"},
        {"PutRule", "{\"Name\":\"a\",\"State\":\"ON\"}",
         "Member must satisfy enum value set: [ENABLED, DISABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS]"},
        {"PutTargets", "{\"Rule\":\"r\",\"Targets\":[{\"Id\":\"x y\",\"Arn\":\"a\"}]}", "Value 'x y' at 'targets.1.member.id' failed"},
        {"PutTargets", "{\"Rule\":\"r\",\"Targets\":[]}",
         "at 'targets' failed to satisfy constraint: Member must have length greater than or equal to 1"},
        {"PutTargets", "{\"Rule\":\"r\",\"Targets\":[{\"Id\":\"1\",\"Arn\":\"a\",\"RetryPolicy\":{\"MaximumEventAgeInSeconds\":59}}]}",
         "Value '59' at 'targets.1.member.retryPolicy.maximumEventAgeInSeconds' failed to satisfy constraint: Member must have value "
         "greater than or equal to 60"},
        {"PutPermission", "{\"Principal\":\"12345\"}", "Member must satisfy regular expression pattern: (\\d{12}|\\*)"},
        {"ListRules", "{\"Limit\":101}", "Member must have value less than or equal to 100"},
        {"PutEvents", "{\"Entries\":[{},{},{},{},{},{},{},{},{},{},{}]}",
         "1 validation error detected: Value '[PutEventsRequestEntry(time=null, source=null, resources=null, detailType=null, detail=null, "
         "eventBusName=null, "
         "traceHeader=null), PutEvents"},
        {"CreateAccount", "{\"AccountId\":\"12\"}",
         "Value '12' at 'accountId' failed to satisfy constraint: Member must satisfy regular expression pattern: \\d{12}"},
        {"CreateAccessKey", "{\"AccountId\":\"111122223333\",\"SecretAccessKey\":\"short\"}", "Value '****' at 'secretAccessKey'"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct arena a;
        arena_init(&a, 0);
        void *in = arena_alloc(&a, find(refused[i].operation)->in->size);
        assert_int_equal(decode(refused[i].operation, refused[i].json, &a, in), ERR_VALIDATION);
        if (!strstr(fault.message, refused[i].part)) fail_msg("%s: %s", refused[i].operation, fault.message);
        arena_fini(&a);
    }
}

static void requests_of_every_day_pass(void **state) {
    (void)state;
    static const struct {
        const char *operation, *json;
    } passed[] = {
        {"PutEvents", "{\"Entries\":[{}]}"},
        {"PutEvents", "{\"Entries\":[{\"Time\":1777593600,\"Source\":\"\",\"Detail\":\"no json\"}]}"},
        {"PutRule", "{\"Name\":\"a-b_c.d\",\"EventBusName\":\"aws.partner/x/y\",\"Tags\":[{\"Key\":\"k\",\"Value\":\"\"}]}"},
        {"PutPermission", "{\"Principal\":\"*\",\"Action\":\"events:PutEvents\",\"StatementId\":\"a-b_c\",\"Condition\":{\"Type\":"
                          "\"StringEquals\",\"Key\":\"k\",\"Value\":\"v\"}}"},
        {"DescribeEventBus", "{}"},
        {"DescribeRule", "{\"Name\":\"r\",\"EventBusName\":\"arn:aws:events:local:111122223333:event-bus/default\"}"},
        {"ListAccounts", "{}"},
        {"CreateAccessKey", "{\"AccountId\":\"111122223333\",\"AccessKeyId\":\"AKIDEXAMPLE\",\"SecretAccessKey\":\"wJalrXUtnFEMI/"
                            "K7MDENG+bPxRfiCYEXAMPLEKEY\"}"},
    };
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++) {
        struct arena a;
        arena_init(&a, 0);
        void *in = arena_alloc(&a, find(passed[i].operation)->in->size);
        if (decode(passed[i].operation, passed[i].json, &a, in)) fail_msg("%s: %s", passed[i].operation, fault.message);
        arena_fini(&a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_of_every_operation_is_sound),
        cmocka_unit_test(put_targets_takes_every_field_and_gives_it_back),
        cmocka_unit_test(limits_are_those_of_the_service),
        cmocka_unit_test(requests_of_every_day_pass),
    };
    return cmocka_run_group_tests_name("model/operations", tests, NULL, NULL);
}
