#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "attempts.h"
#include "log.h"
#include "log/file.h"
#include "log/model.h"
#include "os.h"
#include "target_host.h"

static struct target target;
static int fds_before, null_fd;

#define ARN(name) STR("arn:aws:logs:us-east-1:111122223333:log-group:" name)

static int start(void **state) {
    (void)state;
    struct fault fault;
    if (host_start()) return -1;
    null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_fd_set(null_fd);
    fds_before = host_open_fds();
    return target_log_new(&host, &target, &fault) ? -1 : 0;
}

static int end(void **state) {
    (void)state;
    target.stop(target.self);
    target.free(target.self);
    int leaked = host_open_fds() - fds_before;
    log_fd_set(2);
    close(null_fd);
    host_end();
    return leaked ? -1 : 0;
}

static enum err call(const char *operation, struct log_group_settings in, char *message, size_t size) {
    struct host_call c;
    enum err err = host_run(&c, &target, operation, &in);
    str_copyz(message, size, str_from(c.call.fault.message));
    arena_fini(&c.arena);
    return err;
}

static void create(struct log_group_settings in) {
    char message[512];
    assert_int_equal(call("CreateLogGroup", in, message, sizeof message), ERR_OK);
}

static struct trial attempt(struct str arn, struct str input) {
    static struct trial trial;
    trial_begin(&trial, &target, arn, input);
    assert_true(trial_wait(&trial));
    return trial;
}

static char text[1 << 20];
static const char *path_of(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/logs/%s", host_dir, name);
    return path;
}
/* Absent: "(none)". */
static const char *read_log(const char *name) {
    struct buf b;
    struct fault fault;
    buf_init(&b, 0);
    if (os_read_file(path_of(name), sizeof text - 1, &b, &fault))
        str_copyz(text, sizeof text, STR("(none)"));
    else
        str_copyz(text, sizeof text, buf_str(&b));
    buf_fini(&b);
    return text;
}

static void write_raw(const char *name, const char *content) {
    struct fault fault;
    char dir[256];
    snprintf(dir, sizeof dir, "%s/logs", host_dir);
    assert_int_equal(os_make_dirs(dir, 0700, &fault), ERR_OK);
    assert_int_equal(os_write_file(path_of(name), str_from(content), 0600, &fault), ERR_OK);
}

/* ---- writing -------------------------------------------------------------------------------------------------------------------- */

