/* A producer: puts EC2 state changes onto the default bus of its account, with libbus.
 *
 *   producer [COUNT]
 *
 * Endpoint and credentials come from the environment ($BUS_ENDPOINT, $AWS_PROFILE, $AWS_SHARED_CREDENTIALS_FILE...), as for the AWS tools. Every third
 * instance is running, stopped, pending. Prints how many events were accepted; the first refusal goes to stderr and makes the exit status 3. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "bus.h"

struct tally {
    atomic_ulong accepted, refused;
};

/* On libbus's thread, once for each event: only counts. */
static void put_done(void *ctx, const struct bus_result *result) {
    struct tally *tally = ctx;
    if (result->err == BUS_ERR_OK) {
        atomic_fetch_add(&tally->accepted, 1);
    } else if (atomic_fetch_add(&tally->refused, 1) == 0) {
        fprintf(stderr, "producer: %s: %s\n", bus_err_type(result->err), result->message);
    }
}

static enum bus_err put_one(struct bus *bus, unsigned long i, struct tally *tally, struct bus_fault *fault) {
    static const char *const states[] = {"running", "stopped", "pending"};
    char detail[128], resource[128];
    snprintf(detail, sizeof detail, "{\"instance-id\":\"i-%017lx\",\"state\":\"%s\"}", i, states[i % 3]);
    snprintf(resource, sizeof resource, "arn:aws:ec2:us-east-1:111122223333:instance/i-%017lx", i);
    const char *resources[] = {resource};
    struct bus_event event = {
        .source = "aws.ec2",
        .detail_type = "EC2 Instance State-change Notification",
        .detail = detail,
        .resources = resources,
        .resource_count = 1,
    };
    return bus_put_async(bus, &event, put_done, tally, fault);
}

int main(int argc, char **argv) {
    unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 30;
    struct bus *bus;
    struct bus_fault fault;
    struct tally tally = {0};
    enum bus_err err = bus_open(NULL, &bus, &fault);
    if (err) {
        fprintf(stderr, "producer: %s\n", fault.message);
        return 4;
    }
    for (unsigned long i = 0; i < count && !err; i++) err = put_one(bus, i, &tally, &fault);
    if (!err && bus_flush(bus, -1) != BUS_ERR_OK) fprintf(stderr, "producer: not all events had an answer in time\n");
    if (err) fprintf(stderr, "producer: %s\n", fault.message);
    if (bus_close(bus, 1000) != BUS_ERR_OK) fprintf(stderr, "producer: gave up on events without an answer\n");
    printf("producer: %lu accepted, %lu refused\n", atomic_load(&tally.accepted), atomic_load(&tally.refused));
    return err || atomic_load(&tally.accepted) != count ? 3 : 0;
}
