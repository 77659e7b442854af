/* The engine's life: what busd makes, and what the services of this layer are made of. Gateways see api.h only. */
#ifndef API_ENGINE_H
#define API_ENGINE_H

#include "api.h"
#include "flow.h"
#include "operation.h"

#define BUSD_VERSION "0.1.0"

struct api_options {
    struct flow *flow;
    int64_t started_ms;  /* for DescribeDaemon, like the next one */
    struct str durability; /* "full", "normal", "off"; outlives the engine */
    size_t threads;      /* workers of control operations; 0: 8 */
    size_t max_queued;   /* calls waiting for a worker; 0: 1,024 */
    bool auth_open;      /* over HTTP any access key will do, unchecked: 12 digits are that account, any other the first one */
};
/* Joins every operation with its handler (a missing one is our bug) and starts the workers. The flow outlives the engine. */
enum err api_open(const struct api_options *options, struct api **api, struct fault *fault) MUST_USE;
/* Answers what is queued with ERR_SHUTTING_DOWN, ends the workers. */
void api_close(struct api *api);

/* Runs one operation on this thread, as `account` and with all rights: rule files at start-up. Waits for handlers that answer later. The
 * answer (NULL: not wanted) is added to *answer. */
enum err api_run(struct api *api, struct str account, struct str operation, struct str body, struct buf *answer, struct fault *fault) MUST_USE;
/* Checks a request as api_run would before it asks the handler: the operation exists, the body fits its shape. Changes nothing. */
enum err api_check(struct api *api, struct str operation, struct str body, struct fault *fault) MUST_USE;
struct flow *api_flow(struct api *api);
int64_t api_started_ms(const struct api *api);
bool api_auth_open(const struct api *api);
struct http_auth *api_http_auth(struct api *api);
struct str api_durability(const struct api *api);

/* For handlers of this layer: who calls (never NULL), and an authorization with condition keys. */
struct caller *api_caller_of(struct call *call);
enum err api_authorize(struct call *call, const char *action, struct str resource, const struct condition_value *keys, size_t count) MUST_USE;

/* The services of this layer; `self` is the struct api. */
extern const struct handler_row events_handlers[];
extern const struct handler_row explain_handlers[];
extern const struct handler_row bus_handlers[];

#endif
