/* Rule files: YAML that declares accounts, buses, policies, rules, targets, functions, streams, queues, topics and logs (rules/RULEFILES.md).
 *
 * A file is turned into a list of operations, in an order in which their references hold: what the daemon runs at start-up, and what a check without
 * a daemon looks at. All mistakes are reported, each with its line, column and path. Pure: bytes in, declared resources out. */
#ifndef RULES_RULEFILE_H
#define RULES_RULEFILE_H

#include "yamltree.h"

/* One operation that a file asks for. Strings live in the arena. */
struct declared {
    struct str account;       /* runs as this account */
    struct str operation;     /* "events.PutRule" */
    struct str request;       /* JSON text */
    struct str update;        /* operation with the same request when the resource is there already; absent: being there is fine */
    struct str what;          /* "rule ec2-state on bus default of account 111122223333" */
    const struct ynode *node; /* where it stands */
};

struct rulefile {
    struct declared *items;
    size_t count;
    struct problems problems; /* none: the file is right */
};

/* `dir` is the directory of the file: relative programs and directories of functions are relative to it. Everything lives in `a`. ERR_NOMEM only. */
enum err rulefile_read(struct str text, struct str dir, struct str region, struct arena *a, struct rulefile *out, struct fault *fault) MUST_USE;

/* One key of the format: what --help, the reference and the checks know of it. */
struct rulefile_key {
    const char *section, *key, *help;
};
extern const struct rulefile_key rulefile_keys[]; /* ended by section == NULL */

#endif
