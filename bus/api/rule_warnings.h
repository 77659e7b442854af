/* What PutRule says about a rule that it took and that looks wrong. */
#ifndef API_RULE_WARNINGS_H
#define API_RULE_WARNINGS_H

#include "engine.h"

enum { RULES_COMPARED_MAX = 10000 }; /* of a bus, when looking for another rule with the same pattern */

/* Lints the pattern of a rule that was just put, also against what its bus has seen and against the bus's other rules, fills *warnings
 * (events_warning; in call->arena; absent when there are none) and logs the first. Rules that the daemon itself declares at start are not
 * compared with each other: `busctl validate` does that. The rule stands whatever comes out: what goes wrong here is logged. */
void rule_warnings(struct call *call, struct bus_ref bus, struct str rule, struct str pattern, struct list *warnings);

#endif
