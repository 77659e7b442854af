#include "endpoints.h"

#include "declare.h"

/* As in events.c, the region in an ARN is wider here: an installation may be called "local". */
STRING(text, "String");
STRING(name, "EndpointName", BETWEEN(1, 64), .pattern = "[\\.\\-_A-Za-z0-9]+", .posix = "^[._A-Za-z0-9-]+$");
STRING(description, "EndpointDescription", AT_MOST(512), .pattern = ".*");
STRING(health_check, "HealthCheck", BETWEEN(1, 1600), .pattern = "^arn:aws([a-z]|\\-)*:route53:::healthcheck/[\\-a-z0-9]+$",
       .posix = "^arn:aws[a-z-]*:route53:::healthcheck/[a-z0-9-]+$");
STRING(route, "Route", BETWEEN(1, 20), .pattern = "^[\\-a-z0-9]+$", .posix = "^[a-z0-9-]+$");
STRING(home_region, "HomeRegion", BETWEEN(1, 20), .pattern = "^[\\-a-z0-9]+$", .posix = "^[a-z0-9-]+$");
STRING(bus_arn, "NonPartnerEventBusArn", BETWEEN(1, 512), .pattern = "^arn:aws[a-z-]*:events:[a-z]{2}-[a-z-]+-\\d+:\\d{12}:event-bus/[\\w.-]+$",
       .posix = "^arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9_.-]+$");
STRING(role_arn, "IamRoleArn", BETWEEN(1, 256), .pattern = "^arn:aws[a-z-]*:iam::\\d{12}:role\\/[\\w+=,.@/-]+$",
       .posix = "^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$");
STRING(next_token, "NextToken", BETWEEN(1, 2048));
INTEGER(limit, "LimitMax100", BETWEEN(1, 100));
static const struct shape timestamp = {.type = SHAPE_TIMESTAMP, .name = "Timestamp"};
static const char *const replication_states[] = {"ENABLED", "DISABLED", NULL};
STRING(replication_state, "ReplicationState", .values = replication_states);

/* ---- parts ------------------------------------------------------------------------------------------------------------------------ */

STRUCT(primary, "Primary", struct endpoints_primary,
       MEMBER(struct endpoints_primary, health_check, "HealthCheck", &health_check, REQUIRED, "ARN of a health check; kept and given back"),
       MEMBER_END);
STRUCT(secondary, "Secondary", struct endpoints_secondary,
       MEMBER(struct endpoints_secondary, route, "Route", &route, REQUIRED, "the other region"),
       MEMBER_END);
STRUCT(failover, "FailoverConfig", struct endpoints_failover,
       MEMBER(struct endpoints_failover, primary, "Primary", &primary, REQUIRED, "when to leave the first region"),
       MEMBER(struct endpoints_failover, secondary, "Secondary", &secondary, REQUIRED, "where to go then"),
       MEMBER_END);
STRUCT(routing, "RoutingConfig", struct endpoints_routing,
       MEMBER(struct endpoints_routing, failover, "FailoverConfig", &failover, REQUIRED, "failover between the two regions"),
       MEMBER_END);
STRUCT(replication, "ReplicationConfig", struct endpoints_replication,
       MEMBER(struct endpoints_replication, state, "State", &replication_state, OPTIONAL, "ENABLED or DISABLED; kept and given back"),
       MEMBER_END);
STRUCT(bus, "EndpointEventBus", struct endpoints_bus,
       MEMBER(struct endpoints_bus, arn, "EventBusArn", &bus_arn, REQUIRED, "ARN of the bus"),
       MEMBER_END);
LIST(buses, "EndpointEventBusList", bus, BETWEEN(2, 2));

