/* The doorway: a batch of entries becomes events, one transaction, and answers. */
#include "arn.h"
#include "clock.h"
#include "flow_state.h"
#include "log.h"

/* A batch under way: lives in the batch's arena from flow_accept to done. */
struct batch {
    struct flow *flow;
    struct accept *x;
    struct txn txn; /* of the whole batch: entries' transactions joined */
    struct routing r;
    size_t accepted;    /* entries */
    struct id *claimed; /* ids that clients made, as the window knows them; nobody can put an event again by an id that is made here */
    size_t claimed_count;
    size_t written; /* of these, how many events wrote something: the first ones */
    int64_t now_ms;
};

/* Ids are told apart by account: two accounts' equal ids are two events. The account's number is folded into the id's first bytes. */
static struct id window_id(struct id id, struct str account) {
    uint64_t number = 0;
    for (size_t i = 0; i < account.n; i++) number = number * 10 + (uint64_t)(account.p[i] - '0');
    for (size_t i = 0; i < 8; i++) id.b[i] ^= (uint8_t)(number >> (8 * i));
    return id;
}

static void refuse(struct batch *b, struct entry_result *result, enum err err, const char *message) {
    result->err = err;
    result->message = arena_str(b->x->arena, str_from(message));
    COUNT(&b->flow->counters, refused);
}

static enum err find_bus(struct batch *b, const struct entry *e, const struct bus_view **bus, struct fault *fault) {
    struct bus_ref ref;
    *bus = NULL;
    enum err err = bus_ref_parse(b->flow->world, b->x->caller->account, e->bus, &ref, fault);
    if (err) return err;
    if (str_find(ref.name, '/', 0) < ref.name.n)
        return fault_set(fault, ERR_VALIDATION, "Parameter EventBusName is not valid. Reason: only its partner puts events onto event bus %.*s.",
                         STR_ARG(ref.name));
    *bus = snapshot_bus(b->r.snapshot, ref.account, ref.name);
    if (*bus || b->flow->settings->aws_quirks) return ERR_OK;
    return fault_set(fault, ERR_NOT_FOUND, "Event bus %.*s does not exist.", STR_ARG(ref.name));
}

static enum err authorize_put(struct batch *b, const struct bus_view *bus, const struct entry *e, struct fault *fault) {
    static const struct str no[] = {{"false", 5}};
    struct condition_value keys[] = {
        {"events:source", &e->source, 1}, {"events:detail-type", &e->detail_type, 1}, {"events:eventBusInvocation", no, 1}};
    return flow_authorize(b->flow, b->x->caller, "events:PutEvents", bus->head->arn, keys, 3, fault);
}

/* Claims the id; false when the answer is known already. */
static bool claim(struct batch *b, struct id id, struct entry_result *result) {
    uint64_t evicted = 0;
    struct id key = window_id(id, b->x->caller->account);
    enum dedup_verdict verdict = dedup_claim(b->flow->dedup, key, b->now_ms, &evicted);
    if (evicted && atomic_fetch_add(&b->flow->counters.dedup_early, evicted) % 100000 == 0)
        log_line(LOG_WARN, "accept", "the deduplication window is full: ids are forgotten early (setting dedup-ids)",
                 LOG_I("evicted", evicted));
    switch (verdict) {
    case DEDUP_NEW: b->claimed[b->claimed_count++] = key; return true;
    case DEDUP_DUPLICATE:
        result->err = ERR_OK;
        result->duplicate = true;
        COUNT(&b->flow->counters, duplicates);
        return false;
    case DEDUP_UNDER_WAY: refuse(b, result, ERR_THROTTLING, "An event with this id is being accepted right now; ask again."); return false;
    case DEDUP_FULL: break;
    }
    refuse(b, result, ERR_THROTTLING, "The deduplication window is full (setting dedup-ids); try again later.");
    return false;
}

static void unclaim_last(struct batch *b) { dedup_settle(b->flow->dedup, &b->claimed[--b->claimed_count], 1, false); }

static enum err accept_event(struct batch *b, struct str account, const struct bus_view *bus, const struct entry *e, struct txn *txn,
                             struct fault *fault) {
    struct event event;
    enum err err = event_build(e, account, b->flow->region, b->now_ms, b->flow->settings, b->x->arena, &event, fault);
    if (err || !bus) return err; /* no bus: aws-quirks, or a partner without customers: the event is taken and lost */
    b->r.txn = txn;
    b->r.event = &event;
    b->r.fault = fault;
    hop_init(&b->r.path);
    if (hop_enter(&b->r.path, bus->head->arn)) return fault_set(fault, ERR_INTERNAL, NULL);
    return route_on_bus(&b->r, bus);
}

static void lose(const struct batch *b, const struct entry *e) {
    COUNT(&b->flow->counters, lost);
    log_line(LOG_WARN, "accept", "an event for a bus that does not exist is lost (aws-quirks)", LOG_S("account", b->x->caller->account),
             LOG_S("bus", e->bus), LOG_S("source", e->source), LOG_S("detail_type", e->detail_type));
}

