/* Topics: subscriptions, what each protocol gets, filters, failures, paging, restarts. The flow is a fake that writes down what is forwarded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "target_host.h"
#include "log.h"
#include "topic/topic.h"

#define ARN "arn:aws:sns:us-east-1:111122223333:"
#define QUEUE "arn:aws:sqs:us-east-1:111122223333:q"

static struct target target;
static bool let_in;

/* ---- the fake flow -------------------------------------------------------------------------------------------------------------------- */
static struct sent {
    char arn[128], input[2048], subject[64], attributes[512], dead[128];
} sent[64];
static size_t sent_count;
static const char *fails; /* an ARN that has no resource behind it */

static enum outcome forward(void *flow, const struct delivery *d, struct txn *txn, struct fault *fault) {
    (void)flow, (void)txn;
    if (fails && str_eqz(d->arn, fails)) {
        fault_set(fault, ERR_NOT_FOUND, "it is gone");
        return OUTCOME_NO_RESOURCE;
    }
    struct sent *s = &sent[sent_count++];
    str_copyz(s->arn, sizeof s->arn, d->arn);
    str_copyz(s->input, sizeof s->input, d->input);
    str_copyz(s->subject, sizeof s->subject, d->subject);
    str_copyz(s->attributes, sizeof s->attributes, d->attributes);
    str_copyz(s->dead, sizeof s->dead, d->dead_letter_arn);
    return OUTCOME_DELIVERED;
}
/* A filter is its text; it matches a JSON text that holds the text between its first quotes. */
static enum err filter_new(struct str text, void **filter, struct fault *fault) {
    if (!str_starts(text, STR("{"))) return fault_set(fault, ERR_PATTERN, "Filter is not an object");
    *filter = strndup(text.p, text.n);
    return ERR_OK;
}
static bool filter_match(const void *filter, struct str json) {
    char word[64], text[2048];
    assert_int_equal(sscanf(filter, "{\"%60[^\"]", word), 1);
    return str_copyz(text, sizeof text, json) && strstr(text, word);
}
static void filter_free(void *filter) { free(filter); }
static enum err policy_new(struct str text, void **policy, struct fault *fault) {
    (void)text, (void)fault;
    *policy = &let_in;
    return ERR_OK;
}
static void policy_free(void *policy) { (void)policy; }
static bool policy_allows(const void *policy, const char *action, struct str resource, struct str account, struct str source_arn) {
    (void)action, (void)resource, (void)account, (void)source_arn;
    return *(const bool *)policy;
}

static int setup(void **state) {
    struct fault fault;
    (void)state;
    if (host_start()) return -1;
    host.forward = forward;
    host.filter_new = filter_new, host.filter_match = filter_match, host.filter_free = filter_free;
    host.policy_new = policy_new, host.policy_free = policy_free, host.policy_allows = policy_allows;
    sent_count = 0;
    fails = NULL;
    return target_topic_new(&host, &target, &fault) ? -1 : 0;
}
static int teardown(void **state) {
    (void)state;
    target.stop(target.self);
    target.free(target.self);
    host_end();
    return 0;
}

/* ---- calls ------------------------------------------------------------------------------------------------------------------------------- */
static enum err run(struct host_call *c, const char *operation, void *in) { return host_run(c, &target, operation, in); }
static void done(const char *operation, void *in) {
    struct host_call c;
    enum err err = run(&c, operation, in);
    if (err) print_error("%s: %s\n", operation, c.call.fault.message);
    assert_int_equal(err, ERR_OK);
    arena_fini(&c.arena);
}
static void refused(const char *operation, void *in, enum err wanted) {
    struct host_call c;
    assert_int_equal(run(&c, operation, in), wanted);
    assert_true(c.call.fault.message[0]);
    arena_fini(&c.arena);
}
static void create(const char *name) { done("CreateTopic", &(struct topic_create){.name = str_from(name)}); }

