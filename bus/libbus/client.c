/* The handle: opening, the runner, closing. */
#include "client.h"

#include <stdlib.h>

#include "clock.h"
#include "os.h"

/* ---- small things ---- */

void client_append(struct request_list *list, struct request *r) {
    r->next = NULL;
    if (list->last) list->last->next = r;
    else list->first = r;
    list->last = r;
}

void client_remove(struct request_list *list, struct request *r) {
    struct request **at = &list->first, *before = NULL;
    while (*at != r) {
        before = *at;
        at = &(*at)->next;
    }
    *at = r->next;
    if (list->last == r) list->last = before;
    r->next = NULL;
}

void client_poke_locked(struct bus *bus) {
    bus->poked = true;
    if (bus->runner_waits) pthread_cond_signal(&bus->work);
}

/* Takes a request out of a list and into the runner's hand, so that nobody takes empty lists for the end. */
static void hold_locked(struct bus *bus, struct request_list *list, struct request *r) {
    client_remove(list, r);
    bus->held = r->kind == WIRE_PUT ? ((struct batch *)r)->number : HELD_CALL;
}

void client_let_go_locked(struct bus *bus) {
    bus->held = 0;
    if (bus->flushers) pthread_cond_broadcast(&bus->settled);
}

bool client_is_runner(const struct bus *bus) { return pthread_equal(pthread_self(), bus->runner); }
bool client_is_open_locked(const struct bus *bus) { return bus->state == RUNNING; }

struct timespec client_time_in(int64_t ms) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)(ms / 1000);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

int64_t client_backoff_ms(int attempts) {
    int64_t bound = BACKOFF_MIN_MS;
    for (int i = 1; i < attempts && bound < BACKOFF_MAX_MS; i++) bound *= 2;
    if (bound > BACKOFF_MAX_MS) bound = BACKOFF_MAX_MS;
    return 1 + (int64_t)rng_below((uint64_t)bound);
}

static void on_wake(void *ctx) {
    struct bus *bus = ctx;
    pthread_mutex_lock(&bus->lock);
    client_poke_locked(bus);
    pthread_mutex_unlock(&bus->lock);
}

/* ---- the runner: answers ---- */

static struct request *take_sent(struct bus *bus, uint32_t id) {
    pthread_mutex_lock(&bus->lock);
    struct request *r = bus->sent.first;
    while (r && r->id != id) r = r->next;
    if (r) {
        hold_locked(bus, &bus->sent, r);
        if (r->kind == WIRE_PUT) bus->puts_sent--;
    }
    pthread_mutex_unlock(&bus->lock);
    return r;
}

static void make_ready(struct bus *bus, struct request *r, int64_t delay_ms) {
    r->not_before_ms = delay_ms ? clock_mono_ms() + delay_ms : 0;
    pthread_mutex_lock(&bus->lock);
    client_append(&bus->ready, r);
    client_let_go_locked(bus);
    pthread_mutex_unlock(&bus->lock);
}

static void request_failed(struct bus *bus, struct request *r, const struct fault *fault) {
    if (r->kind == WIRE_PUT) put_failed(bus, (struct batch *)r, fault);
    else call_failed(bus, (struct call *)r, fault);
}

/* Refusals that the whole request gets over: true when it was put back to be signed and sent again. */
static bool repeat_refused(struct bus *bus, struct request *r, const struct wire_error *e) {
    if (e->err == ERR_EXPIRED && !r->clock_learned) {
        bus->clock_offset_ms = e->daemon_ms - clock_now_ms();
        r->clock_learned = true;
        make_ready(bus, r, 0);
        return true;
    }
    /* A replay is refused without being looked at; for a call it may mean that the first copy is being worked on. */
    if (e->err == ERR_THROTTLING || e->err == ERR_SHUTTING_DOWN || e->err == ERR_STORAGE_FULL || (e->err == ERR_REPLAYED && r->kind == WIRE_PUT)) {
        make_ready(bus, r, client_backoff_ms(r->attempts));
        return true;
    }
    return false;
}

