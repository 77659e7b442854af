#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "attempts.h"
#include "clock.h"
#include "function/model.h"
#include "function/runner.h"
#include "function/service.h"
#include "log.h"
#include "os.h"
#include "target_host.h"

static struct target target;
static int fds_before, log_pipe[2];

#define ARN(name) STR("arn:aws:lambda:us-east-1:111122223333:function:" name)

static int start(void **state) {
    (void)state;
    struct fault fault;
    if (host_start() || pipe2(log_pipe, O_CLOEXEC | O_NONBLOCK)) return -1;
    log_fd_set(log_pipe[1]);
    fds_before = host_open_fds();
    return target_function_new(&host, &target, &fault) ? -1 : 0;
}

/* Every test ends by looking for what it should not leave: descriptors, children. */
static int end(void **state) {
    (void)state;
    target.stop(target.self);
    target.free(target.self);
    int leaked = host_open_fds() - fds_before;
    bool childless = waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD;
    log_fd_set(2);
    close(log_pipe[0]);
    close(log_pipe[1]);
    host_end();
    return leaked || !childless ? -1 : 0;
}

/* What was logged so far contains `text`. */
static bool was_logged(const char *text) {
    static char log[65536];
    static size_t n;
    ssize_t got = read(log_pipe[0], log, sizeof log - 1);
    n = got > 0 ? (size_t)got : 0;
    log[n] = 0;
    return strstr(log, text);
}

/* ---- making functions ----------------------------------------------------------------------------------------------------------- */

struct recipe {
    const char *name, *mode, *directory;
    const char *command[6];
    int64_t timeout, concurrency, memory, cpu;
    struct map_entry variables[3];
};

static enum err make(struct recipe r, const char *operation, struct host_call *c) {
    struct str command[6];
    size_t n = 0, v = 0;
    for (; n < 6 && r.command[n]; n++) command[n] = str_from(r.command[n]);
    while (v < 3 && r.variables[v].key.p) v++;
    struct function_environment environment = {.variables = {true, v, r.variables}};
    struct function_settings in = {
        .function_name = str_from(r.name),
        .mode = str_from(r.mode),
        .working_directory = str_from(r.directory),
        .command = {n > 0, n, command},
        .timeout = {r.timeout > 0, r.timeout},
        .concurrency = {r.concurrency > 0, r.concurrency},
        .memory_size = {r.memory > 0, r.memory},
        .cpu_seconds = {r.cpu > 0, r.cpu},
        .environment = v ? &environment : NULL,
    };
    return host_run(c, &target, operation, &in);
}

static void create(struct recipe r) {
    struct host_call c;
    assert_int_equal(make(r, "CreateFunction", &c), ERR_OK);
    arena_fini(&c.arena);
}
#define SH(script)                                                                                                                         \
    { "/bin/sh", "-c", script }
/* A worker that answers each line with what the shell word says. */
#define WORKER(answer) SH("while read -r line; do echo " answer "; done")

static struct trial attempt(struct str arn, struct str input) {
    static struct trial trial;
    trial_begin(&trial, &target, arn, input);
    assert_true(trial_wait(&trial));
    return trial;
}

static struct str file_text(const char *name, char *text, size_t size) {
    char path[128];
    struct buf b;
    struct fault fault;
    buf_init(&b, 0);
    snprintf(path, sizeof path, "%s/%s", host_dir, name);
    if (os_read_file(path, 1 << 20, &b, &fault))
        text[0] = 0;
    else
        str_copyz(text, size, buf_str(&b));
    buf_fini(&b);
    return str_from(text);
}

/* Waits for the other side to have made the file. */
static void await_file(const char *name) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", host_dir, name);
    int64_t until = clock_mono_ns() + 30000000000;
    while (access(path, F_OK)) {
        assert_true(clock_mono_ns() < until);
        poll(NULL, 0, 2);
    }
}

/* ---- process mode --------------------------------------------------------------------------------------------------------------- */

static void process_gets_one_line_and_end_of_input(void **state) {
    (void)state;
    char text[256];
    create((struct recipe){.name = "f", .directory = host_dir, .command = SH("cat > got")});
    assert_int_equal(attempt(ARN("f"), STR("{\"a\":\r\n 1}")).outcome, OUTCOME_DELIVERED);
    file_text("got", text, sizeof text);
    assert_string_equal(text, "{\"a\":   1}\n");
}

static void command_runs_without_a_shell(void **state) {
    (void)state;
    char text[256];
    create((struct recipe){.name = "f", .directory = host_dir, .command = {"/usr/bin/tee", "a b; $(touch evil)"}});
    assert_int_equal(attempt(ARN("f"), STR("{}")).outcome, OUTCOME_DELIVERED);
    file_text("a b; $(touch evil)", text, sizeof text);
    assert_string_equal(text, "{}\n");
}

