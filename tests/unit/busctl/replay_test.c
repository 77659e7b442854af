/* busctl replay against a bus that answers from a script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <unistd.h>

#include "clock.h"
#include "scripted_bus.h"

#define NOW 1777636800000 /* 2026-05-01T12:00:00Z */
#define ARN "arn:aws:events:us-east-1:111122223333:"
#define ARCHIVE ARN "archive/all"
#define DESCRIBED(bus)                                                                                                                     \
    {                                                                                                                                      \
        "events.DescribeArchive", "{\"ArchiveName\":\"all\"}",                                                                             \
            "{\"ArchiveArn\":\"" ARCHIVE "\",\"EventSourceArn\":\"" ARN "event-bus/" bus "\",\"CreationTime\":1777000000.5}", 0, NULL      \
    }

static int begin(void **state) {
    (void)state;
    clock_fake(NOW);
    return 0;
}
static int end(void **state) {
    (void)state;
    clock_real();
    return 0;
}

static void replay_is_followed_to_its_end(void **state) {
    (void)state;
    assert_int_equal(
        runs(STEPS(DESCRIBED("default"),
                   {"events.StartReplay",
                    "{\"ReplayName\":\"again\",\"EventSourceArn\":\"" ARCHIVE
                    "\",\"EventStartTime\":1777000000.5,\"EventEndTime\":1777636800.0009999,"
                    "\"Destination\":{\"Arn\":\"" ARN "event-bus/default\"}}",
                    "{\"State\":\"STARTING\"}", 0, NULL},
                   {"events.DescribeReplay", "{\"ReplayName\":\"again\"}", "{\"State\":\"RUNNING\",\"ReplayedEventCount\":3}", 0, NULL},
                   {"events.DescribeReplay", "{\"ReplayName\":\"again\"}", "{\"State\":\"COMPLETED\",\"ReplayedEventCount\":7}", 0, NULL}),
             WORDS("replay", "--archive", "all", "--name", "again")),
        0);
    assert_string_equal(out, "State               COMPLETED\nReplayedEventCount  7\n");
    assert_string_equal(err, "");
}

static void rules_become_arns_of_the_archives_bus(void **state) {
    (void)state;
    assert_int_equal(runs(STEPS(DESCRIBED("shop"), {"events.StartReplay",
                                                    "{\"ReplayName\":\"n\",\"EventSourceArn\":\"" ARCHIVE
                                                    "\",\"EventStartTime\":1777550400.0,\"EventEndTime\":1777633200.0,"
                                                    "\"Destination\":{\"Arn\":\"" ARN "event-bus/shop\",\"FilterArns\":[\"" ARN
                                                    "rule/shop/a\",\"" ARN "rule/shop/b\",\"arn:x\"]},"
                                                    "\"EventsPerSecond\":5}",
                                                    "{\"State\":\"STARTING\"}", 0, NULL}),
                          WORDS("replay", "--rule", "a", "--archive=all", "--from", "1d", "--rule=b", "--to", "1h", "--rate", "5", "--name",
                                "n", "--no-wait", "--rule", "arn:x", "--output", "json")),
                     0);
    assert_string_equal(out, "{\"State\":\"STARTING\"}\n");
}

static void a_name_is_made_when_none_is_given(void **state) {
    (void)state;
    assert_int_equal(runs(STEPS(DESCRIBED("default"), {"events.StartReplay", NULL, NULL, BUS_ERR_LIMIT, "too many"}),
                          WORDS("replay", "--archive", "all")),
                     3);
    assert_string_equal(err, "busctl: replay: LimitExceededException: too many\n");
}

