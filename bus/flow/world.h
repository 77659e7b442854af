/* The world: accounts, access keys, buses, policies, rules and their targets. What the control plane changes and the data plane reads.
 *
 * Changes are made one at a time (a mutex), are durable before they are visible (a transaction through the committer), and end with a
 * new snapshot: an immutable view of all buses that matching threads read without a lock (snapshot.h). Errors are AWS's sentences. All functions
 * may be called from any thread but the committer's; those that change something block for a commit.
 *
 * A bus is named by account and name; `bus_ref` comes from a name or an ARN. Answers are copied into the caller's arena. */
#ifndef FLOW_WORLD_H
#define FLOW_WORLD_H

#include "committer.h"
#include "settings.h"
#include "snapshot.h"

struct world;
struct policy;

struct world_options {
    struct committer *committer;
    const struct settings *settings; /* read only, outlives the world */
    struct str region;
    /* Kinds of targets there are: an ARN that none takes is refused at PutTargets. */
    bool (*target_known)(void *ctx, struct str arn);
    void *ctx;
};
/* Loads everything from the store's catalog. ERR_CORRUPT names the record that does not load. */
enum err world_open(const struct world_options *options, struct world **w, struct fault *fault) MUST_USE;
void world_close(struct world *w);
/* Takes a counted reference on the newest snapshot: never blocks, never NULL. Any thread. */
struct snapshot *world_snapshot(struct world *w);
/* Between begin and end changes are made without a new snapshot each; end publishes one. For loading many resources. */
void world_bulk_begin(struct world *w);
void world_bulk_end(struct world *w);
/* A number that was never given out before; persistent. */
enum err world_next_number(struct world *w, int64_t *number, struct fault *fault) MUST_USE;

/* ---- accounts and keys ------------------------------------------------------------------------------------------------------- */
struct account_info { struct str id, name; int64_t created_ms; };
struct key_info { struct str id, account, description, policy; int64_t created_ms; bool is_operator; };

/* Makes the account and its default bus. ERR_EXISTS; ERR_VALIDATION when the id is not 12 digits. */
enum err world_create_account(struct world *w, struct str id, struct str name, struct fault *fault) MUST_USE;
/* With everything it has on buses (rules, targets, keys). ERR_NOT_FOUND. */
enum err world_delete_account(struct world *w, struct str id, struct fault *fault) MUST_USE;
enum err world_list_accounts(struct world *w, struct arena *a, struct account_info **accounts, size_t *count, struct fault *fault) MUST_USE;
/* Absent id or secret: made here. *out_id and *out_secret are copied into a. ERR_NOT_FOUND without the account, ERR_EXISTS. */
struct key_spec { struct str id, secret, account, description, policy; bool is_operator; };
enum err world_create_key(struct world *w, const struct key_spec *spec, struct arena *a, struct str *out_id, struct str *out_secret,
                          struct fault *fault) MUST_USE;
enum err world_delete_key(struct world *w, struct str id, struct fault *fault) MUST_USE;
/* Absent account: all. */
enum err world_list_keys(struct world *w, struct str account, struct arena *a, struct key_info **keys, size_t *count, struct fault *fault) MUST_USE;
/* Absent policy: the key may do whatever its account may. */
enum err world_set_key_policy(struct world *w, struct str id, struct str policy, struct fault *fault) MUST_USE;

/* An access key in use: immutable and counted, so that a request goes on while the key is deleted. */
struct caller {
    _Atomic int refs;
    struct str account, key_id, secret, principal_arn;
    struct policy *identity; /* NULL: none */
    bool is_operator;
};
/* NULL when there is no such key. Takes a reference. */
struct caller *world_caller(struct world *w, struct str key_id);
/* Somebody who may do all that the account may, without a key (`--auth open`); of account 000000000000 an operator. `name` stands where a key's id would.
 * The caller's reference. ERR_NOT_FOUND without the account. */
enum err world_account_caller(struct world *w, struct str account, struct str name, struct caller **caller, struct fault *fault) MUST_USE;
void caller_release(struct caller *caller);

/* ---- buses and policies ------------------------------------------------------------------------------------------------------- */
struct bus_ref { struct str account, name; };
/* From a name ("default", or absent for it) of `account`, or from any bus's ARN, of this region. ERR_VALIDATION for what is neither. Views. */
enum err bus_ref_parse(const struct world *w, struct str account, struct str name_or_arn, struct bus_ref *ref, struct fault *fault) MUST_USE;
/* arn:aws:events:REGION:ACCOUNT:event-bus/NAME and rule/..., into a. */
struct str world_bus_arn(const struct world *w, struct arena *a, struct bus_ref bus);
struct str world_rule_arn(const struct world *w, struct arena *a, struct bus_ref bus, struct str rule);

