#include "target.h"

bool delivery_is_cloudevent(const struct delivery *d) { return str_starts(d->input, STR("{\"specversion\":\"1.0\",")); }
