#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "credentials.h"
#include "os.h"

static const char file_text[] = "# a comment\n"
                                "; another\n"
                                "[default]\r\n"
                                "aws_access_key_id = AKIDDEFAULT\r\n"
                                "aws_secret_access_key=a=b=c\n"
                                "bus_endpoint = ipc:///run/bus.sock\n"
                                "s3 =\n"
                                "  max_concurrent_requests = 20\n"
                                "\n"
                                "[ work ]\n"
                                "AWS_ACCESS_KEY_ID = AKIDWORK\n"
                                "aws_secret_access_key = first\n"
                                "aws_secret_access_key = second\n"
                                "region = eu-central-1\n"
                                "[half]\n"
                                "aws_access_key_id = AKIDHALF\n"
                                "[empty]";

struct fixture {
    struct arena arena;
    struct credentials out;
    struct fault fault;
    char path[64];
};

static void write_file(struct fixture *f, const char *text) {
    assert_int_equal(os_write_file(f->path, str_from(text), 0600, &f->fault), ERR_OK);
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    arena_init(&f->arena, 0);
    str_copyz(f->path, sizeof f->path, STR("/tmp/bus-credentials-XXXXXX"));
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    close(fd);
    write_file(f, file_text);
    static const char *const names[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE",       "AWS_SHARED_CREDENTIALS_FILE",
                                        "BUS_ENDPOINT",      "AWS_REGION",            "AWS_DEFAULT_REGION"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) unsetenv(names[i]);
    setenv("HOME", "/nonexistent", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", f->path, 1);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    unlink(f->path);
    arena_fini(&f->arena);
    free(f);
    return 0;
}

static enum err find(struct fixture *f, struct credentials_ask ask) { return credentials_find(&ask, &f->arena, &f->out, &f->fault); }

static void assert_found(struct fixture *f, const char *key, const char *secret, const char *endpoint, const char *region) {
    assert_string_equal(f->out.key_id.p, key);
    assert_string_equal(f->out.secret.p, secret);
    assert_string_equal(f->out.endpoint.p, endpoint);
    assert_string_equal(f->out.region.p, region);
}

static void default_profile_gives_everything(void **state) {
    struct fixture *f = *state;
    assert_int_equal(find(f, (struct credentials_ask){0}), ERR_OK);
    assert_found(f, "AKIDDEFAULT", "a=b=c", "ipc:///run/bus.sock", "us-east-1");
}

static void profile_by_option_or_environment_and_last_value_counts(void **state) {
    struct fixture *f = *state;
    assert_int_equal(find(f, (struct credentials_ask){.profile = "work", .endpoint = "tcp://h:1"}), ERR_OK);
    assert_found(f, "AKIDWORK", "second", "tcp://h:1", "eu-central-1");
    setenv("AWS_PROFILE", "work", 1);
    setenv("BUS_ENDPOINT", "tcp://e:2", 1);
    setenv("AWS_REGION", "ap-south-1", 1);
    assert_int_equal(find(f, (struct credentials_ask){0}), ERR_OK);
    assert_found(f, "AKIDWORK", "second", "tcp://e:2", "ap-south-1");
}

static void environment_keys_beat_the_file_and_an_asked_profile_beats_them(void **state) {
    struct fixture *f = *state;
    setenv("AWS_ACCESS_KEY_ID", "AKIDENV", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "envsecret", 1);
    assert_int_equal(find(f, (struct credentials_ask){0}), ERR_OK);
    assert_found(f, "AKIDENV", "envsecret", "ipc:///run/bus.sock", "us-east-1");
    assert_int_equal(find(f, (struct credentials_ask){.profile = "work", .endpoint = "tcp://h:1"}), ERR_OK);
    assert_string_equal(f->out.key_id.p, "AKIDWORK");
    assert_int_equal(find(f, (struct credentials_ask){.access_key_id = "K", .secret_access_key = "S", .endpoint = "tcp://h:1"}), ERR_OK);
    assert_string_equal(f->out.key_id.p, "K");
}

static void half_a_pair_is_refused_by_name(void **state) {
    struct fixture *f = *state;
    assert_int_equal(find(f, (struct credentials_ask){.profile = "half"}), ERR_NO_CREDENTIALS);
    assert_non_null(strstr(f->fault.message, "[half]: the secret access key is missing"));
    assert_int_equal(find(f, (struct credentials_ask){.secret_access_key = "S"}), ERR_NO_CREDENTIALS);
    assert_non_null(strstr(f->fault.message, "the access key id is missing"));
    setenv("AWS_ACCESS_KEY_ID", "AKIDENV", 1);
    assert_int_equal(find(f, (struct credentials_ask){0}), ERR_NO_CREDENTIALS);
}

static void missing_profile_file_and_endpoint_say_what_to_do(void **state) {
    struct fixture *f = *state;
    assert_int_equal(find(f, (struct credentials_ask){.profile = "nobody"}), ERR_NO_CREDENTIALS);
    assert_non_null(strstr(f->fault.message, "has no profile [nobody]"));
    assert_int_equal(find(f, (struct credentials_ask){.profile = "empty"}), ERR_NO_CREDENTIALS);
    assert_int_equal(find(f, (struct credentials_ask){.credentials_file = "/nonexistent/file"}), ERR_NO_CREDENTIALS);
    assert_non_null(strstr(f->fault.message, "/nonexistent/file"));
    assert_int_equal(find(f, (struct credentials_ask){.profile = "work"}), ERR_USAGE);
    assert_non_null(strstr(f->fault.message, "BUS_ENDPOINT"));
    unlink(f->path);
    assert_int_equal(find(f, (struct credentials_ask){.access_key_id = "K", .secret_access_key = "S", .endpoint = "tcp://h:1"}), ERR_OK);
}

static void assert_syntax(struct fixture *f, const char *text, int line, int column) {
    write_file(f, text);
    assert_int_equal(find(f, (struct credentials_ask){0}), ERR_SYNTAX);
    assert_string_equal(f->fault.where, f->path);
    assert_int_equal(f->fault.line, line);
    assert_int_equal(f->fault.column, column);
    char expected[128];
    snprintf(expected, sizeof expected, "%s:%d: ", f->path, line);
    assert_true(str_starts(str_from(f->fault.message), str_from(expected)));
}

static void syntax_errors_name_file_line_and_column(void **state) {
    struct fixture *f = *state;
    assert_syntax(f, "\n\n[default\n", 3, 1);
    assert_syntax(f, "key = value\n[default]\n", 1, 1);
    assert_syntax(f, "[default]\naws_access_key_id AKID\n", 2, 1);
    assert_syntax(f, "[default]\n= value\n", 2, 1);
    assert_syntax(f, "  [default\n", 1, 3);
}

static void binary_file_is_a_syntax_error(void **state) {
    struct fixture *f = *state;
    struct credentials_profile p;
    assert_int_equal(credentials_parse(STR("[default]\na\0b = c\n"), "creds", STR("default"), &f->arena, &p, &f->fault), ERR_SYNTAX);
    assert_int_equal(f->fault.line, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(default_profile_gives_everything),
        TEST(profile_by_option_or_environment_and_last_value_counts),
        TEST(environment_keys_beat_the_file_and_an_asked_profile_beats_them),
        TEST(half_a_pair_is_refused_by_name),
        TEST(missing_profile_file_and_endpoint_say_what_to_do),
        TEST(syntax_errors_name_file_line_and_column),
        TEST(binary_file_is_a_syntax_error),
    };
    return cmocka_run_group_tests_name("libbus/credentials", tests, NULL, NULL);
}
