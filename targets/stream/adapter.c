/* The kind "stream": one append per event, in the transaction that accepts it; and the life of the service. */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "json.h"
#include "log.h"
#include "record.h"
#include "stream.h"

enum { TRIM_EVERY_MS = 10000, TRIM_BATCH = 5000, WAIT_MAX_MS = 1000 /* tests turn the clock */ };

struct str stream_arn(const struct target_host *host, struct arena *a, struct str account, struct str name) {
    return arena_printf(a, "arn:aws:kinesis:%.*s:%.*s:stream/%.*s", STR_ARG(host->region), STR_ARG(account), STR_ARG(name));
}

/* ---- routing ---------------------------------------------------------------------------------------------------------------------------
 */
static bool takes(struct str text) {
    struct arn arn;
    return arn_parse(text, &arn) && str_eqz(arn.service, "kinesis") && arn_name(&arn, "stream").p;
}

static enum outcome refuse(struct fault *fault, enum outcome outcome, const char *why) {
    fault_set(fault, ERR_VALIDATION, "%s", why);
    return outcome;
}

/* Of UTF-8: every byte but those that continue a character. */
static size_t characters(struct str s) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

static enum outcome append(const struct stream *s, const struct delivery *d, struct txn *txn, struct fault *fault) {
    struct str key = d->partition_key.n ? d->partition_key : d->event_id;
    if (d->input.n > STREAM_DATA_MAX) return refuse(fault, OUTCOME_INVALID_PARAMETER, "A record of a stream has at most 1 MiB.");
    if (key.n > STREAM_KEY_MAX && characters(key) > STREAM_KEY_MAX)
        return refuse(fault, OUTCOME_INVALID_PARAMETER, "A partition key has at most 256 characters.");
    struct store_op *op = txn_add(txn, OP_STREAM_APPEND);
    if (!op) {
        fault_set(fault, ERR_NOMEM, NULL);
        return OUTCOME_INTERNAL_ERROR;
    }
    uint8_t hash[16];
    hash_md5(key, hash);
    op->u.append.stream = s->number;
    op->u.append.shard = stream_shard_of(s, hash);
    op->u.append.at_ms = d->now_ms;
    op->u.append.partition_key = key;
    op->u.append.data = d->input;
    return OUTCOME_DELIVERED;
}

static enum outcome route(void *self, const struct delivery *d, struct txn *txn, struct fault *fault) {
    struct stream_service *service = self;
    struct arn arn;
    struct resource *r = NULL;
    if (arn_parse(d->arn, &arn) && str_eqz(arn.partition, "aws") && str_eq(arn.region, service->host->region))
        r = resources_get(&service->streams, arn.account, arn_name(&arn, "stream"));
    if (!r) return refuse(fault, OUTCOME_NO_RESOURCE, "The stream does not exist.");
    enum outcome outcome = str_eq(r->account, d->account) ? append((struct stream *)(void *)r, d, txn, fault)
                                                          : refuse(fault, OUTCOME_NO_PERMISSIONS, "The stream belongs to another account.");
    resource_unref(r);
    return outcome;
}

/* ---- retention
 * --------------------------------------------------------------------------------------------------------------------------- */
/* Trims one stream by one batch; true when there may be more to trim. */
static bool trim(struct stream_service *service, const struct stream *s) {
    struct arena a;
    struct txn txn;
    struct fault fault;
    arena_init(&a, 0);
    txn_init(&txn, &a);
    struct store_op *op = txn_add(&txn, OP_STREAM_TRIM);
    enum err err = op ? ERR_OK : ERR_NOMEM;
    if (op) {
        op->u.trim.stream = s->number;
        op->u.trim.before_ms = clock_now_ms() - s->hours * 3600000;
        op->u.trim.limit = TRIM_BATCH;
        err = committer_run(service->host->committer, &txn, &fault);
    }
    if (err) log_line(LOG_WARN, "stream", "old records could not be removed", LOG_S("stream", s->r.key), LOG_I("error", err));
    bool more = !err && op->u.trim.removed == TRIM_BATCH;
    arena_fini(&a);
    return more;
}

