#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "references.h"

static struct arena arena;
static struct fault fault;
static struct str out;
static char path[64];

static int start(void **state) {
    (void)state;
    arena_init(&arena, 0);
    setenv("BUS_TEST_SECRET", "from \"env\"", 1);
    unsetenv("BUS_TEST_NONE");
    str_copyz(path, sizeof path, STR("/tmp/bus-references-XXXXXX"));
    int fd = mkstemp(path);
    bool ok = fd >= 0 && write(fd, "from file\n", 10) == 10;
    if (fd >= 0) close(fd);
    return ok ? 0 : -1;
}
static int end(void **state) {
    (void)state;
    arena_wipe(&arena);
    return unlink(path);
}

static enum err look_up(const char *request) { return references_look_up(str_from(request), &arena, &out, &fault); }

static void references_are_replaced_where_secrets_stand(void **state) {
    (void)state;
    char request[512], expected[512];
    snprintf(request, sizeof request,
             "{\"Name\":\"env:HOME\",\"A\":{\"Password\":\"env:BUS_TEST_SECRET\",\"B\":[{\"Key\":\"env:HOME\",\"Value\":\"file:%s\"},{"
             "\"Value\":\"literal:env:x\"},{\"Value\":\"plain\"}]}}",
             path);
    snprintf(expected, sizeof expected,
             "{\"Name\":\"env:HOME\",\"A\":{\"Password\":\"from \\\"env\\\"\",\"B\":[{\"Key\":\"env:HOME\",\"Value\":\"from "
             "file\"},{\"Value\":\"env:x\"},{\"Value\":\"plain\"}]}}");
    assert_int_equal(look_up(request), ERR_OK);
    assert_true(str_eqz(out, expected));
}

static void what_is_not_there_is_named(void **state) {
    (void)state;
    assert_int_equal(look_up("{\"ClientSecret\":\"env:BUS_TEST_NONE\"}"), ERR_NOT_FOUND);
    assert_non_null(strstr(fault.message, "BUS_TEST_NONE"));
    assert_int_equal(look_up("{\"ApiKeyValue\":\"file:/nowhere/at/all\"}"), ERR_NOT_FOUND);
    assert_non_null(strstr(fault.message, "/nowhere/at/all"));
    assert_int_equal(look_up("{\"Value\":\"file:/proc/version/x\"}"), ERR_IO);
    assert_int_equal(look_up("no json"), ERR_MALFORMED);
}

static void what_is_no_text_is_refused(void **state) {
    (void)state;
    char request[128];
    snprintf(request, sizeof request, "{\"Value\":\"file:%s\"}", path);
    FILE *f = fopen(path, "w");
    fputs("\xff\xfe", f);
    fclose(f);
    assert_int_equal(look_up(request), ERR_VALIDATION);
    f = fopen(path, "w");
    fputs("\n", f);
    fclose(f);
    assert_int_equal(look_up(request), ERR_VALIDATION);
    f = fopen(path, "w");
    for (int i = 0; i < 5000; i++) fputc('x', f);
    fclose(f);
    assert_int_equal(look_up(request), ERR_TOO_LARGE);
    assert_int_equal(look_up("{\"Value\":\"literal:\"}"), ERR_VALIDATION);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {T(references_are_replaced_where_secrets_stand), T(what_is_not_there_is_named),
                                       T(what_is_no_text_is_refused)};
    return cmocka_run_group_tests_name("api/references", tests, NULL, NULL);
}