static void fault_from_wire(struct fault *fault, const struct wire_error *e) {
    fault_clear(fault);
    fault->code = err_row(e->err)->code; /* a number of a newer daemon becomes ERR_INTERNAL */
    fault->line = e->line > INT32_MAX ? 0 : (int)e->line;
    fault->column = e->column > INT32_MAX ? 0 : (int)e->column;
    str_copyz(fault->where, sizeof fault->where, e->where);
    str_copyz(fault->message, sizeof fault->message, e->message);
}

static void handle_frame(struct bus *bus, uint32_t id, struct str frame) {
    struct request *r = take_sent(bus, id);
    bus->heard_ms = clock_mono_ms();
    if (!r) return; /* its time was over, or it was sent again over a new connection */
    struct fault fault;
    struct wire_answer answer;
    arena_reset(&bus->scratch);
    enum err err = wire_read_answer(frame, &bus->scratch, &answer, &fault);
    if (err) {
        request_failed(bus, r, &fault);
    } else if (answer.kind == WIRE_ERROR) {
        if (repeat_refused(bus, r, &answer.error)) return;
        fault_from_wire(&fault, &answer.error);
        request_failed(bus, r, &fault);
    } else if (r->kind == WIRE_PUT) {
        put_answered(bus, (struct batch *)r, &answer);
    } else {
        call_answered(bus, (struct call *)r, &answer);
    }
}

static void take_answers(struct bus *bus) {
    struct link_message *message;
    uint32_t id;
    struct str frame;
    while (link_take(bus->link, &message, &id, &frame)) {
        handle_frame(bus, id, frame);
        link_message_free(message);
    }
}

/* ---- the runner: time and connections ---- */

/* What was sent over a connection that is gone has no answer to wait for: to the front, in the order it had. */
static void recall_sent_locked(struct bus *bus, uint64_t epoch) {
    struct request_list again = {0};
    for (struct request *r = bus->sent.first, *next; r; r = next) {
        next = r->next;
        if (r->epoch == epoch) continue;
        client_remove(&bus->sent, r);
        if (r->kind == WIRE_PUT) bus->puts_sent--;
        r->not_before_ms = 0;
        client_append(&again, r);
    }
    if (!again.first) return;
    again.last->next = bus->ready.first;
    bus->ready.first = again.first;
    if (!bus->ready.last) bus->ready.last = again.last;
}

static int64_t request_due_ms(const struct request *r) {
    if (r->kind == WIRE_CALL) return ((const struct call *)r)->deadline_ms;
    const struct batch *b = (const struct batch *)r;
    return b->due < b->count ? b->slots[b->due].deadline_ms : INT64_MIN;
}

/* The first request of a list whose time, or part of whose time, is over; taken out. */
static struct request *take_due(struct bus *bus, struct request_list *list, int64_t now_ms) {
    pthread_mutex_lock(&bus->lock);
    struct request *r = list->first;
    while (r && request_due_ms(r) > now_ms) r = r->next;
    if (r) hold_locked(bus, list, r);
    pthread_mutex_unlock(&bus->lock);
    return r;
}

static void put_back(struct bus *bus, struct request_list *list, struct request *r) {
    pthread_mutex_lock(&bus->lock);
    r->next = list->first;
    list->first = r;
    if (!list->last) list->last = r;
    client_let_go_locked(bus);
    pthread_mutex_unlock(&bus->lock);
}