static void trim_all(struct stream_service *service) {
    struct arena a;
    struct resource **streams;
    size_t count;
    bool more;
    arena_init(&a, 0);
    if (!resources_list(&service->streams, STR_NULL, STR(""), STR_NULL, SIZE_MAX, &a, &streams, &count, &more, NULL))
        for (size_t i = 0; i < count; i++) {
            while (trim(service, (struct stream *)(void *)streams[i])) {
                pthread_mutex_lock(&service->lock);
                bool stop = service->stopping;
                pthread_mutex_unlock(&service->lock);
                if (stop) break;
            }
            resource_unref(streams[i]);
        }
    arena_fini(&a);
}

static void wait_locked(struct stream_service *service, int64_t ms) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
    pthread_cond_timedwait(&service->wake, &service->lock, &t);
}

static void *trimmer_main(void *ctx) {
    struct stream_service *service = ctx;
    pthread_mutex_lock(&service->lock);
    for (int64_t trimmed_ms = service->started_ms; !service->stopping;) {
        int64_t now = clock_mono_ms(), left = trimmed_ms + TRIM_EVERY_MS - now;
        if (left > 0) {
            wait_locked(service, left < WAIT_MAX_MS ? left : WAIT_MAX_MS);
            continue;
        }
        trimmed_ms = now;
        pthread_mutex_unlock(&service->lock);
        trim_all(service);
        pthread_mutex_lock(&service->lock);
    }
    pthread_mutex_unlock(&service->lock);
    return NULL;
}

/* ---- life
 * ---------------------------------------------------------------------------------------------------------------------------------- */
static void free_stream(struct resource *r) { free(r); }

static enum err load(void *ctx, struct str key, const json_t *record, struct fault *fault) {
    struct stream_service *service = ctx;
    struct stream *s = calloc(1, sizeof *s);
    size_t slash = str_find(key, '/', 0);
    if (!s) return fault_set(fault, ERR_NOMEM, NULL);
    bool ok = resource_init(&s->r, str_of(key.p, slash), str_skip(key, slash + 1), free_stream);
    s->number = record_i64(record, "number", 0);
    s->shards = (uint32_t)record_i64(record, "shards", 0);
    s->hours = record_i64(record, "hours", STREAM_HOURS_DEFAULT);
    s->created_ms = record_i64(record, "created", 0);
    if (ok && s->number > 0 && s->shards > 0 && s->shards <= STREAM_SHARDS_MAX)
        return resources_show(&service->streams, &s->r) ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
    resource_unref(&s->r);
    return fault_set(fault, ERR_CORRUPT, "the stored stream %.*s has no number or no shards", STR_ARG(key));
}

static void stop(void *self) {
    struct stream_service *service = self;
    if (!service->running) return;
    pthread_mutex_lock(&service->lock);
    service->stopping = true;
    pthread_cond_signal(&service->wake);
    pthread_mutex_unlock(&service->lock);
    pthread_join(service->trimmer, NULL);
    service->running = false;
}

static void free_service(void *self) {
    struct stream_service *service = self;
    stop(service);
    resources_fini(&service->streams);
    pthread_mutex_destroy(&service->lock);
    pthread_cond_destroy(&service->wake);
    free(service);
}

static const struct target_kind kind = {.name = "stream", .in_store = true, .takes = takes, .route = route};

enum err target_stream_new(const struct target_host *host, struct target *t, struct fault *fault) {
    struct stream_service *service = calloc(1, sizeof *service);
    if (!service) return fault_set(fault, ERR_NOMEM, NULL);
    service->host = host;
    service->started_ms = clock_mono_ms();
    service->service = (struct service){"kinesis", stream_operations, stream_handlers, service};
    rng_bytes(service->token_key, sizeof service->token_key);
    resources_init(&service->streams);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&service->lock, NULL);
    pthread_cond_init(&service->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum err err = record_each(committer_store(host->committer), STR("stream"), load, service, fault);
    if (!err && pthread_create(&service->trimmer, NULL, trimmer_main, service)) err = fault_set(fault, ERR_NOMEM, "no thread for streams");
    if (err) {
        free_service(service);
        return err;
    }
    service->running = true;
    *t = (struct target){&kind, service, &service->service, stop, free_service};
    return ERR_OK;
}
