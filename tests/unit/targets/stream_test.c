/* Streams: shards, sequence numbers, iterators, retention. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>

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

/* ---- shards -----------------------------------------------------------------------------------------------------------------------------
 */
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
            for (int b = 15; b >= 0 && last[b]-- == 0; b--) {
            }
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
    static const struct {
        const char *key, *hash, *shard;
    } rows[] = {{"a", NULL, "shardId-000000000000"},
                {"b", NULL, "shardId-000000000001"},
                {"a", "170141183460469231731687303715884105728", "shardId-000000000001"},
                {"b", "170141183460469231731687303715884105727", "shardId-000000000000"}};
    for (size_t i = 0; i < 4; i++) {
        struct host_call c;
        struct stream_put in = {.name = STR("s"), .data = STR("x"), .key = str_from(rows[i].key), .hash_key = str_from(rows[i].hash)};
        assert_int_equal(run(&c, "PutRecord", &in), ERR_OK);
        const struct stream_put_answer *out = c.call.out;
        assert_true(str_eqz(out->shard, rows[i].shard));
        assert_true(str_eqz(out->sequence, i < 2 ? "1" : "2"));
        arena_fini(&c.arena);
    }
    refused("PutRecord",
            &(struct stream_put){
                .name = STR("s"), .data = STR("x"), .key = STR("k"), .hash_key = STR("340282366920938463463374607431768211456")},
            ERR_VALIDATION, NULL);
}

/* ---- reading ----------------------------------------------------------------------------------------------------------------------------
 */
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
    assert_int_equal(iterator(&c, (struct stream_iterator){.type = STR("LATEST"), .shard = STR("shardId-000000000001")}, text, sizeof text),
                     ERR_NOT_FOUND);
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

/* ---- life -------------------------------------------------------------------------------------------------------------------------------
 */
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
    refused("DescribeStreamSummary", &(struct stream_reference){.name = STR("s")}, ERR_NOT_FOUND,
            "Stream s under account 111122223333 not found.");
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

/* ---- naming -----------------------------------------------------------------------------------------------------------------------------
 */
/* Policies speak of one ARN of a stream: another spelling of it must not reach the stream behind their back. */
static void other_spellings_of_an_arn_name_no_stream(void **state) {
    (void)state;
    static const char *const arns[] = {"arn:aws:kinesis:eu-west-1:111122223333:stream/s",
                                       "arn:aws-cn:kinesis:us-east-1:111122223333:stream/s",
                                       "arn:aws:kinesis:us-east-1:111122223333:stream:s", "arn:aws:kinesis::111122223333:stream/s"};
    create("s", 1);
    done("DescribeStreamSummary", &(struct stream_reference){.arn = STR("arn:aws:kinesis:us-east-1:111122223333:stream/s")});
    for (size_t i = 0; i < 4; i++) {
        refused("DescribeStreamSummary", &(struct stream_reference){.arn = str_from(arns[i])}, ERR_NOT_FOUND, NULL);
        refused("PutRecord", &(struct stream_put){.arn = str_from(arns[i]), .data = STR("x"), .key = STR("k")}, ERR_NOT_FOUND, NULL);
        refused("DeleteStream", &(struct stream_reference){.arn = str_from(arns[i])}, ERR_NOT_FOUND, NULL);
    }
    refused("DescribeStreamSummary", &(struct stream_reference){.arn = STR("arn:aws:sqs:us-east-1:111122223333:s")}, ERR_VALIDATION, NULL);
    refused("DescribeStreamSummary", &(struct stream_reference){0}, ERR_VALIDATION, "Either StreamName or StreamARN must be given.");
}

static void takes_arns_of_streams_only(void **state) {
    (void)state;
    assert_true(target.kind->takes(STR("arn:aws:kinesis:us-east-1:111122223333:stream/s")));
    assert_false(target.kind->takes(STR("arn:aws:kinesis:us-east-1:111122223333:table/s")));
    assert_false(target.kind->takes(STR("arn:aws:sqs:us-east-1:111122223333:s")));
    assert_false(target.kind->takes(STR("s")));
}

