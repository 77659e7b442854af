#include "registry.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "hash.h"
#include "json.h"
#include "log.h"
#include "record.h"

static enum err no_memory(struct fault *fault) { return fault_set(fault, ERR_NOMEM, NULL); }

/* ---- entries ------------------------------------------------------------------------------------------------------------------------- */
struct owned_connection { /* the entry, and who frees its token */
    struct connection c;
    const struct registry *registry;
};

static void free_connection(struct resource *resource) {
    struct owned_connection *o = (struct owned_connection *)(void *)resource;
    arena_wipe(&o->c.secrets);
    if (o->c.token) o->registry->free_token(o->c.token);
    pthread_mutex_destroy(&o->c.lock);
    free(o);
}
static void free_destination(struct resource *resource) { free(resource); }

struct connection *connection_new(struct registry *r, struct str account, struct str name) {
    struct owned_connection *o = calloc(1, sizeof *o);
    if (!o) return NULL;
    o->registry = r;
    arena_init(&o->c.secrets, 0);
    pthread_mutex_init(&o->c.lock, NULL);
    o->c.state = "AUTHORIZED";
    if (resource_init(&o->c.r, account, name, free_connection)) return &o->c;
    resource_unref(&o->c.r);
    return NULL;
}

struct destination *destination_new(struct registry *r, struct str account, struct str name) {
    (void)r;
    struct destination *d = calloc(1, sizeof *d);
    if (d && !resource_init(&d->r, account, name, free_destination)) {
        resource_unref(&d->r);
        d = NULL;
    }
    return d;
}

static bool name_connection(const struct registry *r, struct connection *c) {
    c->arn = arena_printf(&c->r.arena, "arn:aws:events:%.*s:%.*s:connection/%.*s/%.*s", STR_ARG(r->host->region), STR_ARG(c->r.account),
                          STR_ARG(c->r.name), STR_ARG(c->uuid));
    return c->arn.p;
}

static bool name_destination(const struct registry *r, struct destination *d) {
    d->arn = arena_printf(&d->r.arena, "arn:aws:events:%.*s:%.*s:api-destination/%.*s/%.*s", STR_ARG(r->host->region),
                          STR_ARG(d->r.account), STR_ARG(d->r.name), STR_ARG(d->uuid));
    struct str account, uuid;
    return d->arn.p && destination_arn_split(d->connection_arn, "connection", &account, &d->connection_name, &uuid);
}

static bool new_uuid(struct arena *a, struct str *uuid) {
    char text[ID_TEXT_SIZE];
    if (uuid->p) return true;
    id_text(id_random(), text);
    *uuid = arena_str(a, str_from(text));
    return uuid->p;
}

/* ---- records ------------------------------------------------------------------------------------------------------------------------- */
static enum err seal_auth(const struct registry *r, struct connection *c, struct fault *fault) {
    struct buf plain, sealed;
    buf_init(&plain, 0);
    buf_init(&sealed, 0);
    shape_encode(&connection_shape_auth, c->auth, &plain);
    enum err err = plain.failed ? no_memory(fault) : seal_close(r->keys, c->arn, buf_str(&plain), &sealed, fault);
    if (!err && !(c->sealed = arena_str(&c->r.arena, buf_str(&sealed))).p) err = no_memory(fault);
    if (plain.p) explicit_bzero(plain.p, plain.cap);
    buf_fini(&plain);
    buf_fini(&sealed);
    return err;
}

static enum err open_auth(const struct registry *r, struct connection *c, struct fault *fault) {
    struct buf plain;
    buf_init(&plain, 0);
    enum err err = seal_open(r->keys, c->arn, c->sealed, &plain, fault);
    if (!err && !(c->auth = ARENA_NEW(&c->secrets, struct connection_auth))) err = no_memory(fault);
    if (!err && shape_decode(&connection_shape_auth, buf_str(&plain), false, &c->secrets, c->auth, NULL))
        err = fault_set(fault, ERR_CORRUPT, "the stored secrets of %.*s do not fit their shape", STR_ARG(c->arn));
    if (plain.p) explicit_bzero(plain.p, plain.cap);
    buf_fini(&plain);
    return err;
}

static void member(struct json *j, const char *key, struct str value) {
    if (value.p) json_key_str(j, key, value);
}

