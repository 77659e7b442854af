/* Topics: subscriptions, what each protocol gets, filters, failures, paging, restarts. The flow is a fake that writes down what is
 * forwarded. */
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

/* ---- the fake flow --------------------------------------------------------------------------------------------------------------------
 */
static struct sent { char arn[128], input[2048], subject[64], attributes[512], dead[128]; } sent[64];
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
static char filtered[2048]; /* what a filter saw last */
static bool filter_match(const void *filter, struct str json) {
    char word[64], text[2048];
    str_copyz(filtered, sizeof filtered, json);
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

/* The same over a store whose commits can be made to fail. */
static int setup_failing(void **state) {
    struct fault fault;
    struct store *inner;
    if (setup(state)) return -1;
    target.free(target.self);
    committer_stop(host.committer);
    inner = host_store;
    if (store_open_fault(inner, &host_store, &fault) || committer_start(host_store, NULL, &host.committer, &fault)) return -1;
    return target_topic_new(&host, &target, &fault) ? -1 : 0;
}

/* ---- calls
 * ------------------------------------------------------------------------------------------------------------------------------- */
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

static void subscribe_with(const char *topic, const char *protocol, const char *endpoint, const char *attribute, const char *value,
                           char arn[256]) {
    struct host_call c;
    struct map_entry item = {.key = str_from(attribute), .s = str_from(value)};
    struct topic_subscribe in = {.arn = str_from(topic),
                                 .protocol = str_from(protocol),
                                 .endpoint = str_from(endpoint),
                                 .attributes = {attribute, attribute ? 1 : 0, &item}};
    enum err err = run(&c, "Subscribe", &in);
    if (err) print_error("%s\n", c.call.fault.message);
    assert_int_equal(err, ERR_OK);
    if (arn) str_copyz(arn, 256, ((const struct topic_subscription_arn *)c.call.out)->arn);
    arena_fini(&c.arena);
}
static void subscribe(const char *topic, const char *protocol, const char *endpoint) {
    subscribe_with(topic, protocol, endpoint, NULL, NULL, NULL);
}
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

/* ---- tests
 * ------------------------------------------------------------------------------------------------------------------------------- */
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
        static const char *const parts[] = {"{\"Type\":\"Notification\",\"MessageId\":\"",
                                            "\"TopicArn\":\"" ARN "t\"",
                                            "\"Subject\":\"greeting\"",
                                            "\"Message\":\"hello \\\"you\\\"\"",
                                            "\"Timestamp\":\"2026-09-21T14:13:20.000Z\"",
                                            "\"UnsubscribeURL\":\""};
        for (size_t k = 0; k < 6; k++) {
            if (!strstr(input, parts[k])) print_error("%s is not in %s\n", parts[k], input);
            assert_non_null(strstr(input, parts[k]));
        }
    }
    assert_string_equal(to("mailto:me@example.com")->input, "hello \"you\"");
    assert_string_equal(to("mailto:me@example.com")->subject, "greeting");
    const char *function = to("arn:aws:lambda:us-east-1:111122223333:function:f")->input;
    assert_int_equal(
        strncmp(function, "{\"Records\":[{\"EventSource\":\"aws:sns\",\"EventVersion\":\"1.0\",\"EventSubscriptionArn\":\"" ARN "t:", 60),
        0);
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
    done("SetSubscriptionAttributes",
         &(struct topic_set_attribute){.arn = str_from(arn), .name = STR("FilterPolicyScope"), .value = STR("MessageBody")});
    publish(ARN "t", "{\"colour\":1}", NULL);
    assert_int_equal(sent_count, 2);
    publish(ARN "t", "{\"size\":1}", NULL);
    assert_int_equal(sent_count, 2);
    done("SetSubscriptionAttributes", &(struct topic_set_attribute){.arn = str_from(arn), .name = STR("FilterPolicy")});
    publish(ARN "t", "{\"size\":1}", NULL);
    assert_int_equal(sent_count, 3);
    refused("SetSubscriptionAttributes",
            &(struct topic_set_attribute){.arn = str_from(arn), .name = STR("FilterPolicy"), .value = STR("[]")}, ERR_INVALID_PARAMETER);
    refused("SetSubscriptionAttributes", &(struct topic_set_attribute){.arn = str_from(arn), .name = STR("Colour"), .value = STR("x")},
            ERR_INVALID_PARAMETER);
}

