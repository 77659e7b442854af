#include "writer.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "file.h"
#include "log.h"

struct line { /* one attempt on its way into a file */
    struct line *next;
    struct group *group;
    struct attempt *attempt;
    enum err err;
};

struct writer {
    pthread_t thread;
    struct str directory;
    pthread_mutex_t lock; /* guards the next four */
    pthread_cond_t work;
    struct line *first, *last;
    size_t queued;
    bool stopping;
    /* the thread's own */
    struct file files[WRITER_FILES_MAX]; /* path == NULL: unused */
    uint64_t turn;
};

/* ---- any thread ----------------------------------------------------------------------------------------------------------------- */

void writer_submit(struct writer *w, struct group *group, struct attempt *attempt) {
    struct line *line = calloc(1, sizeof *line);
    const char *refusal = line ? NULL : "out of memory";
    enum outcome outcome = OUTCOME_INTERNAL_ERROR;
    pthread_mutex_lock(&w->lock);
    if (w->stopping) {
        refusal = "shutting down";
    } else if (line && w->queued >= WRITER_QUEUE_MAX) {
        refusal = "too many events wait for the log";
        outcome = OUTCOME_THROTTLING;
    } else if (line) {
        *line = (struct line){.group = group, .attempt = attempt};
        if (w->last)
            w->last->next = line;
        else
            w->first = line;
        w->last = line;
        w->queued++;
        pthread_cond_signal(&w->work);
    }
    pthread_mutex_unlock(&w->lock);
    if (!refusal) return;
    free(line);
    group_unref(group);
    attempt->done(attempt, outcome, refusal, -1);
}

/* ---- the thread ----------------------------------------------------------------------------------------------------------------- */

static void report(struct line *line, const char *message) {
    enum outcome outcome = line->err ? OUTCOME_INTERNAL_ERROR : OUTCOME_DELIVERED;
    line->attempt->done(line->attempt, outcome, line->err ? message : "", -1);
    group_unref(line->group);
    free(line);
}

static void forget(struct file *f) {
    file_close(f);
    free(f->path);
    *f = (struct file){.fd = -1};
}

/* The slot of that path; the one not used for longest makes room. NULL without memory. */
static struct file *file_of(struct writer *w, const struct group *g) {
    char path[4096];
    struct file *slot = &w->files[0];
    if (snprintf(path, sizeof path, "%.*s/%s", STR_ARG(w->directory), g->file.p) >= (int)sizeof path) return NULL;
    for (size_t i = 0; i < WRITER_FILES_MAX; i++) {
        struct file *f = &w->files[i];
        if (f->path && strcmp(f->path, path) == 0) {
            f->used = w->turn;
            return f;
        }
        if (!f->path || (slot->path && f->used < slot->used)) slot = slot->path ? f : slot;
    }
    forget(slot);
    slot->path = strdup(path);
    slot->used = w->turn;
    return slot->path ? slot : NULL;
}

static enum err append(struct file *f, const struct group *g, struct str line, struct fault *fault) {
    enum err err = file_open(f, fault);
    if (!err && f->bytes > 0 && f->bytes + (int64_t)line.n + 1 > g->max_bytes) {
        err = file_sync(f, fault);
        if (!err) err = file_rotate(f, g->keep, fault);
        if (!err) err = file_open(f, fault);
    }
    return err ? err : file_append(f, line, fault);
}

/* All lines of one file; they have one sync. Takes them out of *lines, reports them. */
static void write_file(struct writer *w, struct line **lines) {
    struct str name = (*lines)->group->file;
    struct file *f = file_of(w, (*lines)->group);
    struct line *mine = NULL, **mine_end = &mine;
    struct fault fault;
    fault_clear(&fault);
    enum err err = f ? ERR_OK : fault_set(&fault, ERR_NOMEM, "out of memory, or the path is too long");
    for (struct line **at = lines; *at;) {
        struct line *line = *at;
        if (!str_eq(line->group->file, name)) {
            at = &line->next;
            continue;
        }
        *at = line->next;
        line->next = NULL;
        *mine_end = line;
        mine_end = &line->next;
        /* After the first failure the rest of the batch is not tried: all of it is retried in order. */
        if (!err) err = append(f, line->group, line->attempt->delivery.input, &fault);
        line->err = err;
    }
    struct fault sync_fault;
    fault_clear(&sync_fault);
    enum err sync_err = f && f->fd >= 0 ? file_sync(f, &sync_fault) : err;
    if (err || sync_err) log_line(LOG_ERROR, "log", "a log could not be written", LOG_Z("error", err ? fault.message : sync_fault.message));
    for (struct line *next; mine; mine = next) {
        next = mine->next;
        if (!mine->err) mine->err = sync_err;
        report(mine, err ? fault.message : sync_fault.message);
    }
}

static void *run(void *arg) {
    struct writer *w = arg;
    for (;;) {
        pthread_mutex_lock(&w->lock);
        while (!w->first && !w->stopping) pthread_cond_wait(&w->work, &w->lock);
        struct line *lines = w->first;
        bool stopping = w->stopping;
        w->first = w->last = NULL;
        w->queued = 0;
        pthread_mutex_unlock(&w->lock);
        w->turn++;
        while (lines && !stopping) write_file(w, &lines);
        for (struct line *next; lines; lines = next) {
            next = lines->next;
            lines->err = ERR_SHUTTING_DOWN;
            report(lines, "shutting down");
        }
        if (stopping) return NULL;
    }
}

enum err writer_start(struct str directory, struct writer **out, struct fault *fault) {
    struct writer *w = calloc(1, sizeof *w);
    if (!w) return fault_set(fault, ERR_NOMEM, NULL);
    w->directory = directory;
    for (size_t i = 0; i < WRITER_FILES_MAX; i++) w->files[i].fd = -1;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* SIGXFSZ among them: a file size limit is an error of write, not our death */
    int error = pthread_create(&w->thread, NULL, run, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!error) {
        *out = w;
        return ERR_OK;
    }
    writer_free(w);
    return fault_set(fault, ERR_INTERNAL, "cannot start the thread that writes logs: %s", strerror(error));
}

void writer_stop(struct writer *w) {
    pthread_mutex_lock(&w->lock);
    bool first = !w->stopping;
    w->stopping = true;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
    if (first) pthread_join(w->thread, NULL);
}

void writer_free(struct writer *w) {
    if (!w) return;
    for (size_t i = 0; i < WRITER_FILES_MAX; i++) forget(&w->files[i]);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
