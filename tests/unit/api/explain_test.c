/* ExplainRule, ExplainEvent and the warnings of PutRule through the engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "flow_host.h"
#include "doc.h"
#include "engine.h"
#include "json.h"

static struct api *api;

static int setup(void **state) {
    struct fault fault;
    if (host_setup(state)) return -1;
    struct api_options options = {.flow = host.flow, .durability = STR("off"), .threads = 1};
    if (api_open(&options, &api, &fault)) return -1;
    return world_create_account(world(), STR(A1), STR_NULL, &fault) ? -1 : 0;
}

static int teardown(void **state) {
    api_close(api);
    return host_teardown(state);
}

/* The answer, or the fault's sentence as {"error": ..}. */
static const struct node *ask(const char *operation, struct str request) {
    struct buf answer;
    struct fault fault;
    struct json j;
    struct node *root;
    fault_clear(&fault);
    buf_init(&answer, 0);
    enum err err = api_run(api, STR(A1), str_from(operation), request, &answer, &fault);
    json_init(&j, &answer);
    if (err) {
        json_object_begin(&j);
        json_key_str(&j, "error", str_from(fault.message));
        json_object_end(&j);
    }
    assert_int_equal(doc_parse(&host.arena, arena_str(&host.arena, buf_str(&answer)), &root, NULL), ERR_OK);
    buf_fini(&answer);
    return root;
}

/* {"key": "value", ...} of pairs, ended by NULL. */
static struct str object(const char *const *pairs) {
    struct buf b;
    struct json j;
    buf_init(&b, 0);
    json_init(&j, &b);
    json_object_begin(&j);
    for (; *pairs; pairs += 2) json_key_str(&j, pairs[0], str_from(pairs[1]));
    json_object_end(&j);
    struct str s = arena_str(&host.arena, buf_str(&b));
    buf_fini(&b);
    return s;
}
#define OBJECT(...) object((const char *const[]){__VA_ARGS__, NULL})

static void put_rule(const char *name, const char *pattern) {
    assert_null(doc_get(ask("PutRule", OBJECT("Name", name, "EventPattern", pattern)), STR("error")));
}

static void text_is(const struct node *object, const char *key, const char *wanted) {
    const struct node *n = doc_get(object, str_from(key));
    if (!n || !str_eqz(n->text, wanted)) print_error("%s: got %.*s\nexpected %s\n", key, STR_ARG(n ? n->raw : STR("nothing")), wanted);
    assert_true(n && str_eqz(n->text, wanted));
}
static bool is_true(const struct node *object, const char *key) {
    const struct node *n = doc_get(object, str_from(key));
    return n && n->kind == NODE_TRUE;
}

#define ORDER "{\"Source\":\"shop\",\"DetailType\":\"Order\",\"Detail\":{\"total\":\"250\",\"state\":\"paid\"}}"

static void one_rule_is_explained(void **state) {
    (void)state;
    put_rule("r", "{\"source\":[\"shop\"],\"detail\":{\"total\":[{\"numeric\":[\">\",5]}]}}");
    const struct node *a = ask("ExplainRule", OBJECT("Rule", "r", "Event", ORDER)), *e = doc_get(a, STR("Explanation"));
    assert_false(is_true(a, "Result"));
    text_is(a, "RuleArn", "arn:aws:events:us-east-1:" A1 ":rule/r");
    text_is(a, "State", "ENABLED");
    text_is(a, "Filled", "version, id, account, time, region, resources");
    text_is(e, "Reason", "detail.total: wanted a number > 5; had the string \"250\" (a string is never matched by numeric)");
    const struct node *fields = doc_get(doc_get(e, STR("Branches"))->child, STR("Fields"));
    assert_int_equal(fields->count, 2);
    assert_true(is_true(fields->child, "Matched"));
    text_is(fields->child->next, "Code", "WrongType");
    a = ask("ExplainRule",
            OBJECT("EventPattern", "{\"account\":[\"" A1 "\"],\"region\":[\"us-east-1\"],\"version\":[\"0\"]}", "Event", ORDER));
    assert_true(is_true(a, "Result")); /* filled as PutEvents does */
}

