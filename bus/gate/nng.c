#include "nng.h"

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/supplemental/tls/tls.h>
#include <nng/supplemental/util/platform.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "api.h"
#include "clock.h"
#include "log.h"
#include "os.h"
#include "wire.h"

enum {
    REQUESTS_MAX_DEFAULT = 256,
    URLS_MAX = 32,
    JOBS_KEPT = 8,              /* idle jobs whose memory is kept for the next request */
    JOB_BYTES_KEPT = 1 << 20,   /* an idle job with more gives it back */
    JOB_BYTES_MAX = 64 << 20,   /* what one request may take beside its frame */
    TLS_FILE_BYTES_MAX = 1 << 20,
    QUIET_MS = 20,              /* as in libbus' link.c: NNG before 1.8 may hang when a socket is closed amid traffic (nanomsg/nng 1813) */
};

/* Memory of one request under way. Taken when a request came, given back when its answer is on its way. */
struct job {
    struct job *next; /* in gate->idle */
    struct slot *slot;
    struct arena arena;
    struct buf answer;
    struct caller *caller;
    enum wire_kind kind;
    union {
        struct api_put put;
        struct api_call call;
    };
};

/*        recv done                 api called back              encoded                  sent
 * RECEIVING -------> (with the api) ---------------> ANSWERING ---------> SENDING ----------------> RECEIVING
 *      |                                                         ^
 *      '------------ refused: malformed, unsigned, full ---------'
 * Owner: whoever holds the request: NNG's callback thread, or the api between api_* and done. */
enum slot_state { RECEIVING, ANSWERING, SENDING };
struct slot {
    struct gate_nng *gate;
    nng_ctx ctx;
    nng_aio *aio;
    nng_msg *request;
    struct job *job; /* NULL: none, or refused */
    enum slot_state state;
};

struct gate_nng {
    struct api *api;
    nng_socket socket;
    bool socket_open;
    char *urls[URLS_MAX];
    size_t url_count;
    struct slot *slots;
    size_t slot_count, calls_max;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t settled; /* under_way fell to 0 */
    bool draining, stopping; /* stopping: contexts receive no more */
    size_t under_way;  /* requests received and not yet sent an answer */
    size_t calls;      /* of them operations with the api */
    struct job *idle;
    size_t idle_count;
};

/* ---- jobs ---- */

static void job_free(struct job *job) {
    arena_fini(&job->arena);
    buf_fini(&job->answer);
    free(job);
}

static struct job *job_take(struct slot *slot) {
    struct gate_nng *g = slot->gate;
    pthread_mutex_lock(&g->lock);
    struct job *job = g->idle;
    if (job) {
        g->idle = job->next;
        g->idle_count--;
    }
    pthread_mutex_unlock(&g->lock);
    if (!job) {
        job = calloc(1, sizeof *job);
        if (!job) return NULL;
        arena_init(&job->arena, JOB_BYTES_MAX);
        buf_init(&job->answer, WIRE_FRAME_MAX);
    }
    job->slot = slot;
    job->caller = NULL;
    return job;
}

static void job_give_back(struct gate_nng *g, struct job *job) {
    if (job->arena.used_bytes > JOB_BYTES_KEPT) arena_fini(&job->arena);
    else arena_reset(&job->arena);
    if (job->answer.cap > JOB_BYTES_KEPT) buf_fini(&job->answer);
    else buf_clear(&job->answer);
    pthread_mutex_lock(&g->lock);
    bool keep = g->idle_count < JOBS_KEPT;
    if (keep) {
        job->next = g->idle;
        g->idle = job;
        g->idle_count++;
    }
    pthread_mutex_unlock(&g->lock);
    if (!keep) job_free(job);
}

/* ---- answers ---- */

static void receive(struct slot *slot) {
    pthread_mutex_lock(&slot->gate->lock);
    bool stopping = slot->gate->stopping;
    pthread_mutex_unlock(&slot->gate->lock);
    if (stopping) return;
    slot->state = RECEIVING;
    nng_ctx_recv(slot->ctx, slot->aio);
}

/* The request is over: answered, or its answer could not even be made. */
static void settle(struct slot *slot) {
    struct gate_nng *g = slot->gate;
    nng_msg_free(slot->request);
    slot->request = NULL;
    if (slot->job) job_give_back(g, slot->job);
    slot->job = NULL;
    pthread_mutex_lock(&g->lock);
    if (--g->under_way == 0) pthread_cond_broadcast(&g->settled);
    pthread_mutex_unlock(&g->lock);
}

