/* A host for a target's tests: memory store, committer, a fresh data directory. Included by exactly one file of a program. */
#ifndef SUPPORT_TARGET_HOST_H
#define SUPPORT_TARGET_HOST_H

#include <dirent.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "committer.h"
#include "target.h"

static struct store *host_store;
static struct target_host host;
static char host_dir[64];

static int host_remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk) {
    (void)st;
    (void)flag;
    (void)walk;
    return remove(path);
}

static int host_start(void) {
    struct fault fault;
    str_copyz(host_dir, sizeof host_dir, STR("/tmp/bus-target-test-XXXXXX"));
    if (!mkdtemp(host_dir) || store_open_memory(&host_store, &fault)) return -1;
    host = (struct target_host){.region = STR("us-east-1"), .data_dir = str_from(host_dir)};
    return committer_start(host_store, NULL, &host.committer, &fault) ? -1 : 0;
}

static void host_end(void) {
    committer_stop(host.committer);
    store_close(host_store);
    nftw(host_dir, host_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Open descriptors of this process. */
static inline int host_open_fds(void) {
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir)) count++;
    if (dir) closedir(dir);
    return count;
}

/* ---- calls ---------------------------------------------------------------------------------------------------------------------- */

struct host_call {
    struct call call;
    struct arena arena;
    bool finished;
    enum err err;
};
static pthread_mutex_t host_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t host_finished = PTHREAD_COND_INITIALIZER;

static void host_finish(struct call *call, enum err err) {
    struct host_call *c = call->engine;
    pthread_mutex_lock(&host_lock);
    c->err = err;
    c->finished = true;
    pthread_cond_broadcast(&host_finished);
    pthread_mutex_unlock(&host_lock);
}

/* Calls an operation of the target's service with `in` (its request struct) as account 111122223333, and waits for the answer in
 * c->call.out. The caller ends it with arena_fini(&c->arena). */
static enum err host_run(struct host_call *c, const struct target *target, const char *operation, void *in) {
    const struct service *s = target->service;
    *c = (struct host_call){0};
    arena_init(&c->arena, 0);
    const struct handler_row *handler = s->handlers;
    const struct operation *row = s->operations;
    while (handler->name && strcmp(handler->name, operation) != 0) handler++;
    while (row->name && strcmp(row->name, operation) != 0) row++;
    if (!handler->name || !row->name) abort();
    c->call = (struct call){.operation = row,
                            .account = STR("111122223333"),
                            .principal_arn = STR("arn:aws:iam::111122223333:root"),
                            .region = STR("us-east-1"),
                            .arena = &c->arena,
                            .now_ms = 1790000000000,
                            .in = in,
                            .out = row->out ? arena_alloc(&c->arena, row->out->size) : NULL,
                            .engine = c,
                            .finish = host_finish};
    fault_clear(&c->call.fault);
    enum err err = handler->handler(s->self, &c->call);
    if (err != ERR_PENDING) return err;
    pthread_mutex_lock(&host_lock);
    while (!c->finished) pthread_cond_wait(&host_finished, &host_lock);
    err = c->err;
    pthread_mutex_unlock(&host_lock);
    return err;
}

#endif