static void event_becomes_a_line(void **state) {
    (void)state;
    create((struct log_group_settings){.log_group_name = STR("audit")});
    assert_int_equal(attempt(ARN("audit"), STR("{\"a\":\r\n1}")).outcome, OUTCOME_DELIVERED);
    assert_int_equal(attempt(ARN("audit:*"), STR("{}")).outcome, OUTCOME_DELIVERED);
    assert_string_equal(read_log("111122223333-audit.jsonl"), "{\"a\":  1}\n{}\n");
    struct stat st;
    assert_int_equal(stat(path_of("111122223333-audit.jsonl"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void name_with_slashes_stays_one_file(void **state) {
    (void)state;
    create((struct log_group_settings){.log_group_name = STR("/aws/events/x#1")});
    assert_int_equal(attempt(ARN("/aws/events/x#1:*"), STR("{}")).outcome, OUTCOME_DELIVERED);
    assert_string_equal(read_log("111122223333-%2Faws%2Fevents%2Fx%231.jsonl"), "{}\n");
}

static void file_may_lie_in_a_directory(void **state) {
    (void)state;
    create((struct log_group_settings){.log_group_name = STR("a"), .file = STR("team/app/events.jsonl")});
    assert_int_equal(attempt(ARN("a"), STR("{}")).outcome, OUTCOME_DELIVERED);
    assert_string_equal(read_log("team/app/events.jsonl"), "{}\n");
}

static void many_at_once_are_all_written_once(void **state) {
    (void)state;
    enum { N = 1000 };
    static struct trial trials[N];
    static char lines[N][16];
    create((struct log_group_settings){.log_group_name = STR("a")});
    create((struct log_group_settings){.log_group_name = STR("b")});
    for (int i = 0; i < N; i++) {
        int n = snprintf(lines[i], sizeof lines[i], "%d", i);
        trial_begin(&trials[i], &target, i % 2 ? ARN("a") : ARN("b"), str_of(lines[i], (size_t)n));
    }
    for (int i = 0; i < N; i++) {
        assert_true(trial_wait(&trials[i]));
        assert_int_equal(trials[i].outcome, OUTCOME_DELIVERED);
    }
    const char *at = read_log("111122223333-a.jsonl");
    for (int i = 1; i < N; i += 2) { /* in order, none twice */
        assert_int_equal(strtol(at, (char **)(uintptr_t)&at, 10), i);
        assert_int_equal(*at++, '\n');
    }
    assert_int_equal(*at, 0);
}

static void long_line_is_whole(void **state) {
    (void)state;
    static char line[200000];
    memset(line, 'x', sizeof line);
    create((struct log_group_settings){.log_group_name = STR("a"), .max_bytes = {true, 1024}});
    assert_int_equal(attempt(ARN("a"), str_of(line, sizeof line)).outcome, OUTCOME_DELIVERED);
    assert_int_equal(strlen(read_log("111122223333-a.jsonl")), sizeof line + 1);
    /* Lengths around the size of a piece. */
    for (size_t n = 65534; n <= 65538; n++) {
        assert_int_equal(attempt(ARN("a"), str_of(line, n)).outcome, OUTCOME_DELIVERED);
        assert_int_equal(strlen(read_log("111122223333-a.jsonl")), n + 1);
    }
}

static void rotation_keeps_as_many_as_asked(void **state) {
    (void)state;
    static char line[600];
    memset(line, 'x', sizeof line);
    create((struct log_group_settings){.log_group_name = STR("a"), .max_bytes = {true, 1024}, .keep = {true, 2}});
    for (int i = 0; i < 5; i++) {
        line[0] = (char)('0' + i);
        assert_int_equal(attempt(ARN("a"), str_of(line, sizeof line)).outcome, OUTCOME_DELIVERED);
    }
    assert_int_equal(read_log("111122223333-a.jsonl")[0], '4');
    assert_int_equal(read_log("111122223333-a.jsonl.1")[0], '3');
    assert_int_equal(read_log("111122223333-a.jsonl.2")[0], '2');
    assert_string_equal(read_log("111122223333-a.jsonl.3"), "(none)");
}

static void keep_zero_empties_the_file(void **state) {
    (void)state;
    static char line[600];
    memset(line, 'x', sizeof line);
    create((struct log_group_settings){.log_group_name = STR("a"), .max_bytes = {true, 1024}, .keep = {true, 0}});
    assert_int_equal(attempt(ARN("a"), str_of(line, sizeof line)).outcome, OUTCOME_DELIVERED);
    assert_int_equal(attempt(ARN("a"), str_of(line, sizeof line)).outcome, OUTCOME_DELIVERED);
    assert_int_equal(strlen(read_log("111122223333-a.jsonl")), sizeof line + 1);
    assert_string_equal(read_log("111122223333-a.jsonl.1"), "(none)");
}

static void incomplete_last_line_is_terminated(void **state) {
    (void)state;
    write_raw("111122223333-a.jsonl", "{\"whole\":1}\n{\"cut");
    create((struct log_group_settings){.log_group_name = STR("a")});
    assert_int_equal(attempt(ARN("a"), STR("{}")).outcome, OUTCOME_DELIVERED);
    assert_string_equal(read_log("111122223333-a.jsonl"), "{\"whole\":1}\n{\"cut\n{}\n");
}

static void file_moved_away_is_made_anew(void **state) {
    (void)state;
    char moved[300];
    create((struct log_group_settings){.log_group_name = STR("a")});
    assert_int_equal(attempt(ARN("a"), STR("1")).outcome, OUTCOME_DELIVERED);
    snprintf(moved, sizeof moved, "%s.moved", path_of("111122223333-a.jsonl"));
    assert_int_equal(rename(path_of("111122223333-a.jsonl"), moved), 0);
    assert_int_equal(attempt(ARN("a"), STR("2")).outcome, OUTCOME_DELIVERED);
    assert_string_equal(read_log("111122223333-a.jsonl"), "2\n");
}

/* A limit of the file's size gives what a full disk gives: a short write, then an error. */
static void full_disk_leaves_whole_lines_only(void **state) {
    (void)state;
    static char line[3000];
    memset(line, 'x', sizeof line);
    create((struct log_group_settings){.log_group_name = STR("a")});
    assert_int_equal(attempt(ARN("a"), STR("first")).outcome, OUTCOME_DELIVERED);
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 2000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct trial trial = attempt(ARN("a"), str_of(line, sizeof line));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(trial.outcome, OUTCOME_INTERNAL_ERROR);
    assert_non_null(strstr(trial.message, "cannot write"));
    assert_string_equal(read_log("111122223333-a.jsonl"), "first\n");
    assert_int_equal(attempt(ARN("a"), STR("second")).outcome, OUTCOME_DELIVERED);
    assert_string_equal(read_log("111122223333-a.jsonl"), "first\nsecond\n");
}

static void unwritable_place_is_an_error_that_names_it(void **state) {
    (void)state;
    create((struct log_group_settings){.log_group_name = STR("a"), .file = STR("plain/a.jsonl")});
    write_raw("plain", "a file where a directory should be\n");
    struct trial trial = attempt(ARN("a"), STR("{}"));
    assert_int_equal(trial.outcome, OUTCOME_INTERNAL_ERROR);
    assert_non_null(strstr(trial.message, "logs/plain"));
}

static void symbolic_link_is_not_followed(void **state) {
    (void)state;
    char victim[256];
    create((struct log_group_settings){.log_group_name = STR("a"), .file = STR("a.jsonl")});
    write_raw("victim", "");
    str_copyz(victim, sizeof victim, str_from(path_of("victim")));
    assert_int_equal(symlink(victim, path_of("a.jsonl")), 0);
    assert_int_equal(attempt(ARN("a"), STR("{}")).outcome, OUTCOME_INTERNAL_ERROR);
    assert_string_equal(read_log("victim"), "");
}

static void more_files_than_are_kept_open(void **state) {
    (void)state;
    enum { N = 100 };
    char name[32], arn[128];
    for (int i = 0; i < N; i++) {
        int n = snprintf(name, sizeof name, "g%d", i);
        create((struct log_group_settings){.log_group_name = str_of(name, (size_t)n)});
    }
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < N; i++) {
            int n = snprintf(arn, sizeof arn, "arn:aws:logs:us-east-1:111122223333:log-group:g%d", i);
            assert_int_equal(attempt(str_of(arn, (size_t)n), STR("{}")).outcome, OUTCOME_DELIVERED);
        }
    assert_string_equal(read_log("111122223333-g0.jsonl"), "{}\n{}\n");
    assert_string_equal(read_log("111122223333-g99.jsonl"), "{}\n{}\n");
    assert_true(host_open_fds() - fds_before <= 64);
}

static void after_stop_everything_is_reported(void **state) {
    (void)state;
    static struct trial trials[50];
    create((struct log_group_settings){.log_group_name = STR("a")});
    for (int i = 0; i < 50; i++) trial_begin(&trials[i], &target, ARN("a"), STR("{}"));
    target.stop(target.self);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(trials[i].reports, 1);
        assert_true(trials[i].outcome == OUTCOME_DELIVERED || strcmp(trials[i].message, "shutting down") == 0);
    }
    assert_string_equal(attempt(ARN("a"), STR("{}")).message, "shutting down");
}

/* ---- operations ----------------------------------------------------------------------------------------------------------------- */

static void takes_log_groups_only(void **state) {
    (void)state;
    assert_true(target.kind->takes(ARN("a")));
    assert_true(target.kind->takes(ARN("/aws/events/a:*")));
    assert_false(target.kind->takes(STR("arn:aws:logs:us-east-1:111122223333:destination:a")));
    assert_false(target.kind->takes(STR("arn:aws:lambda:us-east-1:111122223333:function:a")));
    assert_false(target.kind->takes(STR_NULL));
}

static void unknown_group_is_no_resource(void **state) {
    (void)state;
    assert_int_equal(attempt(ARN("nobody"), STR("{}")).outcome, OUTCOME_NO_RESOURCE);
    create((struct log_group_settings){.log_group_name = STR("a")});
    assert_int_equal(attempt(STR("arn:aws:logs:eu-west-1:111122223333:log-group:a"), STR("{}")).outcome, OUTCOME_NO_RESOURCE);
}

static void group_of_another_account_is_refused(void **state) {
    (void)state;
    static struct trial trial;
    create((struct log_group_settings){.log_group_name = STR("a")});
    trial =
        (struct trial){.attempt = {.delivery = {.arn = ARN("a"), .account = STR("444455556666"), .input = STR("{}")}, .done = trial_done}};
    trial.attempt.ctx = &trial;
    target.kind->attempt(target.self, &trial.attempt);
    assert_int_equal(trial.outcome, OUTCOME_NO_PERMISSIONS);
}

static void bad_files_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"../x", "a/../b",    "/etc/passwd",          "a//b", "a/", ".hidden", "a/.b", "a b",
                                      "a\nb", "x.jsonl.1", "444455556666-x.jsonl", ""};
    char message[512];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(call("CreateLogGroup", (struct log_group_settings){.log_group_name = STR("a"), .file = str_from(bad[i])}, message,
                              sizeof message),
                         ERR_INVALID_PARAMETER);
        assert_non_null(strstr(message, "is not valid: "));
    }
}

