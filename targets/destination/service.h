/* The operations on connections and API destinations. They are EventBridge's, so the service's name is "events"; but they stand here,
 * beside what they manage, and not in bus/api: the adapter and the operations share the registry, the guard and the key, none of which flow
 * or api know. */
#ifndef DESTINATION_SERVICE_H
#define DESTINATION_SERVICE_H

#include "invoker.h"
#include "registry.h"

struct destination_service {
    struct registry registry;
    struct guard *guard;
    struct invoker *invoker;
    struct service service, operator_service;
};

extern const struct handler_row destination_handlers[];
extern const struct handler_row secret_key_handlers[];

#endif
