/* From the doorway to the rows: what is accepted, refused, routed, forwarded, dead-lettered, remembered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "flow_host.h"
#include "doc.h"
#include "queue/model.h"
#include "stream/model.h"

#define Q(owner, name) "arn:aws:sqs:us-east-1:" owner ":" name
#define S(owner, name) "arn:aws:kinesis:us-east-1:" owner ":stream/" name
#define BUS(owner) "arn:aws:events:us-east-1:" owner ":event-bus/default"

static void queue(const char *owner, const char *name) {
    serve("sqs", "CreateQueue", owner, &(struct queue_create){.name = str_from(name)});
}

static int64_t queued(const char *owner, const char *name) {
    static const struct str count[] = {{"All", 3}};
    struct queue_get_attributes in = {.url = str_from(name), .names = {true, 1, (void *)(uintptr_t)count}};
    const struct queue_attributes *out = serve("sqs", "GetQueueAttributes", owner, &in);
    for (size_t i = 0; i < out->attributes.n; i++) {
        const struct map_entry *e = LIST_AT(out->attributes, struct map_entry, i);
        int64_t n;
        if (str_eqz(e->key, "ApproximateNumberOfMessages") && str_to_i64(e->s, &n)) return n;
    }
    fail();
    return -1;
}

/* Receives one message: its body, and one of its attributes (absent: none). */
static struct str receive(const char *owner, const char *name, const char *attribute, struct str *value) {
    static const struct str all[] = {{"All", 3}};
    struct queue_receive in = {.url = str_from(name), .message_attribute_names = {true, 1, (void *)(uintptr_t)all}};
    const struct queue_receive_answer *out = serve("sqs", "ReceiveMessage", owner, &in);
    assert_int_equal(out->messages.n, 1);
    const struct queue_message *m = LIST_AT(out->messages, struct queue_message, 0);
    if (value) *value = STR_NULL;
    for (size_t i = 0; i < m->message_attributes.n; i++) {
        const struct map_entry *e = LIST_AT(m->message_attributes, struct map_entry, i);
        if (attribute && str_eqz(e->key, attribute)) *value = ((const struct queue_attribute_value *)e->p)->text;
    }
    return m->body;
}

static void equals(struct str got, const char *wanted) {
    if (!str_eqz(got, wanted)) print_error("got      %.*s\nexpected %s\n", STR_ARG(got), wanted);
    assert_true(str_eqz(got, wanted));
}

/* ---- refusals ------------------------------------------------------------------------------------------------------------------------- */
static void entries_are_judged_in_the_services_order(void **state) {
    (void)state;
    account(A1);
    struct caller *caller = caller_of(A1);
    struct entry entries[] = {entry("", ""), entry("s", ""), entry("s", "nonsense"), entry("s", "[1]"), entry("s", "{} {}"), entry("s", "{}")};
    entries[1].detail_type = STR("");
    struct put *p = put(caller, entries, 6);
    assert_int_equal(p->x.err, ERR_OK);
    equals(p->x.results[0].message, "Parameter Source is not valid. Reason: Source is a required argument.");
    equals(p->x.results[1].message, "Parameter DetailType is not valid. Reason: DetailType is a required argument.");
    for (int i = 2; i < 5; i++) {
        assert_int_equal(p->x.results[i].err, ERR_MALFORMED_DETAIL);
        equals(p->x.results[i].message, "Detail is malformed.");
    }
    assert_int_equal(p->x.results[5].err, ERR_OK);
    put_free(p);
    struct entry unknown = entry("s", "{}");
    unknown.bus = STR("nowhere");
    assert_int_equal(put_one(caller, unknown), ERR_NOT_FOUND);
    host.settings.aws_quirks = 1;
    assert_int_equal(put_one(caller, unknown), ERR_OK);
    caller_release(caller);
}

static void another_accounts_bus_takes_only_whom_its_policy_allows(void **state) {
    (void)state;
    account(A1), account(A2), account(A3);
    allow(A2, A1);
    struct caller *one = caller_of(A1), *three = caller_of(A3);
    struct entry e = entry("s", "{}");
    e.bus = STR(BUS(A2));
    assert_int_equal(put_one(one, e), ERR_OK);
    assert_int_equal(put_one(three, e), ERR_ACCESS_DENIED);
    caller_release(one), caller_release(three);
}

