/* One HTTP request: where it goes, reading it, asking the api, answering. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "clock.h"
#include "hash.h"
#include "http_framing.h"
#include "http_state.h"
#include "json.h"
#include "log.h"

enum {
    HEADERS_MAX = 100,
    ARENA_BYTES_MAX = 64 << 20, /* of one request, beside its body */
    MEMORY_KEPT = 256 << 10,    /* an idle request with more gives it back */
    REQUESTS_KEPT = 64,
};
#define JSON_1_1 "application/x-amz-json-1.1"

/* ---- memory ---------------------------------------------------------------------------------------------------------------------------- */
void request_free(struct request *r) {
    arena_fini(&r->arena);
    buf_fini(&r->body);
    buf_fini(&r->inflated);
    buf_fini(&r->answer);
    free(r->target);
    free(r);
}

static void keep_or_free(struct buf *b) {
    if (b->cap > MEMORY_KEPT) buf_fini(b);
    else buf_clear(b);
}

static struct request *request_new(struct gate_http *g) {
    struct request *r = g->idle;
    if (r) {
        g->idle = r->next;
        g->idle_count--;
        return r;
    }
    r = calloc(1, sizeof *r);
    if (!r) return NULL;
    arena_init(&r->arena, ARENA_BYTES_MAX);
    buf_init(&r->body, g->options.body_bytes);
    buf_init(&r->inflated, g->options.body_bytes);
    buf_init(&r->answer, 0);
    return r;
}

static void request_give_back(struct gate_http *g, struct request *r) {
    free(r->target);
    r->target = NULL;
    r->caller = NULL;
    r->route = NULL;
    r->allow = NULL;
    r->one_event = false;
    if (g->idle_count == REQUESTS_KEPT) {
        request_free(r);
        return;
    }
    if (r->arena.used_bytes > MEMORY_KEPT) arena_fini(&r->arena);
    else arena_reset(&r->arena);
    keep_or_free(&r->body);
    keep_or_free(&r->inflated);
    keep_or_free(&r->answer);
    r->next = g->idle;
    g->idle = r;
    g->idle_count++;
}

static void set_deadline(struct request *r, int64_t ms) {
    if (!r->connection) return;
    r->connection->deadline_ms = ms == INT64_MAX ? ms : clock_mono_ms() + ms;
    r->connection->reading = r->target && r->state < REQUEST_ASKED;
}

/* ---- answers ------------------------------------------------------------------------------------------------------------------------------ */
static const char *header(const struct request *r, const char *name) { return MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, name); }

/* AWS's form of an error: the type and the sentence. */
static void write_error(struct request *r, enum err err, const struct fault *fault) {
    const struct err_row *row = err_row(err);
    struct json j;
    buf_clear(&r->answer);
    json_init(&j, &r->answer);
    json_object_begin(&j);
    json_key_str(&j, "__type", str_from(row->aws_type));
    json_key_str(&j, "message", str_from(fault->message[0] ? fault->message : row->sentence));
    json_object_end(&j);
    r->status = row->http_status;
}

/* An answer of HTTP itself: 404, 405... */
static void write_refusal(struct request *r, int status, const char *type, const char *format, ...) __attribute__((format(printf, 4, 5)));
static void write_refusal(struct request *r, int status, const char *type, const char *format, ...) {
    char message[512];
    struct json j;
    va_list ap;
    va_start(ap, format);
    vsnprintf(message, sizeof message, format, ap);
    va_end(ap);
    struct str text = str_from(message);
    while (text.n && !str_is_utf8(text)) text.n--;
    buf_clear(&r->answer);
    json_init(&j, &r->answer);
    json_object_begin(&j);
    json_key_str(&j, "__type", str_from(type));
    json_key_str(&j, "message", text);
    json_object_end(&j);
    r->status = status;
}

static void add_cors(const struct request *r, struct MHD_Response *response) {
    const char *origin = r->gate->options.cors_origin;
    if (!origin) return;
    MHD_add_response_header(response, "Access-Control-Allow-Origin", origin);
    MHD_add_response_header(response, "Access-Control-Expose-Headers", "x-amzn-RequestId");
    MHD_add_response_header(response, "Access-Control-Allow-Methods", "POST, GET, OPTIONS");
    MHD_add_response_header(response, "Access-Control-Allow-Headers", "*, Authorization");
    MHD_add_response_header(response, "Access-Control-Max-Age", "86400");
}

