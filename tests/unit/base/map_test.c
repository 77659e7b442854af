#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "map.h"

static void map_put_get_remove_thousand_keys(void **state) {
    (void)state;
    static int values[1000];
    struct map m;
    map_init(&m);
    char key[32];
    for (int i = 0; i < 1000; i++) {
        int n = snprintf(key, sizeof key, "key-%d", i);
        assert_true(map_put(&m, str_of(key, (size_t)n), &values[i], NULL));
    }
    assert_int_equal(m.count, 1000);
    for (int i = 0; i < 1000; i += 2) {
        int n = snprintf(key, sizeof key, "key-%d", i);
        assert_ptr_equal(map_remove(&m, str_of(key, (size_t)n)), &values[i]);
    }
    for (int i = 0; i < 1000; i++) {
        int n = snprintf(key, sizeof key, "key-%d", i);
        assert_ptr_equal(map_get(&m, str_of(key, (size_t)n)), i % 2 ? &values[i] : NULL);
    }
    size_t at = 0, seen = 0;
    void *value;
    while (map_next(&m, &at, NULL, &value)) seen++;
    assert_int_equal(seen, 500);
    map_fini(&m);
}

static void map_put_replaces_and_tells_what_was_there(void **state) {
    (void)state;
    int a, b;
    void *old;
    struct map m;
    map_init(&m);
    assert_true(map_put(&m, STR(""), &a, &old));
    assert_null(old);
    assert_true(map_put(&m, STR(""), &b, &old));
    assert_ptr_equal(old, &a);
    assert_ptr_equal(map_get(&m, STR("")), &b);
    map_fini(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_put_get_remove_thousand_keys),
        cmocka_unit_test(map_put_replaces_and_tells_what_was_there),
    };
    return cmocka_run_group_tests_name("base/map", tests, NULL, NULL);
}
