/* Events: the window, batches, results. */
#include <stdlib.h>

#include "client.h"
#include "clock.h"

enum { RESOURCES_ON_STACK = 16, BODY_BYTES_KEPT = 4 << 20 };
#define EVENT_BYTES_MAX ((size_t)WIRE_FRAME_MAX - WIRE_HEADER_MAX - WIRE_PUT_COUNT_BYTES)

/* ---- batches ---- */

void put_batch_free(struct batch *b) {
    buf_fini(&b->request.body);
    free(b->slots);
    free(b);
}

static struct batch *batch_take_locked(struct bus *bus, uint64_t number) {
    struct batch *b = bus->idle;
    if (b) {
        bus->idle = (struct batch *)b->request.next;
        bus->idle_count--;
    } else {
        b = calloc(1, sizeof *b);
        if (!b) return NULL;
        b->request.kind = WIRE_PUT;
        buf_init(&b->request.body, WIRE_FRAME_MAX);
    }
    b->number = number;
    b->opened_ms = clock_mono_ms();
    wire_put_begin(&b->request.body);
    return b;
}

static void batch_give_back_locked(struct bus *bus, struct batch *b) {
    if (b->request.body.cap > BODY_BYTES_KEPT || bus->idle_count == BATCHES_KEPT) {
        put_batch_free(b);
        return;
    }
    struct batch clean = {.request = {.kind = WIRE_PUT, .body = b->request.body}, .slots = b->slots, .cap = b->cap};
    *b = clean;
    buf_clear(&b->request.body);
    b->request.next = bus->idle ? &bus->idle->request : NULL;
    bus->idle = b;
    bus->idle_count++;
}

/* Room for one more slot and `bytes` of body; on failure the batch is as it was. */
static bool batch_reserve(struct batch *b, size_t bytes) {
    if (b->count == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 64;
        struct slot *slots = realloc(b->slots, cap * sizeof *slots);
        if (!slots) return false;
        b->slots = slots;
        b->cap = cap;
    }
    if (buf_reserve(&b->request.body, bytes)) return true;
    b->request.body.failed = false;
    return false;
}

void put_seal_locked(struct bus *bus) {
    struct batch *b = bus->open;
    if (!b) return;
    bus->open = NULL;
    wire_put_end(&b->request.body, b->count);
    client_append(&bus->ready, &b->request);
}

int64_t put_open_due_ms_locked(const struct bus *bus) {
    const struct batch *b = bus->open;
    if (!b) return INT64_MAX;
    int64_t due = b->slots[0].deadline_ms, lingered = b->opened_ms + bus->options.linger_ms;
    return bus->options.linger_ms && lingered < due ? lingered : due;
}

bool put_trim(struct batch *b) {
    if (!b->due) return true;
    if (b->due == b->count) return false;
    struct buf *body = &b->request.body;
    size_t from = b->slots[b->due].at, gone = from - WIRE_PUT_COUNT_BYTES;
    memmove(body->p + WIRE_PUT_COUNT_BYTES, body->p + from, body->n - from);
    body->n -= gone;
    b->count -= b->due;
    memmove(b->slots, b->slots + b->due, b->count * sizeof *b->slots);
    b->due = 0;
    for (size_t i = 0; i < b->count; i++) b->slots[i].at -= gone;
    wire_put_end(body, b->count);
    return true;
}

/* ---- results ---- */

static void report(const struct slot *slot, enum err err, bool duplicate, struct str message) {
    if (!slot->done) return;
    struct bus_result result;
    result.err = (enum bus_err)err;
    result.duplicate = duplicate;
    result.message[0] = 0;
    id_text(slot->id, result.event_id);
    if (err) str_copyz(result.message, sizeof result.message, message.n ? message : str_from(err_row(err)->sentence));
    slot->done(slot->ctx, &result);
}

static void window_release(struct bus *bus, size_t events, size_t bytes) {
    pthread_mutex_lock(&bus->lock);
    bus->window_events -= events;
    bus->window_bytes -= bytes;
    pthread_cond_broadcast(&bus->room);
    pthread_mutex_unlock(&bus->lock);
}

static void batch_end(struct bus *bus, struct batch *b, struct batch *repeat) {
    pthread_mutex_lock(&bus->lock);
    if (repeat) client_append(&bus->ready, &repeat->request);
    batch_give_back_locked(bus, b);
    client_let_go_locked(bus);
    pthread_mutex_unlock(&bus->lock);
}

void put_expire(struct bus *bus, struct batch *b, int64_t now_ms) {
    size_t first = b->due, bytes = 0;
    while (b->due < b->count && b->slots[b->due].deadline_ms <= now_ms) bytes += b->slots[b->due++].bytes;
    window_release(bus, b->due - first, bytes);
    struct str message = b->request.attempts ? STR("no acknowledgement within the event's time; it may or may not have been accepted")
                                             : STR("the event's time was over before it could be sent");
    for (size_t i = first; i < b->due; i++) report(&b->slots[i], ERR_TIMEOUT, false, message);
}

