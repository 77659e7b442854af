/* The queue service's data: SQS's requests and answers, with their shapes (docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference, the JSON
 * protocol). QueueUrl is taken as a URL that ends in /ACCOUNT/NAME, as an ARN, or as a name in the caller's account. */
#ifndef QUEUE_MODEL_H
#define QUEUE_MODEL_H

#include "operation.h"

enum { QUEUE_MESSAGE_MAX = 1048576, QUEUE_BATCH_MAX = 10, QUEUE_WAIT_MAX_S = 20, QUEUE_HIDDEN_MAX_S = 43200 };

struct queue_attribute_value { /* of a message attribute; the value of a map */
    struct str type, text, binary;
};
struct queue_create { struct str name; struct list attributes; /* map_entry: s */ };
struct queue_url { struct str url; }; /* answers of CreateQueue and GetQueueUrl; requests of DeleteQueue, PurgeQueue */
struct queue_get_url { struct str name, owner; };
struct queue_list { struct str prefix, token; struct opt_i64 max; };
struct queue_list_answer { struct list urls; struct str token; };
struct queue_get_attributes { struct str url; struct list names; };
struct queue_attributes { struct list attributes; /* map_entry: s */ };
struct queue_set_attributes { struct str url; struct list attributes; };
struct queue_send {
    struct str url, body, group, dedup;
    struct opt_i64 delay;
    struct list attributes; /* map_entry: p -> queue_attribute_value */
};
struct queue_send_answer { struct str md5, md5_attributes, id, sequence; };
struct queue_send_entry {
    struct str entry_id, body, group, dedup;
    struct opt_i64 delay;
    struct list attributes;
};
struct queue_send_batch { struct str url; struct list entries; };
struct queue_send_result { struct str entry_id, md5, md5_attributes, id, sequence; };
struct queue_batch_error { struct str entry_id, code, message; struct opt_bool sender_fault; };
struct queue_send_batch_answer { struct list successful, failed; };
struct queue_receive {
    struct str url, attempt_id;
    struct list attribute_names, system_names, message_attribute_names;
    struct opt_i64 max, visibility, wait;
};
struct queue_message {
    struct str id, handle, md5, body, md5_attributes;
    struct list attributes;         /* map_entry: s */
    struct list message_attributes; /* map_entry: p -> queue_attribute_value */
};
struct queue_receive_answer { struct list messages; };
struct queue_handle { struct str url, handle; struct opt_i64 visibility; }; /* DeleteMessage, ChangeMessageVisibility */
struct queue_handle_entry { struct str entry_id, handle; struct opt_i64 visibility; };
struct queue_handle_batch { struct str url; struct list entries; };
struct queue_entry_result { struct str entry_id; };
struct queue_handle_batch_answer { struct list successful, failed; };
struct queue_sources { struct str url, token; struct opt_i64 max; };

extern const struct operation queue_operations[]; /* ended by name == NULL */

#endif