static void exit_status_is_an_error_with_the_last_complaint(void **state) {
    (void)state;
    create((struct recipe){.name = "f", .command = SH("echo first >&2; echo no disk >&2; exit 3")});
    struct trial trial = attempt(ARN("f"), STR("{}"));
    assert_int_equal(trial.outcome, OUTCOME_ERROR_FROM_TARGET);
    assert_string_equal(trial.message, "the function ended with exit status 3: no disk");
    assert_true(was_logged("at=function msg=stderr function=f"));
}

static void signal_is_named(void **state) {
    (void)state;
    create((struct recipe){.name = "f", .command = SH("kill -SEGV $$")});
    struct trial trial = attempt(ARN("f"), STR("{}"));
    assert_int_equal(trial.outcome, OUTCOME_ERROR_FROM_TARGET);
    assert_string_equal(trial.message, "the function was ended by signal 11 (SIGSEGV)");
}

static void input_need_not_be_read(void **state) {
    (void)state;
    struct buf big;
    buf_init(&big, 0);
    for (int i = 0; i < 300000; i++) buf_addz(&big, "[1]  ");
    create((struct recipe){.name = "f", .command = {"/bin/true"}});
    assert_int_equal(attempt(ARN("f"), buf_str(&big)).outcome, OUTCOME_DELIVERED);
    buf_fini(&big);
}

static void large_input_arrives_whole(void **state) {
    (void)state;
    char text[64];
    struct buf big;
    buf_init(&big, 0);
    for (int i = 0; i < 500000; i++) buf_addz(&big, "abcd");
    create((struct recipe){.name = "f", .directory = host_dir, .command = SH("wc -c > n")});
    assert_int_equal(attempt(ARN("f"), buf_str(&big)).outcome, OUTCOME_DELIVERED);
    file_text("n", text, sizeof text);
    assert_string_equal(text, "2000001\n");
    buf_fini(&big);
}

static void timeout_ends_the_process_and_says_so(void **state) {
    (void)state;
    create((struct recipe){.name = "f", .command = {"/bin/sleep", "100"}, .timeout = 1});
    struct trial trial = attempt(ARN("f"), STR("{}"));
    assert_int_equal(trial.outcome, OUTCOME_TIMEOUT);
    assert_string_equal(trial.message, "the function ran longer than its timeout of 1 s");
}

static void process_that_ignores_sigterm_is_killed(void **state) {
    (void)state;
    create((struct recipe){.name = "f", .command = SH("trap '' TERM; while :; do sleep 1; done"), .timeout = 1});
    int64_t begin = clock_mono_ns();
    assert_int_equal(attempt(ARN("f"), STR("{}")).outcome, OUTCOME_TIMEOUT);
    assert_true(clock_mono_ns() - begin >= (int64_t)(1000 + RUNNER_GRACE_MS) * 1000000 - 50000000);
}

static void grandchildren_end_with_the_process(void **state) {
    (void)state;
    char text[64];
    int64_t pid;
    create((struct recipe){.name = "f", .directory = host_dir, .command = SH("sleep 1000 & echo $! > child")});
    assert_int_equal(attempt(ARN("f"), STR("{}")).outcome, OUTCOME_DELIVERED);
    struct str line = file_text("child", text, sizeof text);
    line.n--;
    assert_true(str_to_i64(line, &pid));
    /* Killed before the outcome was reported; the system may take a moment to bury it. */
    int64_t until = clock_mono_ns() + 10000000000;
    char stat[64], what[128] = "";
    snprintf(stat, sizeof stat, "/proc/%d/stat", (int)pid);
    for (;;) {
        FILE *f = fopen(stat, "re");
        if (!f) break;
        size_t n = fread(what, 1, sizeof what - 1, f);
        what[n] = 0;
        fclose(f);
        if (strstr(what, ") Z")) break;
        assert_true(clock_mono_ns() < until);
        poll(NULL, 0, 2);
    }
}

static void missing_program_is_retryable_and_named(void **state) {
    (void)state;
    create((struct recipe){.name = "f", .command = {"/no/such/program"}});
    struct trial trial = attempt(ARN("f"), STR("{}"));
    assert_int_equal(trial.outcome, OUTCOME_ERROR_FROM_TARGET);
    assert_string_equal(trial.message, "cannot run the program /no/such/program: No such file or directory");
    create((struct recipe){.name = "g", .command = {"no-such-program"}});
    trial = attempt(ARN("g"), STR("{}"));
    assert_int_equal(trial.outcome, OUTCOME_ERROR_FROM_TARGET);
    assert_non_null(strstr(trial.message, "no-such-program: it is not in PATH"));
}

