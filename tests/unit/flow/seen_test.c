/* The sketch of what buses have seen: what it holds, its bounds, when it samples, and readers beside samplers (for TSan). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <pthread.h>

#include "clock.h"
#include "seen.h"

#define BUS "arn:aws:events:us-east-1:111111111111:event-bus/default"

static struct arena arena;
static struct seen *seen;

static int setup(void **state) {
    (void)state;
    arena_init(&arena, (size_t)1 << 30);
    seen = seen_new();
    return seen ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    seen_free(seen);
    arena_fini(&arena);
    return 0;
}

static void take(const char *bus, struct str event) {
    struct node *root;
    assert_int_equal(doc_parse(&arena, event, &root, NULL), ERR_OK);
    seen_take(seen, str_from(bus), root);
}

static void take_kind(const char *bus, const char *source, const char *type, const char *detail) {
    take(bus, arena_printf(&arena, "{\"source\":\"%s\",\"detail-type\":\"%s\",\"detail\":%s}", source, type, detail));
}

static struct lint_seen copy(const char *bus) {
    struct lint_seen s;
    assert_true(seen_copy(seen, str_from(bus), NULL, &arena, &s));
    return s;
}

static const struct lint_seen_field *field(const struct lint_seen_kind *k, const char *path) {
    for (size_t i = 0; i < k->count; i++)
        if (str_eqz(k->fields[i].path, path)) return &k->fields[i];
    return NULL;
}

static void fields_and_types_add_up(void **state) {
    (void)state;
    take_kind(BUS, "shop", "Order", "{\"total\":5,\"items\":[{\"sku\":\"a\"},{\"sku\":7}],\"ok\":true}");
    take_kind(BUS, "shop", "Order", "{\"total\":\"5\",\"note\":null}");
    take_kind(BUS, "shop", "Refund", "{}");
    struct lint_seen s = copy(BUS);
    assert_int_equal(s.count, 2);
    assert_true(str_eqz(s.kinds[0].source, "shop") && str_eqz(s.kinds[0].detail_type, "Order"));
    assert_int_equal(s.kinds[0].count, 4);
    assert_int_equal(field(&s.kinds[0], "detail.total")->types, LINT_NUMBER | LINT_STRING);
    assert_int_equal(field(&s.kinds[0], "detail.items.sku")->types, LINT_NUMBER | LINT_STRING);
    assert_int_equal(field(&s.kinds[0], "detail.ok")->types, LINT_BOOLEAN);
    assert_int_equal(field(&s.kinds[0], "detail.note")->types, LINT_NULL);
    assert_false(s.kinds[0].cut);
    assert_int_equal(s.kinds[1].count, 0);
    assert_int_equal(copy("arn:another").count, 0);
    seen_forget(seen, STR(BUS));
    assert_int_equal(copy(BUS).count, 0);
}

static void fields_are_copied_where_a_pattern_looks(void **state) {
    (void)state;
    struct pattern *p;
    struct lint_seen s;
    take_kind(BUS, "shop", "Order", "{\"total\":5}");
    take_kind(BUS, "shop", "Refund", "{\"total\":5}");
    assert_int_equal(pattern_parse(STR("{\"detail-type\":[\"Refund\"],\"detail\":{\"x\":[1]}}"), &p, NULL), ERR_OK);
    assert_true(seen_copy(seen, STR(BUS), p, &arena, &s));
    assert_int_equal(s.count, 2);
    assert_int_equal(s.kinds[0].count, 0);
    assert_int_equal(s.kinds[1].count, 1);
    pattern_free(p);
    assert_int_equal(pattern_parse(STR("{\"detail-type\":[\"Refund\"]}"), &p, NULL), ERR_OK);
    assert_true(seen_copy(seen, STR(BUS), p, &arena, &s));
    assert_int_equal(s.kinds[1].count, 0);
    pattern_free(p);
}

static void what_is_no_event_is_passed_over(void **state) {
    (void)state;
    take(BUS, STR("[]"));
    take(BUS, STR("{\"source\":\"a\"}"));
    take(BUS, STR("{\"source\":1,\"detail-type\":\"b\",\"detail\":{}}"));
    assert_int_equal(copy(BUS).count, 0);
    take(BUS, STR("{\"source\":\"\",\"detail-type\":\"\"}"));
    assert_int_equal(copy(BUS).count, 1);
}

static void wide_deep_and_long_details_are_cut(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    for (int i = 0; i < 100; i++) buf_addf(&b, "%c\"k%d\":1", i ? ',' : '{', i);
    buf_addz(&b, "}");
    take_kind(BUS, "a", "wide", arena_str(&arena, buf_str(&b)).p);
    buf_clear(&b);
    for (int i = 0; i < 200; i++) buf_addz(&b, "{\"k\":");
    buf_addz(&b, "1");
    for (int i = 0; i < 200; i++) buf_addz(&b, "}");
    take_kind(BUS, "a", "deep", arena_str(&arena, buf_str(&b)).p);
    buf_clear(&b);
    buf_addz(&b, "{\"");
    for (int i = 0; i < 300; i++) buf_addz(&b, "k");
    buf_addz(&b, "\":1,\"short\":2}");
    take_kind(BUS, "a", "long", arena_str(&arena, buf_str(&b)).p);
    buf_clear(&b);
    buf_addz(&b, "{\"e\":[1");
    for (int i = 0; i < 1000; i++) buf_addz(&b, ",1");
    buf_addz(&b, "]}");
    take_kind(BUS, "a", "array", arena_str(&arena, buf_str(&b)).p);
    buf_fini(&b);
    struct lint_seen s = copy(BUS);
    assert_int_equal(s.count, 4);
    static const size_t counts[] = {SEEN_FIELDS_MAX, 0, 1, 1};
    for (size_t i = 0; i < 4; i++) {
        assert_true(s.kinds[i].cut);
        assert_int_equal(s.kinds[i].count, counts[i]);
    }
}

static void the_kind_seen_least_lately_goes(void **state) {
    (void)state;
    char type[32];
    for (int i = 0; i < SEEN_KINDS_MAX; i++) {
        snprintf(type, sizeof type, "t%d", i);
        take_kind(BUS, "a", type, "{\"x\":1}");
    }
    take_kind(BUS, "a", "t0", "{}");
    take_kind(BUS, "a", "new", "{\"y\":1}");
    struct lint_seen s = copy(BUS);
    assert_int_equal(s.count, SEEN_KINDS_MAX);
    bool first = false, second = false, new = false;
    for (size_t i = 0; i < s.count; i++) {
        first |= str_eqz(s.kinds[i].detail_type, "t0");
        second |= str_eqz(s.kinds[i].detail_type, "t1");
        new |= str_eqz(s.kinds[i].detail_type, "new") && field(&s.kinds[i], "detail.y") && !field(&s.kinds[i], "detail.x");
    }
    assert_true(first && new && !second);
}

static void memory_is_bounded_over_all_buses(void **state) {
    (void)state;
    char bus[64];
    struct seen_stats stats;
    for (int i = 0; i < 3000; i++) {
        snprintf(bus, sizeof bus, "arn:%d", i);
        take_kind(bus, "a", "b", "{\"x\":1}");
        seen_stats(seen, &stats);
        assert_true(stats.bytes <= SEEN_BYTES_MAX);
    }
    assert_true(stats.buses > 500 && stats.buses < 3000);
    assert_int_equal(stats.samples, 3000);
    assert_int_equal(copy("arn:0").count, 0);
    assert_int_equal(copy("arn:2999").count, 1);
}

static void samples_are_one_of_many_and_after_a_pause(void **state) {
    (void)state;
    int due = 0;
    for (int i = 0; i < SEEN_FIRST; i++) due += seen_due(seen, 1000);
    assert_int_equal(due, SEEN_FIRST);
    due = 0;
    for (int i = 0; i < 100 * SEEN_EVERY; i++) due += seen_due(seen, 1000);
    assert_int_equal(due, 100);
    while (seen_due(seen, 1000)) {
    }
    assert_true(seen_due(seen, 1000 + SEEN_IDLE_MS));
    assert_false(seen_due(seen, 1000 + SEEN_IDLE_MS));
    assert_true(seen_due(seen, 0)); /* a clock that was set back does not silence it */
}