static enum MHD_Result queue_answer(struct request *r) {
    if (r->answer.failed) {
        static const char none[] = "{\"__type\":\"InternalException\",\"message\":\"no memory for the answer\"}";
        buf_fini(&r->answer);
        buf_init(&r->answer, 0);
        buf_addz(&r->answer, none);
        r->status = 500;
        if (r->answer.failed) return MHD_NO;
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(r->answer.n, r->answer.p, MHD_RESPMEM_PERSISTENT);
    if (!response) return MHD_NO;
    MHD_add_response_header(response, "Content-Type", r->content_type);
    MHD_add_response_header(response, "x-amzn-RequestId", r->id);
    if (r->allow) MHD_add_response_header(response, "Allow", r->allow);
    add_cors(r, response);
    pthread_mutex_lock(&r->gate->lock);
    bool draining = r->gate->draining;
    pthread_mutex_unlock(&r->gate->lock);
    if (draining) MHD_add_response_header(response, "Connection", "close");
    enum MHD_Result result = MHD_queue_response(r->mhd, (unsigned)r->status, response);
    MHD_destroy_response(response);
    r->state = REQUEST_ANSWERED;
    set_deadline(r, r->gate->options.body_ms);
    return result;
}

/* What this thread is asking for just now: an answer that comes before the api has returned is queued at once, without putting the connection to sleep. */
static _Thread_local const struct request *asking;

static void answered(struct request *r) {
    if (asking == r) r->state = REQUEST_ANSWERED;
    else request_answered(r);
}

/* The api called back, on whatever thread. */
static void put_done(struct api_put *put) {
    struct request *r = put->ctx;
    r->status = 200;
    if (put->err) {
        write_error(r, put->err, &put->fault);
    } else if (r->one_event && put->results[0].err) { /* no batch: the answer is the event's */
        str_copyz(put->fault.message, sizeof put->fault.message, put->results[0].message);
        write_error(r, put->results[0].err, &put->fault);
    } else {
        api_write_results(put, &r->answer);
    }
    api_caller_release(r->caller);
    answered(r);
}

static void call_done(struct api_call *call) {
    struct request *r = call->ctx;
    r->status = 200;
    if (call->err) {
        write_error(r, call->err, &call->fault);
        buf_fini(&call->answer);
    } else {
        buf_fini(&r->answer);
        r->answer = call->answer;
    }
    api_caller_release(r->caller);
    answered(r);
}

/* ---- asking the api -------------------------------------------------------------------------------------------------------------------------- */
/* AWS's names of the JSON services, as they stand before the operation in X-Amz-Target. */
static const struct service_name {
    const char *target, *service;
} service_names[] = {
    {"AWSEvents.", "events."}, {"Kinesis_20131202.", "kinesis."}, {"AmazonSQS.", "sqs."}, {"Logs_20140328.", "logs."}, {"EventBus.", "bus."},
};

/* The operation that a request names; absent with an answer written. */
static struct str operation_of(struct request *r) {
    const char *target = header(r, "X-Amz-Target");
    struct str name = str_from(target);
    if (!target) {
        write_refusal(r, 404, "UnknownOperationException", "There is no X-Amz-Target header: it names the operation, as in AWSEvents.PutEvents.");
        return STR_NULL;
    }
    for (size_t i = 0; i < sizeof service_names / sizeof service_names[0]; i++) {
        struct str prefix = str_from(service_names[i].target);
        if (!str_starts(name, prefix)) continue;
        name = str_skip(name, prefix.n);
        return arena_printf(&r->arena, "%s%.*s", service_names[i].service, (int)(name.n < 100 ? name.n : 100), name.p);
    }
    write_refusal(r, 400, "UnknownOperationException", "X-Amz-Target '%.100s' is of no service here; AWSEvents.PutEvents would be one.", target);
    return STR_NULL;
}

static void ask_call(struct request *r, struct str operation, struct str body) {
    r->call = (struct api_call){.caller = r->caller, .operation = operation, .body = body, .done = call_done, .ctx = r};
    buf_init(&r->call.answer, 0);
    api_call(r->gate->api, &r->call);
}

static void ask_put(struct request *r, struct entry *entries, size_t count) {
    r->put = (struct api_put){.caller = r->caller, .arena = &r->arena, .entries = entries, .count = count, .done = put_done, .ctx = r};
    fault_clear(&r->put.fault);
    api_put_events(r->gate->api, &r->put);
}

/* True: the api will call back. False: the answer is written. */
static bool ask(struct request *r, struct str body) {
    struct str operation = operation_of(r);
    struct entry *entries;
    size_t count;
    if (!operation.p) return false;
    if (str_eqz(operation, "events.PutEvents") && api_read_put(body, api_put_bytes_most(r->gate->api), &r->arena, &entries, &count))
        ask_put(r, entries, count);
    else
        ask_call(r, operation, body);
    return true;
}

/* ---- reading --------------------------------------------------------------------------------------------------------------------------------- */
struct header_list {
    struct api_http_header items[HEADERS_MAX];
    size_t count;
    bool too_many;
};

static enum MHD_Result add_header(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value) {
    struct header_list *list = ctx;
    (void)kind;
    list->too_many = list->count == HEADERS_MAX;
    if (!list->too_many) list->items[list->count++] = (struct api_http_header){str_from(name), value ? str_from(value) : STR("")};
    return list->too_many ? MHD_NO : MHD_YES;
}

/* The request as the api takes it; `headers` holds what it points to. */
static enum err read_head(struct request *r, struct header_list *headers, struct api_http_request *out, struct fault *fault) {
    headers->count = 0;
    headers->too_many = false;
    MHD_get_connection_values(r->mhd, MHD_HEADER_KIND, add_header, headers);
    *out = (struct api_http_request){
        .method = str_from(r->method), .target = str_from(r->target), .headers = headers->items, .header_count = headers->count, .body = buf_str(&r->body)};
    return headers->too_many ? fault_set(fault, ERR_VALIDATION, "The request has more than %d headers.", HEADERS_MAX) : ERR_OK;
}

static enum err authenticate(struct request *r, struct fault *fault) {
    struct header_list headers;
    struct api_http_request request;
    enum err err = read_head(r, &headers, &request, fault);
    return err ? err : api_authenticate_http(r->gate->api, &request, &r->caller, fault);
}

/* Into r->inflated, at most as much as a body may be. */
static bool inflate_body(struct request *r) {
    z_stream z = {.next_in = (unsigned char *)r->body.p, .avail_in = (unsigned)r->body.n};
    int rc = inflateInit2(&z, 15 + 16); /* gzip only */
    while (rc == Z_OK && buf_reserve(&r->inflated, 1)) {
        size_t room = r->inflated.cap - r->inflated.n;
        if (room > r->inflated.max - r->inflated.n) room = r->inflated.max - r->inflated.n;
        z.next_out = (unsigned char *)r->inflated.p + r->inflated.n;
        z.avail_out = (unsigned)room;
        rc = inflate(&z, Z_NO_FLUSH);
        r->inflated.n += room - z.avail_out;
    }
    inflateEnd(&z);
    if (rc == Z_STREAM_END && z.avail_in == 0) return true;
    if (r->inflated.failed)
        write_refusal(r, 413, "RequestEntityTooLargeException", "The body is larger than %zu bytes when it is inflated.", r->gate->options.body_bytes);
    else
        write_refusal(r, 400, "SerializationException", "The body is not whole gzip data, as Content-Encoding says.");
    return false;
}

/* The body as it was meant; false with an answer written. */
static bool read_body(struct request *r, struct str *body) {
    const char *encoding = header(r, "Content-Encoding");
    *body = buf_str(&r->body);
    if (!encoding || !*encoding || str_eq_nocase(str_from(encoding), STR("identity"))) return true;
    if (!str_eq_nocase(str_from(encoding), STR("gzip"))) {
        write_refusal(r, 415, "UnsupportedMediaType", "Content-Encoding '%.40s' is not known; gzip is.", encoding);
        return false;
    }
    if (!inflate_body(r)) return false;
    *body = buf_str(&r->inflated);
    return true;
}

#define CLOUDEVENTS_PATH "/cloudevents/"

/* The rest of the path behind `skip` bytes, its percent escapes undone: a bus's name or ARN. */
static struct str decoded_path(struct request *r, size_t skip) {
    struct str path = str_skip(str_of(r->target, strcspn(r->target, "?")), skip);
    char *to = arena_alloc(&r->arena, path.n + 1);
    size_t n = 0;
    for (size_t i = 0; to && i < path.n; i++) {
        char c = path.p[i];
        if (c == '%' && i + 2 < path.n && hash_from_hex(str_of(path.p + i + 1, 2), &c, 1)) i += 2;
        to[n++] = c;
    }
    return to ? str_of(to, n) : STR_NULL;
}

/* ---- routes ------------------------------------------------------------------------------------------------------------------------------------ */
/* The query protocol: STS. */
static bool serve_query(struct request *r, enum err err, const struct fault *fault) {
    size_t query = strcspn(r->target, "?");
    struct str body, id = str_from(r->id);
    r->content_type = "text/xml";
    if (err) {
        r->status = api_query_error(err, fault, id, &r->answer);
        return false;
    }
    if (read_body(r, &body)) r->status = api_query(r->gate->api, r->caller, str_from(r->target + query + (r->target[query] == '?')), body, id, &r->answer);
    api_caller_release(r->caller);
    return false;
}

static bool is_json(struct str type) {
    static const char *const names[] = {JSON_1_1, "application/x-amz-json-1.0", "application/json"};
    type.n = str_find(type, ';', 0);
    while (type.n && type.p[type.n - 1] == ' ') type.n--;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (str_eq_nocase(type, str_from(names[i]))) return true;
    return false;
}

/* Parameters in the URL (also of a POST without a body, which botocore presigns), or in a form. */
static bool is_query(const struct request *r, const char *type) {
    if (strcmp(r->method, "GET") == 0) return true;
    if (type && strncasecmp(type, "application/x-www-form-urlencoded", 33) == 0) return true;
    return !r->body.n && strstr(r->target, "Action=");
}

/* An operation of a service. */
static bool serve_operation(struct request *r) {
    struct fault fault;
    struct str body;
    const char *type = header(r, "Content-Type");
    fault_clear(&fault);
    if (!header(r, "X-Amz-Target") && is_query(r, type)) {
        enum err refused = authenticate(r, &fault);
        return serve_query(r, refused, &fault);
    }
    if (type && *type && !is_json(str_from(type))) {
        write_refusal(r, 415, "UnsupportedMediaTypeException", "The body is to be application/x-amz-json-1.1, not '%.60s'.", type);
        return false;
    }
    if (type && strncasecmp(type, "application/x-amz-json-1.0", 26) == 0) r->content_type = "application/x-amz-json-1.0";
    enum err err = authenticate(r, &fault);
    if (err) {
        write_error(r, err, &fault);
        return false;
    }
    if (read_body(r, &body) && ask(r, body)) return true;
    api_caller_release(r->caller);
    return false;
}

/* POST /cloudevents/BUS: CloudEvents onto a bus. */
static bool serve_cloudevents(struct request *r) {
    struct header_list headers;
    struct api_http_request request;
    struct fault fault;
    struct str body;
    struct entry *entries;
    size_t count;
    fault_clear(&fault);
    r->content_type = "application/json";
    enum err err = read_head(r, &headers, &request, &fault);
    if (!err) err = api_authenticate_http(r->gate->api, &request, &r->caller, &fault);
    if (err) {
        write_error(r, err, &fault);
        return false;
    }
    if (read_body(r, &body)) {
        struct str bus = decoded_path(r, sizeof CLOUDEVENTS_PATH - 1);
        err = bus.p ? api_read_cloudevents(&request, body, bus, &r->arena, &entries, &count, &fault) : fault_set(&fault, ERR_NOMEM, NULL);
        if (!err) {
            r->one_event = count == 1;
            ask_put(r, entries, count);
            return true;
        }
        write_error(r, err, &fault);
    }
    api_caller_release(r->caller);
    return false;
}

/* GET /health: it serves. */
static bool serve_health(struct request *r) {
    r->content_type = "application/json";
    r->status = 200;
    buf_addz(&r->answer, "{\"status\":\"ok\"}");
    return false;
}

static bool serve_options(struct request *r) {
    r->content_type = "text/plain";
    r->status = 204;
    return false;
}

/* What is served where. `serve` gives true when the api will call back, false when the answer is written. */
static const struct route {
    const char *method, *path; /* a path that ends in a slash: and all below it */
    bool (*serve)(struct request *r);
} routes[] = {
    {"POST", "/", serve_operation},
    {"GET", "/", serve_operation},
    {"POST", CLOUDEVENTS_PATH, serve_cloudevents},
    {"GET", "/health", serve_health},
    {"HEAD", "/health", serve_health},
    {"OPTIONS", "/", serve_options},
};

static const struct route *route_of(struct request *r, struct str path) {
    struct buf allow;
    buf_init(&allow, 0);
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        struct str at = str_from(routes[i].path);
        bool below = at.n > 1 && at.p[at.n - 1] == '/' && str_starts(path, at) && path.n > at.n;
        if (!str_eq(path, at) && !below) continue;
        if (strcmp(routes[i].method, r->method) == 0) {
            buf_fini(&allow);
            return &routes[i];
        }
        buf_addf(&allow, "%s%s", allow.n ? ", " : "", routes[i].method);
    }
    r->allow = allow.n ? arena_str(&r->arena, buf_str(&allow)).p : NULL;
    buf_fini(&allow);
    if (r->allow) {
        write_refusal(r, 405, "MethodNotAllowed", "%.20s is not served here; %s is.", r->method, r->allow);
    } else {
        write_refusal(r, 404, "NotFound", "There is nothing at '%.*s'; operations are asked for by POST /.", (int)(path.n < 100 ? path.n : 100), path.p);
    }
    return NULL;
}

