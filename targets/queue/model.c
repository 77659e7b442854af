#include "model.h"

#define TEXT(var, aws, ...) static const struct shape var = {.type = SHAPE_STRING, .name = aws, __VA_ARGS__}
#define NUMBER(var, aws, low, high) \
    static const struct shape var = {.type = SHAPE_INTEGER, .name = aws, .has_min = true, .min = low, .has_max = true, .max = high}
#define LIST(var, aws, of, ...) static const struct shape var = {.type = SHAPE_LIST, .name = aws, .item = &of, __VA_ARGS__}
#define MAP(var, aws, of, ...) static const struct shape var = {.type = SHAPE_MAP, .name = aws, .item = &of, __VA_ARGS__}
#define STRUCTURE(var, aws, type_, ...)                                       \
    static const struct member var##_members[] = {__VA_ARGS__, MEMBER_END};   \
    static const struct shape var = {.type = SHAPE_STRUCT, .name = aws, .size = sizeof(type_), .members = var##_members}
#define BATCH .has_min = true, .min = 1, .has_max = true, .max = QUEUE_BATCH_MAX

static const struct shape text = {.type = SHAPE_STRING, .name = "String"}, flag = {.type = SHAPE_BOOLEAN, .name = "Boolean"};
TEXT(queue_name, "QueueName", .has_min = true, .min = 1, .has_max = true, .max = 80, .pattern = "[A-Za-z0-9_-]+(\\.fifo)?",
     .posix = "^[A-Za-z0-9_-]+(\\.fifo)?$");
TEXT(queue_ref, "QueueUrl", .has_min = true, .min = 1, .has_max = true, .max = 2048);
TEXT(token, "Token", .has_min = true, .min = 1, .has_max = true, .max = 2048);
TEXT(entry_id, "BatchEntryId", .has_min = true, .min = 1, .has_max = true, .max = 80, .pattern = "[A-Za-z0-9_-]+");
TEXT(body, "MessageBody", .has_min = true, .min = 1, .has_max = true, .max = QUEUE_MESSAGE_MAX);
TEXT(group, "MessageGroupId", .has_min = true, .min = 1, .has_max = true, .max = 128);
TEXT(dedup, "MessageDeduplicationId", .has_min = true, .min = 1, .has_max = true, .max = 128);
TEXT(handle_text, "ReceiptHandle", .has_min = true, .min = 1, .has_max = true, .max = 1024);
TEXT(attribute_name, "MessageAttributeName", .has_min = true, .min = 1, .has_max = true, .max = 256);
TEXT(account, "AccountId", .pattern = "\\d{12}", .posix = "^[0-9]{12}$");
static const struct shape binary = {.type = SHAPE_BLOB, .name = "Binary"};
NUMBER(max_messages, "NumberOfMessages", 1, QUEUE_BATCH_MAX);
NUMBER(max_results, "BoxedInteger", 1, 1000);
NUMBER(hidden, "VisibilityTimeout", 0, QUEUE_HIDDEN_MAX_S);
NUMBER(wait, "WaitTimeSeconds", 0, QUEUE_WAIT_MAX_S);
NUMBER(delay, "DelaySeconds", 0, 900);
LIST(names, "AttributeNameList", text);
LIST(urls, "QueueUrlList", text);
MAP(attributes, "QueueAttributeMap", text);
STRUCTURE(attribute_value, "MessageAttributeValue", struct queue_attribute_value,
          MEMBER(struct queue_attribute_value, type, "DataType", &text, REQUIRED, "String, Number or Binary"),
          MEMBER(struct queue_attribute_value, text, "StringValue", &text, OPTIONAL, "value of String and Number"),
          MEMBER(struct queue_attribute_value, binary, "BinaryValue", &binary, OPTIONAL, "value of Binary, base64"));
MAP(message_attributes, "MessageBodyAttributeMap", attribute_value, .key = &attribute_name, .has_max = true, .max = 10);

#define URL(type) MEMBER(type, url, "QueueUrl", &queue_ref, REQUIRED, "the queue: URL, ARN or name")
STRUCTURE(create, "CreateQueueRequest", struct queue_create, MEMBER(struct queue_create, name, "QueueName", &queue_name, REQUIRED, "name; of a FIFO queue it ends in .fifo"),
          MEMBER(struct queue_create, attributes, "Attributes", &attributes, OPTIONAL, "VisibilityTimeout, RedrivePolicy..."));
STRUCTURE(url_answer, "QueueUrlResult", struct queue_url, MEMBER(struct queue_url, url, "QueueUrl", &text, OPTIONAL, "the queue's URL"));
STRUCTURE(url_only, "QueueUrlRequest", struct queue_url, URL(struct queue_url));
STRUCTURE(get_url, "GetQueueUrlRequest", struct queue_get_url, MEMBER(struct queue_get_url, name, "QueueName", &queue_name, REQUIRED, "the queue's name"),
          MEMBER(struct queue_get_url, owner, "QueueOwnerAWSAccountId", &account, OPTIONAL, "its account"));
STRUCTURE(list, "ListQueuesRequest", struct queue_list, MEMBER(struct queue_list, prefix, "QueueNamePrefix", &text, OPTIONAL, "only names that begin so"),
          MEMBER(struct queue_list, token, "NextToken", &token, OPTIONAL, "NextToken of the page before"),
          MEMBER(struct queue_list, max, "MaxResults", &max_results, OPTIONAL, "queues in one answer (1,000)"));
STRUCTURE(listed, "ListQueuesResult", struct queue_list_answer, MEMBER(struct queue_list_answer, urls, "QueueUrls", &urls, OPTIONAL, "in order of name"),
          MEMBER(struct queue_list_answer, token, "NextToken", &text, OPTIONAL, "ask again with this"));
STRUCTURE(sources, "ListDeadLetterSourceQueuesRequest", struct queue_sources, URL(struct queue_sources),
          MEMBER(struct queue_sources, token, "NextToken", &token, OPTIONAL, "NextToken of the page before"),
          MEMBER(struct queue_sources, max, "MaxResults", &max_results, OPTIONAL, "queues in one answer (1,000)"));
STRUCTURE(source_list, "ListDeadLetterSourceQueuesResult", struct queue_list_answer, MEMBER(struct queue_list_answer, urls, "queueUrls", &urls, OPTIONAL, "queues that redrive here"),
          MEMBER(struct queue_list_answer, token, "NextToken", &text, OPTIONAL, "ask again with this"));
STRUCTURE(get_attributes, "GetQueueAttributesRequest", struct queue_get_attributes, URL(struct queue_get_attributes),
          MEMBER(struct queue_get_attributes, names, "AttributeNames", &names, OPTIONAL, "names, or All"));
STRUCTURE(attributes_answer, "GetQueueAttributesResult", struct queue_attributes, MEMBER(struct queue_attributes, attributes, "Attributes", &attributes, OPTIONAL, "what was asked for"));
STRUCTURE(set_attributes, "SetQueueAttributesRequest", struct queue_set_attributes, URL(struct queue_set_attributes),
          MEMBER(struct queue_set_attributes, attributes, "Attributes", &attributes, REQUIRED, "what changes"));
#define MESSAGE(type)                                                                                                                  \
    MEMBER(type, body, "MessageBody", &body, REQUIRED, "the message"), MEMBER(type, delay, "DelaySeconds", &delay, OPTIONAL, "hidden for so long"), \
        MEMBER(type, attributes, "MessageAttributes", &message_attributes, OPTIONAL, "name -> {DataType, StringValue}"),              \
        MEMBER(type, dedup, "MessageDeduplicationId", &dedup, OPTIONAL, "FIFO: equal ids within five minutes are one message"),       \
        MEMBER(type, group, "MessageGroupId", &group, OPTIONAL, "FIFO: order is kept within a group")
#define SENT(type)                                                                                                                     \
    MEMBER(type, md5, "MD5OfMessageBody", &text, OPTIONAL, "of the body"),                                                            \
        MEMBER(type, md5_attributes, "MD5OfMessageAttributes", &text, OPTIONAL, "of the attributes"),                                 \
        MEMBER(type, id, "MessageId", &text, OPTIONAL, "the message's id"), MEMBER(type, sequence, "SequenceNumber", &text, OPTIONAL, "FIFO: its place")
STRUCTURE(send, "SendMessageRequest", struct queue_send, URL(struct queue_send), MESSAGE(struct queue_send));
STRUCTURE(sent, "SendMessageResult", struct queue_send_answer, SENT(struct queue_send_answer));
STRUCTURE(send_entry, "SendMessageBatchRequestEntry", struct queue_send_entry, MEMBER(struct queue_send_entry, entry_id, "Id", &entry_id, REQUIRED, "names it in the answer"),
          MESSAGE(struct queue_send_entry));
LIST(send_entries, "SendMessageBatchRequestEntryList", send_entry, BATCH);
STRUCTURE(send_batch, "SendMessageBatchRequest", struct queue_send_batch, URL(struct queue_send_batch),
          MEMBER(struct queue_send_batch, entries, "Entries", &send_entries, REQUIRED, "1 to 10 messages"));
STRUCTURE(send_result, "SendMessageBatchResultEntry", struct queue_send_result, MEMBER(struct queue_send_result, entry_id, "Id", &text, OPTIONAL, "of the entry"),
          SENT(struct queue_send_result));
LIST(send_results, "SendMessageBatchResultEntryList", send_result);
STRUCTURE(batch_error, "BatchResultErrorEntry", struct queue_batch_error, MEMBER(struct queue_batch_error, entry_id, "Id", &text, OPTIONAL, "of the entry"),
          MEMBER(struct queue_batch_error, code, "Code", &text, OPTIONAL, "error"), MEMBER(struct queue_batch_error, message, "Message", &text, OPTIONAL, "in words"),
          MEMBER(struct queue_batch_error, sender_fault, "SenderFault", &flag, OPTIONAL, "the sender's mistake"));
LIST(batch_errors, "BatchResultErrorEntryList", batch_error);
STRUCTURE(send_batch_answer, "SendMessageBatchResult", struct queue_send_batch_answer,
          MEMBER(struct queue_send_batch_answer, successful, "Successful", &send_results, OPTIONAL, "sent"),
          MEMBER(struct queue_send_batch_answer, failed, "Failed", &batch_errors, OPTIONAL, "not sent"));
STRUCTURE(receive, "ReceiveMessageRequest", struct queue_receive, URL(struct queue_receive),
          MEMBER(struct queue_receive, max, "MaxNumberOfMessages", &max_messages, OPTIONAL, "1 to 10; 1"),
          MEMBER(struct queue_receive, visibility, "VisibilityTimeout", &hidden, OPTIONAL, "seconds for which others do not see them"),
          MEMBER(struct queue_receive, wait, "WaitTimeSeconds", &wait, OPTIONAL, "seconds to wait when there are none"),
          MEMBER(struct queue_receive, attribute_names, "AttributeNames", &names, OPTIONAL, "SentTimestamp, ApproximateReceiveCount... or All"),
          MEMBER(struct queue_receive, system_names, "MessageSystemAttributeNames", &names, OPTIONAL, "the same"),
          MEMBER(struct queue_receive, message_attribute_names, "MessageAttributeNames", &names, OPTIONAL, "names, prefix.*, or All"),
          MEMBER(struct queue_receive, attempt_id, "ReceiveRequestAttemptId", &text, OPTIONAL, "not used"));
STRUCTURE(message, "Message", struct queue_message, MEMBER(struct queue_message, id, "MessageId", &text, OPTIONAL, "the message's id"),
          MEMBER(struct queue_message, handle, "ReceiptHandle", &text, OPTIONAL, "to delete it with"),
          MEMBER(struct queue_message, md5, "MD5OfBody", &text, OPTIONAL, "of the body"), MEMBER(struct queue_message, body, "Body", &text, OPTIONAL, "the message"),
          MEMBER(struct queue_message, attributes, "Attributes", &attributes, OPTIONAL, "what was asked for"),
          MEMBER(struct queue_message, md5_attributes, "MD5OfMessageAttributes", &text, OPTIONAL, "of the attributes given"),
          MEMBER(struct queue_message, message_attributes, "MessageAttributes", &message_attributes, OPTIONAL, "what was asked for"));
LIST(messages, "MessageList", message);
STRUCTURE(received, "ReceiveMessageResult", struct queue_receive_answer, MEMBER(struct queue_receive_answer, messages, "Messages", &messages, OPTIONAL, "the messages"));
#define HANDLE(type) MEMBER(type, handle, "ReceiptHandle", &handle_text, REQUIRED, "of the receive")
STRUCTURE(delete, "DeleteMessageRequest", struct queue_handle, URL(struct queue_handle), HANDLE(struct queue_handle));
STRUCTURE(change, "ChangeMessageVisibilityRequest", struct queue_handle, URL(struct queue_handle), HANDLE(struct queue_handle),
          MEMBER(struct queue_handle, visibility, "VisibilityTimeout", &hidden, REQUIRED, "seconds from now"));
STRUCTURE(delete_entry, "DeleteMessageBatchRequestEntry", struct queue_handle_entry, MEMBER(struct queue_handle_entry, entry_id, "Id", &entry_id, REQUIRED, "names it in the answer"),
          HANDLE(struct queue_handle_entry));
STRUCTURE(change_entry, "ChangeMessageVisibilityBatchRequestEntry", struct queue_handle_entry,
          MEMBER(struct queue_handle_entry, entry_id, "Id", &entry_id, REQUIRED, "names it in the answer"), HANDLE(struct queue_handle_entry),
          MEMBER(struct queue_handle_entry, visibility, "VisibilityTimeout", &hidden, REQUIRED, "seconds from now"));
LIST(delete_entries, "DeleteMessageBatchRequestEntryList", delete_entry, BATCH);
LIST(change_entries, "ChangeMessageVisibilityBatchRequestEntryList", change_entry, BATCH);
STRUCTURE(delete_batch, "DeleteMessageBatchRequest", struct queue_handle_batch, URL(struct queue_handle_batch),
          MEMBER(struct queue_handle_batch, entries, "Entries", &delete_entries, REQUIRED, "1 to 10 handles"));
STRUCTURE(change_batch, "ChangeMessageVisibilityBatchRequest", struct queue_handle_batch, URL(struct queue_handle_batch),
          MEMBER(struct queue_handle_batch, entries, "Entries", &change_entries, REQUIRED, "1 to 10 handles"));
STRUCTURE(entry_result, "BatchResultEntry", struct queue_entry_result, MEMBER(struct queue_entry_result, entry_id, "Id", &text, OPTIONAL, "of the entry"));
LIST(entry_results, "BatchResultEntryList", entry_result);
STRUCTURE(handle_batch_answer, "BatchResult", struct queue_handle_batch_answer,
          MEMBER(struct queue_handle_batch_answer, successful, "Successful", &entry_results, OPTIONAL, "done"),
          MEMBER(struct queue_handle_batch_answer, failed, "Failed", &batch_errors, OPTIONAL, "not done"));

#define OP(name, in, out, access, help, example) {"sqs", name, &in, out, "sqs:" name, access, help, example}
const struct operation queue_operations[] = {
    OP("CreateQueue", create, &url_answer, ACCESS_WRITE, "Makes a queue.", "busctl create-queue --queue-name inbox --attributes VisibilityTimeout=60"),
    OP("DeleteQueue", url_only, NULL, ACCESS_WRITE, "Removes a queue and its messages.", "busctl delete-queue --queue-url inbox"),
    OP("GetQueueUrl", get_url, &url_answer, ACCESS_READ, "Gives a queue's URL.", NULL),
    OP("ListQueues", list, &listed, ACCESS_READ, "Lists the account's queues.", "busctl list-queues"),
    OP("GetQueueAttributes", get_attributes, &attributes_answer, ACCESS_READ, "Shows a queue's settings and counts.",
       "busctl get-queue-attributes --queue-url inbox --attribute-names All"),
    OP("SetQueueAttributes", set_attributes, NULL, ACCESS_WRITE, "Changes a queue's settings.", "busctl set-queue-attributes --queue-url inbox --attributes DelaySeconds=5"),
    OP("SendMessage", send, &sent, ACCESS_DATA, "Sends a message.", "busctl send-message --queue-url inbox --message-body hello"),
    OP("SendMessageBatch", send_batch, &send_batch_answer, ACCESS_DATA, "Sends up to ten messages.", NULL),
    OP("ReceiveMessage", receive, &received, ACCESS_DATA, "Receives messages; they come again unless they are deleted.",
       "busctl receive-message --queue-url inbox --wait-time-seconds 20"),
    OP("DeleteMessage", delete, NULL, ACCESS_DATA, "Deletes a received message.", "busctl delete-message --queue-url inbox --receipt-handle ..."),
    OP("DeleteMessageBatch", delete_batch, &handle_batch_answer, ACCESS_DATA, "Deletes up to ten received messages.", NULL),
    OP("ChangeMessageVisibility", change, NULL, ACCESS_DATA, "Says when a received message may come again.", NULL),
    OP("ChangeMessageVisibilityBatch", change_batch, &handle_batch_answer, ACCESS_DATA, "The same for up to ten.", NULL),
    OP("PurgeQueue", url_only, NULL, ACCESS_WRITE, "Removes all messages of a queue.", "busctl purge-queue --queue-url inbox"),
    OP("ListDeadLetterSourceQueues", sources, &source_list, ACCESS_READ, "Lists the queues whose redrive policy names this one.", NULL),
    {.name = NULL},
};
