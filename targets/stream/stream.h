/* Streams: what the service and the adapter share.
 *
 * A shard takes the partition keys whose MD5, as a 128-bit number, lies in its range; the ranges split the space evenly, as Kinesis does. Sequence numbers
 * grow within a shard and are shown as plain decimal numbers. */
#ifndef STREAM_STREAM_H
#define STREAM_STREAM_H

#include "model.h"
#include "resources.h"
#include "target.h"

struct stream {
    struct resource r;
    int64_t number;
    uint32_t shards;
    int64_t hours, created_ms;
};

struct stream_service {
    const struct target_host *host;
    struct resources streams;
    struct service service;
    uint8_t token_key[16]; /* authenticates iterators; of this process */
    pthread_t trimmer;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool running, stopping;
};

extern const struct handler_row stream_handlers[];

/* The shard that takes this hash (the MD5 of a partition key, or an explicit one). */
uint32_t stream_shard_of(const struct stream *s, const uint8_t hash[16]);
/* First hash of a shard, as a big-endian number; shard == shards: one past the last (all zero). */
void stream_shard_start(const struct stream *s, uint32_t shard, uint8_t hash[16]);
/* Decimal text of a 128-bit big-endian number, and back. */
struct str stream_hash_text(const uint8_t hash[16], struct arena *a);
bool stream_hash_parse(struct str text, uint8_t hash[16]);
/* "arn:aws:kinesis:...:stream/NAME" into a. */
struct str stream_arn(const struct target_host *host, struct arena *a, struct str account, struct str name);

#endif
