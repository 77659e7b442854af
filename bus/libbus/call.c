/* Operations by name: one request, one answer, one caller who waits. */
#include <stdlib.h>

#include "client.h"
#include "clock.h"

/* The caller owns the struct again as soon as the lock is given up. */
static void finish(struct bus *bus, struct call *call, enum err err) {
    pthread_mutex_lock(&bus->lock);
    call->err = err;
    call->done = true;
    pthread_cond_signal(&call->answered);
    client_let_go_locked(bus);
    pthread_mutex_unlock(&bus->lock);
}

void call_answered(struct bus *bus, struct call *call, const struct wire_answer *answer) {
    if (answer->kind != WIRE_ANSWER) {
        finish(bus, call, fault_set(call->fault, ERR_PROTOCOL, "the daemon answered an operation with the results of events"));
        return;
    }
    call->answer = malloc(answer->json.n + 1);
    if (!call->answer) {
        finish(bus, call, fault_set(call->fault, ERR_NOMEM, NULL));
        return;
    }
    str_copyz(call->answer, answer->json.n + 1, answer->json);
    finish(bus, call, ERR_OK);
}

void call_failed(struct bus *bus, struct call *call, const struct fault *fault) {
    *call->fault = *fault;
    finish(bus, call, fault->code);
}

static enum err make_body(struct buf *body, const char *operation, const char *request, struct fault *fault) {
    struct str name = str_from(operation), json = request ? str_from(request) : STR("{}");
    if (!name.n || name.n > WIRE_OPERATION_MAX) return fault_set(fault, ERR_USAGE, "an operation's name has 1 to %d bytes", (int)WIRE_OPERATION_MAX);
    if (!str_is_utf8(name) || !str_is_utf8(json)) return fault_set(fault, ERR_USAGE, "the request is not UTF-8");
    if (json.n > (size_t)WIRE_FRAME_MAX - WIRE_HEADER_MAX - 1 - name.n)
        return fault_set(fault, ERR_TOO_LARGE, "the request has %zu bytes, more than a frame of %d holds", json.n, (int)WIRE_FRAME_MAX);
    buf_init(body, WIRE_FRAME_MAX);
    wire_call_body(body, name, json);
    return body->failed ? fault_set(fault, ERR_NOMEM, NULL) : ERR_OK;
}

static enum err wait_for_answer(struct bus *bus, struct call *call) {
    pthread_mutex_lock(&bus->lock);
    if (!client_is_open_locked(bus)) {
        pthread_mutex_unlock(&bus->lock);
        return fault_set(call->fault, ERR_CLOSED, NULL);
    }
    client_append(&bus->ready, &call->request);
    client_poke_locked(bus);
    while (!call->done) pthread_cond_wait(&call->answered, &bus->lock); /* the runner ends it when its time is over, or at close */
    pthread_mutex_unlock(&bus->lock);
    return call->err;
}

enum bus_err bus_call_within(struct bus *bus, int timeout_ms, const char *operation, const char *request, char **answer,
                             struct bus_fault *public_fault) {
    if (answer) *answer = NULL;
    if (client_is_runner(bus)) return client_fail(public_fault, ERR_USAGE, "bus_call waits, and must not be called on a callback");
    if (timeout_ms < 1 || timeout_ms > REQUEST_TIMEOUT_MAX_MS)
        return client_fail(public_fault, ERR_USAGE, "timeout_ms is %d; it must be between 1 and %d", timeout_ms, (int)REQUEST_TIMEOUT_MAX_MS);
    struct fault fault;
    fault_clear(&fault);
    struct call call = {.request = {.kind = WIRE_CALL}, .deadline_ms = clock_mono_ms() + timeout_ms, .fault = &fault};
    enum err err = make_body(&call.request.body, operation, request, &fault);
    if (!err) {
        pthread_cond_init(&call.answered, NULL);
        err = wait_for_answer(bus, &call);
        pthread_cond_destroy(&call.answered);
    }
    buf_fini(&call.request.body);
    if (!err && answer) *answer = call.answer;
    else free(call.answer);
    return client_fault(public_fault, &fault, err);
}

enum bus_err bus_call(struct bus *bus, const char *operation, const char *request, char **answer, struct bus_fault *fault) {
    return bus_call_within(bus, bus->options.request_timeout_ms, operation, request, answer, fault);
}

void bus_free(void *p) { free(p); }
