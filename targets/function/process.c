#include "process.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "model.h"

enum { READ_CHUNK = 65536, READ_ROUNDS = 16, FEED_CHUNK = 16384, LOG_LINES_PER_SECOND = 50, LOG_LINES_BURST = 100, MESSAGE_MAX = 1024 };
#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"

/* ---- starting ------------------------------------------------------------------------------------------------------------------- */

static bool is_program(const char *path) {
    struct stat st;
    return !access(path, X_OK) && !stat(path, &st) && S_ISREG(st.st_mode);
}

/* A name without a slash is looked up in PATH, as a shell would. */
static enum err find_program(struct arena *a, const struct function *f, const char **path, struct fault *fault) {
    const char *name = f->command[0].p;
    *path = name;
    if (strchr(name, '/')) return ERR_OK;
    struct str list = f->path_variable.p ? f->path_variable : STR(PATH_DEFAULT), rest = list, piece;
    while (str_cut(&rest, ':', &piece)) {
        struct str candidate = arena_printf(a, "%.*s/%s", STR_ARG(piece.n ? piece : STR(".")), name);
        if (!candidate.p) return fault_set(fault, ERR_NOMEM, NULL);
        *path = candidate.p;
        if (is_program(candidate.p)) return ERR_OK;
    }
    return fault_set(fault, ERR_NOT_FOUND, "cannot run the program %s: it is not in PATH (%.*s)", name, STR_ARG(list));
}

static char **make_argv(struct arena *a, const struct function *f) {
    char **argv = arena_array(a, f->command_count + 1, sizeof *argv);
    for (size_t i = 0; argv && i < f->command_count; i++) argv[i] = (char *)f->command[i].p;
    return argv;
}

struct environment {
    struct arena *arena;
    char **at;
    bool failed;
};

static void add_variable(struct environment *e, const char *name, struct str value) {
    struct str text = arena_printf(e->arena, "%s=%.*s", name, STR_ARG(value));
    if (!text.p)
        e->failed = true;
    else
        *e->at++ = (char *)text.p;
}

static bool has_variable(const struct function *f, const char *name) {
    for (size_t i = 0; i < f->variable_count; i++)
        if (str_eqz(f->variables[i].key, name)) return true;
    return false;
}

/* Clean and minimal: nothing of the daemon's own environment but HOME. `first` is absent for a worker: it outlives one event. */
static char **make_envp(struct arena *a, const struct function *f, const struct invocation *first) {
    char **envp = arena_array(a, f->variable_count + 9, sizeof *envp);
    struct environment e = {a, envp, !envp};
    if (!envp) return NULL;
    if (!has_variable(f, "PATH")) add_variable(&e, "PATH", STR(PATH_DEFAULT));
    if (!has_variable(f, "HOME")) {
        const char *home = getenv("HOME");
        add_variable(&e, "HOME", home && *home ? str_from(home) : STR("/"));
    }
    if (!has_variable(f, "LANG")) add_variable(&e, "LANG", STR("C.UTF-8"));
    for (size_t i = 0; i < f->variable_count; i++) add_variable(&e, f->variables[i].key.p, f->variables[i].s);
    add_variable(&e, "BUS_FUNCTION_NAME", f->name);
    add_variable(&e, "BUS_FUNCTION_ARN", f->arn);
    if (first) {
        char attempt[16];
        snprintf(attempt, sizeof attempt, "%" PRId32, first->attempt);
        add_variable(&e, "BUS_EVENT_ID", first->event_id);
        add_variable(&e, "BUS_SOURCE_ARN", first->source_arn);
        add_variable(&e, "BUS_ATTEMPT", str_from(attempt));
    }
    return e.failed ? NULL : envp;
}

static enum err start_child(struct process *p, const struct invocation *first, struct fault *fault) {
    const struct function *f = p->function;
    struct arena arena;
    arena_init(&arena, 4 * 1024 * 1024);
    struct child_plan plan = {
        .argv = make_argv(&arena, f),
        .envp = make_envp(&arena, f, f->worker ? NULL : first),
        .directory = f->working_directory.p,
        .memory_bytes = f->memory_mib * 1024 * 1024,
        .cpu_seconds = f->cpu_seconds,
        .cpu_is_soft = f->worker,
    };
    enum err err = plan.argv && plan.envp ? find_program(&arena, f, &plan.path, fault) : fault_set(fault, ERR_NOMEM, NULL);
    if (!err) err = child_start(&plan, &p->child, fault);
    arena_fini(&arena);
    return err;
}

