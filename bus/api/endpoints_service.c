/* Endpoints: stored and returned; of their two buses they lead to the one in this region (events_service.c asks the world for it). */
#include "arn.h"
#include "endpoints.h"
#include "engine.h"
#include "page.h"
#include "world_endpoint.h"

enum { LIST_LIMIT = 100 };

static struct world *world_of(void *self) { return flow_world(api_flow(self)); }
static enum err no_memory(struct call *call) { return fault_set(&call->fault, ERR_NOMEM, NULL); }

static struct str endpoint_arn(const struct call *call, struct str name) {
    return arena_printf(call->arena, "arn:aws:events:%.*s:%.*s:endpoint/%.*s", STR_ARG(call->region), STR_ARG(call->account), STR_ARG(name));
}

/* ---- what an endpoint is made of -------------------------------------------------------------------------------------------------------- */
static enum err not_valid(struct call *call, const char *why) {
    return fault_at(&call->fault, ERR_VALIDATION, "eventBuses", 0, 0, "Parameter EventBuses is not valid. Reason: %s", why);
}

/* The name of the two buses; one of them must be in this region, and both the caller's. */
static enum err bus_of(struct call *call, struct list buses, struct str *name) {
    struct arn first, second;
    if (buses.n != 2 || !arn_parse(LIST_AT(buses, struct endpoints_bus, 0)->arn, &first) ||
        !arn_parse(LIST_AT(buses, struct endpoints_bus, 1)->arn, &second))
        return not_valid(call, "two ARNs of event buses are needed.");
    *name = arn_name(&first, "event-bus");
    if (!str_eq(*name, arn_name(&second, "event-bus")) || !str_eq(first.account, second.account))
        return not_valid(call, "the two event buses must have the same name and account.");
    if (!str_eq(first.account, call->account)) return not_valid(call, "the event buses must be in the account of the endpoint.");
    if (str_eq(first.region, second.region)) return not_valid(call, "the two event buses must be in different regions.");
    if (!str_eq(first.region, call->region) && !str_eq(second.region, call->region)) return not_valid(call, "no event bus is in this region.");
    return ERR_OK;
}

static struct str settings_text(struct call *call, const struct endpoints_settings *settings) {
    struct buf json;
    buf_init(&json, 0);
    shape_encode(&endpoints_settings_shape, settings, &json);
    struct str text = json.failed ? STR_NULL : arena_str(call->arena, buf_str(&json));
    buf_fini(&json);
    return text;
}

static enum err read_settings(struct call *call, struct str text, struct endpoints_settings *settings) {
    *settings = (struct endpoints_settings){0};
    return shape_decode(&endpoints_settings_shape, text, false, call->arena, settings, &call->fault);
}

static enum err show(struct call *call, const struct endpoint_info *i, struct endpoints_endpoint *out) {
    *out = (struct endpoints_endpoint){.name = i->name,
                                       .arn = endpoint_arn(call, i->name),
                                       .id = i->id,
                                       .url = arena_printf(call->arena, "https://%.*s.endpoint.events.amazonaws.com", STR_ARG(i->id)),
                                       .state = STR("ACTIVE"),
                                       .created_ms = {true, i->created_ms},
                                       .modified_ms = {true, i->modified_ms}};
    return out->arn.p && out->url.p ? read_settings(call, i->settings, &out->settings) : no_memory(call);
}

/* ---- operations ------------------------------------------------------------------------------------------------------------------------------ */
static enum err answer(void *self, struct call *call, struct str name) {
    struct endpoints_put_answer *out = call->out;
    struct endpoint_info info;
    struct endpoints_endpoint e;
    enum err err = world_describe_endpoint(world_of(self), call->account, name, call->arena, &info, &call->fault);
    if (!err) err = show(call, &info, &e);
    if (!err)
        *out = (struct endpoints_put_answer){
            .name = e.name, .arn = e.arn, .id = e.id, .url = e.url, .state = e.state, .settings = e.settings};
    return err;
}

