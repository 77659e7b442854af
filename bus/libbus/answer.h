/* The few things the typed helpers read out of an operation's JSON answer. A file of its own because jansson's names and those of base's JSON
 * writer do not go together. */
#ifndef LIBBUS_ANSWER_H
#define LIBBUS_ANSWER_H

#include "err.h"

/* A copy (malloc) of the string member `key` of the object `json`. ERR_PROTOCOL when there is none, ERR_NOMEM. */
enum err answer_string(const char *json, const char *key, char **value, struct fault *fault) MUST_USE;
/* ERR_OK when FailedEntryCount is 0 or absent; else the first of FailedEntries as an error: its code by AWS's name, its sentence, and
 * `id_key`'s value ("TargetId") as where. ERR_PROTOCOL for an answer of another form. */
enum err answer_failed_entries(const char *json, const char *id_key, struct fault *fault) MUST_USE;

#endif