/* What the engine asks the policies about: the stream that the request is for, whichever way it is named. */
static void policies_are_asked_about_the_stream(void **state) {
    (void)state;
    struct host_call c;
    char text[512];
    create("s", 1);
    assert_int_equal(iterator(&c, (struct stream_iterator){.type = STR("LATEST")}, text, sizeof text), ERR_OK);
    arena_fini(&c.arena);
    struct stream_get get = {.iterator = str_from(text)};
    struct stream_reference name = {.name = STR("s")}, arn = {.arn = STR("arn:aws:kinesis:us-east-1:999999999999:stream/s")};
    struct stream_list all = {.token = STR_NULL};
    const struct {
        const char *operation;
        void *in;
        const char *resource;
    } rows[] = {{"DeleteStream", &name, "arn:aws:kinesis:us-east-1:111122223333:stream/s"},
                {"DeleteStream", &arn, "arn:aws:kinesis:us-east-1:999999999999:stream/s"},
                {"GetRecords", &get, "arn:aws:kinesis:us-east-1:111122223333:stream/s"},
                {"ListStreams", &all, "arn:aws:kinesis:us-east-1:111122223333:stream/*"}};
    struct arena a;
    arena_init(&a, 0);
    for (size_t i = 0; i < 4; i++) {
        struct call call = {.account = STR("111122223333"), .arena = &a, .in = rows[i].in};
        const struct handler_row *h = target.service->handlers;
        while (strcmp(h->name, rows[i].operation) != 0) h++;
        struct str resource = h->resource(target.service->self, &call);
        if (!str_eqz(resource, rows[i].resource)) print_error("%s: %.*s\n", rows[i].operation, STR_ARG(resource));
        assert_true(str_eqz(resource, rows[i].resource));
    }
    arena_fini(&a);
}

/* ---- paging -----------------------------------------------------------------------------------------------------------------------------
 */
static void lists_of_streams_have_pages(void **state) {
    (void)state;
    static const char *const names[] = {"a", "b", "b-1", "c", "d"};
    struct host_call c;
    char token[64] = "";
    for (size_t i = 0; i < 5; i++) create(names[i], 1);
    for (size_t seen = 0; seen < 5;) {
        assert_int_equal(run(&c, "ListStreams", &(struct stream_list){.token = token[0] ? str_from(token) : STR_NULL, .limit = {true, 2}}),
                         ERR_OK);
        const struct stream_list_answer *out = c.call.out;
        assert_int_equal(out->names.n, seen < 4 ? 2 : 1);
        for (size_t i = 0; i < out->names.n; i++) assert_true(str_eqz(*LIST_AT(out->names, struct str, i), names[seen++]));
        assert_int_equal(out->more.v, seen < 5);
        assert_int_equal(out->token.n > 0, seen < 5);
        str_copyz(token, sizeof token, out->token);
        arena_fini(&c.arena);
    }
}

static void lists_of_shards_have_pages(void **state) {
    (void)state;
    struct host_call c;
    char token[64] = "";
    create("s", 5);
    for (uint32_t seen = 0; seen < 5;) {
        struct stream_list_shards in = {.name = STR("s"), .token = token[0] ? str_from(token) : STR_NULL, .limit = {true, 2}};
        assert_int_equal(run(&c, "ListShards", &in), ERR_OK);
        const struct stream_list_shards_answer *out = c.call.out;
        for (size_t i = 0; i < out->shards.n; i++) {
            char id[32];
            snprintf(id, sizeof id, "shardId-%012u", (unsigned)seen++);
            assert_true(str_eqz(LIST_AT(out->shards, struct stream_shard, i)->id, id));
        }
        assert_int_equal(out->token.n > 0, seen < 5);
        str_copyz(token, sizeof token, out->token);
        arena_fini(&c.arena);
    }
    refused("ListShards", &(struct stream_list_shards){.name = STR("s"), .token = STR("shardId-9")}, ERR_VALIDATION,
            "Parameter NextToken is not valid.");
}

/* ---- many records -----------------------------------------------------------------------------------------------------------------------
 */
static void many_records_are_put_in_order_or_not_at_all(void **state) {
    (void)state;
    struct host_call c;
    struct stream_put_entry entries[500];
    create("s", 1);
    for (size_t i = 0; i < 500; i++) entries[i] = (struct stream_put_entry){.data = STR("x"), .key = STR("k")};
    assert_int_equal(run(&c, "PutRecords", &(struct stream_put_many){.name = STR("s"), .records = {true, 500, entries}}), ERR_OK);
    const struct stream_put_many_answer *out = c.call.out;
    assert_int_equal(out->failed.v, 0);
    assert_int_equal(out->records.n, 500);
    for (size_t i = 0; i < 500; i++) {
        int64_t sequence = 0;
        assert_true(str_to_i64(LIST_AT(out->records, struct stream_put_result, i)->sequence, &sequence));
        assert_int_equal(sequence, i + 1);
    }
    arena_fini(&c.arena);
    entries[499].hash_key = STR("340282366920938463463374607431768211456");
    refused("PutRecords", &(struct stream_put_many){.name = STR("s"), .records = {true, 500, entries}}, ERR_VALIDATION,
            "ExplicitHashKey must be below 2^128.");
    reads((struct stream_iterator){.type = STR("AFTER_SEQUENCE_NUMBER"), .sequence = STR("500")}, 0, "");
}

