/* Partner event sources through the engine: the offer's life on both sides, and the events that go over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api_host.h"

#define PARTNER A1
#define CUSTOMER A2
#define OTHER A3
#define SOURCE "aws.partner/crm.example/orders"
#define ARN "arn:aws:events:us-east-1::event-source/" SOURCE
#define DAY ((int64_t)86400000)
#define START ((int64_t)1777593600000)

static void offer(void) { WALK({PARTNER, "CreatePartnerEventSource", "{'Name':'" SOURCE "','Account':'" CUSTOMER "'}", OK, "{'EventSourceArn':'" ARN "'}"}); }

static void take(void) {
    WALK({CUSTOMER, "CreateEventBus", "{'Name':'" SOURCE "','EventSourceName':'" SOURCE "'}", OK, "{'EventBusArn':'arn:aws:events:us-east-1:" CUSTOMER ":event-bus/" SOURCE "'}"},
         {CUSTOMER, "sqs.CreateQueue", "{'QueueName':'q'}", OK, NULL},
         {CUSTOMER, "PutRule", "{'Name':'all','EventBusName':'" SOURCE "','EventPattern':'{\\'source\\':[{\\'prefix\\':\\'aws.partner/\\'}]}'}", OK,
          "{'RuleArn':'arn:aws:events:us-east-1:" CUSTOMER ":rule/" SOURCE "/all'}"},
         {CUSTOMER, "PutTargets", "{'Rule':'all','EventBusName':'" SOURCE "','Targets':[{'Id':'1','Arn':'arn:aws:sqs:us-east-1:" CUSTOMER ":q'}]}", OK,
          "...'FailedEntryCount':0"});
}

#define PUT "{'Entries':[{'Source':'" SOURCE "','DetailType':'Order','Detail':'{\\'n\\':1}','Resources':['r'],'Time':1777593600}]}"
static void put_event(void) { WALK({PARTNER, "PutPartnerEvents", PUT, OK, "...'FailedEntryCount':0"}); }

static void arrived(int count) {
    WALK({CUSTOMER, "sqs.ReceiveMessage", "{'QueueUrl':'q','MaxNumberOfMessages':10,'VisibilityTimeout':43200}", OK, NULL});
    for (int i = 0; i < count; i++) {
        char path[64];
        struct node *event;
        snprintf(path, sizeof path, "Messages.%d.Body", i);
        assert_int_equal(doc_parse(&host.arena, answered(path), &event, NULL), ERR_OK);
        assert_true(str_eqz(doc_get(event, STR("source"))->text, SOURCE));
        assert_true(str_eqz(doc_get(event, STR("account"))->text, CUSTOMER)); /* it is the customer's event */
        assert_true(str_eqz(doc_get(event, STR("time"))->text, "2026-05-01T00:00:00Z"));
        assert_true(str_eqz(doc_get(event, STR("resources"))->child->text, "r"));
    }
    char beyond[64];
    snprintf(beyond, sizeof beyond, "Messages.%d", count);
    assert_null(answered(beyond).p);
}

static void state_is(const char *state) {
    WALK({CUSTOMER, "DescribeEventSource", "{'Name':'" SOURCE "'}", OK, NULL});
    ANSWERED("State", state);
    WALK({PARTNER, "ListPartnerEventSourceAccounts", "{'EventSourceName':'" SOURCE "'}", OK, NULL});
    ANSWERED("PartnerEventSourceAccounts.0.State", state);
    ANSWERED("PartnerEventSourceAccounts.0.Account", CUSTOMER);
}

