/* Attempts of a test, and waiting for their outcomes. Included by exactly one file of a program. */
#ifndef SUPPORT_ATTEMPTS_H
#define SUPPORT_ATTEMPTS_H

#include <pthread.h>
#include <time.h>

#include "target.h"

struct trial { /* one attempt and what came of it */
    struct attempt attempt;
    int reports; /* must become 1 */
    enum outcome outcome;
    char message[1024];
    int64_t retry_after_ms;
};

static pthread_mutex_t trial_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t trial_reported = PTHREAD_COND_INITIALIZER;

static void trial_done(struct attempt *attempt, enum outcome outcome, const char *message, int64_t retry_after_ms) {
    struct trial *trial = attempt->ctx;
    pthread_mutex_lock(&trial_lock);
    trial->reports++;
    trial->outcome = outcome;
    str_copyz(trial->message, sizeof trial->message, str_from(message));
    trial->retry_after_ms = retry_after_ms;
    pthread_cond_broadcast(&trial_reported);
    pthread_mutex_unlock(&trial_lock);
}

static void trial_begin(struct trial *trial, const struct target *target, struct str arn, struct str input) {
    *trial = (struct trial){.attempt = {.delivery = {.arn = arn,
                                                     .account = STR("111122223333"),
                                                     .source_arn = STR("arn:aws:events:us-east-1:111122223333:rule/r"),
                                                     .input = input,
                                                     .event = input,
                                                     .event_id = STR("0f8fad5b-d9cb-469f-a165-70867728950e"),
                                                     .now_ms = 1790000000000,
                                                     .attempt = 1},
                                        .done = trial_done}};
    trial->attempt.ctx = trial;
    target->kind->attempt(target->self, &trial->attempt);
}

/* Waits (at most half a minute: then the test has failed) until it was reported. */
static bool trial_wait(struct trial *trial) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    pthread_mutex_lock(&trial_lock);
    int timed_out = 0;
    while (trial->reports == 0 && !timed_out) timed_out = pthread_cond_timedwait(&trial_reported, &trial_lock, &until);
    bool reported = trial->reports == 1;
    pthread_mutex_unlock(&trial_lock);
    return reported;
}

#endif