static void expire_list(struct bus *bus, struct request_list *list, int64_t now_ms) {
    for (struct request *r; (r = take_due(bus, list, now_ms)) != NULL;) {
        struct fault fault;
        fault_set(&fault, ERR_TIMEOUT, "no answer within the request's time%s", r->attempts ? "" : "; there was no connection");
        bool ended = r->kind == WIRE_CALL;
        if (r->kind == WIRE_PUT) {
            put_expire(bus, (struct batch *)r, now_ms);
            ended = ((struct batch *)r)->due == ((struct batch *)r)->count;
        }
        if (!ended) {
            put_back(bus, list, r);
            continue;
        }
        if (list == &bus->sent && r->kind == WIRE_PUT) {
            pthread_mutex_lock(&bus->lock);
            bus->puts_sent--;
            pthread_mutex_unlock(&bus->lock);
        }
        request_failed(bus, r, &fault);
    }
}

/* A line that stands but says nothing (a host that vanished without a word): after half of a request's time, dial again. */
static int64_t silence_due_ms_locked(const struct bus *bus) {
    int64_t first = INT64_MAX;
    for (const struct request *r = bus->sent.first; r; r = r->next)
        if (r->kind == WIRE_PUT && r->sent_ms < first) first = r->sent_ms;
    if (first == INT64_MAX) return first;
    return (first > bus->heard_ms ? first : bus->heard_ms) + bus->options.request_timeout_ms / 2;
}

/* ---- the runner: sending ---- */

static struct request *next_ready_locked(struct bus *bus, int64_t now_ms) {
    size_t puts_most = bus->ready.first && bus->open ? PUTS_UNDER_WAY_FULL : PUTS_UNDER_WAY;
    for (int pass = 0; pass < 2; pass++) {
        for (struct request *r = bus->ready.first; r; r = r->next)
            if (r->not_before_ms <= now_ms && (r->kind == WIRE_CALL || bus->puts_sent < puts_most)) return r;
        if (pass || bus->puts_sent >= PUTS_UNDER_WAY || !bus->open || bus->options.linger_ms) return NULL;
        put_seal_locked(bus); /* the line is free: what there is goes */
    }
    return NULL;
}

static void send_request(struct bus *bus, struct request *r, uint64_t epoch) {
    struct wire_signature signature = {
        .key_id = bus->credentials.key_id, .counter = ++bus->counter, .timestamp_ms = clock_now_ms() + bus->clock_offset_ms};
    memcpy(signature.session, bus->session, sizeof signature.session);
    uint8_t header[WIRE_HEADER_MAX];
    size_t n = wire_sign(r->kind, &signature, bus->credentials.secret, buf_str(&r->body), header);
    bus->request_id = (bus->request_id + 1) & 0x7fffffff;
    r->id = bus->request_id;
    r->epoch = epoch;
    r->sent_ms = clock_mono_ms();
    r->attempts++;
    pthread_mutex_lock(&bus->lock);
    client_append(&bus->sent, r);
    if (r->kind == WIRE_PUT) bus->puts_sent++;
    client_let_go_locked(bus);
    pthread_mutex_unlock(&bus->lock);
    if (link_send(bus->link, r->id, str_of((char *)header, n), buf_str(&r->body)) == ERR_OK) return;
    take_sent(bus, r->id);
    make_ready(bus, r, client_backoff_ms(r->attempts)); /* no memory now: until its time is over */
}

/* One request onto the line, if there is one and the line takes it. Not when the connection is another one than look_at_line saw: it cancels
 * what it finds on the line. */
static bool send_next(struct bus *bus, uint64_t epoch) {
    struct link_state line = link_state(bus->link);
    if (!line.can_send || line.epoch != epoch) return false;
    pthread_mutex_lock(&bus->lock);
    struct request *r = next_ready_locked(bus, clock_mono_ms());
    if (r) hold_locked(bus, &bus->ready, r);
    pthread_mutex_unlock(&bus->lock);
    if (!r) return false;
    if (r->kind == WIRE_PUT && !put_trim((struct batch *)r)) {
        struct fault fault;
        fault_set(&fault, ERR_TIMEOUT, NULL); /* for nobody: each of its events was reported */
        put_failed(bus, (struct batch *)r, &fault);
        return true;
    }
    send_request(bus, r, epoch);
    return true;
}

