#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "flow_fixture.h"
#include "os.h"
#include "scripted_function.h"

#define ARN(service, account, rest) "arn:aws:" service ":us-east-1:" account ":" rest
#define OWNER_QUEUE(name) ARN("sqs", "111122223333", name)
#define BUS(account, name) ARN("events", account, "event-bus/" name)
#define ALL "{\"source\":[{\"prefix\":\"\"}]}"
#define DLQ "\"DeadLetterConfig\":{\"Arn\":\"" OWNER_QUEUE("dlq") "\"}"

static void start(struct fixture *x, bool sqlite) {
    script_reset();
    fixture_start(x, sqlite);
    fixture_queue(x, OWNER, "q");
    fixture_queue(x, OWNER, "dlq");
}

/* A policy on a bus: one statement, everything but its condition given. */
static void allow(struct fixture *x, const char *account, const char *principal, const char *condition) {
    struct str policy = arena_printf(&x->arena,
                                     "{\"Statement\":[{\"Sid\":\"s\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"%s\"},\"Action\":\"events:PutEvents\","
                                     "\"Resource\":\"arn:aws:events:us-east-1:%s:event-bus/default\"%s%s}]}",
                                     principal, account, condition ? ",\"Condition\":" : "", condition ? condition : "");
    enum err err = world_set_policy(flow_world(x->flow), fixture_bus(str_from(account), "default"), policy, &x->fault);
    if (err) fail_msg("%s", x->fault.message);
}

static struct str body_of(struct fixture *x, struct str account, const char *queue) {
    const struct node *message = fixture_receive(x, account, queue);
    return message ? fixture_text(message, "Body") : STR_NULL;
}

/* Takes the one dead letter of the owner's dlq and looks at its attributes. */
static void assert_dead_letter(struct fixture *x, const char *code, const char *target, const char *source) {
    const struct node *m = fixture_receive(x, OWNER, "dlq");
    if (!m) fail_msg("no dead letter with %s", code);
    ASSERT_TEXT(fixture_attribute(m, "ERROR_CODE"), code);
    ASSERT_TEXT(fixture_attribute(m, "TARGET_ARN"), target);
    ASSERT_TEXT(fixture_attribute(m, "RETRY_ATTEMPTS"), "0");
    assert_null(fixture_attribute(m, "EXHAUSTED_RETRY_CONDITION").p);
    assert_true(fixture_attribute(m, "ERROR_MESSAGE").n > 0);
    assert_true(str_starts(fixture_attribute(m, "RULE_ARN"), STR("arn:aws:events:us-east-1:")));
    struct node *event;
    assert_int_equal(doc_parse(&x->arena, fixture_text(m, "Body"), &event, &x->fault), ERR_OK);
    ASSERT_TEXT(fixture_text(event, "source"), source); /* the original event, not what a transformer made of it */
    assert_non_null(doc_get(event, STR("detail")));
    assert_null(fixture_receive(x, OWNER, "dlq"));
}

/* ---- answers ----------------------------------------------------------------------------------------------------------------------- */
static void entries_are_judged_one_by_one(void **state) {
    (void)state;
    struct fixture x;
    start(&x, false);
    fixture_rule(&x, fixture_bus(OWNER, "default"), "r", ALL, "{\"Id\":\"1\",\"Arn\":\"" OWNER_QUEUE("q") "\"}");
    struct entry e[6] = {fixture_entry("a", "{}"), fixture_entry("", "{}"), fixture_entry("c", "[]"), fixture_entry("d", "{}"), fixture_entry("e", "{}"),
                         fixture_entry("f", "{}")};
    struct entry_result *r;
    e[3].bus = STR("gone");
    e[4].bus = STR(BUS("444455556666", "default"));
    e[5].id = id_random();
    e[5].has_id = true;
    assert_int_equal(fixture_put(&x, OWNER, e, 6, &r), ERR_OK);
    assert_int_equal(r[0].err, ERR_OK);
    assert_int_equal(r[1].err, ERR_INVALID_ARGUMENT);
    ASSERT_TEXT(r[1].message, "Parameter Source is not valid. Reason: Source is a required argument.");
    assert_int_equal(r[2].err, ERR_MALFORMED_DETAIL);
    assert_int_equal(r[3].err, ERR_NOT_FOUND);
    ASSERT_TEXT(r[3].message, "Event bus gone does not exist.");
    assert_int_equal(r[4].err, ERR_ACCESS_DENIED);
    assert_int_equal(r[5].err, ERR_OK);
    assert_memory_not_equal(r[0].id.b, r[5].id.b, 16);
    assert_int_equal(fixture_depth(&x, OWNER, "q"), 2);
    assert_int_equal(COUNTED(&x, accepted), 2);
    assert_int_equal(COUNTED(&x, refused), 4);
    assert_int_equal(flow_remembered_ids(x.flow), 1); /* an id that was made here cannot come again */
    fixture_end(&x);
}

