#include "service.h"

#include <strings.h>

#include "hash.h"
#include "page.h"

enum { LIST_LIMIT = 100 };

static enum err no_memory(struct call *call) { return fault_set(&call->fault, ERR_NOMEM, NULL); }
static struct registry *registry_of(void *self) { return &((struct destination_service *)self)->registry; }

/* ---- what is asked about ----------------------------------------------------------------------------------------------------------------
 */
/* Policies know these resources without their UUID, as the service's do. */
static struct str resource_arn(struct call *call, const char *kind, struct str name) {
    return arena_printf(call->arena, "arn:aws:events:%.*s:%.*s:%s/%.*s", STR_ARG(call->region), STR_ARG(call->account), kind,
                        STR_ARG(name));
}
/* Name is the first member of all these requests. */
static struct str connection_resource(void *self, struct call *call) {
    (void)self;
    return resource_arn(call, "connection", *(const struct str *)call->in);
}
static struct str destination_resource(void *self, struct call *call) {
    (void)self;
    return resource_arn(call, "api-destination", *(const struct str *)call->in);
}
static struct str all_connections(void *self, struct call *call) {
    (void)self;
    return resource_arn(call, "connection", STR("*"));
}
static struct str all_destinations(void *self, struct call *call) {
    (void)self;
    return resource_arn(call, "api-destination", STR("*"));
}

static enum err no_connection(struct call *call, struct str name) {
    return fault_set(&call->fault, ERR_NOT_FOUND, "Failed to describe the connection(s). Connection '%.*s' does not exist.", STR_ARG(name));
}
static enum err no_destination(struct call *call, struct str name) {
    return fault_set(&call->fault, ERR_NOT_FOUND, "Failed to describe the api-destination(s). An api-destination '%.*s' does not exist.",
                     STR_ARG(name));
}

/* ---- copies of what a connection authorizes with
 * ------------------------------------------------------------------------------------------ */
/* Copies through the shape: what was decoded from a request, or is in another entry, into the arena. */
static struct connection_auth *copy_auth(struct arena *a, const struct connection_auth *auth) {
    struct buf text;
    struct connection_auth *copy = ARENA_NEW(a, struct connection_auth);
    buf_init(&text, 0);
    shape_encode(&connection_shape_auth, auth, &text);
    if (copy && (text.failed || shape_decode(&connection_shape_auth, buf_str(&text), false, a, copy, NULL))) copy = NULL;
    if (text.p) explicit_bzero(text.p, text.cap);
    buf_fini(&text);
    return copy;
}

static bool same_auth(const struct connection_auth *a, const struct connection_auth *b) {
    struct buf x, y;
    buf_init(&x, 0);
    buf_init(&y, 0);
    if (a) shape_encode(&connection_shape_auth, a, &x);
    if (b) shape_encode(&connection_shape_auth, b, &y);
    bool same = str_eq(buf_str(&x), buf_str(&y));
    if (x.p) explicit_bzero(x.p, x.cap);
    if (y.p) explicit_bzero(y.p, y.cap);
    buf_fini(&x);
    buf_fini(&y);
    return same;
}

/* The parameters without the values of secret ones. */
static bool hide_list(struct arena *a, struct list *list) {
    struct connection_parameter *items = arena_array(a, list->n, sizeof *items);
    for (size_t i = 0; items && i < list->n; i++) {
        items[i] = *LIST_AT(*list, struct connection_parameter, i);
        if (items[i].is_secret.v) items[i].value = STR_NULL;
        items[i].key = arena_str(a, items[i].key);
        items[i].value = arena_str(a, items[i].value);
    }
    list->items = items;
    return items;
}

static bool hide_http(struct arena *a, struct connection_http **http) {
    if (!*http) return true;
    struct connection_http *shown = ARENA_NEW(a, struct connection_http);
    if (!shown) return false;
    *shown = **http;
    *http = shown;
    return hide_list(a, &shown->headers) && hide_list(a, &shown->query) && hide_list(a, &shown->body);
}