static void send_answer(struct slot *slot, const struct buf *frame) {
    nng_msg *msg = NULL;
    if (frame->failed || nng_msg_alloc(&msg, 0) || nng_msg_append(msg, frame->p, frame->n)) {
        /* No memory for an answer: the client asks again when its time is over. */
        log_line(LOG_ERROR, "gate", "no memory for an answer", LOG_I("bytes", frame->n));
        if (msg) nng_msg_free(msg);
        settle(slot);
        receive(slot);
        return;
    }
    slot->state = SENDING;
    nng_aio_set_msg(slot->aio, msg);
    nng_ctx_send(slot->ctx, slot->aio);
}

static void refuse(struct slot *slot, const struct fault *fault) {
    struct buf frame;
    buf_init(&frame, 0);
    wire_error(&frame, fault, clock_now_ms());
    send_answer(slot, &frame);
    buf_fini(&frame);
}

static void encode_results(struct buf *frame, const struct api_put *put) {
    wire_results_begin(frame, put->count);
    for (size_t i = 0; i < put->count; i++) {
        const struct entry_result *r = &put->results[i];
        wire_results_add(frame, &(struct wire_result){.err = r->err, .id = r->id, .duplicate = r->duplicate, .message = r->message});
    }
}

/* The api called back: the job holds the outcome. */
static void answer(struct slot *slot) {
    struct job *job = slot->job;
    struct gate_nng *g = slot->gate;
    bool is_put = job->kind == WIRE_PUT;
    enum err err = is_put ? job->put.err : job->call.err;
    struct fault *fault = is_put ? &job->put.fault : &job->call.fault;
    buf_clear(&job->answer);
    if (!err && is_put) encode_results(&job->answer, &job->put);
    else if (!err) wire_answer(&job->answer, buf_str(&job->call.answer));
    if (!err && (job->answer.failed || job->answer.n > WIRE_FRAME_MAX)) {
        buf_clear(&job->answer);
        err = fault_set(fault, ERR_TOO_LARGE, "the answer does not fit into one frame of %d bytes; ask for less at a time", (int)WIRE_FRAME_MAX);
    }
    if (err) {
        fault->code = err;
        wire_error(&job->answer, fault, clock_now_ms());
    }
    if (!is_put) buf_fini(&job->call.answer);
    api_caller_release(job->caller);
    if (!is_put) {
        pthread_mutex_lock(&g->lock);
        g->calls--;
        pthread_mutex_unlock(&g->lock);
    }
    send_answer(slot, &job->answer);
}

/* On a thread of the engine: hands the slot to NNG's threads, nothing more. */
static void wake(struct slot *slot) {
    slot->state = ANSWERING;
    if (nng_aio_begin(slot->aio)) nng_aio_finish(slot->aio, 0);
}
static void put_done(struct api_put *put) { wake(((struct job *)put->ctx)->slot); }
static void call_done(struct api_call *call) { wake(((struct job *)call->ctx)->slot); }

/* ---- requests ---- */

/* Counts a request in, if there is room for it. */
static enum err admit(struct gate_nng *g, enum wire_kind kind, struct fault *fault) {
    enum err err = ERR_OK;
    pthread_mutex_lock(&g->lock);
    if (g->draining) err = ERR_SHUTTING_DOWN;
    else if (kind == WIRE_CALL && g->calls == g->calls_max) err = ERR_THROTTLING;
    else if (kind == WIRE_CALL) g->calls++;
    pthread_mutex_unlock(&g->lock);
    if (err == ERR_THROTTLING) return fault_set(fault, err, "%zu operations are under way, which is the limit; try again later", g->calls_max);
    return err ? fault_set(fault, err, NULL) : ERR_OK;
}

