/* Lint of rule files: every finding stands at its place in the YAML, also where $or, dotted keys and lists are on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "rulelint.h"

#define HEAD                                                                                                                               \
    "accounts:\n"                                                                                                                          \
    "  \"111122223333\":\n"                                                                                                                \
    "    buses:\n"                                                                                                                         \
    "      default:\n"                                                                                                                     \
    "        rules:\n"

/* The problems of a file as lines, without the path's beginning. */
static void check(const char *text, const char *wanted) {
    static struct fault f;
    struct arena a;
    struct rulefile file;
    struct problems found;
    struct buf got;
    arena_init(&a, 0);
    buf_init(&got, 0);
    assert_int_equal(rulefile_read(str_from(text), STR("/d"), STR("us-east-1"), &a, &file, &f), ERR_OK);
    assert_int_equal(file.problems.total, 0);
    assert_int_equal(rulefile_lint(&file, &a, &found), ERR_OK);
    for (size_t i = 0; i < found.count; i++) {
        const struct problem *p = &found.items[i];
        struct str message = str_of(p->message.p, str_find(p->message, ':', str_find(p->message, ':', 0) + 1));
        buf_addf(&got, "%d:%d %.*s\n", p->line, p->column, STR_ARG(message));
    }
    buf_addc(&got, 0);
    assert_string_equal(got.p, wanted);
    buf_fini(&got);
    arena_fini(&a);
}

static void findings_stand_where_the_field_stands(void **state) {
    (void)state;
    check(HEAD "          a: {pattern: {source: [shop]}}\n", "");
    check(HEAD "          a:\n"
               "            pattern:\n"
               "              source: [shop]\n"
               "              detailType: [x]\n",
          "8:15 warning: RuleNeverMatches\n"
          "9:27 warning: UnknownField\n");
    check(HEAD "          a:\n"
               "            pattern:\n"
               "              detail:\n"
               "                $or:\n"
               "                  - a: [x]\n"
               "                  - b: [y, {prefix: \"\"}]\n"
               "              $or:\n"
               "                - account: [\"1\", \"111122223333\"]\n"
               "                - detail: {c: [x]}\n"
               "                  version: [\"0\"]\n"
               "                  time:\n"
               "                    - noon\n",
          "11:28 note: AlwaysTrue\n"
          "13:29 warning: DeadAlternative\n"
          "17:21 warning: NeverMatches\n");
}

static void field_called_or_is_counted(void **state) {
    (void)state;
    check(HEAD "          a:\n"
               "            pattern:\n"
               "              detail:\n"
               "                $or: [x, {suffix: \"\"}]\n"
               "                more: [{prefix: \"\"}]\n",
          "9:26 note: AlwaysTrue\n"
          "10:24 note: AlwaysTrue\n");
}

static void rules_that_say_the_same_are_told_at_the_later_one(void **state) {
    (void)state;
    check(HEAD "          a:\n"
               "            pattern: {source: [s], detail: {n: [1, 2]}}\n"
               "          b:\n"
               "            pattern: {detail.n: [2, 1.0], source: [s]}\n"
               "          c:\n"
               "            schedule: rate(5 minutes)\n"
               "          d:\n"
               "            pattern: {source: [t]}\n"
               "      other:\n"
               "        rules:\n"
               "          a:\n"
               "            pattern: {source: [s], detail: {n: [1, 2]}}\n",
          "9:13 warning: SamePattern\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(findings_stand_where_the_field_stands),
        cmocka_unit_test(field_called_or_is_counted),
        cmocka_unit_test(rules_that_say_the_same_are_told_at_the_later_one),
    };
    return cmocka_run_group_tests_name("rules/rulelint", tests, NULL, NULL);
}
