/* The producer of the crash test: puts numbered events without end, and writes down which ones were acknowledged.
 *
 *   crash_producer ACKS-FILE
 *
 * Each event's detail is {"n":NUMBER}. Each acknowledged number goes to the file as one line, in one write. Ends on SIGTERM after the events under way
 * have their answers; prints the number of events put. The connection's losses are libbus's to mend. */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"

static volatile sig_atomic_t ended;
static int acks;
static atomic_ulong refused;
enum { PAD = 400, WINDOW = 500 };

static void end(int signal_number) {
    (void)signal_number;
    ended = 1;
}

static void put_done(void *ctx, const struct bus_result *result) {
    char line[32];
    if (result->err != BUS_ERR_OK) {
        if (atomic_fetch_add(&refused, 1) < 5) fprintf(stderr, "refused: %s: %s\n", bus_err_type(result->err), result->message);
        return;
    }
    int n = snprintf(line, sizeof line, "%lu\n", (unsigned long)(size_t)ctx);
    if (write(acks, line, (size_t)n) != n) abort();
}

int main(int argc, char **argv) {
    acks = argc == 2 ? open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (acks < 0) {
        fprintf(stderr, "usage: crash_producer ACKS-FILE\n");
        return 2;
    }
    signal(SIGTERM, end);
    struct bus_options options = {.request_timeout_ms = 120000, .window_events = WINDOW};
    struct bus *bus;
    struct bus_fault fault;
    if (bus_open(&options, &bus, &fault)) {
        fprintf(stderr, "%s\n", fault.message);
        return 4;
    }
    char pad[PAD + 1], detail[PAD + 64];
    memset(pad, 'x', PAD);
    pad[PAD] = 0;
    unsigned long n = 0;
    enum bus_err err = BUS_ERR_OK;
    while (!ended && !err) {
        snprintf(detail, sizeof detail, "{\"n\":%lu,\"pad\":\"%s\"}", n, pad);
        struct bus_event event = {.source = "crash", .detail_type = "numbered", .detail = detail};
        err = bus_put_async(bus, &event, put_done, (void *)(size_t)n, &fault);
        if (!err) n++;
    }
    if (err) fprintf(stderr, "%s\n", fault.message);
    enum bus_err flushed = bus_flush(bus, 120000);
    enum bus_err closed = bus_close(bus, 1000);
    printf("%lu\n", n);
    return err || flushed || closed || atomic_load(&refused) ? 3 : 0;
}