void put_failed(struct bus *bus, struct batch *b, const struct fault *fault) {
    size_t bytes = 0;
    for (size_t i = b->due; i < b->count; i++) bytes += b->slots[i].bytes;
    window_release(bus, b->count - b->due, bytes);
    for (size_t i = b->due; i < b->count; i++) report(&b->slots[i], fault->code, false, str_from(fault->message));
    batch_end(bus, b, NULL);
}

static bool passes(enum err err) { return err == ERR_THROTTLING || err == ERR_STORAGE_FULL || err == ERR_SHUTTING_DOWN; }

/* The entries of b that were refused for now, as a batch of their own; NULL when there are none, or no memory (they are final then). */
static struct batch *batch_to_repeat(struct bus *bus, const struct batch *b, const struct wire_result *results) {
    struct batch *repeat = NULL;
    for (size_t i = b->due; i < b->count; i++) {
        if (!passes(results[i].err)) continue;
        if (!repeat) {
            pthread_mutex_lock(&bus->lock);
            repeat = batch_take_locked(bus, b->number);
            pthread_mutex_unlock(&bus->lock);
            if (!repeat) return NULL;
        }
        const struct slot *slot = &b->slots[i];
        if (!batch_reserve(repeat, slot->bytes)) {
            put_batch_free(repeat);
            return NULL;
        }
        struct slot copy = *slot;
        copy.at = repeat->request.body.n;
        buf_add(&repeat->request.body, str_of(b->request.body.p + slot->at, slot->bytes));
        repeat->slots[repeat->count++] = copy;
    }
    if (!repeat) return NULL;
    wire_put_end(&repeat->request.body, repeat->count);
    repeat->request.attempts = b->request.attempts;
    repeat->request.not_before_ms = clock_mono_ms() + client_backoff_ms(b->request.attempts);
    return repeat;
}

static bool results_fit(const struct batch *b, const struct wire_answer *answer) {
    if (answer->kind != WIRE_RESULTS || answer->count != b->count) return false;
    for (size_t i = 0; i < b->count; i++)
        if (answer->results[i].err == ERR_OK && memcmp(answer->results[i].id.b, b->slots[i].id.b, 16) != 0) return false;
    return true;
}

void put_answered(struct bus *bus, struct batch *b, const struct wire_answer *answer) {
    if (!results_fit(b, answer)) {
        struct fault fault;
        fault_set(&fault, ERR_PROTOCOL, "the daemon's results are not those of the events that were put");
        put_failed(bus, b, &fault);
        return;
    }
    const struct wire_result *results = answer->results;
    struct batch *repeat = batch_to_repeat(bus, b, results);
    size_t events = 0, bytes = 0;
    for (size_t i = b->due; i < b->count; i++) {
        if (repeat && passes(results[i].err)) continue;
        events++;
        bytes += b->slots[i].bytes;
    }
    window_release(bus, events, bytes);
    for (size_t i = b->due; i < b->count; i++) {
        if (repeat && passes(results[i].err)) continue;
        /* What we sent more than once ourselves says nothing about an earlier put. */
        enum err err = results[i].err == ERR_OK ? ERR_OK : err_row(results[i].err)->code;
        report(&b->slots[i], err, results[i].duplicate && b->request.attempts == 1, results[i].message);
    }
    batch_end(bus, b, repeat);
}

/* ---- events in ---- */

/* The event as the wire has it. *resources is freed by the caller when it is not `few`. */
static enum err to_entry(const struct bus_event *event, struct wire_entry *entry, struct str few[RESOURCES_ON_STACK], struct bus_fault *fault) {
    *entry = (struct wire_entry){
        .has_id = true,
        .time_ms = event->time_ms ? event->time_ms : -1,
        .bus = str_from(event->bus),
        .source = str_from(event->source),
        .detail_type = str_from(event->detail_type),
        .trace_header = str_from(event->trace_header),
        .detail = event->detail_bytes && event->detail ? str_of(event->detail, event->detail_bytes) : str_from(event->detail),
        .resources = few,
        .resource_count = event->resource_count,
    };
    if (event->time_ms < 0) return (enum err)client_fail(fault, ERR_USAGE, "the event's time_ms is negative");
    if (event->id && !id_parse(str_from(event->id), &entry->id))
        return (enum err)client_fail(fault, ERR_USAGE, "the event's id \"%.64s\" is not a UUID", event->id);
    if (event->resource_count > WIRE_RESOURCES_MAX)
        return (enum err)client_fail(fault, ERR_TOO_LARGE, "an event has at most %d resources", (int)WIRE_RESOURCES_MAX);
    if (event->resource_count > RESOURCES_ON_STACK) {
        entry->resources = malloc(event->resource_count * sizeof *entry->resources);
        if (!entry->resources) return (enum err)client_fail(fault, ERR_NOMEM, NULL);
    }
    for (size_t i = 0; i < event->resource_count; i++) {
        entry->resources[i] = str_from(event->resources[i]);
        if (!event->resources[i]) return (enum err)client_fail(fault, ERR_USAGE, "resource %zu of the event is NULL", i);
    }
    if (wire_put_size(entry) > EVENT_BYTES_MAX)
        return (enum err)client_fail(fault, ERR_TOO_LARGE, "the event does not fit into one frame of %d bytes", (int)WIRE_FRAME_MAX);
    return ERR_OK;
}

