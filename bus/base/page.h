/* Pages of a list: NextToken. A token is the place in the list after which the next page begins, a name or key and no count, so it stays right
 * whatever is added or taken away meanwhile. It belongs to the request that it answered: same operation, account and members, but for the token
 * and the limit; any other use, and any token that was not made here, is refused. It gives no right to anything. */
#ifndef BASE_PAGE_H
#define BASE_PAGE_H

#include "operation.h"

/* Where the page begins: the place that page_end was given, in the call's arena; absent without a token. ERR_VALIDATION
 * "Parameter NextToken is not valid.", ERR_NOMEM; both in call->fault. */
enum err page_begin(struct call *call, struct str token, struct str *after) MUST_USE;
/* The token of the page after `last`, in the call's arena; absent when there is no more, or (a page without successor is what it looks like then) no
 * memory. `last` may hold any bytes, at most about 1,500. */
struct str page_end(struct call *call, bool more, struct str last);

#endif
