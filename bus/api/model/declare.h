/* Shorthand for writing shapes and operations as tables; included by the model files only. */
#ifndef MODEL_DECLARE_H
#define MODEL_DECLARE_H

#include "operation.h"

#define BETWEEN(low, high) .has_min = true, .min = (low), .has_max = true, .max = (high)
#define AT_MOST(high) .has_max = true, .max = (high)
#define AT_LEAST(low) .has_min = true, .min = (low)

#define STRING(var, aws, ...) static const struct shape var = {.type = SHAPE_STRING, .name = (aws), __VA_ARGS__}
#define INTEGER(var, aws, ...) static const struct shape var = {.type = SHAPE_INTEGER, .name = (aws), __VA_ARGS__}
#define LIST(var, aws, of, ...) static const struct shape var = {.type = SHAPE_LIST, .name = (aws), .item = &(of), __VA_ARGS__}
#define MAP(var, aws, of, ...) static const struct shape var = {.type = SHAPE_MAP, .name = (aws), .item = &(of), __VA_ARGS__}
#define STRUCT(var, aws, type_, ...)                               \
    static const struct member var##_members[] = {__VA_ARGS__};    \
    static const struct shape var = {.type = SHAPE_STRUCT, .name = (aws), .size = sizeof(type_), .members = var##_members}

#endif
