/* Partner event sources: both sides of an offer, and the events that go over. */
#include "clock.h"
#include "engine.h"
#include "event.h"
#include "page.h"
#include "partners.h"
#include "world_partner.h"

enum { LIST_LIMIT = 100 };

static struct world *world_of(void *self) { return flow_world(api_flow(self)); }
static enum err no_memory(struct call *call) { return fault_set(&call->fault, ERR_NOMEM, NULL); }
static size_t limit_of(struct opt_i64 limit) { return limit.set ? (size_t)limit.v : LIST_LIMIT; }
static struct str text_or_empty(struct str s) { return s.p ? s : STR(""); }

/* The ARN has no account, as the service's. */
static struct str source_arn(const struct call *call, struct str name) {
    return arena_printf(call->arena, "arn:aws:events:%.*s::event-source/%.*s", STR_ARG(call->region), STR_ARG(name));
}

static struct str state_text(enum source_state state) {
    return state == SOURCE_ACTIVE ? STR("ACTIVE") : state == SOURCE_PENDING ? STR("PENDING") : STR("DELETED");
}

static struct opt_i64 expiry(const struct source_info *i) { return (struct opt_i64){i->expires_ms >= 0, i->expires_ms}; }

/* ---- the partner's side ----------------------------------------------------------------------------------------------------------------- */
static enum err create_source(void *self, struct call *call) {
    const struct partners_offer *in = call->in;
    struct partners_create_answer *out = call->out;
    out->arn = source_arn(call, in->name);
    return out->arn.p ? world_create_source(world_of(self), call->account, in->account, in->name, &call->fault) : no_memory(call);
}

static enum err delete_source(void *self, struct call *call) {
    const struct partners_offer *in = call->in;
    return world_delete_source(world_of(self), call->account, in->account, in->name, &call->fault);
}

static enum err describe_source(void *self, struct call *call) {
    const struct partners_source_name *in = call->in;
    struct source_info *infos;
    size_t count;
    bool more;
    enum err err = world_list_source_customers(world_of(self), call->account, in->name, STR_NULL, 1, call->arena, &infos, &count, &more, &call->fault);
    if (err) return err;
    *(struct partners_source *)call->out = (struct partners_source){.arn = source_arn(call, in->name), .name = in->name};
    return ERR_OK;
}

static enum err list_sources(void *self, struct call *call) {
    const struct partners_list_sources *in = call->in;
    struct partners_list_sources_answer *out = call->out;
    struct str after, *names;
    size_t count;
    bool more;
    enum err err = page_begin(call, in->next_token, &after);
    if (!err)
        err = world_list_source_names(world_of(self), call->account, in->name_prefix, after, limit_of(in->limit), call->arena, &names, &count,
                                      &more, &call->fault);
    if (err) return err;
    struct partners_source *items = arena_array(call->arena, count, sizeof *items);
    if (!items) return no_memory(call);
    for (size_t i = 0; i < count; i++) items[i] = (struct partners_source){source_arn(call, names[i]), names[i]};
    out->sources = (struct list){true, count, items};
    out->next_token = page_end(call, more, count ? names[count - 1] : STR(""));
    return ERR_OK;
}

static enum err list_accounts(void *self, struct call *call) {
    const struct partners_list_accounts *in = call->in;
    struct partners_list_accounts_answer *out = call->out;
    struct str after;
    struct source_info *infos;
    size_t count;
    bool more;
    enum err err = page_begin(call, in->next_token, &after);
    if (!err)
        err = world_list_source_customers(world_of(self), call->account, in->name, after, limit_of(in->limit), call->arena, &infos, &count,
                                          &more, &call->fault);
    if (err) return err;
    struct partners_account *items = arena_array(call->arena, count, sizeof *items);
    if (!items) return no_memory(call);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct partners_account){
            infos[i].customer, state_text(infos[i].state), {true, infos[i].created_ms}, expiry(&infos[i])};
    out->accounts = (struct list){true, count, items};
    out->next_token = page_end(call, more, count ? infos[count - 1].customer : STR(""));
    return ERR_OK;
}