static void a_failing_subscription_does_not_touch_the_others(void **state) {
    (void)state;
    log_level_set(LOG_ERROR);
    create("t");
    subscribe_with(ARN "t", "sqs", "arn:aws:sqs:us-east-1:111122223333:gone", "RedrivePolicy",
                   "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:111122223333:dead\"}", NULL);
    subscribe(ARN "t", "sqs", QUEUE);
    fails = "arn:aws:sqs:us-east-1:111122223333:gone";
    publish(ARN "t", "m", NULL);
    assert_int_equal(sent_count, 2);
    to(QUEUE);
    assert_non_null(strstr(to("arn:aws:sqs:us-east-1:111122223333:dead")->attributes,
                           "\"ERROR_CODE\":{\"DataType\":\"String\",\"StringValue\":\"NO_RESOURCE\"}"));
}

static void endpoints_must_fit_their_protocols(void **state) {
    (void)state;
    static const struct {
        const char *protocol, *endpoint;
    } bad[] = {{"sqs", "q"},          {"sqs", ARN "t"},    {"lambda", QUEUE},    {"http", "https://x"},
               {"https", "http://x"}, {"email", "nobody"}, {"email", "a@b\r\nc"}};
    create("t");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refused(
            "Subscribe",
            &(struct topic_subscribe){.arn = STR(ARN "t"), .protocol = str_from(bad[i].protocol), .endpoint = str_from(bad[i].endpoint)},
            ERR_INVALID_PARAMETER);
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
        assert_int_equal(run(&c, "ListSubscriptions", &(struct topic_list_subscriptions){.token = token[0] ? str_from(token) : STR_NULL}),
                         ERR_OK);
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
    struct delivery d = {
        .arn = STR(ARN "t"), .account = STR("999999999999"), .input = STR("{}"), .event = STR("{}"), .event_id = STR("e"), .now_ms = 5};
    assert_int_equal(target.kind->route(target.self, &d, &txn, &fault), OUTCOME_NO_PERMISSIONS);
    done("SetTopicAttributes", &(struct topic_set_attribute){.arn = STR(ARN "t"), .name = STR("Policy"), .value = STR("{}")});
    let_in = true;
    assert_int_equal(target.kind->route(target.self, &d, &txn, &fault), OUTCOME_DELIVERED);
    assert_int_equal(sent_count, 1);
    d.arn = STR(ARN "gone");
    assert_int_equal(target.kind->route(target.self, &d, &txn, &fault), OUTCOME_NO_RESOURCE);
    arena_fini(&a);
}

/* Policies speak of one ARN of a topic: another spelling of it must not reach the topic behind their back. */
static void other_spellings_of_an_arn_name_no_topic(void **state) {
    (void)state;
    static const char *const arns[] = {"arn:aws:sns:eu-west-1:111122223333:t", "arn:aws-cn:sns:us-east-1:111122223333:t",
                                       "arn:aws:sns::111122223333:t"};
    struct arena a;
    struct txn txn;
    struct fault fault;
    create("t");
    subscribe(ARN "t", "sqs", QUEUE);
    arena_init(&a, 0);
    txn_init(&txn, &a);
    for (size_t i = 0; i < 3; i++) {
        struct delivery d = {.arn = str_from(arns[i]),
                             .account = STR("111122223333"),
                             .input = STR("{}"),
                             .event = STR("{}"),
                             .event_id = STR("e"),
                             .now_ms = 5};
        refused("GetTopicAttributes", &(struct topic_arn){.arn = str_from(arns[i])}, ERR_NOT_FOUND);
        refused("Publish", &(struct topic_publish){.arn = str_from(arns[i]), .message = STR("m")}, ERR_NOT_FOUND);
        refused("Subscribe", &(struct topic_subscribe){.arn = str_from(arns[i]), .protocol = STR("email"), .endpoint = STR("a@b.c")},
                ERR_NOT_FOUND);
        done("DeleteTopic", &(struct topic_arn){.arn = str_from(arns[i])}); /* what is not there is gone */
        assert_int_equal(target.kind->route(target.self, &d, &txn, &fault), OUTCOME_NO_RESOURCE);
    }
    assert_int_equal(sent_count, 0);
    publish(ARN "t", "m", NULL);
    assert_int_equal(sent_count, 1);
    arena_fini(&a);
}

