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

/* An output of a template: shown by `busctl validate`. */
struct rulefile_output {
    struct str name, value, description; /* description: absent when there is none */
};

struct rulefile {
    struct declared *items;
    size_t count;
    struct problems problems; /* none: the file is right */
    struct problems warnings; /* of templates; they stop nothing */
    struct rulefile_output *outputs;
    size_t output_count;
    bool is_template;
};

/* A value for a template's parameter. The key is the parameter's name, or STACK.NAME for one template alone. */
struct rulefile_parameter {
    struct str key, value;
    bool used; /* set by rulefile_read_as: a template has this parameter */
};

/* What a file does not say itself. */
struct rulefile_options {
    struct str dir;     /* the file's directory: programs and code of functions are relative to it */
    struct str region;
    struct str account; /* templates: whose the resources are. A rule file names its accounts */
    struct str stack;   /* templates: AWS::StackName, and the begin of names that are not given */
    struct rulefile_parameter *parameters;
    size_t parameter_count;
};

/* Reads a rule file or, when the text is one, a CloudFormation or SAM template (template.h); YAML, or JSON. A UTF-8 byte order mark is
 * skipped. Everything lives in `a`, and the text must live as long. ERR_NOMEM only, with line and column of how far the memory went; *out has
 * the problems that were found until then. */
enum err rulefile_read_as(struct str text, const struct rulefile_options *options, struct arena *a, struct rulefile *out,
                          struct fault *fault) MUST_USE;
/* Would rulefile_read_as take the text for a template? */
bool rulefile_is_template(struct str text);
/* How many bytes reading a file of that size may take: the cap for the arena. Rule files of the usual density take half of it. */
size_t rulefile_memory_max(size_t text_bytes);
/* "orders" of "/etc/bus/orders.yaml", as AWS takes the names of stacks: letters, digits and hyphens, the first a letter. */
struct str rulefile_stack_name(struct str path, struct arena *a);
/* What `busd --rules` and `busctl validate` take: [ACCOUNT=]PATH. Absent account: STR_NULL. */
struct str rulefile_split_path(const char *argument, const char **path);
/* The parameter "K=V" of the command line; ERR_USAGE says what is wrong with it. The strings point into the argument. */
enum err rulefile_parameter_parse(const char *argument, struct rulefile_parameter *parameter, struct fault *fault) MUST_USE;
/* The program and the directory that a declared function needs on this machine, absent when it needs none by its path: the caller, who may
 * look at files, looks. */
void declared_needs(const struct declared *d, struct arena *a, struct str *program, struct str *directory);

/* rulefile_read_as for the default account (000000000000) and a stack called "stack". ERR_NOMEM only. */
enum err rulefile_read(struct str text, struct str dir, struct str region, struct arena *a, struct rulefile *out, struct fault *fault) MUST_USE;

/* One key of the format: what --help, the reference and the checks know of it. */
struct rulefile_key {
    const char *section, *key, *help;
};
extern const struct rulefile_key rulefile_keys[]; /* ended by section == NULL */

#endif