static void how_it_ended_is_the_exit_code(void **state) {
    (void)state;
    static const struct {
        const char *answer, *said;
        int code;
    } rows[] = {
        {"{\"State\":\"CANCELLED\"}", "", 1},
        {"{\"State\":\"FAILED\",\"StateReason\":\"Archive all was deleted.\"}", "busctl: replay: Archive all was deleted.\n", 3},
        {"{\"State\":\"FAILED\"}", "busctl: replay: the replay failed\n", 3},
        {"{}", "busctl: replay: the daemon's answer tells no state\n", 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(runs(STEPS(DESCRIBED("default"), {"events.StartReplay", NULL, "{}", 0, NULL},
                                    {"events.DescribeReplay", NULL, rows[i].answer, 0, NULL}),
                              WORDS("replay", "--archive", "all", "--name", "n")),
                         rows[i].code);
        assert_string_equal(err, rows[i].said);
    }
}

static void dry_run_adds_up_its_pages(void **state) {
    (void)state;
    assert_int_equal(runs(STEPS(DESCRIBED("default"),
                                {"events.PreviewReplay",
                                 "{\"EventSourceArn\":\"" ARCHIVE
                                 "\",\"EventStartTime\":1777032000,\"EventEndTime\":1777636800.0009999,\"SampleCount\":2,"
                                 "\"EventPattern\":\"{\\\"source\\\":[\\\"a\\\"]}\"}",
                                 "{\"ScannedEventCount\":10,\"ScannedBytes\":100,\"MatchedEventCount\":1,\"EventLastScannedTime\":5,"
                                 "\"Samples\":[\"x\"],\"NextToken\":\"t\"}",
                                 0, NULL},
                                {"events.PreviewReplay", NULL,
                                 "{\"ScannedEventCount\":5,\"ScannedBytes\":50,\"MatchedEventCount\":4,\"EventLastScannedTime\":7,"
                                 "\"Samples\":[\"y\",\"z\"],"
                                 "\"NextToken\":\"u\"}",
                                 0, NULL},
                                {"events.PreviewReplay", NULL,
                                 "{\"ScannedEventCount\":0,\"ScannedBytes\":0,\"MatchedEventCount\":0,\"Samples\":[]}", 0, NULL}),
                          WORDS("replay", "--archive", "all", "--dry-run", "--from", "2026-04-24T12:00:00Z", "--event-pattern",
                                "{\"source\":[\"a\"]}", "--samples", "2", "--output", "json")),
                     0);
    assert_string_equal(
        out,
        "{\"ScannedEventCount\":15,\"ScannedBytes\":150,\"MatchedEventCount\":5,\"Samples\":[\"x\",\"y\"],\"EventLastScannedTime\":7}\n");
    assert_int_equal(runs(STEPS(DESCRIBED("default"), {"events.PreviewReplay", NULL,
                                                       "{\"ScannedEventCount\":9,\"MatchedEventCount\":0,\"Samples\":[]}", 0, NULL}),
                          WORDS("replay", "--archive", "all", "--dry-run")),
                     1);
    assert_int_equal(runs(STEPS(DESCRIBED("default"), {"events.PreviewReplay", NULL, NULL, BUS_ERR_PATTERN, "Event pattern is not valid."}),
                          WORDS("replay", "--archive", "all", "--dry-run", "--event-pattern", "{}")),
                     3);
}

static void wrong_flags_are_told_before_anything_is_asked(void **state) {
    (void)state;
    static const struct {
        const char *const words[8];
        const char *said;
    } rows[] = {
        {{"replay", NULL}, "--archive is missing"},
        {{"replay", "--archive", "a", "--rate", "fast", NULL}, "--rate must be a whole number from 0 to 10000000, not 'fast'"},
        {{"replay", "--archive", "a", "--from", "yesterday", NULL}, "--from"},
        {{"replay", "--archive", "a", "--event-pattern", "{}", NULL}, "--event-pattern goes with --dry-run"},
        {{"replay", "--archive", "a", "--samples", "3", NULL}, "--samples goes with --dry-run"},
        {{"replay", "--archive", "a", "--dry-run", "--name", "n", NULL}, "--dry-run starts nothing"},
        {{"replay", "--archive", "a", "--dry-run", "--samples", "101", NULL}, "--samples must be a whole number from 0 to 100"},
        {{"replay", "--archive", "a", "--rule", NULL}, "--rule needs a value"},
        {{"replay", "--archive", "a", "--arhive", "b", NULL}, "did you mean '--archive'?"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(runs(NULL, rows[i].words), 2);
        if (!strstr(err, rows[i].said)) fail_msg("%s", err);
    }
    assert_int_equal(runs(NULL, WORDS("replay", "--archive", "a", "--dry-run", "--event-pattern", "{}", "--rule", "r")), 2);
    assert_non_null(strstr(err, "leave out --rule"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(replay_is_followed_to_its_end, begin, end),
        cmocka_unit_test_setup_teardown(rules_become_arns_of_the_archives_bus, begin, end),
        cmocka_unit_test_setup_teardown(a_name_is_made_when_none_is_given, begin, end),
        cmocka_unit_test_setup_teardown(how_it_ended_is_the_exit_code, begin, end),
        cmocka_unit_test_setup_teardown(dry_run_adds_up_its_pages, begin, end),
        cmocka_unit_test_setup_teardown(wrong_flags_are_told_before_anything_is_asked, begin, end),
    };
    int failed = cmocka_run_group_tests_name("busctl/replay", tests, NULL, NULL);
    free(out);
    free(err);
    return failed;
}