/* ---- events ---------------------------------------------------------------------------------------------------------------------------------- */
/* What is put, and what is found out about it. */
struct batch {
    struct accept x;
    struct entry *entries;
    struct accept_route *routes;
    size_t *at;                    /* of an entry that is put: its place in the request */
    struct events_put_result *results; /* of the request's entries; those that are not put are filled in at once */
    size_t total;
};

/* Whose buses a source leads to; sources that were asked for already are not asked for again. */
static enum err route_of(void *self, struct call *call, struct batch *b, struct str source, struct accept_route *route) {
    for (size_t i = 0; i < b->x.count; i++)
        if (str_eq(b->routes[i].bus, source)) {
            *route = b->routes[i];
            return ERR_OK;
        }
    struct str *accounts;
    size_t count;
    enum err err = world_active_customers(world_of(self), call->account, source, call->arena, &accounts, &count, &call->fault);
    if (!err) *route = (struct accept_route){accounts, count, source};
    return err;
}

static enum err add_entry(void *self, struct call *call, struct batch *b, const struct partners_entry *e, size_t at) {
    struct accept_route route = {0};
    enum err err = e->source.p ? route_of(self, call, b, e->source, &route) : ERR_OK; /* without a source: the flow says so */
    if (err == ERR_NOT_FOUND) { /* this entry alone */
        b->results[at] = (struct events_put_result){.error_code = str_from(err_row(err)->aws_type),
                                                    .error_message = arena_str(call->arena, str_from(call->fault.message))};
        fault_clear(&call->fault);
        return ERR_OK;
    }
    if (err) return err;
    size_t n = b->x.count++;
    b->at[n] = at;
    b->routes[n] = route;
    b->entries[n] = (struct entry){.source = e->source,
                                   .detail_type = e->detail_type,
                                   .detail = e->detail,
                                   .resources = e->resources.items,
                                   .resource_count = e->resources.n,
                                   .time_ms = e->time_ms.set ? e->time_ms.v : -1};
    return ERR_OK;
}

/* On the committer's thread: the results of what was put take their places among the others. */
static void put_done(struct accept *x) {
    struct batch *b = (struct batch *)(void *)x;
    struct call *call = x->ctx;
    struct events_put_events_answer *out = call->out;
    int64_t failed = 0;
    bool whole = true;
    if (x->err) {
        call->fault = x->fault;
        call->finish(call, x->err);
        return;
    }
    for (size_t i = 0; i < x->count; i++) {
        const struct entry_result *r = &x->results[i];
        char id[ID_TEXT_SIZE];
        id_text(r->id, id);
        struct events_put_result *result = &b->results[b->at[i]];
        if (r->err)
            *result = (struct events_put_result){.error_code = str_from(err_row(r->err)->aws_type), .error_message = r->message};
        else
            result->event_id = arena_str(call->arena, str_from(id));
        whole &= result->event_id.p || result->error_code.p;
    }
    for (size_t i = 0; i < b->total; i++) failed += !b->results[i].event_id.p;
    out->failed_count = (struct opt_i64){true, failed};
    out->entries = (struct list){true, b->total, b->results};
    call->finish(call, whole ? ERR_OK : no_memory(call));
}

static enum err put_partner_events(void *self, struct call *call) {
    const struct partners_put_events *in = call->in;
    struct flow *flow = api_flow(self);
    struct batch *b = ARENA_NEW(call->arena, struct batch);
    if (!b) return no_memory(call);
    size_t n = b->total = in->entries.n, bytes = 0;
    b->entries = arena_array(call->arena, n, sizeof *b->entries);
    b->routes = arena_array(call->arena, n, sizeof *b->routes);
    b->at = arena_array(call->arena, n, sizeof *b->at);
    b->results = arena_array(call->arena, n, sizeof *b->results);
    if (!b->entries || !b->routes || !b->at || !b->results) return no_memory(call);
    for (size_t i = 0; i < n; i++) {
        enum err err = add_entry(self, call, b, LIST_AT(in->entries, struct partners_entry, i), i);
        if (err) return err;
    }
    for (size_t i = 0; i < b->x.count; i++) bytes += event_entry_bytes(&b->entries[i]);
    if (bytes > (size_t)flow_settings(flow)->entry_bytes)
        return fault_set(&call->fault, ERR_VALIDATION, "Total size of the entries in the request is over the limit.");
    b->x = (struct accept){.caller = api_caller_of(call),
                           .arena = call->arena,
                           .entries = b->entries,
                           .count = b->x.count,
                           .routes = b->routes,
                           .done = put_done,
                           .ctx = call};
    flow_accept(flow, &b->x);
    return ERR_PENDING;
}

