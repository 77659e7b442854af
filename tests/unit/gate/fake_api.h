/* An engine for the gateway's tests: one key, a replay guard, and what the test scripts. Its definitions come
 * before the archives, so the real engine is not linked. */
#ifndef FAKE_API_H
#define FAKE_API_H

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api.h"
#include "clock.h"
#include "map.h"

#define FAKE_KEY "AKIDFAKE"
#define FAKE_SECRET "fake secret"
enum { FAKE_WINDOW_MS = 60000 };

struct api {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct map seen_requests;     /* session and counter of what was accepted */
    struct map seen_ids;          /* of accepted events */
    int record_fd;                /* ids of accepted events go here too; -1: nowhere */
    size_t events, duplicates, batches, calls, expired, replays, callers;
    size_t largest_batch;
    size_t throttle;              /* so many more entries are refused with ERR_THROTTLING */
    size_t refuse_requests;       /* so many more puts are refused whole with ERR_STORAGE_FULL */
    bool hold;                    /* puts and "Hold" calls are kept until it is false and fake_release was called */
    struct api_put *held_puts[1024];
    size_t held_put_count;
    struct api_call *held_calls[1024];
    size_t held_call_count;
    struct entry last;           /* of the last batch's first entry: scalars only */
    char last_text[256];          /* its strings, joined with '|' */
};

struct caller {
    struct api *api;
};

static void fake_init(struct api *api) {
    *api = (struct api){.record_fd = -1};
    pthread_mutex_init(&api->lock, NULL);
    pthread_cond_init(&api->changed, NULL);
    map_init(&api->seen_requests);
    map_init(&api->seen_ids);
}

static void fake_fini(struct api *api) {
    map_fini(&api->seen_requests);
    map_fini(&api->seen_ids);
    if (api->record_fd >= 0) close(api->record_fd);
    pthread_cond_destroy(&api->changed);
    pthread_mutex_destroy(&api->lock);
}

/* Takes over what an earlier process recorded in `path`, and goes on there. */
static inline bool fake_record(struct api *api, const char *path) {
    api->record_fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct id id;
    while (api->record_fd >= 0 && read(api->record_fd, id.b, sizeof id.b) == sizeof id.b)
        if (!map_put(&api->seen_ids, str_of((char *)id.b, 16), api, NULL)) return false;
    return api->record_fd >= 0;
}

enum err api_authenticate(struct api *api, const struct api_signature *s, struct str header, struct str body, struct caller **caller,
                          struct fault *fault) {
    if (!s->key_id.n) return fault_set(fault, ERR_MISSING_AUTH, NULL);
    if (!str_eqz(s->key_id, FAKE_KEY)) return fault_set(fault, ERR_UNKNOWN_KEY, NULL);
    uint8_t mac[32];
    hash_hmac_sha256(STR(FAKE_SECRET), header, body, mac);
    if (!hash_equal_ct(mac, s->mac, 32)) return fault_set(fault, ERR_INVALID_SIGNATURE, NULL);
    char request[16];
    memcpy(request, s->session, 8);
    memcpy(request + 8, &s->counter, 8);
    enum err err = ERR_OK;
    pthread_mutex_lock(&api->lock);
    int64_t off = s->timestamp_ms - clock_now_ms();
    if (off > FAKE_WINDOW_MS || off < -FAKE_WINDOW_MS) {
        err = ERR_EXPIRED;
        api->expired++;
    } else if (map_get(&api->seen_requests, str_of(request, 16))) {
        err = ERR_REPLAYED;
        api->replays++;
    } else if (!map_put(&api->seen_requests, str_of(request, 16), api, NULL)) {
        err = ERR_NOMEM;
    }
    if (!err) {
        *caller = malloc(sizeof **caller);
        if (!*caller) abort();
        (*caller)->api = api;
        api->callers++;
    }
    pthread_mutex_unlock(&api->lock);
    return err ? fault_set(fault, err, NULL) : ERR_OK;
}

void api_caller_release(struct caller *caller) {
    pthread_mutex_lock(&caller->api->lock);
    caller->api->callers--;
    pthread_cond_broadcast(&caller->api->changed);
    pthread_mutex_unlock(&caller->api->lock);
    free(caller);
}

static enum err fake_accept_locked(struct api *api, const struct entry *e, struct entry_result *r) {
    r->id = e->id;
    if (str_eqz(e->source, "refuse")) {
        r->message = STR("this source is refused");
        return ERR_INVALID_ARGUMENT;
    }
    if (api->throttle) {
        api->throttle--;
        return ERR_THROTTLING;
    }
    struct str id = str_of((const char *)e->id.b, 16);
    r->duplicate = map_get(&api->seen_ids, id) != NULL;
    if (r->duplicate) {
        api->duplicates++;
        return ERR_OK;
    }
    if (!map_put(&api->seen_ids, id, api, NULL)) return ERR_NOMEM;
    api->events++;
    if (api->record_fd >= 0 && write(api->record_fd, e->id.b, 16) != 16) abort();
    return ERR_OK;
}

