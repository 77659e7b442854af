/* What a test run exercised of the operations' tables: which operations were answered, and which fields of their shapes held a value on the way in and
 * out. With BUS_TRAFFIC=FILE in the environment every process of the run appends to that file what it sees, each thing once; tests/coverage holds it
 * against everything there is. Without the variable nothing is recorded. */
#ifndef BASE_TRAFFIC_H
#define BASE_TRAFFIC_H

#include "operation.h"

/* An answered call: request and answer are structs of the row's shapes. Blocks shortly when something new is seen. Any thread. */
void traffic_record(const struct operation *operation, const void *in, const void *out);

/* Everything that could be recorded of an operation, as the lines are spelled: "events.PutRule", "events.PutRule in PutRuleRequest.Name", "... in Tag.Key",
 * "events.PutRule out PutRuleResponse.RuleArn". The string is valid during the call only. */
void traffic_each(const struct operation *operation, void (*each)(void *ctx, struct str line), void *ctx);

#endif