/* A copy of what may be shown: no secret is copied at all. NULL without memory. */
static struct connection_auth *shown_auth(struct arena *a, const struct connection_auth *auth) {
    struct connection_auth *shown = ARENA_NEW(a, struct connection_auth);
    if (!shown) return NULL;
    *shown = (struct connection_auth){.http = auth->http, .connectivity = arena_str(a, auth->connectivity)};
    if (auth->basic && (shown->basic = ARENA_NEW(a, struct connection_basic))) shown->basic->username = arena_str(a, auth->basic->username);
    if (auth->api_key && (shown->api_key = ARENA_NEW(a, struct connection_api_key)))
        shown->api_key->name = arena_str(a, auth->api_key->name);
    if (auth->oauth && (shown->oauth = ARENA_NEW(a, struct connection_oauth))) {
        *shown->oauth = (struct connection_oauth){.client = ARENA_NEW(a, struct connection_client),
                                                  .endpoint = arena_str(a, auth->oauth->endpoint),
                                                  .method = arena_str(a, auth->oauth->method),
                                                  .http = auth->oauth->http};
        if (!shown->oauth->client || !hide_http(a, &shown->oauth->http)) return NULL;
        shown->oauth->client->id = arena_str(a, auth->oauth->client->id);
    }
    return hide_http(a, &shown->http) ? shown : NULL;
}

/* ---- connections: making and changing
 * ----------------------------------------------------------------------------------------------------- */
/* Does the authorization fit its type: the parameters of this kind, whole, and of no other? */
static enum err check_auth(struct destination_service *s, struct call *call, struct str arn, struct str type,
                           const struct connection_auth *auth) {
    const struct {
        const char *type, *member;
        bool there;
    } kinds[] = {{"BASIC", "BasicAuthParameters", auth->basic},
                 {"API_KEY", "ApiKeyAuthParameters", auth->api_key},
                 {"OAUTH_CLIENT_CREDENTIALS", "OAuthParameters", auth->oauth}};
    for (size_t i = 0; i < 3; i++) {
        bool wanted = str_eqz(type, kinds[i].type);
        if (wanted == kinds[i].there) continue;
        return fault_at(&call->fault, ERR_VALIDATION, "authParameters", 0, 0,
                        "Parameter AuthParameters is not valid. Reason: AuthorizationType %.*s %s %s.", STR_ARG(type),
                        wanted ? "needs" : "does not take", kinds[i].member);
    }
    struct fault why;
    if (shape_check(&connection_shape_auth, auth, call->arena, &why)) {
        call->fault = why;
        return why.code;
    }
    if (auth->oauth)
        return guard_check_url(s->guard, auth->oauth->endpoint, arn, "Parameter AuthorizationEndpoint is not valid.", NULL, &call->fault);
    if (auth->api_key && str_find(auth->api_key->name, ':', 0) < auth->api_key->name.n)
        return fault_set(&call->fault, ERR_VALIDATION, "Parameter ApiKeyName is not valid. Reason: a header's name has no colon.");
    return ERR_OK;
}

static bool fill_strings(struct connection *c, const struct connection_settings *in) {
    struct arena *a = &c->r.arena;
    c->type = arena_str(a, in->type);
    c->description = arena_str(a, in->description);
    c->connectivity = arena_str(a, in->connectivity);
    c->kms_key = arena_str(a, in->kms_key);
    return c->type.p;
}

/* Shows it, and has it authorized. Takes over the reference. */
static enum err put_connection(struct destination_service *s, struct call *call, struct connection *c) {
    struct registry *r = &s->registry;
    bool oauth = c->auth->oauth;
    c->state = oauth ? "AUTHORIZING" : "AUTHORIZED";
    c->authorized_ms = oauth ? c->authorized_ms : call->now_ms;
    resource_ref(&c->r); /* ours, for the answer */
    enum err err = connection_store(r, c, &call->fault);
    if (!err) {
        struct connection_changed *out = call->out;
        *out = (struct connection_changed){.arn = arena_str(call->arena, c->arn),
                                           .state = str_from(oauth ? "AUTHORIZING" : "AUTHORIZED"),
                                           .created_ms = {true, c->created_ms},
                                           .modified_ms = {true, c->modified_ms},
                                           .authorized_ms = {!oauth, call->now_ms}};
    }
    if (!err && oauth)
        invoker_authorize(s->invoker, c);
    else
        connection_unref(c);
    return err;
}

