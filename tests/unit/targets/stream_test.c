/* Streams: shards, sequence numbers, iterators, retention. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "clock.h"
#include "stream/stream.h"
#include "target_host.h"

static struct target target;
static int64_t numbers;

static enum err next_number(void *flow, int64_t *number, struct fault *fault) {
    (void)flow, (void)fault;
    *number = ++numbers;
    return ERR_OK;
}

static int setup(void **state) {
    struct fault fault;
    (void)state;
    if (host_start()) return -1;
    host.next_number = next_number;
    return target_stream_new(&host, &target, &fault) ? -1 : 0;
}

static int teardown(void **state) {
    (void)state;
    clock_real();
    target.stop(target.self);
    target.free(target.self);
    host_end();
    return 0;
}

static enum err run(struct host_call *c, const char *operation, void *in) { return host_run(c, &target, operation, in); }

static void done(const char *operation, void *in) {
    struct host_call c;
    enum err err = run(&c, operation, in);
    if (err) print_error("%s: %s\n", operation, c.call.fault.message);
    assert_int_equal(err, ERR_OK);
    arena_fini(&c.arena);
}

static void refused(const char *operation, void *in, enum err wanted, const char *message) {
    struct host_call c;
    assert_int_equal(run(&c, operation, in), wanted);
    if (message && strcmp(c.call.fault.message, message) != 0) print_error("got      %s\nexpected %s\n", c.call.fault.message, message);
    if (message) assert_string_equal(c.call.fault.message, message);
    arena_fini(&c.arena);
}

static void create(const char *name, int64_t shards) {
    done("CreateStream", &(struct stream_create){.name = str_from(name), .shards = {shards > 0, shards}});
}

/* ---- shards ----------------------------------------------------------------------------------------------------------------------------- */
static void shards_cover_all_hashes_without_gap_or_overlap(void **state) {
    (void)state;
    static const uint32_t counts[] = {1, 2, 3, 7, 10, 255, 256};
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
        struct stream s = {.shards = counts[k]};
        uint8_t first[16], zero[16] = {0}, last[16];
        stream_shard_start(&s, 0, first);
        assert_memory_equal(first, zero, 16);
        for (uint32_t i = 0; i < s.shards; i++) {
            stream_shard_start(&s, i, first);
            assert_int_equal(stream_shard_of(&s, first), i);
            stream_shard_start(&s, i + 1, last);
            for (int b = 15; b >= 0 && last[b]-- == 0; b--) {}
            assert_int_equal(stream_shard_of(&s, last), i);
        }
        memset(last, 0xff, 16);
        assert_int_equal(stream_shard_of(&s, last), s.shards - 1);
    }
}

static void hashes_are_written_and_read_as_decimal_numbers(void **state) {
    (void)state;
    static const char *const texts[] = {"0", "1", "170141183460469231731687303715884105728", "340282366920938463463374607431768211455"};
    struct arena a;
    uint8_t hash[16];
    arena_init(&a, 0);
    for (size_t i = 0; i < 4; i++) {
        assert_true(stream_hash_parse(str_from(texts[i]), hash));
        struct str text = stream_hash_text(hash, &a);
        assert_true(str_eqz(text, texts[i]));
    }
    assert_false(stream_hash_parse(STR("340282366920938463463374607431768211456"), hash));
    assert_false(stream_hash_parse(STR("999999999999999999999999999999999999999"), hash));
    assert_false(stream_hash_parse(STR(""), hash));
    assert_false(stream_hash_parse(STR("1a"), hash));
    arena_fini(&a);
}

