/* A template being read: what the template_*.c files share. One thread.
 *
 *   tree -> parameters -> conditions -> resources: names, values (template_value.c) -> order -> operations (template_events.c ...) ->
 * outputs */
#ifndef RULES_TEMPLATE_STATE_H
#define RULES_TEMPLATE_STATE_H

#include "json.h"
#include "map.h"
#include "template.h"

enum { TEMPLATE_TEXT_MAX = 1 << 20, TEMPLATE_NAME_MAX = 255 };

struct template;
struct template_resource;

/* A type of resource. Without `load` it is known and means nothing here. */
struct template_type {
    const char *name;          /* "AWS::SQS::Queue" */
    const char *section;       /* of its properties (template_properties.c); NULL: they are not looked at */
    const char *name_property; /* "QueueName"; NULL: it has none */
    size_t name_max;           /* bytes of a physical name */
    bool quiet;                /* left out without a warning */
    void (*load)(struct template *t, struct template_resource *r);
};

struct template_edge {
    struct template_resource *to;
    struct template_edge *next;
};

struct template_resource {
    struct str id;                    /* logical id */
    const struct ynode *node;         /* as written; of what SAM makes from an event: the event */
    const struct ynode *written;      /* its properties as written, Globals merged in; NULL: none */
    const struct template_type *type; /* NULL: unknown here */
    struct template_resource *owner;  /* the function whose event it is, or NULL */
    struct ynode *properties;         /* worked out; a map */
    struct str name;                  /* physical name, once it was asked for */
    struct template_edge *needs;
    bool absent; /* its condition is false */
    bool broken; /* its properties are none (told) */
    bool naming; /* its name is being worked out */
    enum { ORDER_NEW, ORDER_OPEN, ORDER_DONE } order;
};

struct template {
    struct arena *arena;
    struct problems *problems, *warnings;
    const struct rulefile_options *options;
    const struct ynode *root, *globals;
    struct template_resource *resources;
    size_t resource_count;
    struct map by_id;                  /* struct template_resource */
    struct map parameters;             /* struct ynode: the value */
    struct map conditions;             /* struct template_condition */
    struct map policies;               /* struct template_policy: statements of a bus, by its name */
    struct map left_out;               /* ARN or name of what means nothing here -> struct template_resource */
    struct template_resource *current; /* whose values are being worked out; NULL: nobody's */
    bool in_conditions;                /* resources have no values there */
    struct declared *items;
    size_t count, cap;
    struct rulefile_output *outputs;
    size_t output_count;
    bool no_memory;
};

static inline const struct ynode *template_get(const struct ynode *map, const char *key) { return ynode_get(map, str_from(key)); }
/* The node, standing where its key does: for what is wrong with the key. */
struct ynode template_key_place(const struct ynode *n);
/* Memory for `size` bytes, or NULL with t->no_memory set. */
void *template_alloc(struct template *t, size_t size);
struct str template_keep(struct template *t, struct buf *text); /* copies and frees */

/* ---- template_inputs.c: parameters, pseudo parameters, mappings, conditions ---- */
void template_parameters(struct template *t);
void template_conditions(struct template *t);
/* The value of a parameter or pseudo parameter; NULL: there is none of that name. *no_value: it is AWS::NoValue. */
const struct ynode *template_parameter(struct template *t, struct str name, bool *no_value);
/* Of the mapping, or NULL (told at `at`, unless quiet). */
const struct ynode *template_mapping(struct template *t, const struct ynode *at, struct str map, struct str first, struct str second,
                                     bool quiet);
/* Is the named condition true? *known is false when that could not be worked out (which was told). `at` names it. */
bool template_condition(struct template *t, const struct ynode *at, struct str name, bool *known);