static enum err create_connection(void *self, struct call *call) {
    struct destination_service *s = self;
    const struct connection_settings *in = call->in;
    struct registry *r = &s->registry;
    enum err err = check_auth(s, call, resource_arn(call, "connection", in->name), in->type, in->auth);
    if (err) return err;
    resources_lock(&r->connections);
    struct connection *there = connection_find(r, call->account, in->name), *c = NULL;
    if (there)
        err = fault_set(&call->fault, ERR_EXISTS, "Connection %.*s already exists.", STR_ARG(in->name));
    else if (!(c = connection_new(r, call->account, in->name)) || !fill_strings(c, in) || !(c->auth = copy_auth(&c->secrets, in->auth)))
        err = no_memory(call);
    if (err) {
        connection_unref(c);
    } else {
        c->created_ms = c->modified_ms = call->now_ms;
        err = put_connection(s, call, c);
    }
    connection_unref(there);
    resources_unlock(&r->connections);
    return err;
}

static struct str either(struct str now, struct str before) { return now.p ? now : before; }

/* What the update says, and for the rest what is there: down to the single member, but lists of parameters are replaced as a whole. Borrows
 * from both. */
static bool merge_auth(struct arena *a, const struct connection_auth *in, const struct connection_auth *old, bool same_type,
                       struct connection_auth *out) {
    static const struct connection_auth none;
    if (!in) in = &none;
    if (!old) old = &none;
    const struct connection_auth *base = same_type ? old : &none;
    *out = (struct connection_auth){.http = in->http ? in->http : old->http,
                                    .connectivity = either(in->connectivity, old->connectivity),
                                    .basic = base->basic,
                                    .api_key = base->api_key,
                                    .oauth = base->oauth};
    if (in->basic) {
        if (!(out->basic = ARENA_NEW(a, struct connection_basic))) return false;
        *out->basic = *in->basic;
        if (base->basic)
            *out->basic = (struct connection_basic){either(in->basic->username, base->basic->username),
                                                    either(in->basic->password, base->basic->password)};
    }
    if (in->api_key) {
        if (!(out->api_key = ARENA_NEW(a, struct connection_api_key))) return false;
        *out->api_key = *in->api_key;
        if (base->api_key)
            *out->api_key = (struct connection_api_key){either(in->api_key->name, base->api_key->name),
                                                        either(in->api_key->value, base->api_key->value)};
    }
    if (in->oauth) {
        static const struct connection_oauth no_oauth;
        static const struct connection_client no_client;
        const struct connection_oauth *was = base->oauth ? base->oauth : &no_oauth;
        const struct connection_client *client = in->oauth->client ? in->oauth->client : &no_client,
                                       *before = was->client ? was->client : &no_client;
        out->oauth = ARENA_NEW(a, struct connection_oauth);
        struct connection_client *merged = ARENA_NEW(a, struct connection_client);
        if (!out->oauth || !merged) return false;
        *merged = (struct connection_client){either(client->id, before->id), either(client->secret, before->secret)};
        *out->oauth = (struct connection_oauth){.client = merged,
                                                .endpoint = either(in->oauth->endpoint, was->endpoint),
                                                .method = either(in->oauth->method, was->method),
                                                .http = in->oauth->http ? in->oauth->http : was->http};
    }
    return true;
}

/* Nothing is different from what is there, and what is there works: a rule file that is read at each start changes nothing. */
static bool is_unchanged(struct connection *old, const struct connection_settings *now, const struct connection_auth *auth) {
    pthread_mutex_lock(&old->lock);
    bool authorized = strcmp(old->state, "DEAUTHORIZED") != 0;
    pthread_mutex_unlock(&old->lock);
    return authorized && old->auth && str_eq(old->type, now->type) &&
           str_eq(either(old->description, STR("")), either(now->description, STR(""))) && str_eq(old->connectivity, now->connectivity) &&
           str_eq(old->kms_key, now->kms_key) && same_auth(old->auth, auth);
}

static void connection_answer(struct call *call, struct connection *c, struct connection_changed *out) {
    pthread_mutex_lock(&c->lock);
    *out = (struct connection_changed){.arn = arena_str(call->arena, c->arn),
                                       .state = str_from(c->state),
                                       .created_ms = {true, c->created_ms},
                                       .modified_ms = {true, c->modified_ms},
                                       .authorized_ms = {c->authorized_ms != 0, c->authorized_ms}};
    pthread_mutex_unlock(&c->lock);
}