static enum err create_endpoint(void *self, struct call *call) {
    const struct endpoints_put *in = call->in;
    struct str bus;
    enum err err = bus_of(call, in->settings.buses, &bus);
    struct str text = err ? STR_NULL : settings_text(call, &in->settings);
    if (!err && !text.p) err = no_memory(call);
    if (!err) err = world_create_endpoint(world_of(self), call->account, in->name, bus, text, &call->fault);
    return err ? err : answer(self, call, in->name);
}

static enum err update_endpoint(void *self, struct call *call) {
    const struct endpoints_put *in = call->in;
    struct endpoint_info info;
    struct endpoints_settings now;
    struct str bus;
    enum err err = world_describe_endpoint(world_of(self), call->account, in->name, call->arena, &info, &call->fault);
    if (!err) err = read_settings(call, info.settings, &now);
    if (err) return err;
    if (in->settings.description.p) now.description = in->settings.description;
    if (in->settings.role_arn.p) now.role_arn = in->settings.role_arn;
    if (in->settings.routing) now.routing = in->settings.routing;
    if (in->settings.replication) now.replication = in->settings.replication;
    if (in->settings.buses.set) now.buses = in->settings.buses;
    err = bus_of(call, now.buses, &bus);
    struct str text = err ? STR_NULL : settings_text(call, &now);
    if (!err && !text.p) err = no_memory(call);
    if (!err) err = world_update_endpoint(world_of(self), call->account, in->name, bus, text, &call->fault);
    return err ? err : answer(self, call, in->name);
}

static enum err delete_endpoint(void *self, struct call *call) {
    const struct endpoints_name *in = call->in;
    return world_delete_endpoint(world_of(self), call->account, in->name, &call->fault);
}

/* All endpoints that are here have this region as their home. */
static bool is_home(const struct call *call, struct str region) { return !region.p || str_eq(region, call->region); }

static enum err describe_endpoint(void *self, struct call *call) {
    const struct endpoints_name *in = call->in;
    struct endpoint_info info;
    if (!is_home(call, in->home_region))
        return fault_set(&call->fault, ERR_NOT_FOUND, "Endpoint %.*s does not exist.", STR_ARG(in->name));
    enum err err = world_describe_endpoint(world_of(self), call->account, in->name, call->arena, &info, &call->fault);
    return err ? err : show(call, &info, call->out);
}

static enum err list_endpoints(void *self, struct call *call) {
    const struct endpoints_list *in = call->in;
    struct endpoints_list_answer *out = call->out;
    struct str after;
    struct endpoint_info *infos;
    size_t count;
    bool more;
    enum err err = page_begin(call, in->next_token, &after);
    if (!err)
        err = world_list_endpoints(world_of(self), call->account, in->name_prefix.p ? in->name_prefix : STR(""), after,
                                   in->limit.set ? (size_t)in->limit.v : LIST_LIMIT, call->arena, &infos, &count, &more, &call->fault);
    if (err) return err;
    if (!is_home(call, in->home_region)) count = 0;
    struct endpoints_endpoint *items = arena_array(call->arena, count, sizeof *items);
    if (!items) return no_memory(call);
    for (size_t i = 0; i < count && !err; i++) err = show(call, &infos[i], &items[i]);
    out->endpoints = (struct list){true, count, items};
    out->next_token = page_end(call, more && count, count ? infos[count - 1].name : STR(""));
    return err;
}

static struct str by_name(void *self, struct call *call) {
    (void)self;
    return endpoint_arn(call, ((const struct endpoints_name *)call->in)->name);
}
static struct str by_put(void *self, struct call *call) {
    (void)self;
    return endpoint_arn(call, ((const struct endpoints_put *)call->in)->name);
}

const struct handler_row endpoints_handlers[] = {
    {"CreateEndpoint", create_endpoint, by_put, false},
    {"UpdateEndpoint", update_endpoint, by_put, false},
    {"DeleteEndpoint", delete_endpoint, by_name, false},
    {"DescribeEndpoint", describe_endpoint, by_name, false},
    {"ListEndpoints", list_endpoints, NULL, false},
    {NULL, NULL, NULL, false},
};