static void missing_directory_is_named(void **state) {
    (void)state;
    create((struct recipe){.name = "f", .command = {"/bin/true"}, .directory = "/no/such/dir"});
    struct trial trial = attempt(ARN("f"), STR("{}"));
    assert_int_equal(trial.outcome, OUTCOME_ERROR_FROM_TARGET);
    assert_string_equal(trial.message, "cannot enter the working directory /no/such/dir: No such file or directory");
}

static void program_without_a_path_is_found(void **state) {
    (void)state;
    create((struct recipe){.name = "f", .command = {"true"}});
    assert_int_equal(attempt(ARN("f"), STR("{}")).outcome, OUTCOME_DELIVERED);
}

static void environment_is_minimal_and_ours(void **state) {
    (void)state;
    char text[2048];
    setenv("SECRET_OF_THE_DAEMON", "x", 1);
    create((struct recipe){.name = "f",
                           .directory = host_dir,
                           .command = SH("env > e"),
                           .variables = {{.key = STR("COLOUR"), .s = STR("sky blue")}, {.key = STR("LANG"), .s = STR("de_DE")}}});
    assert_int_equal(attempt(ARN("f"), STR("{}")).outcome, OUTCOME_DELIVERED);
    file_text("e", text, sizeof text);
    assert_null(strstr(text, "SECRET_OF_THE_DAEMON"));
    assert_non_null(strstr(text, "COLOUR=sky blue\n"));
    assert_non_null(strstr(text, "LANG=de_DE\n"));
    assert_null(strstr(text, "LANG=C.UTF-8\n"));
    assert_non_null(strstr(text, "PATH=/usr/local/bin:/usr/bin:/bin\n"));
    assert_non_null(strstr(text, "BUS_FUNCTION_NAME=f\n"));
    assert_non_null(strstr(text, "BUS_FUNCTION_ARN=arn:aws:lambda:us-east-1:111122223333:function:f\n"));
    assert_non_null(strstr(text, "BUS_EVENT_ID=0f8fad5b-d9cb-469f-a165-70867728950e\n"));
    assert_non_null(strstr(text, "BUS_SOURCE_ARN=arn:aws:events:us-east-1:111122223333:rule/r\n"));
    assert_non_null(strstr(text, "BUS_ATTEMPT=1\n"));
}

static void no_descriptor_signal_or_mask_leaks_into_the_child(void **state) {
    (void)state;
    char text[2048];
    int leak = open("/dev/null", O_RDONLY); /* without O_CLOEXEC, as a careless library would */
    signal(SIGPIPE, SIG_IGN);
    create((struct recipe){.name = "f",
                           .directory = host_dir,
                           .command = SH("ls -l /proc/self/fd | grep -c null > fds; grep -E 'Sig(Ign|Blk)' /proc/self/status > sig")});
    assert_int_equal(attempt(ARN("f"), STR("{}")).outcome, OUTCOME_DELIVERED);
    signal(SIGPIPE, SIG_DFL);
    close(leak);
    file_text("fds", text, sizeof text);
    assert_string_equal(text, "0\n");
    file_text("sig", text, sizeof text);
    unsigned long blocked, ignored;
    assert_int_equal(sscanf(text, "SigBlk: %lx SigIgn: %lx", &blocked, &ignored), 2);
    const unsigned long of_glibc = 3ul << 31; /* signals 32 and 33 are the C library's own: sigaction refuses to touch them */
    assert_int_equal(blocked & ~of_glibc, 0);
    assert_int_equal(ignored & ~of_glibc, 0);
}

static void limits_hold(void **state) {
    (void)state;
    char text[64];
    create((struct recipe){
        .name = "f", .directory = host_dir, .command = SH("ulimit -v > v; ulimit -t > t; ulimit -c > c"), .memory = 512, .cpu = 7});
    assert_int_equal(attempt(ARN("f"), STR("{}")).outcome, OUTCOME_DELIVERED);
    file_text("v", text, sizeof text);
    assert_string_equal(text, "524288\n");
    file_text("t", text, sizeof text);
    assert_string_equal(text, "7\n");
    file_text("c", text, sizeof text);
    assert_string_equal(text, "0\n");
}

static void cpu_limit_ends_a_busy_process(void **state) {
    (void)state;
    create((struct recipe){.name = "f", .command = SH("while :; do :; done"), .cpu = 1});
    struct trial trial = attempt(ARN("f"), STR("{}"));
    assert_int_equal(trial.outcome, OUTCOME_ERROR_FROM_TARGET);
    assert_string_equal(trial.message, "the function was ended by signal 24 (SIGXCPU)");
}