static void subscribe_with(const char *topic, const char *protocol, const char *endpoint, const char *attribute, const char *value, char arn[256]) {
    struct host_call c;
    struct map_entry item = {.key = str_from(attribute), .s = str_from(value)};
    struct topic_subscribe in = {.arn = str_from(topic), .protocol = str_from(protocol), .endpoint = str_from(endpoint), .attributes = {attribute, attribute ? 1 : 0, &item}};
    enum err err = run(&c, "Subscribe", &in);
    if (err) print_error("%s\n", c.call.fault.message);
    assert_int_equal(err, ERR_OK);
    if (arn) str_copyz(arn, 256, ((const struct topic_subscription_arn *)c.call.out)->arn);
    arena_fini(&c.arena);
}
static void subscribe(const char *topic, const char *protocol, const char *endpoint) { subscribe_with(topic, protocol, endpoint, NULL, NULL, NULL); }
static void publish(const char *topic, const char *message, const char *subject) {
    done("Publish", &(struct topic_publish){.arn = str_from(topic), .message = str_from(message), .subject = str_from(subject)});
}
static const struct sent *to(const char *arn) {
    for (size_t i = 0; i < sent_count; i++)
        if (strcmp(sent[i].arn, arn) == 0) return &sent[i];
    print_error("nothing went to %s\n", arn);
    fail();
    return NULL;
}

/* ---- tests ------------------------------------------------------------------------------------------------------------------------------- */
static void every_protocol_gets_its_form(void **state) {
    (void)state;
    create("t");
    subscribe(ARN "t", "sqs", QUEUE);
    subscribe(ARN "t", "lambda", "arn:aws:lambda:us-east-1:111122223333:function:f");
    subscribe(ARN "t", "http", "http://127.0.0.1/x");
    subscribe(ARN "t", "email", "me@example.com");
    subscribe(ARN "t", "email-json", "json@example.com");
    publish(ARN "t", "hello \"you\"", "greeting");
    assert_int_equal(sent_count, 5);
    static const char *const enveloped[] = {QUEUE, "http://127.0.0.1/x", "mailto:json@example.com"};
    for (size_t i = 0; i < 3; i++) {
        const char *input = to(enveloped[i])->input;
        static const char *const parts[] = {"{\"Type\":\"Notification\",\"MessageId\":\"", "\"TopicArn\":\"" ARN "t\"", "\"Subject\":\"greeting\"",
                                            "\"Message\":\"hello \\\"you\\\"\"", "\"Timestamp\":\"2026-09-21T14:13:20.000Z\"", "\"UnsubscribeURL\":\""};
        for (size_t k = 0; k < 6; k++) {
            if (!strstr(input, parts[k])) print_error("%s is not in %s\n", parts[k], input);
            assert_non_null(strstr(input, parts[k]));
        }
    }
    assert_string_equal(to("mailto:me@example.com")->input, "hello \"you\"");
    assert_string_equal(to("mailto:me@example.com")->subject, "greeting");
    const char *function = to("arn:aws:lambda:us-east-1:111122223333:function:f")->input;
    assert_int_equal(strncmp(function, "{\"Records\":[{\"EventSource\":\"aws:sns\",\"EventVersion\":\"1.0\",\"EventSubscriptionArn\":\"" ARN "t:", 60), 0);
    assert_non_null(strstr(function, "\"Sns\":{\"Type\":\"Notification\""));
}

static void raw_delivery_is_the_message_itself_with_its_attributes(void **state) {
    (void)state;
    create("t");
    subscribe_with(ARN "t", "sqs", QUEUE, "RawMessageDelivery", "true", NULL);
    struct topic_attribute_value value = {.type = STR("Number"), .text = STR("5")};
    struct map_entry item = {.key = STR("n"), .p = &value};
    done("Publish", &(struct topic_publish){.arn = STR(ARN "t"), .message = STR("m"), .attributes = {true, 1, &item}});
    assert_string_equal(sent[0].input, "m");
    assert_string_equal(sent[0].attributes, "{\"n\":{\"DataType\":\"Number\",\"StringValue\":\"5\"}}");
}