struct bus_info {
    struct str name, arn, description, policy /* absent: none */, dead_letter_arn, kms_key;
    int64_t created_ms, modified_ms;
};
enum err world_create_bus(struct world *w, struct bus_ref bus, struct str description, struct str dead_letter_arn, struct str kms_key,
                          struct fault *fault) MUST_USE;
/* Absent strings leave what is there. */
enum err world_update_bus(struct world *w, struct bus_ref bus, struct str description, struct str dead_letter_arn, struct str kms_key,
                          struct fault *fault) MUST_USE;
/* A bus that is not there is fine. "Cannot delete event bus default." "EventBus can't be deleted since it has rules." */
enum err world_delete_bus(struct world *w, struct bus_ref bus, struct fault *fault) MUST_USE;
enum err world_describe_bus(struct world *w, struct bus_ref bus, struct arena *a, struct bus_info *info, struct fault *fault) MUST_USE;
/* Buses of an account in order of name, those whose names begin with prefix and come after `after` (absent: from the start). */
enum err world_list_buses(struct world *w, struct str account, struct str prefix, struct str after, size_t limit, struct arena *a,
                          struct bus_info **buses, size_t *count, bool *more, struct fault *fault) MUST_USE;
/* Replaces the whole document; absent: none. Checks syntax, length and that its resources name this bus. */
enum err world_set_policy(struct world *w, struct bus_ref bus, struct str policy, struct fault *fault) MUST_USE;
/* PutPermission's other form. condition parts absent: none. */
enum err world_add_permission(struct world *w, struct bus_ref bus, struct str sid, struct str principal, struct str action, struct str condition_type,
                              struct str condition_key, struct str condition_value, struct fault *fault) MUST_USE;
enum err world_remove_permission(struct world *w, struct bus_ref bus, struct str sid, struct fault *fault) MUST_USE;

/* ---- rules and targets ---------------------------------------------------------------------------------------------------------- */
struct rule_spec {
    struct bus_ref bus;
    struct str name, pattern, schedule, description, role_arn; /* absent: none */
    bool disabled;
    struct str state;      /* as given: ENABLED, DISABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS */
    struct str created_by; /* the calling account */
};
struct rule_info {
    struct str name, arn, bus, pattern, schedule, description, role_arn, state, managed_by, created_by;
};
/* Makes or replaces (targets and tags stay). */
enum err world_put_rule(struct world *w, const struct rule_spec *spec, struct arena *a, struct str *arn, struct fault *fault) MUST_USE;
/* A rule that is not there is fine; one with targets is refused. */
enum err world_delete_rule(struct world *w, struct bus_ref bus, struct str name, struct fault *fault) MUST_USE;
enum err world_describe_rule(struct world *w, struct bus_ref bus, struct str name, struct arena *a, struct rule_info *info, struct fault *fault) MUST_USE;
enum err world_list_rules(struct world *w, struct bus_ref bus, struct str prefix, struct str after, size_t limit, struct arena *a,
                          struct rule_info **rules, size_t *count, bool *more, struct fault *fault) MUST_USE;
enum err world_set_rule_state(struct world *w, struct bus_ref bus, struct str name, bool enabled, struct fault *fault) MUST_USE;
enum err world_rules_of_target(struct world *w, struct bus_ref bus, struct str target_arn, struct str after, size_t limit, struct arena *a,
                               struct str **names, size_t *count, bool *more, struct fault *fault) MUST_USE;

/* targets[i] is the JSON text of one Target in the API's form, already checked against its shape. Adds or replaces by Id. Refused ones are in
 * failures (id, err, message; in a), the others are put. */
struct target_failure { struct str id, message; enum err err; };
enum err world_put_targets(struct world *w, struct bus_ref bus, struct str rule, const struct str *targets, size_t count, struct arena *a,
                           struct target_failure **failures, size_t *failure_count, struct fault *fault) MUST_USE;
/* Ids that are not there are failures (ResourceNotFoundException). */
enum err world_remove_targets(struct world *w, struct bus_ref bus, struct str rule, const struct str *ids, size_t count, struct arena *a,
                              struct target_failure **failures, size_t *failure_count, struct fault *fault) MUST_USE;
/* JSON texts, in order of Id. */
enum err world_list_targets(struct world *w, struct bus_ref bus, struct str rule, struct str after, size_t limit, struct arena *a, struct str **targets,
                            size_t *count, bool *more, struct fault *fault) MUST_USE;

/* ---- tags of buses and rules, by ARN -------------------------------------------------------------------------------------------- */
enum err world_tag(struct world *w, struct str arn, const struct tag *tags, size_t count, struct fault *fault) MUST_USE;
enum err world_untag(struct world *w, struct str arn, const struct str *keys, size_t count, struct fault *fault) MUST_USE;
enum err world_list_tags(struct world *w, struct str arn, struct arena *a, struct tag **tags, size_t *count, struct fault *fault) MUST_USE;

#endif