/* ---- the runner: its loop ---- */

/* When the runner must look again though nobody pokes it. A repeat whose time has come waits for the line, which pokes. */
static int64_t next_event_ms_locked(const struct bus *bus, int64_t now_ms) {
    int64_t at = put_open_due_ms_locked(bus), silence = silence_due_ms_locked(bus);
    if (silence < at) at = silence;
    for (const struct request *r = bus->ready.first; r; r = r->next) {
        if (r->not_before_ms > now_ms && r->not_before_ms < at) at = r->not_before_ms;
        if (request_due_ms(r) < at) at = request_due_ms(r);
    }
    for (const struct request *r = bus->sent.first; r; r = r->next)
        if (request_due_ms(r) < at) at = request_due_ms(r);
    return at;
}

static void wait_for_work(struct bus *bus) {
    pthread_mutex_lock(&bus->lock);
    if (!bus->poked) {
        int64_t now = clock_mono_ms(), at = next_event_ms_locked(bus, now);
        struct timespec until = client_time_in(at == INT64_MAX ? REQUEST_TIMEOUT_MAX_MS : at > now ? at - now : 0);
        bus->runner_waits = true;
        while (!bus->poked)
            if (pthread_cond_timedwait(&bus->work, &bus->lock, &until)) break;
        bus->runner_waits = false;
    }
    bus->poked = false;
    pthread_mutex_unlock(&bus->lock);
}

static void look_at_line(struct bus *bus, uint64_t *epoch) {
    struct link_state line = link_state(bus->link);
    if (line.epoch != *epoch) {
        *epoch = line.epoch;
        link_cancel(bus->link);
        bus->heard_ms = clock_mono_ms();
        pthread_mutex_lock(&bus->lock);
        recall_sent_locked(bus, line.epoch);
        pthread_mutex_unlock(&bus->lock);
    }
    pthread_mutex_lock(&bus->lock);
    bool silent = line.connected && silence_due_ms_locked(bus) <= clock_mono_ms();
    pthread_mutex_unlock(&bus->lock);
    if (silent) link_hang_up(bus->link);
}

static void abandon_all(struct bus *bus) {
    struct fault fault;
    fault_set(&fault, ERR_CLOSED, "the handle was closed before an answer came; it may or may not have been done");
    for (;;) {
        pthread_mutex_lock(&bus->lock);
        put_seal_locked(bus);
        struct request_list *list = bus->sent.first ? &bus->sent : &bus->ready;
        struct request *r = list->first;
        if (r) hold_locked(bus, list, r);
        pthread_mutex_unlock(&bus->lock);
        if (!r) return;
        request_failed(bus, r, &fault);
    }
}

static bool is_abandoned(struct bus *bus) {
    pthread_mutex_lock(&bus->lock);
    bool yes = bus->state == ABANDONED;
    pthread_mutex_unlock(&bus->lock);
    return yes;
}

static bool dial(struct bus *bus) {
    struct fault fault;
    enum err err = link_dial(bus->link, &fault);
    pthread_mutex_lock(&bus->lock);
    bool opened = !err && bus->state == OPENING;
    if (bus->state == OPENING) {
        bus->state = err ? FAILED : RUNNING;
        bus->open_err = err;
        if (err && bus->open_fault) *bus->open_fault = fault;
    }
    pthread_cond_broadcast(&bus->settled);
    pthread_mutex_unlock(&bus->lock);
    return opened;
}

static void *run(void *arg) {
    struct bus *bus = arg;
    uint64_t epoch = 0;
    if (!dial(bus)) return NULL;
    while (!is_abandoned(bus)) {
        take_answers(bus);
        look_at_line(bus, &epoch);
        int64_t now = clock_mono_ms();
        expire_list(bus, &bus->sent, now);
        expire_list(bus, &bus->ready, now);
        pthread_mutex_lock(&bus->lock);
        if (put_open_due_ms_locked(bus) <= now) put_seal_locked(bus);
        pthread_mutex_unlock(&bus->lock);
        while (send_next(bus, epoch)) {}
        wait_for_work(bus);
    }
    abandon_all(bus);
    return NULL;
}