static void an_event_that_no_rule_takes_costs_no_write(void **state) {
    (void)state;
    struct fixture x;
    start(&x, false);
    struct store_stats before, after;
    caller_release(fixture_caller(&x, OWNER));
    assert_int_equal(flow_store_stats(x.flow, &before, &x.fault), ERR_OK);
    fixture_event(&x, OWNER, "s", "{}");
    assert_int_equal(flow_store_stats(x.flow, &after, &x.fault), ERR_OK);
    assert_int_equal(before.commits, after.commits);
    fixture_end(&x);
}

static void note_thread(struct accept *a) { *(pthread_t *)a->ctx = pthread_self(); }

static void what_writes_nothing_is_answered_without_the_committer(void **state) {
    (void)state;
    struct fixture x;
    start(&x, false);
    pthread_t answered_on = 0;
    struct entry e = fixture_entry("s", "{}");
    struct accept a = {
        .caller = fixture_caller(&x, OWNER), .arena = &x.arena, .entries = &e, .count = 1, .done = note_thread, .ctx = &answered_on};
    flow_accept(x.flow, &a);
    assert_true(pthread_equal(answered_on, pthread_self())); /* and so before flow_accept came back */
    assert_int_equal(a.err, ERR_OK);
    assert_int_equal(a.results[0].err, ERR_OK);
    assert_int_equal(COUNTED(&x, accepted), 1);
    caller_release(a.caller);
    fixture_end(&x);
}

static void an_unknown_bus_swallows_events_only_with_quirks(void **state) {
    (void)state;
    struct fixture x;
    start(&x, false);
    x.settings.aws_quirks = 1;
    struct entry e = fixture_entry("s", "{}"), bad = fixture_entry("s", "x");
    struct entry_result *r;
    e.bus = bad.bus = STR("gone");
    assert_int_equal(fixture_put(&x, OWNER, &e, 1, &r), ERR_OK);
    assert_int_equal(r->err, ERR_OK);
    assert_int_equal(fixture_put(&x, OWNER, &bad, 1, &r), ERR_OK);
    assert_int_equal(r->err, ERR_MALFORMED_DETAIL);
    fixture_end(&x);
}

