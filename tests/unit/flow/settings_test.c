#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "settings.h"

static int64_t value_of(const struct settings *s, const struct setting_row *row) {
    int64_t v;
    memcpy(&v, (const char *)s + row->offset, sizeof v);
    return v;
}

static struct str text_of(char *text, size_t size, int64_t v) { return str_of(text, (size_t)snprintf(text, size, "%lld", (long long)v)); }

static void every_row_defaults_within_its_bounds(void **state) {
    (void)state;
    struct settings s;
    memset(&s, 0xff, sizeof s);
    settings_default(&s);
    size_t rows = 0;
    for (const struct setting_row *row = setting_rows; row->key; row++, rows++) {
        assert_int_equal(value_of(&s, row), row->fallback);
        assert_true(row->least <= row->fallback && row->fallback <= row->most);
        assert_true(row->help && row->help[0]);
        for (const struct setting_row *other = setting_rows; other < row; other++) assert_string_not_equal(other->key, row->key);
    }
    assert_int_equal(rows * sizeof(int64_t), sizeof s);
}

static void every_row_takes_its_bounds_and_nothing_beyond(void **state) {
    (void)state;
    for (const struct setting_row *row = setting_rows; row->key; row++) {
        struct settings s;
        struct fault fault;
        char text[32];
        settings_default(&s);
        assert_int_equal(settings_set(&s, str_from(row->key), text_of(text, sizeof text, row->least), &fault), ERR_OK);
        assert_int_equal(value_of(&s, row), row->least);
        assert_int_equal(settings_set(&s, str_from(row->key), text_of(text, sizeof text, row->most), &fault), ERR_OK);
        assert_int_equal(value_of(&s, row), row->most);
        assert_int_equal(settings_set(&s, str_from(row->key), text_of(text, sizeof text, row->most + 1), &fault), ERR_VALIDATION);
        assert_int_equal(settings_set(&s, str_from(row->key), text_of(text, sizeof text, row->least - 1), &fault), ERR_VALIDATION);
        assert_int_equal(value_of(&s, row), row->most);
    }
}

static void what_is_no_whole_number_is_refused_with_the_bounds(void **state) {
    (void)state;
    static const char *const bad[] = {"", " 1", "1 ", "1.0", "0x1", "one", "1e1", "+1", "99999999999999999999", "--1"};
    struct settings s;
    struct fault fault;
    settings_default(&s);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(settings_set(&s, STR("hop-limit"), str_from(bad[i]), &fault), ERR_VALIDATION);
        assert_int_equal(s.hop_limit, 1);
    }
    assert_int_equal(settings_set(&s, STR("hop-limit"), STR("many"), &fault), ERR_VALIDATION);
    assert_string_equal(fault.message, "hop-limit must be a whole number from 0 to 64, not 'many'");
}

static void an_unknown_key_is_not_found(void **state) {
    (void)state;
    struct settings s, before;
    struct fault fault;
    settings_default(&s);
    before = s;
    assert_int_equal(settings_set(&s, STR("hop-limits"), STR("1"), &fault), ERR_NOT_FOUND);
    assert_string_equal(fault.message, "there is no setting 'hop-limits'");
    assert_int_equal(settings_set(&s, STR("hop"), STR("1"), &fault), ERR_NOT_FOUND);
    assert_int_equal(settings_set(&s, STR(""), STR("1"), &fault), ERR_NOT_FOUND);
    assert_memory_equal(&s, &before, sizeof s);
}

static void a_switch_is_true_or_false_too(void **state) {
    (void)state;
    struct settings s;
    struct fault fault;
    settings_default(&s);
    assert_int_equal(settings_set(&s, STR("aws-quirks"), STR("true"), &fault), ERR_OK);
    assert_int_equal(s.aws_quirks, 1);
    assert_int_equal(settings_set(&s, STR("aws-quirks"), STR("false"), &fault), ERR_OK);
    assert_int_equal(s.aws_quirks, 0);
    assert_int_equal(settings_set(&s, STR("aws-quirks"), STR("yes"), &fault), ERR_VALIDATION);
    assert_int_equal(settings_set(&s, STR("hop-limit"), STR("true"), &fault), ERR_VALIDATION); /* no switch */
}

static void quirks_bring_the_clouds_quotas(void **state) {
    (void)state;
    struct settings s;
    settings_default(&s);
    s.targets_per_rule = 3;
    struct quotas q = settings_quotas(&s);
    assert_int_equal(q.rules_per_bus, 100000);
    assert_int_equal(q.targets_per_rule, 3);
    s.aws_quirks = 1;
    q = settings_quotas(&s);
    assert_int_equal(q.buses_per_account, 100);
    assert_int_equal(q.rules_per_bus, 300);
    assert_int_equal(q.targets_per_rule, 3); /* less is less */
    s.targets_per_rule = 100;
    assert_int_equal(settings_quotas(&s).targets_per_rule, 5);
    assert_int_equal(settings_quotas(&s).policy_characters, 10240);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_defaults_within_its_bounds),
        cmocka_unit_test(every_row_takes_its_bounds_and_nothing_beyond),
        cmocka_unit_test(what_is_no_whole_number_is_refused_with_the_bounds),
        cmocka_unit_test(an_unknown_key_is_not_found),
        cmocka_unit_test(a_switch_is_true_or_false_too),
        cmocka_unit_test(quirks_bring_the_clouds_quotas),
    };
    return cmocka_run_group_tests_name("flow/settings", tests, NULL, NULL);
}