static enum err update_locked(struct destination_service *s, struct call *call, struct connection *old) {
    const struct connection_settings *in = call->in;
    struct registry *r = &s->registry;
    struct connection_settings now = {.type = either(in->type, old->type),
                                      .description = either(in->description, old->description),
                                      .connectivity = either(in->connectivity, old->connectivity),
                                      .kms_key = either(in->kms_key, old->kms_key)};
    struct connection_auth auth;
    if (!merge_auth(call->arena, in->auth, old->auth, str_eq(now.type, old->type), &auth)) return no_memory(call);
    enum err err = check_auth(s, call, resource_arn(call, "connection", in->name), now.type, &auth);
    if (err) return err;
    if (is_unchanged(old, &now, &auth)) {
        connection_answer(call, old, call->out);
        return ERR_OK;
    }
    struct connection *c = connection_new(r, old->r.account, old->r.name);
    if (!c || !fill_strings(c, &now) || !(c->uuid = arena_str(&c->r.arena, old->uuid)).p || !(c->auth = copy_auth(&c->secrets, &auth))) {
        connection_unref(c);
        return no_memory(call);
    }
    c->created_ms = old->created_ms;
    c->modified_ms = call->now_ms;
    return put_connection(s, call, c);
}

static enum err update_connection(void *self, struct call *call) {
    struct destination_service *s = self;
    const struct connection_settings *in = call->in;
    resources_lock(&s->registry.connections);
    struct connection *old = connection_find(&s->registry, call->account, in->name);
    enum err err = old ? update_locked(s, call, old) : no_connection(call, in->name);
    connection_unref(old);
    resources_unlock(&s->registry.connections);
    return err;
}

static enum err delete_connection(void *self, struct call *call) {
    struct registry *r = registry_of(self);
    const struct connection_reference *in = call->in;
    resources_lock(&r->connections);
    struct connection *c = connection_find(r, call->account, in->name);
    enum err err = c ? connection_remove(r, c, &call->fault) : no_connection(call, in->name);
    if (!err) {
        connection_answer(call, c, call->out);
        ((struct connection_changed *)call->out)->state = STR("DELETING");
    }
    connection_unref(c);
    resources_unlock(&r->connections);
    return err;
}

static enum err deauthorize_connection(void *self, struct call *call) {
    struct registry *r = registry_of(self);
    const struct connection_reference *in = call->in;
    resources_lock(&r->connections);
    struct connection *old = connection_find(r, call->account, in->name), *c = NULL;
    enum err err = old ? ERR_OK : no_connection(call, in->name);
    if (!err) {
        struct connection_settings as = {
            .type = old->type, .description = old->description, .connectivity = old->connectivity, .kms_key = old->kms_key};
        c = connection_new(r, old->r.account, old->r.name);
        if (!c || !fill_strings(c, &as) || !(c->uuid = arena_str(&c->r.arena, old->uuid)).p) {
            connection_unref(c);
            err = no_memory(call);
        }
    }
    if (!err) {
        c->created_ms = old->created_ms;
        c->modified_ms = call->now_ms;
        c->state = "DEAUTHORIZED";
        str_copyz(c->reason, sizeof c->reason, STR("DeauthorizeConnection removed its authorization parameters."));
        pthread_mutex_lock(&old->lock);
        c->authorized_ms = old->authorized_ms;
        pthread_mutex_unlock(&old->lock);
        resource_ref(&c->r);
        err = connection_store(r, c, &call->fault);
        if (!err) connection_answer(call, c, call->out);
        if (!err) ((struct connection_changed *)call->out)->state = STR("DEAUTHORIZING");
        connection_unref(c);
    }
    connection_unref(old);
    resources_unlock(&r->connections);
    return err;
}

/* ---- connections: showing
 * -------------------------------------------------------------------------------------------------------------------- */
static enum err describe_connection(void *self, struct call *call) {
    struct registry *r = registry_of(self);
    const struct connection_reference *in = call->in;
    struct connection_description *out = call->out;
    struct arena *a = call->arena;
    struct connection *c = connection_find(r, call->account, in->name);
    if (!c) return no_connection(call, in->name);
    *out = (struct connection_description){
        .arn = arena_str(a, c->arn),
        .name = arena_str(a, c->r.name),
        .description = arena_str(a, c->description),
        .type = arena_str(a, c->type),
        .connectivity = arena_str(a, c->connectivity),
        .kms_key = arena_str(a, c->kms_key),
        .secret_arn = arena_printf(a, "arn:aws:secretsmanager:%.*s:%.*s:secret:events!connection/%.*s/%.*s", STR_ARG(call->region),
                                   STR_ARG(c->r.account), STR_ARG(c->r.name), STR_ARG(c->uuid)),
        .created_ms = {true, c->created_ms},
        .modified_ms = {true, c->modified_ms}};
    pthread_mutex_lock(&c->lock);
    out->state = str_from(c->state);
    if (c->reason[0]) out->reason = arena_str(a, str_from(c->reason));
    out->authorized_ms = (struct opt_i64){c->authorized_ms != 0, c->authorized_ms};
    pthread_mutex_unlock(&c->lock);
    enum err err = c->auth && !(out->auth = shown_auth(a, c->auth)) ? no_memory(call) : ERR_OK;
    connection_unref(c);
    return err;
}