/* ---- routing ------------------------------------------------------------------------------------------------------------------------------ */
static void a_matched_event_is_in_the_queue_when_it_is_acknowledged(void **state) {
    (void)state;
    account(A1);
    queue(A1, "q");
    rule(A1, "r", "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" Q(A1, "q") "\"}");
    struct caller *caller = caller_of(A1);
    struct str resources[] = {STR("r:\"1\""), STR("r2")};
    struct entry e = entry("s", " { \"a\" : [ 1 , \"x y\" ] } ");
    e.resources = resources;
    e.resource_count = 2;
    e.time_ms = 1777636800000; /* 2026-05-01T12:00:00Z */
    assert_true(id_parse(STR("7bf73129-1428-4cd3-a780-95db273d1602"), &e.id));
    e.has_id = true;
    assert_int_equal(put_one(caller, e), ERR_OK);
    equals(receive(A1, "q", NULL, NULL),
           "{\"version\":\"0\",\"id\":\"7bf73129-1428-4cd3-a780-95db273d1602\",\"detail-type\":\"t\",\"source\":\"s\",\"account\":\"" A1 "\","
           "\"time\":\"2026-05-01T12:00:00Z\",\"region\":\"us-east-1\",\"resources\":[\"r:\\\"1\\\"\",\"r2\"],\"detail\":{\"a\":[1,\"x y\"]}}");
    assert_int_equal(put_one(caller, entry("other", "{}")), ERR_OK);
    assert_int_equal(queued(A1, "q"), 0);
    caller_release(caller);
}

static void a_transformer_makes_the_input_and_its_failure_a_dead_letter(void **state) {
    (void)state;
    account(A1);
    queue(A1, "q"), queue(A1, "dead");
    rule(A1, "good", "{\"source\":[\"s\"]}",
         "{\"Id\":\"1\",\"Arn\":\"" Q(A1, "q") "\",\"InputTransformer\":{\"InputPathsMap\":{\"a\":\"$.detail.a\",\"r\":\"$.resources\"},"
         "\"InputTemplate\":\"{\\\"v\\\":<a>,\\\"t\\\":\\\"is <a>\\\",\\\"r\\\":<r>,\\\"n\\\":<aws.events.rule-name>}\"}}");
    rule(A1, "bad", "{\"source\":[\"s\"]}",
         "{\"Id\":\"1\",\"Arn\":\"" Q(A1, "q") "\",\"DeadLetterConfig\":{\"Arn\":\"" Q(A1, "dead") "\"},"
         "\"InputTransformer\":{\"InputTemplate\":\"not json\"}}");
    struct caller *caller = caller_of(A1);
    struct str code, resource = STR("x");
    struct entry e = entry("s", "{\"a\":{\"b\":\"c\"}}");
    e.resources = &resource;
    e.resource_count = 1;
    assert_int_equal(put_one(caller, e), ERR_OK);
    assert_int_equal(queued(A1, "q"), 1);
    equals(receive(A1, "q", NULL, NULL), "{\"v\":{\"b\":\"c\"},\"t\":\"is {b:c}\",\"r\":[\"x\"],\"n\":\"good\"}");
    struct str body = receive(A1, "dead", "ERROR_CODE", &code);
    equals(code, "INVALID_JSON");
    assert_true(str_starts(body, STR("{\"version\":\"0\""))); /* the original event */
    caller_release(caller);
}

