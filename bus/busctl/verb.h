/* Verbs: which word of the command line is which operation, and what a verb does beside calling it. */
#ifndef BUSCTL_VERB_H
#define BUSCTL_VERB_H

#include "session.h"

/* A verb that does more than one plain call. */
struct special {
    const char *service, *operation;
    const struct extra *extras; /* its own flags, or NULL */
    enum exit_code (*run)(struct session *s, const struct operation *operation, struct flags *flags);
};
/* NULL: a plain one. */
const struct special *verb_special(const struct operation *operation);

/* A verb without an operation: it reads its own words, those behind the verb. */
struct local {
    const char *name, *usage, *help, *example;
    const struct extra *flags; /* of its own, for the help; or NULL */
    enum exit_code (*run)(struct session *s, int argc, char **argv);
};
extern const struct local verb_locals[]; /* ended by a row whose name is NULL */

bool verb_is_service(const char *word);
/* The operation that a verb names within a service (NULL: any; `events` comes first). NULL with a sentence in fault (ERR_USAGE): unknown,
 * with the nearest name, or in several services. */
const struct operation *verb_find(const char *service, const char *verb, struct fault *fault);

/* A plain verb: required flags, connection, call (all pages, unless a page was asked for), answer on stdout. */
enum exit_code verb_run_plain(struct session *s, const struct operation *operation, struct flags *flags);
/* Prints an answer: the table, or `text` (or the answer, when it is NULL) as JSON. */
void verb_print(struct session *s, const struct operation *operation, const json_t *answer, const char *text);
/* EXIT_CODE_REFUSED when the answer counts failed entries (they are told on stderr), EXIT_CODE_NO when it is "no". */
enum exit_code verb_verdict(struct session *s, const json_t *answer);

/* The specials. */
enum exit_code put_events_run(struct session *s, const struct operation *operation, struct flags *flags);
enum exit_code put_rule_run(struct session *s, const struct operation *operation, struct flags *flags);
enum exit_code get_records_run(struct session *s, const struct operation *operation, struct flags *flags);
enum exit_code receive_message_run(struct session *s, const struct operation *operation, struct flags *flags);
enum exit_code create_access_key_run(struct session *s, const struct operation *operation, struct flags *flags);
extern const struct extra get_records_extras[], receive_message_extras[];
/* The locals. */
enum exit_code test_pattern_run(struct session *s, int argc, char **argv);
enum exit_code explain_run(struct session *s, int argc, char **argv);
enum exit_code validate_run(struct session *s, int argc, char **argv);
enum exit_code reference_run(struct session *s, int argc, char **argv);
enum exit_code generate_run(struct session *s, int argc, char **argv);
extern const struct extra generate_flags[], explain_flags[];

#endif