/* MD5("a") begins with 0c, MD5("b") with 92: two shards part them. */
static void the_partition_keys_md5_picks_the_shard(void **state) {
    (void)state;
    create("s", 2);
    static const struct { const char *key, *hash, *shard; } rows[] = {{"a", NULL, "shardId-000000000000"}, {"b", NULL, "shardId-000000000001"},
        {"a", "170141183460469231731687303715884105728", "shardId-000000000001"}, {"b", "170141183460469231731687303715884105727", "shardId-000000000000"}};
    for (size_t i = 0; i < 4; i++) {
        struct host_call c;
        struct stream_put in = {.name = STR("s"), .data = STR("x"), .key = str_from(rows[i].key), .hash_key = str_from(rows[i].hash)};
        assert_int_equal(run(&c, "PutRecord", &in), ERR_OK);
        const struct stream_put_answer *out = c.call.out;
        assert_true(str_eqz(out->shard, rows[i].shard));
        assert_true(str_eqz(out->sequence, i < 2 ? "1" : "2"));
        arena_fini(&c.arena);
    }
    refused("PutRecord", &(struct stream_put){.name = STR("s"), .data = STR("x"), .key = STR("k"), .hash_key = STR("340282366920938463463374607431768211456")},
            ERR_VALIDATION, NULL);
}

/* ---- reading ---------------------------------------------------------------------------------------------------------------------------- */
static void put_n(const char *name, int n) {
    for (int i = 0; i < n; i++) {
        char data[16];
        snprintf(data, sizeof data, "%d", i);
        done("PutRecord", &(struct stream_put){.name = str_from(name), .data = str_from(data), .key = STR("k")});
    }
}

static enum err iterator(struct host_call *c, struct stream_iterator in, char *out, size_t size) {
    in.name = STR("s");
    if (!in.shard.p) in.shard = STR("shardId-000000000000");
    enum err err = run(c, "GetShardIterator", &in);
    if (!err) assert_true(str_copyz(out, size, ((const struct stream_iterator_answer *)c->call.out)->iterator));
    return err;
}

/* Reads from an iterator: the records' data, joined by commas. */
static void reads(struct stream_iterator in, int64_t limit, const char *wanted) {
    struct host_call c;
    char text[512], got[256] = "";
    enum err err = iterator(&c, in, text, sizeof text);
    if (err) print_error("%s\n", c.call.fault.message);
    assert_int_equal(err, ERR_OK);
    arena_fini(&c.arena);
    assert_int_equal(run(&c, "GetRecords", &(struct stream_get){.iterator = str_from(text), .limit = {limit > 0, limit}}), ERR_OK);
    const struct stream_get_answer *out = c.call.out;
    for (size_t i = 0; i < out->records.n; i++) {
        struct str data = LIST_AT(out->records, struct stream_record, i)->data;
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", i ? "," : "", STR_ARG(data));
    }
    assert_string_equal(got, wanted);
    arena_fini(&c.arena);
}

static void each_kind_of_iterator_begins_where_it_should(void **state) {
    (void)state;
    create("s", 1);
    put_n("s", 5);
    reads((struct stream_iterator){.type = STR("TRIM_HORIZON")}, 0, "0,1,2,3,4");
    reads((struct stream_iterator){.type = STR("TRIM_HORIZON")}, 2, "0,1");
    reads((struct stream_iterator){.type = STR("LATEST")}, 0, "");
    reads((struct stream_iterator){.type = STR("AT_SEQUENCE_NUMBER"), .sequence = STR("3")}, 0, "2,3,4");
    reads((struct stream_iterator){.type = STR("AFTER_SEQUENCE_NUMBER"), .sequence = STR("3")}, 0, "3,4");
    reads((struct stream_iterator){.type = STR("AT_TIMESTAMP"), .timestamp_ms = {true, 0}}, 0, "0,1,2,3,4");
    reads((struct stream_iterator){.type = STR("AT_TIMESTAMP"), .timestamp_ms = {true, 4000000000000}}, 0, "");
    struct host_call c;
    char text[512];
    assert_int_equal(iterator(&c, (struct stream_iterator){.type = STR("AT_SEQUENCE_NUMBER")}, text, sizeof text), ERR_VALIDATION);
    arena_fini(&c.arena);
    assert_int_equal(iterator(&c, (struct stream_iterator){.type = STR("AT_TIMESTAMP")}, text, sizeof text), ERR_VALIDATION);
    arena_fini(&c.arena);
    assert_int_equal(iterator(&c, (struct stream_iterator){.type = STR("LATEST"), .shard = STR("shardId-000000000001")}, text, sizeof text), ERR_NOT_FOUND);
    arena_fini(&c.arena);
}