static void missing_and_foreign_targets_go_straight_to_the_dead_letter_queue(void **state) {
    (void)state;
    account(A1), account(A2);
    queue(A1, "dead"), queue(A2, "closed");
    rule(A1, "missing", "{\"source\":[\"m\"]}", "{\"Id\":\"1\",\"Arn\":\"" Q(A1, "gone") "\",\"DeadLetterConfig\":{\"Arn\":\"" Q(A1, "dead") "\"}}");
    rule(A1, "foreign", "{\"source\":[\"f\"]}", "{\"Id\":\"1\",\"Arn\":\"" Q(A2, "closed") "\",\"DeadLetterConfig\":{\"Arn\":\"" Q(A1, "dead") "\"}}");
    rule(A1, "nobody", "{\"source\":[\"n\"]}", "{\"Id\":\"1\",\"Arn\":\"" S(A1, "gone") "\"}");
    struct caller *caller = caller_of(A1);
    struct str code;
    assert_int_equal(put_one(caller, entry("m", "{}")), ERR_OK);
    receive(A1, "dead", "ERROR_CODE", &code);
    equals(code, "NO_RESOURCE");
    assert_int_equal(put_one(caller, entry("f", "{}")), ERR_OK);
    receive(A1, "dead", "ERROR_CODE", &code);
    equals(code, "NO_PERMISSIONS");
    assert_int_equal(put_one(caller, entry("n", "{}")), ERR_OK);
    assert_int_equal(count_of("InvocationsDropped"), 1);
    static struct map_entry policy[] = {{.key = {"Policy", 6}}};
    policy[0].s = STR("{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"events.amazonaws.com\"},\"Action\":"
                      "\"sqs:SendMessage\",\"Resource\":\"*\",\"Condition\":{\"ArnEquals\":{\"aws:SourceArn\":\"arn:aws:events:us-east-1:" A1 ":rule/foreign\"}}}]}");
    serve("sqs", "SetQueueAttributes", A2, &(struct queue_set_attributes){.url = STR("closed"), .attributes = {true, 1, policy}});
    assert_int_equal(put_one(caller, entry("f", "{}")), ERR_OK);
    assert_int_equal(queued(A2, "closed"), 1);
    caller_release(caller);
}

/* ---- other buses ------------------------------------------------------------------------------------------------------------------------------ */
static void three_accounts(void) {
    account(A1), account(A2), account(A3);
    queue(A1, "dead"), queue(A2, "dead"), queue(A2, "q"), queue(A3, "q");
    rule(A1, "on", "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" BUS(A2) "\",\"DeadLetterConfig\":{\"Arn\":\"" Q(A1, "dead") "\"}}");
    rule(A2, "keep", "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" Q(A2, "q") "\"}");
    rule(A2, "on", "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" BUS(A3) "\",\"DeadLetterConfig\":{\"Arn\":\"" Q(A2, "dead") "\"}}");
    rule(A3, "keep", "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" Q(A3, "q") "\"}");
}

static void hops(int limit, int second, int third, const char *code_owner, const char *code) {
    host.settings.hop_limit = limit;
    struct caller *caller = caller_of(A1);
    struct str got;
    int64_t before2 = queued(A2, "q"), before3 = queued(A3, "q");
    assert_int_equal(put_one(caller, entry("s", "{}")), ERR_OK);
    assert_int_equal(queued(A2, "q") - before2, second);
    assert_int_equal(queued(A3, "q") - before3, third);
    if (code) {
        receive(code_owner, "dead", "ERROR_CODE", &got);
        equals(got, code);
    }
    caller_release(caller);
}

static void hop_limits_end_the_way(void **state) {
    (void)state;
    three_accounts();
    allow(A2, A1), allow(A3, A2);
    hops(0, false, false, A1, "THIRD_ACCOUNT_HOP_DETECTED");
    hops(1, true, false, A2, "THIRD_ACCOUNT_HOP_DETECTED");
    hops(2, true, true, NULL, NULL);
    rule(A3, "back", "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" BUS(A1) "\",\"DeadLetterConfig\":{\"Arn\":\"" Q(A3, "q") "\"}}");
    allow(A1, A3);
    hops(64, 1, 2, NULL, NULL); /* the loop's dead letter is in the same queue */
    assert_int_equal(count_of("HopsRefusedAsLoop"), 1);
}

static void a_bus_without_permission_refuses_the_crossing(void **state) {
    (void)state;
    three_accounts();
    hops(5, false, false, A1, "NO_PERMISSIONS");
    struct fault fault;
    struct bus_ref bus = {STR(A2), STR("default")};
    const char *policy = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"events:PutEvents\",\"Resource\":\"" BUS(A2)
                         "\",\"Condition\":{\"Bool\":{\"events:eventBusInvocation\":\"true\"},\"ArnLike\":{\"aws:SourceArn\":\"arn:aws:events:*:" A1 ":rule/o*\"},"
                         "\"StringEquals\":{\"events:source\":[\"s\"]}}}]}";
    ok(world_set_policy(world(), bus, str_from(policy), &fault), &fault);
    hops(1, true, false, NULL, NULL);
    struct caller *caller = caller_of(A1);
    struct entry direct = entry("s", "{}");
    direct.bus = STR(BUS(A2));
    assert_int_equal(put_one(caller, direct), ERR_ACCESS_DENIED); /* through a rule only */
    caller_release(caller);
}

