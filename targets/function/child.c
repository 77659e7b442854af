#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STEP_RUN, STEP_DIRECTORY, STEP_LIMIT, STEP_DESCRIPTORS };
static const char *const step_names[] = {"run the program", "enter the working directory", "set a limit",
                                         "set up standard input and output"};

struct failure { /* what the child writes when it does not come to exec */
    int step, error;
};

void child_close_one(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

void child_close(struct child *c) {
    child_close_one(&c->pidfd);
    child_close_one(&c->in);
    child_close_one(&c->out);
    child_close_one(&c->err);
    child_close_one(&c->status);
}

/* ---- between fork and exec: async-signal-safe calls only ----------------------------------------------------------------------- */

static _Noreturn void give_up(int status_fd, int step) {
    struct failure failure = {step, errno};
    ssize_t ignored = write(status_fd, &failure, sizeof failure);
    (void)ignored; /* the parent still sees the exit status */
    _exit(127);
}

static bool limit(int resource, int64_t soft, int64_t hard) {
    struct rlimit now, want = {(rlim_t)soft, (rlim_t)hard};
    if (getrlimit((__rlimit_resource_t)resource, &now)) return false;
    if (hard < 0 || want.rlim_max > now.rlim_max) want.rlim_max = now.rlim_max;
    if (want.rlim_cur > want.rlim_max) want.rlim_cur = want.rlim_max;
    return !setrlimit((__rlimit_resource_t)resource, &want);
}

static _Noreturn void become(const struct child_plan *plan, int in, int out, int err, int status_fd, pid_t parent) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int s = 1; s < NSIG; s++)
        if (s != SIGKILL && s != SIGSTOP) sigaction(s, &standard, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127); /* it died before the line above */
    /* The pipes were made above descriptor 2 (child_start sees to it), so no dup2 overwrites another's source. */
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) give_up(status_fd, STEP_DESCRIPTORS);
    /* What other libraries opened without O_CLOEXEC must not leak; a kernel without this call still has our own O_CLOEXEC. */
    syscall(SYS_close_range, 3U, ~0U, (unsigned)CLOSE_RANGE_CLOEXEC);
    if (plan->directory && chdir(plan->directory)) give_up(status_fd, STEP_DIRECTORY);
    bool limited = limit(RLIMIT_CORE, 0, 0);
    if (plan->cpu_seconds) limited = limited && limit(RLIMIT_CPU, plan->cpu_seconds, plan->cpu_is_soft ? -1 : plan->cpu_seconds + 1);
    if (plan->memory_bytes) limited = limited && limit(RLIMIT_AS, plan->memory_bytes, plan->memory_bytes);
    if (!limited) give_up(status_fd, STEP_LIMIT);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(plan->path, plan->argv, plan->envp);
    give_up(status_fd, STEP_RUN);
}

/* ---- the parent ----------------------------------------------------------------------------------------------------------------- */

/* Both ends close-on-exec and above 2, `ours` non-blocking. */
static bool make_pipe(int *ours, int *theirs, bool child_reads) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return false;
    for (int i = 0; i < 2; i++)
        if (ends[i] < 3) {
            int higher = fcntl(ends[i], F_DUPFD_CLOEXEC, 3);
            close(ends[i]);
            ends[i] = higher;
        }
    *ours = ends[child_reads ? 1 : 0];
    *theirs = ends[child_reads ? 0 : 1];
    return *ours >= 0 && *theirs >= 0 && !fcntl(*ours, F_SETFL, O_NONBLOCK);
}

static pid_t fork_quietly(const struct child_plan *plan, const int theirs[4]) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* no handler of the daemon's may run in the child */
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) become(plan, theirs[0], theirs[1], theirs[2], theirs[3], parent);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return pid;
}

enum err child_start(const struct child_plan *plan, struct child *c, struct fault *fault) {
    int theirs[4] = {-1, -1, -1, -1};
    *c = (struct child){.pid = -1, .pidfd = -1, .in = -1, .out = -1, .err = -1, .status = -1};
    bool ok = make_pipe(&c->in, &theirs[0], true) && make_pipe(&c->out, &theirs[1], false) && make_pipe(&c->err, &theirs[2], false) &&
              make_pipe(&c->status, &theirs[3], false);
    if (ok) c->pid = fork_quietly(plan, theirs);
    ok = ok && c->pid > 0;
    if (ok) {
        setpgid(c->pid, c->pid); /* the child does the same: whoever comes first */
        c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
        ok = c->pidfd >= 0;
    }
    int error = errno;
    for (int i = 0; i < 4; i++) child_close_one(&theirs[i]);
    if (ok) return ERR_OK;
    if (c->pid > 0) { /* without a pidfd nobody would see its end */
        kill(-c->pid, SIGKILL);
        kill(c->pid, SIGKILL);
        while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    child_close(c);
    return fault_set(fault, ERR_INTERNAL, "cannot start a process: %s", strerror(error));
}

void child_signal(const struct child *c, int signal) {
    if (kill(-c->pid, signal)) kill(c->pid, signal);
}

bool child_extend_cpu(const struct child *c, int64_t seconds) {
    clockid_t clock;
    struct timespec used;
    struct rlimit now;
    if (clock_getcpuclockid(c->pid, &clock) || clock_gettime(clock, &used) || prlimit(c->pid, RLIMIT_CPU, NULL, &now)) return false;
    now.rlim_cur = (rlim_t)(used.tv_sec + seconds + (used.tv_nsec > 0));
    if (now.rlim_cur > now.rlim_max) now.rlim_cur = now.rlim_max;
    return !prlimit(c->pid, RLIMIT_CPU, &now, NULL);
}

void child_reap(struct child *c, struct child_end *end) {
    int status = 0;
    *end = (struct child_end){0};
    /* The leader is a zombie until waitpid below, so its group's number cannot belong to anybody else yet. */
    kill(-c->pid, SIGKILL);
    pid_t got;
    while ((got = waitpid(c->pid, &status, 0)) < 0 && errno == EINTR) {
    }
    struct failure failure;
    if (read(c->status, &failure, sizeof failure) == (ssize_t)sizeof failure) {
        end->not_run = true;
        end->no_directory = failure.step == STEP_DIRECTORY;
        end->step = step_names[failure.step];
        end->error = failure.error;
    }
    if (got < 0) { /* somebody else took our child: we do not know how it ended */
        end->code = -1;
        end->exited = true;
    } else if (WIFEXITED(status)) {
        end->exited = true;
        end->code = WEXITSTATUS(status);
    } else {
        end->signal = WTERMSIG(status);
    }
    child_close_one(&c->pidfd);
    child_close_one(&c->status);
}