/* With the sealed secrets that are to be stored; those of the entry may be others. */
static void write_connection(const struct connection *c, struct str sealed, struct buf *out) {
    struct json j;
    json_init(&j, out);
    json_object_begin(&j);
    member(&j, "uuid", c->uuid);
    member(&j, "type", c->type);
    member(&j, "description", c->description);
    member(&j, "connectivity", c->connectivity);
    member(&j, "kmsKey", c->kms_key);
    if (c->auth) member(&j, "sealed", sealed);
    json_key_i64(&j, "created", c->created_ms);
    json_key_i64(&j, "modified", c->modified_ms);
    json_object_end(&j);
}

static void write_destination(const struct destination *d, struct buf *out) {
    struct json j;
    json_init(&j, out);
    json_object_begin(&j);
    member(&j, "uuid", d->uuid);
    member(&j, "connection", d->connection_arn);
    member(&j, "endpoint", d->endpoint);
    member(&j, "method", d->method);
    member(&j, "description", d->description);
    json_key_i64(&j, "rate", d->rate);
    json_key_i64(&j, "created", d->created_ms);
    json_key_i64(&j, "modified", d->modified_ms);
    json_object_end(&j);
}

static enum err split_key(struct str key, struct str *account, struct str *name, struct fault *fault) {
    *name = key;
    if (str_cut(name, '/', account) && name->n) return ERR_OK;
    return fault_set(fault, ERR_CORRUPT, "the stored key '%.*s' is no account and name", STR_ARG(key));
}

static enum err load_connection(void *ctx, struct str key, const json_t *record, struct fault *fault) {
    struct registry *r = ctx;
    struct str account, name;
    enum err err = split_key(key, &account, &name, fault);
    struct connection *c = err ? NULL : connection_new(r, account, name);
    if (!c) return err ? err : no_memory(fault);
    struct arena *a = &c->r.arena;
    c->uuid = record_str(record, "uuid", a);
    c->type = record_str(record, "type", a);
    c->description = record_str(record, "description", a);
    c->connectivity = record_str(record, "connectivity", a);
    c->kms_key = record_str(record, "kmsKey", a);
    c->sealed = record_str(record, "sealed", a);
    c->created_ms = record_i64(record, "created", 0);
    c->modified_ms = record_i64(record, "modified", 0);
    if (!c->uuid.p || !c->type.p)
        err = fault_set(fault, ERR_CORRUPT, "the stored connection %.*s has no uuid or no type", STR_ARG(key));
    else if (!name_connection(r, c))
        err = no_memory(fault);
    else if (c->sealed.p)
        err = open_auth(r, c, fault);
    if (!c->auth)
        c->state = "DEAUTHORIZED";
    else if (str_eqz(c->type, "OAUTH_CLIENT_CREDENTIALS"))
        c->state = "AUTHORIZING"; /* unless a "connection-state" knows better */
    else
        c->authorized_ms = c->modified_ms;
    if (err)
        connection_unref(c);
    else if (!resources_show(&r->connections, &c->r))
        err = no_memory(fault);
    return err;
}

static enum err load_state(void *ctx, struct str key, const json_t *record, struct fault *fault) {
    static const char *const states[] = {"AUTHORIZED", "AUTHORIZING", "DEAUTHORIZED"};
    struct registry *r = ctx;
    struct str account, name;
    enum err err = split_key(key, &account, &name, fault);
    struct connection *c = err ? NULL : connection_find(r, account, name);
    /* Written without waiting: it may speak of a connection that is gone, or of how it was before. */
    if (c && c->auth && record_i64(record, "modified", 0) == c->modified_ms) {
        struct arena a;
        arena_init(&a, 0);
        struct str state = record_str(record, "state", &a);
        for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
            if (str_eqz(state, states[i])) c->state = states[i];
        c->authorized_ms = record_i64(record, "authorized", 0);
        str_copyz(c->reason, sizeof c->reason, record_str(record, "reason", &a));
        arena_fini(&a);
    }
    connection_unref(c);
    return err;
}