/* Random once for the handle, then counted up in its last six bytes: unique, and near each other in the daemon's index. */
static struct id next_id_locked(struct bus *bus) {
    for (int i = 15; i >= 10 && ++bus->id_next.b[i] == 0; i--) {}
    return bus->id_next;
}

static bool has_room_locked(const struct bus *bus, size_t bytes) {
    return bus->window_events < bus->options.window_events && (!bus->window_bytes || bus->window_bytes + bytes <= bus->options.window_bytes);
}

static enum err wait_for_room_locked(struct bus *bus, size_t bytes, bool may_wait) {
    if (!client_is_open_locked(bus)) return ERR_CLOSED;
    if (has_room_locked(bus, bytes)) return ERR_OK;
    if (!may_wait) return ERR_WINDOW_FULL;
    struct timespec until = client_time_in(bus->options.request_timeout_ms);
    while (!has_room_locked(bus, bytes)) {
        int rc = pthread_cond_timedwait(&bus->room, &bus->lock, &until);
        if (!client_is_open_locked(bus)) return ERR_CLOSED;
        if (rc && !has_room_locked(bus, bytes)) return ERR_TIMEOUT;
    }
    return ERR_OK;
}

/* The batch the next entry goes into; full ones are sealed on the way. NULL without memory. */
static struct batch *open_batch_locked(struct bus *bus, size_t bytes) {
    struct batch *b = bus->open;
    if (b && (b->count == bus->options.batch_events || b->request.body.n + bytes > bus->options.batch_bytes)) {
        put_seal_locked(bus);
        client_poke_locked(bus);
        b = NULL;
    }
    if (b) return batch_reserve(b, bytes) ? b : NULL;
    b = batch_take_locked(bus, ++bus->batch_number);
    if (!b) return NULL;
    if (!batch_reserve(b, bytes)) {
        batch_give_back_locked(bus, b);
        return NULL;
    }
    bus->open = b;
    client_poke_locked(bus);
    return b;
}

static enum err add_entry_locked(struct bus *bus, struct wire_entry *entry, bool own_id, bus_put_done done, void *ctx, bool may_wait) {
    size_t bytes = wire_put_size(entry);
    enum err err = wait_for_room_locked(bus, bytes, may_wait);
    if (err) return err;
    struct batch *b = open_batch_locked(bus, bytes);
    if (!b) return ERR_NOMEM;
    if (!own_id) entry->id = next_id_locked(bus);
    int64_t now_ms = b->count ? clock_mono_ms() : b->opened_ms;
    b->slots[b->count] = (struct slot){.done = done,
                                       .ctx = ctx,
                                       .id = entry->id,
                                       .deadline_ms = now_ms + bus->options.request_timeout_ms,
                                       .at = b->request.body.n,
                                       .bytes = bytes};
    b->count++;
    wire_put_add(&b->request.body, entry);
    bus->window_events++;
    bus->window_bytes += bytes;
    return ERR_OK;
}

static enum err put_event(struct bus *bus, const struct bus_event *event, bus_put_done done, void *ctx, bool may_wait, struct bus_fault *fault) {
    struct str few[RESOURCES_ON_STACK];
    struct wire_entry entry;
    enum err err = to_entry(event, &entry, few, fault);
    if (!err) {
        pthread_mutex_lock(&bus->lock);
        err = add_entry_locked(bus, &entry, event->id != NULL, done, ctx, may_wait);
        pthread_mutex_unlock(&bus->lock);
        if (err == ERR_WINDOW_FULL || err == ERR_TIMEOUT)
            client_fail(fault, err, "the window of %zu events and %zu bytes is full", bus->options.window_events, bus->options.window_bytes);
        else if (err) client_fail(fault, err, NULL);
    }
    if (entry.resources != few) free(entry.resources);
    return err;
}

