/* The function service as the adapter holds it: registry, runner, and the operations on them. */
#ifndef FUNCTION_SERVICE_H
#define FUNCTION_SERVICE_H

#include "registry.h"
#include "runner.h"

struct function_service {
    const struct target_host *host;
    struct function_registry *registry;
    struct runner *runner;
    struct service service;
};

/* One row for each of function_operations; `self` is a struct function_service. */
extern const struct handler_row function_handlers[];

/* Takes "NAME", "NAME:$LATEST", "function:NAME", "ACCOUNT:function:NAME" or an ARN apart. `account` is what a name without one means.
 * False when it is none of these, or of another region than `region`. Views into `text`; pure. */
bool function_name_parse(struct str text, struct str region, struct str default_account, struct str *account, struct str *name);

#endif
