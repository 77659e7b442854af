/* The AWS CLI's shorthand for structures and maps: Id=1,Arn=arn:aws:...,Parameters={Key=v,List=[a,b]}. The shape tells what a value is:
 *   structure, map   {name=value,...}            or a JSON object
 *   list             [item,item], or item,item   or a JSON list
 *   scalar           a run of characters up to the next comma (and, inside {} and [], the closing one), in which \, is a comma;
 *                    'single' or "double" quotes hold anything, with \' \" \\ inside; for strings a whole JSON object or list is taken as
 * it is (docs.aws.amazon.com/cli/latest/userguide/cli-usage-shorthand.html). Pure. */
#ifndef BUSCTL_SHORTHAND_H
#define BUSCTL_SHORTHAND_H

#include <jansson.h>

#include "shape.h"

/* shape: SHAPE_STRUCT or SHAPE_MAP. On success *out is the caller's reference. ERR_USAGE with the character where it went wrong; ERR_NOMEM.
 */
enum err shorthand_parse(const struct shape *shape, const char *flag, struct str text, json_t **out, struct fault *fault) MUST_USE;

#endif
