/* Firings checked against a calendar: 2026-05-01 is a Friday; 2026-02 and 2027-02 have 28 days, 2028-02 has 29. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "clock.h"
#include "schedule.h"

static int64_t at(const char *iso) {
    int64_t ms;
    if (!clock_parse_iso(str_from(iso), &ms)) fail_msg("%s is no time", iso);
    return ms;
}

static struct schedule *parse(const char *text) {
    struct schedule *s;
    struct fault f;
    if (schedule_parse(str_from(text), &s, &f)) fail_msg("%s: %s", text, f.message);
    return s;
}

/* The firings after `from`, up to the first absent; "never" stands for the end. */
static const struct {
    const char *cron, *from, *firings[4];
} rows[] = {
    {"* * * * ? *", "2026-05-01T10:00:00Z", {"2026-05-01T10:01:00Z", "2026-05-01T10:02:00Z"}},
    {"* * * * ? *", "2026-05-01T10:00:59.999Z", {"2026-05-01T10:01:00Z"}},
    {"* * * * ? *", "2026-12-31T23:59:00Z", {"2027-01-01T00:00:00Z"}},
    {"0 10 * * ? *", "2026-05-01T09:59:59Z", {"2026-05-01T10:00:00Z", "2026-05-02T10:00:00Z", "2026-05-03T10:00:00Z"}},
    {"0 10 * * ? *", "2026-05-01T10:00:00Z", {"2026-05-02T10:00:00Z"}},
    {"15 12 * * ? *", "2026-02-28T12:15:00Z", {"2026-03-01T12:15:00Z"}},
    {"15 12 * * ? *", "2028-02-28T12:15:00Z", {"2028-02-29T12:15:00Z"}},
    {"0 18 ? * MON-FRI *", "2026-05-01T18:00:00Z", {"2026-05-04T18:00:00Z", "2026-05-05T18:00:00Z"}},
    {"0 18 ? * mon-fri *", "2026-05-01T18:00:00Z", {"2026-05-04T18:00:00Z"}},
    {"0 18 ? * 2-6 *", "2026-05-01T18:00:00Z", {"2026-05-04T18:00:00Z"}},
    {"0 8 1 * ? *", "2026-05-01T08:00:00Z", {"2026-06-01T08:00:00Z", "2026-07-01T08:00:00Z"}},
    {"0/15 * * * ? *",
     "2026-05-01T10:01:00Z",
     {"2026-05-01T10:15:00Z", "2026-05-01T10:30:00Z", "2026-05-01T10:45:00Z", "2026-05-01T11:00:00Z"}},
    {"*/15 * * * ? *", "2026-05-01T10:46:00Z", {"2026-05-01T11:00:00Z"}},
    {"7/20 * * * ? *",
     "2026-05-01T10:00:00Z",
     {"2026-05-01T10:07:00Z", "2026-05-01T10:27:00Z", "2026-05-01T10:47:00Z", "2026-05-01T11:07:00Z"}},
    {"0/10 * ? * MON-FRI *", "2026-05-01T23:50:00Z", {"2026-05-04T00:00:00Z"}},
    {"0/5 8-17 ? * MON-FRI *", "2026-05-01T17:55:00Z", {"2026-05-04T08:00:00Z", "2026-05-04T08:05:00Z"}},
    {"0/30 20-2 ? * MON-FRI *", "2026-05-01T02:30:00Z", {"2026-05-01T20:00:00Z"}},
    {"0/30 20-2 ? * MON-FRI *", "2026-05-01T23:30:00Z", {"2026-05-04T00:00:00Z"}},
    {"0 22-4/3 * * ? *",
     "2026-05-01T12:00:00Z",
     {"2026-05-01T22:00:00Z", "2026-05-02T01:00:00Z", "2026-05-02T04:00:00Z", "2026-05-02T22:00:00Z"}},
    {"0 0 28-3/2 * ? *",
     "2026-05-26T00:00:00Z",
     {"2026-05-28T00:00:00Z", "2026-05-30T00:00:00Z", "2026-06-01T00:00:00Z", "2026-06-03T00:00:00Z"}},
    {"0 0 1 NOV-FEB ? *",
     "2026-02-01T00:00:00Z",
     {"2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z"}},
    {"0 0 ? * FRI-MON *",
     "2026-05-01T00:00:00Z",
     {"2026-05-02T00:00:00Z", "2026-05-03T00:00:00Z", "2026-05-04T00:00:00Z", "2026-05-08T00:00:00Z"}},
    {"0,30 9,17 * * ? *",
     "2026-05-01T09:10:00Z",
     {"2026-05-01T09:30:00Z", "2026-05-01T17:00:00Z", "2026-05-01T17:30:00Z", "2026-05-02T09:00:00Z"}},
    {"0 0 1,15 * ? *", "2026-05-01T00:00:00Z", {"2026-05-15T00:00:00Z", "2026-06-01T00:00:00Z"}},
    {"0 0 1/10 * ? *",
     "2026-05-01T00:00:00Z",
     {"2026-05-11T00:00:00Z", "2026-05-21T00:00:00Z", "2026-05-31T00:00:00Z", "2026-06-01T00:00:00Z"}},
    /* L: the last day; L-n: n days before it */
    {"0 0 L * ? *", "2026-01-31T00:00:00Z", {"2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z", "2026-04-30T00:00:00Z"}},
    {"0 0 L 2 ? *", "2026-03-01T00:00:00Z", {"2027-02-28T00:00:00Z", "2028-02-29T00:00:00Z", "2029-02-28T00:00:00Z"}},
    {"0 0 L-3 * ? *", "2026-02-01T00:00:00Z", {"2026-02-25T00:00:00Z", "2026-03-28T00:00:00Z", "2026-04-27T00:00:00Z"}},
    {"0 0 L-30 * ? *", "2026-02-01T00:00:00Z", {"2026-03-01T00:00:00Z", "2026-05-01T00:00:00Z"}},
    /* LW: the last weekday: 31 Jan 2026 is a Saturday, 28 Feb too, 31 May a Sunday */
    {"0 0 LW * ? *",
     "2026-01-01T00:00:00Z",
     {"2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z", "2026-03-31T00:00:00Z", "2026-04-30T00:00:00Z"}},
    {"0 0 LW 5 ? *", "2026-01-01T00:00:00Z", {"2026-05-29T00:00:00Z"}},
    /* nW: the weekday nearest to day n, within the month */
    {"0 0 15W * ? *",
     "2026-01-16T00:00:00Z",
     {"2026-02-16T00:00:00Z", "2026-03-16T00:00:00Z", "2026-04-15T00:00:00Z", "2026-05-15T00:00:00Z"}},
    {"0 0 15W 8 ? *", "2026-01-01T00:00:00Z", {"2026-08-14T00:00:00Z"}},
    {"0 0 1W * ? *", "2026-08-01T00:00:00Z", {"2026-08-03T00:00:00Z", "2026-09-01T00:00:00Z"}},  /* 1 Aug 2026 is a Saturday */
    {"0 0 1W 11 ? *", "2026-08-01T00:00:00Z", {"2026-11-02T00:00:00Z"}},                         /* 1 Nov 2026 is a Sunday */
    {"0 0 31W * ? *", "2026-05-01T00:00:00Z", {"2026-05-29T00:00:00Z", "2026-07-31T00:00:00Z"}}, /* June has none */
    /* day of week: L, nL, n#k */
    {"0 0 ? * L *", "2026-05-01T00:00:00Z", {"2026-05-02T00:00:00Z", "2026-05-09T00:00:00Z"}},
    {"0 0 ? * 6L *", "2026-05-01T00:00:00Z", {"2026-05-29T00:00:00Z", "2026-06-26T00:00:00Z", "2026-07-31T00:00:00Z"}},
    {"0 0 ? * FRIL *", "2026-05-01T00:00:00Z", {"2026-05-29T00:00:00Z"}},
    {"0 0 ? * 6#1 *", "2026-05-01T00:00:00Z", {"2026-06-05T00:00:00Z", "2026-07-03T00:00:00Z"}},
    {"0 0 ? * MON#2 *", "2026-05-01T00:00:00Z", {"2026-05-11T00:00:00Z", "2026-06-08T00:00:00Z"}},
    {"0 0 ? * 6#5 *",
     "2026-04-30T00:00:00Z",
     {"2026-05-29T00:00:00Z", "2026-07-31T00:00:00Z", "2026-10-30T00:00:00Z"}}, /* months with five Fridays */
    {"0 0 ? * SUN,WED *", "2026-05-01T00:00:00Z", {"2026-05-03T00:00:00Z", "2026-05-06T00:00:00Z"}},
    /* months, years, leap years, what never comes */
    {"0 12 25 DEC ? *", "2026-05-01T00:00:00Z", {"2026-12-25T12:00:00Z", "2027-12-25T12:00:00Z"}},
    {"0 0 1 JAN,jul ? *", "2026-05-01T00:00:00Z", {"2026-07-01T00:00:00Z", "2027-01-01T00:00:00Z"}},
    {"0 0 1 1/6 ? *", "2026-05-01T00:00:00Z", {"2026-07-01T00:00:00Z", "2027-01-01T00:00:00Z"}},
    {"0 0 29 2 ? *", "2026-05-01T00:00:00Z", {"2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"}},
    {"0 0 29 2 ? *", "2096-02-29T00:00:00Z", {"2104-02-29T00:00:00Z"}}, /* 2100 is none */
    {"0 0 29 2 ? 2100", "2026-05-01T00:00:00Z", {"never"}},
    {"0 0 31 2,4 ? *", "2026-05-01T00:00:00Z", {"never"}},
    {"0 0 1 1 ? 2028,2030", "2026-05-01T00:00:00Z", {"2028-01-01T00:00:00Z", "2030-01-01T00:00:00Z", "never"}},
    {"0 0 1 1 ? 2027-2028", "2026-05-01T00:00:00Z", {"2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z", "never"}},
    {"0 0 1 1 ? 2026/3", "2026-05-01T00:00:00Z", {"2029-01-01T00:00:00Z", "2032-01-01T00:00:00Z"}},
    {"0 0 1 1 ? 2025", "2026-05-01T00:00:00Z", {"never"}},
    {"59 23 31 12 ? 2199", "2190-01-01T00:00:00Z", {"2199-12-31T23:59:00Z", "never"}},
    {"0 0 1 1 ? 2199", "2026-05-01T00:00:00Z", {"never"}}, /* more than a hundred years away */
    {"* * * * ? *", "2300-01-01T00:00:00Z", {"never"}},
    {"0 0 1 1 ? *", "1970-01-01T00:00:00Z", {"1971-01-01T00:00:00Z"}},
};