static bool summarize_connection(struct arena *a, struct connection *c, struct str state, struct connection_summary *out) {
    pthread_mutex_lock(&c->lock);
    bool wanted = !state.p || str_eqz(state, c->state);
    if (wanted)
        *out = (struct connection_summary){.arn = arena_str(a, c->arn),
                                           .name = arena_str(a, c->r.name),
                                           .state = str_from(c->state),
                                           .reason = c->reason[0] ? arena_str(a, str_from(c->reason)) : STR_NULL,
                                           .type = arena_str(a, c->type),
                                           .created_ms = {true, c->created_ms},
                                           .modified_ms = {true, c->modified_ms},
                                           .authorized_ms = {c->authorized_ms != 0, c->authorized_ms}};
    pthread_mutex_unlock(&c->lock);
    return wanted;
}

/* All that are left of the account, for what is filtered by more than the name: the limit counts what is shown. */
struct walk {
    struct resource **entries;
    size_t count, limit;
};
static enum err walk_begin(struct call *call, struct resources *all, struct str prefix, struct str token, struct opt_i64 limit,
                           struct walk *w) {
    struct str after;
    bool more;
    *w = (struct walk){.limit = limit.set ? (size_t)limit.v : LIST_LIMIT};
    enum err err = page_begin(call, token, &after);
    if (err) return err;
    return resources_list(all, call->account, prefix.p ? prefix : STR(""), after, SIZE_MAX, call->arena, &w->entries, &w->count, &more,
                          &call->fault);
}
static void walk_end(struct walk *w) {
    for (size_t i = 0; i < w->count; i++) resource_unref(w->entries[i]);
}

static enum err list_connections(void *self, struct call *call) {
    struct registry *r = registry_of(self);
    const struct connection_list_request *in = call->in;
    struct connection_list *out = call->out;
    struct walk w;
    enum err err = walk_begin(call, &r->connections, in->name_prefix, in->next_token, in->limit, &w);
    if (err) return err;
    size_t n = 0, i = 0;
    struct connection_summary *items = arena_array(call->arena, w.limit, sizeof *items);
    for (; items && i < w.count && n < w.limit; i++)
        n += summarize_connection(call->arena, (struct connection *)(void *)w.entries[i], in->state, &items[n]);
    if (i < w.count && n) out->next_token = page_end(call, true, w.entries[i - 1]->name);
    out->connections = (struct list){true, n, items};
    walk_end(&w);
    return items ? ERR_OK : no_memory(call);
}

/* ---- API destinations
 * -------------------------------------------------------------------------------------------------------------------------- */
/* The connection that an ARN names, in this account; with its UUID or without. */
static enum err connection_of_arn(struct destination_service *s, struct call *call, struct str text, struct connection **c) {
    struct str account, name, uuid;
    struct arn arn;
    if (!destination_arn_split(text, "connection", &account, &name, &uuid) || !arn_parse(text, &arn) || !str_eq(arn.region, call->region) ||
        !str_eq(account, call->account))
        return fault_set(&call->fault, ERR_VALIDATION,
                         "Parameter ConnectionArn is not valid. Reason: '%.*s' is not a connection of this account and region.",
                         STR_ARG(text));
    *c = connection_find(&s->registry, account, name);
    if (*c && uuid.p && !str_eq(uuid, (*c)->uuid)) {
        connection_unref(*c);
        *c = NULL;
    }
    return *c ? ERR_OK : no_connection(call, name);
}

/* Whether its connection can authorize. */
static struct str state_of(struct registry *r, const struct destination *d) {
    struct connection *c = connection_find(r, d->r.account, d->connection_name);
    bool active = false;
    if (c && str_eq(c->arn, d->connection_arn)) {
        pthread_mutex_lock(&c->lock);
        active = strcmp(c->state, "DEAUTHORIZED") != 0;
        pthread_mutex_unlock(&c->lock);
    }
    connection_unref(c);
    return active ? STR("ACTIVE") : STR("INACTIVE");
}