static enum err load_destination(void *ctx, struct str key, const json_t *record, struct fault *fault) {
    struct registry *r = ctx;
    struct str account, name;
    enum err err = split_key(key, &account, &name, fault);
    struct destination *d = err ? NULL : destination_new(r, account, name);
    if (!d) return err ? err : no_memory(fault);
    struct arena *a = &d->r.arena;
    d->uuid = record_str(record, "uuid", a);
    d->connection_arn = record_str(record, "connection", a);
    d->endpoint = record_str(record, "endpoint", a);
    d->method = record_str(record, "method", a);
    d->description = record_str(record, "description", a);
    d->rate = record_i64(record, "rate", DESTINATION_RATE_DEFAULT);
    d->created_ms = record_i64(record, "created", 0);
    d->modified_ms = record_i64(record, "modified", 0);
    if (!d->uuid.p || !d->endpoint.p || !d->method.p || !name_destination(r, d)) {
        err = fault_set(fault, ERR_CORRUPT, "the stored API destination %.*s has no uuid, connection, endpoint or method", STR_ARG(key));
        destination_unref(d);
    } else if (!resources_show(&r->destinations, &d->r)) {
        err = no_memory(fault);
    }
    return err;
}

/* ---- life ------------------------------------------------------------------------------------------------------------------------------
 */
struct sealed_seen {
    size_t count;
    char key_id[SEAL_KEY_ID_SIZE]; /* of one of them */
};

static enum err see_sealed(void *ctx, struct str key, const json_t *record, struct fault *fault) {
    struct sealed_seen *seen = ctx;
    const char *sealed = json_string_value(json_object_get(record, "sealed"));
    (void)key, (void)fault;
    if (!sealed) return ERR_OK;
    seen->count++;
    str_copyz(seen->key_id, sizeof seen->key_id, seal_key_id(str_from(sealed)));
    return ERR_OK;
}

/* A missing key file is made only where nothing was sealed: a new key would open none of it. */
static enum err open_keys(struct registry *r, struct fault *fault) {
    const struct target_host *host = r->host;
    struct sealed_seen seen = {0};
    char path[PATH_MAX];
    int n = host->secret_key_file.n ? snprintf(path, sizeof path, "%.*s", STR_ARG(host->secret_key_file))
                                    : snprintf(path, sizeof path, "%.*s/secret.key", STR_ARG(host->data_dir));
    if (n < 0 || (size_t)n >= sizeof path) return fault_set(fault, ERR_VALIDATION, "the path of the secret key file is too long");
    enum err err = record_each(committer_store(host->committer), STR("connection"), see_sealed, &seen, fault);
    if (err) return err;
    err = keyring_open(path, !seen.count, &r->keys, fault);
    if (err == ERR_NOT_FOUND)
        return fault_set(fault, err, "%s is missing, and %zu connection%s secrets sealed with key %s: bring that key file back", path,
                         seen.count, seen.count == 1 ? " has" : "s have", seen.key_id);
    return err;
}

enum err registry_open(struct registry *r, const struct target_host *host, struct fault *fault) {
    r->host = host;
    resources_init(&r->connections);
    resources_init(&r->destinations);
    struct store *store = committer_store(host->committer);
    enum err err = open_keys(r, fault);
    if (!err) err = record_each(store, STR("connection"), load_connection, r, fault);
    if (!err) err = record_each(store, STR("connection-state"), load_state, r, fault);
    if (!err) err = record_each(store, STR("api-destination"), load_destination, r, fault);
    if (err) registry_close(r);
    return err;
}

void registry_close(struct registry *r) {
    resources_fini(&r->destinations);
    resources_fini(&r->connections);
    keyring_close(r->keys);
    r->keys = NULL;
}

/* ---- finding
 * ----------------------------------------------------------------------------------------------------------------------------- */
struct connection *connection_find(struct registry *r, struct str account, struct str name) {
    return (struct connection *)(void *)resources_get(&r->connections, account, name);
}
struct destination *destination_find(struct registry *r, struct str account, struct str name) {
    return (struct destination *)(void *)resources_get(&r->destinations, account, name);
}

bool destination_arn_split(struct str text, const char *kind, struct str *account, struct str *name, struct str *uuid) {
    struct arn arn;
    if (!arn_parse(text, &arn) || !str_eqz(arn.service, "events")) return false;
    struct str rest = arn_name(&arn, kind);
    *account = arn.account;
    if (!str_cut(&rest, '/', name) || !name->n) return false;
    *uuid = rest;
    return !uuid->p || (uuid->n && str_find(*uuid, '/', 0) == uuid->n);
}

