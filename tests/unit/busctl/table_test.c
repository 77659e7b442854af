#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "table.h"
#include "verb.h"

static void shows(const char *verb, const char *json, const char *expected) {
    static struct fault fault;
    struct buf out;
    json_t *answer = json_loads(json, JSON_ALLOW_NUL, NULL);
    assert_non_null(answer);
    buf_init(&out, 0);
    table_write(verb ? verb_find(NULL, verb, &fault)->out : NULL, answer, &out);
    buf_addc(&out, 0);
    assert_false(out.failed);
    assert_string_equal(out.p, expected);
    buf_fini(&out);
    json_decref(answer);
}

static void lists_are_aligned_under_a_header(void **state) {
    (void)state;
    shows("list-rules",
          "{\"Rules\":[{\"Name\":\"a\",\"Arn\":\"arn:1\",\"State\":\"ENABLED\"},{\"State\":\"DISABLED\",\"Name\":\"longer\","
          "\"EventBusName\":\"b\"}]}",
          "Name    Arn    State     EventBusName\n"
          "a       arn:1  ENABLED\n"
          "longer         DISABLED  b\n");
    shows("list-rule-names-by-target", "{\"RuleNames\":[\"a\",\"b\"]}", "a\nb\n");
    shows("list-rules", "{\"Rules\":[]}", "");
    shows("put-rule", "{}", "");
}

static void scalars_come_before_titled_lists(void **state) {
    (void)state;
    shows("list-rules", "{\"Rules\":[{\"Name\":\"a\"}],\"NextToken\":\"t\"}", "NextToken  t\n\nRules:\nName\na\n");
    shows("put-events", "{\"FailedEntryCount\":1,\"Entries\":[{\"EventId\":\"e\"},{\"ErrorCode\":\"X\",\"ErrorMessage\":\"no\"}]}",
          "FailedEntryCount  1\n\nEntries:\nEventId  ErrorCode  ErrorMessage\ne\n         X          no\n");
}

static void times_are_dates_and_structures_dotted(void **state) {
    (void)state;
    shows("describe-event-bus", "{\"Name\":\"default\",\"CreationTime\":1777593600.5,\"DeadLetterConfig\":{\"Arn\":\"q\"}}",
          "Name                  default\nCreationTime          2026-05-01T00:00:00Z\nDeadLetterConfig.Arn  q\n");
    shows("describe-daemon", "{\"Version\":\"1\",\"Counters\":{\"events accepted\":12,\"events rejected\":0}}",
          "Version                   1\nCounters.events accepted  12\nCounters.events rejected  0\n");
}

static void texts_cannot_steer_the_terminal(void **state) {
    (void)state;
    shows(NULL, "{\"A\":\"x\\u001b[31m\\ny\\r\\u0000z\\u009b\"}", "A  x\\x1b[31m\\ny\\r\\x00z\\x9b\n");
    shows(NULL, "{\"L\":[{\"k\":{\"deep\":[1,null,\"s\"]},\"n\":null,\"b\":true}]}",
          "k                      n  b\n{\"deep\":[1,null,\"s\"]}     true\n");
}

static void width_counts_characters(void **state) {
    (void)state;
    shows(NULL, "{\"L\":[{\"a\":\"\xc3\xa9\xc3\xa9\",\"b\":\"1\"},{\"a\":\"xyz\",\"b\":\"2\"}]}", "a    b\n\xc3\xa9\xc3\xa9   1\nxyz  2\n");
}

static void very_long_lists_stay_whole(void **state) {
    (void)state;
    json_t *answer = json_pack("{s:[]}", "L");
    for (int i = 0; i < 100000; i++) json_array_append_new(json_object_get(answer, "L"), json_pack("{s:i}", "n", i));
    struct buf out;
    buf_init(&out, 0);
    table_write(NULL, answer, &out);
    size_t lines = 0;
    for (size_t i = 0; i < out.n; i++) lines += out.p[i] == '\n';
    assert_int_equal(lines, 100001);
    buf_fini(&out);
    json_decref(answer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_aligned_under_a_header),
        cmocka_unit_test(scalars_come_before_titled_lists),
        cmocka_unit_test(times_are_dates_and_structures_dotted),
        cmocka_unit_test(texts_cannot_steer_the_terminal),
        cmocka_unit_test(width_counts_characters),
        cmocka_unit_test(very_long_lists_stay_whole),
    };
    return cmocka_run_group_tests_name("busctl/table", tests, NULL, NULL);
}
