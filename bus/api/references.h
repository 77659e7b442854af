/* Secrets that a rule file does not hold itself: env:NAME, file:PATH, and literal:TEXT for what only looks so. */
#ifndef API_REFERENCES_H
#define API_REFERENCES_H

#include "arena.h"
#include "err.h"

/* Replaces the references in a CreateConnection request (the values of its members Password, ClientSecret, ApiKeyValue and Value) by what
 * they stand for. *out lives in the arena, which the caller wipes. ERR_NOT_FOUND names the variable or file that is not there,
 * ERR_VALIDATION what is no text of at most 4,096 bytes; ERR_MALFORMED, ERR_NOMEM. Reads files: start-up only. */
enum err references_look_up(struct str request, struct arena *a, struct str *out, struct fault *fault) MUST_USE;

#endif
