#include "name.h"

#include <stdio.h>

#include "nearest.h"

static bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

/* A word begins at an upper-case letter after a lower-case one or digit, and at the last capital of a run that a lower-case letter
 * follows (SQSQueue: sqs-queue), but not at a plural's (ARNs: arns). */
static bool begins_word(const char *name, size_t i) {
    if (i == 0 || !is_upper(name[i])) return false;
    if (!is_upper(name[i - 1])) return true;
    return name[i + 1] >= 'a' && name[i + 1] <= 'z' && !(name[i + 1] == 's' && !name[i + 2]);
}

void name_kebab(const char *name, char out[NAME_SIZE]) {
    size_t n = 0;
    for (size_t i = 0; name[i] && n + 2 < NAME_SIZE; i++) {
        if (begins_word(name, i)) out[n++] = '-';
        out[n++] = is_upper(name[i]) ? (char)(name[i] + 32) : name[i];
    }
    out[n] = 0;
}

void name_flag(const struct operation *operation, const struct member *member, char out[NAME_SIZE]) {
    /* --endpoint is ours, as --endpoint-url is the AWS CLI's, which renames this one too. */
    bool clashes = !strcmp(member->name, "Endpoint") && !strcmp(operation->service, "sns");
    name_kebab(clashes ? "NotificationEndpoint" : member->name, out);
}

void name_offer(struct name_guess *guess, const char *name) {
    size_t distance = nearest_distance(guess->written, str_from(name));
    if (guess->best[0] && distance >= guess->distance) return;
    guess->distance = distance;
    (void)str_copyz(guess->best, sizeof guess->best, str_from(name)); /* a longer one is shown cut */
}

const char *name_did_you_mean(const struct name_guess *guess, const char *dashes, char *out, size_t size) {
    bool near = guess->best[0] && nearest_is_close(guess->written, guess->distance);
    if (!near)
        out[0] = 0;
    else
        snprintf(out, size, ", did you mean '%s%s'?", dashes, guess->best);
    return out;
}
