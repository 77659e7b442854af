/* Endpoints through the engine: their life, and the events that go through them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api_host.h"

#define BUS(region, account, name) "{'EventBusArn':'arn:aws:events:" region ":" account ":event-bus/" name "'}"
#define BUSES(name) "'EventBuses':[" BUS("us-east-1", A1, name) "," BUS("us-west-2", A1, name) "]"
#define ROUTING "'RoutingConfig':{'FailoverConfig':{'Primary':{'HealthCheck':'arn:aws:route53:::healthcheck/abc'},'Secondary':{'Route':'us-west-2'}}}"
#define MORE "'ReplicationConfig':{'State':'DISABLED'}," BUSES("orders") ",'RoleArn':'arn:aws:iam::" A1 ":role/r'"
#define ARN "arn:aws:events:us-east-1:" A1 ":endpoint/e"

static void create(void) {
    clock_fake(1777593600000);
    WALK({A1, "CreateEventBus", "{'Name':'orders'}", OK, NULL}, {A1, "CreateEventBus", "{'Name':'bills'}", OK, NULL},
         {A1, "CreateEndpoint", "{'Name':'e','Description':'d'," ROUTING "," MORE "}", OK, "{'Name':'e','Arn':'" ARN "'," ROUTING "," MORE ",'State':'ACTIVE'}"},
         {A1, "DescribeEndpoint", "{'Name':'e'}", OK, NULL});
}

static void an_endpoint_is_stored_and_returned(void **state) {
    (void)state;
    create();
    char id[64], expected[2048];
    str_copyz(id, sizeof id, answered("EndpointId"));
    assert_int_equal(strlen(id), 14);
    snprintf(expected, sizeof expected,
             "{'Name':'e','Arn':'" ARN "','EndpointId':'%s','EndpointUrl':'https://%s.endpoint.events.amazonaws.com','State':'ACTIVE','Description':'d'," ROUTING "," MORE
             ",'CreationTime':1777593600,'LastModifiedTime':1777593600}", id, id);
    WALK({A1, "DescribeEndpoint", "{'Name':'e','HomeRegion':'us-east-1'}", OK, expected}, {A1, "DescribeEndpoint", "{'Name':'e','HomeRegion':'us-west-2'}", ERR_NOT_FOUND, NULL});
    clock_fake(1777593601500);
    WALK({A1, "UpdateEndpoint", "{'Name':'e','Description':'new'," BUSES("bills") "}", OK, NULL});
    ANSWERED("EndpointId", id);
    ANSWERED("RoleArn", "arn:aws:iam::" A1 ":role/r"); /* what was left out stays */
    ANSWERED("EventBuses.1.EventBusArn", "arn:aws:events:us-west-2:" A1 ":event-bus/bills");
    api_restart();
    WALK({A1, "DescribeEndpoint", "{'Name':'e'}", OK, NULL});
    ANSWERED("Description", "new");
    ANSWERED("LastModifiedTime", "1777593601.500");
    ANSWERED("EndpointId", id);
    WALK({A1, "UpdateEndpoint", "{'Name':'e','RoleArn':'arn:aws:iam::" A1 ":role/s'," ROUTING ",'ReplicationConfig':{'State':'ENABLED'}}", OK, "...'State':'ENABLED'"},
         {A1, "DeleteEndpoint", "{'Name':'e'}", OK, "{}"}, {A1, "DescribeEndpoint", "{'Name':'e'}", ERR_NOT_FOUND, "Endpoint e does not exist."},
         {A1, "DeleteEndpoint", "{'Name':'e'}", ERR_NOT_FOUND, "Endpoint e does not exist."}, {A1, "UpdateEndpoint", "{'Name':'e'}", ERR_NOT_FOUND, "Endpoint e does not exist."});
    api_restart();
    WALK({A1, "ListEndpoints", "{}", OK, "{'Endpoints':[]}"});
}

static void what_is_no_endpoint_is_refused(void **state) {
    (void)state;
    create();
#define REFUSED(buses, why) {A1, "CreateEndpoint", "{'Name':'f'," ROUTING ",'EventBuses':[" buses "]}", ERR_VALIDATION, "Parameter EventBuses is not valid. Reason: " why}
    WALK({A1, "CreateEndpoint", "{'Name':'e'," ROUTING "," BUSES("orders") "}", ERR_EXISTS, "Endpoint e already exists."},
         {A1, "CreateEndpoint", "{'Name':'f'," ROUTING "," BUSES("none") "}", ERR_NOT_FOUND, "Event bus none does not exist."},
         REFUSED(BUS("us-east-1", A1, "orders") "," BUS("us-west-2", A1, "bills"), "the two event buses must have the same name and account."),
         REFUSED(BUS("us-east-1", A1, "orders") "," BUS("us-west-2", A2, "orders"), "the two event buses must have the same name and account."),
         REFUSED(BUS("us-east-1", A2, "orders") "," BUS("us-west-2", A2, "orders"), "the event buses must be in the account of the endpoint."),
         REFUSED(BUS("us-east-1", A1, "orders") "," BUS("us-east-1", A1, "orders"), "the two event buses must be in different regions."),
         REFUSED(BUS("eu-west-1", A1, "orders") "," BUS("us-west-2", A1, "orders"), "no event bus is in this region."),
         {A1, "UpdateEndpoint", "{'Name':'e'," BUSES("none") "}", ERR_NOT_FOUND, "Event bus none does not exist."},
         {A1, "CreateEndpoint", "{'Name':'f g','RoutingConfig':{'FailoverConfig':{'Primary':{},'Secondary':{'Route':'US'}}},'EventBuses':[" BUS("us-east-1", A1, "orders") "]}",
          ERR_VALIDATION,
          "4 validation errors detected: Value 'f g' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+; "
          "Value null at 'routingConfig.failoverConfig.primary.healthCheck' failed to satisfy constraint: Member must not be null; "
          "Value 'US' at 'routingConfig.failoverConfig.secondary.route' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[\\-a-z0-9]+$; "
          "Value '[EndpointEventBus(eventBusArn=arn:aws:events:us-east-1:" A1 ":event-bus/orders)]' at 'eventBuses' failed to satisfy constraint: "
          "Member must have length greater than or equal to 2"});
    host.settings.endpoints_per_account = 1;
    WALK({A1, "CreateEndpoint", "{'Name':'f'," ROUTING "," BUSES("orders") "}", ERR_LIMIT, "The requested resource exceeds the maximum number allowed."});
}

