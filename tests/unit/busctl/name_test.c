#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "catalog.h"
#include "name.h"
#include "verb.h"

static void names_are_spelled_as_the_aws_cli_does(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"PutRule", "put-rule"},       {"EventBusName", "event-bus-name"}, {"ResourceARN", "resource-arn"}, {"KMSKeyId", "kms-key-id"},
        {"logGroupName", "log-group-name"}, {"QueueUrl", "queue-url"},     {"DestinationARNs", "destination-arns"}, {"Id", "id"},
        {"MD5OfBody", "md5-of-body"},  {"TestSQSQueue", "test-sqs-queue"}, {"", ""},
    };
    char out[NAME_SIZE];
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        name_kebab(pairs[i][0], out);
        assert_string_equal(out, pairs[i][1]);
    }
}

static void no_two_flags_of_a_verb_are_the_same(void **state) {
    (void)state;
    size_t count;
    const struct operation *const *tables = model_tables(&count);
    for (size_t t = 0; t < count; t++)
        for (const struct operation *o = tables[t]; o->name; o++)
            for (const struct member *m = o->in->members; m->name; m++)
                for (const struct member *n = m + 1; n->name; n++) {
                    char a[NAME_SIZE], b[NAME_SIZE];
                    name_flag(o, m, a);
                    name_flag(o, n, b);
                    if (!strcmp(a, b)) fail_msg("%s.%s: --%s stands for two members", o->service, o->name, a);
                }
}

static void verbs_are_found_and_near_ones_offered(void **state) {
    (void)state;
    static struct fault fault;
    const struct operation *o = verb_find(NULL, "put-rule", &fault);
    assert_non_null(o);
    assert_string_equal(o->name, "PutRule");
    assert_non_null(verb_find("bus", "create-account", &fault));
    assert_null(verb_find("bus", "put-rule", &fault));
    assert_null(verb_find(NULL, "put-evnts", &fault));
    assert_string_equal(fault.message, "there is no verb 'put-evnts', did you mean 'put-events'?");
    assert_null(verb_find(NULL, "zzzzzzzzzz", &fault));
    assert_string_equal(fault.message, "there is no verb 'zzzzzzzzzz'");
    o = verb_find(NULL, "tag-resource", &fault); /* of several services: EventBridge's */
    assert_string_equal(o->service, "events");
    assert_null(verb_find(NULL, "test-patern", &fault));
    assert_non_null(strstr(fault.message, "did you mean 'test-pattern'?"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_spelled_as_the_aws_cli_does),
        cmocka_unit_test(no_two_flags_of_a_verb_are_the_same),
        cmocka_unit_test(verbs_are_found_and_near_ones_offered),
    };
    return cmocka_run_group_tests_name("busctl/name", tests, NULL, NULL);
}