static void endless_output_is_cut_off(void **state) {
    (void)state;
    create((struct recipe){.name = "f", .command = {"/usr/bin/yes"}});
    struct trial trial = attempt(ARN("f"), STR("{}"));
    assert_int_equal(trial.outcome, OUTCOME_ERROR_FROM_TARGET);
    assert_string_equal(trial.message, "the function answered more than 6291456 bytes");
}

static void stderr_is_logged_within_a_rate(void **state) {
    (void)state;
    int lines = 0;
    char log[65536];
    create((struct recipe){.name = "f", .command = SH("i=0; while [ $i -lt 1000 ]; do echo line $i >&2; i=$((i+1)); done")});
    assert_int_equal(attempt(ARN("f"), STR("{}")).outcome, OUTCOME_DELIVERED);
    ssize_t got = read(log_pipe[0], log, sizeof log - 1);
    assert_true(got > 0);
    log[got] = 0;
    for (char *at = log; (at = strstr(at, "msg=stderr")); at++) lines++;
    assert_in_range(lines, 100, 600);
}

static void concurrency_is_a_bound(void **state) {
    (void)state;
    static struct trial trials[6];
    char text[64];
    create((struct recipe){.name = "f",
                           .directory = host_dir,
                           .concurrency = 2,
                           .command = SH("mkdir slot1 2>/dev/null || mkdir slot2 2>/dev/null || echo over >> over; sleep 0.1;"
                                         "rmdir slot1 2>/dev/null || rmdir slot2")});
    assert_int_equal(target.kind->concurrency(target.self, ARN("f")), 2);
    for (int i = 0; i < 6; i++) trial_begin(&trials[i], &target, ARN("f"), STR("{}"));
    for (int i = 0; i < 6; i++) {
        assert_true(trial_wait(&trials[i]));
        assert_int_equal(trials[i].outcome, OUTCOME_DELIVERED);
    }
    file_text("over", text, sizeof text);
    assert_string_equal(text, "");
}

/* ---- worker mode ---------------------------------------------------------------------------------------------------------------- */

static void worker_serves_many_events(void **state) {
    (void)state;
    char text[64];
    create((struct recipe){.name = "w",
                           .mode = "worker",
                           .directory = host_dir,
                           .concurrency = 1,
                           .command = SH("echo start >> starts; while read -r line; do echo \"$line\" >> got; echo {}; done")});
    for (int i = 0; i < 20; i++) assert_int_equal(attempt(ARN("w"), STR("{\"n\":1}")).outcome, OUTCOME_DELIVERED);
    file_text("starts", text, sizeof text);
    assert_string_equal(text, "start\n");
}

static void worker_error_message_is_an_error(void **state) {
    (void)state;
    create((struct recipe){.name = "w", .mode = "worker", .command = WORKER("'{\"errorMessage\":\"no such user\",\"errorType\":\"X\"}'")});
    struct trial trial = attempt(ARN("w"), STR("{}"));
    assert_int_equal(trial.outcome, OUTCOME_ERROR_FROM_TARGET);
    assert_string_equal(trial.message, "no such user");
}

static void worker_garbage_ends_it_and_is_reported(void **state) {
    (void)state;
    create((struct recipe){.name = "w", .mode = "worker", .command = WORKER("hello")});
    struct trial trial = attempt(ARN("w"), STR("{}"));
    assert_int_equal(trial.outcome, OUTCOME_ERROR_FROM_TARGET);
    assert_non_null(strstr(trial.message, "is no answer"));
    create((struct recipe){.name = "two", .mode = "worker", .command = WORKER("'{}'; echo '{}'")});
    /* Whether the second line comes with the first or after it, it never passes for another event's answer. */
    for (int i = 0; i < 3; i++) {
        trial = attempt(ARN("two"), STR("{}"));
        assert_true(trial.outcome == OUTCOME_DELIVERED || trial.outcome == OUTCOME_ERROR_FROM_TARGET);
    }
}

static void worker_answer_past_the_bound_ends_it(void **state) {
    (void)state;
    create((struct recipe){.name = "w", .mode = "worker", .command = SH("read -r line; tr '\\0' 'a' < /dev/zero")});
    struct trial trial = attempt(ARN("w"), STR("{}"));
    assert_int_equal(trial.outcome, OUTCOME_ERROR_FROM_TARGET);
    assert_non_null(strstr(trial.message, "6291456"));
}

