/* The flags of a verb: from argv to the request's JSON, by the operation's shape, plus a few flags of busctl's own. */
#ifndef BUSCTL_FLAGS_H
#define BUSCTL_FLAGS_H

#include <jansson.h>

#include "operation.h"

enum output { OUTPUT_TABLE, OUTPUT_JSON };

/* Before or behind the verb. NULL: not given. */
struct globals {
    const char *endpoint, *profile, *region, *data, *ca_bundle;
    enum output output;
    bool help;
};

/* A flag that a verb has beside those of its operation. */
struct extra {
    const char *name;  /* without dashes; NULL ends a list */
    const char *value; /* what its value is called in the help; NULL: a switch */
    const char *doc;
};
enum { EXTRAS_MOST = 16 };

struct flags {
    struct globals globals;
    json_t *request;                /* owned; flags_fini */
    const char *extra[EXTRAS_MOST]; /* by the index in the list; switches: "" when on; NULL: not given */
};

/* Reads the words behind the verb. `operation` may be NULL (a verb with flags of its own alone), `extras` too. ERR_USAGE with a sentence (an unknown flag comes with the nearest one that there
 * is), and the errors of value.h. Required members are not looked for here: flags_missing. On error nothing is to be freed. */
enum err flags_parse(const struct operation *operation, const struct extra *extras, const struct globals *globals, int argc, char **argv,
                     struct flags *flags, struct fault *fault) MUST_USE;
void flags_fini(struct flags *flags);
/* ERR_USAGE naming every required flag that is missing. */
enum err flags_missing(const struct operation *operation, const struct flags *flags, struct fault *fault) MUST_USE;

/* One global flag at argv[*at], if that is one: *at then points behind it and *taken is true. ERR_USAGE: its value is missing or wrong. */
enum err globals_take(struct globals *globals, int argc, char **argv, int *at, bool *taken, struct fault *fault) MUST_USE;
/* What the global flags are, for the help and for did-you-mean. */
extern const struct extra globals_flags[];

#endif