static void refusals_are_clear(void **state) {
    (void)state;
    static const struct {
        const char *rule, *pattern, *event, *sentence;
    } rows[] = {
        {"none", NULL, "{}", "Rule none does not exist on EventBus default."},
        {"timer", NULL, "{}", "Rule timer has no event pattern: its schedule triggers it, events do not."},
        {NULL, NULL, "{}", "One of the parameters Rule and EventPattern must be specified."},
        {"r", "{}", "{}", "One of the parameters Rule and EventPattern must be specified."},
        {"r", NULL, "{\"a\":}",
         "Parameter Event is not valid JSON: line 1, column 6: Unexpected character '}': expected a value (object, array, string, number, "
         "true, false or null)"},
        {"r", NULL, "[]", "Parameter Event is not valid: one JSON object is expected, an event or an entry as in PutEvents."},
        {"r", NULL, "[{},{}]", "Parameter Event is not valid: one JSON object is expected, an event or an entry as in PutEvents."},
        {"r", NULL, "{\"Source\":\"a\"}", "Parameter DetailType is not valid. Reason: DetailType is a required argument."},
        {"r", NULL, "{\"Source\":\"a\",\"DetailType\":\"b\",\"Detail\":\"[]\"}", "Detail is malformed."},
        {"r", NULL, "{\"Source\":\"a\",\"DetailType\":\"b\",\"Detail\":\"{}\",\"Time\":\"noon\"}",
         "Time is not valid: seconds since 1970 or 2026-05-01T00:00:00Z are expected."},
    };
    put_rule("r", "{\"source\":[\"a\"]}");
    ask("PutRule", OBJECT("Name", "timer", "ScheduleExpression", "rate(5 minutes)"));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *pairs[7] = {"Event", rows[i].event};
        size_t n = 2;
        if (rows[i].rule) pairs[n++] = "Rule", pairs[n++] = rows[i].rule;
        if (rows[i].pattern) pairs[n++] = "EventPattern", pairs[n] = rows[i].pattern;
        text_is(ask("ExplainRule", object(pairs)), "error", rows[i].sentence);
    }
    text_is(ask("ExplainEvent", OBJECT("Event", "{}", "EventBusName", "none")), "error", "Event bus none does not exist.");
}

static void events_come_in_many_forms(void **state) {
    (void)state;
    static const char *const forms[] = {
        "{\"Source\":\"s\",\"DetailType\":\"t\",\"Detail\":\"{\\\"a\\\":1}\",\"Time\":1777593600,\"Resources\":[\"r\"]}",
        "{\"Source\":\"s\",\"DetailType\":\"t\",\"Detail\":{\"a\":1},\"Time\":\"2026-05-01T00:00:00Z\",\"Resources\":[\"r\"]}",
        "[{\"Source\":\"s\",\"DetailType\":\"t\",\"Detail\":{\"a\":1},\"Time\":1777593600.5,\"Resources\":[\"r\"]}]",
        "{\"Entries\":[{\"Source\":\"s\",\"DetailType\":\"t\",\"Detail\":{\"a\":1},\"Time\":1777593600,\"Resources\":[\"r\"]}]}",
        "{\"source\":\"s\",\"detail-type\":\"t\",\"detail\":{\"a\":1},\"time\":\"2026-05-01T00:00:00Z\",\"resources\":[\"r\"]}"};
    const char *pattern =
        "{\"source\":[\"s\"],\"detail-type\":[\"t\"],\"detail\":{\"a\":[1]},\"time\":[\"2026-05-01T00:00:00Z\"],\"resources\":[\"r\"],"
        "\"id\":[{\"wildcard\":\"*-*-*-*-*\"}],\"account\":[\"" A1 "\"]}";
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const struct node *a = ask("ExplainRule", OBJECT("EventPattern", pattern, "Event", forms[i]));
        assert_true(is_true(a, "Result"));
        text_is(a, "Filled", "version, id, account, region");
    }
}

