#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "flow_fixture.h"

#define QUEUE_ARN "arn:aws:sqs:us-east-1:111122223333:q"
#define PATTERN "{\"source\":[\"s\"]}"
#define DEFAULT_ARN "arn:aws:events:us-east-1:111122223333:event-bus/default"

#define REFUSED(call, code, sentence)                     \
    do {                                                  \
        assert_int_equal((call), (code));                 \
        assert_string_equal(x.fault.message, (sentence)); \
    } while (0)

static struct world *world_of(struct fixture *x) { return flow_world(x->flow); }

static enum err put_rule(struct fixture *x, struct bus_ref bus, const char *name, const char *pattern, const char *schedule) {
    struct str arn;
    struct rule_spec spec = {.bus = bus, .name = str_from(name), .pattern = str_from(pattern), .schedule = str_from(schedule), .created_by = bus.account};
    return world_put_rule(world_of(x), &spec, &x->arena, &arn, &x->fault);
}

static enum err put_target(struct fixture *x, struct bus_ref bus, const char *rule, const char *target, struct target_failure **failures, size_t *n) {
    struct str text = str_from(target);
    return world_put_targets(world_of(x), bus, str_from(rule), &text, 1, &x->arena, failures, n, &x->fault);
}

/* ---- accounts and keys -------------------------------------------------------------------------------------------------------- */
static void accounts_are_made_once_with_a_default_bus(void **state) {
    (void)state;
    struct fixture x;
    struct bus_info bus;
    fixture_start(&x, false);
    REFUSED(world_create_account(world_of(&x), OWNER, STR("again"), &x.fault), ERR_EXISTS, "Account 111122223333 already exists.");
    static const char *const bad[] = {"", "1", "11112222333", "1111222233334", "11112222333x", "arn:aws:iam:"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(world_create_account(world_of(&x), str_from(bad[i]), STR_NULL, &x.fault), ERR_VALIDATION);
    assert_int_equal(world_describe_bus(world_of(&x), fixture_bus(OWNER, "default"), &x.arena, &bus, &x.fault), ERR_OK);
    ASSERT_TEXT(bus.arn, DEFAULT_ARN);
    assert_null(bus.policy.p);
    struct account_info *accounts;
    size_t count;
    assert_int_equal(world_list_accounts(world_of(&x), &x.arena, &accounts, &count, &x.fault), ERR_OK);
    assert_int_equal(count, 3);
    ASSERT_TEXT(accounts[0].id, "111122223333");
    ASSERT_TEXT(accounts[0].name, "owner");
    ASSERT_TEXT(accounts[2].id, "777788889999");
    fixture_end(&x);
}

static void a_deleted_account_takes_its_buses_rules_and_keys_with_it(void **state) {
    (void)state;
    struct fixture x;
    fixture_start(&x, true);
    struct bus_info bus;
    struct account_info *accounts;
    size_t count;
    assert_int_equal(world_create_bus(world_of(&x), fixture_bus(OTHER, "orders"), STR_NULL, STR_NULL, STR_NULL, &x.fault), ERR_OK);
    assert_int_equal(put_rule(&x, fixture_bus(OTHER, "orders"), "r", PATTERN, NULL), ERR_OK);
    struct caller *caller = fixture_caller(&x, OTHER);
    assert_int_equal(world_delete_account(world_of(&x), OTHER, &x.fault), ERR_OK);
    assert_null(world_caller(world_of(&x), caller->key_id));
    ASSERT_TEXT(caller->account, "444455556666"); /* a request under way goes on */
    caller_release(caller);
    assert_int_equal(world_describe_bus(world_of(&x), fixture_bus(OTHER, "orders"), &x.arena, &bus, &x.fault), ERR_NOT_FOUND);
    REFUSED(world_delete_account(world_of(&x), OTHER, &x.fault), ERR_NOT_FOUND, "Account 444455556666 does not exist.");
    fixture_reopen(&x);
    assert_int_equal(world_list_accounts(world_of(&x), &x.arena, &accounts, &count, &x.fault), ERR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(world_create_account(world_of(&x), OTHER, STR_NULL, &x.fault), ERR_OK); /* and nothing of the old one is left */
    assert_int_equal(world_describe_bus(world_of(&x), fixture_bus(OTHER, "orders"), &x.arena, &bus, &x.fault), ERR_NOT_FOUND);
    fixture_end(&x);
}

static void keys_are_made_listed_narrowed_and_deleted(void **state) {
    (void)state;
    struct fixture x;
    fixture_start(&x, true);
    struct str id, secret, made_id, made_secret;
    struct key_spec made = {.account = OWNER, .description = STR("laptop")};
    struct key_spec given = {.id = STR("MYKEY"), .secret = STR("long enough"), .account = OTHER, .is_operator = true};
    assert_int_equal(world_create_key(world_of(&x), &made, &x.arena, &made_id, &made_secret, &x.fault), ERR_OK);
    assert_int_equal(made_id.n, 20);
    assert_true(str_starts(made_id, STR("AKIA")));
    assert_int_equal(made_secret.n, 40);
    assert_int_equal(world_create_key(world_of(&x), &given, &x.arena, &id, &secret, &x.fault), ERR_OK);
    REFUSED(world_create_key(world_of(&x), &given, &x.arena, &id, &secret, &x.fault), ERR_EXISTS, "Access key MYKEY already exists.");
    struct key_spec nobody = {.account = STR("000000000001")};
    REFUSED(world_create_key(world_of(&x), &nobody, &x.arena, &id, &secret, &x.fault), ERR_NOT_FOUND, "Account 000000000001 does not exist.");
    struct key_spec odd = {.id = STR("a b"), .account = OWNER}, brief = {.secret = STR("short"), .account = OWNER};
    assert_int_equal(world_create_key(world_of(&x), &odd, &x.arena, &id, &secret, &x.fault), ERR_VALIDATION);
    assert_int_equal(world_create_key(world_of(&x), &brief, &x.arena, &id, &secret, &x.fault), ERR_VALIDATION);
    struct key_spec wrong = {.account = OWNER, .policy = STR("{\"Statement\":1}")};
    assert_int_equal(world_create_key(world_of(&x), &wrong, &x.arena, &id, &secret, &x.fault), ERR_VALIDATION);

    struct str policy = STR("{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"events:PutEvents\",\"Resource\":\"*\"}]}");
    assert_int_equal(world_set_key_policy(world_of(&x), made_id, STR("{}"), &x.fault), ERR_VALIDATION);
    assert_int_equal(world_set_key_policy(world_of(&x), made_id, policy, &x.fault), ERR_OK);
    REFUSED(world_set_key_policy(world_of(&x), STR("NOKEY"), policy, &x.fault), ERR_NOT_FOUND, "Access key NOKEY does not exist.");
    fixture_reopen(&x);
    struct key_info *keys;
    size_t count;
    assert_int_equal(world_list_keys(world_of(&x), OWNER, &x.arena, &keys, &count, &x.fault), ERR_OK);
    assert_int_equal(count, 1);
    assert_true(str_eq(keys[0].id, made_id));
    assert_true(str_eq(keys[0].policy, policy));
    ASSERT_TEXT(keys[0].description, "laptop");
    assert_false(keys[0].is_operator);
    assert_int_equal(world_list_keys(world_of(&x), STR_NULL, &x.arena, &keys, &count, &x.fault), ERR_OK);
    assert_int_equal(count, 2);
    struct caller *caller = world_caller(world_of(&x), made_id), *op = world_caller(world_of(&x), STR("MYKEY"));
    assert_true(str_eq(caller->secret, made_secret)); /* narrowing keeps the secret, also over a restart */
    assert_non_null(caller->identity);
    assert_true(op->is_operator);
    ASSERT_TEXT(op->principal_arn, "arn:aws:iam::444455556666:user/MYKEY");
    caller_release(op);
    caller_release(caller);
    assert_int_equal(world_set_key_policy(world_of(&x), made_id, STR_NULL, &x.fault), ERR_OK);
    caller = world_caller(world_of(&x), made_id);
    assert_null(caller->identity);
    caller_release(caller);
    assert_int_equal(world_delete_key(world_of(&x), made_id, &x.fault), ERR_OK);
    assert_int_equal(world_delete_key(world_of(&x), made_id, &x.fault), ERR_NOT_FOUND);
    fixture_reopen(&x);
    assert_null(world_caller(world_of(&x), made_id));
    fixture_end(&x);
}

/* ---- buses ------------------------------------------------------------------------------------------------------------------------ */
static void bus_references_are_names_or_arns(void **state) {
    (void)state;
    struct fixture x;
    struct bus_ref ref;
    struct fault fault;
    fixture_start(&x, false);
    assert_int_equal(bus_ref_parse(world_of(&x), OWNER, STR_NULL, &ref, &fault), ERR_OK);
    ASSERT_TEXT(ref.name, "default");
    assert_int_equal(bus_ref_parse(world_of(&x), OWNER, STR("aws.partner/x.com/y"), &ref, &fault), ERR_OK);
    ASSERT_TEXT(ref.account, "111122223333");
    assert_int_equal(bus_ref_parse(world_of(&x), OWNER, STR("arn:aws:events:us-east-1:444455556666:event-bus/b"), &ref, &fault), ERR_OK);
    ASSERT_TEXT(ref.account, "444455556666");
    ASSERT_TEXT(ref.name, "b");
    static const char *const bad[] = {"a b", "a*", "arn:aws:events:us-east-1:444455556666:rule/b", "arn:aws:sqs:us-east-1:444455556666:event-bus/b",
                                      "arn:aws:events:us-east-1:4444:event-bus/b",
                                      "arn:aws:events:eu-west-1:444455556666:event-bus/b", "arn:aws:events:us-east-1:444455556666:event-bus/a b",
                                      "arn:aws:events:us-east-1:444455556666:event-bus/", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_int_equal(bus_ref_parse(world_of(&x), OWNER, str_from(bad[i]), &ref, &fault), ERR_VALIDATION);
    char longest[257];
    memset(longest, 'b', sizeof longest);
    assert_int_equal(bus_ref_parse(world_of(&x), OWNER, str_of(longest, 256), &ref, &fault), ERR_OK);
    assert_int_equal(bus_ref_parse(world_of(&x), OWNER, str_of(longest, 257), &ref, &fault), ERR_VALIDATION);
    fixture_end(&x);
}

static void buses_are_made_changed_and_deleted_with_the_services_sentences(void **state) {
    (void)state;
    struct fixture x;
    fixture_start(&x, true);
    struct bus_ref bus = fixture_bus(OWNER, "orders");
    struct bus_info info;
    assert_int_equal(world_create_bus(world_of(&x), bus, STR("first"), STR(QUEUE_ARN), STR("key"), &x.fault), ERR_OK);
    REFUSED(world_create_bus(world_of(&x), bus, STR_NULL, STR_NULL, STR_NULL, &x.fault), ERR_EXISTS, "Event bus orders already exists.");
    REFUSED(world_create_bus(world_of(&x), fixture_bus(STR("000000000001"), "b"), STR_NULL, STR_NULL, STR_NULL, &x.fault), ERR_NOT_FOUND,
            "Account 000000000001 does not exist.");
    assert_int_equal(world_create_bus(world_of(&x), fixture_bus(OWNER, "a b"), STR_NULL, STR_NULL, STR_NULL, &x.fault), ERR_VALIDATION);
    assert_int_equal(world_update_bus(world_of(&x), bus, STR("second"), STR_NULL, STR_NULL, &x.fault), ERR_OK);
    fixture_reopen(&x);
    assert_int_equal(world_describe_bus(world_of(&x), bus, &x.arena, &info, &x.fault), ERR_OK);
    ASSERT_TEXT(info.description, "second");
    ASSERT_TEXT(info.dead_letter_arn, QUEUE_ARN);
    ASSERT_TEXT(info.kms_key, "key");
    ASSERT_TEXT(info.arn, "arn:aws:events:us-east-1:111122223333:event-bus/orders");
    assert_true(info.modified_ms >= info.created_ms && info.created_ms > 0);
    REFUSED(world_update_bus(world_of(&x), fixture_bus(OWNER, "gone"), STR("d"), STR_NULL, STR_NULL, &x.fault), ERR_NOT_FOUND,
            "Event bus gone does not exist.");
    REFUSED(world_describe_bus(world_of(&x), fixture_bus(OTHER, "orders"), &x.arena, &info, &x.fault), ERR_NOT_FOUND, "Event bus orders does not exist.");
    REFUSED(world_delete_bus(world_of(&x), fixture_bus(OWNER, "default"), &x.fault), ERR_VALIDATION, "Cannot delete event bus default.");
    assert_int_equal(put_rule(&x, bus, "r", PATTERN, NULL), ERR_OK);
    REFUSED(world_delete_bus(world_of(&x), bus, &x.fault), ERR_VALIDATION, "EventBus can't be deleted since it has rules.");
    assert_int_equal(world_delete_rule(world_of(&x), bus, STR("r"), &x.fault), ERR_OK);
    assert_int_equal(world_delete_bus(world_of(&x), bus, &x.fault), ERR_OK);
    assert_int_equal(world_delete_bus(world_of(&x), bus, &x.fault), ERR_OK); /* not there is fine */
    fixture_reopen(&x);
    assert_int_equal(world_describe_bus(world_of(&x), bus, &x.arena, &info, &x.fault), ERR_NOT_FOUND);
    fixture_end(&x);
}

static void an_account_has_as_many_buses_as_the_setting_says(void **state) {
    (void)state;
    struct fixture x;
    fixture_start(&x, false);
    x.settings.buses_per_account = 2;
    assert_int_equal(world_create_bus(world_of(&x), fixture_bus(OWNER, "a"), STR_NULL, STR_NULL, STR_NULL, &x.fault), ERR_OK);
    REFUSED(world_create_bus(world_of(&x), fixture_bus(OWNER, "b"), STR_NULL, STR_NULL, STR_NULL, &x.fault), ERR_LIMIT,
            "The requested resource exceeds the maximum number allowed.");
    assert_int_equal(world_create_bus(world_of(&x), fixture_bus(OTHER, "b"), STR_NULL, STR_NULL, STR_NULL, &x.fault), ERR_OK);
    fixture_reopen(&x);
    assert_int_equal(world_create_bus(world_of(&x), fixture_bus(OWNER, "b"), STR_NULL, STR_NULL, STR_NULL, &x.fault), ERR_LIMIT);
    assert_int_equal(world_delete_bus(world_of(&x), fixture_bus(OWNER, "a"), &x.fault), ERR_OK);
    assert_int_equal(world_create_bus(world_of(&x), fixture_bus(OWNER, "b"), STR_NULL, STR_NULL, STR_NULL, &x.fault), ERR_OK);
    fixture_end(&x);
}

static void pages_of_buses_stay_right_while_buses_come_and_go(void **state) {
    (void)state;
    struct fixture x;
    fixture_start(&x, false);
    static const char *const names[] = {"b3", "b1", "a1", "b2", "b4", "c1"};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(world_create_bus(world_of(&x), fixture_bus(OWNER, names[i]), STR_NULL, STR_NULL, STR_NULL, &x.fault), ERR_OK);
    struct bus_info *buses;
    size_t count;
    bool more;
    assert_int_equal(world_list_buses(world_of(&x), OWNER, STR("b"), STR_NULL, 2, &x.arena, &buses, &count, &more, &x.fault), ERR_OK);
    assert_int_equal(count, 2);
    assert_true(more);
    ASSERT_TEXT(buses[0].name, "b1");
    ASSERT_TEXT(buses[1].name, "b2");
    assert_int_equal(world_delete_bus(world_of(&x), fixture_bus(OWNER, "b2"), &x.fault), ERR_OK); /* the page's last one goes */
    assert_int_equal(world_create_bus(world_of(&x), fixture_bus(OWNER, "b0"), STR_NULL, STR_NULL, STR_NULL, &x.fault), ERR_OK);
    assert_int_equal(world_list_buses(world_of(&x), OWNER, STR("b"), STR("b2"), 2, &x.arena, &buses, &count, &more, &x.fault), ERR_OK);
    assert_int_equal(count, 2);
    assert_false(more);
    ASSERT_TEXT(buses[0].name, "b3");
    ASSERT_TEXT(buses[1].name, "b4");
    assert_int_equal(world_list_buses(world_of(&x), OTHER, STR(""), STR_NULL, 100, &x.arena, &buses, &count, &more, &x.fault), ERR_OK);
    assert_int_equal(count, 1); /* another account's buses are not shown */
    fixture_end(&x);
}

/* ---- policies ------------------------------------------------------------------------------------------------------------------------ */
static void permissions_are_added_replaced_and_removed(void **state) {
    (void)state;
    struct fixture x;
    fixture_start(&x, true);
    struct bus_ref bus = fixture_bus(OWNER, "default");
    struct bus_info info;
    struct str none = STR_NULL;
    assert_int_equal(world_add_permission(world_of(&x), bus, STR("a"), OTHER, STR("events:PutEvents"), none, none, none, &x.fault), ERR_OK);
    assert_int_equal(world_describe_bus(world_of(&x), bus, &x.arena, &info, &x.fault), ERR_OK);
    ASSERT_TEXT(info.policy, "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"a\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":"
                             "\"arn:aws:iam::444455556666:root\"},\"Action\":\"events:PutEvents\",\"Resource\":\"" DEFAULT_ARN "\"}]}");
    assert_int_equal(world_add_permission(world_of(&x), bus, STR("a"), THIRD, STR("events:PutEvents"), none, none, none, &x.fault), ERR_OK);
    assert_int_equal(world_add_permission(world_of(&x), bus, STR("org"), STR("*"), STR("events:PutEvents"), STR("StringEquals"),
                                          STR("aws:PrincipalOrgID"), STR("o-1"), &x.fault), ERR_OK);
    assert_int_equal(world_add_permission(world_of(&x), bus, STR("b"), OTHER, STR("events:PutEvents"), STR("StringEquals"), STR("aws:PrincipalOrgID"),
                                          STR("o-1"), &x.fault), ERR_VALIDATION); /* a condition needs the principal * */
    fixture_reopen(&x);
    assert_int_equal(world_describe_bus(world_of(&x), bus, &x.arena, &info, &x.fault), ERR_OK);
    ASSERT_TEXT(info.policy, "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"a\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":"
                             "\"arn:aws:iam::777788889999:root\"},\"Action\":\"events:PutEvents\",\"Resource\":\"" DEFAULT_ARN "\"},"
                             "{\"Sid\":\"org\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"events:PutEvents\",\"Resource\":\"" DEFAULT_ARN "\","
                             "\"Condition\":{\"StringEquals\":{\"aws:PrincipalOrgID\":\"o-1\"}}}]}");
    REFUSED(world_remove_permission(world_of(&x), bus, STR("c"), &x.fault), ERR_NOT_FOUND, "Statement with the provided id does not exist.");
    assert_int_equal(world_remove_permission(world_of(&x), bus, STR("a"), &x.fault), ERR_OK);
    assert_int_equal(world_remove_permission(world_of(&x), bus, STR("org"), &x.fault), ERR_OK);
    assert_int_equal(world_describe_bus(world_of(&x), bus, &x.arena, &info, &x.fault), ERR_OK);
    assert_null(info.policy.p);
    REFUSED(world_remove_permission(world_of(&x), bus, STR("a"), &x.fault), ERR_NOT_FOUND, "Statement with the provided id does not exist.");
    REFUSED(world_remove_permission(world_of(&x), fixture_bus(OWNER, "gone"), STR("a"), &x.fault), ERR_NOT_FOUND, "Event bus gone does not exist.");
    fixture_end(&x);
}

static void a_policy_is_checked_before_it_stands(void **state) {
    (void)state;
    struct fixture x;
    fixture_start(&x, false);
    struct bus_ref bus = fixture_bus(OWNER, "default");
    struct bus_info info;
#define POLICY(resource) \
    "{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"events:PutEvents\",\"Resource\":\"" resource "\"}]}"
    static const char *const bad[] = {"", "x", "[]", "{}", POLICY("arn:aws:events:us-east-1:444455556666:event-bus/default"),
                                      POLICY("arn:aws:events:us-east-1:111122223333:event-bus/orders"), "{\"Statement\":[{\"Effect\":\"Allow\"}]}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(world_set_policy(world_of(&x), bus, str_from(bad[i]), &x.fault), ERR_VALIDATION);
    assert_int_equal(world_set_policy(world_of(&x), bus, STR(POLICY(DEFAULT_ARN)), &x.fault), ERR_OK);
    assert_int_equal(world_set_policy(world_of(&x), fixture_bus(OWNER, "gone"), STR(POLICY(DEFAULT_ARN)), &x.fault), ERR_NOT_FOUND);
    x.settings.policy_characters = (int64_t)sizeof POLICY(DEFAULT_ARN) - 2;
    assert_int_equal(world_set_policy(world_of(&x), bus, STR(POLICY(DEFAULT_ARN)), &x.fault), ERR_POLICY_LENGTH);
    assert_int_equal(world_add_permission(world_of(&x), bus, STR("a"), OTHER, STR("events:PutEvents"), STR_NULL, STR_NULL, STR_NULL, &x.fault),
                     ERR_POLICY_LENGTH);
    assert_int_equal(world_describe_bus(world_of(&x), bus, &x.arena, &info, &x.fault), ERR_OK);
    ASSERT_TEXT(info.policy, POLICY(DEFAULT_ARN)); /* what was refused changed nothing */
    assert_int_equal(world_set_policy(world_of(&x), bus, STR_NULL, &x.fault), ERR_OK);
    assert_int_equal(world_describe_bus(world_of(&x), bus, &x.arena, &info, &x.fault), ERR_OK);
    assert_null(info.policy.p);
    fixture_end(&x);
}

/* ---- rules ------------------------------------------------------------------------------------------------------------------------------ */
static void rules_are_put_described_and_deleted_with_the_services_sentences(void **state) {
    (void)state;
    struct fixture x;
    fixture_start(&x, true);
    struct bus_ref bus = fixture_bus(OWNER, "default"), orders = fixture_bus(OWNER, "orders");
    struct rule_info info;
    struct str arn;
    assert_int_equal(world_create_bus(world_of(&x), orders, STR_NULL, STR_NULL, STR_NULL, &x.fault), ERR_OK);
    REFUSED(put_rule(&x, bus, "r", NULL, NULL), ERR_VALIDATION, "Parameter(s) EventPattern or ScheduleExpression must be specified.");
    REFUSED(put_rule(&x, bus, "r", "", ""), ERR_VALIDATION, "Parameter(s) EventPattern or ScheduleExpression must be specified.");
    REFUSED(put_rule(&x, bus, "r", NULL, "rate(1 minutes)"), ERR_VALIDATION, "Parameter ScheduleExpression is not valid.");
    REFUSED(put_rule(&x, fixture_bus(OWNER, "gone"), "r", PATTERN, NULL), ERR_NOT_FOUND, "Event bus gone does not exist.");
    assert_int_equal(put_rule(&x, bus, "r", "{\"source\":[]}", NULL), ERR_PATTERN);
    assert_true(str_starts(str_from(x.fault.message), STR("Event pattern is not valid. Reason: ")));
    struct rule_spec spec = {.bus = orders, .name = STR("r"), .pattern = STR(PATTERN), .schedule = STR("rate(5 minutes)"), .description = STR("d"),
                             .role_arn = STR("role"), .state = STR("DISABLED"), .created_by = OTHER};
    assert_int_equal(world_put_rule(world_of(&x), &spec, &x.arena, &arn, &x.fault), ERR_OK);
    ASSERT_TEXT(arn, "arn:aws:events:us-east-1:111122223333:rule/orders/r");
    fixture_reopen(&x);
    assert_int_equal(world_describe_rule(world_of(&x), orders, STR("r"), &x.arena, &info, &x.fault), ERR_OK);
    ASSERT_TEXT(info.arn, "arn:aws:events:us-east-1:111122223333:rule/orders/r");
    ASSERT_TEXT(info.pattern, PATTERN);
    ASSERT_TEXT(info.schedule, "rate(5 minutes)");
    ASSERT_TEXT(info.description, "d");
    ASSERT_TEXT(info.role_arn, "role");
    ASSERT_TEXT(info.state, "DISABLED");
    ASSERT_TEXT(info.created_by, "444455556666");
    ASSERT_TEXT(info.bus, "orders");
    assert_int_equal(put_rule(&x, bus, "r", PATTERN, NULL), ERR_OK);
    assert_int_equal(world_describe_rule(world_of(&x), bus, STR("r"), &x.arena, &info, &x.fault), ERR_OK);
    ASSERT_TEXT(info.arn, "arn:aws:events:us-east-1:111122223333:rule/r");
    ASSERT_TEXT(info.state, "ENABLED");
    assert_null(info.schedule.p);
    REFUSED(world_describe_rule(world_of(&x), orders, STR("q"), &x.arena, &info, &x.fault), ERR_NOT_FOUND, "Rule q does not exist on EventBus orders.");
    REFUSED(world_set_rule_state(world_of(&x), orders, STR("q"), true, &x.fault), ERR_NOT_FOUND, "Rule q does not exist on EventBus orders.");
    assert_int_equal(world_set_rule_state(world_of(&x), orders, STR("r"), true, &x.fault), ERR_OK);
    fixture_reopen(&x);
    assert_int_equal(world_describe_rule(world_of(&x), orders, STR("r"), &x.arena, &info, &x.fault), ERR_OK);
    ASSERT_TEXT(info.state, "ENABLED");
    ASSERT_TEXT(info.description, "d");
    assert_int_equal(world_delete_rule(world_of(&x), orders, STR("r"), &x.fault), ERR_OK);
    assert_int_equal(world_delete_rule(world_of(&x), orders, STR("r"), &x.fault), ERR_OK); /* not there is fine */
    assert_int_equal(world_delete_rule(world_of(&x), fixture_bus(OWNER, "gone"), STR("r"), &x.fault), ERR_NOT_FOUND);
    fixture_reopen(&x);
    assert_int_equal(world_describe_rule(world_of(&x), orders, STR("r"), &x.arena, &info, &x.fault), ERR_NOT_FOUND);
    fixture_end(&x);
}

static void a_rule_put_again_keeps_its_targets_tags_and_maker(void **state) {
    (void)state;
    struct fixture x;
    fixture_start(&x, true);
    struct bus_ref bus = fixture_bus(OWNER, "default");
    struct target_failure *failures;
    struct tag tag = {STR("team"), STR("shop")}, *tags;
    struct str *targets;
    struct rule_info info;
    size_t n;
    bool more;
    struct str arn = STR("arn:aws:events:us-east-1:111122223333:rule/r");
    assert_int_equal(put_rule(&x, bus, "r", PATTERN, NULL), ERR_OK);
    assert_int_equal(put_target(&x, bus, "r", "{\"Id\":\"1\",\"Arn\":\"" QUEUE_ARN "\"}", &failures, &n), ERR_OK);
    assert_int_equal(n, 0);
    assert_int_equal(world_tag(world_of(&x), arn, &tag, 1, &x.fault), ERR_OK);
    struct rule_spec spec = {.bus = bus, .name = STR("r"), .schedule = STR("rate(1 hour)"), .created_by = OTHER};
    assert_int_equal(world_put_rule(world_of(&x), &spec, &x.arena, &arn, &x.fault), ERR_OK);
    fixture_reopen(&x);
    assert_int_equal(world_describe_rule(world_of(&x), bus, STR("r"), &x.arena, &info, &x.fault), ERR_OK);
    assert_null(info.pattern.p);
    ASSERT_TEXT(info.schedule, "rate(1 hour)");
    ASSERT_TEXT(info.created_by, "111122223333");
    assert_int_equal(world_list_targets(world_of(&x), bus, STR("r"), STR_NULL, 10, &x.arena, &targets, &n, &more, &x.fault), ERR_OK);
    assert_int_equal(n, 1);
    assert_int_equal(world_list_tags(world_of(&x), arn, &x.arena, &tags, &n, &x.fault), ERR_OK);
    assert_int_equal(n, 1);
    REFUSED(world_delete_rule(world_of(&x), bus, STR("r"), &x.fault), ERR_VALIDATION, "Rule can't be deleted since it has targets.");
    fixture_end(&x);
}

static void limits_of_rules_and_targets_are_settings(void **state) {
    (void)state;
    struct fixture x;
    fixture_start(&x, false);
    struct bus_ref bus = fixture_bus(OWNER, "default");
    struct target_failure *failures;
    struct str *targets;
    size_t n;
    bool more;
    x.settings.rules_per_bus = 2;
    x.settings.targets_per_rule = 2;
    assert_int_equal(put_rule(&x, bus, "a", PATTERN, NULL), ERR_OK);
    assert_int_equal(put_rule(&x, bus, "b", PATTERN, NULL), ERR_OK);
    REFUSED(put_rule(&x, bus, "c", PATTERN, NULL), ERR_LIMIT, "The requested resource exceeds the maximum number allowed.");
    assert_int_equal(put_rule(&x, bus, "b", "{\"source\":[\"other\"]}", NULL), ERR_OK); /* changing is no addition */
    assert_int_equal(put_target(&x, bus, "a", "{\"Id\":\"1\",\"Arn\":\"" QUEUE_ARN "\"}", &failures, &n), ERR_OK);
    assert_int_equal(put_target(&x, bus, "a", "{\"Id\":\"2\",\"Arn\":\"" QUEUE_ARN "\"}", &failures, &n), ERR_OK);
    REFUSED(put_target(&x, bus, "a", "{\"Id\":\"3\",\"Arn\":\"" QUEUE_ARN "\"}", &failures, &n), ERR_LIMIT,
            "The requested resource exceeds the maximum number allowed.");
    assert_int_equal(put_target(&x, bus, "a", "{\"Id\":\"2\",\"Arn\":\"" QUEUE_ARN "2\"}", &failures, &n), ERR_OK);
    assert_int_equal(world_list_targets(world_of(&x), bus, STR("a"), STR_NULL, 10, &x.arena, &targets, &n, &more, &x.fault), ERR_OK);
    assert_int_equal(n, 2);
    fixture_end(&x);
}

static void schedules_on_other_buses_are_refused_only_with_quirks(void **state) {
    (void)state;
    struct fixture x;
    fixture_start(&x, false);
    struct bus_ref orders = fixture_bus(OWNER, "orders");
    assert_int_equal(world_create_bus(world_of(&x), orders, STR_NULL, STR_NULL, STR_NULL, &x.fault), ERR_OK);
    assert_int_equal(put_rule(&x, orders, "r", NULL, "rate(1 hour)"), ERR_OK);
    x.settings.aws_quirks = 1;
    REFUSED(put_rule(&x, orders, "r", NULL, "rate(1 hour)"), ERR_VALIDATION, "ScheduleExpression is supported only on the default event bus.");
    assert_int_equal(put_rule(&x, fixture_bus(OWNER, "default"), "r", NULL, "rate(1 hour)"), ERR_OK);
    fixture_end(&x);
}

static void pages_of_rules_stay_right_while_rules_come_and_go(void **state) {
    (void)state;
    struct fixture x;
    fixture_start(&x, false);
    struct bus_ref bus = fixture_bus(OWNER, "default");
    static const char *const names[] = {"m3", "m1", "a", "m2", "m4", "z"};
    for (size_t i = 0; i < 6; i++)
        fixture_rule(&x, bus, names[i], PATTERN, i == 2 ? NULL : "{\"Id\":\"1\",\"Arn\":\"" QUEUE_ARN "\"}");
    struct rule_info *rules;
    struct str *found;
    size_t count;
    bool more;
    assert_int_equal(world_list_rules(world_of(&x), bus, STR("m"), STR_NULL, 2, &x.arena, &rules, &count, &more, &x.fault), ERR_OK);
    assert_int_equal(count, 2);
    assert_true(more);
    ASSERT_TEXT(rules[1].name, "m2");
    struct target_failure *failures;
    struct str id = STR("1");
    assert_int_equal(world_remove_targets(world_of(&x), bus, STR("m2"), &id, 1, &x.arena, &failures, &count, &x.fault), ERR_OK);
    assert_int_equal(world_delete_rule(world_of(&x), bus, STR("m2"), &x.fault), ERR_OK);
    fixture_rule(&x, bus, "m0", PATTERN, NULL);
    assert_int_equal(world_list_rules(world_of(&x), bus, STR("m"), STR("m2"), 2, &x.arena, &rules, &count, &more, &x.fault), ERR_OK);
    assert_int_equal(count, 2);
    assert_false(more);
    ASSERT_TEXT(rules[0].name, "m3");
    ASSERT_TEXT(rules[1].name, "m4");
    assert_int_equal(world_list_rules(world_of(&x), bus, STR(""), STR_NULL, 100, &x.arena, &rules, &count, &more, &x.fault), ERR_OK);
    assert_int_equal(count, 6);
    assert_int_equal(world_rules_of_target(world_of(&x), bus, STR(QUEUE_ARN), STR_NULL, 3, &x.arena, &found, &count, &more, &x.fault), ERR_OK);
    assert_int_equal(count, 3);
    assert_true(more);
    ASSERT_TEXT(found[2], "m4");
    assert_int_equal(world_rules_of_target(world_of(&x), bus, STR(QUEUE_ARN), STR("m4"), 3, &x.arena, &found, &count, &more, &x.fault), ERR_OK);
    assert_int_equal(count, 1);
    assert_false(more);
    ASSERT_TEXT(found[0], "z");
    fixture_end(&x);
}

/* ---- targets ------------------------------------------------------------------------------------------------------------------------------- */
static void targets_are_put_replaced_and_removed_one_by_one(void **state) {
    (void)state;
    struct fixture x;
    fixture_start(&x, true);
    struct bus_ref bus = fixture_bus(OWNER, "default");
    struct target_failure *failures;
    struct str *listed;
    size_t n;
    bool more;
    assert_int_equal(put_rule(&x, bus, "r", PATTERN, NULL), ERR_OK);
    const struct str put[] = {STR("{\"Id\":\"b\",\"Arn\":\"" QUEUE_ARN "\"}"),
                              STR("{\"Id\":\"bad\",\"Arn\":\"nothing\"}"),
                              STR("{\"Id\":\"a\",\"Arn\":\"" QUEUE_ARN "\",\"InputPath\":\"$.detail\"}"),
                              STR("{\"Id\":\"ecs\",\"Arn\":\"arn:aws:ecs:us-east-1:111122223333:cluster/c\"}"),
                              STR("{\"Id\":\"b\",\"Arn\":\"" QUEUE_ARN "2\"}")}; /* twice in one request: the last one stands */
    assert_int_equal(world_put_targets(world_of(&x), bus, STR("r"), put, 5, &x.arena, &failures, &n, &x.fault), ERR_OK);
    assert_int_equal(n, 2);
    ASSERT_TEXT(failures[0].id, "bad");
    ASSERT_TEXT(failures[0].message, "Parameter nothing is not valid. Reason: Provided Arn is not in correct format.");
    ASSERT_TEXT(failures[1].id, "ecs");
    assert_true(str_find(failures[1].message, '\'', 0) < failures[1].message.n); /* names the service */
    assert_int_equal(failures[1].err, ERR_VALIDATION);
    fixture_reopen(&x);
    assert_int_equal(world_list_targets(world_of(&x), bus, STR("r"), STR_NULL, 10, &x.arena, &listed, &n, &more, &x.fault), ERR_OK);
    assert_int_equal(n, 2);
    assert_true(str_eq(listed[0], put[2]));
    assert_true(str_eq(listed[1], put[4]));
    assert_int_equal(world_list_targets(world_of(&x), bus, STR("r"), STR_NULL, 1, &x.arena, &listed, &n, &more, &x.fault), ERR_OK);
    assert_true(n == 1 && more);
    assert_int_equal(world_list_targets(world_of(&x), bus, STR("r"), STR("a"), 1, &x.arena, &listed, &n, &more, &x.fault), ERR_OK);
    assert_true(n == 1 && !more && str_eq(listed[0], put[4]));
    const struct str ids[] = {STR("a"), STR("nope")};
    assert_int_equal(world_remove_targets(world_of(&x), bus, STR("r"), ids, 2, &x.arena, &failures, &n, &x.fault), ERR_OK);
    assert_int_equal(n, 1);
    ASSERT_TEXT(failures[0].id, "nope");
    assert_int_equal(failures[0].err, ERR_NOT_FOUND);
    fixture_reopen(&x);
    assert_int_equal(world_list_targets(world_of(&x), bus, STR("r"), STR_NULL, 10, &x.arena, &listed, &n, &more, &x.fault), ERR_OK);
    assert_true(n == 1 && str_eq(listed[0], put[4]));
    REFUSED(world_list_targets(world_of(&x), bus, STR("q"), STR_NULL, 10, &x.arena, &listed, &n, &more, &x.fault), ERR_NOT_FOUND,
            "Rule q does not exist on EventBus default.");
    assert_int_equal(world_put_targets(world_of(&x), bus, STR("q"), put, 1, &x.arena, &failures, &n, &x.fault), ERR_NOT_FOUND);
    assert_int_equal(world_remove_targets(world_of(&x), bus, STR("q"), ids, 1, &x.arena, &failures, &n, &x.fault), ERR_NOT_FOUND);
    fixture_end(&x);
}

static void targets_that_cannot_work_are_refused_with_the_reason(void **state) {
    (void)state;
    static const struct {
        const char *target, *sentence;
    } rows[] = {
        {"{\"Id\":\"T\",\"Arn\":\"" QUEUE_ARN "\",\"Input\":\"1\",\"InputPath\":\"$.a\"}",
         "Only one of Input, InputPath, or InputTransformer must be provided for target T."},
        {"{\"Id\":\"T\",\"Arn\":\"" QUEUE_ARN "\",\"InputTransformer\":{\"InputPathsMap\":{},\"InputTemplate\":\"<k>\"}}",
         "InputTemplate for target T contains invalid placeholder k."},
        {"{\"Id\":\"T\",\"Arn\":\"arn:aws:events:us-east-1:444455556666:event-bus/default\",\"InputPath\":\"$.detail\"}",
         "Input, InputPath and InputTransformer are not available for target T: an event bus takes events as they are."},
        {"{\"Id\":\"T\",\"Arn\":\"" DEFAULT_ARN "\"}", "Parameter " DEFAULT_ARN " is not valid. Reason: a rule cannot send to its own event bus."},
        {"{\"Id\":\"T\",\"Arn\":\"arn:aws:events:us-east-1:4444:event-bus/default\"}",
         "Parameter arn:aws:events:us-east-1:4444:event-bus/default is not valid. Reason: an event bus belongs to an account of 12 digits."},
    };
    struct fixture x;
    fixture_start(&x, false);
    struct bus_ref bus = fixture_bus(OWNER, "default");
    struct target_failure *failures;
    struct str *listed;
    size_t n;
    bool more;
    assert_int_equal(put_rule(&x, bus, "r", PATTERN, NULL), ERR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(put_target(&x, bus, "r", rows[i].target, &failures, &n), ERR_OK);
        assert_int_equal(n, 1);
        ASSERT_TEXT(failures[0].id, "T");
        ASSERT_TEXT(failures[0].message, rows[i].sentence);
    }
    assert_int_equal(world_list_targets(world_of(&x), bus, STR("r"), STR_NULL, 10, &x.arena, &listed, &n, &more, &x.fault), ERR_OK);
    assert_int_equal(n, 0);
    fixture_end(&x);
}

/* ---- tags -------------------------------------------------------------------------------------------------------------------------------- */
static void tags_are_set_changed_and_taken_off(void **state) {
    (void)state;
    static const char *const arns[] = {DEFAULT_ARN, "arn:aws:events:us-east-1:111122223333:rule/r"};
    struct fixture x;
    fixture_start(&x, true);
    assert_int_equal(put_rule(&x, fixture_bus(OWNER, "default"), "r", PATTERN, NULL), ERR_OK);
    for (size_t i = 0; i < 2; i++) {
        struct str arn = str_from(arns[i]);
        const struct tag first[] = {{STR("a"), STR("1")}, {STR("b"), STR("")}}, second[] = {{STR("a"), STR("2")}};
        const struct str off[] = {STR("b"), STR("never there")};
        struct tag *tags;
        size_t n;
        assert_int_equal(world_tag(world_of(&x), arn, first, 2, &x.fault), ERR_OK);
        assert_int_equal(world_tag(world_of(&x), arn, second, 1, &x.fault), ERR_OK);
        fixture_reopen(&x);
        assert_int_equal(world_list_tags(world_of(&x), arn, &x.arena, &tags, &n, &x.fault), ERR_OK);
        assert_int_equal(n, 2);
        ASSERT_TEXT(tags[0].key, "b");
        ASSERT_TEXT(tags[0].value, "");
        ASSERT_TEXT(tags[1].value, "2");
        assert_int_equal(world_untag(world_of(&x), arn, off, 2, &x.fault), ERR_OK);
        assert_int_equal(world_list_tags(world_of(&x), arn, &x.arena, &tags, &n, &x.fault), ERR_OK);
        assert_int_equal(n, 1);
        struct tag many[50];
        for (size_t k = 0; k < 50; k++) many[k] = (struct tag){arena_printf(&x.arena, "k%zu", k), STR("v")};
        assert_int_equal(world_tag(world_of(&x), arn, many, 50, &x.fault), ERR_LIMIT);
        assert_int_equal(world_tag(world_of(&x), arn, many, 49, &x.fault), ERR_OK);
    }
    fixture_end(&x);
}

static void tags_stand_on_exact_arns_only(void **state) {
    (void)state;
    static const struct {
        const char *arn;
        enum err err;
    } rows[] = {
        {"arn:aws:events:us-east-1:111122223333:event-bus/gone", ERR_NOT_FOUND},
        {"arn:aws:events:us-east-1:111122223333:rule/gone", ERR_NOT_FOUND},
        {"arn:aws:events:us-east-1:111122223333:rule/gone/r", ERR_NOT_FOUND},
        {"arn:aws:events:us-east-1:111122223333:archive/a", ERR_VALIDATION},
        {"arn:aws:sqs:us-east-1:111122223333:q", ERR_VALIDATION},
        {"default", ERR_VALIDATION},
        /* Other spellings of a bus and a rule that are there: a policy's statement about their ARN would not see them. */
        {"arn:aws:events:eu-west-1:111122223333:event-bus/default", ERR_VALIDATION},
        {"arn:aws-cn:events:us-east-1:111122223333:event-bus/default", ERR_VALIDATION},
        {"arn:aws:events:us-east-1:111122223333:event-bus:default", ERR_VALIDATION},
        {"arn:aws:events:us-east-1:111122223333:rule/default/r", ERR_VALIDATION},
        {"arn:aws:events:eu-west-1:111122223333:rule/r", ERR_VALIDATION},
    };
    struct fixture x;
    fixture_start(&x, false);
    assert_int_equal(put_rule(&x, fixture_bus(OWNER, "default"), "r", PATTERN, NULL), ERR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct tag tag = {STR("a"), STR("1")};
        struct tag *tags;
        struct str key = STR("a"), arn = str_from(rows[i].arn);
        size_t n;
        if (world_tag(world_of(&x), arn, &tag, 1, &x.fault) != rows[i].err || world_untag(world_of(&x), arn, &key, 1, &x.fault) != rows[i].err ||
            world_list_tags(world_of(&x), arn, &x.arena, &tags, &n, &x.fault) != rows[i].err)
            fail_msg("%s: %s", rows[i].arn, x.fault.message);
    }
    fixture_end(&x);
}

/* ---- snapshots, numbers, faults --------------------------------------------------------------------------------------------------------------- */
static void a_bulk_load_shows_at_its_end(void **state) {
    (void)state;
    struct fixture x;
    fixture_start(&x, false);
    struct bus_ref bus = fixture_bus(OWNER, "default");
    struct snapshot *before = world_snapshot(world_of(&x));
    world_bulk_begin(world_of(&x));
    world_bulk_begin(world_of(&x));
    for (int i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof name, "r%d", i);
        assert_int_equal(put_rule(&x, bus, name, PATTERN, NULL), ERR_OK);
    }
    world_bulk_end(world_of(&x));
    struct snapshot *during = world_snapshot(world_of(&x));
    assert_ptr_equal(before, during);
    world_bulk_end(world_of(&x));
    struct snapshot *after = world_snapshot(world_of(&x));
    assert_int_equal(after->generation, before->generation + 1);
    assert_int_equal(snapshot_bus(before, OWNER, STR("default"))->rule_count, 0);
    assert_int_equal(snapshot_bus(after, OWNER, STR("default"))->rule_count, 10);
    assert_ptr_equal(snapshot_bus(before, OTHER, STR("default")), snapshot_bus(after, OTHER, STR("default"))); /* what did not change is shared */
    world_bulk_begin(world_of(&x));
    world_bulk_end(world_of(&x)); /* nothing changed: no new snapshot */
    struct snapshot *same = world_snapshot(world_of(&x));
    assert_ptr_equal(after, same);
    snapshot_release(before);
    snapshot_release(during);
    snapshot_release(after);
    snapshot_release(same);
    fixture_end(&x);
}

static void numbers_never_come_twice_also_after_a_restart(void **state) {
    (void)state;
    struct fixture x;
    int64_t last = 0, n;
    fixture_start(&x, true);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 150; i++) {
            assert_int_equal(world_next_number(world_of(&x), &n, &x.fault), ERR_OK);
            assert_true(n > last);
            last = n;
        }
        fixture_reopen(&x);
    }
    fixture_end(&x);
}

static void a_change_that_the_store_refuses_is_not_visible(void **state) {
    (void)state;
    struct fixture x;
    fixture_start(&x, false);
    struct bus_ref bus = fixture_bus(OWNER, "default"), orders = fixture_bus(OWNER, "orders");
    struct rule_info rule;
    struct bus_info info;
    struct target_failure *failures;
    struct str *targets;
    size_t n;
    bool more;
    const struct tag tag = {STR("a"), STR("1")};
    assert_int_equal(put_rule(&x, bus, "r", PATTERN, NULL), ERR_OK);
    struct snapshot *before = world_snapshot(world_of(&x));
#define FAILS(call)                                            \
    do {                                                       \
        store_fault_at(x.store, 1, ERR_STORAGE_FULL, false);   \
        assert_int_equal((call), ERR_STORAGE_FULL);            \
    } while (0)
    struct str id, secret;
    struct key_spec spec = {.id = STR("KEY"), .account = OWNER};
    FAILS(world_create_account(world_of(&x), STR("000000000009"), STR_NULL, &x.fault));
    FAILS(world_delete_account(world_of(&x), OTHER, &x.fault));
    FAILS(world_create_key(world_of(&x), &spec, &x.arena, &id, &secret, &x.fault));
    FAILS(world_create_bus(world_of(&x), orders, STR_NULL, STR_NULL, STR_NULL, &x.fault));
    FAILS(world_update_bus(world_of(&x), bus, STR("d"), STR_NULL, STR_NULL, &x.fault));
    FAILS(world_add_permission(world_of(&x), bus, STR("a"), OTHER, STR("events:PutEvents"), STR_NULL, STR_NULL, STR_NULL, &x.fault));
    FAILS(put_rule(&x, bus, "q", PATTERN, NULL));
    FAILS(put_rule(&x, bus, "r", "{\"source\":[\"other\"]}", NULL));
    FAILS(world_set_rule_state(world_of(&x), bus, STR("r"), false, &x.fault));
    FAILS(put_target(&x, bus, "r", "{\"Id\":\"1\",\"Arn\":\"" QUEUE_ARN "\"}", &failures, &n));
    FAILS(world_tag(world_of(&x), STR(DEFAULT_ARN), &tag, 1, &x.fault));
    FAILS(world_delete_rule(world_of(&x), bus, STR("r"), &x.fault));
    struct snapshot *after = world_snapshot(world_of(&x));
    assert_ptr_equal(before, after);
    snapshot_release(before);
    snapshot_release(after);
    assert_null(world_caller(world_of(&x), STR("KEY")));
    assert_int_equal(world_describe_bus(world_of(&x), orders, &x.arena, &info, &x.fault), ERR_NOT_FOUND);
    assert_int_equal(world_describe_bus(world_of(&x), bus, &x.arena, &info, &x.fault), ERR_OK);
    assert_true(!info.description.p && !info.policy.p);
    assert_int_equal(world_describe_rule(world_of(&x), bus, STR("r"), &x.arena, &rule, &x.fault), ERR_OK);
    ASSERT_TEXT(rule.pattern, PATTERN);
    ASSERT_TEXT(rule.state, "ENABLED");
    assert_int_equal(world_list_targets(world_of(&x), bus, STR("r"), STR_NULL, 10, &x.arena, &targets, &n, &more, &x.fault), ERR_OK);
    assert_int_equal(n, 0);
    assert_int_equal(world_describe_bus(world_of(&x), fixture_bus(OTHER, "default"), &x.arena, &info, &x.fault), ERR_OK);
    assert_int_equal(world_create_account(world_of(&x), STR("000000000009"), STR_NULL, &x.fault), ERR_OK);
    fixture_end(&x);
}

static void a_damaged_record_is_named_at_start(void **state) {
    (void)state;
    static const struct {
        const char *kind, *key, *value, *named;
    } rows[] = {
        {"account", "12", "{}", "the stored account '12' cannot be loaded"},
        {"key", "K", "{\"account\":\"111122223333\"}", "the stored access key 'K' cannot be loaded"},
        {"bus", "111122223333/b", "{\"name\":\"b\"}", "the stored event bus '111122223333/b' cannot be loaded"},
        {"rule", "111122223333/gone/r", "{\"account\":\"111122223333\",\"bus\":\"gone\",\"name\":\"r\",\"state\":\"ENABLED\",\"targets\":[]}",
         "the stored rule '111122223333/gone/r' cannot be loaded: its event bus is missing"},
        {"rule", "111122223333/default/r", "{\"account\":", "the stored rule '111122223333/default/r' cannot be loaded"},
        {"number", "next", "many", "the stored number 'next' cannot be loaded"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture x;
        struct txn txn;
        fixture_start(&x, false);
        txn_init(&txn, &x.arena);
        struct store_op *op = txn_add(&txn, OP_CATALOG_PUT);
        op->u.catalog.kind = str_from(rows[i].kind);
        op->u.catalog.key = str_from(rows[i].key);
        op->u.catalog.value = str_from(rows[i].value);
        assert_int_equal(committer_run(x.committer, &txn, &x.fault), ERR_OK);
        fixture_close_flow(&x);
        assert_int_equal(fixture_try_open_flow(&x), ERR_CORRUPT);
        if (!str_starts(str_from(x.fault.message), str_from(rows[i].named))) fail_msg("%s", x.fault.message);
        committer_stop(x.committer);
        fixture_end(&x);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accounts_are_made_once_with_a_default_bus),
        cmocka_unit_test(a_deleted_account_takes_its_buses_rules_and_keys_with_it),
        cmocka_unit_test(keys_are_made_listed_narrowed_and_deleted),
        cmocka_unit_test(bus_references_are_names_or_arns),
        cmocka_unit_test(buses_are_made_changed_and_deleted_with_the_services_sentences),
        cmocka_unit_test(an_account_has_as_many_buses_as_the_setting_says),
        cmocka_unit_test(pages_of_buses_stay_right_while_buses_come_and_go),
        cmocka_unit_test(permissions_are_added_replaced_and_removed),
        cmocka_unit_test(a_policy_is_checked_before_it_stands),
        cmocka_unit_test(rules_are_put_described_and_deleted_with_the_services_sentences),
        cmocka_unit_test(a_rule_put_again_keeps_its_targets_tags_and_maker),
        cmocka_unit_test(limits_of_rules_and_targets_are_settings),
        cmocka_unit_test(schedules_on_other_buses_are_refused_only_with_quirks),
        cmocka_unit_test(pages_of_rules_stay_right_while_rules_come_and_go),
        cmocka_unit_test(targets_are_put_replaced_and_removed_one_by_one),
        cmocka_unit_test(targets_that_cannot_work_are_refused_with_the_reason),
        cmocka_unit_test(tags_are_set_changed_and_taken_off),
        cmocka_unit_test(tags_stand_on_exact_arns_only),
        cmocka_unit_test(a_bulk_load_shows_at_its_end),
        cmocka_unit_test(numbers_never_come_twice_also_after_a_restart),
        cmocka_unit_test(a_change_that_the_store_refuses_is_not_visible),
        cmocka_unit_test(a_damaged_record_is_named_at_start),
    };
    return cmocka_run_group_tests_name("flow/world", tests, NULL, NULL);
}