/* ---- to every kind ------------------------------------------------------------------------------------------------------------------ */
static void an_event_goes_to_queue_stream_topic_function_and_log(void **state) {
    (void)state;
    struct fixture x;
    start(&x, false);
    struct bus_ref bus = fixture_bus(OWNER, "default");
    struct node *answer;
    fixture_queue(&x, OWNER, "subscribed");
    assert_int_equal(fixture_run(&x, OWNER, "kinesis", "CreateStream", STR("{\"StreamName\":\"st\"}"), NULL), ERR_OK);
    assert_int_equal(fixture_run(&x, OWNER, "sns", "CreateTopic", STR("{\"Name\":\"to\"}"), NULL), ERR_OK);
    assert_int_equal(fixture_run(&x, OWNER, "sns", "Subscribe", STR("{\"TopicArn\":\"" ARN("sns", "111122223333", "to") "\",\"Protocol\":\"sqs\",\"Endpoint\":\""
                                 OWNER_QUEUE("subscribed") "\",\"Attributes\":{\"RawMessageDelivery\":\"true\"}}"), NULL), ERR_OK);
    assert_int_equal(fixture_run(&x, OWNER, "logs", "CreateLogGroup", STR("{\"logGroupName\":\"lo\",\"File\":\"lo.jsonl\"}"), NULL), ERR_OK);
    fixture_rule(&x, bus, "1", ALL, "{\"Id\":\"q\",\"Arn\":\"" OWNER_QUEUE("q") "\"}");
    fixture_rule(&x, bus, "2", ALL, "{\"Id\":\"st\",\"Arn\":\"" ARN("kinesis", "111122223333", "stream/st") "\",\"KinesisParameters\":{\"PartitionKeyPath\":\"$.detail.k\"}}");
    fixture_rule(&x, bus, "3", ALL, "{\"Id\":\"to\",\"Arn\":\"" ARN("sns", "111122223333", "to") "\"}");
    fixture_rule(&x, bus, "4", ALL, "{\"Id\":\"fn\",\"Arn\":\"" ARN("lambda", "111122223333", "function:fn") "\",\"InputPath\":\"$.detail.k\"}");
    fixture_rule(&x, bus, "5", ALL, "{\"Id\":\"lo\",\"Arn\":\"" ARN("logs", "111122223333", "log-group:lo") "\"}");
    fixture_rule(&x, bus, "6", "{\"source\":[\"other\"]}", "{\"Id\":\"q\",\"Arn\":\"" OWNER_QUEUE("q") "\"}");
    fixture_event(&x, OWNER, "s", "{ \"k\" : \"key\" }");
    struct str body = body_of(&x, OWNER, "q");
    assert_true(str_starts(body, STR("{\"version\":\"0\",\"id\":\"")));
    assert_true(str_ends(body, STR(",\"resources\":[],\"detail\":{\"k\":\"key\"}}")));
    assert_true(str_eq(body_of(&x, OWNER, "subscribed"), body));
    assert_null(fixture_receive(&x, OWNER, "q"));
    assert_int_equal(fixture_run(&x, OWNER, "kinesis", "GetShardIterator", STR("{\"StreamName\":\"st\",\"ShardId\":\"shardId-000000000000\","
                                 "\"ShardIteratorType\":\"TRIM_HORIZON\"}"), &answer), ERR_OK);
    assert_int_equal(fixture_run(&x, OWNER, "kinesis", "GetRecords", arena_printf(&x.arena, "{\"ShardIterator\":\"%.*s\"}",
                                 STR_ARG(fixture_text(answer, "ShardIterator"))), &answer), ERR_OK);
    const struct node *records = doc_get(answer, STR("Records"));
    assert_int_equal(records->count, 1);
    ASSERT_TEXT(fixture_text(records->child, "PartitionKey"), "key");
    UNTIL(flow_pending(x.flow) == 0);
    assert_int_equal(SCRIPT(count), 1);
    assert_string_equal(script.lines[0].input, "\"key\"");
    struct buf file;
    char path[96];
    buf_init(&file, 0);
    snprintf(path, sizeof path, "%s/logs/lo.jsonl", x.dir);
    assert_int_equal(os_read_file(path, 1 << 20, &file, &x.fault), ERR_OK);
    assert_true(str_starts(buf_str(&file), body));
    buf_fini(&file);
    assert_int_equal(COUNTED(&x, triggered), 5);
    assert_int_equal(COUNTED(&x, matched), 1);
    assert_int_equal(COUNTED(&x, delivered), 2);
    fixture_end(&x);
}

static void disabled_and_schedule_only_rules_take_nothing(void **state) {
    (void)state;
    struct fixture x;
    start(&x, false);
    struct bus_ref bus = fixture_bus(OWNER, "default");
    struct target_failure *failures;
    struct str arn, target = STR("{\"Id\":\"1\",\"Arn\":\"" OWNER_QUEUE("q") "\"}");
    size_t n;
    struct rule_spec scheduled = {.bus = bus, .name = STR("s"), .schedule = STR("rate(365 days)"), .created_by = OWNER};
    fixture_rule(&x, bus, "r", ALL, target.p);
    assert_int_equal(world_put_rule(flow_world(x.flow), &scheduled, &x.arena, &arn, &x.fault), ERR_OK);
    assert_int_equal(world_put_targets(flow_world(x.flow), bus, STR("s"), &target, 1, &x.arena, &failures, &n, &x.fault), ERR_OK);
    assert_int_equal(world_set_rule_state(flow_world(x.flow), bus, STR("r"), false, &x.fault), ERR_OK);
    fixture_event(&x, OWNER, "s", "{}");
    assert_int_equal(fixture_depth(&x, OWNER, "q"), 0);
    assert_int_equal(world_set_rule_state(flow_world(x.flow), bus, STR("r"), true, &x.fault), ERR_OK);
    fixture_event(&x, OWNER, "s", "{}");
    assert_int_equal(fixture_depth(&x, OWNER, "q"), 1);
    fixture_end(&x);
}