static void too_wide_a_fan_out_refuses_the_entry_and_stores_nothing(void **state) {
    (void)state;
    account(A1);
    queue(A1, "q");
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "r%d", i);
        rule(A1, name, "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" Q(A1, "q") "\"}");
    }
    host.settings.fan_out = 4;
    struct caller *caller = caller_of(A1);
    assert_int_equal(put_one(caller, entry("s", "{}")), ERR_VALIDATION);
    assert_int_equal(queued(A1, "q"), 0);
    host.settings.fan_out = 5;
    assert_int_equal(put_one(caller, entry("s", "{}")), ERR_OK);
    assert_int_equal(queued(A1, "q"), 5);
    caller_release(caller);
}

static enum err may_put_rule(const struct caller *caller, const struct str *sources, size_t count) {
    struct fault fault;
    struct condition_value keys[] = {{"events:source", sources, count}};
    return flow_authorize(host.flow, caller, "events:PutRule", STR("arn:aws:events:us-east-1:" A1 ":rule/r"), keys, 1, &fault);
}

static void a_condition_on_a_rules_sources_means_one_or_all_of_them(void **state) {
    (void)state;
    account(A1), account(A2);
    struct fault fault;
    struct caller *caller = caller_of(A2);
    const struct str a[] = {STR("a")}, both[] = {STR("a"), STR("b")}, other[] = {STR("a"), STR("c")};
    struct bus_ref bus = {STR(A1), STR("default")};
#define LET(condition)                                                                                                                 \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" A2 "\"},\"Action\":\"events:PutRule\",\"Resource\":"   \
    "\"arn:aws:events:us-east-1:" A1 ":rule/*\",\"Condition\":{" condition "}}]}"
    ok(world_set_policy(world(), bus, STR(LET("\"StringEquals\":{\"events:source\":[\"a\",\"b\"]}")), &fault), &fault);
    assert_int_equal(may_put_rule(caller, a, 1), ERR_OK);
    assert_int_equal(may_put_rule(caller, both, 2), ERR_ACCESS_DENIED); /* either, not both */
    ok(world_set_policy(world(), bus, STR(LET("\"ForAllValues:StringEquals\":{\"events:source\":[\"a\",\"b\"]}")), &fault), &fault);
    assert_int_equal(may_put_rule(caller, both, 2), ERR_OK);
    assert_int_equal(may_put_rule(caller, other, 2), ERR_ACCESS_DENIED);
    ok(world_set_policy(world(), bus, STR(LET("\"DateLessThan\":{\"aws:CurrentTime\":\"2020-01-01T00:00:00Z\"}")), &fault), &fault);
    assert_int_equal(may_put_rule(caller, a, 1), ERR_ACCESS_DENIED);
    ok(world_set_policy(world(), bus, STR(LET("\"DateGreaterThan\":{\"aws:CurrentTime\":\"2020-01-01T00:00:00Z\"}")), &fault), &fault);
    assert_int_equal(may_put_rule(caller, a, 1), ERR_OK);
    caller_release(caller);
}

/* ---- once ------------------------------------------------------------------------------------------------------------------------------------ */
static void an_id_is_accepted_once_also_across_a_restart(void **state) {
    (void)state;
    account(A1), account(A2);
    queue(A1, "q");
    rule(A1, "r", "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" Q(A1, "q") "\"}");
    allow(A1, A2);
    struct caller *caller = caller_of(A1);
    struct entry e = entry("s", "{}");
    e.id = id_random();
    e.has_id = true;
    struct put *p = put(caller, &e, 1);
    assert_false(p->x.results[0].duplicate);
    put_free(p);
    p = put(caller, &e, 1);
    assert_int_equal(p->x.results[0].err, ERR_OK);
    assert_true(p->x.results[0].duplicate);
    put_free(p);
    struct str key_id = arena_str(&host.arena, caller->key_id);
    caller_release(caller);
    host_reopen();
    caller = world_caller(world(), key_id);
    p = put(caller, &e, 1);
    assert_true(p->x.results[0].duplicate);
    put_free(p);
    assert_int_equal(queued(A1, "q"), 1);
    struct caller *other = caller_of(A2); /* another account's equal id is another event */
    e.bus = STR(BUS(A1));
    p = put(other, &e, 1);
    assert_false(p->x.results[0].duplicate);
    put_free(p);
    assert_int_equal(queued(A1, "q"), 2);
    caller_release(caller), caller_release(other);
}