#define SETTINGS(type, required)                                                                                                       \
    MEMBER(type, settings.description, "Description", &description, OPTIONAL, "what it is for"),                                       \
    MEMBER(type, settings.routing, "RoutingConfig", &routing, required, "the other region, and when to go there; kept and given back"), \
    MEMBER(type, settings.replication, "ReplicationConfig", &replication, OPTIONAL, "kept and given back"),                             \
    MEMBER(type, settings.buses, "EventBuses", &buses, required, "two buses of one name and account in two regions, one of them here"), \
    MEMBER(type, settings.role_arn, "RoleArn", &role_arn, OPTIONAL, "kept and given back")
#define SHOWN(type)                                                                                             \
    MEMBER(type, arn, "Arn", &text, OPTIONAL, "its ARN"),                                                       \
    MEMBER(type, id, "EndpointId", &text, OPTIONAL, "what put-events --endpoint-id takes"),                     \
    MEMBER(type, url, "EndpointUrl", &text, OPTIONAL, "what the service would have it called; no name server knows it"), \
    MEMBER(type, state, "State", &text, OPTIONAL, "ACTIVE")

static const struct member settings_members[] = {
    MEMBER(struct endpoints_settings, description, "Description", &description, OPTIONAL, ""),
    MEMBER(struct endpoints_settings, routing, "RoutingConfig", &routing, OPTIONAL, ""),
    MEMBER(struct endpoints_settings, replication, "ReplicationConfig", &replication, OPTIONAL, ""),
    MEMBER(struct endpoints_settings, buses, "EventBuses", &buses, OPTIONAL, ""),
    MEMBER(struct endpoints_settings, role_arn, "RoleArn", &role_arn, OPTIONAL, ""),
    MEMBER_END};
const struct shape endpoints_settings_shape = {
    .type = SHAPE_STRUCT, .name = "EndpointSettings", .size = sizeof(struct endpoints_settings), .members = settings_members};

/* ---- operations -------------------------------------------------------------------------------------------------------------------- */

STRUCT(create, "CreateEndpointRequest", struct endpoints_put,
       MEMBER(struct endpoints_put, name, "Name", &name, REQUIRED, "the endpoint"),
       SETTINGS(struct endpoints_put, REQUIRED),
       MEMBER_END);
STRUCT(update, "UpdateEndpointRequest", struct endpoints_put,
       MEMBER(struct endpoints_put, name, "Name", &name, REQUIRED, "the endpoint; what is left out stays"),
       SETTINGS(struct endpoints_put, OPTIONAL),
       MEMBER_END);
STRUCT(create_answer, "CreateEndpointResponse", struct endpoints_put_answer,
       MEMBER(struct endpoints_put_answer, name, "Name", &text, OPTIONAL, "the endpoint"),
       MEMBER(struct endpoints_put_answer, arn, "Arn", &text, OPTIONAL, "its ARN"),
       MEMBER(struct endpoints_put_answer, settings.routing, "RoutingConfig", &routing, OPTIONAL, "as given"),
       MEMBER(struct endpoints_put_answer, settings.replication, "ReplicationConfig", &replication, OPTIONAL, "as given"),
       MEMBER(struct endpoints_put_answer, settings.buses, "EventBuses", &buses, OPTIONAL, "as given"),
       MEMBER(struct endpoints_put_answer, settings.role_arn, "RoleArn", &role_arn, OPTIONAL, "as given"),
       MEMBER(struct endpoints_put_answer, state, "State", &text, OPTIONAL, "ACTIVE"),
       MEMBER_END);
STRUCT(update_answer, "UpdateEndpointResponse", struct endpoints_put_answer,
       MEMBER(struct endpoints_put_answer, name, "Name", &text, OPTIONAL, "the endpoint"),
       SHOWN(struct endpoints_put_answer),
       MEMBER(struct endpoints_put_answer, settings.routing, "RoutingConfig", &routing, OPTIONAL, "as it is now"),
       MEMBER(struct endpoints_put_answer, settings.replication, "ReplicationConfig", &replication, OPTIONAL, "as it is now"),
       MEMBER(struct endpoints_put_answer, settings.buses, "EventBuses", &buses, OPTIONAL, "as it is now"),
       MEMBER(struct endpoints_put_answer, settings.role_arn, "RoleArn", &role_arn, OPTIONAL, "as it is now"),
       MEMBER_END);