static void fake_note_locked(struct api *api, const struct entry *e) {
    api->last = *e;
    snprintf(api->last_text, sizeof api->last_text, "%.*s|%.*s|%.*s|%.*s|%.*s|%.*s", STR_ARG(e->bus), STR_ARG(e->source), STR_ARG(e->detail_type),
             STR_ARG(e->trace_header), STR_ARG(e->detail), STR_ARG(e->resource_count ? e->resources[e->resource_count - 1] : STR_NULL));
}

static void fake_answer_put(struct api *api, struct api_put *put) {
    pthread_mutex_lock(&api->lock);
    put->results = arena_array(put->arena, put->count, sizeof *put->results);
    if (!put->results) abort();
    if (api->refuse_requests) {
        api->refuse_requests--;
        put->results = NULL;
        put->err = fault_set(&put->fault, ERR_STORAGE_FULL, NULL);
    }
    for (size_t i = 0; !put->err && i < put->count; i++) put->results[i].err = fake_accept_locked(api, &put->entries[i], &put->results[i]);
    api->batches++;
    if (put->count > api->largest_batch) api->largest_batch = put->count;
    fake_note_locked(api, &put->entries[0]);
    pthread_cond_broadcast(&api->changed);
    pthread_mutex_unlock(&api->lock);
    put->done(put);
}

void api_put_events(struct api *api, struct api_put *put) {
    pthread_mutex_lock(&api->lock);
    bool hold = api->hold;
    if (hold) {
        api->held_puts[api->held_put_count++] = put;
        pthread_cond_broadcast(&api->changed);
    }
    pthread_mutex_unlock(&api->lock);
    if (!hold) fake_answer_put(api, put);
}

/* "Echo" answers its request, "Refuse" an error with a place, "Hold" later, anything else is unknown. */
void api_call(struct api *api, struct api_call *call) {
    pthread_mutex_lock(&api->lock);
    api->calls++;
    bool hold = api->hold && str_eqz(call->operation, "Hold");
    if (hold) api->held_calls[api->held_call_count++] = call;
    pthread_cond_broadcast(&api->changed);
    pthread_mutex_unlock(&api->lock);
    if (hold) return;
    if (str_ends(call->operation, STR("Refuse")))
        call->err = fault_at(&call->fault, ERR_PATTERN, "eventPattern", 2, 5, "Event pattern is not valid. Reason: no");
    else if (str_eqz(call->operation, "events.PutTargets"))
        buf_addz(&call->answer, "{\"FailedEntryCount\":1,\"FailedEntries\":[{\"TargetId\":\"t2\",\"ErrorCode\":\"LimitExceededException\","
                                "\"ErrorMessage\":\"too many\"}]}");
    else if (str_eqz(call->operation, "events.PutRule"))
        buf_addz(&call->answer, "{\"RuleArn\":\"arn:aws:events:us-east-1:1:rule/r\"}");
    else if (str_eqz(call->operation, "Unknown")) call->err = fault_set(&call->fault, ERR_UNKNOWN_OPERATION, NULL);
    else buf_add(&call->answer, call->body);
    pthread_mutex_lock(&api->lock);
    snprintf(api->last_text, sizeof api->last_text, "%.*s", STR_ARG(call->body));
    pthread_mutex_unlock(&api->lock);
    call->done(call);
}

/* Ends holding and answers everything that was held. */
static void fake_release(struct api *api) {
    pthread_mutex_lock(&api->lock);
    api->hold = false;
    size_t puts = api->held_put_count, calls = api->held_call_count;
    api->held_put_count = api->held_call_count = 0;
    pthread_mutex_unlock(&api->lock);
    for (size_t i = 0; i < puts; i++) fake_answer_put(api, api->held_puts[i]);
    for (size_t i = 0; i < calls; i++) {
        buf_addz(&api->held_calls[i]->answer, "{\"held\":true}");
        api->held_calls[i]->done(api->held_calls[i]);
    }
}

/* Waits until *counter, which is the engine's, is at least `least`. */
static void fake_wait(struct api *api, const size_t *counter, size_t least) {
    pthread_mutex_lock(&api->lock);
    while (*counter < least) pthread_cond_wait(&api->changed, &api->lock);
    pthread_mutex_unlock(&api->lock);
}

static inline void fake_set(struct api *api, size_t *counter, size_t value) {
    pthread_mutex_lock(&api->lock);
    *counter = value;
    pthread_mutex_unlock(&api->lock);
}

static inline size_t fake_get(struct api *api, const size_t *counter) {
    pthread_mutex_lock(&api->lock);
    size_t value = *counter;
    pthread_mutex_unlock(&api->lock);
    return value;
}

#endif
