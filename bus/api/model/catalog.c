#include "catalog.h"

#include "archives.h"
#include "destination/model.h"
#include "events.h"
#include "explanation.h"
#include "function/model.h"
#include "log/model.h"
#include "operator.h"
#include "queue/model.h"
#include "stream/model.h"
#include "topic/model.h"

const struct operation *const *model_tables(size_t *count) {
    static const struct operation *const tables[] = {
        events_operations, archives_operations, explain_operations, stream_operations, queue_operations,       topic_operations,
        function_operations, log_operations,    bus_operations,     destination_operations, secret_key_operations};
    *count = sizeof tables / sizeof tables[0];
    return tables;
}
