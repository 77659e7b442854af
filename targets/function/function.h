/* A function: a command of this machine that takes one event as a line of JSON. Immutable once made, counted by reference: what runs keeps
 * the settings it was started with. Any thread. */
#ifndef FUNCTION_FUNCTION_H
#define FUNCTION_FUNCTION_H

#include <stdatomic.h>

#include "arena.h"
#include "shape.h"

struct function {
    atomic_int references;
    struct arena arena; /* everything below lives here */
    struct str key;     /* "ACCOUNT/NAME" */
    struct str account, name, arn, description, working_directory, path_variable;
    bool worker;
    size_t command_count, variable_count;
    struct str *command;                                     /* each with a NUL behind it */
    struct map_entry *variables;                             /* key, s; each with a NUL behind it */
    int64_t timeout_s, concurrency, memory_mib, cpu_seconds; /* the last two: 0 is no limit */
    int64_t modified_ms;
};

/* A new one with one reference; NULL without memory. The caller fills it in before it is shown to anybody. */
struct function *function_new(void);
struct function *function_ref(struct function *f);
/* NULL is fine. */
void function_unref(struct function *f);

#endif
