/* One run of busctl: where it writes, what the global flags said, the connection, and how errors are told. */
#ifndef BUSCTL_SESSION_H
#define BUSCTL_SESSION_H

#include <stdio.h>

#include "bus.h"
#include "flags.h"

enum exit_code { EXIT_CODE_DONE, EXIT_CODE_NO, EXIT_CODE_USAGE, EXIT_CODE_REFUSED, EXIT_CODE_UNREACHABLE };

/* Owned by main's thread. */
struct session {
    FILE *out, *err;
    const char *verb; /* for messages: "put-rule"; NULL: none yet */
    struct globals globals;
    struct bus *bus; /* NULL until session_open */
};

/* Connects, if that was not done before. Everything but EXIT_CODE_DONE has been told on stderr. Blocks (bus_open). */
enum exit_code session_open(struct session *s) MUST_USE;
/* Calls an operation ("events.PutRule") with that request (a JSON object). On EXIT_CODE_DONE *answer is the caller's reference, and *text
 * (may be NULL) the answer as it came, to be freed with bus_free; otherwise the refusal has been told. Blocks for timeout_ms (0: libbus's
 * default) at most. */
enum exit_code session_call(struct session *s, const char *operation, const json_t *request, int timeout_ms, json_t **answer,
                            char **text) MUST_USE;
/* The same without a word on stderr: the caller tells, or goes on. */
enum bus_err session_try(struct session *s, const char *operation, const json_t *request, int timeout_ms, json_t **answer, char **text,
                         struct bus_fault *fault) MUST_USE;
/* Ends the connection and looks whether everything could be written; gives `code`, or EXIT_CODE_REFUSED when it could not. */
enum exit_code session_close(struct session *s, enum exit_code code);

/* "busctl: put-rule: Type: sentence" and a hint of what to do next, on stderr; gives the exit code. */
enum exit_code session_tell(struct session *s, const struct bus_fault *fault);
/* "busctl: put-rule: sentence" for what went wrong on this side; gives EXIT_CODE_USAGE. */
enum exit_code session_usage(struct session *s, const struct fault *fault);
/* "busctl: put-rule: sentence" for what stopped the run on this side; gives EXIT_CODE_REFUSED. */
enum exit_code session_fail(struct session *s, const char *sentence);
/* Writes bytes to stdout. */
void session_write(struct session *s, struct str text);

#endif