/* ---- libmicrohttpd's callbacks -------------------------------------------------------------------------------------------------------------------- */
void *request_begin(void *ctx, const char *target, struct MHD_Connection *mhd) {
    struct gate_http *g = ctx;
    struct request *r = request_new(g);
    if (!r) return NULL;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    r->gate = g;
    r->mhd = mhd;
    r->connection = info ? info->socket_context : NULL;
    r->state = REQUEST_BEGUN;
    r->content_type = JSON_1_1;
    r->status = 500;
    r->target = strdup(target);
    id_text(id_random(), r->id);
    set_deadline(r, g->options.header_ms);
    return r;
}

/* The header was read: what can be refused is refused before its body comes. */
static enum MHD_Result begin_body(struct request *r, const char *method, const char *version) {
    const char *length = header(r, "Content-Length"), *type, *why;
    int64_t bytes;
    int status = http_framing_check(r->mhd, method, version, &type, &why);
    r->method = method;
    r->state = REQUEST_BODY;
    set_deadline(r, r->gate->options.body_ms);
    if (status) {
        write_refusal(r, status, type, "%s", why);
        return queue_answer(r);
    }
    r->route = route_of(r, str_of(r->target, strcspn(r->target, "?")));
    if (!r->route) return queue_answer(r);
    if (!length || (str_to_i64(str_from(length), &bytes) && bytes <= (int64_t)r->gate->options.body_bytes)) return MHD_YES;
    write_refusal(r, 413, "RequestEntityTooLargeException", "The body may have at most %zu bytes.", r->gate->options.body_bytes);
    return queue_answer(r);
}