/* ---- changing
 * ---------------------------------------------------------------------------------------------------------------------------- */
enum err connection_store(struct registry *r, struct connection *c, struct fault *fault) {
    struct buf record;
    buf_init(&record, 0);
    bool named = new_uuid(&c->r.arena, &c->uuid) && name_connection(r, c);
    enum err err = !named ? no_memory(fault) : c->auth ? seal_auth(r, c, fault) : ERR_OK;
    if (!err) write_connection(c, c->sealed, &record);
    if (!err && record.failed) err = no_memory(fault);
    if (!err) err = record_put(r->host->committer, STR("connection"), c->r.key, buf_str(&record), fault);
    buf_fini(&record);
    if (err)
        connection_unref(c);
    else if (!resources_show(&r->connections, &c->r))
        err = no_memory(fault);
    return err;
}

enum err destination_store(struct registry *r, struct destination *d, struct fault *fault) {
    struct buf record;
    buf_init(&record, 0);
    enum err err = new_uuid(&d->r.arena, &d->uuid) && name_destination(r, d) ? ERR_OK : no_memory(fault);
    if (!err) write_destination(d, &record);
    if (!err && record.failed) err = no_memory(fault);
    if (!err) err = record_put(r->host->committer, STR("api-destination"), d->r.key, buf_str(&record), fault);
    buf_fini(&record);
    if (err)
        destination_unref(d);
    else if (!resources_show(&r->destinations, &d->r))
        err = no_memory(fault);
    return err;
}

enum err connection_remove(struct registry *r, struct connection *c, struct fault *fault) {
    struct arena a;
    struct txn txn;
    arena_init(&a, 65536);
    txn_init(&txn, &a);
    static const char *const kinds[] = {"connection", "connection-state"};
    enum err err = ERR_OK;
    for (size_t i = 0; i < 2 && !err; i++) {
        struct store_op *op = txn_add(&txn, OP_CATALOG_DELETE);
        if (op)
            op->u.catalog.kind = str_from(kinds[i]), op->u.catalog.key = c->r.key;
        else
            err = no_memory(fault);
    }
    if (!err) err = committer_run(r->host->committer, &txn, fault);
    arena_fini(&a);
    if (!err) resources_hide(&r->connections, c->r.key);
    return err;
}

enum err destination_remove(struct registry *r, struct destination *d, struct fault *fault) {
    enum err err = record_delete(r->host->committer, STR("api-destination"), d->r.key, fault);
    if (!err) resources_hide(&r->destinations, d->r.key);
    return err;
}

/* ---- rotation
 * ------------------------------------------------------------------------------------------------------------------------------- */
/* The entry's record, sealed anew. The entry itself stays: it keeps the secrets open, and its sealed text is written again by the next
 * change. */
static enum err add_resealed(struct registry *r, struct connection *c, struct txn *txn, struct fault *fault) {
    struct buf plain, sealed, record;
    buf_init(&plain, 0);
    buf_init(&sealed, 0);
    buf_init(&record, 0);
    shape_encode(&connection_shape_auth, c->auth, &plain);
    enum err err = plain.failed ? no_memory(fault) : seal_close(r->keys, c->arn, buf_str(&plain), &sealed, fault);
    struct store_op *op = err ? NULL : txn_add(txn, OP_CATALOG_PUT);
    if (op) {
        write_connection(c, buf_str(&sealed), &record); /* not of a copy: that would read the count of references, which others change */
        op->u.catalog.kind = STR("connection");
        op->u.catalog.key = c->r.key;
        op->u.catalog.value = record.failed ? STR_NULL : arena_str(txn->arena, buf_str(&record));
    }
    if (!err && (!op || !op->u.catalog.value.p)) err = no_memory(fault);
    if (plain.p) explicit_bzero(plain.p, plain.cap);
    buf_fini(&plain);
    buf_fini(&sealed);
    buf_fini(&record);
    return err;
}