/* ---- dead letters from routing -------------------------------------------------------------------------------------------------------- */
static void what_cannot_be_routed_is_dead_lettered_with_its_code(void **state) {
    (void)state;
    static const struct {
        const char *target, *arn, *code;
    } rows[] = {
        {"{\"Id\":\"1\",\"Arn\":\"" OWNER_QUEUE("gone") "\"," DLQ "}", OWNER_QUEUE("gone"), "NO_RESOURCE"},
        {"{\"Id\":\"1\",\"Arn\":\"" ARN("sqs", "444455556666", "theirs") "\"," DLQ "}", ARN("sqs", "444455556666", "theirs"), "NO_PERMISSIONS"},
        {"{\"Id\":\"1\",\"Arn\":\"" ARN("kinesis", "111122223333", "stream/gone") "\"," DLQ "}", ARN("kinesis", "111122223333", "stream/gone"), "NO_RESOURCE"},
        {"{\"Id\":\"1\",\"Arn\":\"" ARN("sns", "111122223333", "gone") "\"," DLQ "}", ARN("sns", "111122223333", "gone"), "NO_RESOURCE"},
        {"{\"Id\":\"1\",\"Arn\":\"" OWNER_QUEUE("q") "\"," DLQ ",\"InputTransformer\":{\"InputPathsMap\":{\"k\":\"$.detail.k\"},\"InputTemplate\":\"{\\\"a\\\": <k><k>}\"}}",
         OWNER_QUEUE("q"), "INVALID_JSON"},
        {"{\"Id\":\"1\",\"Arn\":\"" BUS("111122223333", "gone") "\"," DLQ "}", BUS("111122223333", "gone"), "NO_RESOURCE"},
        {"{\"Id\":\"1\",\"Arn\":\"arn:aws:events:eu-west-1:444455556666:event-bus/default\"," DLQ "}",
         "arn:aws:events:eu-west-1:444455556666:event-bus/default", "NO_RESOURCE"},
        {"{\"Id\":\"1\",\"Arn\":\"" BUS("444455556666", "default") "\"," DLQ "}", BUS("444455556666", "default"), "NO_PERMISSIONS"},
    };
    struct fixture x;
    start(&x, false);
    fixture_queue(&x, OTHER, "theirs");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fixture_rule(&x, fixture_bus(OWNER, "default"), "r", ALL, rows[i].target);
        fixture_event(&x, OWNER, "s", "{\"k\":\"say \\\"no\\\" \"}");
        assert_dead_letter(&x, rows[i].code, rows[i].arn, "s");
        assert_int_equal(COUNTED(&x, dead_lettered), i + 1);
    }
    assert_int_equal(fixture_depth(&x, OWNER, "q"), 0);
    assert_int_equal(fixture_depth(&x, OTHER, "theirs"), 0);
    fixture_end(&x);
}

static void without_a_dead_letter_queue_the_drop_is_counted(void **state) {
    (void)state;
    struct fixture x;
    start(&x, false);
    fixture_rule(&x, fixture_bus(OWNER, "default"), "r", ALL, "{\"Id\":\"1\",\"Arn\":\"" OWNER_QUEUE("gone") "\"}");
    fixture_event(&x, OWNER, "s", "{}");
    assert_int_equal(COUNTED(&x, dropped), 1);
    fixture_rule(&x, fixture_bus(OWNER, "default"), "r", ALL,
                 "{\"Id\":\"1\",\"Arn\":\"" OWNER_QUEUE("gone") "\",\"DeadLetterConfig\":{\"Arn\":\"" OWNER_QUEUE("gone too") "\"}}");
    fixture_event(&x, OWNER, "s", "{}");
    assert_int_equal(COUNTED(&x, dropped), 2);
    assert_int_equal(COUNTED(&x, dead_lettered), 0);
    fixture_end(&x);
}

static void another_accounts_queue_takes_events_when_its_policy_says_so(void **state) {
    (void)state;
    struct fixture x;
    start(&x, false);
    assert_int_equal(fixture_run(&x, OTHER, "sqs", "CreateQueue", STR("{\"QueueName\":\"theirs\",\"Attributes\":{\"Policy\":\"{\\\"Statement\\\":[{\\\"Effect\\\":\\\"Allow\\\","
        "\\\"Principal\\\":{\\\"Service\\\":\\\"events.amazonaws.com\\\"},\\\"Action\\\":\\\"sqs:SendMessage\\\",\\\"Resource\\\":\\\"*\\\",\\\"Condition\\\":{\\\"ArnEquals\\\":"
        "{\\\"aws:SourceArn\\\":\\\"arn:aws:events:us-east-1:111122223333:rule/let-in\\\"}}}]}\"}}"), NULL), ERR_OK);
    fixture_rule(&x, fixture_bus(OWNER, "default"), "let-in", "{\"source\":[\"a\"]}", "{\"Id\":\"1\",\"Arn\":\"" ARN("sqs", "444455556666", "theirs") "\"," DLQ "}");
    fixture_rule(&x, fixture_bus(OWNER, "default"), "left-out", "{\"source\":[\"b\"]}", "{\"Id\":\"1\",\"Arn\":\"" ARN("sqs", "444455556666", "theirs") "\"," DLQ "}");
    fixture_event(&x, OWNER, "a", "{}");
    assert_int_equal(fixture_depth(&x, OTHER, "theirs"), 1);
    fixture_event(&x, OWNER, "b", "{}");
    assert_int_equal(fixture_depth(&x, OTHER, "theirs"), 1);
    assert_dead_letter(&x, "NO_PERMISSIONS", ARN("sqs", "444455556666", "theirs"), "b");
    fixture_end(&x);
}