/* All is read: the connection sleeps until the answer is there. */
static enum MHD_Result serve_request(struct request *r) {
    struct gate_http *g = r->gate;
    if (r->body.failed) {
        write_refusal(r, 413, "RequestEntityTooLargeException", "The body may have at most %zu bytes.", g->options.body_bytes);
        return queue_answer(r);
    }
    pthread_mutex_lock(&g->lock);
    bool draining = g->draining;
    if (!draining) g->under_way++;
    pthread_mutex_unlock(&g->lock);
    if (draining) {
        write_refusal(r, 503, "ServiceUnavailableException", "The daemon is shutting down.");
        return queue_answer(r);
    }
    r->state = REQUEST_ASKED;
    set_deadline(r, INT64_MAX);
    asking = r;
    bool later = r->route->serve(r) && r->state != REQUEST_ANSWERED;
    asking = NULL;
    if (later) { /* only this thread resumes, so it is not too late */
        MHD_suspend_connection(r->mhd);
        return MHD_YES;
    }
    r->state = REQUEST_ANSWERED;
    pthread_mutex_lock(&g->lock);
    if (!--g->under_way) pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    return queue_answer(r);
}

enum MHD_Result request_go_on(void *ctx, struct MHD_Connection *mhd, const char *url, const char *method, const char *version, const char *data, size_t *size,
                              void **slot) {
    struct request *r = *slot;
    (void)ctx;
    (void)mhd;
    (void)url;
    if (!r || !r->target) return MHD_NO; /* no memory */
    if (r->state == REQUEST_ANSWERED) return queue_answer(r);
    if (r->state == REQUEST_BEGUN) return begin_body(r, method, version);
    if (!*size) return serve_request(r);
    buf_add(&r->body, str_of(data, *size));
    *size = 0;
    return MHD_YES;
}

void request_end(void *ctx, struct MHD_Connection *mhd, void **slot, enum MHD_RequestTerminationCode code) {
    struct request *r = *slot;
    (void)mhd;
    (void)code;
    if (!r) return;
    *slot = NULL;
    set_deadline(r, r->gate->options.idle_ms);
    request_give_back(ctx, r);
}