/* A value that is missing, or of a type nobody knows, is refused here: stored in a queue it could not be read again. */
static void message_attributes_are_checked(void **state) {
    (void)state;
    static const struct topic_attribute_value bad[] = {{.type = {"String", 6}},
                                                       {.type = {"String", 6}, .text = {"", 0}},
                                                       {.type = {"Binary", 6}, .text = {"x", 1}},
                                                       {.type = {"Colour", 6}, .text = {"red", 3}},
                                                       {.type = {"Number", 6}, .text = {"five", 4}},
                                                       {.type = {"Number", 6}, .text = {"{}", 2}},
                                                       {.type = {"String.Array", 12}, .text = {"red", 3}},
                                                       {.type = {"String", 6}, .text = {"x", 1}, .binary = {"x", 1}}};
    static const struct topic_attribute_value good[] = {{.type = {"String", 6}, .text = {"red", 3}},
                                                        {.type = {"Number", 6}, .text = {"-5.5e3", 6}},
                                                        {.type = {"String.Array", 12}, .text = {"[\"a\",1,true,null]", 17}},
                                                        {.type = {"Binary", 6}, .binary = {"\0x", 2}}};
    create("t");
    subscribe_with(ARN "t", "sqs", QUEUE, "RawMessageDelivery", "true", NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0] + sizeof good / sizeof good[0]; i++) {
        struct topic_attribute_value value = i < sizeof bad / sizeof bad[0] ? bad[i] : good[i - sizeof bad / sizeof bad[0]];
        struct map_entry item = {.key = STR("colour"), .p = &value};
        struct topic_publish in = {.arn = STR(ARN "t"), .message = STR("m"), .attributes = {true, 1, &item}};
        if (i < sizeof bad / sizeof bad[0])
            refused("Publish", &in, ERR_INVALID_PARAMETER);
        else
            done("Publish", &in);
    }
    assert_int_equal(sent_count, sizeof good / sizeof good[0]);
}

static void attributes_are_seen_by_filters_as_json(void **state) {
    (void)state;
    static const struct {
        struct topic_attribute_value value;
        const char *json;
    } rows[] = {{{.type = {"String", 6}, .text = {"5", 1}}, "{\"a\":\"5\"}"},
                {{.type = {"Number", 6}, .text = {"5", 1}}, "{\"a\":5}"},
                {{.type = {"String.Array", 12}, .text = {"[\"x\",2]", 7}}, "{\"a\":[\"x\",2]}"}};
    create("t");
    subscribe_with(ARN "t", "sqs", QUEUE, "FilterPolicy", "{\"a\":[\"x\"]}", NULL);
    for (size_t i = 0; i < 3; i++) {
        struct topic_attribute_value value = rows[i].value;
        struct map_entry item = {.key = STR("a"), .p = &value};
        done("Publish", &(struct topic_publish){.arn = STR(ARN "t"), .message = STR("m"), .attributes = {true, 1, &item}});
        assert_string_equal(filtered, rows[i].json);
    }
}