static void events_arrive_only_while_the_source_is_taken_and_active(void **state) {
    (void)state;
    offer();
    state_is("PENDING");
    put_event(); /* taken, and lost: nobody has a bus */
    take();
    arrived(0);
    state_is("ACTIVE");
    put_event();
    put_event();
    arrived(2);
    WALK({CUSTOMER, "DeactivateEventSource", "{'Name':'" SOURCE "'}", OK, "{}"});
    state_is("PENDING");
    put_event();
    arrived(0);
    WALK({CUSTOMER, "ActivateEventSource", "{'Name':'" SOURCE "'}", OK, "{}"}, {CUSTOMER, "ActivateEventSource", "{'Name':'" SOURCE "'}", OK, "{}"});
    put_event();
    arrived(1);
    WALK({PARTNER, "DeletePartnerEventSource", "{'Name':'" SOURCE "','Account':'" CUSTOMER "'}", OK, "{}"});
    state_is("DELETED");
    put_event();
    arrived(0);
    WALK({CUSTOMER, "ActivateEventSource", "{'Name':'" SOURCE "'}", ERR_INVALID_STATE, "Event source " SOURCE " is in the state DELETED: its partner has to offer it again."});
    offer(); /* again: the customer has to agree again */
    state_is("PENDING");
    put_event();
    WALK({CUSTOMER, "ActivateEventSource", "{'Name':'" SOURCE "'}", OK, "{}"});
    put_event();
    arrived(1);
}

static void an_entry_fails_alone(void **state) {
    (void)state;
    offer();
    take();
    WALK({PARTNER, "PutPartnerEvents",
          "{'Entries':[{'Source':'aws.partner/crm.example/none','DetailType':'t','Detail':'{}'},{'Source':'" SOURCE "','DetailType':'Order','Detail':'{}',"
          "'Resources':['r'],'Time':1777593600},{'Source':'" SOURCE "','Detail':'{}'},{'Source':'" SOURCE "','DetailType':'t','Detail':'[1'},{'DetailType':'t'}]}", OK, NULL});
    ANSWERED("FailedEntryCount", "4");
    ANSWERED("Entries.0.ErrorCode", "ResourceNotFoundException");
    ANSWERED("Entries.0.ErrorMessage", "Event source aws.partner/crm.example/none does not exist.");
    assert_int_equal(answered("Entries.1.EventId").n, 36);
    ANSWERED("Entries.2.ErrorMessage", "Parameter DetailType is not valid. Reason: DetailType is a required argument.");
    ANSWERED("Entries.3.ErrorCode", "MalformedDetail");
    ANSWERED("Entries.4.ErrorMessage", "Parameter Source is not valid. Reason: Source is a required argument.");
    arrived(1);
    WALK({CUSTOMER, "PutEvents", "{'Entries':[{'Source':'s','DetailType':'t','Detail':'{}','EventBusName':'" SOURCE "'}]}", OK,
          "...'ErrorMessage':'Parameter EventBusName is not valid. Reason: only its partner puts events onto event bus " SOURCE ".'"});
    arrived(0);
    WALK({OTHER, "PutPartnerEvents", PUT, OK, "...Event source " SOURCE " does not exist."}, /* not this account's source */
         {PARTNER, "PutPartnerEvents", "{'Entries':[]}", ERR_VALIDATION, NULL},
         {PARTNER, "PutPartnerEvents", "{'Entries':[{'Source':'shop','DetailType':'t','Detail':'{}'}]}", ERR_VALIDATION,
          "1 validation error detected: Value 'shop' at 'entries.1.member.source' failed to satisfy constraint: Member must satisfy regular expression pattern: "
          "aws\\.partner(/[\\.\\-_A-Za-z0-9]+){2,}"});
}

static void one_event_reaches_every_customer(void **state) {
    (void)state;
    offer();
    take();
    WALK({PARTNER, "CreatePartnerEventSource", "{'Name':'" SOURCE "','Account':'" OTHER "'}", OK, NULL},
         {OTHER, "CreateEventBus", "{'Name':'" SOURCE "','EventSourceName':'" SOURCE "'}", OK, NULL},
         {OTHER, "sqs.CreateQueue", "{'QueueName':'mine'}", OK, NULL},
         {OTHER, "PutRule", "{'Name':'all','EventBusName':'" SOURCE "','EventPattern':'{\\'account\\':[\\'" OTHER "\\']}'}", OK, NULL},
         {OTHER, "PutTargets", "{'Rule':'all','EventBusName':'" SOURCE "','Targets':[{'Id':'1','Arn':'arn:aws:sqs:us-east-1:" OTHER ":mine'}]}", OK, NULL});
    put_event();
    arrived(1);
    WALK({OTHER, "sqs.ReceiveMessage", "{'QueueUrl':'mine'}", OK, "...\\\"account\\\":\\\"" OTHER "\\\""},
         {PARTNER, "ListPartnerEventSourceAccounts", "{'EventSourceName':'" SOURCE "','Limit':1}", OK, NULL});
    ANSWERED("PartnerEventSourceAccounts.0.Account", CUSTOMER);
    char request[512];
    snprintf(request, sizeof request, "{'EventSourceName':'" SOURCE "','Limit':1,'NextToken':'%.*s'}", STR_ARG(answered("NextToken")));
    WALK({PARTNER, "ListPartnerEventSourceAccounts", request, OK, NULL});
    ANSWERED("PartnerEventSourceAccounts.0.Account", OTHER);
    ANSWERED("PartnerEventSourceAccounts.0.State", "ACTIVE");
    assert_null(answered("NextToken").p);
}

