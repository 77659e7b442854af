/* Partner event sources: an account (the partner) offers another one (the customer) events of a source named aws.partner/..., the customer takes them
 * by making a bus of that name. Part of the world (world.h), with its rules: changes are durable before they are visible.
 *
 *   PENDING   the customer has no bus of that name yet, or has switched the source off; after 14 days of that it is over
 *   ACTIVE    what the partner puts arrives on the customer's bus
 *   DELETED   the partner took it back, or the 14 days are over, and the customer's bus is still there
 *
 * A source without a bus whose 14 days are over, or that the partner took back, does not exist. */
#ifndef FLOW_WORLD_PARTNER_H
#define FLOW_WORLD_PARTNER_H

#include "world.h"

enum source_state { SOURCE_PENDING, SOURCE_ACTIVE, SOURCE_DELETED };
struct source_info {
    struct str name, partner, customer;
    int64_t created_ms, expires_ms; /* -1: it does not expire */
    enum source_state state;
};

/* The partner's side. ERR_NOT_FOUND without the customer's account; ERR_EXISTS, also when the name is another partner's; ERR_LIMIT (partner-sources). One
 * that was taken back and is offered again is PENDING until the customer activates it. */
enum err world_create_source(struct world *w, struct str partner, struct str customer, struct str name, struct fault *fault) MUST_USE;
/* One that is not there is fine. */
enum err world_delete_source(struct world *w, struct str partner, struct str customer, struct str name, struct fault *fault) MUST_USE;
/* Names of the partner's sources in order, each once: those that begin with prefix and come after `after` (absent: from the first). */
enum err world_list_source_names(struct world *w, struct str partner, struct str prefix, struct str after, size_t limit, struct arena *a,
                                 struct str **names, size_t *count, bool *more, struct fault *fault) MUST_USE;
/* A source's customers in order, after `after`. ERR_NOT_FOUND when the partner has no source of that name. */
enum err world_list_source_customers(struct world *w, struct str partner, struct str name, struct str after, size_t limit, struct arena *a,
                                     struct source_info **infos, size_t *count, bool *more, struct fault *fault) MUST_USE;
/* Those of them whose bus takes events now: accounts in a. ERR_NOT_FOUND as above. */
enum err world_active_customers(struct world *w, struct str partner, struct str name, struct arena *a, struct str **accounts, size_t *count,
                                struct fault *fault) MUST_USE;

/* The customer's side. ERR_NOT_FOUND "Event source N does not exist." */
enum err world_describe_source(struct world *w, struct str customer, struct str name, struct arena *a, struct source_info *info,
                               struct fault *fault) MUST_USE;
enum err world_list_sources(struct world *w, struct str customer, struct str prefix, struct str after, size_t limit, struct arena *a,
                            struct source_info **infos, size_t *count, bool *more, struct fault *fault) MUST_USE;
/* Switches a source with a bus on or off. ERR_INVALID_STATE without the bus, or when it is DELETED. */
enum err world_switch_source(struct world *w, struct str customer, struct str name, bool on, struct fault *fault) MUST_USE;

#endif
