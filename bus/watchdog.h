/* systemd's watchdog (sd_watchdog_enabled(3)): says WATCHDOG=1 in time as long as the committer gets through its queue, which every acceptance, delivery
 * and operation passes. A daemon that hangs says nothing, and is started anew. */
#ifndef BUS_WATCHDOG_H
#define BUS_WATCHDOG_H

#include "committer.h"

/* How often watchdog_beat shall be called, in milliseconds: half of what $WATCHDOG_USEC says; -1 when nobody watches (or watches another process). */
int watchdog_interval_ms(void);
/* Says WATCHDOG=1 if the committer has completed what the last call asked of it, and asks anew. One thread; it must have been called for the last time
 * before committer_stop. */
void watchdog_beat(struct committer *c);

#endif