static void names_and_sides_are_kept_apart(void **state) {
    (void)state;
    host.settings.partner_sources = 3;
    offer();
    WALK({PARTNER, "CreatePartnerEventSource", "{'Name':'" SOURCE "','Account':'" CUSTOMER "'}", ERR_EXISTS, "Event source " SOURCE " already exists."},
         {OTHER, "CreatePartnerEventSource", "{'Name':'" SOURCE "','Account':'" PARTNER "'}", ERR_EXISTS, "Event source " SOURCE " already exists."},
         {PARTNER, "CreatePartnerEventSource", "{'Name':'" SOURCE "','Account':'999999999999'}", ERR_NOT_FOUND, "Account 999999999999 does not exist."},
         {PARTNER, "CreatePartnerEventSource", "{'Name':'orders','Account':'1'}", ERR_VALIDATION, "...3 validation errors detected: Value 'orders' at 'name'"},
         {OTHER, "DeletePartnerEventSource", "{'Name':'" SOURCE "','Account':'" CUSTOMER "'}", OK, "{}"}, /* not its own: nothing happens */
         {PARTNER, "DescribePartnerEventSource", "{'Name':'" SOURCE "'}", OK, "{'Arn':'" ARN "','Name':'" SOURCE "'}"},
         {CUSTOMER, "DescribePartnerEventSource", "{'Name':'" SOURCE "'}", ERR_NOT_FOUND, "Event source " SOURCE " does not exist."},
         {PARTNER, "DescribeEventSource", "{'Name':'" SOURCE "'}", ERR_NOT_FOUND, "Event source " SOURCE " does not exist."},
         {OTHER, "CreateEventBus", "{'Name':'" SOURCE "','EventSourceName':'" SOURCE "'}", ERR_NOT_FOUND, "Event source " SOURCE " does not exist."},
         {CUSTOMER, "CreateEventBus", "{'Name':'orders','EventSourceName':'" SOURCE "'}", ERR_VALIDATION, "The name of a partner event bus must be that of its event source: " SOURCE "."},
         {CUSTOMER, "CreateEventBus", "{'Name':'" SOURCE "'}", ERR_VALIDATION, "The name of a custom event bus can't contain the slash (/) character."},
         {CUSTOMER, "ActivateEventSource", "{'Name':'" SOURCE "'}", ERR_INVALID_STATE, "Event source " SOURCE " has no event bus: make one of its name first."},
         {CUSTOMER, "DeactivateEventSource", "{'Name':'aws.partner/a/b'}", ERR_NOT_FOUND, "Event source aws.partner/a/b does not exist."},
         {PARTNER, "ListPartnerEventSourceAccounts", "{'EventSourceName':'aws.partner/a/b'}", ERR_NOT_FOUND, "Event source aws.partner/a/b does not exist."},
         {PARTNER, "CreatePartnerEventSource", "{'Name':'" SOURCE "','Account':'" OTHER "'}", OK, NULL},
         {PARTNER, "CreatePartnerEventSource", "{'Name':'aws.partner/crm.example/bills','Account':'" OTHER "'}", OK, NULL},
         {PARTNER, "CreatePartnerEventSource", "{'Name':'aws.partner/crm.example/more','Account':'" OTHER "'}", ERR_LIMIT, "The requested resource exceeds the maximum number allowed."},
         {PARTNER, "ListPartnerEventSources", "{'NamePrefix':'aws.partner/crm.example/'}", OK,
          "{'PartnerEventSources':[{'Arn':'arn:aws:events:us-east-1::event-source/aws.partner/crm.example/bills','Name':'aws.partner/crm.example/bills'},"
          "{'Arn':'" ARN "','Name':'" SOURCE "'}]}"}, /* each once, however many customers it has */
         {PARTNER, "ListPartnerEventSources", "{'NamePrefix':'aws.partner/crm.example/o'}", OK, "{'PartnerEventSources':[{'Arn':'" ARN "','Name':'" SOURCE "'}]}"},
         {PARTNER, "ListPartnerEventSources", "{}", ERR_VALIDATION, "1 validation error detected: Value null at 'namePrefix' failed to satisfy constraint: Member must not be null"},
         {OTHER, "ListEventSources", "{'Limit':1}", OK, NULL});
    ANSWERED("EventSources.0.Name", "aws.partner/crm.example/bills");
    ANSWERED("EventSources.0.CreatedBy", PARTNER);
    char request[512];
    snprintf(request, sizeof request, "{'Limit':1,'NextToken':'%.*s'}", STR_ARG(answered("NextToken")));
    WALK({OTHER, "ListEventSources", request, OK, NULL});
    ANSWERED("EventSources.0.Name", SOURCE);
    assert_null(answered("NextToken").p);
    WALK({OTHER, "ListEventSources", "{'NamePrefix':'aws.partner/crm.example/b'}", OK, NULL}, {PARTNER, "ListPartnerEventSources", "{'NamePrefix':'aws.partner/crm.example/','Limit':1}", OK, NULL});
    snprintf(request, sizeof request, "{'NamePrefix':'aws.partner/crm.example/','NextToken':'%.*s'}", STR_ARG(answered("NextToken")));
    WALK({PARTNER, "ListPartnerEventSources", request, OK, "{'PartnerEventSources':[{'Arn':'" ARN "','Name':'" SOURCE "'}]}"});
}