enum bus_err bus_put_async(struct bus *bus, const struct bus_event *event, bus_put_done done, void *ctx, struct bus_fault *fault) {
    return (enum bus_err)put_event(bus, event, done, ctx, !bus->options.window_full_fails && !client_is_runner(bus), fault);
}

/* ---- waiting for results ---- */

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t all;
    size_t missing;
};
struct waiting {
    struct waiter *waiter;
    struct bus_result *result;
};

static void on_waited(void *ctx, const struct bus_result *result) {
    struct waiting *w = ctx;
    *w->result = *result;
    pthread_mutex_lock(&w->waiter->lock);
    if (--w->waiter->missing == 0) pthread_cond_signal(&w->waiter->all);
    pthread_mutex_unlock(&w->waiter->lock);
}

static void put_and_wait(struct bus *bus, const struct bus_event *events, size_t count, struct waiting *items, struct bus_result *results) {
    struct waiter waiter = {.missing = count};
    pthread_mutex_init(&waiter.lock, NULL);
    pthread_cond_init(&waiter.all, NULL);
    for (size_t i = 0; i < count; i++) {
        struct bus_fault fault;
        items[i] = (struct waiting){&waiter, &results[i]};
        enum err err = put_event(bus, &events[i], on_waited, &items[i], true, &fault);
        if (!err) continue;
        struct bus_result refused = {.err = (enum bus_err)err};
        str_copyz(refused.message, sizeof refused.message, str_from(fault.message));
        on_waited(&items[i], &refused);
    }
    pthread_mutex_lock(&waiter.lock);
    while (waiter.missing) pthread_cond_wait(&waiter.all, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    pthread_cond_destroy(&waiter.all);
    pthread_mutex_destroy(&waiter.lock);
}

enum bus_err bus_put_many(struct bus *bus, const struct bus_event *events, size_t count, struct bus_result *results, struct bus_fault *fault) {
    if (client_is_runner(bus)) return client_fail(fault, ERR_USAGE, "bus_put_many waits, and must not be called on a callback");
    if (!count) return BUS_ERR_OK;
    struct waiting *items = calloc(count, sizeof *items);
    struct bus_result *own = results ? results : calloc(count, sizeof *own);
    enum bus_err err = BUS_ERR_OK;
    if (!items || !own) err = client_fail(fault, ERR_NOMEM, NULL);
    else put_and_wait(bus, events, count, items, own);
    for (size_t i = 0; !err && i < count; i++) {
        err = own[i].err;
        if (!err || !fault) continue;
        client_fail(fault, (enum err)err, "%s", own[i].message);
        struct buf where;
        buf_init(&where, 0);
        buf_addf(&where, "events.%zu", i);
        str_copyz(fault->where, sizeof fault->where, buf_str(&where));
        buf_fini(&where);
    }
    if (!results) free(own);
    free(items);
    return err;
}

enum bus_err bus_put(struct bus *bus, const struct bus_event *event, struct bus_result *result, struct bus_fault *fault) {
    if (client_is_runner(bus)) return client_fail(fault, ERR_USAGE, "bus_put waits, and must not be called on a callback");
    struct bus_result own;
    struct waiting item;
    if (!result) result = &own;
    put_and_wait(bus, event, 1, &item, result);
    return result->err ? client_fail(fault, (enum err)result->err, "%s", result->message) : BUS_ERR_OK;
}

/* ---- flush ---- */

static bool is_batch_up_to(const struct request *r, uint64_t number) { return r->kind == WIRE_PUT && ((const struct batch *)r)->number <= number; }

static bool ended_up_to_locked(const struct bus *bus, uint64_t number) {
    if (bus->held && bus->held != HELD_CALL && bus->held <= number) return false;
    for (const struct request *r = bus->ready.first; r; r = r->next)
        if (is_batch_up_to(r, number)) return false;
    for (const struct request *r = bus->sent.first; r; r = r->next)
        if (is_batch_up_to(r, number)) return false;
    return true;
}

enum bus_err bus_flush(struct bus *bus, int timeout_ms) {
    if (client_is_runner(bus)) return BUS_ERR_USAGE;
    struct timespec until = client_time_in(timeout_ms < 0 ? 2 * REQUEST_TIMEOUT_MAX_MS : timeout_ms);
    pthread_mutex_lock(&bus->lock);
    uint64_t number = bus->batch_number;
    put_seal_locked(bus);
    client_poke_locked(bus);
    bus->flushers++;
    int rc = 0;
    while (!ended_up_to_locked(bus, number) && rc == 0) rc = pthread_cond_timedwait(&bus->settled, &bus->lock, &until);
    bool ended = ended_up_to_locked(bus, number);
    bus->flushers--;
    pthread_mutex_unlock(&bus->lock);
    return ended ? BUS_ERR_OK : BUS_ERR_TIMEOUT;
}