/* ---- opening and closing ---- */

struct bound {
    const char *name;
    int64_t value, fallback, least, most;
};

static enum err bound_int(int *value, struct bound b, struct fault *fault) {
    if (*value == 0) *value = (int)b.fallback;
    if (*value >= b.least && *value <= b.most) return ERR_OK;
    return fault_at(fault, ERR_USAGE, b.name, 0, 0, "%s is %d; it must be between %lld and %lld", b.name, *value, (long long)b.least, (long long)b.most);
}

static enum err bound_size(size_t *value, struct bound b, struct fault *fault) {
    if (*value == 0) *value = (size_t)b.fallback;
    if (*value >= (size_t)b.least && *value <= (size_t)b.most) return ERR_OK;
    return fault_at(fault, ERR_USAGE, b.name, 0, 0, "%s is %zu; it must be between %lld and %lld", b.name, *value, (long long)b.least, (long long)b.most);
}

static enum err check_options(struct bus_options *o, struct fault *fault) {
    enum err err = bound_int(&o->connect_timeout_ms, (struct bound){"connect_timeout_ms", 0, 10000, 1, 3600000}, fault);
    if (!err) err = bound_int(&o->request_timeout_ms, (struct bound){"request_timeout_ms", 0, 30000, 1, REQUEST_TIMEOUT_MAX_MS}, fault);
    if (!err) err = bound_int(&o->linger_ms, (struct bound){"linger_ms", 0, 0, 0, 60000}, fault);
    if (!err) err = bound_size(&o->window_events, (struct bound){"window_events", 0, 10000, 1, 10000000}, fault);
    if (!err) err = bound_size(&o->window_bytes, (struct bound){"window_bytes", 0, 64 << 20, 1, (int64_t)1 << 34}, fault);
    if (!err) err = bound_size(&o->batch_events, (struct bound){"batch_events", 0, 1000, 1, WIRE_ENTRIES_MAX}, fault);
    if (!err) err = bound_size(&o->batch_bytes, (struct bound){"batch_bytes", 0, 1 << 20, 1, 8 << 20}, fault);
    return err;
}

static void init_sync(struct bus *bus) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&bus->lock, NULL);
    pthread_cond_init(&bus->work, &attr);
    pthread_cond_init(&bus->room, &attr);
    pthread_cond_init(&bus->settled, &attr);
    pthread_condattr_destroy(&attr);
}

static void bus_destroy(struct bus *bus) {
    if (bus->link) {
        link_close(bus->link);
        link_free(bus->link);
    }
    if (bus->open) put_batch_free(bus->open);
    while (bus->idle) {
        struct batch *b = bus->idle;
        bus->idle = (struct batch *)b->request.next;
        put_batch_free(b);
    }
    pthread_cond_destroy(&bus->work);
    pthread_cond_destroy(&bus->room);
    pthread_cond_destroy(&bus->settled);
    pthread_mutex_destroy(&bus->lock);
    if (bus->credentials.secret.n) explicit_bzero((char *)(uintptr_t)bus->credentials.secret.p, bus->credentials.secret.n);
    arena_fini(&bus->scratch);
    arena_fini(&bus->arena);
    free(bus);
}