static void filters_look_at_attributes_or_body(void **state) {
    (void)state;
    char arn[256];
    create("t");
    subscribe_with(ARN "t", "sqs", QUEUE, "FilterPolicy", "{\"colour\":[\"red\"]}", arn);
    publish(ARN "t", "{\"colour\":1}", NULL);
    assert_int_equal(sent_count, 0); /* the scope is MessageAttributes */
    struct topic_attribute_value value = {.type = STR("String"), .text = STR("red")};
    struct map_entry item = {.key = STR("colour"), .p = &value};
    done("Publish", &(struct topic_publish){.arn = STR(ARN "t"), .message = STR("m"), .attributes = {true, 1, &item}});
    assert_int_equal(sent_count, 1);
    done("SetSubscriptionAttributes", &(struct topic_set_attribute){.arn = str_from(arn), .name = STR("FilterPolicyScope"), .value = STR("MessageBody")});
    publish(ARN "t", "{\"colour\":1}", NULL);
    assert_int_equal(sent_count, 2);
    publish(ARN "t", "{\"size\":1}", NULL);
    assert_int_equal(sent_count, 2);
    done("SetSubscriptionAttributes", &(struct topic_set_attribute){.arn = str_from(arn), .name = STR("FilterPolicy")});
    publish(ARN "t", "{\"size\":1}", NULL);
    assert_int_equal(sent_count, 3);
    refused("SetSubscriptionAttributes", &(struct topic_set_attribute){.arn = str_from(arn), .name = STR("FilterPolicy"), .value = STR("[]")}, ERR_INVALID_PARAMETER);
    refused("SetSubscriptionAttributes", &(struct topic_set_attribute){.arn = str_from(arn), .name = STR("Colour"), .value = STR("x")}, ERR_INVALID_PARAMETER);
}

static void a_failing_subscription_does_not_touch_the_others(void **state) {
    (void)state;
    log_level_set(LOG_ERROR);
    create("t");
    subscribe_with(ARN "t", "sqs", "arn:aws:sqs:us-east-1:111122223333:gone", "RedrivePolicy", "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:111122223333:dead\"}", NULL);
    subscribe(ARN "t", "sqs", QUEUE);
    fails = "arn:aws:sqs:us-east-1:111122223333:gone";
    publish(ARN "t", "m", NULL);
    assert_int_equal(sent_count, 2);
    to(QUEUE);
    assert_non_null(strstr(to("arn:aws:sqs:us-east-1:111122223333:dead")->attributes, "\"ERROR_CODE\":{\"DataType\":\"String\",\"StringValue\":\"NO_RESOURCE\"}"));
}

static void endpoints_must_fit_their_protocols(void **state) {
    (void)state;
    static const struct { const char *protocol, *endpoint; } bad[] = {{"sqs", "q"}, {"sqs", ARN "t"}, {"lambda", QUEUE}, {"http", "https://x"}, {"https", "http://x"},
                                                                       {"email", "nobody"}, {"email", "a@b\r\nc"}};
    create("t");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refused("Subscribe", &(struct topic_subscribe){.arn = STR(ARN "t"), .protocol = str_from(bad[i].protocol), .endpoint = str_from(bad[i].endpoint)}, ERR_INVALID_PARAMETER);
    refused("Subscribe", &(struct topic_subscribe){.arn = STR(ARN "gone"), .protocol = STR("sqs"), .endpoint = STR(QUEUE)}, ERR_NOT_FOUND);
    refused("Publish", &(struct topic_publish){.arn = STR(ARN "gone"), .message = STR("m")}, ERR_NOT_FOUND);
    refused("Publish", &(struct topic_publish){.message = STR("m")}, ERR_INVALID_PARAMETER);
}

static void subscribing_again_is_the_same_subscription(void **state) {
    (void)state;
    char first[256], second[256];
    create("t");
    subscribe_with(ARN "t", "sqs", QUEUE, NULL, NULL, first);
    subscribe_with(ARN "t", "sqs", QUEUE, "RawMessageDelivery", "true", second);
    assert_string_equal(first, second);
    publish(ARN "t", "m", NULL);
    assert_int_equal(sent_count, 1);
    assert_string_equal(sent[0].input, "m");
    done("Unsubscribe", &(struct topic_subscription_arn){.arn = str_from(first)});
    done("Unsubscribe", &(struct topic_subscription_arn){.arn = str_from(first)});
    publish(ARN "t", "m", NULL);
    assert_int_equal(sent_count, 1);
}