static void cron_fires_when_the_calendar_says(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[80];
        snprintf(text, sizeof text, "cron(%s)", rows[i].cron);
        struct schedule *s = parse(text);
        int64_t now = at(rows[i].from);
        for (size_t k = 0; k < 4 && rows[i].firings[k]; k++) {
            int64_t next = schedule_next(s, now);
            char got[CLOCK_ISO_SIZE] = "never";
            if (next >= 0) clock_iso(next, got);
            if (strcmp(got, rows[i].firings[k]) != 0)
                fail_msg("%s after %s: firing %zu is %s, expected %s", text, rows[i].from, k + 1, got, rows[i].firings[k]);
            if (next >= 0) now = next;
        }
        schedule_free(s);
    }
}

static void rates_fire_one_period_later(void **state) {
    (void)state;
    static const struct {
        const char *rate;
        int64_t ms;
    } rates[] = {{"rate(1 minute)", 60000},     {"rate(2 minutes)", 120000}, {"rate(5 minutes)", 300000},
                 {"rate(60 minutes)", 3600000}, {"rate(1 hour)", 3600000},   {"rate(12 hours)", 43200000},
                 {"rate(1 day)", 86400000},     {"rate(7 days)", 604800000}, {"rate(100 days)", INT64_C(8640000000)}};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        struct schedule *s = parse(rates[i].rate);
        assert_int_equal(schedule_next(s, at("2026-05-01T10:00:00.123Z")), at("2026-05-01T10:00:00.123Z") + rates[i].ms);
        assert_int_equal(schedule_next(s, -5), rates[i].ms);
        assert_int_equal(schedule_next(s, INT64_MAX), -1);
        schedule_free(s);
    }
    schedule_free(NULL);
}