static bool watch_fd(struct process *p, int fd, enum watched what, uint32_t events) {
    p->watches[what].process = p;
    p->watches[what].what = what;
    struct epoll_event e = {.events = events, .data.ptr = &p->watches[what]};
    return !epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e);
}

/* Explicitly, before it is closed: while another child is between fork and exec it holds a copy of our descriptor, so that closing alone
 * would leave the watch behind, and epoll would report it for a process that is gone. */
static void unwatch(struct process *p, int fd) {
    if (fd >= 0) epoll_ctl(p->epoll, EPOLL_CTL_DEL, fd, NULL);
}

static void feed(struct process *p);

enum err process_start(struct function *f, struct invocation *first, int epoll, struct log_allowance *allowance, int64_t now_ms,
                       struct process **out, struct fault *fault) {
    struct process *p = calloc(1, sizeof *p);
    if (!p) return fault_set(fault, ERR_NOMEM, NULL);
    p->child = (struct child){.pid = -1, .pidfd = -1, .in = -1, .out = -1, .err = -1, .status = -1};
    p->epoll = epoll;
    p->allowance = allowance;
    p->function = function_ref(f);
    buf_init(&p->answer, (size_t)FUNCTION_RESPONSE_MAX_BYTES + READ_CHUNK);
    enum err err = start_child(p, first, fault);
    if (!err && !(watch_fd(p, p->child.out, WATCH_OUT, EPOLLIN) && watch_fd(p, p->child.err, WATCH_ERR, EPOLLIN) &&
                  watch_fd(p, p->child.pidfd, WATCH_END, EPOLLIN))) {
        struct child_end end;
        err = fault_set(fault, ERR_INTERNAL, "cannot watch a process: %s", strerror(errno));
        child_signal(&p->child, SIGKILL);
        unwatch(p, p->child.pidfd);
        child_reap(&p->child, &end);
    }
    if (err) {
        process_free(p);
        return err;
    }
    process_give(p, first, now_ms);
    *out = p;
    return ERR_OK;
}

void process_free(struct process *p) {
    if (p->feeding) unwatch(p, p->child.in);
    unwatch(p, p->child.out);
    unwatch(p, p->child.err);
    unwatch(p, p->child.pidfd);
    child_close(&p->child);
    buf_fini(&p->answer);
    function_unref(p->function);
    free(p);
}

/* ---- the event in --------------------------------------------------------------------------------------------------------------- */

void process_give(struct process *p, struct invocation *invocation, int64_t now_ms) {
    p->invocation = invocation;
    p->sent = p->answer_bytes = 0;
    buf_clear(&p->answer);
    p->last_error[0] = 0;
    p->deadline_ms = now_ms + p->function->timeout_s * 1000;
    if (p->function->worker && p->function->cpu_seconds && p->answered && !child_extend_cpu(&p->child, p->function->cpu_seconds))
        log_line(LOG_WARN, "function", "the worker's CPU limit was not renewed", LOG_S("function", p->function->name),
                 LOG_Z("error", strerror(errno)));
    feed(p);
}

static void stop_feeding(struct process *p) {
    if (p->feeding) unwatch(p, p->child.in);
    p->feeding = false;
}

static void end_input(struct process *p) {
    stop_feeding(p);
    child_close_one(&p->child.in);
}

/* The next piece of the line; within JSON a line end is white space, so a blank does not change the event. */
static size_t next_piece(const struct process *p, char *piece) {
    struct str payload = p->invocation->payload, rest = str_skip(payload, p->sent);
    size_t n = rest.n < FEED_CHUNK ? rest.n : FEED_CHUNK;
    for (size_t i = 0; i < n; i++) piece[i] = rest.p[i] == '\n' || rest.p[i] == '\r' ? ' ' : rest.p[i];
    if (n < FEED_CHUNK && p->sent + n == payload.n) piece[n++] = '\n';
    return n;
}