static void answers_say_how_far_behind_they_are(void **state) {
    (void)state;
    struct host_call c;
    char text[512];
    create("s", 1);
    struct arena a;
    struct txn txn;
    struct fault fault;
    arena_init(&a, 0);
    txn_init(&txn, &a);
    for (int64_t i = 2; i > 0; i--) { /* accepted two seconds, and one second, before host_run's now */
        struct delivery d = {.arn = STR("arn:aws:kinesis:us-east-1:111122223333:stream/s"),
                             .account = STR("111122223333"),
                             .input = STR("{}"),
                             .event_id = STR("e"),
                             .now_ms = 1790000000000 - i * 1000};
        assert_int_equal(target.kind->route(target.self, &d, &txn, &fault), OUTCOME_DELIVERED);
    }
    assert_int_equal(committer_run(host.committer, &txn, &fault), ERR_OK);
    arena_fini(&a);
    assert_int_equal(iterator(&c, (struct stream_iterator){.type = STR("TRIM_HORIZON")}, text, sizeof text), ERR_OK);
    arena_fini(&c.arena);
    static const int64_t behind[] = {1000, 0, 0};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(run(&c, "GetRecords", &(struct stream_get){.iterator = str_from(text), .limit = {true, 1}}), ERR_OK);
        const struct stream_get_answer *out = c.call.out;
        assert_int_equal(out->behind_ms.v, behind[i]);
        str_copyz(text, sizeof text, out->next);
        arena_fini(&c.arena);
    }
}

/* ---- positions --------------------------------------------------------------------------------------------------------------------------
 */
static void sequence_numbers_must_come_from_the_shard(void **state) {
    (void)state;
    static const char *const bad[] = {"4", "5", "9223372036854775807", "9223372036854775808", "99999999999999999999999999", "-1", "x"};
    static const char *const types[] = {"AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"};
    struct host_call c;
    char text[512];
    create("s", 1);
    put_n("s", 3);
    for (size_t t = 0; t < 2; t++)
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            assert_int_equal(
                iterator(&c, (struct stream_iterator){.type = str_from(types[t]), .sequence = str_from(bad[i])}, text, sizeof text),
                ERR_VALIDATION);
            assert_non_null(strstr(c.call.fault.message, "StartingSequenceNumber"));
            arena_fini(&c.arena);
        }
    reads((struct stream_iterator){.type = STR("AT_SEQUENCE_NUMBER"), .sequence = STR("0")}, 0, "0,1,2");
    reads((struct stream_iterator){.type = STR("AFTER_SEQUENCE_NUMBER"), .sequence = STR("3")}, 0, "");
}

static void an_iterator_is_of_one_stream_not_of_its_name(void **state) {
    (void)state;
    struct host_call c;
    char text[512];
    create("s", 1);
    put_n("s", 2);
    assert_int_equal(iterator(&c, (struct stream_iterator){.type = STR("TRIM_HORIZON")}, text, sizeof text), ERR_OK);
    arena_fini(&c.arena);
    done("DeleteStream", &(struct stream_reference){.name = STR("s")});
    create("s", 1);
    refused("GetRecords", &(struct stream_get){.iterator = str_from(text)}, ERR_NOT_FOUND,
            "Stream s under account 111122223333 not found.");
    reads((struct stream_iterator){.type = STR("TRIM_HORIZON")}, 0, "");
}

/* ---- limits -----------------------------------------------------------------------------------------------------------------------------
 */
static void more_shards_than_the_limit_are_refused(void **state) {
    (void)state;
    create("most", 256);
    refused("CreateStream", &(struct stream_create){.name = STR("more"), .shards = {true, 257}}, ERR_LIMIT, NULL);
    refused("CreateStream", &(struct stream_create){.name = STR("more"), .shards = {true, 10000}}, ERR_LIMIT, NULL);
    refused("DescribeStreamSummary", &(struct stream_reference){.name = STR("more")}, ERR_NOT_FOUND, NULL);
}

/* ---- retention --------------------------------------------------------------------------------------------------------------------------
 */