static void worker_that_dies_is_reported_and_replaced(void **state) {
    (void)state;
    create((struct recipe){.name = "w",
                           .mode = "worker",
                           .directory = host_dir,
                           .concurrency = 1,
                           .command = SH("while read -r line; do if mkdir once; then echo oops >&2; exit 7; fi; echo '{}'; done")});
    struct trial trial = attempt(ARN("w"), STR("{}"));
    assert_int_equal(trial.outcome, OUTCOME_ERROR_FROM_TARGET);
    assert_non_null(strstr(trial.message, "the worker"));
    assert_int_equal(attempt(ARN("w"), STR("{}")).outcome, OUTCOME_DELIVERED);
}

static void worker_timeout_ends_only_that_worker(void **state) {
    (void)state;
    create((struct recipe){.name = "w",
                           .mode = "worker",
                           .timeout = 1,
                           .command = SH("while read -r line; do case $line in *slow*) sleep 100;; esac; echo '{}'; done")});
    assert_int_equal(attempt(ARN("w"), STR("{}")).outcome, OUTCOME_DELIVERED);
    assert_int_equal(attempt(ARN("w"), STR("\"slow\"")).outcome, OUTCOME_TIMEOUT);
    assert_int_equal(attempt(ARN("w"), STR("{}")).outcome, OUTCOME_DELIVERED);
}

static void worker_that_cannot_run_says_why(void **state) {
    (void)state;
    create((struct recipe){.name = "w", .mode = "worker", .command = {"/etc/passwd"}});
    struct trial trial = attempt(ARN("w"), STR("{}"));
    assert_int_equal(trial.outcome, OUTCOME_ERROR_FROM_TARGET);
    assert_true(strstr(trial.message, "Permission denied") || strstr(trial.message, "standard input or output"));
}

static void idle_worker_is_ended_after_a_time(void **state) {
    (void)state;
    int64_t now = 1790000000000;
    clock_fake(now);
    create((struct recipe){
        .name = "w", .mode = "worker", .directory = host_dir, .command = SH("while read -r line; do echo '{}'; done; touch ended")});
    create((struct recipe){.name = "wake", .command = {"/bin/true"}});
    assert_int_equal(attempt(ARN("w"), STR("{}")).outcome, OUTCOME_DELIVERED);
    clock_fake(now + RUNNER_IDLE_MS + 1);
    assert_int_equal(attempt(ARN("wake"), STR("{}")).outcome, OUTCOME_DELIVERED);
    await_file("ended");
    clock_real();
}

static void changed_function_gets_new_workers(void **state) {
    (void)state;
    struct host_call c;
    create((struct recipe){.name = "w",
                           .mode = "worker",
                           .directory = host_dir,
                           .concurrency = 1,
                           .command = SH("while read -r line; do echo '{}'; done; touch old-ended")});
    assert_int_equal(attempt(ARN("w"), STR("{}")).outcome, OUTCOME_DELIVERED);
    assert_int_equal(
        make((struct recipe){.name = "w", .command = WORKER("'{\"errorMessage\":\"new\"}'")}, "UpdateFunctionConfiguration", &c), ERR_OK);
    arena_fini(&c.arena);
    assert_string_equal(attempt(ARN("w"), STR("{}")).message, "new");
    await_file("old-ended");
}

/* ---- the end -------------------------------------------------------------------------------------------------------------------- */

static void stop_ends_everything_and_reports_it(void **state) {
    (void)state;
    static struct trial running, waiting, late;
    create((struct recipe){
        .name = "f", .directory = host_dir, .concurrency = 1, .command = SH("trap '' TERM; touch up; while :; do sleep 1; done")});
    trial_begin(&running, &target, ARN("f"), STR("{}"));
    trial_begin(&waiting, &target, ARN("f"), STR("{}"));
    await_file("up");
    int64_t begin = clock_mono_ns();
    target.stop(target.self);
    assert_true(clock_mono_ns() - begin < 10000000000);
    assert_int_equal(running.reports, 1);
    assert_int_equal(running.outcome, OUTCOME_INTERNAL_ERROR);
    assert_string_equal(running.message, "shutting down");
    assert_int_equal(waiting.reports, 1);
    assert_int_equal(waiting.outcome, OUTCOME_INTERNAL_ERROR);
    trial_begin(&late, &target, ARN("f"), STR("{}"));
    assert_int_equal(late.outcome, OUTCOME_INTERNAL_ERROR);
}