/* ---- to another bus ---------------------------------------------------------------------------------------------------------------------- */
static void crossing_is_decided_by_the_policy_of_the_bus_and_its_conditions(void **state) {
    (void)state;
    static const struct {
        const char *principal, *condition;
        bool allowed;
    } rows[] = {
        {"111122223333", NULL, true},
        {"777788889999", NULL, false},
        {"*", "{\"ArnEquals\":{\"aws:SourceArn\":\"arn:aws:events:us-east-1:111122223333:rule/on\"}}", true},
        {"*", "{\"ArnEquals\":{\"aws:SourceArn\":\"arn:aws:events:us-east-1:111122223333:rule/off\"}}", false},
        {"*", "{\"StringEquals\":{\"aws:SourceAccount\":\"111122223333\"}}", true},
        {"*", "{\"Bool\":{\"events:eventBusInvocation\":\"true\"}}", true},
        {"*", "{\"Bool\":{\"events:eventBusInvocation\":\"false\"}}", false},
        {"111122223333", "{\"StringEquals\":{\"events:source\":\"s\"}}", true},
        {"111122223333", "{\"StringEquals\":{\"events:source\":\"x\"}}", false},
        {"111122223333", "{\"StringEquals\":{\"events:detail-type\":\"t\"}}", true},
    };
    struct fixture x;
    start(&x, false);
    fixture_queue(&x, OTHER, "inbox");
    fixture_rule(&x, fixture_bus(OWNER, "default"), "on", ALL, "{\"Id\":\"1\",\"Arn\":\"" BUS("444455556666", "default") "\"," DLQ "}");
    fixture_rule(&x, fixture_bus(OTHER, "default"), "keep", ALL, "{\"Id\":\"1\",\"Arn\":\"" ARN("sqs", "444455556666", "inbox") "\"}");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        allow(&x, "444455556666", rows[i].principal, rows[i].condition);
        fixture_event(&x, OWNER, "s", "{\"k\":1}");
        struct str body = body_of(&x, OTHER, "inbox");
        if (!rows[i].allowed) {
            assert_null(body.p);
            assert_dead_letter(&x, "NO_PERMISSIONS", BUS("444455556666", "default"), "s");
            continue;
        }
        struct node *event;
        if (!body.p) fail_msg("row %zu", i);
        assert_int_equal(doc_parse(&x.arena, body, &event, &x.fault), ERR_OK);
        ASSERT_TEXT(fixture_text(event, "account"), "111122223333"); /* the origin's */
        assert_null(fixture_receive(&x, OWNER, "dlq"));
    }
    fixture_end(&x);
}

static void a_direct_put_needs_the_policy_and_is_no_bus_invocation(void **state) {
    (void)state;
    struct fixture x;
    start(&x, false);
    fixture_queue(&x, OTHER, "inbox");
    fixture_rule(&x, fixture_bus(OTHER, "default"), "keep", ALL, "{\"Id\":\"1\",\"Arn\":\"" ARN("sqs", "444455556666", "inbox") "\"}");
    struct entry e = fixture_entry("s", "{}");
    struct entry_result *r;
    e.bus = STR(BUS("444455556666", "default"));
    static const struct {
        const char *condition;
        enum err err;
    } rows[] = {{NULL, ERR_OK},
                {"{\"Bool\":{\"events:eventBusInvocation\":\"false\"}}", ERR_OK},
                {"{\"Bool\":{\"events:eventBusInvocation\":\"true\"}}", ERR_ACCESS_DENIED},
                {"{\"StringEquals\":{\"events:source\":\"x\"}}", ERR_ACCESS_DENIED},
                {"{\"StringEquals\":{\"events:detail-type\":\"t\"}}", ERR_OK}};
    assert_int_equal(fixture_put(&x, OWNER, &e, 1, &r), ERR_OK);
    assert_int_equal(r->err, ERR_ACCESS_DENIED); /* no policy */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        allow(&x, "444455556666", "111122223333", rows[i].condition);
        assert_int_equal(fixture_put(&x, OWNER, &e, 1, &r), ERR_OK);
        assert_int_equal(r->err, rows[i].err);
    }
    assert_int_equal(fixture_depth(&x, OTHER, "inbox"), 3);
    fixture_end(&x);
}