/* ---- template_value.c ---- */
/* A copy of n with every function worked out, hanging below `parent`. NULL: no value (AWS::NoValue). What fails is told, and `unknown`. */
struct ynode *template_value(struct template *t, const struct ynode *n, const struct ynode *parent);
/* A condition's definition: Fn::Equals, And, Or, Not, Condition. */
bool template_truth(struct template *t, const struct ynode *n, bool *known);
/* A new node in the place of `at`. */
struct ynode *template_node(struct template *t, const struct ynode *at, const struct ynode *parent, enum ynode_kind kind, struct str text);
/* Is there a "{{resolve:ssm:...}}" in it, which AWS looks up? Then that is told at `at`. Takes time that grows with the text. */
bool template_is_dynamic(struct template *t, const struct ynode *at, struct str text);
bool template_has_unknown(const struct ynode *n);
/* What Fn::If chooses, as it is written; n itself when that is no Fn::If. NULL: could not be worked out (told). After the conditions. */
const struct ynode *template_branch(struct template *t, const struct ynode *n);
/* Is it a function: {Ref: x}, {Fn::Name: x} or a tag? */
bool template_is_call(const struct ynode *n);

/* ---- template_types.c ---- */
const struct template_type *template_type_of(struct str name);
const char *template_nearest_type(struct str name);
/* The physical name: as given, or STACK-ID. The absent string while it could not be worked out (which was told). */
struct str template_name_of(struct template *t, struct template_resource *r);
/* The value of Ref (attribute absent) or Fn::GetAtt. The absent string: there is no such attribute, told at `at`. */
struct str template_attribute(struct template *t, const struct ynode *at, struct template_resource *r, struct str attribute);
/* STACK-ID, cut to `max` bytes with a digest at its end when it is longer. */
struct str template_generated_name(struct template *t, struct str id, size_t max);
/* A UUID that is the same each time for the same words. */
struct str template_uuid(struct template *t, struct str kind, struct str name);

/* ---- template_properties.c: the table of properties, and what is written with it ---- */
/* Tells unknown properties (warnings), missing ones and wrong types (problems) of a map, and writes the members that the request takes as
 * they are. `j` is within an object. */
void template_write(struct template *t, struct json *j, const struct ynode *map, const char *section);
/* Scalars; absent when n is NULL, unknown, or of another type (told). */
struct str template_text(struct template *t, const struct ynode *n);
bool template_flag(struct template *t, const struct ynode *n, bool *value);
bool template_number(struct template *t, const struct ynode *n, int64_t least, int64_t most, int64_t *value);
/* A document's JSON text: of a map, or of a string that is JSON already. */
struct str template_document(struct template *t, const struct ynode *n);

/* ---- requests ---- */
struct template_request {
    struct buf out;
    struct json j;
};
void template_begin(struct template_request *q);
void template_member(struct template_request *q, const char *key, struct str value);
void template_declare(struct template *t, struct template_request *q, const char *operation, const char *update, const struct ynode *node,
                      struct str what);

/* ---- what the types become ---- */
void template_load_bus(struct template *t, struct template_resource *r);
void template_load_bus_policy(struct template *t, struct template_resource *r);
void template_load_rule(struct template *t, struct template_resource *r);
void template_load_archive(struct template *t, struct template_resource *r);
void template_load_connection(struct template *t, struct template_resource *r);
void template_load_destination(struct template *t, struct template_resource *r);
/* After all resources: the policies of buses, whole. */
void template_end_policies(struct template *t);
void template_load_queue(struct template *t, struct template_resource *r);
void template_load_queue_policy(struct template *t, struct template_resource *r);
void template_load_topic(struct template *t, struct template_resource *r);
void template_load_subscription(struct template *t, struct template_resource *r);
void template_load_topic_policy(struct template *t, struct template_resource *r);
void template_load_stream(struct template *t, struct template_resource *r);
void template_load_log_group(struct template *t, struct template_resource *r);
void template_load_function(struct template *t, struct template_resource *r);
/* An event of a SAM function. */
void template_load_event(struct template *t, struct template_resource *r);
/* A rule with one target, or many: what AWS::Events::Rule and SAM's events share. */
struct template_rule {
    struct str name, bus;
    const struct ynode *pattern, *node;
    struct str schedule, state, description;
};
void template_check_rule(struct template *t, const struct template_rule *rule);
void template_write_target(struct template *t, struct json *j, const struct ynode *target);

/* ---- template_serverless.c ---- */
/* Adds what SAM makes from the events of functions, and merges Globals into functions. */
const struct template_type *template_event_type(struct str type);
const struct ynode *template_merge(struct template *t, const struct ynode *globals, const struct ynode *own, const struct ynode *parent);

#endif