/* Names whose order is not that of their ARNs: '-' comes before ':'. */
static void pages_hold_every_subscription_once(void **state) {
    (void)state;
    static const char *const topics[] = {ARN "a", ARN "a-b", ARN "a_c"};
    create("a"), create("a-b"), create("a_c");
    for (int i = 0; i < 240; i++) {
        char endpoint[32];
        snprintf(endpoint, sizeof endpoint, "u%d@example.com", i);
        subscribe(topics[i % 3], "email", endpoint);
    }
    bool seen[240] = {false};
    char token[512] = "";
    size_t total = 0;
    for (int page = 0; page < 10; page++) {
        struct host_call c;
        assert_int_equal(run(&c, "ListSubscriptions", &(struct topic_list_subscriptions){.token = token[0] ? str_from(token) : STR_NULL}), ERR_OK);
        const struct topic_list_subscriptions_answer *out = c.call.out;
        for (size_t i = 0; i < out->subscriptions.n; i++) {
            int n;
            char endpoint[64];
            str_copyz(endpoint, sizeof endpoint, LIST_AT(out->subscriptions, struct topic_subscription, i)->endpoint);
            assert_int_equal(sscanf(endpoint, "u%d@", &n), 1);
            assert_false(seen[n]);
            seen[n] = true;
            total++;
        }
        str_copyz(token, sizeof token, out->token);
        arena_fini(&c.arena);
        if (!token[0]) break;
    }
    assert_int_equal(total, 240);
}

static void topics_and_subscriptions_are_there_after_a_restart(void **state) {
    (void)state;
    struct fault fault;
    char arn[256];
    create("t"), create("gone");
    subscribe_with(ARN "t", "sqs", QUEUE, "FilterPolicy", "{\"x\":[1]}", arn);
    subscribe(ARN "t", "email", "me@example.com");
    subscribe(ARN "gone", "email", "me@example.com");
    done("SetTopicAttributes", &(struct topic_set_attribute){.arn = STR(ARN "t"), .name = STR("Policy"), .value = STR("{}")});
    done("DeleteTopic", &(struct topic_arn){.arn = STR(ARN "gone")});
    target.free(target.self);
    assert_int_equal(target_topic_new(&host, &target, &fault), ERR_OK);
    publish(ARN "t", "m", NULL);
    assert_int_equal(sent_count, 1);
    struct host_call c;
    assert_int_equal(run(&c, "GetSubscriptionAttributes", &(struct topic_subscription_arn){.arn = str_from(arn)}), ERR_OK);
    const struct topic_attributes *out = c.call.out;
    bool found = false;
    for (size_t i = 0; i < out->attributes.n; i++) {
        const struct map_entry *e = LIST_AT(out->attributes, struct map_entry, i);
        if (str_eqz(e->key, "FilterPolicy")) found = str_eqz(e->s, "{\"x\":[1]}");
    }
    assert_true(found);
    arena_fini(&c.arena);
}

static void another_accounts_rule_needs_the_topics_policy(void **state) {
    (void)state;
    struct arena a;
    struct txn txn;
    struct fault fault;
    create("t");
    subscribe(ARN "t", "sqs", QUEUE);
    arena_init(&a, 0);
    txn_init(&txn, &a);
    fault_clear(&fault);
    struct delivery d = {.arn = STR(ARN "t"), .account = STR("999999999999"), .input = STR("{}"), .event = STR("{}"), .event_id = STR("e"), .now_ms = 5};
    assert_int_equal(target.kind->route(target.self, &d, &txn, &fault), OUTCOME_NO_PERMISSIONS);
    done("SetTopicAttributes", &(struct topic_set_attribute){.arn = STR(ARN "t"), .name = STR("Policy"), .value = STR("{}")});
    let_in = true;
    assert_int_equal(target.kind->route(target.self, &d, &txn, &fault), OUTCOME_DELIVERED);
    assert_int_equal(sent_count, 1);
    d.arn = STR(ARN "gone");
    assert_int_equal(target.kind->route(target.self, &d, &txn, &fault), OUTCOME_NO_RESOURCE);
    arena_fini(&a);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(every_protocol_gets_its_form), T(raw_delivery_is_the_message_itself_with_its_attributes), T(filters_look_at_attributes_or_body),
        T(a_failing_subscription_does_not_touch_the_others), T(endpoints_must_fit_their_protocols), T(subscribing_again_is_the_same_subscription),
        T(pages_hold_every_subscription_once), T(topics_and_subscriptions_are_there_after_a_restart), T(another_accounts_rule_needs_the_topics_policy),
    };
    return cmocka_run_group_tests_name("targets/topic", tests, NULL, NULL);
}
