/* bus.h stands alone, in C and in C++; what needs no daemon behaves. */
#include "bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void header_is_clean_cxx(void **state) {
    (void)state;
    assert_int_equal(system("c++ -std=c++11 -Wall -Wextra -Wconversion -Wshadow -Wpedantic -Werror -fsyntax-only "
                            "-x c++ bus/libbus/bus.h"),
                     0);
}

static void errors_have_names_types_and_sentences(void **state) {
    (void)state;
    assert_string_equal(bus_err_name(BUS_ERR_NOT_FOUND), "NOT_FOUND");
    assert_string_equal(bus_err_type(BUS_ERR_NOT_FOUND), "ResourceNotFoundException");
    assert_true(strlen(bus_err_sentence(BUS_ERR_THROTTLING)) > 0);
    assert_true(bus_err_is_retryable(BUS_ERR_THROTTLING));
    assert_false(bus_err_is_retryable(BUS_ERR_VALIDATION));
    assert_string_equal(bus_err_name((enum bus_err)12345), "INTERNAL");
    assert_string_equal(bus_version(), BUS_VERSION);
}

static enum bus_err try_open(struct bus_options options, struct bus_fault *fault) {
    struct bus *bus = (struct bus *)&options;
    options.access_key_id = "AKID";
    options.secret_access_key = "secret";
    enum bus_err err = bus_open(&options, &bus, fault);
    assert_null(bus);
    return err;
}

static void bad_options_are_refused_by_name(void **state) {
    (void)state;
    struct bus_fault fault;
    assert_int_equal(try_open((struct bus_options){.endpoint = "http://x"}, &fault), BUS_ERR_USAGE);
    assert_non_null(strstr(fault.message, "ipc://"));
    assert_int_equal(try_open((struct bus_options){.endpoint = "ipc:///x", .batch_events = 10001}, &fault), BUS_ERR_USAGE);
    assert_string_equal(fault.where, "batch_events");
    assert_int_equal(try_open((struct bus_options){.endpoint = "ipc:///x", .request_timeout_ms = 240001}, &fault), BUS_ERR_USAGE);
    assert_int_equal(try_open((struct bus_options){.endpoint = "ipc:///x", .linger_ms = -1}, &fault), BUS_ERR_USAGE);
    unsetenv("AWS_CA_BUNDLE"); /* stands in for the option */
    assert_int_equal(try_open((struct bus_options){.endpoint = "tls+tcp://localhost:1"}, &fault), BUS_ERR_USAGE);
    assert_non_null(strstr(fault.message, "tls_ca_file"));
    assert_int_equal(try_open((struct bus_options){.endpoint = "tls+tcp://localhost:1", .tls_ca_file = "/nonexistent.pem"}, NULL), BUS_ERR_IO);
}

static void nobody_there_is_unreachable_with_the_reason(void **state) {
    (void)state;
    struct bus_fault fault;
    assert_int_equal(try_open((struct bus_options){.endpoint = "ipc:///nonexistent/bus.sock"}, &fault), BUS_ERR_UNREACHABLE);
    assert_non_null(strstr(fault.message, "nobody listens there"));
    assert_int_equal(try_open((struct bus_options){.endpoint = "tcp://127.0.0.1:1"}, &fault), BUS_ERR_UNREACHABLE);
    assert_int_equal(bus_close(NULL, 0), BUS_ERR_OK);
    bus_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_is_clean_cxx),
        cmocka_unit_test(errors_have_names_types_and_sentences),
        cmocka_unit_test(bad_options_are_refused_by_name),
        cmocka_unit_test(nobody_there_is_unreachable_with_the_reason),
    };
    return cmocka_run_group_tests_name("libbus/header", tests, NULL, NULL);
}
