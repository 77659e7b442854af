/* Requests that keep their operation's shape, of words that fit together: a few names, so that operations meet each other's resources. */
#ifndef REQUESTS_VALUE_H
#define REQUESTS_VALUE_H

#include "memory.h"
#include "operation.h"

/* The caller's reference. Required members are always there, others half the time. */
json_t *value_make(const struct operation *operation, struct memory *memory, struct dice *d);

#endif