/* ---- the customer's side ------------------------------------------------------------------------------------------------------------------------ */
static struct partners_event_source shown(const struct call *call, const struct source_info *i) {
    return (struct partners_event_source){.arn = source_arn(call, i->name),
                                          .created_by = i->partner,
                                          .name = i->name,
                                          .state = state_text(i->state),
                                          .created_ms = {true, i->created_ms},
                                          .expires_ms = expiry(i)};
}

static enum err describe_event_source(void *self, struct call *call) {
    const struct partners_source_name *in = call->in;
    struct source_info info;
    enum err err = world_describe_source(world_of(self), call->account, in->name, call->arena, &info, &call->fault);
    if (!err) *(struct partners_event_source *)call->out = shown(call, &info);
    return err;
}

static enum err list_event_sources(void *self, struct call *call) {
    const struct partners_list_sources *in = call->in;
    struct partners_list_event_sources_answer *out = call->out;
    struct str after;
    struct source_info *infos;
    size_t count;
    bool more;
    enum err err = page_begin(call, in->next_token, &after);
    if (!err)
        err = world_list_sources(world_of(self), call->account, text_or_empty(in->name_prefix), after, limit_of(in->limit), call->arena, &infos,
                                 &count, &more, &call->fault);
    if (err) return err;
    struct partners_event_source *items = arena_array(call->arena, count, sizeof *items);
    if (!items) return no_memory(call);
    for (size_t i = 0; i < count; i++) items[i] = shown(call, &infos[i]);
    out->sources = (struct list){true, count, items};
    out->next_token = page_end(call, more, count ? infos[count - 1].name : STR(""));
    return ERR_OK;
}

static enum err switch_source(void *self, struct call *call, bool on) {
    const struct partners_source_name *in = call->in;
    return world_switch_source(world_of(self), call->account, in->name, on, &call->fault);
}
static enum err activate(void *self, struct call *call) { return switch_source(self, call, true); }
static enum err deactivate(void *self, struct call *call) { return switch_source(self, call, false); }

/* ---- what policies are asked about ------------------------------------------------------------------------------------------------------------------ */
static struct str by_name(void *self, struct call *call) {
    (void)self;
    return source_arn(call, ((const struct partners_source_name *)call->in)->name);
}
static struct str by_offer(void *self, struct call *call) {
    (void)self;
    return source_arn(call, ((const struct partners_offer *)call->in)->name);
}
static struct str by_listing(void *self, struct call *call) {
    (void)self;
    return source_arn(call, ((const struct partners_list_accounts *)call->in)->name);
}

const struct handler_row partners_handlers[] = {
    {"CreatePartnerEventSource", create_source, by_offer, false},
    {"DeletePartnerEventSource", delete_source, by_offer, false},
    {"DescribePartnerEventSource", describe_source, by_name, false},
    {"ListPartnerEventSources", list_sources, NULL, false},
    {"ListPartnerEventSourceAccounts", list_accounts, by_listing, false},
    {"PutPartnerEvents", put_partner_events, NULL, false},
    {"DescribeEventSource", describe_event_source, by_name, false},
    {"ListEventSources", list_event_sources, NULL, false},
    {"ActivateEventSource", activate, by_name, false},
    {"DeactivateEventSource", deactivate, by_name, false},
    {NULL, NULL, NULL, false},
};