/* How many records a shard has, read past the service: until there are `wanted`; false after half a minute of real time. */
static bool await_records(int64_t number, size_t wanted) {
    int64_t until = clock_mono_ns() + INT64_C(30000000000);
    for (;;) {
        struct arena a;
        struct store_record *records;
        struct fault fault;
        size_t count = 0;
        arena_init(&a, 0);
        assert_int_equal(host_store->ops->stream_read(host_store, number, 0, 0, 100, SIZE_MAX, &a, &records, &count, &fault), ERR_OK);
        arena_fini(&a);
        if (count == wanted) return true;
        if (clock_mono_ns() > until) return false;
        poll(NULL, 0, 2);
    }
}

static int setup_at_noon(void **state) {
    clock_fake(1790000000000);
    numbers = 0;
    return setup(state);
}

static void old_records_go(void **state) {
    (void)state;
    create("day", 1);
    create("week", 1);
    done("IncreaseStreamRetentionPeriod", &(struct stream_hours){.name = STR("week"), .hours = {true, 168}});
    put_n("day", 3);
    put_n("week", 3);
    clock_fake(1790000000000 + 24 * 3600000 + 10000);
    assert_true(await_records(1, 0));
    assert_true(await_records(2, 3));
    clock_fake(1790000000000 + 168 * 3600000 + 20000);
    assert_true(await_records(2, 0));
    struct host_call c;
    assert_int_equal(run(&c, "PutRecord", &(struct stream_put){.name = STR("day"), .data = STR("x"), .key = STR("k")}), ERR_OK);
    assert_true(str_eqz(((const struct stream_put_answer *)c.call.out)->sequence, "4")); /* numbers never come again */
    arena_fini(&c.arena);
}

/* ---- routing ----------------------------------------------------------------------------------------------------------------------------
 */
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
    struct delivery d = {.arn = STR("arn:aws:kinesis:us-east-1:111122223333:stream/s"),
                         .account = STR("111122223333"),
                         .input = STR("{}"),
                         .event_id = STR("7bf73129-1428-4cd3-a780-95db273d1602"),
                         .now_ms = 5};
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

/* 256 characters, however many bytes they take. */
static void partition_keys_are_measured_in_characters(void **state) {
    (void)state;
    struct arena a;
    struct txn txn;
    char ascii[257], wide[256 * 4 + 4];
    create("s", 1);
    arena_init(&a, 0);
    txn_init(&txn, &a);
    memset(ascii, 'k', sizeof ascii);
    for (size_t i = 0; i < sizeof wide; i += 4) memcpy(wide + i, "\xf0\x9f\x98\x80", 4);
    struct delivery d = {.arn = STR("arn:aws:kinesis:us-east-1:111122223333:stream/s"),
                         .account = STR("111122223333"),
                         .input = STR("{}"),
                         .event_id = STR("e"),
                         .now_ms = 5};
    const struct {
        struct str key;
        enum outcome outcome;
    } rows[] = {{str_of(ascii, 256), OUTCOME_DELIVERED},
                {str_of(ascii, 257), OUTCOME_INVALID_PARAMETER},
                {str_of(wide, 256 * 4), OUTCOME_DELIVERED},
                {str_of(wide, 257 * 4), OUTCOME_INVALID_PARAMETER}};
    for (size_t i = 0; i < 4; i++) {
        d.partition_key = rows[i].key;
        assert_int_equal(route(&d, &txn), rows[i].outcome);
    }
    assert_int_equal(txn.count, 2);
    arena_fini(&a);
}

static void a_full_arena_is_an_error_of_ours(void **state) {
    (void)state;
    struct arena a;
    struct txn txn;
    create("s", 1);
    arena_init(&a, 1);
    txn_init(&txn, &a);
    struct delivery d = {.arn = STR("arn:aws:kinesis:us-east-1:111122223333:stream/s"),
                         .account = STR("111122223333"),
                         .input = STR("{}"),
                         .event_id = STR("e"),
                         .now_ms = 5};
    assert_int_equal(route(&d, &txn), OUTCOME_INTERNAL_ERROR);
    assert_int_equal(txn.count, 0);
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
        T(other_spellings_of_an_arn_name_no_stream),
        T(takes_arns_of_streams_only),
        T(policies_are_asked_about_the_stream),
        T(lists_of_streams_have_pages),
        T(lists_of_shards_have_pages),
        T(many_records_are_put_in_order_or_not_at_all),
        T(answers_say_how_far_behind_they_are),
        T(sequence_numbers_must_come_from_the_shard),
        T(an_iterator_is_of_one_stream_not_of_its_name),
        T(more_shards_than_the_limit_are_refused),
        cmocka_unit_test_setup_teardown(old_records_go, setup_at_noon, teardown),
        T(partition_keys_are_measured_in_characters),
        T(a_full_arena_is_an_error_of_ours),
    };
    return cmocka_run_group_tests_name("targets/stream", tests, NULL, NULL);
}
