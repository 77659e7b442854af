/* Compiles a bus's rules anew in the background, when many single changes have scattered its matcher into many small parts. The rules stay
 * visible all the time: matching goes on with the scattered matcher until the new one is published.
 *
 * One thread, started when it is needed first. It holds the world's lock to begin and to end, not while it compiles. */
#ifndef FLOW_COMPACTOR_H
#define FLOW_COMPACTOR_H

#include <stdbool.h>

struct world;
struct compactor;

/* NULL without memory. */
struct compactor *compactor_new(struct world *w);
/* Ends the thread, waiting for what it compiles. Not with the world's lock. NULL: nothing happens. */
void compactor_free(struct compactor *c);
/* Some bus's matcher is scattered. The caller holds the world's lock. */
void compactor_wake_locked(struct compactor *c);

#endif
