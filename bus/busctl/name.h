/* Names on the command line: PutRule is put-rule, EventBusName is --event-bus-name, as the AWS CLI has them. Pure. */
#ifndef BUSCTL_NAME_H
#define BUSCTL_NAME_H

#include "operation.h"

enum { NAME_SIZE = 96 };

/* The AWS CLI's spelling of an operation or member, NUL-terminated and cut to fit. */
void name_kebab(const char *name, char out[NAME_SIZE]);
/* The flag of a member, without its dashes: its spelling, but for the few the AWS CLI renames. */
void name_flag(const struct operation *operation, const struct member *member, char out[NAME_SIZE]);

/* The best of the names offered so far for what was written. */
struct name_guess {
    struct str written;
    char best[NAME_SIZE];
    size_t distance; /* meaningless while best is empty */
};
void name_offer(struct name_guess *guess, const char *name);
/* ", did you mean 'put-rule'?", or "" when nothing is near; `dashes` goes before the name. Into out, which is returned. */
const char *name_did_you_mean(const struct name_guess *guess, const char *dashes, char *out, size_t size);

#endif