static enum err prepare(struct bus *bus, struct fault *fault) {
    const struct bus_options *o = &bus->options;
    struct credentials_ask ask = {o->endpoint, o->access_key_id, o->secret_access_key, o->profile, o->credentials_file, o->region};
    enum err err = check_options(&bus->options, fault);
    if (!err) err = credentials_find(&ask, &bus->arena, &bus->credentials, fault);
    if (err) return err;
    struct link_options link = {.url = bus->credentials.endpoint.p,
                                .tls_ca_file = o->tls_ca_file ? o->tls_ca_file : o->tls_insecure ? NULL : os_env("AWS_CA_BUNDLE", NULL),
                                .tls_server_name = o->tls_server_name,
                                .tls_insecure = o->tls_insecure,
                                .wake = on_wake,
                                .ctx = bus};
    return link_new(&link, &bus->link, fault);
}

/* Starts the runner, which dials, and waits for what comes of it. */
static enum err connect_now(struct bus *bus, struct fault *fault) {
    bus->open_fault = fault;
    pthread_mutex_lock(&bus->lock);
    int rc = pthread_create(&bus->runner, NULL, run, bus);
    if (rc) {
        pthread_mutex_unlock(&bus->lock);
        return fault_set(fault, ERR_NOMEM, "no thread can be started");
    }
    struct timespec until = client_time_in(bus->options.connect_timeout_ms);
    while (bus->state == OPENING && rc == 0) rc = pthread_cond_timedwait(&bus->settled, &bus->lock, &until);
    enum err err = bus->open_err;
    if (bus->state == OPENING) {
        bus->state = FAILED;
        err = fault_set(fault, ERR_TIMEOUT, "%s: no connection within %d ms", bus->credentials.endpoint.p, bus->options.connect_timeout_ms);
    }
    bus->open_fault = NULL;
    bool failed = bus->state == FAILED;
    pthread_mutex_unlock(&bus->lock);
    if (failed) {
        link_close(bus->link);
        pthread_join(bus->runner, NULL);
    }
    return err;
}

enum bus_err bus_open(const struct bus_options *options, struct bus **out, struct bus_fault *public_fault) {
    struct fault fault;
    fault_clear(&fault);
    *out = NULL;
    struct bus *bus = calloc(1, sizeof *bus);
    if (!bus) return client_fail(public_fault, ERR_NOMEM, NULL);
    init_sync(bus);
    arena_init(&bus->arena, 0);
    arena_init(&bus->scratch, 0);
    if (options) bus->options = *options;
    rng_bytes(bus->session, sizeof bus->session);
    bus->id_next = id_random();
    enum err err = prepare(bus, &fault);
    if (!err) err = connect_now(bus, &fault);
    if (err) {
        bus_destroy(bus);
        return client_fault(public_fault, &fault, err);
    }
    *out = bus;
    return BUS_ERR_OK;
}

static bool all_done_locked(const struct bus *bus) { return !bus->open && !bus->ready.first && !bus->sent.first && !bus->held; }

enum bus_err bus_close(struct bus *bus, int timeout_ms) {
    if (!bus) return BUS_ERR_OK;
    if (client_is_runner(bus)) return BUS_ERR_USAGE;
    struct timespec until = client_time_in(timeout_ms < 0 ? REQUEST_TIMEOUT_MAX_MS : timeout_ms);
    pthread_mutex_lock(&bus->lock);
    bus->state = CLOSING;
    put_seal_locked(bus);
    client_poke_locked(bus);
    pthread_cond_broadcast(&bus->room);
    bus->flushers++;
    int rc = 0;
    while (!all_done_locked(bus) && rc == 0) rc = pthread_cond_timedwait(&bus->settled, &bus->lock, &until);
    bool left = !all_done_locked(bus);
    bus->state = ABANDONED;
    client_poke_locked(bus);
    pthread_mutex_unlock(&bus->lock);
    pthread_join(bus->runner, NULL);
    bus_destroy(bus);
    return left ? BUS_ERR_TIMEOUT : BUS_ERR_OK;
}

const char *bus_region(const struct bus *bus) { return bus->credentials.region.p; }
const char *bus_endpoint(const struct bus *bus) { return bus->credentials.endpoint.p; }
bool bus_is_connected(struct bus *bus) { return link_state(bus->link).connected; }