static void two_groups_cannot_share_a_file(void **state) {
    (void)state;
    char message[512];
    create((struct log_group_settings){.log_group_name = STR("a"), .file = STR("one.jsonl")});
    assert_int_equal(
        call("CreateLogGroup", (struct log_group_settings){.log_group_name = STR("b"), .file = STR("one.jsonl")}, message, sizeof message),
        ERR_INVALID_PARAMETER);
    assert_non_null(strstr(message, "another log group writes to it"));
    assert_int_equal(
        call("UpdateLogGroup", (struct log_group_settings){.log_group_name = STR("a"), .keep = {true, 9}}, message, sizeof message),
        ERR_OK);
}

static void create_describe_update_delete(void **state) {
    (void)state;
    struct host_call c;
    char message[512];
    create((struct log_group_settings){.log_group_name = STR("app-b")});
    create((struct log_group_settings){.log_group_name = STR("app-a"), .max_bytes = {true, 4096}});
    create((struct log_group_settings){.log_group_name = STR("other")});
    assert_int_equal(call("CreateLogGroup", (struct log_group_settings){.log_group_name = STR("other")}, message, sizeof message),
                     ERR_EXISTS);
    assert_int_equal(
        call("UpdateLogGroup", (struct log_group_settings){.log_group_name = STR("app-a"), .keep = {true, 9}}, message, sizeof message),
        ERR_OK);
    struct log_groups_request ask = {.log_group_name_prefix = STR("app-"), .limit = {true, 1}};
    assert_int_equal(host_run(&c, &target, "DescribeLogGroups", &ask), ERR_OK);
    const struct log_groups *answer = c.call.out;
    assert_int_equal(answer->log_groups.n, 1);
    const struct log_group *g = answer->log_groups.items;
    assert_true(str_eqz(g->log_group_name, "app-a"));
    assert_true(str_eqz(g->arn, "arn:aws:logs:us-east-1:111122223333:log-group:app-a"));
    assert_int_equal(g->max_bytes.v, 4096);
    assert_int_equal(g->keep.v, 9);
    char token[128];
    assert_true(str_copyz(token, sizeof token, answer->next_token));
    assert_null(strstr(token, "app-a")); /* opaque */
    arena_fini(&c.arena);
    ask.next_token = STR("app-a");
    assert_int_equal(host_run(&c, &target, "DescribeLogGroups", &ask), ERR_VALIDATION);
    assert_string_equal(c.call.fault.message, "Parameter NextToken is not valid.");
    arena_fini(&c.arena);
    ask.next_token = str_from(token);
    assert_int_equal(host_run(&c, &target, "DescribeLogGroups", &ask), ERR_OK);
    answer = c.call.out;
    assert_int_equal(answer->log_groups.n, 1);
    assert_null(answer->next_token.p);
    arena_fini(&c.arena);
    struct log_group_reference which = {STR("app-a")};
    assert_int_equal(host_run(&c, &target, "DeleteLogGroup", &which), ERR_OK);
    arena_fini(&c.arena);
    assert_int_equal(host_run(&c, &target, "DeleteLogGroup", &which), ERR_NOT_FOUND);
    assert_string_equal(c.call.fault.message, "The specified log group does not exist.");
    arena_fini(&c.arena);
    assert_int_equal(attempt(ARN("app-a"), STR("{}")).outcome, OUTCOME_NO_RESOURCE);
}