/* OWNER -> OTHER -> THIRD -> OWNER, with a queue at each; every forwarding rule's dead letters go to a queue of its own account. */
static void make_ring(struct fixture *x) {
    static const struct {
        const char *from, *to;
    } ring[] = {{"111122223333", "444455556666"}, {"444455556666", "777788889999"}, {"777788889999", "111122223333"}};
    for (size_t i = 0; i < 3; i++) {
        struct str account = str_from(ring[i].from);
        fixture_queue(x, account, "seen");
        fixture_queue(x, account, "lost");
        allow(x, ring[i].to, ring[i].from, NULL);
        fixture_rule(x, fixture_bus(account, "default"), "keep", ALL, arena_printf(&x->arena, "{\"Id\":\"1\",\"Arn\":\"arn:aws:sqs:us-east-1:%s:seen\"}", ring[i].from).p);
        fixture_rule(x, fixture_bus(account, "default"), "on", ALL,
                     arena_printf(&x->arena, "{\"Id\":\"1\",\"Arn\":\"arn:aws:events:us-east-1:%s:event-bus/default\",\"DeadLetterConfig\":{\"Arn\":\"arn:aws:sqs:us-east-1:%s:lost\"}}",
                                  ring[i].to, ring[i].from).p);
    }
}

static void events_cross_as_often_as_the_hop_limit_says_and_never_in_circles(void **state) {
    (void)state;
    static const struct {
        int64_t limit;
        int64_t seen[3], lost[3];
        const char *code;
        size_t where;
    } rows[] = {
        {0, {1, 0, 0}, {1, 0, 0}, "THIRD_ACCOUNT_HOP_DETECTED", 0},
        {1, {1, 1, 0}, {0, 1, 0}, "THIRD_ACCOUNT_HOP_DETECTED", 1},
        {2, {1, 1, 1}, {0, 0, 1}, "LOOP_DETECTED", 2},
        {64, {1, 1, 1}, {0, 0, 1}, "LOOP_DETECTED", 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct str accounts[] = {OWNER, OTHER, THIRD};
        struct fixture x;
        start(&x, false);
        x.settings.hop_limit = rows[i].limit;
        make_ring(&x);
        struct id id = fixture_event(&x, OWNER, "s", "{}");
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(fixture_depth(&x, accounts[k], "seen"), rows[i].seen[k]);
            assert_int_equal(fixture_depth(&x, accounts[k], "lost"), rows[i].lost[k]);
        }
        char text[ID_TEXT_SIZE];
        id_text(id, text);
        const struct node *m = fixture_receive(&x, accounts[rows[i].where], "lost");
        ASSERT_TEXT(fixture_attribute(m, "ERROR_CODE"), rows[i].code);
        if (rows[i].limit == 1)
            ASSERT_TEXT(fixture_attribute(m, "ERROR_MESSAGE"),
                        arena_printf(&x.arena, "Event ingestion rejected for event %s because an event can be sent to an event bus target only once. "
                                               "This event was previously delivered to an event bus target.", text).p);
        assert_int_equal(COUNTED(&x, crossings), rows[i].seen[1] + rows[i].seen[2]);
        assert_int_equal(COUNTED(&x, hop_limited) + COUNTED(&x, hop_looped), 1);
        fixture_end(&x);
    }
}

/* ---- bounds --------------------------------------------------------------------------------------------------------------------------------- */
static void a_batch_that_fans_out_too_far_is_refused_where_it_passes_the_bound(void **state) {
    (void)state;
    struct fixture x;
    start(&x, false);
    fixture_rule(&x, fixture_bus(OWNER, "default"), "1", ALL, "{\"Id\":\"1\",\"Arn\":\"" OWNER_QUEUE("q") "\"}");
    fixture_rule(&x, fixture_bus(OWNER, "default"), "2", ALL, "{\"Id\":\"1\",\"Arn\":\"" OWNER_QUEUE("q") "\"}");
    x.settings.fan_out = 5;
    struct entry e[3] = {fixture_entry("a", "{}"), fixture_entry("b", "{}"), fixture_entry("c", "{}")};
    struct entry_result *r;
    assert_int_equal(fixture_put(&x, OWNER, e, 3, &r), ERR_OK);
    assert_int_equal(r[0].err, ERR_OK);
    assert_int_equal(r[1].err, ERR_OK);
    assert_int_equal(r[2].err, ERR_VALIDATION);
    ASSERT_TEXT(r[2].message, "The events cause more than 5 deliveries (setting fan-out): send fewer at once.");
    assert_int_equal(fixture_depth(&x, OWNER, "q"), 4); /* nothing half delivered of the third */
    fixture_end(&x);
}

