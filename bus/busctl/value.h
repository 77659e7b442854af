/* From words of the command line to JSON values, guided by the shape of a member: plain text, numbers, JSON, files, and the AWS CLI's
 * shorthand (Id=1,Arn=arn:aws:...). No daemon, and no file but those that a word names. */
#ifndef BUSCTL_VALUE_H
#define BUSCTL_VALUE_H

#include <jansson.h>

#include "shape.h"

/* The value of one flag from its words (count >= 1). On success *out is the caller's reference. ERR_USAGE with a sentence that begins with
 * the flag; ERR_NOT_FOUND, ERR_IO, ERR_TOO_LARGE of a file; ERR_NOMEM. `flag` is without its dashes.
 *  - A list of scalars takes a word for each item, or one JSON list; a list of structures a shorthand or JSON object for each, or one JSON
 * list. For structures also JSON objects one behind the other (JSON lines).
 *  - file://PATH (text), fileb://PATH (bytes, for blobs) and "-" for structures and lists (stdin) are read first.
 *  - In JSON an object or list that stands where the shape wants a string is taken as its compact text (Detail, EventPattern, Policy). */
enum err value_from_words(const struct shape *shape, const char *flag, char *const *words, size_t count, json_t **out,
                          struct fault *fault) MUST_USE;
/* JSON text of that shape, as in --cli-input-json; unknown members are refused, documents become text as above. */
enum err value_from_json(const struct shape *shape, const char *flag, struct str text, json_t **out, struct fault *fault) MUST_USE;
/* The same for a value that was read already; changes it in place. */
enum err value_fit(const struct shape *shape, const char *flag, json_t **value, struct fault *fault) MUST_USE;
/* One scalar from plain text. */
enum err value_scalar(const struct shape *shape, const char *flag, struct str text, json_t **out, struct fault *fault) MUST_USE;
/* The text of a word: itself, or what file://, fileb:// or (when `dash_is_stdin`) "-" names. */
enum err value_text(const char *flag, const char *word, bool dash_is_stdin, struct buf *out, struct fault *fault) MUST_USE;

#endif
