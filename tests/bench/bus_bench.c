/* The load generator of `make bench`: puts events through libbus and prints what it took.
 *
 *   bus_bench rate COUNT         COUNT events as fast as the window lets them: events/s, p50/p99 from handing in to acknowledgement
 *   bus_bench pace RATE SECONDS  RATE events/s, evenly: p50/p99 of the same
 *
 * Events are 1 KB in all (source, detail-type and detail). Endpoint and credentials from the environment. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bus.h"

enum { DETAIL = 960 };

struct sample {
    int64_t put_ns, done_ns;
};
static struct sample *samples;
static atomic_ulong failed;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void put_done(void *ctx, const struct bus_result *result) {
    struct sample *s = ctx;
    s->done_ns = now_ns();
    if (result->err && atomic_fetch_add(&failed, 1) == 0) fprintf(stderr, "bus_bench: %s: %s\n", bus_err_type(result->err), result->message);
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void report(const char *what, size_t count, int64_t start_ns) {
    int64_t *took = malloc(count * sizeof *took), end_ns = start_ns;
    if (!took) abort();
    for (size_t i = 0; i < count; i++) {
        took[i] = samples[i].done_ns - samples[i].put_ns;
        if (samples[i].done_ns > end_ns) end_ns = samples[i].done_ns;
    }
    qsort(took, count, sizeof *took, by_value);
    printf("%s: %.0f events/s, p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, %zu events, %lu failed\n", what, (double)count * 1e9 / (double)(end_ns - start_ns),
           (double)took[count / 2] / 1e6, (double)took[count * 99 / 100] / 1e6, (double)took[count * 999 / 1000] / 1e6, count, atomic_load(&failed));
    free(took);
}

static enum bus_err put_all(struct bus *bus, size_t count, double rate, struct bus_fault *fault) {
    char detail[DETAIL + 128], pad[DETAIL + 1];
    memset(pad, 'x', DETAIL);
    pad[DETAIL - 40] = 0;
    int64_t start = now_ns();
    enum bus_err err = BUS_ERR_OK;
    for (size_t i = 0; i < count && !err; i++) {
        if (rate > 0) {
            int64_t due = start + (int64_t)((double)i * 1e9 / rate);
            struct timespec t = {due / 1000000000, due % 1000000000};
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
        }
        int n = snprintf(detail, sizeof detail, "{\"n\":%zu,\"pad\":\"%s\"}", i, pad);
        struct bus_event event = {.source = "bench", .detail_type = "numbered", .detail = detail, .detail_bytes = (size_t)n};
        samples[i].put_ns = now_ns();
        err = bus_put_async(bus, &event, put_done, &samples[i], fault);
    }
    if (!err) err = bus_flush(bus, -1);
    return err;
}

int main(int argc, char **argv) {
    double rate = 0;
    size_t count = 0;
    if (argc == 3 && strcmp(argv[1], "rate") == 0) {
        count = strtoul(argv[2], NULL, 10);
    } else if (argc == 4 && strcmp(argv[1], "pace") == 0) {
        rate = strtod(argv[2], NULL);
        count = (size_t)(rate * strtod(argv[3], NULL));
    }
    if (!count || !(samples = calloc(count, sizeof *samples))) {
        fprintf(stderr, "usage: bus_bench rate COUNT | bus_bench pace RATE SECONDS\n");
        return 2;
    }
    struct bus *bus;
    struct bus_fault fault;
    if (bus_open(NULL, &bus, &fault)) {
        fprintf(stderr, "bus_bench: %s\n", fault.message);
        return 4;
    }
    int64_t start = now_ns();
    enum bus_err err = put_all(bus, count, rate, &fault);
    if (err) fprintf(stderr, "bus_bench: %s\n", bus_err_sentence(err));
    else report(rate > 0 ? "pace" : "rate", count, start);
    if (bus_close(bus, 5000)) fprintf(stderr, "bus_bench: events were left without an answer\n");
    free(samples);
    return err || atomic_load(&failed) ? 3 : 0;
}
