/* Endpoints: a name for two buses of the same name in two regions. An installation is one region, so an endpoint leads to the one of them that is here.
 * Part of the world (world.h), with its rules. What the service keeps about an endpoint beside that is JSON that is not looked at here. */
#ifndef FLOW_WORLD_ENDPOINT_H
#define FLOW_WORLD_ENDPOINT_H

#include "world.h"

struct endpoint_info {
    struct str account, name, id; /* id: made here, "x1y2z3.abc" */
    struct str bus;               /* the name of the bus that it leads to, one of the account's */
    struct str settings;          /* JSON, as put */
    int64_t created_ms, modified_ms;
};
/* Makes it. ERR_EXISTS "Endpoint N already exists."; ERR_NOT_FOUND "Event bus N does not exist."; ERR_LIMIT (endpoints-per-account). */
enum err world_create_endpoint(struct world *w, struct str account, struct str name, struct str bus, struct str settings, struct fault *fault) MUST_USE;
/* Replaces bus and settings. ERR_NOT_FOUND for the endpoint ("Endpoint N does not exist.") or the bus. */
enum err world_update_endpoint(struct world *w, struct str account, struct str name, struct str bus, struct str settings, struct fault *fault) MUST_USE;
enum err world_delete_endpoint(struct world *w, struct str account, struct str name, struct fault *fault) MUST_USE;
enum err world_describe_endpoint(struct world *w, struct str account, struct str name, struct arena *a, struct endpoint_info *info,
                                 struct fault *fault) MUST_USE;
/* In order of name: those that begin with prefix and come after `after` (absent: from the first). */
enum err world_list_endpoints(struct world *w, struct str account, struct str prefix, struct str after, size_t limit, struct arena *a,
                              struct endpoint_info **infos, size_t *count, bool *more, struct fault *fault) MUST_USE;
/* By its id, whoever's it is. ERR_NOT_FOUND. */
enum err world_find_endpoint(struct world *w, struct str id, struct arena *a, struct endpoint_info *info, struct fault *fault) MUST_USE;

#endif