static void lists_come_in_pages(void **state) {
    (void)state;
    create();
    WALK({A1, "CreateEndpoint", "{'Name':'a'," ROUTING "," BUSES("orders") "}", OK, NULL}, {A1, "CreateEndpoint", "{'Name':'eb'," ROUTING "," BUSES("orders") "}", OK, NULL},
         {A1, "ListEndpoints", "{'NamePrefix':'e','MaxResults':1}", OK, NULL});
    ANSWERED("Endpoints.0.Name", "e");
    assert_null(answered("Endpoints.1").p);
    char request[512];
    snprintf(request, sizeof request, "{'NamePrefix':'e','NextToken':'%.*s'}", STR_ARG(answered("NextToken")));
    WALK({A1, "DeleteEndpoint", "{'Name':'e'}", OK, NULL}, {A1, "ListEndpoints", request, OK, NULL});
    ANSWERED("Endpoints.0.Name", "eb");
    assert_null(answered("NextToken").p);
    WALK({A1, "ListEndpoints", "{'HomeRegion':'us-west-2'}", OK, "{'Endpoints':[]}"}, {A2, "ListEndpoints", "{}", OK, "{'Endpoints':[]}"},
         {A1, "ListEndpoints", "{'NextToken':'x'}", ERR_VALIDATION, "Parameter NextToken is not valid."});
}

#define THROUGH(id, bus) "{'EndpointId':'" id "','Entries':[{'Source':'s','DetailType':'t','Detail':'{}'" bus "}]}"
static void events_go_through_it_to_the_bus_that_is_here(void **state) {
    (void)state;
    create();
    char id[64], request[1024];
    str_copyz(id, sizeof id, answered("EndpointId"));
    WALK({A1, "sqs.CreateQueue", "{'QueueName':'q'}", OK, NULL}, {A1, "PutRule", "{'Name':'r','EventBusName':'orders','EventPattern':'{\\'source\\':[\\'s\\']}'}", OK, NULL},
         {A1, "PutTargets", "{'Rule':'r','EventBusName':'orders','Targets':[{'Id':'1','Arn':'arn:aws:sqs:us-east-1:" A1 ":q'}]}", OK, NULL});
    static const char *const buses[] = {"", ",'EventBusName':'orders'", ",'EventBusName':'arn:aws:events:us-west-2:" A1 ":event-bus/orders'"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(request, sizeof request, "{'EndpointId':'%s','Entries':[{'Source':'s','DetailType':'t','Detail':'{}'%s}]}", id, buses[i]);
        WALK({A1, "PutEvents", request, OK, "...'FailedEntryCount':0"}, {A1, "sqs.ReceiveMessage", "{'QueueUrl':'q','VisibilityTimeout':43200}", OK, NULL});
        assert_non_null(answered("Messages.0.Body").p);
        assert_null(answered("Messages.1").p);
    }
    snprintf(request, sizeof request, "{'EndpointId':'%s','Entries':[{'Source':'s','DetailType':'t','Detail':'{}','EventBusName':'bills'}]}", id);
    WALK({A1, "PutEvents", request, ERR_VALIDATION, "Parameter EventBusName is not valid. Reason: 'bills' is not the event bus of endpoint e."},
         {A1, "PutEvents", THROUGH("aaaaaaaaaa.bbb", ""), ERR_NOT_FOUND, "Endpoint with id aaaaaaaaaa.bbb does not exist."},
         {A1, "PutEvents", THROUGH("nonsense", ""), ERR_VALIDATION, "...at 'endpointId' failed to satisfy constraint"});
    snprintf(request, sizeof request, "{'EndpointId':'%s','Entries':[{'Source':'s','DetailType':'t','Detail':'{}'}]}", id);
    WALK({A2, "PutEvents", request, OK, "...AccessDeniedException"}); /* the bus's policy decides, as without an endpoint */
}

static void an_account_takes_its_endpoints_along(void **state) {
    (void)state;
    struct fault fault;
    create();
    ok(world_delete_account(world(), STR(A1), &fault), &fault);
    account(A1);
    api_restart();
    WALK({A1, "ListEndpoints", "{}", OK, "{'Endpoints':[]}"});
}

#define T(name) cmocka_unit_test_setup_teardown(name, api_setup, api_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(an_endpoint_is_stored_and_returned), T(what_is_no_endpoint_is_refused), T(lists_come_in_pages), T(events_go_through_it_to_the_bus_that_is_here),
        T(an_account_takes_its_endpoints_along),
    };
    return cmocka_run_group_tests_name("api/endpoints", tests, NULL, NULL);
}