static void feed(struct process *p) {
    char piece[FEED_CHUNK + 1];
    while (p->child.in >= 0 && p->sent < p->invocation->payload.n + 1) {
        ssize_t put = write(p->child.in, piece, next_piece(p, piece));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0 && errno == EAGAIN) {
            if (!p->feeding) p->feeding = watch_fd(p, p->child.in, WATCH_IN, EPOLLOUT);
            if (p->feeding) return;
        }
        if (put < 0) { /* a process need not read its event, its exit tells; a worker has to */
            if (p->function->worker)
                process_end(p, VERDICT_CLOSED, clock_mono_ms());
            else
                end_input(p);
            return;
        }
        p->sent += (size_t)put;
    }
    if (p->function->worker)
        stop_feeding(p);
    else
        end_input(p);
}

/* ---- the outcome out ------------------------------------------------------------------------------------------------------------ */

static void finish(struct process *p, enum outcome outcome, const char *message, struct str answer) {
    struct invocation *invocation = p->invocation;
    if (!invocation) return;
    p->invocation = NULL;
    stop_feeding(p);
    invocation->done(invocation, outcome, message, answer);
}

/* What we ended it for, or an empty message. */
static enum outcome verdict_outcome(const struct process *p, char *message, size_t size) {
    enum outcome outcome = OUTCOME_ERROR_FROM_TARGET;
    const char *text = "";
    if (p->verdict == VERDICT_TOO_LONG) text = "the function answered more than 6291456 bytes";
    if (p->verdict == VERDICT_GARBAGE) text = "the worker wrote something that is no answer: one line of JSON for each event";
    if (p->verdict == VERDICT_CLOSED) text = "the worker closed its standard input or output";
    if (p->verdict == VERDICT_SHUTDOWN) {
        outcome = OUTCOME_INTERNAL_ERROR;
        text = "shutting down";
    }
    if (p->verdict == VERDICT_TIMEOUT) {
        outcome = OUTCOME_TIMEOUT;
        snprintf(message, size, "the function ran longer than its timeout of %" PRId64 " s", p->function->timeout_s);
    } else {
        str_copyz(message, size, str_from(text));
    }
    return outcome;
}

static void add_last_error(const struct process *p, char *message, size_t size) {
    size_t n = strlen(message);
    if (p->last_error[0]) snprintf(message + n, size - n, ": %s", p->last_error);
}

static void finish_by_verdict(struct process *p) {
    char message[MESSAGE_MAX];
    enum outcome outcome = verdict_outcome(p, message, sizeof message);
    if (p->verdict != VERDICT_SHUTDOWN) add_last_error(p, message, sizeof message);
    finish(p, outcome, message, STR_NULL);
}

static void finish_by_end(struct process *p, const struct child_end *end) {
    char message[MESSAGE_MAX] = "";
    const char *who = p->function->worker ? "the worker" : "the function";
    if (p->verdict != VERDICT_NONE && p->verdict != VERDICT_RETIRED) {
        finish_by_verdict(p);
        return;
    }
    if (end->not_run) {
        const char *what = end->no_directory ? p->function->working_directory.p : p->function->command[0].p;
        snprintf(message, sizeof message, "cannot %s %s: %s", end->step, what, strerror(end->error));
    } else if (!end->exited) {
        const char *name = sigabbrev_np(end->signal);
        snprintf(message, sizeof message, "%s was ended by signal %d (SIG%s)", who, end->signal, name ? name : "?");
    } else if (end->code || p->function->worker) {
        snprintf(message, sizeof message, "%s ended with exit status %d%s", who, end->code,
                 p->function->worker ? " before it answered" : "");
    }
    if (message[0]) add_last_error(p, message, sizeof message);
    bool delivered = !message[0];
    finish(p, delivered ? OUTCOME_DELIVERED : OUTCOME_ERROR_FROM_TARGET, message, delivered ? buf_str(&p->answer) : STR_NULL);
}