static void all_rules_are_surveyed(void **state) {
    (void)state;
    put_rule("hit", "{\"source\":[\"shop\"]}");
    put_rule("hit-disabled", "{\"source\":[{\"prefix\":\"sh\"}]}");
    put_rule("close", "{\"source\":[\"shop\"],\"detail-type\":[\"Order\"],\"detail\":{\"state\":[\"payed\"]}}");
    put_rule("far", "{\"source\":[\"bank\"]}");
    put_rule("farther", "{\"source\":[\"bank\"],\"detail\":{\"iban\":[{\"exists\":true}]}}");
    ask("PutRule", OBJECT("Name", "timer", "ScheduleExpression", "rate(5 minutes)"));
    ask("DisableRule", OBJECT("Name", "hit-disabled"));
    const struct node *a = ask("ExplainEvent", STR("{\"Closest\":2,\"Event\":\"{\\\"source\\\":\\\"shop\\\",\\\"detail-type\\\":"
                                                   "\\\"Order\\\",\\\"detail\\\":{\\\"state\\\":\\\"paid\\\"}}\"}"));
    assert_true(is_true(a, "Result"));
    text_is(a, "MatchedCount", "2");
    text_is(a, "RulesExamined", "5");
    text_is(a, "RuleCount", "5");
    const struct node *matched = doc_get(a, STR("Matched")), *closest = doc_get(a, STR("Closest"));
    assert_int_equal(matched->count, 2);
    text_is(matched->child, "Name", "hit");
    text_is(matched->child->next, "State", "DISABLED");
    assert_int_equal(closest->count, 2);
    text_is(closest->child, "Name", "close");
    text_is(closest->child, "Reason", "detail.state: wanted \"payed\"; had \"paid\"");
    text_is(closest->child->next, "Name", "far");
    a = ask("ExplainEvent", STR("{\"Closest\":0,\"Event\":\"{}\"}"));
    assert_false(is_true(a, "Result"));
    assert_int_equal(doc_get(a, STR("Closest"))->count, 0);
}

/* ---- warnings of PutRule --------------------------------------------------------------------------------------------------------------
 */

static const struct node *warnings(const char *name, const char *pattern) {
    return doc_get(ask("PutRule", OBJECT("Name", name, "EventPattern", pattern)), STR("Warnings"));
}

static void put_rule_warns_and_takes_the_rule(void **state) {
    (void)state;
    assert_null(warnings("good", "{\"source\":[\"shop\"]}"));
    const struct node *w = warnings("odd", "{\"detailType\":[\"x\"]}");
    assert_int_equal(w->count, 2);
    text_is(w->child, "Code", "UnknownField");
    text_is(w->child, "Level", "warning");
    text_is(w->child, "Path", "detailType");
    text_is(w->child->next, "Code", "RuleNeverMatches");
    text_is(ask("DescribeRule", OBJECT("Name", "odd")), "EventPattern", "{\"detailType\":[\"x\"]}");
}

static void put_rule_knows_what_the_bus_has_seen(void **state) {
    (void)state;
    assert_null(warnings("r", "{\"source\":[\"shop\"],\"detail-type\":[\"OrderPlacd\"]}"));
    struct caller *caller = caller_of(A1);
    struct entry e = {.source = STR("shop"), .detail_type = STR("OrderPlaced"), .detail = STR("{\"total\":5}"), .time_ms = -1};
    assert_int_equal(put_one(caller, e), ERR_OK);
    caller_release(caller);
    const struct node *w = warnings("r", "{\"source\":[\"shop\"],\"detail-type\":[\"OrderPlacd\"]}");
    assert_int_equal(w->count, 1);
    text_is(w->child, "Code", "UnseenValue");
    text_is(w->child, "Message",
            "this bus has seen no event with the detail-type \"OrderPlacd\", but with \"OrderPlaced\" of source \"shop\"");
    w = warnings("r", "{\"detail-type\":[\"OrderPlaced\"],\"detail\":{\"total\":[\"5\"]}}");
    text_is(w->child, "Code", "TypeDiffers");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_rule_is_explained),
        TEST(refusals_are_clear),
        TEST(events_come_in_many_forms),
        TEST(all_rules_are_surveyed),
        TEST(put_rule_warns_and_takes_the_rule),
        TEST(put_rule_knows_what_the_bus_has_seen),
    };
    return cmocka_run_group_tests_name("api/explain", tests, NULL, NULL);
}