/* The entry that `in` makes of `old` (NULL: a new one). NULL without memory. */
static struct destination *merged_destination(struct registry *r, struct call *call, const struct destination *old,
                                              struct str connection_arn, struct str endpoint) {
    const struct destination_settings *in = call->in;
    struct destination *d = destination_new(r, call->account, in->name);
    if (!d) return NULL;
    struct arena *a = &d->r.arena;
    d->connection_arn = arena_str(a, connection_arn);
    d->endpoint = arena_str(a, endpoint);
    d->method = arena_str(a, in->method.p ? in->method : old->method);
    d->description = arena_str(a, in->description.p || !old ? in->description : old->description);
    d->uuid = arena_str(a, old ? old->uuid : STR_NULL);
    d->rate = in->rate.set ? in->rate.v : old ? old->rate : DESTINATION_RATE_DEFAULT;
    d->created_ms = old ? old->created_ms : call->now_ms;
    d->modified_ms = call->now_ms;
    if (d->connection_arn.p && d->endpoint.p && d->method.p && (!old || d->uuid.p)) return d;
    destination_unref(d);
    return NULL;
}

static bool same_destination(const struct destination *a, const struct destination *b) {
    return str_eq(a->connection_arn, b->connection_arn) && str_eq(a->endpoint, b->endpoint) && str_eq(a->method, b->method) &&
           str_eq(a->description, b->description) && a->rate == b->rate;
}

static void destination_answer(struct registry *r, struct call *call, const struct destination *d) {
    *(struct destination_changed *)call->out = (struct destination_changed){.arn = arena_str(call->arena, d->arn),
                                                                            .state = state_of(r, d),
                                                                            .created_ms = {true, d->created_ms},
                                                                            .modified_ms = {true, d->modified_ms}};
}

/* Makes or changes it, and answers. What an update leaves as it is is not written again. */
static enum err put_destination(struct destination_service *s, struct call *call, const struct destination *old) {
    const struct destination_settings *in = call->in;
    struct registry *r = &s->registry;
    struct connection *c = NULL;
    struct str endpoint = in->endpoint.p ? in->endpoint : old->endpoint;
    enum err err = in->connection_arn.p ? connection_of_arn(s, call, in->connection_arn, &c) : ERR_OK;
    if (!err)
        err = guard_check_url(s->guard, endpoint, resource_arn(call, "api-destination", in->name),
                              "Parameter InvocationEndpoint is not valid.", NULL, &call->fault);
    struct destination *d = err ? NULL : merged_destination(r, call, old, c ? c->arn : old->connection_arn, endpoint);
    if (!err && !d) err = no_memory(call);
    if (d && old && same_destination(d, old)) {
        destination_answer(r, call, old);
        destination_unref(d);
    } else if (d) {
        resource_ref(&d->r);
        err = destination_store(r, d, &call->fault);
        if (!err) destination_answer(r, call, d);
        destination_unref(d);
    }
    connection_unref(c);
    return err;
}

static enum err create_destination(void *self, struct call *call) {
    struct destination_service *s = self;
    const struct destination_settings *in = call->in;
    resources_lock(&s->registry.destinations);
    struct destination *there = destination_find(&s->registry, call->account, in->name);
    enum err err = there ? fault_set(&call->fault, ERR_EXISTS, "An api-destination '%.*s' already exists.", STR_ARG(in->name))
                         : put_destination(s, call, NULL);
    destination_unref(there);
    resources_unlock(&s->registry.destinations);
    return err;
}

static enum err update_destination(void *self, struct call *call) {
    struct destination_service *s = self;
    const struct destination_settings *in = call->in;
    resources_lock(&s->registry.destinations);
    struct destination *old = destination_find(&s->registry, call->account, in->name);
    enum err err = old ? put_destination(s, call, old) : no_destination(call, in->name);
    destination_unref(old);
    resources_unlock(&s->registry.destinations);
    return err;
}

static enum err delete_destination(void *self, struct call *call) {
    struct registry *r = registry_of(self);
    const struct destination_reference *in = call->in;
    resources_lock(&r->destinations);
    struct destination *d = destination_find(r, call->account, in->name);
    enum err err = d ? destination_remove(r, d, &call->fault) : no_destination(call, in->name);
    destination_unref(d);
    resources_unlock(&r->destinations);
    return err;
}

