/* Editing documents, whose resources a bus's policy may name, and the whole decision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "evaluate.h"
#include "statements.h"

#define BUS "arn:aws:events:us-east-1:222222222222:event-bus/orders"
#define STATEMENT(sid, account)                                                                                                            \
    "{\"Sid\":\"" sid "\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::" account                                             \
    ":root\"},\"Action\":\"events:PutEvents\",\"Resource\":\"" BUS "\"}"
#define DOCUMENT(statements) "{\"Version\":\"2012-10-17\",\"Statement\":[" statements "]}"

static struct fault fault;
static struct buf out;
static enum err err;

static int setup(void **state) {
    (void)state;
    buf_init(&out, 0);
    fault_clear(&fault);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    buf_fini(&out);
    return 0;
}

static void out_is(const char *wanted) {
    if (!str_eqz(buf_str(&out), wanted)) fail_msg("got\n%.*s\nexpected\n%s", STR_ARG(buf_str(&out)), wanted);
}

static struct policy_permission permission(const char *sid, const char *principal) {
    return (struct policy_permission){
        .sid = str_from(sid), .principal = str_from(principal), .action = STR("events:PutEvents"), .resource = STR(BUS)};
}

static void add(const char *document, const struct policy_permission *p, size_t max) {
    buf_clear(&out);
    out.n = 0;
    err = policy_permission_add(str_from(document), p, max, &out, &fault);
}

static void adding_begins_extends_and_replaces(void **state) {
    (void)state;
    struct policy_permission a = permission("a", "111111111111"), b = permission("b", "333333333333"), a2 = permission("a", "444444444444");
    add(NULL, &a, 10240);
    assert_int_equal(err, ERR_OK);
    out_is(DOCUMENT(STATEMENT("a", "111111111111")));
    add(DOCUMENT(STATEMENT("a", "111111111111")), &b, 10240);
    assert_int_equal(err, ERR_OK);
    out_is(DOCUMENT(STATEMENT("a", "111111111111") "," STATEMENT("b", "333333333333")));
    add(DOCUMENT(STATEMENT("a", "111111111111") "," STATEMENT("b", "333333333333")), &a2, 10240);
    assert_int_equal(err, ERR_OK);
    out_is(DOCUMENT(STATEMENT("a", "444444444444") "," STATEMENT("b", "333333333333")));
}

static void a_single_statement_becomes_a_list_and_the_rest_stays(void **state) {
    (void)state;
    struct policy_permission b = permission("b", "333333333333");
    add("{ \"Id\": \"x\", \"Version\": \"2008-10-17\", \"Statement\": " STATEMENT("a", "111111111111") " }", &b, 10240);
    assert_int_equal(err, ERR_OK);
    out_is(
        "{\"Id\":\"x\",\"Version\":\"2008-10-17\",\"Statement\":[" STATEMENT("a", "111111111111") "," STATEMENT("b", "333333333333") "]}");
}

static void everybody_with_and_without_a_condition(void **state) {
    (void)state;
    struct policy_permission p = permission("org", "*");
    add(NULL, &p, 10240);
    assert_int_equal(err, ERR_OK);
    out_is(DOCUMENT("{\"Sid\":\"org\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"events:PutEvents\",\"Resource\":\"" BUS "\"}"));
    p.condition_type = STR("StringEquals");
    p.condition_key = STR("aws:PrincipalOrgID");
    p.condition_value = STR("o-1234567890");
    add(NULL, &p, 10240);
    assert_int_equal(err, ERR_OK);
    out_is(DOCUMENT("{\"Sid\":\"org\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"events:PutEvents\",\"Resource\":\"" BUS
                    "\",\"Condition\":{\"StringEquals\":{\"aws:PrincipalOrgID\":\"o-1234567890\"}}}"));
}

static void refused(const struct policy_permission *p, const char *document, size_t max, enum err wanted, const char *message) {
    add(document, p, max);
    assert_int_equal(err, wanted);
    assert_int_equal(fault.code, wanted);
    assert_string_equal(fault.message, message);
    out_is(""); /* what was there is as it was */
}

static void permissions_that_do_not_hold_are_refused(void **state) {
    (void)state;
    struct policy_permission p = permission("a", "111111111111");
    p.condition_type = STR("StringEquals");
    p.condition_key = STR("aws:PrincipalOrgID");
    refused(&p, NULL, 10240, ERR_VALIDATION, "Parameter Condition is not valid. Reason: Type, Key and Value are required.");
    assert_string_equal(fault.where, "condition");
    p.condition_value = STR("o-1");
    refused(&p, NULL, 10240, ERR_VALIDATION, "Parameter Condition is not valid. Reason: a Condition needs the Principal '*'.");
    p.principal = STR("*");
    p.condition_type = STR("Binary");
    add(NULL, &p, 10240);
    assert_int_equal(err, ERR_VALIDATION);
    assert_string_equal(fault.where, "Statement[0].Condition.Binary");
    out_is("");
    p = permission("a", "11111111111");
    add(NULL, &p, 10240);
    assert_int_equal(err, ERR_VALIDATION);
    assert_string_equal(fault.where, "Statement[0].Principal");
    p = permission("a", "111111111111");
    refused(&p, "{\"Version\":\"2012-10-17\"}", 10240, ERR_CORRUPT, "the stored policy has no statements");
    refused(&p, "{\"Version\"", 10240, ERR_CORRUPT, "the stored policy is not JSON: ':' expected near end of file");
    assert_int_equal(policy_permission_add(STR("[]"), &p, 10240, &out, NULL), ERR_CORRUPT);
}