/* A partner's entry: an event of its own for each customer. */
static enum err accept_routes(struct batch *b, const struct accept_route *route, const struct entry *e, struct txn *txn, struct fault *fault) {
    enum err err = ERR_OK;
    if (!route->count) return accept_event(b, b->x->caller->account, NULL, e, txn, fault);
    for (size_t i = 0; i < route->count && !err; i++)
        err = accept_event(b, route->accounts[i], snapshot_bus(b->r.snapshot, route->accounts[i], route->bus), e, txn, fault);
    return err;
}

/* One entry, all or nothing: its operations join the batch's only when it is accepted. */
static void accept_entry(struct batch *b, const struct entry *given, struct entry_result *result, struct fault *fault) {
    const struct accept_route *route = b->x->routes ? &b->x->routes[given - b->x->entries] : NULL;
    struct entry e = *given;
    if (!e.has_id) e.id = id_random();
    *result = (struct entry_result){.id = e.id};
    const struct bus_view *bus = NULL;
    enum err err = route ? ERR_OK : find_bus(b, &e, &bus, fault);
    if (!err && bus) err = authorize_put(b, bus, &e, fault);
    if (err) {
        refuse(b, result, err, fault->message);
        return;
    }
    if (e.has_id && !claim(b, e.id, result)) return;
    struct txn txn;
    txn_init(&txn, b->x->arena);
    err = route ? accept_routes(b, route, &e, &txn, fault) : accept_event(b, b->x->caller->account, bus, &e, &txn, fault);
    if (err) {
        if (e.has_id) unclaim_last(b);
        refuse(b, result, err, fault->message);
        return;
    }
    b->accepted++;
    if (!bus && !route) lose(b, &e);
    if (e.has_id && txn.count) {
        struct id swap = b->claimed[b->written]; /* ids whose events wrote something come first: those are stored */
        b->claimed[b->written++] = b->claimed[b->claimed_count - 1];
        b->claimed[b->claimed_count - 1] = swap;
    }
    txn_join(&b->txn, &txn);
}

static void finish(struct batch *b, enum err err, const struct fault *fault) {
    struct accept *x = b->x;
    if (b->claimed_count) dedup_settle(b->flow->dedup, b->claimed, b->claimed_count, !err);
    if (!err)
        COUNT_N(&b->flow->counters, accepted, b->accepted);
    else
        COUNT_N(&b->flow->counters, refused, b->accepted);
    x->err = err;
    if (err && fault && fault != &x->fault) x->fault = *fault;
    x->done(x);
}

static void committed(struct txn *txn, enum err err, const struct fault *fault) { finish(txn->ctx, err, fault); }

static struct batch *batch_new(struct flow *f, struct accept *x) {
    struct batch *b = ARENA_NEW(x->arena, struct batch);
    if (!b) return NULL;
    *b = (struct batch){.flow = f, .x = x, .now_ms = clock_now_ms()};
    x->results = arena_array(x->arena, x->count, sizeof *x->results);
    b->claimed = arena_array(x->arena, x->count, sizeof *b->claimed);
    if (!x->results || !b->claimed) return NULL;
    txn_init(&b->txn, x->arena);
    b->txn.done = committed;
    b->txn.ctx = b;
    b->r.flow = f;
    b->r.arena = x->arena;
    b->r.samples = seen_due(f->seen, b->now_ms) ? SEEN_EVENTS_MAX : 0;
    return b;
}

static bool remember_ids(struct batch *b) {
    if (!b->written) return true;
    struct store_op *op = txn_add(&b->txn, OP_IDS_REMEMBER);
    if (!op) return false;
    op->u.ids.ids = b->claimed;
    op->u.ids.count = b->written;
    op->u.ids.at_ms = b->now_ms;
    return true;
}

void flow_accept(struct flow *f, struct accept *x) {
    x->err = ERR_OK;
    fault_clear(&x->fault);
    if (lanes_pending(f->lanes) >= f->settings->pending_deliveries) {
        x->err = fault_set(&x->fault, ERR_THROTTLING,
                           "%lld deliveries are waiting for their targets (setting pending-deliveries); try again later.",
                           (long long)lanes_pending(f->lanes));
        COUNT_N(&f->counters, refused, x->count);
        x->done(x);
        return;
    }
    struct batch *b = batch_new(f, x);
    if (!b) {
        x->err = fault_set(&x->fault, ERR_NOMEM, "the batch of events takes too much memory: send fewer at once");
        x->done(x);
        return;
    }
    b->r.snapshot = world_snapshot(f->world);
    for (size_t i = 0; i < x->count; i++) accept_entry(b, &x->entries[i], &x->results[i], &x->fault);
    snapshot_release(b->r.snapshot);
    fault_clear(&x->fault);
    if (!b->txn.first) { /* nothing to be durable: no rule took anything */
        finish(b, ERR_OK, NULL);
        return;
    }
    enum err err = remember_ids(b) ? committer_submit(f->committer, &b->txn, &x->fault) : fault_set(&x->fault, ERR_NOMEM, NULL);
    if (err) finish(b, err, &x->fault);
}