static void a_store_that_fails_acknowledges_nothing_and_frees_the_ids(void **state) {
    (void)state;
    account(A1);
    queue(A1, "q");
    rule(A1, "r", "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" Q(A1, "q") "\"}");
    struct caller *caller = caller_of(A1);
    struct entry e = entry("s", "{}");
    e.id = id_random();
    e.has_id = true;
    store_fault_at(host.store, 1, ERR_STORAGE_FULL, false);
    assert_int_equal(put_one(caller, e), ERR_STORAGE_FULL);
    assert_int_equal(queued(A1, "q"), 0);
    struct put *p = put(caller, &e, 1);
    assert_int_equal(p->x.results[0].err, ERR_OK);
    assert_false(p->x.results[0].duplicate);
    put_free(p);
    assert_int_equal(queued(A1, "q"), 1);
    caller_release(caller);
}

static enum err add_ids(void *ctx, const struct id *ids, size_t count, int64_t at_ms) {
    (void)ids, (void)at_ms;
    *(size_t *)ctx += count;
    return ERR_OK;
}

static size_t stored_ids(void) {
    size_t n = 0;
    struct fault fault;
    ok(host.store->ops->ids_scan(host.store, INT64_MIN, add_ids, &n, &fault), &fault);
    return n;
}

static void stored_ids_are_forgotten_after_the_window(void **state) {
    (void)state;
    account(A1);
    queue(A1, "q");
    rule(A1, "r", "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" Q(A1, "q") "\"}");
    struct caller *caller = caller_of(A1);
    int64_t start = clock_now_ms();
    struct entry wanted = entry("s", "{}"), unwanted = entry("nobody wants it", "{}");
    wanted.has_id = unwanted.has_id = true;
    wanted.id = id_random();
    unwanted.id = id_random();
    assert_int_equal(put_one(caller, wanted), ERR_OK);
    assert_int_equal(put_one(caller, unwanted), ERR_OK);
    assert_int_equal(put_one(caller, entry("s", "{}")), ERR_OK);
    assert_int_equal(stored_ids(), 1); /* what wrote nothing needs no memory on disk, and an id that was made here cannot come again */
    clock_fake(start + host.settings.dedup_window_ms + 60000);
    UNTIL(stored_ids() == 0);
    clock_real();
    caller_release(caller);
}

static void a_batch_is_judged_entry_by_entry(void **state) {
    (void)state;
    account(A1);
    queue(A1, "q");
    rule(A1, "r", "{\"source\":[\"s\"]}", "{\"Id\":\"1\",\"Arn\":\"" Q(A1, "q") "\"}");
    struct caller *caller = caller_of(A1);
    struct entry entries[100];
    for (int i = 0; i < 100; i++) entries[i] = entry(i % 3 ? "s" : "ignored", i % 10 == 7 ? "broken" : "{}");
    struct put *p = put(caller, entries, 100);
    int accepted = 0, routed = 0;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(p->x.results[i].err, i % 10 == 7 ? ERR_MALFORMED_DETAIL : ERR_OK);
        accepted += !p->x.results[i].err;
        routed += !p->x.results[i].err && i % 3;
    }
    put_free(p);
    assert_int_equal(queued(A1, "q"), routed);
    assert_int_equal(count_of("EventsAccepted"), accepted);
    assert_int_equal(count_of("EventsRefused"), 100 - accepted);
    caller_release(caller);
}

#define T(name) cmocka_unit_test_setup_teardown(name, host_setup, host_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(entries_are_judged_in_the_services_order),
        T(another_accounts_bus_takes_only_whom_its_policy_allows),
        T(a_matched_event_is_in_the_queue_when_it_is_acknowledged),
        T(a_transformer_makes_the_input_and_its_failure_a_dead_letter),
        T(missing_and_foreign_targets_go_straight_to_the_dead_letter_queue),
        T(hop_limits_end_the_way),
        T(a_bus_without_permission_refuses_the_crossing),
        T(a_condition_on_a_rules_sources_means_one_or_all_of_them),
        T(too_wide_a_fan_out_refuses_the_entry_and_stores_nothing),
        T(an_id_is_accepted_once_also_across_a_restart),
        T(a_store_that_fails_acknowledges_nothing_and_frees_the_ids),
        T(stored_ids_are_forgotten_after_the_window),
        T(a_batch_is_judged_entry_by_entry),
    };
    return cmocka_run_group_tests_name("flow/doorway", tests, NULL, NULL);
}