static enum err decode_put(struct job *job, struct str body, struct fault *fault) {
    struct wire_entry *from;
    size_t count = 0;
    enum err err = wire_read_put(body, &job->arena, &from, &count, fault);
    if (err) return err;
    struct entry *entries = arena_array(&job->arena, count, sizeof *entries);
    if (!entries) return fault_set(fault, ERR_NOMEM, NULL);
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct entry){.id = from[i].id,
                                    .has_id = from[i].has_id,
                                    .bus = from[i].bus,
                                    .source = from[i].source,
                                    .detail_type = from[i].detail_type,
                                    .detail = from[i].detail,
                                    .resources = from[i].resources,
                                    .resource_count = from[i].resource_count,
                                    .time_ms = from[i].time_ms,
                                    .trace_header = from[i].trace_header};
    job->put.caller = job->caller;
    job->put.arena = &job->arena;
    job->put.entries = entries;
    job->put.count = count;
    job->put.done = put_done;
    job->put.ctx = job;
    job->put.results = NULL;
    job->put.err = ERR_OK;
    fault_clear(&job->put.fault);
    return ERR_OK;
}

static enum err decode_call(struct job *job, struct str body, struct fault *fault) {
    struct str operation, json;
    enum err err = wire_read_call(body, &operation, &json, fault);
    if (err) return err;
    job->call.caller = job->caller;
    job->call.operation = operation;
    job->call.body = json;
    job->call.done = call_done;
    job->call.ctx = job;
    job->call.err = ERR_OK;
    job->call.engine = NULL;
    fault_clear(&job->call.fault);
    buf_init(&job->call.answer, WIRE_FRAME_MAX);
    return ERR_OK;
}

/* Form, then identity, then content: nobody unknown makes us decode more than a header. */
static enum err prepare(struct slot *slot, struct str frame, struct fault *fault) {
    struct wire_request request;
    enum err err = wire_read_request(frame, &request, fault);
    if (err) return err;
    struct job *job = slot->job = job_take(slot);
    if (!job) return fault_set(fault, ERR_NOMEM, NULL);
    job->kind = request.kind;
    struct api_signature signature = {
        .key_id = request.signature.key_id, .counter = request.signature.counter, .timestamp_ms = request.signature.timestamp_ms};
    memcpy(signature.session, request.signature.session, sizeof signature.session);
    memcpy(signature.mac, request.signature.mac, sizeof signature.mac);
    err = api_authenticate(slot->gate->api, &signature, request.signed_header, request.body, &job->caller, fault);
    if (err) return err;
    err = job->kind == WIRE_PUT ? decode_put(job, request.body, fault) : decode_call(job, request.body, fault);
    if (!err) err = admit(slot->gate, job->kind, fault);
    if (err) api_caller_release(job->caller);
    return err;
}

static void serve(struct slot *slot, nng_msg *msg) {
    struct gate_nng *g = slot->gate;
    struct fault fault;
    fault_clear(&fault);
    slot->request = msg;
    pthread_mutex_lock(&g->lock);
    g->under_way++;
    pthread_mutex_unlock(&g->lock);
    enum err err = prepare(slot, str_of(nng_msg_body(msg), nng_msg_len(msg)), &fault);
    if (err) {
        fault.code = err;
        log_line(LOG_DEBUG, "gate", "request refused", LOG_Z("error", err_row(err)->name), LOG_Z("message", fault.message));
        refuse(slot, &fault);
        return;
    }
    /* From here on the slot belongs to the engine, until wake. */
    struct job *job = slot->job;
    if (job->kind == WIRE_PUT) api_put_events(g->api, &job->put);
    else api_call(g->api, &job->call);
}

static void slot_received(struct slot *slot, int rv) {
    if (rv == 0) {
        nng_msg *msg = nng_aio_get_msg(slot->aio);
        nng_aio_set_msg(slot->aio, NULL);
        serve(slot, msg);
        return;
    }
    if (rv == NNG_ECLOSED || rv == NNG_ECANCELED) return; /* gate_nng_stop */
    log_line(LOG_WARN, "gate", "receive failed", LOG_Z("error", nng_strerror(rv)));
    receive(slot);
}

static void slot_sent(struct slot *slot, int rv) {
    if (rv) { /* the peer went away: it asks again over its next connection */
        nng_msg_free(nng_aio_get_msg(slot->aio));
        nng_aio_set_msg(slot->aio, NULL);
    }
    settle(slot);
    if (rv != NNG_ECLOSED && rv != NNG_ECANCELED) receive(slot);
}

static void on_aio(void *arg) {
    struct slot *slot = arg;
    int rv = nng_aio_result(slot->aio);
    switch (slot->state) {
    case RECEIVING: slot_received(slot, rv); return;
    case ANSWERING: answer(slot); return;
    case SENDING: slot_sent(slot, rv); return;
    }
}

