/* The guard against server-side request forgery: where an API destination may reach.
 *
 * Whoever may make a destination could point busd at what only busd can reach: services of its own machine, of its private network, the
 * cloud's metadata service. So addresses that are not public are refused, by the address that is really connected to (after name
 * resolution, so that a name that resolves differently the second time gains nothing), unless the operator allowed them: setting
 * `private-destinations`, each item one of
 *  - 10.1.0.0/16, fd00:1::/32, 127.0.0.1: addresses, whatever the name;
 *  - *.corp.example, localhost: host names (`*` is any text), whatever they resolve to;
 *  - arn:aws:events:*:api-destination/shop: one destination, or connection for its authorization endpoint, whatever its URL. Such an ARN
 *    has no UUID behind the name.
 * Plain http:// is refused too but for hosts, literal addresses and destinations that are allowed so. Immutable; any thread. */
#ifndef DESTINATION_GUARD_H
#define DESTINATION_GUARD_H

#include <sys/socket.h>

#include "err.h"

enum { GUARD_ADDRESS_SIZE = 64 };

struct guard;
/* ERR_USAGE names an item that is none of the three. Items are copied. */
enum err guard_new(const char *const *items, size_t count, struct guard **g, struct fault *fault) MUST_USE;
/* NULL is fine. */
void guard_free(struct guard *g);

/* Is the address one that the whole Internet can reach? Loopback, private, link-local (with the metadata service), shared, multicast,
 * reserved and documentation addresses are not; of IPv4 addresses inside IPv6 ones (mapped, compatible, NAT64, 6to4) the inner one decides;
 * Teredo is not. */
bool guard_is_public(const struct sockaddr *address);
/* Did the operator allow this host name (or literal address), or this resource, altogether? */
bool guard_trusts(const struct guard *g, struct str host, struct str arn);
/* May this address be connected to, without that trust? */
bool guard_permits(const struct guard *g, const struct sockaddr *address);
/* The address as text. */
void guard_address_text(const struct sockaddr *address, char text[GUARD_ADDRESS_SIZE]);

/* Is this a URL that a resource may have: http(s), a host without `*`, no user and no fragment, https unless trusted? ERR_VALIDATION with a
 * sentence that begins with `what` ("Parameter InvocationEndpoint is not valid."). *host (NULL: not wanted) gets the host, copied,
 * NUL-terminated. */
enum { GUARD_HOST_SIZE = 256 };
enum err guard_check_url(const struct guard *g, struct str url, struct str arn, const char *what, char host[GUARD_HOST_SIZE],
                         struct fault *fault) MUST_USE;

#endif