static void a_full_backlog_throttles_producers_until_it_shrinks(void **state) {
    (void)state;
    struct fixture x;
    start(&x, false);
    fixture_rule(&x, fixture_bus(OWNER, "default"), "r", ALL, "{\"Id\":\"1\",\"Arn\":\"" ARN("lambda", "111122223333", "function:slow") "\"}");
    x.settings.pending_deliveries = 3;
    script.hold = script_takes_all;
    for (int i = 0; i < 3; i++) fixture_event(&x, OWNER, "s", "{}");
    struct entry e = fixture_entry("s", "{}");
    struct entry_result *r;
    assert_int_equal(fixture_put(&x, OWNER, &e, 1, &r), ERR_THROTTLING);
    assert_string_equal(x.fault.message, "3 deliveries are waiting for their targets (setting pending-deliveries); try again later.");
    assert_int_equal(flow_pending(x.flow), 3);
    UNTIL(SCRIPT(under_way) == 3);
    script_release(OUTCOME_DELIVERED);
    UNTIL(flow_pending(x.flow) == 0);
    assert_int_equal(fixture_put(&x, OWNER, &e, 1, &r), ERR_OK);
    script_release(OUTCOME_DELIVERED);
    fixture_end(&x);
}

static void a_batch_past_its_memory_is_refused_and_its_ids_are_free(void **state) {
    (void)state;
    struct fixture x;
    start(&x, false);
    fixture_rule(&x, fixture_bus(OWNER, "default"), "r", ALL, "{\"Id\":\"1\",\"Arn\":\"" OWNER_QUEUE("q") "\"}");
    struct caller *caller = fixture_caller(&x, OWNER);
    struct entry e[4];
    int64_t accepted = 0;
    for (size_t i = 0; i < 4; i++) {
        e[i] = fixture_entry("s", "{\"text\":\"0123456789012345678901234567890123456789\"}");
        e[i].id = id_random();
        e[i].has_id = true;
    }
    for (size_t cap = 512; cap < 65536; cap += 512) {
        struct arena a;
        struct fixture_batch b = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
        arena_init(&a, cap);
        b.x = (struct accept){.caller = caller, .arena = &a, .entries = e, .count = 4, .done = fixture_batch_done, .ctx = &b};
        flow_accept(x.flow, &b.x);
        pthread_mutex_lock(&b.lock);
        while (!b.over) pthread_cond_wait(&b.ended, &b.lock);
        pthread_mutex_unlock(&b.lock);
        if (b.x.err) assert_int_equal(b.x.err, ERR_NOMEM);
        for (size_t i = 0; !b.x.err && i < 4; i++) {
            if (b.x.results[i].err) assert_int_equal(b.x.results[i].err, ERR_NOMEM);
            else accepted += !b.x.results[i].duplicate;
        }
        arena_fini(&a);
    }
    assert_int_equal(accepted, 4); /* each exactly once, in whatever round it fitted */
    assert_int_equal(fixture_depth(&x, OWNER, "q"), 4);
    caller_release(caller);
    fixture_end(&x);
}

/* ---- the same id again --------------------------------------------------------------------------------------------------------------------------- */
static void an_id_is_accepted_once_also_after_a_restart(void **state) {
    (void)state;
    for (int sqlite = 0; sqlite < 2; sqlite++) {
        struct fixture x;
        start(&x, sqlite);
        fixture_rule(&x, fixture_bus(OWNER, "default"), "r", ALL, "{\"Id\":\"1\",\"Arn\":\"" OWNER_QUEUE("q") "\"}");
        struct entry e = fixture_entry("s", "{}");
        struct entry_result *r;
        e.id = id_random();
        e.has_id = true;
        for (int round = 0; round < 3; round++) {
            assert_int_equal(fixture_put(&x, OWNER, &e, 1, &r), ERR_OK);
            assert_int_equal(r->err, ERR_OK);
            assert_int_equal(r->duplicate, round > 0);
            assert_memory_equal(r->id.b, e.id.b, 16);
            if (round == 1) fixture_reopen(&x);
        }
        assert_int_equal(fixture_put(&x, OTHER, &e, 1, &r), ERR_OK); /* another account's equal id is another event */
        assert_false(r->duplicate);
        assert_int_equal(fixture_depth(&x, OWNER, "q"), 1);
        fixture_end(&x);
    }
}