/* A worker's line. {"errorMessage": ...} says that the function failed, as in Lambda. */
static void take_answer(struct process *p, struct str line, int64_t now_ms) {
    json_error_t why;
    json_t *answer = json_loadb(line.p, line.n, JSON_DECODE_ANY, &why);
    if (!answer) {
        process_end(p, VERDICT_GARBAGE, now_ms);
        return;
    }
    const char *error = json_is_object(answer) ? json_string_value(json_object_get(answer, "errorMessage")) : NULL;
    char message[MESSAGE_MAX] = "";
    if (error) snprintf(message, sizeof message, "%.*s", MESSAGE_MAX - 8, error);
    while (!str_is_utf8(str_from(message))) message[strlen(message) - 1] = 0; /* cut within a character */
    json_decref(answer);
    p->answered++;
    p->deadline_ms = now_ms + RUNNER_IDLE_MS;
    finish(p, error ? OUTCOME_ERROR_FROM_TARGET : OUTCOME_DELIVERED, message, line);
    if (p->retire) process_end(p, VERDICT_RETIRED, now_ms);
}

static void take_output(struct process *p, struct str bytes, int64_t now_ms) {
    if (p->verdict != VERDICT_NONE) return; /* too late to matter */
    p->answer_bytes += bytes.n;
    if (p->function->worker || (p->invocation && p->invocation->wants_answer)) buf_add(&p->answer, bytes);
    if (p->answer_bytes > FUNCTION_RESPONSE_MAX_BYTES || p->answer.failed) {
        process_end(p, VERDICT_TOO_LONG, now_ms);
        return;
    }
    if (!p->function->worker) return;
    struct str got = buf_str(&p->answer);
    /* Only what just came can hold the line's end. */
    size_t end = str_find(got, '\n', got.n - bytes.n);
    bool whole = p->invocation && p->sent == p->invocation->payload.n + 1;
    if (!p->invocation || (end < got.n && (!whole || end + 1 < got.n)))
        process_end(p, VERDICT_GARBAGE, now_ms);
    else if (end < got.n)
        take_answer(p, str_of(got.p, end), now_ms);
}

static void read_output(struct process *p, int64_t now_ms) {
    char chunk[READ_CHUNK];
    for (int round = 0; round < READ_ROUNDS && p->child.out >= 0; round++) {
        ssize_t got = read(p->child.out, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) {
            unwatch(p, p->child.out);
            child_close_one(&p->child.out);
            if (p->function->worker && !p->dead && p->stage == STAGE_RUN) process_end(p, VERDICT_CLOSED, now_ms);
            return;
        }
        take_output(p, str_of(chunk, (size_t)got), now_ms);
    }
}

/* ---- standard error ------------------------------------------------------------------------------------------------------------- */

static bool may_log(struct log_allowance *a, int64_t now_ms) {
    int64_t more = (now_ms - a->refilled_ms) * LOG_LINES_PER_SECOND / 1000;
    if (more > 0 || a->refilled_ms == 0) {
        a->lines = a->refilled_ms == 0 || a->lines + more > LOG_LINES_BURST ? LOG_LINES_BURST : a->lines + more;
        a->refilled_ms = now_ms;
    }
    if (a->lines > 0) {
        a->lines--;
        return true;
    }
    a->dropped++;
    return false;
}

static void end_error_line(struct process *p, int64_t now_ms) {
    struct str line = str_of(p->line, p->line_bytes);
    p->line_bytes = 0;
    if (line.n == 0) return;
    if (!str_is_utf8(line))
        for (size_t i = 0; i < line.n; i++)
            if ((unsigned char)p->line[i] >= 0x80) p->line[i] = '?';
    str_copyz(p->last_error, sizeof p->last_error, line);
    while (!str_is_utf8(str_from(p->last_error))) p->last_error[strlen(p->last_error) - 1] = 0;
    for (char *c = p->last_error; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127) *c = ' ';
    if (!may_log(p->allowance, now_ms)) return;
    if (p->allowance->dropped)
        log_line(LOG_WARN, "function", "lines of stderr were dropped", LOG_S("function", p->function->name),
                 LOG_I("lines", p->allowance->dropped));
    p->allowance->dropped = 0;
    log_line(LOG_INFO, "function", "stderr", LOG_S("function", p->function->name), LOG_I("pid", p->child.pid), LOG_S("line", line));
}

