/* The matcher's working memory for threads that come and go: taken for one event, given back, and so warm for the next. Never blocks. */
#ifndef FLOW_WORKSHOP_H
#define FLOW_WORKSHOP_H

struct matcher_work;
struct workshop;

struct workshop *workshop_new(void); /* NULL without memory */
void workshop_free(struct workshop *s);
/* NULL without memory. */
struct matcher_work *workshop_take(struct workshop *s);
void workshop_give(struct workshop *s, struct matcher_work *w);

#endif
