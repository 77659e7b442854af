/* Rules come and go while threads match: no lock, no wait, and what they find always fits the snapshot that they look at. Run under
 * ThreadSanitizer, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "flow_fixture.h"
#include "matcher.h"
#include "workshop.h"
#include "world_state.h"

enum { WRITERS = 2, READERS = 3, CHANGES = 400 };

static struct fixture x;

struct writer {
    int number;
    struct arena arena;
    struct fault fault;
};

/* Each writer has forty rules of its own, and puts, disables, enables or deletes one of them at a time. */
static void *change(void *ctx) {
    struct writer *me = ctx;
    for (int i = 0; i < CHANGES; i++) {
        char name[32], pattern[128];
        int which = i * 7 % 40;
        snprintf(name, sizeof name, "rule-%d-%d", me->number, which);
        snprintf(pattern, sizeof pattern, "{\"source\":[\"s\"],\"detail\":{\"field-%d\":[{\"numeric\":[\">\",%d]},\"x\"]}}", which, i);
        struct rule_spec spec = {
            .bus = fixture_bus(OWNER, "default"), .name = str_from(name), .pattern = str_from(pattern), .created_by = OWNER};
        struct str arn;
        struct world *w = flow_world(x.flow);
        arena_reset(&me->arena);
        assert_int_equal(world_put_rule(w, &spec, &me->arena, &arn, &me->fault), ERR_OK);
        if (i % 5 == 1) assert_int_equal(world_set_rule_state(w, spec.bus, spec.name, false, &me->fault), ERR_OK);
        if (i % 5 == 2) assert_int_equal(world_delete_rule(w, spec.bus, spec.name, &me->fault), ERR_OK);
    }
    return NULL;
}

struct reader {
    _Atomic bool *over;
    struct workshop *workshop;
    uint64_t events, found, wrong;
};

static bool is_of(const struct bus_view *bus, const struct rule_view *rule) {
    for (size_t i = 0; i < bus->rule_count; i++)
        if (bus->rules[i] == rule) return rule->enabled;
    return false;
}

/* The steady rule is found once in every event; every other one that is found is an enabled rule of this very snapshot. */
static void look(struct reader *me, const struct bus_view *bus, struct str event) {
    struct matcher_found found;
    struct matcher_work *work = workshop_take(me->workshop);
    size_t steady = 0;
    if (!work || matcher_match(bus->matcher, work, event, &found)) {
        me->wrong++;
        return;
    }
    for (size_t i = 0; i < found.count; i++) {
        const struct rule_view *rule = found.owners[i];
        steady += str_eqz(rule->name, "steady");
        me->wrong += !is_of(bus, rule);
    }
    me->wrong += steady != 1;
    me->found += found.count;
    me->events++;
    workshop_give(me->workshop, work);
}

static void *match(void *ctx) {
    struct reader *me = ctx;
    while (!atomic_load(me->over)) {
        struct snapshot *s = world_snapshot(flow_world(x.flow));
        const struct bus_view *bus = snapshot_bus(s, OWNER, STR("default"));
        look(me, bus, STR("{\"source\":\"s\",\"detail\":{\"field-7\":\"x\",\"field-14\":1000,\"field-21\":[1,\"x\"],\"field-0\":\"y\"}}"));
        snapshot_release(s);
    }
    return NULL;
}

/* So that the compactor has something to do in a small set. */
static void scatter_soon(void) {
    struct world *w = flow_world(x.flow);
    pthread_mutex_lock(&w->lock);
    matcher_set_foreground(bus_slot_locked(w, fixture_bus(OWNER, "default"))->set, 4);
    pthread_mutex_unlock(&w->lock);
}

static void put_steady(void) {
    struct rule_spec spec = {
        .bus = fixture_bus(OWNER, "default"), .name = STR("steady"), .pattern = STR("{\"source\":[\"s\"]}"), .created_by = OWNER};
    struct str arn;
    assert_int_equal(world_put_rule(flow_world(x.flow), &spec, &x.arena, &arn, &x.fault), ERR_OK);
}

static void rules_change_while_threads_match(void **state) {
    (void)state;
    pthread_t threads[WRITERS + READERS];
    static struct writer writers[WRITERS];
    struct reader readers[READERS];
    _Atomic bool over = false;
    struct workshop *workshop = workshop_new();
    fixture_start(&x, false);
    scatter_soon();
    put_steady();
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.over = &over, .workshop = workshop};
        assert_int_equal(pthread_create(&threads[WRITERS + i], NULL, match, &readers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        writers[i].number = i;
        arena_init(&writers[i].arena, 0);
        assert_int_equal(pthread_create(&threads[i], NULL, change, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
        arena_fini(&writers[i].arena);
    }
    atomic_store(&over, true);
    uint64_t events = 0, found = 0;
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[WRITERS + i], NULL);
        assert_int_equal(readers[i].wrong, 0);
        events += readers[i].events;
        found += readers[i].found;
    }
    assert_true(events > 0 && found > events); /* the others are found, too */
    workshop_free(workshop);
    fixture_end(&x);
}

static bool is_scattered(struct world *w) {
    pthread_mutex_lock(&w->lock);
    bool scattered = matcher_set_is_scattered(bus_slot_locked(w, fixture_bus(OWNER, "default"))->set);
    pthread_mutex_unlock(&w->lock);
    return scattered;
}

static void a_scattered_bus_is_compiled_anew(void **state) {
    (void)state;
    fixture_start(&x, false);
    scatter_soon();
    struct writer writer = {.number = 9};
    arena_init(&writer.arena, 0);
    change(&writer);
    struct world *w = flow_world(x.flow);
    UNTIL(!is_scattered(w));
    struct snapshot *s = world_snapshot(w);
    size_t enabled = 0;
    const struct bus_view *bus = snapshot_bus(s, OWNER, STR("default"));
    for (size_t i = 0; i < bus->rule_count; i++) enabled += bus->rules[i]->enabled;
    assert_int_equal(matcher_count(bus->matcher), enabled);
    snapshot_release(s);
    arena_fini(&writer.arena);
    fixture_end(&x);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rules_change_while_threads_match),
                                       cmocka_unit_test(a_scattered_bus_is_compiled_anew)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