/* ---- life ---- */

static enum err nng_fault(struct fault *fault, const char *url, const char *what, int rv) {
    enum err err = rv == NNG_ENOMEM ? ERR_NOMEM : rv == NNG_EADDRINVAL || rv == NNG_EINVAL ? ERR_USAGE : ERR_IO;
    return fault_at(fault, err, url, 0, 0, "%s: %s: %s", url, what, rv == NNG_EADDRINUSE ? "another process listens there" : nng_strerror(rv));
}

static enum err read_pem(const char *path, struct buf *out, struct fault *fault) {
    enum err err = os_read_file(path, TLS_FILE_BYTES_MAX, out, fault);
    if (!err) buf_addc(out, 0);
    return !err && out->failed ? fault_set(fault, ERR_NOMEM, NULL) : err;
}

static enum err set_tls(nng_listener listener, const struct gate_nng_options *options, const char *url, struct fault *fault) {
    if (!options->tls_cert_file || !options->tls_key_file)
        return fault_at(fault, ERR_USAGE, url, 0, 0, "%s: tls+tcp needs a certificate file and a key file", url);
    struct buf cert, key;
    nng_tls_config *config = NULL;
    buf_init(&cert, 0);
    buf_init(&key, 0);
    enum err err = read_pem(options->tls_cert_file, &cert, fault);
    if (!err) err = read_pem(options->tls_key_file, &key, fault);
    if (err) goto out;
    int rv = nng_tls_config_alloc(&config, NNG_TLS_MODE_SERVER);
    if (!rv) rv = nng_tls_config_own_cert(config, cert.p, key.p, NULL);
    if (!rv) rv = nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, config);
    if (rv)
        err = fault_at(fault, rv == NNG_ENOMEM ? ERR_NOMEM : ERR_IO, url, 0, 0, "%s: the certificate %s and key %s cannot be used: %s", url,
                       options->tls_cert_file, options->tls_key_file, nng_strerror(rv));
    if (config) nng_tls_config_free(config); /* the listener holds it */
out:
    if (key.p) explicit_bzero(key.p, key.cap);
    buf_fini(&key);
    buf_fini(&cert);
    return err;
}

/* NNG takes a stale socket away by itself, but would do so with any file that refuses a connection. */
static enum err check_ipc_path(const char *url, struct fault *fault) {
    const char *path = url + strlen("ipc://");
    struct stat st;
    if (strlen(path) == 0 || strlen(path) > 100)
        return fault_at(fault, ERR_USAGE, url, 0, 0, "%s: the path of a socket has 1 to 100 characters, this one has %zu", url, strlen(path));
    if (lstat(path, &st)) return errno == ENOENT ? ERR_OK : fault_at(fault, ERR_IO, url, 0, 0, "%s: %s", url, strerrordesc_np(errno));
    if (S_ISSOCK(st.st_mode)) return ERR_OK;
    return fault_at(fault, ERR_IO, url, 0, 0, "%s: there is a file already, and it is no socket; it is left alone", url);
}

static enum err listen_on(struct gate_nng *g, const struct gate_nng_options *options, const char *url, struct fault *fault) {
    bool ipc = str_starts(str_from(url), STR("ipc://")), tls = str_starts(str_from(url), STR("tls+tcp://"));
    if (!ipc && !tls && !str_starts(str_from(url), STR("tcp://")))
        return fault_at(fault, ERR_USAGE, url, 0, 0, "%s: an address begins with ipc://, tcp:// or tls+tcp://", url);
    enum err err = ipc ? check_ipc_path(url, fault) : ERR_OK;
    if (err) return err;
    nng_listener listener;
    int rv = nng_listener_create(&listener, g->socket, url);
    if (rv) return nng_fault(fault, url, "the address cannot be used", rv);
    if (ipc) rv = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, 0600);
    if (rv) return nng_fault(fault, url, "the socket's mode cannot be set", rv);
    if (tls) err = set_tls(listener, options, url, fault);
    if (err) return err;
    rv = nng_listener_start(listener, 0);
    if (rv) return nng_fault(fault, url, "cannot listen", rv);
    char *bound = NULL;
    rv = nng_listener_get_string(listener, NNG_OPT_URL, &bound);
    if (rv) return nng_fault(fault, url, "the bound address is not told", rv);
    g->urls[g->url_count] = strdup(bound);
    nng_strfree(bound);
    if (!g->urls[g->url_count]) return fault_set(fault, ERR_NOMEM, NULL);
    g->url_count++;
    return ERR_OK;
}

