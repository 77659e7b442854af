/* Help and reference, written from the operation tables. Pure but for the stream they write to. */
#ifndef BUSCTL_HELP_H
#define BUSCTL_HELP_H

#include "verb.h"

/* All services and verbs. */
void help_whole(FILE *out);
/* The verbs of one service. */
void help_service(const char *service, FILE *out);
/* One verb: synopsis, flags with types and limits, structures, example. `extras` may be NULL. */
void help_verb(const struct operation *operation, const struct extra *extras, FILE *out);
void help_local(const struct local *local, FILE *out);
/* Every operation as Markdown. */
void help_reference(FILE *out);

/* What a value is called ("STRING", "ID...", "Id=STRING,Arn=STRING,..."), and its limits ("1-64 characters, [A-Z]+"); appended. */
void help_type(const struct shape *shape, struct buf *out);
void help_limits(const struct shape *shape, struct buf *out);
/* What an operation does to the bus: "changes state". */
const char *help_access(enum operation_access access);

#endif