static void iterators_go_on_where_the_last_answer_ended(void **state) {
    (void)state;
    struct host_call c;
    char text[512];
    create("s", 1);
    put_n("s", 3);
    assert_int_equal(iterator(&c, (struct stream_iterator){.type = STR("TRIM_HORIZON")}, text, sizeof text), ERR_OK);
    arena_fini(&c.arena);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(run(&c, "GetRecords", &(struct stream_get){.iterator = str_from(text), .limit = {true, 1}}), ERR_OK);
        const struct stream_get_answer *out = c.call.out;
        assert_int_equal(out->records.n, i < 3);
        assert_true(str_copyz(text, sizeof text, out->next));
        arena_fini(&c.arena);
    }
}

static void damaged_and_old_iterators_are_refused(void **state) {
    (void)state;
    struct host_call c;
    char text[512];
    create("s", 1);
    assert_int_equal(iterator(&c, (struct stream_iterator){.type = STR("LATEST")}, text, sizeof text), ERR_OK);
    struct stream_service *service = target.self;
    arena_fini(&c.arena);
    text[5] = text[5] == 'A' ? 'B' : 'A';
    refused("GetRecords", &(struct stream_get){.iterator = str_from(text)}, ERR_VALIDATION, "Invalid ShardIterator.");
    refused("GetRecords", &(struct stream_get){.iterator = STR("nonsense")}, ERR_VALIDATION, "Invalid ShardIterator.");
    /* host_run's clock stands at 1,790,000,000,000: an iterator that an earlier one made is old. */
    struct call call = {.account = STR("111122223333"), .now_ms = 1790000000000 - 301000, .region = STR("us-east-1")};
    struct arena a;
    struct stream_iterator in = {.name = STR("s"), .shard = STR("shardId-000000000000"), .type = STR("LATEST")};
    struct stream_iterator_answer out = {0};
    arena_init(&a, 0);
    call.arena = &a, call.in = &in, call.out = &out;
    for (const struct handler_row *h = service->service.handlers; h->name; h++)
        if (strcmp(h->name, "GetShardIterator") == 0) assert_int_equal(h->handler(service, &call), ERR_OK);
    refused("GetRecords", &(struct stream_get){.iterator = out.iterator}, ERR_EXPIRED_ITERATOR, NULL);
    arena_fini(&a);
}

/* ---- life ------------------------------------------------------------------------------------------------------------------------------- */
static void a_stream_is_made_once_described_and_deleted(void **state) {
    (void)state;
    struct host_call c;
    create("s", 3);
    refused("CreateStream", &(struct stream_create){.name = STR("s")}, ERR_IN_USE, "Stream s under account 111122223333 already exists.");
    assert_int_equal(run(&c, "DescribeStream", &(struct stream_describe){.name = STR("s"), .limit = {true, 2}}), ERR_OK);
    const struct stream_description *d = ((const struct stream_description_answer *)c.call.out)->description;
    assert_true(str_eqz(d->arn, "arn:aws:kinesis:us-east-1:111122223333:stream/s"));
    assert_int_equal(d->shards.n, 2);
    assert_true(d->more.v);
    arena_fini(&c.arena);
    done("DeleteStream", &(struct stream_reference){.arn = STR("arn:aws:kinesis:us-east-1:111122223333:stream/s")});
    refused("DescribeStreamSummary", &(struct stream_reference){.name = STR("s")}, ERR_NOT_FOUND, "Stream s under account 111122223333 not found.");
}