static void what_stays_pending_for_two_weeks_is_over(void **state) {
    (void)state;
    clock_fake(START);
    offer();
    WALK({CUSTOMER, "DescribeEventSource", "{'Name':'" SOURCE "'}", OK,
          "{'Arn':'" ARN "','CreatedBy':'" PARTNER "','CreationTime':1777593600,'ExpirationTime':1778803200,'Name':'" SOURCE "','State':'PENDING'}"});
    clock_fake(START + 14 * DAY - 1);
    state_is("PENDING");
    clock_fake(START + 14 * DAY);
    WALK({CUSTOMER, "DescribeEventSource", "{'Name':'" SOURCE "'}", ERR_NOT_FOUND, NULL}, {PARTNER, "DescribePartnerEventSource", "{'Name':'" SOURCE "'}", ERR_NOT_FOUND, NULL},
         {CUSTOMER, "CreateEventBus", "{'Name':'" SOURCE "','EventSourceName':'" SOURCE "'}", ERR_NOT_FOUND, NULL});
    offer(); /* and it may begin again */
    take();
    clock_fake(START + 100 * DAY);
    state_is("ACTIVE"); /* what is active does not expire */
    WALK({CUSTOMER, "DescribeEventSource", "{'Name':'" SOURCE "'}", OK, NULL});
    assert_null(answered("ExpirationTime").p);
    WALK({CUSTOMER, "DeactivateEventSource", "{'Name':'" SOURCE "'}", OK, NULL});
    clock_fake(START + 114 * DAY);
    state_is("DELETED"); /* its bus is still there */
    WALK({CUSTOMER, "RemoveTargets", "{'Rule':'all','EventBusName':'" SOURCE "','Ids':['1']}", OK, NULL}, {CUSTOMER, "DeleteRule", "{'Name':'all','EventBusName':'" SOURCE "'}", OK, NULL},
         {CUSTOMER, "DeleteEventBus", "{'Name':'" SOURCE "'}", OK, "{}"}, {CUSTOMER, "DescribeEventSource", "{'Name':'" SOURCE "'}", ERR_NOT_FOUND, NULL});
}

