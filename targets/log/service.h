/* The log service as the adapter holds it: registry, writer, and the operations on them. */
#ifndef LOG_SERVICE_H
#define LOG_SERVICE_H

#include "registry.h"
#include "writer.h"

struct log_service {
    const struct target_host *host;
    struct log_registry *registry;
    struct writer *writer;
    struct str directory; /* DATA/logs; the service's */
    struct arena arena;
    struct service service;
};

/* One row for each of log_operations; `self` is a struct log_service. */
extern const struct handler_row log_handlers[];

#endif