static void retention_only_goes_the_way_it_was_asked_to(void **state) {
    (void)state;
    create("s", 1);
    done("IncreaseStreamRetentionPeriod", &(struct stream_hours){.name = STR("s"), .hours = {true, 48}});
    refused("IncreaseStreamRetentionPeriod", &(struct stream_hours){.name = STR("s"), .hours = {true, 24}}, ERR_VALIDATION, NULL);
    refused("DecreaseStreamRetentionPeriod", &(struct stream_hours){.name = STR("s"), .hours = {true, 72}}, ERR_VALIDATION, NULL);
    done("DecreaseStreamRetentionPeriod", &(struct stream_hours){.name = STR("s"), .hours = {true, 24}});
    refused("UpdateStream", &(struct stream_create){.name = STR("s"), .shards = {true, 2}}, ERR_VALIDATION, NULL);
    done("UpdateStream", &(struct stream_create){.name = STR("s"), .shards = {true, 1}, .hours = {true, 30}});
}

static void streams_and_records_are_there_after_a_restart(void **state) {
    (void)state;
    struct fault fault;
    create("s", 2);
    put_n("s", 3);
    target.stop(target.self);
    target.free(target.self);
    assert_int_equal(target_stream_new(&host, &target, &fault), ERR_OK);
    struct host_call c;
    struct stream_put in = {.name = STR("s"), .data = STR("x"), .key = STR("k")};
    assert_int_equal(run(&c, "PutRecord", &in), ERR_OK);
    assert_true(str_eqz(((const struct stream_put_answer *)c.call.out)->sequence, "4"));
    arena_fini(&c.arena);
}

static enum outcome route(const struct delivery *d, struct txn *txn) {
    struct fault fault;
    fault_clear(&fault);
    return target.kind->route(target.self, d, txn, &fault);
}

static void routing_appends_one_record_or_says_why_not(void **state) {
    (void)state;
    struct arena a;
    struct txn txn;
    static char big[STREAM_DATA_MAX + 1];
    create("s", 1);
    arena_init(&a, 0);
    txn_init(&txn, &a);
    struct delivery d = {.arn = STR("arn:aws:kinesis:us-east-1:111122223333:stream/s"), .account = STR("111122223333"), .input = STR("{}"),
                         .event_id = STR("7bf73129-1428-4cd3-a780-95db273d1602"), .now_ms = 5};
    assert_int_equal(route(&d, &txn), OUTCOME_DELIVERED);
    assert_int_equal(txn.count, 1);
    assert_true(str_eq(txn.first->u.append.partition_key, d.event_id));
    d.partition_key = STR("k");
    assert_int_equal(route(&d, &txn), OUTCOME_DELIVERED);
    assert_true(str_eqz(txn.last->u.append.partition_key, "k"));
    d.input = str_of(big, sizeof big);
    assert_int_equal(route(&d, &txn), OUTCOME_INVALID_PARAMETER);
    d.input = STR("{}");
    d.account = STR("999999999999");
    assert_int_equal(route(&d, &txn), OUTCOME_NO_PERMISSIONS);
    d.arn = STR("arn:aws:kinesis:us-east-1:111122223333:stream/gone");
    assert_int_equal(route(&d, &txn), OUTCOME_NO_RESOURCE);
    d.arn = STR("arn:aws:kinesis:eu-west-1:111122223333:stream/s");
    assert_int_equal(route(&d, &txn), OUTCOME_NO_RESOURCE);
    assert_int_equal(txn.count, 2);
    arena_fini(&a);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_cover_all_hashes_without_gap_or_overlap),
        cmocka_unit_test(hashes_are_written_and_read_as_decimal_numbers),
        T(the_partition_keys_md5_picks_the_shard),
        T(each_kind_of_iterator_begins_where_it_should),
        T(iterators_go_on_where_the_last_answer_ended),
        T(damaged_and_old_iterators_are_refused),
        T(a_stream_is_made_once_described_and_deleted),
        T(retention_only_goes_the_way_it_was_asked_to),
        T(streams_and_records_are_there_after_a_restart),
        T(routing_appends_one_record_or_says_why_not),
    };
    return cmocka_run_group_tests_name("targets/stream", tests, NULL, NULL);
}
