/* The kind "function", played by the test: this target_function_new stands in for the real one at link time. Attempts are answered at once by a script,
 * or held until the test lets them go. Included by exactly one file of a program. */
#ifndef SUPPORT_SCRIPTED_FUNCTION_H
#define SUPPORT_SCRIPTED_FUNCTION_H

#include <pthread.h>

#include "target.h"

enum { SCRIPT_MAX = 20000 };

struct script_line { /* one attempt */
    struct attempt *attempt;
    char event_id[37], arn[128], input[256];
    int32_t number;
    bool answered;
    enum outcome outcome;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum outcome (*answer)(const struct delivery *d); /* NULL: delivered */
    bool (*hold)(const struct delivery *d);           /* NULL: nothing is held */
    int64_t retry_after_ms;
    int concurrency;
    struct script_line lines[SCRIPT_MAX];
    size_t count, delivered, under_way, most_under_way;
} script = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static inline void script_reset(void) {
    script.answer = NULL;
    script.hold = NULL;
    script.retry_after_ms = -1;
    script.concurrency = 0;
    script.count = script.delivered = script.under_way = script.most_under_way = 0;
}

/* With the lock held; it is dropped for the report. */
static inline void script_report_locked(struct script_line *line, enum outcome outcome) {
    struct attempt *attempt = line->attempt;
    line->answered = true;
    line->outcome = outcome;
    line->attempt = NULL;
    script.under_way--;
    script.delivered += outcome == OUTCOME_DELIVERED;
    pthread_cond_broadcast(&script.changed);
    pthread_mutex_unlock(&script.lock);
    attempt->done(attempt, outcome, outcome == OUTCOME_DELIVERED ? NULL : "as the script says", outcome == OUTCOME_DELIVERED ? -1 : script.retry_after_ms);
    pthread_mutex_lock(&script.lock);
}

static inline void script_attempt(void *self, struct attempt *attempt) {
    const struct delivery *d = &attempt->delivery;
    (void)self;
    pthread_mutex_lock(&script.lock);
    assert_true(script.count < SCRIPT_MAX);
    struct script_line *line = &script.lines[script.count++];
    *line = (struct script_line){.attempt = attempt, .number = d->attempt};
    str_copyz(line->event_id, sizeof line->event_id, d->event_id);
    str_copyz(line->arn, sizeof line->arn, d->arn);
    str_copyz(line->input, sizeof line->input, d->input);
    if (++script.under_way > script.most_under_way) script.most_under_way = script.under_way;
    pthread_cond_broadcast(&script.changed);
    if (!script.hold || !script.hold(d)) script_report_locked(line, script.answer ? script.answer(d) : OUTCOME_DELIVERED);
    pthread_mutex_unlock(&script.lock);
}

/* For script.hold: everything. */
static inline bool script_takes_all(const struct delivery *d) {
    (void)d;
    return true;
}

/* Ends all attempts that are held. */
static inline void script_release(enum outcome outcome) {
    pthread_mutex_lock(&script.lock);
    for (size_t i = 0; i < script.count; i++)
        if (!script.lines[i].answered) script_report_locked(&script.lines[i], outcome);
    pthread_mutex_unlock(&script.lock);
}

static inline size_t script_number(const size_t *field) {
    pthread_mutex_lock(&script.lock);
    size_t n = *field;
    pthread_mutex_unlock(&script.lock);
    return n;
}
#define SCRIPT(field) script_number(&script.field)

/* Attempts on an ARN, with this outcome when `answered`. */
static inline size_t script_attempts(const char *arn) {
    size_t n = 0;
    pthread_mutex_lock(&script.lock);
    for (size_t i = 0; i < script.count; i++) n += strcmp(script.lines[i].arn, arn) == 0;
    pthread_mutex_unlock(&script.lock);
    return n;
}

static inline int script_order(const void *a, const void *b) {
    return strcmp(((const struct script_line *)a)->event_id, ((const struct script_line *)b)->event_id);
}

/* The number of different events that were delivered; fails when one was delivered twice. */
static inline size_t script_delivered_once(void) {
    static struct script_line sorted[SCRIPT_MAX];
    size_t n = 0;
    pthread_mutex_lock(&script.lock);
    for (size_t i = 0; i < script.count; i++)
        if (script.lines[i].answered && script.lines[i].outcome == OUTCOME_DELIVERED) sorted[n++] = script.lines[i];
    pthread_mutex_unlock(&script.lock);
    if (n) qsort(sorted, n, sizeof sorted[0], script_order);
    for (size_t i = 1; i < n; i++) assert_string_not_equal(sorted[i - 1].event_id, sorted[i].event_id);
    return n;
}

static inline bool script_takes(struct str text) {
    struct arn arn;
    return arn_parse(text, &arn) && str_eqz(arn.service, "lambda");
}

static inline int script_concurrency(void *self, struct str arn) {
    (void)self;
    (void)arn;
    return script.concurrency;
}

static inline void script_stop(void *self) {
    (void)self;
    script_release(OUTCOME_INTERNAL_ERROR); /* as the adapters do with what they cut off */
}

static inline void script_free(void *self) { (void)self; }

enum err target_function_new(const struct target_host *host, struct target *t, struct fault *fault) {
    static const struct target_kind kind = {.name = "function", .takes = script_takes, .attempt = script_attempt, .concurrency = script_concurrency};
    (void)host;
    (void)fault;
    *t = (struct target){&kind, &script, NULL, script_stop, script_free};
    return ERR_OK;
}

#endif