STRUCT(by_name, "DeleteEndpointRequest", struct endpoints_name,
       MEMBER(struct endpoints_name, name, "Name", &name, REQUIRED, "the endpoint"),
       MEMBER_END);
STRUCT(describe, "DescribeEndpointRequest", struct endpoints_name,
       MEMBER(struct endpoints_name, name, "Name", &name, REQUIRED, "the endpoint"),
       MEMBER(struct endpoints_name, home_region, "HomeRegion", &home_region, OPTIONAL, "its primary region: this one"),
       MEMBER_END);
STRUCT(endpoint, "Endpoint", struct endpoints_endpoint,
       MEMBER(struct endpoints_endpoint, name, "Name", &text, OPTIONAL, "the endpoint"),
       SHOWN(struct endpoints_endpoint),
       SETTINGS(struct endpoints_endpoint, OPTIONAL),
       MEMBER(struct endpoints_endpoint, created_ms, "CreationTime", &timestamp, OPTIONAL, "when it was made"),
       MEMBER(struct endpoints_endpoint, modified_ms, "LastModifiedTime", &timestamp, OPTIONAL, "when it was changed last"),
       MEMBER_END);
LIST(endpoint_list, "EndpointList", endpoint);
STRUCT(list, "ListEndpointsRequest", struct endpoints_list,
       MEMBER(struct endpoints_list, name_prefix, "NamePrefix", &name, OPTIONAL, "only endpoints whose names begin so"),
       MEMBER(struct endpoints_list, home_region, "HomeRegion", &home_region, OPTIONAL, "only those whose primary region this is"),
       MEMBER(struct endpoints_list, next_token, "NextToken", &next_token, OPTIONAL, "from the answer before"),
       MEMBER(struct endpoints_list, limit, "MaxResults", &limit, OPTIONAL, "how many at most in one answer"),
       MEMBER_END);
STRUCT(list_answer, "ListEndpointsResponse", struct endpoints_list_answer,
       MEMBER(struct endpoints_list_answer, endpoints, "Endpoints", &endpoint_list, OPTIONAL, "the endpoints"),
       MEMBER(struct endpoints_list_answer, next_token, "NextToken", &next_token, OPTIONAL, "there are more: ask with this"),
       MEMBER_END);

#define ROW(name_, in_, out_, access_, help_, example_)                                                                                   \
    {.service = "events", .name = (name_), .in = (in_), .out = (out_), .action = "events:" name_, .access = (access_), .help = (help_), \
     .example = (example_)}

const struct operation endpoints_operations[] = {
    ROW("CreateEndpoint", &create, &create_answer, ACCESS_WRITE, "Makes an endpoint: a name for two buses in two regions.",
        "busctl create-endpoint --name orders --routing-config file://routing.json --event-buses "
        "EventBusArn=arn:aws:events:us-east-1:111122223333:event-bus/orders EventBusArn=arn:aws:events:us-west-2:111122223333:event-bus/orders"),
    ROW("UpdateEndpoint", &update, &update_answer, ACCESS_WRITE, "Changes an endpoint.",
        "busctl update-endpoint --name orders --description 'orders of both coasts'"),
    ROW("DeleteEndpoint", &by_name, NULL, ACCESS_WRITE, "Deletes an endpoint.", "busctl delete-endpoint --name orders"),
    ROW("DescribeEndpoint", &describe, &endpoint, ACCESS_READ, "Shows an endpoint.", "busctl describe-endpoint --name orders"),
    ROW("ListEndpoints", &list, &list_answer, ACCESS_READ, "Lists the account's endpoints.", "busctl list-endpoints"),
    {.name = NULL},
};
