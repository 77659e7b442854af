/* The HTTP gateway's inside, shared by http.c (life, loop, connections) and http_request.c (one request). */
#ifndef GATE_HTTP_STATE_H
#define GATE_HTTP_STATE_H

#include <microhttpd.h>
#include <pthread.h>

#include "http.h"

struct connection {
    struct connection *previous, *next;
    int fd;
    int64_t deadline_ms; /* monotonic; INT64_MAX: the api has its request */
};

enum request_state {
    REQUEST_BEGUN,   /* first line read */
    REQUEST_BODY,    /* header read */
    REQUEST_ASKED,   /* the api has it; the connection is suspended */
    REQUEST_ANSWERED /* the answer is there to be queued */
};

/* HTTP request -> api_put or api_call -> answer. Owner: the gate's thread, but for the time the api has it. */
struct request {
    struct gate_http *gate;
    struct MHD_Connection *mhd;
    struct connection *connection; /* NULL: not known */
    struct request *next;          /* in gate->answered, or in gate->idle */
    enum request_state state;
    struct arena arena;
    char *target;                  /* path and query as received; owned */
    const char *method;            /* libmicrohttpd's */
    struct buf body, inflated, answer;
    const struct route *route;
    struct caller *caller;
    bool one_event;                /* a refused event is a refused request */
    union {
        struct api_put put;
        struct api_call call;
    };
    int status;
    const char *content_type;      /* of the answer; static */
    const char *allow;             /* with 405; in the arena */
    char id[37];
};

enum { DAEMONS_MAX = 8 };
struct gate_http {
    struct api *api;
    struct gate_http_options options;
    char *cert_file, *key_file, *cors_origin;
    char address[128];
    struct MHD_Daemon *daemons[DAEMONS_MAX]; /* the last one listens; those before it end with their connections. The gate's thread */
    size_t daemon_count;
    int listen_fd, wake_fd;
    pthread_t thread;
    bool has_thread;
    struct connection *connections; /* the gate's thread */
    struct request *idle;           /* memory kept for the next requests; the gate's thread */
    size_t idle_count;

    pthread_mutex_t lock;           /* guards what follows */
    pthread_cond_t changed;         /* under_way fell to 0, or a reload is done */
    struct request *answered, **answered_last;
    size_t under_way;               /* with the api */
    bool draining, stopping;
    bool reload;
    enum err reload_err;
    struct fault reload_fault;
};

/* libmicrohttpd's callbacks. */
void *request_begin(void *gate, const char *target, struct MHD_Connection *mhd);
enum MHD_Result request_go_on(void *gate, struct MHD_Connection *mhd, const char *url, const char *method, const char *version, const char *data, size_t *size,
                              void **request);
void request_end(void *gate, struct MHD_Connection *mhd, void **request, enum MHD_RequestTerminationCode code);
/* Any thread: the answer is there. */
void request_answered(struct request *r);
void request_free(struct request *r);

#endif