static enum err open_slots(struct gate_nng *g, struct fault *fault) {
    for (size_t i = 0; i < g->slot_count; i++) {
        struct slot *slot = &g->slots[i];
        slot->gate = g;
        int rv = nng_ctx_open(&slot->ctx, g->socket);
        if (!rv) rv = nng_aio_alloc(&slot->aio, on_aio, slot);
        if (rv) return fault_set(fault, ERR_NOMEM, "the gateway cannot make %zu contexts: %s", g->slot_count, nng_strerror(rv));
        nng_aio_set_timeout(slot->aio, NNG_DURATION_INFINITE);
    }
    return ERR_OK;
}

enum err gate_nng_start(struct api *api, const struct gate_nng_options *options, struct gate_nng **gate, struct fault *fault) {
    *gate = NULL;
    if (options->url_count > URLS_MAX) return fault_set(fault, ERR_USAGE, "at most %d addresses", (int)URLS_MAX);
    struct gate_nng *g = calloc(1, sizeof *g);
    if (!g) return fault_set(fault, ERR_NOMEM, NULL);
    g->api = api;
    g->slot_count = options->requests_max ? options->requests_max : REQUESTS_MAX_DEFAULT;
    g->calls_max = options->calls_max ? options->calls_max : (g->slot_count * 3 + 3) / 4;
    pthread_mutex_init(&g->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&g->settled, &attr);
    pthread_condattr_destroy(&attr);
    enum err err = ERR_OK;
    g->slots = calloc(g->slot_count, sizeof *g->slots);
    int rv = g->slots ? nng_rep0_open(&g->socket) : NNG_ENOMEM;
    g->socket_open = rv == 0;
    if (!rv) rv = nng_socket_set_size(g->socket, NNG_OPT_RECVMAXSZ, WIRE_FRAME_MAX + 64); /* 64: the protocol's own header */
    if (rv) err = fault_set(fault, ERR_NOMEM, "no socket: %s", nng_strerror(rv));
    if (!err) err = open_slots(g, fault);
    for (size_t i = 0; !err && i < g->slot_count; i++) receive(&g->slots[i]);
    for (size_t i = 0; !err && i < options->url_count; i++) err = listen_on(g, options, options->urls[i], fault);
    if (err) gate_nng_stop(g);
    else *gate = g;
    return err;
}

const char *gate_nng_url(const struct gate_nng *gate, size_t i) { return i < gate->url_count ? gate->urls[i] : NULL; }

enum err gate_nng_drain(struct gate_nng *g, int timeout_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&g->lock);
    g->draining = true;
    int rc = 0;
    while (g->under_way && rc == 0) rc = pthread_cond_timedwait(&g->settled, &g->lock, &until);
    bool left = g->under_way != 0;
    pthread_mutex_unlock(&g->lock);
    return left ? ERR_TIMEOUT : ERR_OK;
}

static void wait_settled(struct gate_nng *g) {
    pthread_mutex_lock(&g->lock);
    while (g->under_way) pthread_cond_wait(&g->settled, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

void gate_nng_stop(struct gate_nng *g) {
    if (!g) return;
    pthread_mutex_lock(&g->lock);
    g->draining = g->stopping = true;
    pthread_mutex_unlock(&g->lock);
    wait_settled(g); /* answers still go out */
    for (size_t i = 0; g->slots && i < g->slot_count; i++) {
        if (!g->slots[i].aio) continue;
        nng_aio_cancel(g->slots[i].aio);
        nng_aio_wait(g->slots[i].aio); /* a callback under way has counted its request in */
    }
    wait_settled(g);
    if (g->socket_open) {
        nng_msleep(QUIET_MS);
        nng_close(g->socket);
    }
    for (size_t i = 0; g->slots && i < g->slot_count; i++)
        if (g->slots[i].aio) nng_aio_free(g->slots[i].aio); /* waits for its callback */
    while (g->idle) {
        struct job *job = g->idle;
        g->idle = job->next;
        job_free(job);
    }
    for (size_t i = 0; i < g->url_count; i++) free(g->urls[i]);
    free(g->slots);
    pthread_cond_destroy(&g->settled);
    pthread_mutex_destroy(&g->lock);
    free(g);
}
