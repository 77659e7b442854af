#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "record.h"
#include "snapshot.h"

/* A snapshot with one bus whose description is the generation's number: what a reader sees must fit together. */
static struct snapshot *snapshot_of(uint64_t generation) {
    struct buf record;
    struct fault fault;
    char number[24];
    buf_init(&record, 0);
    struct bus_view *v = calloc(1, sizeof *v);
    struct snapshot *s = calloc(1, sizeof *s);
    assert_non_null(v);
    assert_non_null(s);
    int n = snprintf(number, sizeof number, "%llu", (unsigned long long)generation);
    struct bus_draft draft = {.account = STR("111122223333"), .name = STR("default"), .description = str_of(number, (size_t)n)};
    record_write_bus(&record, &draft);
    v->refs = 1;
    assert_int_equal(record_bus(buf_str(&record), STR("us-east-1"), &v->head, &fault), ERR_OK);
    s->refs = 1;
    s->generation = generation;
    map_init(&s->buses);
    assert_true(map_put(&s->buses, STR("111122223333/default"), v, NULL));
    buf_fini(&record);
    return s;
}

static bool holds_together(const struct snapshot *s) {
    int64_t number = -1;
    const struct bus_view *bus = snapshot_bus(s, STR("111122223333"), STR("default"));
    return bus && str_to_i64(bus->head->description, &number) && (uint64_t)number == s->generation;
}

static void buses_are_found_by_account_and_name(void **state) {
    (void)state;
    struct snapshot *s = snapshot_of(1);
    assert_true(holds_together(s));
    assert_null(snapshot_bus(s, STR("111122223333"), STR("defaul")));
    assert_null(snapshot_bus(s, STR("111122223334"), STR("default")));
    assert_null(snapshot_bus(s, STR("11112222333"), STR("3/default")));
    assert_null(snapshot_bus(s, STR(""), STR("default")));
    char name[300];
    memset(name, 'a', sizeof name);
    assert_null(snapshot_bus(s, STR("111122223333"), str_of(name, sizeof name)));
    snapshot_release(s);
}

static void an_acquired_snapshot_outlives_the_next_one(void **state) {
    (void)state;
    struct snapshot_cell *cell = snapshot_cell_new(snapshot_of(1));
    struct snapshot *old = snapshot_acquire(cell);
    snapshot_publish(cell, snapshot_of(2));
    struct snapshot *new = snapshot_acquire(cell);
    assert_int_equal(old->generation, 1);
    assert_true(holds_together(old));
    assert_int_equal(new->generation, 2);
    snapshot_release(old);
    snapshot_cell_free(cell);
    assert_true(holds_together(new)); /* also outlives the cell */
    snapshot_release(new);
}

enum { READERS = 6, GENERATIONS = 1500 };
struct reading {
    struct snapshot_cell *cell;
    _Atomic bool *over;
    uint64_t seen, torn, backward;
};

static void *read_on(void *ctx) {
    struct reading *r = ctx;
    uint64_t last = 0;
    while (!atomic_load(r->over)) {
        struct snapshot *s = snapshot_acquire(r->cell), *again = snapshot_acquire(r->cell);
        r->torn += !holds_together(s) || !holds_together(again);
        r->backward += s->generation < last || again->generation < s->generation;
        last = again->generation;
        r->seen++;
        snapshot_release(s);
        snapshot_release(again);
    }
    return NULL;
}

static void readers_see_whole_snapshots_that_never_go_back(void **state) {
    (void)state;
    struct snapshot_cell *cell = snapshot_cell_new(snapshot_of(1));
    _Atomic bool over = false;
    struct reading readings[READERS];
    pthread_t threads[READERS];
    for (int i = 0; i < READERS; i++) {
        readings[i] = (struct reading){.cell = cell, .over = &over};
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readings[i]), 0);
    }
    for (uint64_t g = 2; g <= GENERATIONS; g++) snapshot_publish(cell, snapshot_of(g));
    atomic_store(&over, true);
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(readings[i].torn, 0);
        assert_int_equal(readings[i].backward, 0);
    }
    struct snapshot *last = snapshot_acquire(cell);
    assert_int_equal(last->generation, GENERATIONS);
    assert_int_equal(last->refs, 2); /* the cell's and ours: every reader gave its own back */
    snapshot_release(last);
    snapshot_cell_free(cell);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buses_are_found_by_account_and_name),
        cmocka_unit_test(an_acquired_snapshot_outlives_the_next_one),
        cmocka_unit_test(readers_see_whole_snapshots_that_never_go_back),
    };
    return cmocka_run_group_tests_name("flow/snapshot", tests, NULL, NULL);
}