/* At the limit nothing can be added, but what is there can still be changed and taken away. */
static void a_full_topic_can_still_be_changed(void **state) {
    (void)state;
    char arn[256];
    create("t");
    struct topic_service *service = target.self;
    subscribe_with(ARN "t", "email", "first@example.com", NULL, NULL, arn);
    struct topic *old = (struct topic *)(void *)resources_get(&service->topics, STR("111122223333"), STR("t"));
    struct topic *full = topic_new(&host, STR("111122223333"), STR("t"), old, SUBSCRIPTIONS_MAX);
    assert_non_null(full);
    for (int i = 1; i < SUBSCRIPTIONS_MAX; i++) { /* shown, not stored: ten thousand calls would say no more */
        char id[128], endpoint[32];
        snprintf(id, sizeof id, ARN "t:~%05d", i);
        snprintf(endpoint, sizeof endpoint, "u%d@example.com", i);
        struct subscription *s = subscription_new(&host, str_from(id), STR("email"), str_from(endpoint));
        assert_non_null(s);
        full->subscriptions[full->count++] = s;
    }
    assert_int_equal(full->count, SUBSCRIPTIONS_MAX);
    resource_unref(&old->r);
    assert_true(resources_show(&service->topics, &full->r));
    refused("Subscribe", &(struct topic_subscribe){.arn = STR(ARN "t"), .protocol = STR("email"), .endpoint = STR("one@too.many")},
            ERR_LIMIT);
    done("SetSubscriptionAttributes",
         &(struct topic_set_attribute){.arn = str_from(arn), .name = STR("RawMessageDelivery"), .value = STR("true")});
    done("Subscribe", &(struct topic_subscribe){.arn = STR(ARN "t"), .protocol = STR("email"), .endpoint = STR("first@example.com")});
    done("Unsubscribe", &(struct topic_subscription_arn){.arn = str_from(arn)});
    done("Subscribe", &(struct topic_subscribe){.arn = STR(ARN "t"), .protocol = STR("email"), .endpoint = STR("one@too.many")});
}

static void a_fifo_topic_wants_a_group(void **state) {
    (void)state;
    struct map_entry fifo = {.key = STR("FifoTopic"), .s = STR("true")};
    done("CreateTopic", &(struct topic_create){.name = STR("t.fifo"), .attributes = {true, 1, &fifo}});
    refused("CreateTopic", &(struct topic_create){.name = STR("t"), .attributes = {true, 1, &fifo}}, ERR_INVALID_PARAMETER);
    fifo.s = STR("perhaps");
    refused("CreateTopic", &(struct topic_create){.name = STR("u.fifo"), .attributes = {true, 1, &fifo}}, ERR_INVALID_PARAMETER);
    subscribe(ARN "t.fifo", "sqs", QUEUE ".fifo");
    refused("Publish", &(struct topic_publish){.arn = STR(ARN "t.fifo"), .message = STR("m")}, ERR_INVALID_PARAMETER);
    assert_int_equal(sent_count, 0);
    done("Publish", &(struct topic_publish){.arn = STR(ARN "t.fifo"), .message = STR("m"), .group = STR("g")});
    assert_int_equal(sent_count, 1);
    struct host_call c;
    assert_int_equal(run(&c, "GetTopicAttributes", &(struct topic_arn){.arn = STR(ARN "t.fifo")}), ERR_OK);
    const struct topic_attributes *out = c.call.out;
    bool said = false;
    for (size_t i = 0; i < out->attributes.n; i++) {
        const struct map_entry *e = LIST_AT(out->attributes, struct map_entry, i);
        said = said || (str_eqz(e->key, "FifoTopic") && str_eqz(e->s, "true"));
    }
    assert_true(said);
    arena_fini(&c.arena);
}

static void creating_a_topic_again_gives_the_same_topic(void **state) {
    (void)state;
    create("t");
    subscribe(ARN "t", "sqs", QUEUE);
    struct host_call c;
    assert_int_equal(run(&c, "CreateTopic", &(struct topic_create){.name = STR("t")}), ERR_OK);
    assert_true(str_eqz(((const struct topic_arn *)c.call.out)->arn, ARN "t"));
    arena_fini(&c.arena);
    publish(ARN "t", "m", NULL);
    assert_int_equal(sent_count, 1); /* its subscription is there still */
}

