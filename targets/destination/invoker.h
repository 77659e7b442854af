/* Requests to API destinations, from an attempt to its outcome.
 *
 *   attempt (lanes' thread) -> inbox -> dispatch: rate, concurrency, shares -> [OAuth: token, fetched once for all that wait]
 *                                    -> request -> exchange (guard at the socket) -> outcome; a 401 or 407 fetches the token anew, once
 *
 * One thread, the loop's, owns everything behind the inbox. */
#ifndef DESTINATION_INVOKER_H
#define DESTINATION_INVOKER_H

#include "registry.h"

struct invoker;
/* Starts the thread. The registry and the guard outlive it. */
enum err invoker_start(struct registry *registry, const struct guard *guard, struct invoker **i, struct fault *fault) MUST_USE;
/* Starts one attempt at a destination, authorized by the connection: references to both are taken over. Never blocks; any thread. */
void invoker_submit(struct invoker *i, struct attempt *attempt, struct destination *d, struct connection *c);
/* Fetches a token for a connection that nobody waits for, so that its state tells. A reference is taken over. Any thread. */
void invoker_authorize(struct invoker *i, struct connection *c);
/* Ends the thread; what is under way is reported. */
void invoker_stop(struct invoker *i);
void invoker_free(struct invoker *i);
/* How many requests may be under way at a destination. */
int64_t invoker_concurrency(const struct invoker *i);
void invoker_free_token(struct token *token);

#endif
