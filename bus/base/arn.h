/* Amazon resource names: arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE. Views into the text; pure. */
#ifndef BASE_ARN_H
#define BASE_ARN_H

#include "arena.h"

struct arn {
    struct str partition, service, region, account, resource;
};
/* False unless there are six parts, the first "arn", with a service and a resource. */
bool arn_parse(struct str text, struct arn *arn);
/* The resource behind "KIND/" or "KIND:"; absent when it is of another kind. */
struct str arn_name(const struct arn *arn, const char *kind);
/* 12 digits. */
bool account_is_valid(struct str account);

#endif