static void lists_of_topics_have_pages(void **state) {
    (void)state;
    char token[300] = "";
    for (int i = 0; i < 205; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%03d", i);
        create(name);
    }
    for (int seen = 0; seen < 205;) {
        struct host_call c;
        assert_int_equal(run(&c, "ListTopics", &(struct topic_list){.token = token[0] ? str_from(token) : STR_NULL}), ERR_OK);
        const struct topic_list_answer *out = c.call.out;
        assert_int_equal(out->topics.n, seen < 200 ? 100 : 5);
        for (size_t i = 0; i < out->topics.n; i++) {
            char arn[128];
            snprintf(arn, sizeof arn, ARN "t%03d", seen++);
            assert_true(str_eqz(LIST_AT(out->topics, struct topic_arn, i)->arn, arn));
        }
        assert_int_equal(out->token.n > 0, seen < 205);
        str_copyz(token, sizeof token, out->token);
        arena_fini(&c.arena);
    }
}

static void subscriptions_are_listed_by_topic(void **state) {
    (void)state;
    struct host_call c;
    create("t"), create("u");
    subscribe(ARN "t", "email", "a@example.com");
    subscribe(ARN "t", "sqs", QUEUE);
    subscribe(ARN "u", "email", "c@example.com");
    assert_int_equal(run(&c, "ListSubscriptionsByTopic", &(struct topic_list_subscriptions){.arn = STR(ARN "t")}), ERR_OK);
    const struct topic_list_subscriptions_answer *out = c.call.out;
    assert_int_equal(out->subscriptions.n, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct topic_subscription *s = LIST_AT(out->subscriptions, struct topic_subscription, i);
        assert_true(str_eqz(s->topic, ARN "t"));
        assert_true(str_eqz(s->owner, "111122223333"));
        assert_true(str_starts(s->arn, STR(ARN "t:")));
    }
    arena_fini(&c.arena);
    refused("ListSubscriptionsByTopic", &(struct topic_list_subscriptions){.arn = STR(ARN "gone")}, ERR_NOT_FOUND);
}

/* A failed commit: nothing is shown that is not stored. */
static void a_failed_commit_changes_nothing(void **state) {
    (void)state;
    struct host_call c;
    create("t");
    store_fault_at(host_store, 1, ERR_STORAGE_FULL, false);
    refused("CreateTopic", &(struct topic_create){.name = STR("u")}, ERR_STORAGE_FULL);
    refused("GetTopicAttributes", &(struct topic_arn){.arn = STR(ARN "u")}, ERR_NOT_FOUND);
    store_fault_at(host_store, 1, ERR_STORAGE_FULL, false);
    refused("Subscribe", &(struct topic_subscribe){.arn = STR(ARN "t"), .protocol = STR("email"), .endpoint = STR("a@b.c")},
            ERR_STORAGE_FULL);
    assert_int_equal(run(&c, "ListSubscriptionsByTopic", &(struct topic_list_subscriptions){.arn = STR(ARN "t")}), ERR_OK);
    assert_int_equal(((const struct topic_list_subscriptions_answer *)c.call.out)->subscriptions.n, 0);
    arena_fini(&c.arena);
    store_fault_at(host_store, 1, ERR_STORAGE_FULL, false);
    refused("DeleteTopic", &(struct topic_arn){.arn = STR(ARN "t")}, ERR_STORAGE_FULL);
    publish(ARN "t", "m", NULL);
}