static void requests_are_decoded_and_checked_by_their_shapes(void **state) {
    (void)state;
    struct arena a;
    struct fault fault;
    struct log_group_settings in = {.file = STR_NULL};
    arena_init(&a, 0);
    assert_int_equal(shape_decode(&log_shape_settings, STR("{\"logGroupName\":\"/aws/x\",\"MaxBytes\":4096}"), true, &a, &in, &fault),
                     ERR_OK);
    assert_true(str_eqz(in.log_group_name, "/aws/x"));
    assert_int_equal(in.max_bytes.v, 4096);
    static const char *const bad[] = {"{}", "{\"logGroupName\":\"a b\"}", "{\"logGroupName\":\"a\",\"MaxBytes\":1}",
                                      "{\"logGroupName\":\"a\",\"File\":\"a b\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        in = (struct log_group_settings){.file = STR_NULL};
        assert_int_equal(shape_decode(&log_shape_settings, str_from(bad[i]), true, &a, &in, &fault), ERR_VALIDATION);
    }
    arena_fini(&a);
}

static void groups_are_there_after_a_restart(void **state) {
    (void)state;
    struct fault fault;
    create((struct log_group_settings){.log_group_name = STR("a"), .file = STR("kept.jsonl")});
    target.stop(target.self);
    target.free(target.self);
    assert_int_equal(target_log_new(&host, &target, &fault), ERR_OK);
    assert_int_equal(attempt(ARN("a"), STR("{}")).outcome, OUTCOME_DELIVERED);
    assert_string_equal(read_log("kept.jsonl"), "{}\n");
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(event_becomes_a_line),
        T(name_with_slashes_stays_one_file),
        T(file_may_lie_in_a_directory),
        T(many_at_once_are_all_written_once),
        T(long_line_is_whole),
        T(rotation_keeps_as_many_as_asked),
        T(keep_zero_empties_the_file),
        T(incomplete_last_line_is_terminated),
        T(file_moved_away_is_made_anew),
        T(full_disk_leaves_whole_lines_only),
        T(unwritable_place_is_an_error_that_names_it),
        T(symbolic_link_is_not_followed),
        T(more_files_than_are_kept_open),
        T(after_stop_everything_is_reported),
        T(takes_log_groups_only),
        T(unknown_group_is_no_resource),
        T(group_of_another_account_is_refused),
        T(bad_files_are_refused),
        T(two_groups_cannot_share_a_file),
        T(create_describe_update_delete),
        T(requests_are_decoded_and_checked_by_their_shapes),
        T(groups_are_there_after_a_restart),
    };
    return cmocka_run_group_tests_name("targets/log", tests, NULL, NULL);
}
