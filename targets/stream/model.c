#include "model.h"

#define TEXT(var, aws, ...) static const struct shape var = {.type = SHAPE_STRING, .name = aws, __VA_ARGS__}
#define NUMBER(var, aws, low, high) \
    static const struct shape var = {.type = SHAPE_INTEGER, .name = aws, .has_min = true, .min = low, .has_max = true, .max = high}
#define LIST(var, aws, of, ...) static const struct shape var = {.type = SHAPE_LIST, .name = aws, .item = &of, __VA_ARGS__}
#define STRUCTURE(var, aws, type_, ...)                                       \
    static const struct member var##_members[] = {__VA_ARGS__, MEMBER_END};   \
    static const struct shape var = {.type = SHAPE_STRUCT, .name = aws, .size = sizeof(type_), .members = var##_members}

static const char *const iterator_types[] = {"AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "TRIM_HORIZON", "LATEST", "AT_TIMESTAMP", NULL};
static const struct shape any_text = {.type = SHAPE_STRING, .name = "String"}, any_number = {.type = SHAPE_INTEGER, .name = "Long"};
static const struct shape flag = {.type = SHAPE_BOOLEAN, .name = "BooleanObject"}, when = {.type = SHAPE_TIMESTAMP, .name = "Timestamp"};
TEXT(stream_name, "StreamName", .has_min = true, .min = 1, .has_max = true, .max = 128, .pattern = "[a-zA-Z0-9_.-]+");
TEXT(stream_arn, "StreamARN", .has_min = true, .min = 1, .has_max = true, .max = 2048, .pattern = "arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+",
     .posix = "^arn:aws[^:]*:kinesis:[^:]*:[0-9]{12}:stream/[^[:space:]]+$");
TEXT(shard_id, "ShardId", .has_min = true, .min = 1, .has_max = true, .max = 128, .pattern = "[a-zA-Z0-9_.-]+");
TEXT(sequence, "SequenceNumber", .pattern = "0|([1-9]\\d{0,128})", .posix = "^(0|[1-9][0-9]{0,128})$");
TEXT(partition_key, "PartitionKey", .has_min = true, .min = 1, .has_max = true, .max = STREAM_KEY_MAX);
TEXT(hash_key, "HashKey", .pattern = "0|([1-9]\\d{0,38})", .posix = "^(0|[1-9][0-9]{0,38})$");
TEXT(iterator, "ShardIterator", .has_min = true, .min = 1, .has_max = true, .max = 512);
TEXT(token, "NextToken", .has_min = true, .min = 1, .has_max = true, .max = 2048);
static const struct shape iterator_type = {.type = SHAPE_STRING, .name = "ShardIteratorType", .values = iterator_types};
static const struct shape data = {.type = SHAPE_BLOB, .name = "Data", .has_max = true, .max = STREAM_DATA_MAX};
NUMBER(shard_count, "PositiveIntegerObject", 1, STREAM_SHARDS_ASKED);
NUMBER(hours, "RetentionPeriodHours", 24, STREAM_HOURS_MAX);
NUMBER(get_limit, "GetRecordsInputLimit", 1, STREAM_GET_MAX);
NUMBER(list_limit, "ListLimit", 1, 10000);

#define NAMED(type) MEMBER(type, name, "StreamName", &stream_name, OPTIONAL, "the stream's name"), \
                    MEMBER(type, arn, "StreamARN", &stream_arn, OPTIONAL, "its ARN, instead of the name")

STRUCTURE(create, "CreateStreamInput", struct stream_create, MEMBER(struct stream_create, name, "StreamName", &stream_name, REQUIRED, "the stream's name"),
          MEMBER(struct stream_create, shards, "ShardCount", &shard_count, OPTIONAL, "shards, 1 when left out"),
          MEMBER(struct stream_create, hours, "RetentionPeriodHours", &hours, OPTIONAL, "how long records are kept, 24 when left out"));
STRUCTURE(update, "UpdateStreamInput", struct stream_create, NAMED(struct stream_create),
          MEMBER(struct stream_create, shards, "ShardCount", &shard_count, OPTIONAL, "must be what the stream has"),
          MEMBER(struct stream_create, hours, "RetentionPeriodHours", &hours, OPTIONAL, "how long records are kept"));
STRUCTURE(delete, "DeleteStreamInput", struct stream_reference, NAMED(struct stream_reference));
STRUCTURE(summary, "DescribeStreamSummaryInput", struct stream_reference, NAMED(struct stream_reference));
STRUCTURE(describe, "DescribeStreamInput", struct stream_describe, NAMED(struct stream_describe),
          MEMBER(struct stream_describe, limit, "Limit", &list_limit, OPTIONAL, "shards in one answer (100)"),
          MEMBER(struct stream_describe, start, "ExclusiveStartShardId", &shard_id, OPTIONAL, "shards after this one"));
STRUCTURE(change_hours, "StreamRetentionPeriodInput", struct stream_hours, NAMED(struct stream_hours),
          MEMBER(struct stream_hours, hours, "RetentionPeriodHours", &hours, REQUIRED, "how long records are kept"));
STRUCTURE(hash_range, "HashKeyRange", struct stream_hash_range, MEMBER(struct stream_hash_range, first, "StartingHashKey", &any_text, OPTIONAL, "lowest hash"),
          MEMBER(struct stream_hash_range, last, "EndingHashKey", &any_text, OPTIONAL, "highest hash"));
STRUCTURE(sequence_range, "SequenceNumberRange", struct stream_sequence_range,
          MEMBER(struct stream_sequence_range, first, "StartingSequenceNumber", &any_text, OPTIONAL, "first number"));
STRUCTURE(shard, "Shard", struct stream_shard, MEMBER(struct stream_shard, id, "ShardId", &any_text, OPTIONAL, "shardId-000000000000"),
          MEMBER(struct stream_shard, hash, "HashKeyRange", &hash_range, OPTIONAL, "which partition keys it takes"),
          MEMBER(struct stream_shard, sequence, "SequenceNumberRange", &sequence_range, OPTIONAL, "its numbers"));
LIST(shards, "ShardList", shard);
#define DESCRIBED                                                                                                               \
    MEMBER(struct stream_description, name, "StreamName", &any_text, OPTIONAL, "name"),                                         \
        MEMBER(struct stream_description, arn, "StreamARN", &any_text, OPTIONAL, "ARN"),                                        \
        MEMBER(struct stream_description, status, "StreamStatus", &any_text, OPTIONAL, "ACTIVE"),                               \
        MEMBER(struct stream_description, hours, "RetentionPeriodHours", &any_number, OPTIONAL, "how long records are kept"),   \
        MEMBER(struct stream_description, created_ms, "StreamCreationTimestamp", &when, OPTIONAL, "when it was made")
STRUCTURE(description, "StreamDescription", struct stream_description, DESCRIBED,
          MEMBER(struct stream_description, shards, "Shards", &shards, OPTIONAL, "its shards"),
          MEMBER(struct stream_description, more, "HasMoreShards", &flag, OPTIONAL, "there are more shards"));
STRUCTURE(described, "DescribeStreamOutput", struct stream_description_answer,
          MEMBER(struct stream_description_answer, description, "StreamDescription", &description, OPTIONAL, "the stream"));
STRUCTURE(summary_description, "StreamDescriptionSummary", struct stream_description, DESCRIBED,
          MEMBER(struct stream_description, open_shards, "OpenShardCount", &any_number, OPTIONAL, "number of shards"));
STRUCTURE(summarized, "DescribeStreamSummaryOutput", struct stream_description_answer,
          MEMBER(struct stream_description_answer, description, "StreamDescriptionSummary", &summary_description, OPTIONAL, "the stream"));
LIST(names, "StreamNameList", any_text);
STRUCTURE(list, "ListStreamsInput", struct stream_list, MEMBER(struct stream_list, after, "ExclusiveStartStreamName", &stream_name, OPTIONAL, "names after this one"),
          MEMBER(struct stream_list, token, "NextToken", &token, OPTIONAL, "NextToken of the page before"),
          MEMBER(struct stream_list, limit, "Limit", &list_limit, OPTIONAL, "names in one answer (100)"));
STRUCTURE(listed, "ListStreamsOutput", struct stream_list_answer, MEMBER(struct stream_list_answer, names, "StreamNames", &names, OPTIONAL, "in order"),
          MEMBER(struct stream_list_answer, more, "HasMoreStreams", &flag, OPTIONAL, "there are more"),
          MEMBER(struct stream_list_answer, token, "NextToken", &any_text, OPTIONAL, "ask again with this"));
STRUCTURE(list_shards, "ListShardsInput", struct stream_list_shards, NAMED(struct stream_list_shards),
          MEMBER(struct stream_list_shards, token, "NextToken", &token, OPTIONAL, "NextToken of the page before"),
          MEMBER(struct stream_list_shards, limit, "MaxResults", &list_limit, OPTIONAL, "shards in one answer (1,000)"));
STRUCTURE(listed_shards, "ListShardsOutput", struct stream_list_shards_answer,
          MEMBER(struct stream_list_shards_answer, shards, "Shards", &shards, OPTIONAL, "in order"),
          MEMBER(struct stream_list_shards_answer, token, "NextToken", &any_text, OPTIONAL, "ask again with this"));
STRUCTURE(put, "PutRecordInput", struct stream_put, NAMED(struct stream_put), MEMBER(struct stream_put, data, "Data", &data, REQUIRED, "the record, base64"),
          MEMBER(struct stream_put, key, "PartitionKey", &partition_key, REQUIRED, "its MD5 picks the shard"),
          MEMBER(struct stream_put, hash_key, "ExplicitHashKey", &hash_key, OPTIONAL, "picks the shard instead"));
STRUCTURE(put_answer, "PutRecordOutput", struct stream_put_answer, MEMBER(struct stream_put_answer, shard, "ShardId", &any_text, OPTIONAL, "where it went"),
          MEMBER(struct stream_put_answer, sequence, "SequenceNumber", &any_text, OPTIONAL, "its number in the shard"));
STRUCTURE(put_entry, "PutRecordsRequestEntry", struct stream_put_entry, MEMBER(struct stream_put_entry, data, "Data", &data, REQUIRED, "the record, base64"),
          MEMBER(struct stream_put_entry, key, "PartitionKey", &partition_key, REQUIRED, "its MD5 picks the shard"),
          MEMBER(struct stream_put_entry, hash_key, "ExplicitHashKey", &hash_key, OPTIONAL, "picks the shard instead"));
LIST(put_entries, "PutRecordsRequestEntryList", put_entry, .has_min = true, .min = 1, .has_max = true, .max = 500);
STRUCTURE(put_many, "PutRecordsInput", struct stream_put_many, NAMED(struct stream_put_many),
          MEMBER(struct stream_put_many, records, "Records", &put_entries, REQUIRED, "1 to 500 records"));
STRUCTURE(put_result, "PutRecordsResultEntry", struct stream_put_result, MEMBER(struct stream_put_result, sequence, "SequenceNumber", &any_text, OPTIONAL, "its number"),
          MEMBER(struct stream_put_result, shard, "ShardId", &any_text, OPTIONAL, "where it went"));
LIST(put_results, "PutRecordsResultEntryList", put_result);
STRUCTURE(put_many_answer, "PutRecordsOutput", struct stream_put_many_answer,
          MEMBER(struct stream_put_many_answer, failed, "FailedRecordCount", &any_number, OPTIONAL, "how many failed"),
          MEMBER(struct stream_put_many_answer, records, "Records", &put_results, OPTIONAL, "in order"));
STRUCTURE(iterate, "GetShardIteratorInput", struct stream_iterator, NAMED(struct stream_iterator),
          MEMBER(struct stream_iterator, shard, "ShardId", &shard_id, REQUIRED, "the shard"),
          MEMBER(struct stream_iterator, type, "ShardIteratorType", &iterator_type, REQUIRED, "where to begin"),
          MEMBER(struct stream_iterator, sequence, "StartingSequenceNumber", &sequence, OPTIONAL, "for the two SEQUENCE_NUMBER types"),
          MEMBER(struct stream_iterator, timestamp_ms, "Timestamp", &when, OPTIONAL, "for AT_TIMESTAMP"));
STRUCTURE(iterated, "GetShardIteratorOutput", struct stream_iterator_answer,
          MEMBER(struct stream_iterator_answer, iterator, "ShardIterator", &any_text, OPTIONAL, "good for five minutes"));
STRUCTURE(get, "GetRecordsInput", struct stream_get, MEMBER(struct stream_get, iterator, "ShardIterator", &iterator, REQUIRED, "of GetShardIterator or the last GetRecords"),
          MEMBER(struct stream_get, limit, "Limit", &get_limit, OPTIONAL, "records in one answer (10,000, at most 10 MiB)"));
STRUCTURE(record, "Record", struct stream_record, MEMBER(struct stream_record, sequence, "SequenceNumber", &any_text, OPTIONAL, "its number in the shard"),
          MEMBER(struct stream_record, arrival_ms, "ApproximateArrivalTimestamp", &when, OPTIONAL, "when it was accepted"),
          MEMBER(struct stream_record, data, "Data", &data, OPTIONAL, "the record, base64"),
          MEMBER(struct stream_record, key, "PartitionKey", &any_text, OPTIONAL, "its partition key"));
LIST(records, "RecordList", record);
STRUCTURE(got, "GetRecordsOutput", struct stream_get_answer, MEMBER(struct stream_get_answer, records, "Records", &records, OPTIONAL, "in order"),
          MEMBER(struct stream_get_answer, next, "NextShardIterator", &any_text, OPTIONAL, "where to go on"),
          MEMBER(struct stream_get_answer, behind_ms, "MillisBehindLatest", &any_number, OPTIONAL, "age of the next record; 0: there is none"));

#define OP(name, in, out, access, help, example) {"kinesis", name, &in, out, "kinesis:" name, access, help, example}
const struct operation stream_operations[] = {
    OP("CreateStream", create, NULL, ACCESS_WRITE, "Makes a stream: an append-only log in shards.", "busctl create-stream --stream-name events --shard-count 2"),
    OP("UpdateStream", update, NULL, ACCESS_WRITE, "Changes a stream's retention.", "busctl update-stream --stream-name events --retention-period-hours 48"),
    OP("DeleteStream", delete, NULL, ACCESS_WRITE, "Removes a stream and its records.", "busctl delete-stream --stream-name events"),
    OP("DescribeStream", describe, &described, ACCESS_READ, "Shows a stream with its shards.", "busctl describe-stream --stream-name events"),
    OP("DescribeStreamSummary", summary, &summarized, ACCESS_READ, "Shows a stream.", "busctl describe-stream-summary --stream-name events"),
    OP("ListStreams", list, &listed, ACCESS_READ, "Lists the account's streams.", "busctl list-streams"),
    OP("ListShards", list_shards, &listed_shards, ACCESS_READ, "Lists a stream's shards.", "busctl list-shards --stream-name events"),
    OP("PutRecord", put, &put_answer, ACCESS_DATA, "Appends a record.", "busctl put-record --stream-name events --partition-key k --data aGVsbG8="),
    OP("PutRecords", put_many, &put_many_answer, ACCESS_DATA, "Appends up to 500 records.", NULL),
    OP("GetShardIterator", iterate, &iterated, ACCESS_DATA, "Gives a place to read a shard from.",
       "busctl get-shard-iterator --stream-name events --shard-id shardId-000000000000 --shard-iterator-type TRIM_HORIZON"),
    OP("GetRecords", get, &got, ACCESS_DATA, "Reads records from an iterator on.", "busctl get-records --shard-iterator ..."),
    OP("IncreaseStreamRetentionPeriod", change_hours, NULL, ACCESS_WRITE, "Keeps records for longer.", NULL),
    OP("DecreaseStreamRetentionPeriod", change_hours, NULL, ACCESS_WRITE, "Keeps records for a shorter time.", NULL),
    {.name = NULL},
};
