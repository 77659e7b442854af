/* Endpoints: EventBridge's operations on them, as C structs and as a table of descriptions (docs.aws.amazon.com/eventbridge/latest/APIReference). With one
 * region they lead to the one of their two buses that is here; health checks and replication are kept and given back. */
#ifndef MODEL_ENDPOINTS_H
#define MODEL_ENDPOINTS_H

#include "operation.h"

/* Of service "events"; ended by a row whose name is NULL. */
extern const struct operation endpoints_operations[];
/* struct endpoints_settings: what is stored of an endpoint. */
extern const struct shape endpoints_settings_shape;

struct endpoints_primary {
    struct str health_check;
};
struct endpoints_secondary {
    struct str route;
};
struct endpoints_failover {
    struct endpoints_primary *primary;
    struct endpoints_secondary *secondary;
};
struct endpoints_routing {
    struct endpoints_failover *failover;
};
struct endpoints_replication {
    struct str state;
};
struct endpoints_bus {
    struct str arn;
};
struct endpoints_settings {
    struct str description, role_arn;
    struct endpoints_routing *routing;
    struct endpoints_replication *replication;
    struct list buses; /* endpoints_bus */
};
/* CreateEndpoint and UpdateEndpoint; in an update what is absent stays. */
struct endpoints_put {
    struct str name;
    struct endpoints_settings settings;
};
/* Of both; a new one's id and URL are shown by DescribeEndpoint, as with the service. */
struct endpoints_put_answer {
    struct str name, arn, id, url, state;
    struct endpoints_settings settings;
};
/* DescribeEndpoint, DeleteEndpoint. */
struct endpoints_name {
    struct str name, home_region;
};
struct endpoints_endpoint {
    struct str name, arn, id, url, state;
    struct endpoints_settings settings;
    struct opt_i64 created_ms, modified_ms;
};
struct endpoints_list {
    struct str name_prefix, home_region, next_token;
    struct opt_i64 limit;
};
struct endpoints_list_answer {
    struct list endpoints; /* endpoints_endpoint */
    struct str next_token;
};

#endif