static void the_length_has_an_exact_limit(void **state) {
    (void)state;
    struct policy_permission p = permission("a", "111111111111");
    const size_t whole = strlen(DOCUMENT(STATEMENT("a", "111111111111")));
    add(NULL, &p, whole);
    assert_int_equal(err, ERR_OK);
    char message[128];
    snprintf(message, sizeof message, "The policy would have %zu characters; %zu are allowed.", whole, whole - 1);
    refused(&p, NULL, whole - 1, ERR_POLICY_LENGTH, message);
    buf_addz(&out, "before ");
    assert_int_equal(policy_permission_add(STR_NULL, &p, whole, &out, &fault), ERR_OK); /* what stood in the buffer does not count */
    out_is("before " DOCUMENT(STATEMENT("a", "111111111111")));
}

static void removing_takes_one_statement_and_tells_when_none_is_left(void **state) {
    (void)state;
    bool empty = true;
    const char *both = DOCUMENT(STATEMENT("a", "111111111111") "," STATEMENT("b", "333333333333"));
    assert_int_equal(policy_permission_remove(str_from(both), STR("a"), &out, &empty, &fault), ERR_OK);
    assert_false(empty);
    out_is(DOCUMENT(STATEMENT("b", "333333333333")));
    out.n = 0;
    assert_int_equal(policy_permission_remove(STR(DOCUMENT(STATEMENT("b", "333333333333"))), STR("b"), &out, &empty, &fault), ERR_OK);
    assert_true(empty);
    out_is("");
    assert_int_equal(policy_permission_remove(str_from(both), STR("c"), &out, &empty, &fault), ERR_NOT_FOUND);
    assert_string_equal(fault.message, "Statement with the provided id does not exist.");
    assert_false(empty);
    assert_int_equal(policy_permission_remove(STR_NULL, STR("a"), &out, &empty, &fault), ERR_NOT_FOUND);
    assert_string_equal(fault.message, "Statement with the provided id does not exist.");
    assert_int_equal(policy_permission_remove(STR("{"), STR("a"), &out, &empty, NULL), ERR_CORRUPT);
}

/* ---- a bus's own policy ---------------------------------------------------------------------------------------------------------------
 */
static enum err names(const char *resource, const char *bus) {
    buf_clear(&out);
    out.n = 0;
    buf_addf(&out, "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"events:*\",\"Resource\":%s}}", resource);
    return policy_names_bus(buf_str(&out), str_from(bus), &fault);
}