static void attribute_values_are_checked(void **state) {
    (void)state;
    static const char *const bad[][2] = {{"FilterPolicyScope", "Message"},
                                         {"RawMessageDelivery", "yes"},
                                         {"RedrivePolicy", "{}"},
                                         {"RedrivePolicy", "not json"},
                                         {"RedrivePolicy", "{\"deadLetterTargetArn\":\"" ARN "t\"}"},
                                         {"RedrivePolicy", "{\"deadLetterTargetArn\":5}"}};
    char arn[256];
    create("t");
    subscribe_with(ARN "t", "sqs", QUEUE, NULL, NULL, arn);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct map_entry item = {.key = str_from(bad[i][0]), .s = str_from(bad[i][1])};
        refused("SetSubscriptionAttributes", &(struct topic_set_attribute){.arn = str_from(arn), .name = item.key, .value = item.s},
                ERR_INVALID_PARAMETER);
        refused("Subscribe",
                &(struct topic_subscribe){
                    .arn = STR(ARN "t"), .protocol = STR("email"), .endpoint = STR("a@b.c"), .attributes = {true, 1, &item}},
                ERR_INVALID_PARAMETER);
    }
    refused("SetTopicAttributes", &(struct topic_set_attribute){.arn = STR(ARN "t"), .name = STR("Colour"), .value = STR("red")},
            ERR_INVALID_PARAMETER);
    refused("SetSubscriptionAttributes",
            &(struct topic_set_attribute){.arn = STR(ARN "t:gone"), .name = STR("RawMessageDelivery"), .value = STR("true")},
            ERR_NOT_FOUND);
}

/* ---- threads ----------------------------------------------------------------------------------------------------------------------------
 */
enum { ROUNDS = 200 };
static void *route_often(void *ctx) {
    (void)ctx;
    for (int i = 0; i < ROUNDS; i++) {
        struct arena a;
        struct txn txn;
        struct fault fault;
        arena_init(&a, 0);
        txn_init(&txn, &a);
        struct delivery d = {
            .arn = STR(ARN "t"), .account = STR("111122223333"), .input = STR("{}"), .event = STR("{}"), .event_id = STR("e"), .now_ms = 5};
        if (target.kind->route(target.self, &d, &txn, &fault) != OUTCOME_DELIVERED) abort();
        arena_fini(&a);
    }
    return NULL;
}

static enum outcome forward_nowhere(void *flow, const struct delivery *d, struct txn *txn, struct fault *fault) {
    (void)flow, (void)txn, (void)fault;
    if (!d->arn.n || !d->input.n) abort();
    return OUTCOME_DELIVERED;
}

static void routing_goes_on_while_subscriptions_change(void **state) {
    (void)state;
    pthread_t threads[2];
    char arn[256];
    host.forward = forward_nowhere;
    create("t");
    for (size_t i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, route_often, NULL), 0);
    for (int i = 0; i < ROUNDS / 4; i++) {
        subscribe_with(ARN "t", "sqs", QUEUE, "FilterPolicyScope", i % 2 ? "MessageBody" : "MessageAttributes", arn);
        done("SetTopicAttributes", &(struct topic_set_attribute){.arn = STR(ARN "t"), .name = STR("DisplayName"), .value = STR("d")});
        done("Unsubscribe", &(struct topic_subscription_arn){.arn = str_from(arn)});
    }
    for (size_t i = 0; i < 2; i++) pthread_join(threads[i], NULL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(every_protocol_gets_its_form),
        T(raw_delivery_is_the_message_itself_with_its_attributes),
        T(filters_look_at_attributes_or_body),
        T(a_failing_subscription_does_not_touch_the_others),
        T(endpoints_must_fit_their_protocols),
        T(subscribing_again_is_the_same_subscription),
        T(pages_hold_every_subscription_once),
        T(topics_and_subscriptions_are_there_after_a_restart),
        T(another_accounts_rule_needs_the_topics_policy),
        T(other_spellings_of_an_arn_name_no_topic),
        T(message_attributes_are_checked),
        T(attributes_are_seen_by_filters_as_json),
        T(a_full_topic_can_still_be_changed),
        T(a_fifo_topic_wants_a_group),
        T(creating_a_topic_again_gives_the_same_topic),
        T(lists_of_topics_have_pages),
        T(subscriptions_are_listed_by_topic),
        cmocka_unit_test_setup_teardown(a_failed_commit_changes_nothing, setup_failing, teardown),
        T(attribute_values_are_checked),
        T(routing_goes_on_while_subscriptions_change),
    };
    return cmocka_run_group_tests_name("targets/topic", tests, NULL, NULL);
}