static void a_bus_that_goes_leaves_the_source_pending(void **state) {
    (void)state;
    clock_fake(START);
    offer();
    take();
    clock_fake(START + 20 * DAY);
    WALK({CUSTOMER, "RemoveTargets", "{'Rule':'all','EventBusName':'" SOURCE "','Ids':['1']}", OK, NULL}, {CUSTOMER, "DeleteRule", "{'Name':'all','EventBusName':'" SOURCE "'}", OK, NULL},
         {CUSTOMER, "DeleteEventBus", "{'Name':'" SOURCE "'}", OK, "{}"});
    state_is("PENDING");
    put_event();
    api_restart(); /* the two weeks count from when the bus went */
    state_is("PENDING");
    clock_fake(START + 34 * DAY);
    WALK({CUSTOMER, "DescribeEventSource", "{'Name':'" SOURCE "'}", ERR_NOT_FOUND, NULL});
}

static void everything_survives_a_restart(void **state) {
    (void)state;
    offer();
    take();
    WALK({PARTNER, "CreatePartnerEventSource", "{'Name':'aws.partner/crm.example/off','Account':'" CUSTOMER "'}", OK, NULL},
         {CUSTOMER, "CreateEventBus", "{'Name':'aws.partner/crm.example/off','EventSourceName':'aws.partner/crm.example/off'}", OK, NULL},
         {CUSTOMER, "DeactivateEventSource", "{'Name':'aws.partner/crm.example/off'}", OK, NULL},
         {PARTNER, "CreatePartnerEventSource", "{'Name':'aws.partner/crm.example/gone','Account':'" CUSTOMER "'}", OK, NULL},
         {CUSTOMER, "CreateEventBus", "{'Name':'aws.partner/crm.example/gone','EventSourceName':'aws.partner/crm.example/gone'}", OK, NULL},
         {PARTNER, "DeletePartnerEventSource", "{'Name':'aws.partner/crm.example/gone','Account':'" CUSTOMER "'}", OK, NULL}, {CUSTOMER, "ListEventSources", "{}", OK, NULL});
    static char before[sizeof said];
    memcpy(before, said, sizeof said);
    api_restart();
    WALK({CUSTOMER, "ListEventSources", "{}", OK, NULL});
    assert_string_equal(before, said);
    put_event();
    arrived(1);
}

static void an_account_takes_its_sources_along(void **state) {
    (void)state;
    struct fault fault;
    offer();
    take();
    WALK({PARTNER, "CreatePartnerEventSource", "{'Name':'" SOURCE "','Account':'" OTHER "'}", OK, NULL});
    ok(world_delete_account(world(), STR(OTHER), &fault), &fault); /* a customer */
    WALK({PARTNER, "ListPartnerEventSourceAccounts", "{'EventSourceName':'" SOURCE "'}", OK, NULL});
    assert_null(answered("PartnerEventSourceAccounts.1").p);
    ok(world_delete_account(world(), STR(PARTNER), &fault), &fault); /* the partner */
    WALK({CUSTOMER, "DescribeEventSource", "{'Name':'" SOURCE "'}", OK, NULL});
    ANSWERED("State", "DELETED");
    account(OTHER), account(PARTNER); /* for the teardown's symmetry */
    api_restart();
    WALK({CUSTOMER, "DescribeEventSource", "{'Name':'" SOURCE "'}", OK, NULL});
    ANSWERED("State", "DELETED");
}

#define T(name) cmocka_unit_test_setup_teardown(name, api_setup, api_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(events_arrive_only_while_the_source_is_taken_and_active),
        T(an_entry_fails_alone),
        T(one_event_reaches_every_customer),
        T(names_and_sides_are_kept_apart),
        T(what_stays_pending_for_two_weeks_is_over),
        T(a_bus_that_goes_leaves_the_source_pending),
        T(everything_survives_a_restart),
        T(an_account_takes_its_sources_along),
    };
    return cmocka_run_group_tests_name("api/partners", tests, NULL, NULL);
}