static void read_errors(struct process *p, int64_t now_ms) {
    char chunk[READ_CHUNK];
    for (int round = 0; round < READ_ROUNDS && p->child.err >= 0; round++) {
        ssize_t got = read(p->child.err, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) {
            unwatch(p, p->child.err);
            child_close_one(&p->child.err);
            return;
        }
        for (ssize_t i = 0; i < got; i++) {
            if (chunk[i] == '\n')
                end_error_line(p, now_ms);
            else if (p->line_bytes < sizeof p->line)
                p->line[p->line_bytes++] = chunk[i]; /* the rest of a longer line is cut */
        }
    }
}

/* ---- the end -------------------------------------------------------------------------------------------------------------------- */

static void enter_stage(struct process *p, enum stage stage, int64_t now_ms) {
    p->stage = stage;
    p->deadline_ms = stage == STAGE_KILL ? INT64_MAX : now_ms + RUNNER_GRACE_MS;
    if (stage == STAGE_CLOSE) end_input(p);
    if (stage == STAGE_TERM) child_signal(&p->child, SIGTERM);
    if (stage == STAGE_KILL) child_signal(&p->child, SIGKILL);
}

void process_end(struct process *p, enum verdict verdict, int64_t now_ms) {
    if (p->dead) return;
    if (p->verdict == VERDICT_NONE || p->verdict == VERDICT_RETIRED || verdict == VERDICT_SHUTDOWN) p->verdict = verdict;
    if (p->stage >= STAGE_TERM) return;
    bool broken = verdict == VERDICT_TOO_LONG || verdict == VERDICT_GARBAGE; /* nothing it could still do is of use */
    bool gentle = !p->invocation && verdict != VERDICT_CLOSED;
    enter_stage(p, broken ? STAGE_KILL : gentle && p->stage < STAGE_CLOSE ? STAGE_CLOSE : STAGE_TERM, now_ms);
}

void process_tick(struct process *p, int64_t now_ms) {
    if (p->dead || now_ms < p->deadline_ms) return;
    if (p->stage == STAGE_RUN)
        process_end(p, p->invocation ? VERDICT_TIMEOUT : VERDICT_RETIRED, now_ms);
    else
        enter_stage(p, p->stage + 1, now_ms);
}

static void log_death(const struct process *p, const struct child_end *end) {
    if (!p->function->worker || p->verdict == VERDICT_RETIRED || p->verdict == VERDICT_SHUTDOWN) return;
    log_line(LOG_WARN, "function", "a worker ended", LOG_S("function", p->function->name), LOG_I("pid", p->child.pid),
             LOG_I("status", end->code), LOG_I("signal", end->signal), LOG_I("answered", p->answered), LOG_Z("stderr", p->last_error));
}

static void reap(struct process *p, int64_t now_ms) {
    struct child_end end;
    stop_feeding(p);
    unwatch(p, p->child.pidfd);
    child_reap(&p->child, &end);
    /* What it wrote last; READ_ROUNDS bounds what a descendant that escaped the group could still add. */
    read_errors(p, now_ms);
    end_error_line(p, now_ms);
    p->dead = true;
    read_output(p, now_ms);
    log_death(p, &end);
    finish_by_end(p, &end);
}

void process_abandon(struct process *p) {
    log_line(LOG_ERROR, "function", "a process does not end, not even by SIGKILL", LOG_S("function", p->function->name),
             LOG_I("pid", p->child.pid));
    child_signal(&p->child, SIGKILL);
    p->dead = true;
    finish_by_verdict(p);
}

void process_handle(struct process *p, const struct watch *watch, int64_t now_ms) {
    if (p->dead) return; /* ended earlier in the same batch of events */
    switch (watch->what) {
    case WATCH_IN:
        if (p->invocation)
            feed(p);
        else
            stop_feeding(p);
        break;
    case WATCH_OUT: read_output(p, now_ms); break;
    case WATCH_ERR: read_errors(p, now_ms); break;
    case WATCH_END: reap(p, now_ms); break;
    }
}