static void an_id_may_come_again_when_the_window_is_over(void **state) {
    (void)state;
    struct fixture x;
    start(&x, false);
    clock_fake(1790000000000);
    struct entry e = fixture_entry("s", "{}");
    struct entry_result *r;
    fixture_rule(&x, fixture_bus(OWNER, "default"), "r", ALL, "{\"Id\":\"1\",\"Arn\":\"" OWNER_QUEUE("q") "\"}");
    e.id = id_random();
    e.has_id = true;
    assert_int_equal(fixture_put(&x, OWNER, &e, 1, &r), ERR_OK);
    clock_fake(1790000000000 + x.settings.dedup_window_ms - 1);
    assert_int_equal(fixture_put(&x, OWNER, &e, 1, &r), ERR_OK);
    assert_true(r->duplicate);
    clock_fake(1790000000000 + x.settings.dedup_window_ms);
    fixture_reopen(&x);
    assert_int_equal(fixture_put(&x, OWNER, &e, 1, &r), ERR_OK);
    assert_false(r->duplicate);
    assert_int_equal(fixture_depth(&x, OWNER, "q"), 2);
    fixture_end(&x);
}

static void when_the_store_fails_nothing_is_accepted_and_ids_are_free_again(void **state) {
    (void)state;
    struct fixture x;
    start(&x, false);
    fixture_rule(&x, fixture_bus(OWNER, "default"), "q", ALL, "{\"Id\":\"1\",\"Arn\":\"" OWNER_QUEUE("q") "\"}");
    fixture_rule(&x, fixture_bus(OWNER, "default"), "f", ALL, "{\"Id\":\"1\",\"Arn\":\"" ARN("lambda", "111122223333", "function:f") "\"}");
    struct entry e[2] = {fixture_entry("s", "{}"), fixture_entry("", "{}")};
    struct entry_result *r;
    e[0].id = id_random();
    e[0].has_id = true;
    caller_release(fixture_caller(&x, OWNER));
    for (int i = 0; i < 3; i++) {
        store_fault_at(x.store, 1, ERR_STORAGE_FULL, false);
        assert_int_equal(fixture_put(&x, OWNER, e, 2, &r), ERR_STORAGE_FULL);
    }
    assert_int_equal(fixture_depth(&x, OWNER, "q"), 0);
    assert_int_equal(flow_pending(x.flow), 0);
    assert_int_equal(flow_remembered_ids(x.flow), 0);
    assert_int_equal(COUNTED(&x, accepted), 0);
    assert_int_equal(SCRIPT(count), 0);
    assert_int_equal(fixture_put(&x, OWNER, e, 2, &r), ERR_OK);
    assert_int_equal(r[0].err, ERR_OK);
    assert_false(r[0].duplicate);
    assert_int_equal(fixture_depth(&x, OWNER, "q"), 1);
    UNTIL(flow_pending(x.flow) == 0);
    assert_int_equal(SCRIPT(delivered), 1);
    fixture_end(&x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_judged_one_by_one),
        cmocka_unit_test(an_event_that_no_rule_takes_costs_no_write),
        cmocka_unit_test(what_writes_nothing_is_answered_without_the_committer),
        cmocka_unit_test(an_unknown_bus_swallows_events_only_with_quirks),
        cmocka_unit_test(an_event_goes_to_queue_stream_topic_function_and_log),
        cmocka_unit_test(disabled_and_schedule_only_rules_take_nothing),
        cmocka_unit_test(what_cannot_be_routed_is_dead_lettered_with_its_code),
        cmocka_unit_test(without_a_dead_letter_queue_the_drop_is_counted),
        cmocka_unit_test(another_accounts_queue_takes_events_when_its_policy_says_so),
        cmocka_unit_test(crossing_is_decided_by_the_policy_of_the_bus_and_its_conditions),
        cmocka_unit_test(a_direct_put_needs_the_policy_and_is_no_bus_invocation),
        cmocka_unit_test(events_cross_as_often_as_the_hop_limit_says_and_never_in_circles),
        cmocka_unit_test(a_batch_that_fans_out_too_far_is_refused_where_it_passes_the_bound),
        cmocka_unit_test(a_full_backlog_throttles_producers_until_it_shrinks),
        cmocka_unit_test(a_batch_past_its_memory_is_refused_and_its_ids_are_free),
        cmocka_unit_test(an_id_is_accepted_once_also_after_a_restart),
        cmocka_unit_test(an_id_may_come_again_when_the_window_is_over),
        cmocka_unit_test(when_the_store_fails_nothing_is_accepted_and_ids_are_free_again),
    };
    return cmocka_run_group_tests_name("flow/accept", tests, NULL, NULL);
}
