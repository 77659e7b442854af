/* The kind "destination": an attempt is one HTTP request. */
#include <stdlib.h>

#include "service.h"

static bool takes(struct str text) {
    struct str account, name, uuid;
    return destination_arn_split(text, "api-destination", &account, &name, &uuid);
}

static void refuse(struct attempt *attempt, enum outcome outcome, const char *why) {
    char message[2048];
    struct str arn = attempt->delivery.arn;
    struct buf b;
    buf_init(&b, sizeof message - 1);
    buf_addf(&b, "%.*s: %s", arn.n > 1600 ? 1600 : (int)arn.n, arn.p ? arn.p : "", why);
    str_copyz(message, sizeof message, buf_str(&b));
    buf_fini(&b);
    attempt->done(attempt, outcome, message, -1);
}

/* By ARN: of this region, and with the UUID when the ARN has one. */
static struct destination *find(struct destination_service *s, struct str text, struct str *account) {
    struct arn arn;
    struct str name, uuid;
    if (!arn_parse(text, &arn) || !str_eq(arn.region, s->registry.host->region) ||
        !destination_arn_split(text, "api-destination", account, &name, &uuid))
        return NULL;
    struct destination *d = destination_find(&s->registry, *account, name);
    if (!d || !uuid.p || str_eq(uuid, d->uuid)) return d;
    destination_unref(d);
    return NULL;
}

static void attempt_destination(void *self, struct attempt *attempt) {
    struct destination_service *s = self;
    struct str account = STR_NULL;
    struct destination *d = find(s, attempt->delivery.arn, &account);
    struct connection *c = d ? connection_find(&s->registry, account, d->connection_name) : NULL;
    if (!d)
        refuse(attempt, OUTCOME_NO_RESOURCE, "there is no such API destination");
    else if (!str_eq(account, attempt->delivery.account))
        refuse(attempt, OUTCOME_NO_PERMISSIONS, "the API destination belongs to another account");
    else if (!c || !str_eq(c->arn, d->connection_arn))
        refuse(attempt, OUTCOME_NO_RESOURCE, "the connection of the API destination was deleted");
    else if (!c->auth)
        refuse(attempt, OUTCOME_NO_PERMISSIONS, "the connection of the API destination is deauthorized");
    else {
        invoker_submit(s->invoker, attempt, d, c);
        return;
    }
    destination_unref(d);
    connection_unref(c);
}

/* More than two seconds' worth of a slow rate would only wait in memory. */
static int concurrency(void *self, struct str arn) {
    struct destination_service *s = self;
    struct str account;
    struct destination *d = find(s, arn, &account);
    int64_t most = invoker_concurrency(s->invoker), by_rate = d ? 2 * d->rate + 1 : most;
    destination_unref(d);
    return (int)(by_rate < most ? by_rate : most);
}

static void stop(void *self) { invoker_stop(((struct destination_service *)self)->invoker); }

static void free_service(void *self) {
    struct destination_service *s = self;
    invoker_free(s->invoker);
    registry_close(&s->registry);
    guard_free(s->guard);
    free(s);
}

static const struct target_kind kind = {
    .name = "destination", .in_store = false, .takes = takes, .attempt = attempt_destination, .concurrency = concurrency};

/* Connections that had not been authorized yet when the daemon stopped. */
static enum err authorize_all(struct destination_service *s, struct fault *fault) {
    struct arena a;
    struct resource **entries;
    size_t n;
    bool more;
    arena_init(&a, 0);
    enum err err = resources_list(&s->registry.connections, STR_NULL, STR(""), STR_NULL, SIZE_MAX, &a, &entries, &n, &more, fault);
    for (size_t i = 0; !err && i < n; i++) {
        struct connection *c = (struct connection *)(void *)entries[i];
        pthread_mutex_lock(&c->lock);
        bool wanted = c->auth && c->auth->oauth && strcmp(c->state, "AUTHORIZING") == 0;
        pthread_mutex_unlock(&c->lock);
        if (wanted)
            invoker_authorize(s->invoker, c);
        else
            connection_unref(c);
    }
    arena_fini(&a);
    return err;
}

enum err target_destination_new(const struct target_host *host, struct target *t, struct fault *fault) {
    const struct destination_options *o = &host->destinations;
    struct destination_service *s = calloc(1, sizeof *s);
    if (!s) return fault_set(fault, ERR_NOMEM, NULL);
    s->operator_service = (struct service){.name = "bus", .operations = secret_key_operations, .handlers = secret_key_handlers, .self = s};
    s->service = (struct service){
        .name = "events", .operations = destination_operations, .handlers = destination_handlers, .self = s, .also = &s->operator_service};
    s->registry.free_token = invoker_free_token;
    enum err err = guard_new(o->private_destinations, o->private_count, &s->guard, fault);
    if (!err) err = registry_open(&s->registry, host, fault);
    if (err) {
        guard_free(s->guard);
        free(s);
        return err;
    }
    err = invoker_start(&s->registry, s->guard, &s->invoker, fault);
    if (!err) err = authorize_all(s, fault);
    if (err) {
        stop(s);
        free_service(s);
        return err;
    }
    *t = (struct target){&kind, s, &s->service, stop, free_service};
    return ERR_OK;
}
