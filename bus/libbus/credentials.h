/* Who we are and where the daemon is: options, then environment, then the shared-credentials file, which every AWS tool reads. */
#ifndef LIBBUS_CREDENTIALS_H
#define LIBBUS_CREDENTIALS_H

#include "arena.h"
#include "err.h"

/* What bus_options says about it; NULL: not said. */
struct credentials_ask {
    const char *endpoint, *access_key_id, *secret_access_key, *profile, *credentials_file, *region;
};

/* The answer: NUL-terminated texts in the arena. None is absent. */
struct credentials {
    struct str endpoint, key_id, secret, region;
};

/* One profile of a shared-credentials file; members it does not have are absent. */
struct credentials_profile {
    struct str key_id, secret, endpoint, region;
};

/* Finds section `profile` in the text of a shared-credentials file (INI: [section], key = value, # and ; begin comment lines) and copies it
 * into the arena; the last one of a key that comes twice counts. `path` is for messages. ERR_NOT_FOUND (no such section), ERR_SYNTAX with
 * path, line and column, ERR_NOMEM. Pure. */
enum err credentials_parse(struct str text, const char *path, struct str profile, struct arena *arena, struct credentials_profile *out,
                           struct fault *fault) MUST_USE;

/* Puts options, environment and file together, in the order bus.h documents. ERR_USAGE, ERR_NO_CREDENTIALS, ERR_SYNTAX, ERR_IO, ERR_NOMEM.
 * Reads the environment: not while another thread changes it. Blocking (a file). */
enum err credentials_find(const struct credentials_ask *ask, struct arena *arena, struct credentials *out, struct fault *fault) MUST_USE;

#endif
