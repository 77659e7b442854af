/* What matching reads: an immutable picture of all buses, their policies, enabled rules and targets.
 *
 * Built by the world after each change, shared by reference count, freed when the last batch that uses it ends. Every struct below is
 * immutable once published and counted by its owner struct: a snapshot holds buses, a bus holds rules, a rule holds targets. */
#ifndef FLOW_SNAPSHOT_H
#define FLOW_SNAPSHOT_H

#include <stdatomic.h>

#include "arena.h"
#include "map.h"

struct pattern;
struct policy;
struct schedule;
struct transform;
struct path;
struct matcher;
struct parameters;

struct tag {
    struct str key, value;
};

struct target_view {
    _Atomic int refs;
    struct arena arena;              /* holds the strings */
    struct str json;                 /* the Target as it was put */
    struct str id, arn;
    struct transform *transform;     /* NULL: the event as it is */
    struct path *partition_key_path; /* NULL: none */
    struct path *group_path;         /* MessageGroupId that is a path; NULL: none, or constant */
    struct str group;
    struct parameters *parameters;   /* HttpParameters, for an API destination; NULL: none */
    struct str dead_letter_arn;      /* absent: none */
    int32_t max_attempts;            /* retries after the first attempt: 0-185 */
    int64_t max_age_ms;
    struct str lane;                 /* "RULE-ARN TARGET-ID" */
};

struct rule_view {
    _Atomic int refs;
    struct arena arena;
    struct str account, bus, name, arn, pattern_text, schedule_text, description, role_arn, state, created_by;
    struct str managed_by;           /* absent: its owner may change it */
    int64_t archive;                 /* number of the archive that it feeds; 0: none, its targets count */
    bool enabled;
    bool in_matcher;                 /* under the world's lock only, as the next one */
    uint32_t matcher_id;             /* in the bus's matcher_set */
    struct pattern *pattern;         /* NULL: a schedule only */
    uint64_t signature;              /* of the pattern (lint.h); rules with the same pattern have the same */
    struct schedule *schedule;       /* NULL: a pattern only */
    struct target_view **targets;    /* in order of id */
    size_t target_count;
    struct tag *tags;
    size_t tag_count;
};

struct bus_head {
    _Atomic int refs;
    struct arena arena;
    struct str account, name, arn, description, policy_text, dead_letter_arn, kms_key;
    int64_t created_ms, modified_ms;
    struct policy *policy;           /* NULL: none */
    struct tag *tags;
    size_t tag_count;
};

struct bus_view {
    _Atomic int refs;
    struct bus_head *head;
    struct rule_view **rules;        /* in order of name; in the block of this struct */
    size_t rule_count;
    struct matcher *matcher;         /* of the enabled rules with a pattern; owners are their views */
};

struct snapshot {
    _Atomic int refs;
    uint64_t generation;
    struct map buses;                /* "ACCOUNT/NAME" -> struct bus_view * */
};

/* NULL when there is no such bus. */
const struct bus_view *snapshot_bus(const struct snapshot *s, struct str account, struct str name);
void snapshot_release(struct snapshot *s);

void target_view_release(struct target_view *t);
void rule_view_release(struct rule_view *r);
void bus_head_release(struct bus_head *b);
void bus_view_release(struct bus_view *b);

/* Where the newest snapshot stands. acquire is lock-free (hazard slots), publish takes over the caller's reference and waits only for
 * readers that are between reading the pointer and counting it: a few instructions. */
struct snapshot_cell;
struct snapshot_cell *snapshot_cell_new(struct snapshot *first);
void snapshot_cell_free(struct snapshot_cell *cell);
struct snapshot *snapshot_acquire(struct snapshot_cell *cell);
void snapshot_publish(struct snapshot_cell *cell, struct snapshot *next);

#endif