static enum err describe_destination(void *self, struct call *call) {
    struct registry *r = registry_of(self);
    const struct destination_reference *in = call->in;
    struct arena *a = call->arena;
    struct destination *d = destination_find(r, call->account, in->name);
    if (!d) return no_destination(call, in->name);
    *(struct destination_description *)call->out = (struct destination_description){.arn = arena_str(a, d->arn),
                                                                                    .name = arena_str(a, d->r.name),
                                                                                    .description = arena_str(a, d->description),
                                                                                    .state = state_of(r, d),
                                                                                    .connection_arn = arena_str(a, d->connection_arn),
                                                                                    .endpoint = arena_str(a, d->endpoint),
                                                                                    .method = arena_str(a, d->method),
                                                                                    .rate = {true, d->rate},
                                                                                    .created_ms = {true, d->created_ms},
                                                                                    .modified_ms = {true, d->modified_ms}};
    destination_unref(d);
    return ERR_OK;
}

/* By connection: the ARN with its UUID, or without. */
static bool is_of(const struct destination *d, struct str connection_arn) {
    if (!connection_arn.p || str_eq(d->connection_arn, connection_arn)) return true;
    return str_starts(d->connection_arn, connection_arn) && d->connection_arn.p[connection_arn.n] == '/' &&
           str_find(d->connection_arn, '/', connection_arn.n + 1) == d->connection_arn.n && str_ends(connection_arn, d->connection_name);
}

static enum err list_destinations(void *self, struct call *call) {
    struct registry *r = registry_of(self);
    const struct destination_list_request *in = call->in;
    struct destination_list *out = call->out;
    struct arena *a = call->arena;
    struct walk w;
    enum err err = walk_begin(call, &r->destinations, in->name_prefix, in->next_token, in->limit, &w);
    if (err) return err;
    size_t n = 0, i = 0;
    struct destination_summary *items = arena_array(a, w.limit, sizeof *items);
    for (; items && i < w.count && n < w.limit; i++) {
        const struct destination *d = (const struct destination *)(const void *)w.entries[i];
        if (!is_of(d, in->connection_arn)) continue;
        items[n++] = (struct destination_summary){.arn = arena_str(a, d->arn),
                                                  .name = arena_str(a, d->r.name),
                                                  .state = state_of(r, d),
                                                  .connection_arn = arena_str(a, d->connection_arn),
                                                  .endpoint = arena_str(a, d->endpoint),
                                                  .method = arena_str(a, d->method),
                                                  .rate = {true, d->rate},
                                                  .created_ms = {true, d->created_ms},
                                                  .modified_ms = {true, d->modified_ms}};
    }
    if (i < w.count && n) out->next_token = page_end(call, true, w.entries[i - 1]->name);
    out->destinations = (struct list){true, n, items};
    walk_end(&w);
    return items ? ERR_OK : no_memory(call);
}

/* ---- the operator's
 * ---------------------------------------------------------------------------------------------------------------------------- */
static enum err rotate_secret_key(void *self, struct call *call) {
    struct registry *r = registry_of(self);
    struct secret_key_rotated *out = call->out;
    size_t count;
    char id[SEAL_KEY_ID_SIZE];
    enum err err = registry_rotate(r, &count, id, &call->fault);
    if (err) return err;
    out->key_id = arena_str(call->arena, str_from(id));
    out->connections = (struct opt_i64){true, (int64_t)count};
    return ERR_OK;
}

const struct handler_row destination_handlers[] = {
    {"CreateConnection", create_connection, connection_resource, false},
    {"UpdateConnection", update_connection, connection_resource, false},
    {"DeleteConnection", delete_connection, connection_resource, false},
    {"DescribeConnection", describe_connection, connection_resource, false},
    {"ListConnections", list_connections, all_connections, false},
    {"DeauthorizeConnection", deauthorize_connection, connection_resource, false},
    {"CreateApiDestination", create_destination, destination_resource, false},
    {"UpdateApiDestination", update_destination, destination_resource, false},
    {"DeleteApiDestination", delete_destination, destination_resource, false},
    {"DescribeApiDestination", describe_destination, destination_resource, false},
    {"ListApiDestinations", list_destinations, all_destinations, false},
    {NULL, NULL, NULL, false},
};

const struct handler_row secret_key_handlers[] = {
    {"RotateSecretKey", rotate_secret_key, NULL, false},
    {NULL, NULL, NULL, false},
};