static void everything_else_is_refused_in_the_services_words(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "rate",
        "rate(",
        "rate()",
        "rate( )",
        "cron()",
        "cron( )",
        "at(2026-05-01T00:00:00)",
        "rate(5 minutes",
        "rate 5 minutes",
        "(5 minutes)",
        "5 minutes",
        /* rates of the specification */
        "rate(5 seconds)",
        "rate(1 second)",
        "rate(1 minutes)",
        "rate(10 minute)",
        "rate(1 hours)",
        "rate(2 hour)",
        "rate(1 days)",
        "rate(2 day)",
        "rate(0 minutes)",
        "rate(0 minute)",
        "rate(-1 minutes)",
        "rate(-5 minutes)",
        "rate(1.5 hours)",
        "rate(+5 minutes)",
        "rate(05 minutes)",
        "Rate(5 minutes)",
        "RATE(5 minutes)",
        "rate(5 MINUTES)",
        "rate(5 Minutes)",
        "rate( 5 minutes)",
        "rate(5 minutes )",
        "rate(5  minutes)",
        " rate(5 minutes)",
        "rate(5 minutes) ",
        "rate (5 minutes)",
        "rate(5\tminutes)",
        "rate(5minutes)",
        "rate(5)",
        "rate(minutes)",
        "rate(five minutes)",
        "rate(5 weeks)",
        "rate(5 minutes 3 hours)",
        "rate(99999999999999999999 minutes)",
        "rate(9223372036854775807 days)",
        /* number of fields, blanks */
        "cron(0 10 * * ?)",
        "cron(0 0 10 * * ? *)",
        "cron(0 0 ? * SUNL 2 *)",
        "cron(0  10 * * ? *)",
        "cron( 0 10 * * ? *)",
        "cron(0 10 * * ? * )",
        "CRON(0 10 * * ? *)",
        "cron(0 10 * * ? *) ",
        /* exactly one ? */
        "cron(0 10 * * * *)",
        "cron(0 10 ? * ? *)",
        "cron(0 10 1 * 2 *)",
        "cron(? 10 * * ? *)",
        "cron(0 ? * * ? *)",
        "cron(0 10 * ? ? *)",
        "cron(0 10 * * ? ?)",
        /* values out of range, in each field */
        "cron(60 10 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 10 0 * ? *)",
        "cron(0 10 32 * ? *)",
        "cron(0 10 * 0 ? *)",
        "cron(0 10 * 13 ? *)",
        "cron(0 10 ? * 0 *)",
        "cron(0 10 ? * 8 *)",
        "cron(0 10 * * ? 1969)",
        "cron(0 10 * * ? 2200)",
        "cron(-1 10 * * ? *)",
        "cron(0 10 * JANUARY ? *)",
        "cron(0 10 ? * MONDAY *)",
        "cron(0 10 * MON ? *)",
        "cron(0 10 ? * JAN *)",
        "cron(x 10 * * ? *)",
        /* lists, ranges, steps */
        "cron(0, 10 * * ? *)",
        "cron(,0 10 * * ? *)",
        "cron(0,,5 10 * * ? *)",
        "cron(0- 10 * * ? *)",
        "cron(-5 10 * * ? *)",
        "cron(0-60 10 * * ? *)",
        "cron(1-2-3 10 * * ? *)",
        "cron(0/ 10 * * ? *)",
        "cron(/5 10 * * ? *)",
        "cron(0/0 10 * * ? *)",
        "cron(*/60 10 * * ? *)",
        "cron(0/x 10 * * ? *)",
        "cron(0/5/5 10 * * ? *)",
        "cron(0 10 * * ? 2030-2028)",
        /* L, W and # */
        "cron(0 10 LL * ? *)",
        "cron(0 10 L-31 * ? *)",
        "cron(0 10 L- * ? *)",
        "cron(0 10 W * ? *)",
        "cron(0 10 WL * ? *)",
        "cron(0 10 32W * ? *)",
        "cron(0 10 0W * ? *)",
        "cron(0 10 1,LW * ? *)",
        "cron(0 10 1W,2W * ? *)",
        "cron(L 10 * * ? *)",
        "cron(0 10 * L ? *)",
        "cron(0 10 ? * 8L *)",
        "cron(0 10 ? * #2 *)",
        "cron(0 10 ? * 2# *)",
        "cron(0 10 ? * 2#6 *)",
        "cron(0 10 ? * 2#0 *)",
        "cron(0 10 ? * 2#1,3#1 *)",
        "cron(0 10 2#1 * ? *)",
        "cron(0 10 ? * 2W *)",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct schedule *s;
        struct fault f;
        if (!schedule_parse(str_from(bad[i]), &s, &f)) {
            schedule_free(s);
            fail_msg("'%s' was taken", bad[i]);
        }
        assert_null(s);
        assert_int_equal(f.code, ERR_VALIDATION);
        assert_string_equal(f.message, "Parameter ScheduleExpression is not valid.");
    }
}

