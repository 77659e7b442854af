/* Operations: what a service can be asked, as rows of a table.
 *
 * A row has two halves. The description (name, shapes, action, help) is data that the CLI and the reference read as well; the
 * handler is code of the daemon. A service gives an array of descriptions (in its model.c) and, beside it, an array of handlers (in its
 * service) that the engine joins by name. A handler gets a checked struct and never sees JSON. */
#ifndef BASE_OPERATION_H
#define BASE_OPERATION_H

#include "shape.h"

enum operation_access {
    ACCESS_READ,     /* changes nothing */
    ACCESS_WRITE,    /* changes state */
    ACCESS_DATA,     /* puts or takes data (events, messages, records) */
    ACCESS_OPERATOR, /* for operator keys only */
};

struct operation {
    const char *service;       /* "events", "sqs", "kinesis", "sns", "lambda", "logs", "bus" */
    const char *name;          /* "PutRule"; its verb on the command line is put-rule */
    const struct shape *in;    /* SHAPE_STRUCT */
    const struct shape *out;   /* SHAPE_STRUCT, or NULL: the answer is {} */
    const char *action;        /* policy action: "events:PutRule"; NULL for operator operations */
    enum operation_access access;
    const char *help;          /* one sentence */
    const char *example;       /* of the busctl command line, or NULL */
};

/* One request under way. Owned by the engine; lives until the answer was encoded. */
struct call {
    const struct operation *operation;
    struct str account;        /* the caller's */
    struct str principal_arn;  /* arn:aws:iam::ACCOUNT:user/KEYNAME or ...:root */
    struct str region;         /* this installation's */
    bool is_operator;
    struct arena *arena;
    int64_t now_ms;
    struct fault fault;        /* a handler that returns an error fills this */
    void *in, *out;            /* the decoded request; zeroed room for the answer */
    void *engine;              /* the engine's own */
    /* Ends a call whose handler returned ERR_PENDING; once, from any thread. */
    void (*finish)(struct call *call, enum err err);
    /* Says whether the caller may do `action` on `resource` (identity policy of the key, and the resource's policy when its account is
     * another one): fills fault and returns ERR_ACCESS_DENIED if not. The engine has asked already for the row's action on what
     * handler_row.resource gave; handlers ask for what a request touches beside that. */
    enum err (*authorize)(struct call *call, const char *action, struct str resource);
};

/* Returns ERR_OK with the answer in call->out, an error with call->fault set, or ERR_PENDING (call->finish comes later). May block shortly
 * (a commit); runs on a worker thread. */
typedef enum err (*operation_handler)(void *service, struct call *call);

struct handler_row {
    const char *name;          /* joins the description of the same service and name */
    operation_handler handler;
    /* The ARN the action is checked against; NULL or absent: "*" . */
    struct str (*resource)(void *service, struct call *call);
    bool authorizes;           /* the handler asks by itself, since it has condition keys to add: the engine does not */
};

/* A service as the engine takes it. */
struct service {
    const char *name;                    /* "sqs" */
    const struct operation *operations;  /* ended by name == NULL */
    const struct handler_row *handlers;  /* ended by name == NULL; every operation has one (checked at start) */
    void *self;                          /* first argument of the handlers */
    const struct service *also;          /* another one of the same kind (an operator's, say), or NULL */
};

#endif
