/* Catalog records: the JSON in the store on one side, the compiled views of the snapshot on the other. The same code loads what an earlier
 * process stored and compiles what is being put now, so a record that was accepted once always loads again. Pure but for memory. */
#ifndef FLOW_RECORD_H
#define FLOW_RECORD_H

#include "err.h"
#include "snapshot.h"

/* What a record is made from: borrowed strings, absent ones left out. */
struct bus_draft {
    struct str account, name, description, policy, dead_letter_arn, kms_key, log_level, log_detail;
    int64_t created_ms, modified_ms;
    const struct tag *tags;
    size_t tag_count;
};
struct rule_draft {
    struct str account, bus, name, pattern, schedule, description, role_arn, state, created_by, managed_by;
    int64_t archive; /* 0: none */
    const struct str *targets; /* JSON texts, in order of Id */
    size_t target_count;
    const struct tag *tags;
    size_t tag_count;
};
void record_write_bus(struct buf *out, const struct bus_draft *draft);
void record_write_rule(struct buf *out, const struct rule_draft *draft);

/* Compile; the view has one reference, the caller's. ERR_PATTERN, ERR_VALIDATION with AWS's sentence, ERR_CORRUPT for what is no record, ERR_NOMEM. */
enum err record_bus(struct str json, struct str region, struct bus_head **head, struct fault *fault) MUST_USE;
enum err record_rule(struct str json, struct str region, struct rule_view **rule, struct fault *fault) MUST_USE;
/* One target alone, as PutTargets has it. `lane_of` is the rule's ARN. */
enum err record_target(struct str json, struct str rule_arn, struct target_view **target, struct fault *fault) MUST_USE;

/* Fill a draft from a view, to change a part of it. Arrays come from a. False without memory. */
void record_bus_draft(const struct bus_head *head, struct bus_draft *draft);
bool record_rule_draft(const struct rule_view *rule, struct arena *a, struct rule_draft *draft) __attribute__((warn_unused_result));

#endif
