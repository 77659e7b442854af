/* Queues: what the service, the adapter and the poller share.
 *
 * A queue's messages are the store's; here are its settings, an immutable entry that SetQueueAttributes replaces. Long polls wait in the poller. */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include <jansson.h>

#include "model.h"
#include "resources.h"
#include "target.h"

#define QUEUE_URL_BASE "http://127.0.0.1:4566/" /* + ACCOUNT/NAME; any host is taken on the way in */
enum { QUEUE_DEDUP_MS = 300000 };

struct queue {
    struct resource r;
    int64_t number;
    int64_t visibility_s, retention_s, delay_s, wait_s, max_bytes;
    bool fifo, content_dedup;
    struct str policy, redrive; /* as given; absent: none */
    const struct target_host *host;
    void *compiled_policy;      /* NULL: none */
    struct str dead_letter_arn;
    int32_t max_receives;       /* 0: no redrive */
    int64_t created_ms, modified_ms;
};

struct poller;
struct queue_service {
    const struct target_host *host;
    struct resources queues;
    struct service service;
    struct poller *poller;
};

extern const struct handler_row queue_handlers[];

/* ---- queue.c: entries, their records and attributes ---- */
struct str queue_arn(const struct target_host *host, struct arena *a, struct str account, struct str name);
/* From an ARN, of any region; absent parts when it is none. */
bool queue_arn_parse(struct str text, struct str *account, struct str *name);
struct queue *queue_new(const struct target_host *host, struct str account, struct str name); /* with the defaults; NULL without memory */
struct queue *queue_copy(const struct queue *q);                    /* a new entry to be changed */
/* Sets one attribute by its SQS name, with SQS's bounds and sentences. Strings are copied into the queue's arena. */
enum err queue_set(struct queue *q, struct str name, struct str value, struct fault *fault) MUST_USE;
/* Writes the record and shows the entry; the caller holds the change lock. Takes over the reference. */
enum err queue_store(struct queue_service *s, struct queue *q, struct fault *fault) MUST_USE;
enum err queue_load_all(struct queue_service *s, struct fault *fault) MUST_USE;
/* The attributes that can be set, ended by NULL. */
extern const char *const queue_settable[];
/* Text of a settable attribute into a; absent when it is not set. */
struct str queue_get(const struct queue *q, struct str name, struct arena *a);

/* ---- message.c: sending, and what travels with a message ---- */
struct queue_outgoing {
    struct str body, group, dedup, attributes /* JSON object, or absent */;
    struct id id;
    int64_t now_ms, delay_s; /* delay_s < 0: the queue's */
};
/* Adds the send to txn. ERR_INVALID_PARAMETER with SQS's sentence, ERR_NOMEM. The op wakes long polls when it is durable. */
enum err queue_add_send(struct queue_service *s, const struct queue *q, const struct queue_outgoing *m, struct txn *txn, struct store_op **op,
                        struct fault *fault) MUST_USE;
/* SQS's rules for message attributes: a type it knows, and the value that goes with it. ERR_INVALID_PARAMETER. */
enum err queue_attributes_check(const struct list *attributes, struct fault *fault) MUST_USE;
/* MD5 of message attributes by SQS's rule, in hex into a; absent when there are none. */
struct str queue_attributes_md5(const struct list *attributes, struct arena *a);
struct str queue_attributes_json(const struct list *attributes, struct arena *a, struct fault *fault); /* absent when there are none, or (fault) no memory */
/* Those of the stored JSON that the names ask for ("All", "*", "prefix.*"). */
enum err queue_attributes_read(struct str json, const struct list *names, struct arena *a, struct list *out, struct fault *fault) MUST_USE;
struct str queue_md5(struct str body, struct arena *a);
/* Receipt handles: opaque, checked for damage, bound to the queue. */
struct str queue_handle_write(const struct queue *q, int64_t sequence, int64_t receipt, struct arena *a);
bool queue_handle_read(const struct queue *q, struct str handle, int64_t *sequence, int64_t *receipt);

/* ---- poller.c: long polls and retention ---- */
enum err poller_start(struct queue_service *s, struct poller **p, struct fault *fault) MUST_USE;
/* Answers what waits with no messages; ends the thread. NULL is fine. */
void poller_stop(struct poller *p);
void poller_free(struct poller *p);
/* Grows with every send to the queue. To be asked before looking for messages, and given to poller_wait: a send in between is not
 * missed. */
uint64_t poller_generation(struct poller *p, int64_t queue);
/* Takes over the call (ERR_PENDING: its handler returns that) until there are messages or until_ms (monotonic). q is referenced.
 * ERR_OK once poller_stop began: the call is answered as it is, with no messages. ERR_THROTTLING when too many wait. */
enum err poller_wait(struct poller *p, struct call *call, struct queue *q, uint64_t generation, int64_t until_ms) MUST_USE;
/* The `committed` hook of sends; ctx is the poller. Wakes one of those that wait for the queue: more messages wake more of them. */
void poller_sent(void *poller, struct store_op *op);

/* ---- service.c ---- */
/* One receive for a ReceiveMessage call: fills call->out. *found: there were messages. Looking in vain takes no memory of the call. Blocks
 * for a commit. */
enum err queue_receive_once(struct queue_service *s, struct call *call, struct queue *q, bool *found) MUST_USE;

#endif
