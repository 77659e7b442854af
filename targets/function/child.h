/* A child process of a function: started without a shell, in a process group of its own, with limits, and never left behind.
 *
 * Everything is prepared before fork(2); between fork and exec only async-signal-safe calls are made, for the daemon has many threads.
 * The child dies with the thread that started it (PR_SET_PDEATHSIG), so one long-lived thread must start them all. Descendants that stay
 * in the process group end with their leader; one that calls setsid(2) escapes, which only a cgroup could prevent. */
#ifndef FUNCTION_CHILD_H
#define FUNCTION_CHILD_H

#include <sys/types.h>

#include "err.h"

struct child_plan {
    const char *path;      /* of the program; relative ones start from `directory` */
    char *const *argv;     /* ended by NULL */
    char *const *envp;     /* ended by NULL */
    const char *directory; /* NULL: the daemon's */
    int64_t memory_bytes;  /* RLIMIT_AS; 0: as the daemon */
    int64_t cpu_seconds;   /* RLIMIT_CPU; 0: as the daemon */
    bool cpu_is_soft;      /* child_extend_cpu may raise the limit later */
};

struct child {
    pid_t pid;
    int pidfd;        /* readable once the child has ended */
    int in, out, err; /* our ends, non-blocking, close-on-exec; -1 when closed */
    int status;       /* why exec failed, if it did */
};

/* Starts the child. ERR_INTERNAL when a pipe or process cannot be had. That the program cannot be run shows at child_reap, not here.
 * On error *c holds nothing. */
enum err child_start(const struct child_plan *plan, struct child *c, struct fault *fault) MUST_USE;
/* Sends a signal to the child's process group. */
void child_signal(const struct child *c, int signal);
/* Grants `seconds` more CPU time than was used so far. False when the system refuses. */
bool child_extend_cpu(const struct child *c, int64_t seconds);

struct child_end {
    bool not_run;      /* the program was never executed: `error` says why */
    bool no_directory; /* because its working directory could not be entered */
    const char *step;  /* "run", "enter the working directory", "set a limit" */
    int error;         /* errno */
    bool exited;       /* false: ended by `signal` */
    int code, signal;
};
/* After pidfd became readable: ends what is left of the process group, reaps the child and tells how it ended. in, out and err stay open
 * (what they hold can still be read). Does not block. */
void child_reap(struct child *c, struct child_end *end);
/* Closes all descriptors; any number of times. */
void child_close(struct child *c);
/* Closes one of c->in, c->out, c->err. */
void child_close_one(int *fd);

#endif