static enum err reseal_all_locked(struct registry *r, size_t *count, struct fault *fault) {
    struct arena a;
    struct txn txn;
    struct resource **entries;
    size_t n = 0;
    bool more;
    arena_init(&a, (size_t)1 << 30);
    txn_init(&txn, &a);
    enum err err = resources_list(&r->connections, STR_NULL, STR(""), STR_NULL, SIZE_MAX, &a, &entries, &n, &more, fault);
    for (size_t i = 0; i < n; i++) {
        struct connection *c = (struct connection *)(void *)entries[i];
        if (err || !c->auth) continue;
        err = add_resealed(r, c, &txn, fault);
        ++*count;
    }
    if (!err) err = committer_run(r->host->committer, &txn, fault);
    for (size_t i = 0; i < n; i++) resource_unref(entries[i]);
    arena_fini(&a);
    return err;
}

enum err registry_rotate(struct registry *r, size_t *count, char key_id[SEAL_KEY_ID_SIZE], struct fault *fault) {
    struct fault late;
    *count = 0;
    resources_lock(&r->connections);
    enum err err = keyring_rotate_begin(r->keys, fault);
    if (!err) {
        err = reseal_all_locked(r, count, fault);
        /* Whichever way it went: with both keys in the file nothing is lost if this write fails. */
        enum err end = keyring_rotate_end(r->keys, !err, &late);
        if (end) log_line(LOG_WARN, "destination", "the old key stays in the secret key file", LOG_Z("error", late.message));
    }
    str_copyz(key_id, SEAL_KEY_ID_SIZE, str_from(keyring_id(r->keys)));
    resources_unlock(&r->connections);
    return err;
}

/* ---- states
 * ------------------------------------------------------------------------------------------------------------------------------------ */
struct marking {
    struct arena arena;
    struct txn txn;
};

static void marking_done(struct txn *txn, enum err err, const struct fault *fault) {
    struct marking *m = txn->ctx;
    if (err) log_line(LOG_WARN, "destination", "a connection's state could not be stored", LOG_Z("error", fault ? fault->message : ""));
    arena_fini(&m->arena);
    free(m);
}

static bool fill_marking(struct marking *m, const struct connection *c, const char *state, struct str reason, int64_t authorized_ms) {
    struct buf out;
    struct json j;
    buf_init(&out, 0);
    json_init(&j, &out);
    json_object_begin(&j);
    json_key_str(&j, "state", str_from(state));
    if (reason.n) json_key_str(&j, "reason", reason);
    json_key_i64(&j, "authorized", authorized_ms);
    json_key_i64(&j, "modified", c->modified_ms);
    json_object_end(&j);
    struct store_op *op = txn_add(&m->txn, OP_CATALOG_PUT);
    if (op) {
        op->u.catalog.kind = STR("connection-state");
        op->u.catalog.key = arena_str(&m->arena, c->r.key);
        op->u.catalog.value = out.failed ? STR_NULL : arena_str(&m->arena, buf_str(&out));
    }
    buf_fini(&out);
    return op && op->u.catalog.key.p && op->u.catalog.value.p;
}

void connection_mark(struct registry *r, struct connection *c, const char *state, struct str reason, int64_t authorized_ms) {
    char cut[CONNECTION_REASON_SIZE];
    str_copyz(cut, sizeof cut, reason.p ? reason : STR(""));
    pthread_mutex_lock(&c->lock);
    bool changed = strcmp(c->state, state) != 0 || strcmp(c->reason, cut) != 0;
    c->state = state;
    memcpy(c->reason, cut, sizeof cut);
    if (authorized_ms) c->authorized_ms = authorized_ms;
    int64_t authorized = c->authorized_ms;
    pthread_mutex_unlock(&c->lock);
    if (!changed) return;
    struct fault fault;
    struct marking *m = calloc(1, sizeof *m);
    if (!m) return; /* the next change is stored again; what is shown is right until the next start */
    arena_init(&m->arena, 65536);
    txn_init(&m->txn, &m->arena);
    m->txn.done = marking_done;
    m->txn.ctx = m;
    enum err err = fill_marking(m, c, state, str_from(cut), authorized) ? committer_submit(r->host->committer, &m->txn, &fault) : ERR_NOMEM;
    if (err) marking_done(&m->txn, err, err == ERR_NOMEM ? NULL : &fault);
}