static void a_bus_policy_names_the_bus_and_its_rules_only(void **state) {
    (void)state;
    static const char *const mine = BUS, *const standard = "arn:aws:events:us-east-1:222222222222:event-bus/default";
#define R(rest) "\"arn:aws:events:us-east-1:222222222222:" rest "\""
    static const char *const good[] = {R("event-bus/orders"), R("rule/orders/*"), R("rule/orders/r"),
                                       "[" R("event-bus/orders") "," R("rule/orders/*") "]"};
    static const char *const bad[] = {R("event-bus/other"),
                                      R("event-bus/*"),
                                      R("rule/other/r"),
                                      R("rule/r"),
                                      R("rule/*"),
                                      R("rule/orders2/r"),
                                      "\"*\"",
                                      "\"arn:aws:events:us-east-1:333333333333:event-bus/orders\"",
                                      "\"arn:aws:events:eu-west-1:222222222222:event-bus/orders\"",
                                      "\"arn:aws:sqs:us-east-1:222222222222:event-bus/orders\"",
                                      "\"arn:aws:events:*:222222222222:event-bus/orders\"",
                                      "[" R("event-bus/orders") "," R("event-bus/other") "]"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (names(good[i], mine)) fail_msg("%s: %s", good[i], fault.message);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (names(bad[i], mine) != ERR_VALIDATION) fail_msg("%s was taken", bad[i]);
    assert_string_equal(
        fault.message,
        "Policy is not valid: Statement[0].Resource: 'arn:aws:events:us-east-1:222222222222:event-bus/other' is neither this event "
        "bus (" BUS ") nor a rule on it.");
    assert_int_equal(names(R("rule/r"), standard), ERR_OK);
    assert_int_equal(names(R("rule/*"), standard), ERR_OK);
    assert_int_equal(names(R("event-bus/default"), standard), ERR_OK);
    assert_int_equal(names(R("rule/orders/r"), standard), ERR_VALIDATION);
    assert_int_equal(policy_names_bus(STR("{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}"), STR(BUS), &fault),
                     ERR_VALIDATION);
    assert_string_equal(fault.where, "Statement.Principal");
}

/* ---- the whole decision
 * ------------------------------------------------------------------------------------------------------------------ */
static struct policy *parse(const char *text, enum policy_kind kind) {
    struct policy *p;
    if (policy_parse(str_from(text), kind, &p, &fault)) fail_msg("%s", fault.message);
    return p;
}

static void both_policies_and_the_owner_decide(void **state) {
    (void)state;
    struct policy *put_only =
        parse("{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"events:PutEvents\",\"Resource\":\"*\"}}", POLICY_IDENTITY);
    struct policy *no_put =
        parse("{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"events:PutEvents\",\"Resource\":\"*\"}}", POLICY_IDENTITY);
    struct policy *open = parse(
        "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"111111111111\"},\"Action\":\"events:PutEvents\"}}", POLICY_RESOURCE);
    struct policy *closed = parse("{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\"},{\"Sid\":\"no\",\"Effect\":"
                                  "\"Deny\",\"Principal\":\"*\",\"Action\":\"*\"}]}",
                                  POLICY_RESOURCE);
    const struct {
        const struct policy *identity, *resource;
        const char *action, *owner, *reason;
        bool allowed;
    } rows[] = {
        {NULL, NULL, "events:PutEvents", "111111111111", "", true}, /* one's own */
        {NULL, NULL, "events:PutEvents", "222222222222",
         "because the resource belongs to another account and has no policy that allows the action", false},
        {NULL, open, "events:PutEvents", "222222222222", "", true},
        {NULL, open, "events:PutRule", "222222222222", "because no statement of the resource's policy allows the action", false},
        {NULL, open, "events:PutRule", "111111111111", "", true},
        {NULL, closed, "events:PutEvents", "111111111111", "with an explicit deny in the resource's policy (no)",
         false}, /* a Deny holds for the owner too */
        {put_only, NULL, "events:PutEvents", "111111111111", "", true},
        {put_only, NULL, "events:PutRule", "111111111111", "because the access key's policy does not allow the action", false},
        {put_only, open, "events:PutEvents", "222222222222", "", true},
        {put_only, NULL, "events:PutEvents", "222222222222",
         "because the resource belongs to another account and has no policy that allows the action", false},
        {no_put, open, "events:PutEvents", "222222222222", "with an explicit deny in the access key's policy (Statement[0])", false},
        {no_put, NULL, "events:PutRule", "111111111111", "because the access key's policy does not allow the action", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct policy_request request = {
            .principal_account = STR("111111111111"), .action = str_from(rows[i].action), .resource = STR(BUS)};
        struct policy_reason why;
        char text[160];
        bool allowed = policy_authorize(rows[i].identity, rows[i].resource, &request, str_from(rows[i].owner), &why);
        policy_reason_text(&why, text, sizeof text);
        if (allowed != rows[i].allowed || strcmp(text, rows[i].reason) != 0)
            fail_msg("row %zu: %s, '%s'", i, allowed ? "allowed" : "refused", text);
    }
    struct policy_request request = {.principal_account = STR("111111111111"), .action = STR("events:PutEvents"), .resource = STR(BUS)};
    assert_int_equal(policy_eval(NULL, &request), POLICY_SILENT);
    policy_free(put_only);
    policy_free(no_put);
    policy_free(open);
    policy_free(closed);
    policy_free(NULL);
}

static void a_name_that_is_cut_stays_text(void **state) {
    (void)state;
    struct policy *p;
    buf_addz(&out, "{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Condition\":{\"x");
    for (int i = 0; i < 200; i++) buf_addz(&out, "\xE2\x82\xAC");
    buf_addz(&out, "\":{\"events:source\":1}}}]}");
    assert_int_equal(policy_parse(buf_str(&out), POLICY_RESOURCE, &p, &fault), ERR_VALIDATION);
    assert_true(str_is_utf8(str_from(fault.message)) && str_is_utf8(str_from(fault.where)));
    assert_true(str_starts(str_from(fault.where), STR("Statement[0].Condition.x\xE2\x82\xAC")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(adding_begins_extends_and_replaces, setup, teardown),
        cmocka_unit_test_setup_teardown(a_single_statement_becomes_a_list_and_the_rest_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(everybody_with_and_without_a_condition, setup, teardown),
        cmocka_unit_test_setup_teardown(permissions_that_do_not_hold_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(the_length_has_an_exact_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(removing_takes_one_statement_and_tells_when_none_is_left, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bus_policy_names_the_bus_and_its_rules_only, setup, teardown),
        cmocka_unit_test_setup_teardown(both_policies_and_the_owner_decide, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_that_is_cut_stays_text, setup, teardown),
    };
    return cmocka_run_group_tests_name("policy/statements", tests, NULL, NULL);
}