static void two_hundred_events_leave_nothing_behind(void **state) {
    (void)state;
    enum { N = 200 };
    static struct trial trials[N];
    create((struct recipe){.name = "f", .concurrency = 8, .command = {"/bin/cat"}});
    assert_int_equal(attempt(ARN("f"), STR("{}")).outcome, OUTCOME_DELIVERED);
    int before = host_open_fds();
    for (int i = 0; i < N; i++) trial_begin(&trials[i], &target, ARN("f"), STR("{}"));
    for (int i = 0; i < N; i++) {
        assert_true(trial_wait(&trials[i]));
        assert_string_equal(trials[i].message, "");
        assert_int_equal(trials[i].outcome, OUTCOME_DELIVERED);
    }
    /* The last one's descriptors are closed just after it was reported. */
    int64_t until = clock_mono_ns() + 10000000000;
    while (host_open_fds() > before && clock_mono_ns() < until) sched_yield();
    assert_int_equal(host_open_fds(), before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* ---- names and operations ------------------------------------------------------------------------------------------------------- */

static void takes_function_arns_only(void **state) {
    (void)state;
    assert_true(target.kind->takes(ARN("f")));
    assert_false(target.kind->takes(STR("arn:aws:lambda:us-east-1:111122223333:layer:f")));
    assert_false(target.kind->takes(STR("arn:aws:sqs:us-east-1:111122223333:f")));
    assert_false(target.kind->takes(STR_NULL));
}

static void names_are_parsed_in_all_their_forms(void **state) {
    (void)state;
    struct str account, name;
    static const char *const good[] = {"f", "f:$LATEST", "function:f", "444455556666:function:f",
                                       "arn:aws:lambda:us-east-1:444455556666:function:f:$LATEST"};
    static const char *const bad[] = {"f:7",
                                      "",
                                      "arn:aws:lambda:eu-west-1:444455556666:function:f",
                                      "444455556666:f",
                                      "arn:aws:sqs:us-east-1:444455556666:function:f",
                                      "arn:aws:lambda:us-east-1:444455556666:function:"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(function_name_parse(str_from(good[i]), STR("us-east-1"), STR("111122223333"), &account, &name));
        assert_true(str_eqz(name, "f"));
        assert_true(str_eqz(account, i < 3 ? "111122223333" : "444455556666"));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(function_name_parse(str_from(bad[i]), STR("us-east-1"), STR("111122223333"), &account, &name));
}

static void unknown_function_is_no_resource(void **state) {
    (void)state;
    assert_int_equal(attempt(ARN("nobody"), STR("{}")).outcome, OUTCOME_NO_RESOURCE);
    assert_int_equal(target.kind->concurrency(target.self, ARN("nobody")), 0);
}

static void function_of_another_account_is_refused(void **state) {
    (void)state;
    static struct trial trial;
    create((struct recipe){.name = "f", .command = {"/bin/true"}});
    trial =
        (struct trial){.attempt = {.delivery = {.arn = ARN("f"), .account = STR("444455556666"), .input = STR("{}")}, .done = trial_done}};
    trial.attempt.ctx = &trial;
    target.kind->attempt(target.self, &trial.attempt);
    assert_int_equal(trial.outcome, OUTCOME_NO_PERMISSIONS);
}

static void create_twice_is_a_conflict(void **state) {
    (void)state;
    struct host_call c;
    create((struct recipe){.name = "f", .command = {"/bin/true"}});
    assert_int_equal(make((struct recipe){.name = "f", .command = {"/bin/true"}}, "CreateFunction", &c), ERR_CONFLICT);
    assert_string_equal(c.call.fault.message, "Function already exist: f");
    arena_fini(&c.arena);
}

static void get_update_list_delete(void **state) {
    (void)state;
    struct host_call c;
    struct function_reference which = {STR("b")};
    create((struct recipe){.name = "b", .command = {"/bin/cat", "-u"}, .timeout = 9, .variables = {{.key = STR("KEY"), .s = STR("v")}}});
    create((struct recipe){.name = "a", .command = {"/bin/true"}});
    create((struct recipe){.name = "c", .command = {"/bin/true"}});
    assert_int_equal(make((struct recipe){.name = "b", .concurrency = 11}, "UpdateFunctionConfiguration", &c), ERR_OK);
    arena_fini(&c.arena);
    assert_int_equal(host_run(&c, &target, "GetFunction", &which), ERR_OK);
    const struct function_configuration *f = ((struct function_description *)c.call.out)->configuration;
    assert_int_equal(f->timeout.v, 9);
    assert_int_equal(f->concurrency.v, 11);
    assert_int_equal(f->command.n, 2);
    assert_true(str_eqz(*LIST_AT(f->command, struct str, 1), "-u"));
    assert_true(str_eqz(LIST_AT(f->environment->variables, struct map_entry, 0)->s, "v"));
    arena_fini(&c.arena);
    struct function_list_request page = {.max_items = {true, 2}};
    assert_int_equal(host_run(&c, &target, "ListFunctions", &page), ERR_OK);
    const struct function_list *list = c.call.out;
    assert_int_equal(list->functions.n, 2);
    assert_true(str_eqz(list->next_marker, "b"));
    arena_fini(&c.arena);
    page.marker = STR("b");
    assert_int_equal(host_run(&c, &target, "ListFunctions", &page), ERR_OK);
    list = c.call.out;
    assert_int_equal(list->functions.n, 1);
    assert_true(str_eqz(LIST_AT(list->functions, struct function_configuration, 0)->function_name, "c"));
    assert_null(list->next_marker.p);
    arena_fini(&c.arena);
    assert_int_equal(host_run(&c, &target, "DeleteFunction", &which), ERR_OK);
    arena_fini(&c.arena);
    assert_int_equal(host_run(&c, &target, "GetFunction", &which), ERR_NOT_FOUND);
    assert_string_equal(c.call.fault.message, "Function not found: arn:aws:lambda:us-east-1:111122223333:function:b");
    arena_fini(&c.arena);
}

/* What a request is as JSON: the shapes of model.c. */
static void requests_are_decoded_and_checked_by_their_shapes(void **state) {
    (void)state;
    struct arena a;
    struct fault fault;
    struct function_settings in = {.mode = STR_NULL};
    arena_init(&a, 0);
    assert_int_equal(shape_decode(&function_shape_settings,
                                  STR("{\"FunctionName\":\"f\",\"Command\":[\"/bin/cat\",\"-u\"],\"Mode\":\"worker\",\"Timeout\":5,"
                                      "\"Environment\":{\"Variables\":{\"AB\":\"c\"}}}"),
                                  true, &a, &in, &fault),
                     ERR_OK);
    assert_true(str_eqz(*LIST_AT(in.command, struct str, 1), "-u"));
    assert_int_equal(in.timeout.v, 5);
    assert_true(str_eqz(LIST_AT(in.environment->variables, struct map_entry, 0)->s, "c"));
    static const char *const bad[] = {
        "{\"FunctionName\":\"f\"}", "{\"FunctionName\":\"a b\",\"Command\":[\"x\"]}", "{\"FunctionName\":\"f\",\"Command\":[]}",
        "{\"FunctionName\":\"f\",\"Command\":[\"x\"],\"Timeout\":901}", "{\"FunctionName\":\"f\",\"Command\":[\"x\"],\"Mode\":\"thread\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        in = (struct function_settings){.mode = STR_NULL};
        assert_int_equal(shape_decode(&function_shape_settings, str_from(bad[i]), true, &a, &in, &fault), ERR_VALIDATION);
    }
    arena_fini(&a);
}

static void every_operation_has_a_handler(void **state) {
    (void)state;
    for (const struct operation *o = function_operations; o->name; o++) {
        const struct handler_row *h = function_handlers;
        while (h->name && strcmp(h->name, o->name) != 0) h++;
        assert_non_null(h->name);
        assert_non_null(h->handler);
    }
}

static void bad_settings_are_refused(void **state) {
    (void)state;
    struct host_call c;
    assert_int_equal(make((struct recipe){.name = "f", .command = {""}}, "CreateFunction", &c), ERR_INVALID_PARAMETER);
    arena_fini(&c.arena);
    assert_int_equal(make((struct recipe){.name = "f", .command = {"/bin/true"}, .variables = {{.key = STR("BUS_X"), .s = STR("1")}}},
                          "CreateFunction", &c),
                     ERR_INVALID_PARAMETER);
    arena_fini(&c.arena);
    assert_int_equal(make((struct recipe){.name = "f", .command = {"/bin/true"}, .variables = {{.key = STR("XY"), .s = STR("1\0002")}}},
                          "CreateFunction", &c),
                     ERR_INVALID_PARAMETER);
    assert_non_null(strstr(c.call.fault.message, "NUL"));
    arena_fini(&c.arena);
}

static void functions_are_there_after_a_restart(void **state) {
    (void)state;
    struct fault fault;
    char text[64];
    create((struct recipe){
        .name = "f", .directory = host_dir, .command = SH("echo $COLOUR > c"), .variables = {{.key = STR("COLOUR"), .s = STR("r\"e\\d")}}});
    target.stop(target.self);
    target.free(target.self);
    assert_int_equal(target_function_new(&host, &target, &fault), ERR_OK);
    assert_int_equal(attempt(ARN("f"), STR("{}")).outcome, OUTCOME_DELIVERED);
    file_text("c", text, sizeof text);
    assert_string_equal(text, "r\"e\\d\n");
}

static void invoke(const char *type, const char *payload, struct function_invoke_response *out, char *text, size_t size) {
    struct host_call c;
    struct function_invoke_request in = {STR("f"), str_from(type), str_from(payload)};
    assert_int_equal(host_run(&c, &target, "Invoke", &in), ERR_OK);
    *out = *(struct function_invoke_response *)c.call.out;
    str_copyz(text, size, out->payload);
    out->function_error = out->function_error.p ? STR("Unhandled") : STR_NULL;
    arena_fini(&c.arena);
}

static void invoke_answers_what_the_process_wrote(void **state) {
    (void)state;
    struct function_invoke_response out;
    char text[256];
    create((struct recipe){.name = "f", .command = {"/bin/cat"}});
    invoke(NULL, "{\"a\": [1]}", &out, text, sizeof text);
    assert_int_equal(out.status_code.v, 200);
    assert_null(out.function_error.p);
    assert_string_equal(text, "{\"a\": [1]}");
    invoke("DryRun", NULL, &out, text, sizeof text);
    assert_int_equal(out.status_code.v, 204);
}

static void invoke_quotes_an_answer_that_is_no_json(void **state) {
    (void)state;
    struct function_invoke_response out;
    char text[256];
    create((struct recipe){.name = "f", .command = {"/bin/echo", "it's \"done\""}});
    invoke("RequestResponse", NULL, &out, text, sizeof text);
    assert_string_equal(text, "\"it's \\\"done\\\"\"");
}

static void invoke_tells_of_a_failure(void **state) {
    (void)state;
    struct function_invoke_response out;
    char text[256];
    create((struct recipe){.name = "f", .command = SH("exit 4")});
    invoke("RequestResponse", "1", &out, text, sizeof text);
    assert_int_equal(out.status_code.v, 200);
    assert_true(str_eqz(out.function_error, "Unhandled"));
    assert_string_equal(text, "{\"errorMessage\":\"the function ended with exit status 4\",\"errorType\":\"ERROR_FROM_TARGET\"}");
}

static void invoke_event_does_not_wait(void **state) {
    (void)state;
    struct function_invoke_response out;
    char text[256];
    create((struct recipe){.name = "f", .directory = host_dir, .command = SH("cat > part; mv part got")});
    invoke("Event", "{\"later\":true}", &out, text, sizeof text);
    assert_int_equal(out.status_code.v, 202);
    await_file("got");
    file_text("got", text, sizeof text);
    assert_string_equal(text, "{\"later\":true}\n");
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(process_gets_one_line_and_end_of_input),
        T(command_runs_without_a_shell),
        T(exit_status_is_an_error_with_the_last_complaint),
        T(signal_is_named),
        T(input_need_not_be_read),
        T(large_input_arrives_whole),
        T(timeout_ends_the_process_and_says_so),
        T(process_that_ignores_sigterm_is_killed),
        T(grandchildren_end_with_the_process),
        T(missing_program_is_retryable_and_named),
        T(missing_directory_is_named),
        T(program_without_a_path_is_found),
        T(environment_is_minimal_and_ours),
        T(no_descriptor_signal_or_mask_leaks_into_the_child),
        T(limits_hold),
        T(cpu_limit_ends_a_busy_process),
        T(endless_output_is_cut_off),
        T(stderr_is_logged_within_a_rate),
        T(concurrency_is_a_bound),
        T(worker_serves_many_events),
        T(worker_error_message_is_an_error),
        T(worker_garbage_ends_it_and_is_reported),
        T(worker_answer_past_the_bound_ends_it),
        T(worker_that_dies_is_reported_and_replaced),
        T(worker_timeout_ends_only_that_worker),
        T(worker_that_cannot_run_says_why),
        T(idle_worker_is_ended_after_a_time),
        T(changed_function_gets_new_workers),
        T(stop_ends_everything_and_reports_it),
        T(two_hundred_events_leave_nothing_behind),
        T(takes_function_arns_only),
        T(names_are_parsed_in_all_their_forms),
        T(unknown_function_is_no_resource),
        T(function_of_another_account_is_refused),
        T(create_twice_is_a_conflict),
        T(get_update_list_delete),
        T(requests_are_decoded_and_checked_by_their_shapes),
        T(every_operation_has_a_handler),
        T(bad_settings_are_refused),
        T(functions_are_there_after_a_restart),
        T(invoke_answers_what_the_process_wrote),
        T(invoke_quotes_an_answer_that_is_no_json),
        T(invoke_tells_of_a_failure),
        T(invoke_event_does_not_wait),
    };
    return cmocka_run_group_tests_name("targets/function", tests, NULL, NULL);
}
