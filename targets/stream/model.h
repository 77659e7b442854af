/* The stream service's data: Kinesis Data Streams' requests and answers, with their shapes (docs.aws.amazon.com/kinesis/latest/APIReference).
 * UpdateStream is ours. A stream is named by StreamName (in the caller's account) or StreamARN. */
#ifndef STREAM_MODEL_H
#define STREAM_MODEL_H

#include "operation.h"

enum {
    STREAM_SHARDS_ASKED = 10000, /* a request may name so many, as with Kinesis; */
    STREAM_SHARDS_MAX = 256,     /* more than these are past this installation's limit */
    STREAM_KEY_MAX = 256,        /* characters */
    STREAM_HOURS_DEFAULT = 24,
    STREAM_HOURS_MAX = 8760,
    STREAM_DATA_MAX = 1048576,
    STREAM_GET_MAX = 10000
};

struct stream_create { /* CreateStream, UpdateStream */
    struct str name, arn;
    struct opt_i64 shards, hours;
};
struct stream_reference { /* DeleteStream, DescribeStreamSummary */
    struct str name, arn;
};
struct stream_describe {
    struct str name, arn;
    struct opt_i64 limit;
    struct str start;
};
struct stream_hours { /* Increase/DecreaseStreamRetentionPeriod */
    struct str name, arn;
    struct opt_i64 hours;
};
struct stream_hash_range { struct str first, last; };
struct stream_sequence_range { struct str first; };
struct stream_shard {
    struct str id;
    struct stream_hash_range *hash;
    struct stream_sequence_range *sequence;
};
struct stream_description {
    struct str name, arn, status;
    struct opt_i64 hours, created_ms, open_shards;
    struct list shards; /* stream_shard */
    struct opt_bool more;
};
struct stream_description_answer { struct stream_description *description; };
struct stream_list { struct str after, token; struct opt_i64 limit; };
struct stream_list_answer { struct list names; struct opt_bool more; struct str token; };
struct stream_list_shards { struct str name, arn, token; struct opt_i64 limit; };
struct stream_list_shards_answer { struct list shards; struct str token; };
struct stream_put { struct str name, arn, data, key, hash_key; };
struct stream_put_answer { struct str shard, sequence; };
struct stream_put_entry { struct str data, key, hash_key; };
struct stream_put_many { struct str name, arn; struct list records; /* stream_put_entry */ };
struct stream_put_result { struct str shard, sequence; };
struct stream_put_many_answer { struct opt_i64 failed; struct list records; /* stream_put_result */ };
struct stream_iterator { struct str name, arn, shard, type, sequence; struct opt_i64 timestamp_ms; };
struct stream_iterator_answer { struct str iterator; };
struct stream_get { struct str iterator; struct opt_i64 limit; };
struct stream_record { struct str sequence, key, data; struct opt_i64 arrival_ms; };
struct stream_get_answer { struct list records; /* stream_record */ struct str next; struct opt_i64 behind_ms; };

extern const struct operation stream_operations[]; /* ended by name == NULL */

#endif
