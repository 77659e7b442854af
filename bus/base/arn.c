#include "arn.h"

bool arn_parse(struct str text, struct arn *arn) {
    struct str rest = text, scheme;
    *arn = (struct arn){0};
    if (!text.p || !str_cut(&rest, ':', &scheme) || !str_eqz(scheme, "arn")) return false;
    struct str *part[] = {&arn->partition, &arn->service, &arn->region, &arn->account};
    for (size_t i = 0; i < 4; i++)
        if (!str_cut(&rest, ':', part[i]) || !rest.p) return false;
    arn->resource = rest;
    return arn->service.n && arn->resource.n;
}

struct str arn_name(const struct arn *arn, const char *kind) {
    struct str k = str_from(kind), r = arn->resource;
    if (!str_starts(r, k) || r.n <= k.n + 1 || (r.p[k.n] != '/' && r.p[k.n] != ':')) return STR_NULL;
    return str_skip(r, k.n + 1);
}

bool account_is_valid(struct str account) {
    if (account.n != 12) return false;
    for (size_t i = 0; i < 12; i++)
        if (account.p[i] < '0' || account.p[i] > '9') return false;
    return true;
}