static void a_sample_is_cheap(void **state) {
    (void)state;
    enum { SAMPLES = 2000 };
    char type[32];
    struct node *root;
    for (int i = 1; i < SEEN_KINDS_MAX; i++) {
        snprintf(type, sizeof type, "t%d", i);
        take_kind(BUS, "aws.ec2", type, "{}");
    }
    struct str event = STR(
        "{\"source\":\"aws.ec2\",\"detail-type\":\"t\",\"detail\":{\"instance-id\":\"i-1\",\"state\":\"running\",\"tags\":{\"team\":\"a\","
        "\"env\":\"b\",\"cost\":\"c\"},\"metrics\":{\"cpu\":1.5,\"mem\":2,\"disk\":[1,2,3,4]},\"user\":{\"name\":\"x\",\"id\":5}}}");
    assert_int_equal(doc_parse(&arena, event, &root, NULL), ERR_OK);
    int64_t start = clock_mono_ns();
    for (int i = 0; i < SAMPLES; i++) seen_take(seen, STR(BUS), root);
    int64_t taken = clock_mono_ns();
    for (int i = 0; i < SAMPLES; i++) (void)seen_due(seen, 0);
    int64_t asked = clock_mono_ns();
    print_message("a sample takes %lld ns, asking for one %lld ns\n", (long long)(taken - start) / SAMPLES,
                  (long long)(asked - taken) / SAMPLES);
    assert_true(taken - start < (int64_t)SAMPLES * 2000000); /* under a sanitizer and load, too */
}

enum { ROUNDS = 2000 };
static void *sampler(void *ctx) {
    struct node *root = ctx;
    for (int i = 0; i < ROUNDS; i++)
        if (seen_due(seen, i)) seen_take(seen, STR(BUS), root);
    return NULL;
}

static void many_threads_sample_and_one_reads(void **state) {
    (void)state;
    struct node *root;
    pthread_t threads[3];
    assert_int_equal(doc_parse(&arena, STR("{\"source\":\"a\",\"detail-type\":\"b\",\"detail\":{\"x\":[1,\"2\"]}}"), &root, NULL), ERR_OK);
    for (size_t i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, sampler, root), 0);
    for (int i = 0; i < 200; i++) assert_true(copy(BUS).count <= 1);
    for (size_t i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    assert_int_equal(copy(BUS).count, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(fields_and_types_add_up),
        TEST(fields_are_copied_where_a_pattern_looks),
        TEST(what_is_no_event_is_passed_over),
        TEST(wide_deep_and_long_details_are_cut),
        TEST(the_kind_seen_least_lately_goes),
        TEST(memory_is_bounded_over_all_buses),
        TEST(samples_are_one_of_many_and_after_a_pause),
        TEST(a_sample_is_cheap),
        TEST(many_threads_sample_and_one_reads),
    };
    return cmocka_run_group_tests_name("flow/seen", tests, NULL, NULL);
}
