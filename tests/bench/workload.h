/* Generated events and rules for the bench: everything follows from the seed. */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include "str.h"

struct workload_rule {
    struct str name, pattern; /* on the heap */
};
struct workload {
    struct buf event_bytes;
    struct str *events; /* point into event_bytes */
    size_t event_count;
    struct workload_rule *rules;
    size_t rule_count;
};

/* Ended by NULL. */
const char *const *workload_names(void);
/* `events` events (the adversarial ones, whose events are big, take fewer). False: no such workload. Ends the process without memory. */
bool workload_make(struct workload *w, const char *name, uint64_t seed, size_t events);
bool workload_write(const struct workload *w, const char *events_path, const char *rules_path);
void workload_fini(struct workload *w);

#endif