static void the_length_has_a_limit(void **state) {
    (void)state;
    struct buf text;
    struct schedule *s;
    buf_init(&text, 0);
    buf_addz(&text, "cron(0");
    for (int i = 0; i < 118; i++) buf_addz(&text, ",1");
    buf_addz(&text, " 10 * * ? *)");
    assert_int_equal(text.n, 254);
    assert_int_equal(schedule_parse(buf_str(&text), &s, NULL), ERR_OK);
    schedule_free(s);
    text.n -= 12;
    buf_addz(&text, ",1 10 * * ? *)");
    assert_int_equal(text.n, 256);
    assert_int_equal(schedule_parse(buf_str(&text), &s, NULL), ERR_OK);
    schedule_free(s);
    text.n -= 12;
    buf_addz(&text, "0 10 * * ? *)");
    assert_int_equal(text.n, 257);
    assert_int_equal(schedule_parse(buf_str(&text), &s, NULL), ERR_VALIDATION);
    buf_fini(&text);
}

/* The last firing of a span is what walking from firing to firing ends at. */
static void the_last_firing_of_a_span_is_the_walks_end(void **state) {
    (void)state;
    static const char *const texts[] = {"cron(0 12 * * ? *)", "cron(*/7 * * * ? *)", "cron(15 10 ? * 6L *)", "cron(0 0 29 2 ? *)", "cron(0 0 1 1 ? 2027)",
                                        "rate(1 minute)", "rate(7 hours)", "rate(3 days)"};
    const int64_t start = 1777593600000; /* 2026-05-01 */
    const int64_t spans[] = {0, 1, 59999, 60000, 3600000, 86400000, 86400000LL * 40, 86400000LL * 400};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        for (size_t k = 0; k < sizeof spans / sizeof spans[0]; k++) {
            struct schedule *s;
            assert_int_equal(schedule_parse(str_from(texts[i]), &s, NULL), ERR_OK);
            int64_t from = start + 12345 * (int64_t)k, want = -1, limit = 100000;
            for (int64_t at = schedule_next(s, from); at >= 0 && at <= from + spans[k] && limit; at = schedule_next(s, at), limit--) want = at;
            if (limit) assert_int_equal(schedule_last(s, from, from + spans[k]), want);
            schedule_free(s);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cron_fires_when_the_calendar_says),
        cmocka_unit_test(rates_fire_one_period_later),
        cmocka_unit_test(everything_else_is_refused_in_the_services_words),
        cmocka_unit_test(the_length_has_a_limit),
        cmocka_unit_test(the_last_firing_of_a_span_is_the_walks_end),
    };
    return cmocka_run_group_tests_name("rules/schedule", tests, NULL, NULL);
}
