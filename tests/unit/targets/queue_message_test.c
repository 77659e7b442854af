#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "queue_calls.h"

/* Computed apart from this code, by the developer guide's rule: md5 of length, name, length, type, transport byte, length and value of a,
 * then b. */
#define ATTRIBUTES_MD5 "1ea7e600f93b22bf68d43bf341331c03"
#define REDRIVE(queue, count) "'RedrivePolicy':'{\\'deadLetterTargetArn\\':\\'" ARN_OF(queue) "\\',\\'maxReceiveCount\\':" count "}'"

/* ---- sending and receiving ----------------------------------------------------------------------------------------------------------- */

static void message_comes_with_its_digest_and_id(void **state) {
    (void)state;
    char id[64];
    create("q");
    send_text("q", "hello world");
    IS("MD5OfMessageBody", "5eb63bbbe01eeed093cb22bb8f5acdc3");
    IS("MD5OfMessageAttributes", "(none)");
    IS("SequenceNumber", "(none)");
    str_copyz(id, sizeof id, str_from(at("MessageId")));
    assert_string_equal(receive("q", NULL), "hello world");
    IS("Messages.0.MD5OfBody", "5eb63bbbe01eeed093cb22bb8f5acdc3");
    IS("Messages.0.MessageId", id);
    IS("Messages.0.Attributes.SentTimestamp", "(none)");
}

static void message_attributes_have_aws_digest(void **state) {
    (void)state;
    create("q");
    OK("SendMessage", "{'QueueUrl':'q','MessageBody':'x','MessageAttributes':{'b':{'DataType':'Binary','BinaryValue':'AQI='},"
                      "'a':{'DataType':'String','StringValue':'one'}}}");
    IS("MD5OfMessageAttributes", ATTRIBUTES_MD5);
    OK("ReceiveMessage", "{'QueueUrl':'q','MessageAttributeNames':['All']}");
    IS("Messages.0.MD5OfMessageAttributes", ATTRIBUTES_MD5);
    IS("Messages.0.MessageAttributes.a.StringValue", "one");
    IS("Messages.0.MessageAttributes.b.DataType", "Binary");
    IS("Messages.0.MessageAttributes.b.BinaryValue", "AQI=");
}

static void message_attributes_come_by_name_and_prefix(void **state) {
    (void)state;
    static const struct {
        const char *names;
        size_t count;
    } rows[] = {{"'x.a'", 1}, {"'x.*'", 2}, {"'.*'", 3}, {"'All'", 3}, {"'y','x.b'", 2}, {"'x'", 0}, {"", 0}};
    create("q");
    OK("SendMessage", "{'QueueUrl':'q','MessageBody':'x','MessageAttributes':{'x.a':{'DataType':'Number','StringValue':'1'},"
                      "'x.b':{'DataType':'String.odd','StringValue':'2'},'y':{'DataType':'String','StringValue':'3'}}}");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        OK("ReceiveMessage", "{'QueueUrl':'q','VisibilityTimeout':0,'MessageAttributeNames':[%s]}", rows[i].names);
        assert_int_equal(json_object_size(json_object_get(json_array_get(json_object_get(last.body, "Messages"), 0), "MessageAttributes")),
                         rows[i].count);
    }
}

static void message_attributes_are_checked(void **state) {
    (void)state;
    create("q");
    FAILS(ERR_INVALID_PARAMETER,
          "The message attribute 'a' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and "
          "String.",
          "SendMessage", "{'QueueUrl':'q','MessageBody':'x','MessageAttributes':{'a':{'DataType':'Stringy','StringValue':'1'}}}");
    FAILS(ERR_INVALID_PARAMETER,
          "The message attribute 'a' must contain non-empty message attribute value for message attribute type 'Number'.", "SendMessage",
          "{'QueueUrl':'q','MessageBody':'x','MessageAttributes':{'a':{'DataType':'Number','BinaryValue':'AQI='}}}");
    FAILS(ERR_INVALID_PARAMETER, "The message attribute 'a' must contain one value, the one of type 'String'.", "SendMessage",
          "{'QueueUrl':'q','MessageBody':'x','MessageAttributes':{'a':{'DataType':'String','StringValue':'1','BinaryValue':'AQI='}}}");
    assert_string_equal(receive("q", NULL), "(none)");
}

static void system_attributes_are_given_when_asked_for(void **state) {
    (void)state;
    create("q");
    send_text("q", "x");
    turn_clock(1500);
    OK("ReceiveMessage", "{'QueueUrl':'q','VisibilityTimeout':1,'AttributeNames':['All']}");
    IS("Messages.0.Attributes.SentTimestamp", "1790000000000");
    IS("Messages.0.Attributes.ApproximateReceiveCount", "1");
    IS("Messages.0.Attributes.ApproximateFirstReceiveTimestamp", "1790000001500");
    IS("Messages.0.Attributes.SenderId", ACCOUNT);
    IS("Messages.0.Attributes.MessageGroupId", "(none)");
    turn_clock(1000);
    OK("ReceiveMessage", "{'QueueUrl':'q','MessageSystemAttributeNames':['ApproximateReceiveCount']}");
    IS("Messages.0.Attributes.ApproximateReceiveCount", "2");
    IS("Messages.0.Attributes.SentTimestamp", "(none)");
}

static void received_message_hides_for_the_visibility_timeout(void **state) {
    (void)state;
    OK("CreateQueue", "{'QueueName':'q','Attributes':{'VisibilityTimeout':'10'}}");
    send_text("q", "x");
    assert_string_equal(receive("q", NULL), "x");
    turn_clock(9999);
    assert_string_equal(receive("q", NULL), "(none)");
    turn_clock(1);
    OK("ReceiveMessage", "{'QueueUrl':'q','VisibilityTimeout':100}");
    IS("Messages.0.Body", "x");
    turn_clock(99999);
    assert_string_equal(receive("q", NULL), "(none)");
    turn_clock(1);
    assert_string_equal(receive("q", NULL), "x");
}

static void delay_hides_a_message_at_first(void **state) {
    (void)state;
    OK("CreateQueue", "{'QueueName':'q','Attributes':{'DelaySeconds':'5'}}");
    send_text("q", "slow");
    OK("SendMessage", "{'QueueUrl':'q','MessageBody':'fast','DelaySeconds':0}");
    OK("GetQueueAttributes", "{'QueueUrl':'q','AttributeNames':['All']}");
    IS("Attributes.ApproximateNumberOfMessages", "1");
    IS("Attributes.ApproximateNumberOfMessagesDelayed", "1");
    assert_string_equal(receive("q", NULL), "fast");
    OK("GetQueueAttributes", "{'QueueUrl':'q','AttributeNames':['All']}");
    IS("Attributes.ApproximateNumberOfMessagesNotVisible", "1");
    turn_clock(5000);
    assert_string_equal(receive("q", NULL), "slow");
}

static void receive_gives_at_most_what_was_asked_for(void **state) {
    (void)state;
    create("q");
    for (int i = 0; i < 12; i++) send_text("q", "x");
    OK("ReceiveMessage", "{'QueueUrl':'q','MaxNumberOfMessages':10}");
    assert_int_equal(count_of("Messages"), 10);
    OK("ReceiveMessage", "{'QueueUrl':'q','MaxNumberOfMessages':10}");
    assert_int_equal(count_of("Messages"), 2);
    assert_int_equal(ask("ReceiveMessage", "{'QueueUrl':'q','MaxNumberOfMessages':11}"), ERR_VALIDATION);
    assert_int_equal(ask("ReceiveMessage", "{'QueueUrl':'q','MaxNumberOfMessages':0}"), ERR_VALIDATION);
    assert_int_equal(ask("ReceiveMessage", "{'QueueUrl':'q','WaitTimeSeconds':21}"), ERR_VALIDATION);
}

static void too_long_a_message_is_refused(void **state) {
    (void)state;
    OK("CreateQueue", "{'QueueName':'q','Attributes':{'MaximumMessageSize':'1024'}}");
    OK("SendMessage", "{'QueueUrl':'q','MessageBody':'%01024d'}", 0);
    FAILS(ERR_INVALID_PARAMETER, "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.", "SendMessage",
          "{'QueueUrl':'q','MessageBody':'%01025d'}", 0);
}

static void batch_answers_each_entry(void **state) {
    (void)state;
    OK("CreateQueue", "{'QueueName':'q','Attributes':{'MaximumMessageSize':'1024'}}");
    OK("SendMessageBatch",
       "{'QueueUrl':'q','Entries':[{'Id':'a','MessageBody':'one'},{'Id':'b','MessageBody':'%01025d'},{'Id':'c','MessageBody':'three'}]}",
       0);
    assert_int_equal(count_of("Successful"), 2);
    IS("Successful.0.Id", "a");
    IS("Successful.1.Id", "c");
    IS("Successful.0.MD5OfMessageBody", "f97c5d29941bfb1b2fdab0874906ab82");
    IS("Failed.0.Id", "b");
    IS("Failed.0.Code", "InvalidParameterValueException");
    IS("Failed.0.SenderFault", "true");
    OK("ReceiveMessage", "{'QueueUrl':'q','MaxNumberOfMessages':10}");
    assert_int_equal(count_of("Messages"), 2);
    FAILS(ERR_INVALID_PARAMETER, "Id a repeated.", "SendMessageBatch",
          "{'QueueUrl':'q','Entries':[{'Id':'a','MessageBody':'1'},{'Id':'a','MessageBody':'2'}]}");
    assert_int_equal(ask("SendMessageBatch", "{'QueueUrl':'q','Entries':[]}"), ERR_VALIDATION);
}

static void purge_removes_all(void **state) {
    (void)state;
    create("q");
    for (int i = 0; i < 3; i++) send_text("q", "x");
    assert_string_equal(receive("q", NULL), "x");
    OK("PurgeQueue", "{'QueueUrl':'q'}");
    turn_clock(60000);
    assert_string_equal(receive("q", NULL), "(none)");
    send_text("q", "new");
    assert_string_equal(receive("q", NULL), "new");
}

/* ---- handles --------------------------------------------------------------------------------------------------------------------------
 */

static void deleted_message_does_not_come_again(void **state) {
    (void)state;
    char handle[256];
    create("q");
    send_text("q", "x");
    assert_string_equal(receive("q", handle), "x");
    OK("DeleteMessage", "{'QueueUrl':'q','ReceiptHandle':'%s'}", handle);
    turn_clock(60000);
    assert_string_equal(receive("q", NULL), "(none)");
    OK("DeleteMessage", "{'QueueUrl':'q','ReceiptHandle':'%s'}", handle); /* again is fine */
}

static void stale_handle_deletes_nothing(void **state) {
    (void)state;
    char first[256], second[256];
    create("q");
    send_text("q", "x");
    receive("q", first);
    turn_clock(30000);
    receive("q", second);
    assert_string_not_equal(first, second);
    OK("DeleteMessage", "{'QueueUrl':'q','ReceiptHandle':'%s'}", first);
    turn_clock(30000);
    assert_string_equal(receive("q", NULL), "x");
}

static void damaged_and_foreign_handles_are_refused(void **state) {
    (void)state;
    char handle[256];
    create("q");
    create("other");
    send_text("q", "x");
    receive("q", handle);
    const char *why = "The input receipt handle is invalid.";
    FAILS(ERR_RECEIPT_HANDLE, why, "DeleteMessage", "{'QueueUrl':'q','ReceiptHandle':'nonsense'}");
    FAILS(ERR_RECEIPT_HANDLE, why, "DeleteMessage", "{'QueueUrl':'q','ReceiptHandle':'AAAA'}");
    FAILS(ERR_RECEIPT_HANDLE, why, "DeleteMessage", "{'QueueUrl':'other','ReceiptHandle':'%s'}", handle);
    for (size_t i = 0; handle[i]; i++) {
        char kept = handle[i];
        handle[i] = kept == 'B' ? 'x' : 'B';
        FAILS(ERR_RECEIPT_HANDLE, why, "ChangeMessageVisibility", "{'QueueUrl':'q','ReceiptHandle':'%s','VisibilityTimeout':1}", handle);
        handle[i] = kept;
    }
    OK("DeleteMessage", "{'QueueUrl':'q','ReceiptHandle':'%s'}", handle);
}

static void visibility_can_be_changed_while_in_flight(void **state) {
    (void)state;
    char handle[256];
    create("q");
    send_text("q", "x");
    receive("q", handle);
    OK("ChangeMessageVisibility", "{'QueueUrl':'q','ReceiptHandle':'%s','VisibilityTimeout':100}", handle);
    turn_clock(99999);
    assert_string_equal(receive("q", NULL), "(none)");
    OK("ChangeMessageVisibility", "{'QueueUrl':'q','ReceiptHandle':'%s','VisibilityTimeout':0}", handle);
    assert_string_equal(receive("q", NULL), "x");
    assert_int_equal(ask("ChangeMessageVisibility", "{'QueueUrl':'q','ReceiptHandle':'%s','VisibilityTimeout':9}", handle),
                     ERR_NOT_IN_FLIGHT);
    assert_int_equal(ask("ChangeMessageVisibility", "{'QueueUrl':'q','ReceiptHandle':'%s','VisibilityTimeout':43201}", handle),
                     ERR_VALIDATION);
}

static void batches_of_handles_answer_each_entry(void **state) {
    (void)state;
    char a[256], b[256];
    create("q");
    send_text("q", "one");
    send_text("q", "two");
    receive("q", a);
    receive("q", b);
    OK("ChangeMessageVisibilityBatch",
       "{'QueueUrl':'q','Entries':[{'Id':'1','ReceiptHandle':'%s','VisibilityTimeout':0},"
       "{'Id':'2','ReceiptHandle':'bad','VisibilityTimeout':0}]}",
       a);
    IS("Successful.0.Id", "1");
    IS("Failed.0.Id", "2");
    IS("Failed.0.Code", "ReceiptHandleIsInvalid");
    assert_string_equal(receive("q", a), "one");
    OK("DeleteMessageBatch",
       "{'QueueUrl':'q','Entries':[{'Id':'1','ReceiptHandle':'%s'},{'Id':'2','ReceiptHandle':'%s'},{'Id':'3','ReceiptHandle':'!'}]}", a, b);
    assert_int_equal(count_of("Successful"), 2);
    assert_int_equal(count_of("Failed"), 1);
    OK("ChangeMessageVisibilityBatch", "{'QueueUrl':'q','Entries':[{'Id':'1','ReceiptHandle':'%s','VisibilityTimeout':0}]}", a);
    IS("Failed.0.Code", "MessageNotInflight");
    turn_clock(60000);
    assert_string_equal(receive("q", NULL), "(none)");
}

/* ---- redrive --------------------------------------------------------------------------------------------------------------------------
 */

static void message_received_too_often_goes_to_the_dead_letter_queue(void **state) {
    (void)state;
    create("dead");
    OK("CreateQueue", "{'QueueName':'q','Attributes':{'VisibilityTimeout':'0'," REDRIVE("dead", "2") "}}");
    OK("SendMessage", "{'QueueUrl':'q','MessageBody':'bad','MessageAttributes':{'why':{'DataType':'String','StringValue':'x'}}}");
    assert_string_equal(receive("q", NULL), "bad");
    assert_string_equal(receive("q", NULL), "bad");
    assert_string_equal(receive("q", NULL), "(none)");
    OK("ReceiveMessage", "{'QueueUrl':'dead','AttributeNames':['All'],'MessageAttributeNames':['All']}");
    IS("Messages.0.Body", "bad");
    IS("Messages.0.Attributes.ApproximateReceiveCount", "1");
    IS("Messages.0.MessageAttributes.why.StringValue", "x");
}

static void messages_stay_when_the_dead_letter_queue_is_gone(void **state) {
    (void)state;
    create("dead");
    OK("CreateQueue", "{'QueueName':'q','Attributes':{'VisibilityTimeout':'0'," REDRIVE("dead", "\\'1\\'") "}}");
    OK("DeleteQueue", "{'QueueUrl':'dead'}");
    send_text("q", "x");
    for (int i = 0; i < 3; i++) assert_string_equal(receive("q", NULL), "x");
}

static void redrive_policy_is_checked(void **state) {
    (void)state;
    static const struct {
        const char *policy, *why;
    } rows[] = {
        {"nonsense", "it is not JSON."},
        {"{}", "deadLetterTargetArn must be the ARN of a queue."},
        {"{\\'deadLetterTargetArn\\':\\'dead\\',\\'maxReceiveCount\\':1}", "deadLetterTargetArn must be the ARN of a queue."},
        {"{\\'deadLetterTargetArn\\':\\'" ARN_OF("dead") "\\'}", "maxReceiveCount must be from 1 to 1000."},
        {"{\\'deadLetterTargetArn\\':\\'" ARN_OF("dead") "\\',\\'maxReceiveCount\\':1001}", "maxReceiveCount must be from 1 to 1000."},
        {"{\\'deadLetterTargetArn\\':\\'" ARN_OF("q") "\\',\\'maxReceiveCount\\':1}", "a queue cannot be its own dead-letter queue."},
        {"{\\'deadLetterTargetArn\\':\\'" ARN_OF("dead.fifo") "\\',\\'maxReceiveCount\\':1}",
         "the dead-letter queue of a FIFO queue must be a FIFO queue, and only of one."},
        {"{\\'deadLetterTargetArn\\':\\'arn:aws:sqs:us-east-1:444455556666:dead\\',\\'maxReceiveCount\\':1}",
         "the dead-letter queue must belong to the same account."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char message[256];
        snprintf(message, sizeof message, "Invalid value for the parameter RedrivePolicy. Reason: %s", rows[i].why);
        FAILS(ERR_INVALID_PARAMETER, message, "CreateQueue", "{'QueueName':'q','Attributes':{'RedrivePolicy':'%s'}}", rows[i].policy);
    }
}

static void sources_of_a_dead_letter_queue_are_listed(void **state) {
    (void)state;
    create("dead");
    create("plain");
    OK("CreateQueue", "{'QueueName':'b','Attributes':{" REDRIVE("dead", "3") "}}");
    OK("CreateQueue", "{'QueueName':'a','Attributes':{" REDRIVE("dead", "3") "}}");
    OK("CreateQueue", "{'QueueName':'z','Attributes':{" REDRIVE("dead", "3") "}}");
    OK("ListDeadLetterSourceQueues", "{'QueueUrl':'dead','MaxResults':2}");
    assert_int_equal(count_of("queueUrls"), 2);
    IS("queueUrls.0", URL_OF("a"));
    char token[128];
    str_copyz(token, sizeof token, str_from(at("NextToken")));
    FAILS(ERR_VALIDATION, "Parameter NextToken is not valid.", "ListDeadLetterSourceQueues", "{'QueueUrl':'dead','NextToken':'b'}");
    FAILS(ERR_VALIDATION, "Parameter NextToken is not valid.", "ListQueues", "{'NextToken':'%s'}", token);
    OK("ListDeadLetterSourceQueues", "{'QueueUrl':'dead','NextToken':'%s'}", token);
    assert_int_equal(count_of("queueUrls"), 1);
    IS("queueUrls.0", URL_OF("z"));
    OK("SetQueueAttributes", "{'QueueUrl':'z','Attributes':{'RedrivePolicy':''}}");
    OK("ListDeadLetterSourceQueues", "{'QueueUrl':'dead'}");
    assert_int_equal(count_of("queueUrls"), 2);
}

/* ---- FIFO -----------------------------------------------------------------------------------------------------------------------------
 */

static void send_fifo(const char *body, const char *group, const char *dedup) {
    OK("SendMessage", "{'QueueUrl':'q.fifo','MessageBody':'%s','MessageGroupId':'%s','MessageDeduplicationId':'%s'}", body, group, dedup);
}

static void fifo_wants_a_group_and_a_deduplication_id(void **state) {
    (void)state;
    create("q.fifo");
    FAILS(ERR_INVALID_PARAMETER, "The request must contain the parameter MessageGroupId.", "SendMessage",
          "{'QueueUrl':'q.fifo','MessageBody':'x'}");
    FAILS(ERR_INVALID_PARAMETER,
          "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly", "SendMessage",
          "{'QueueUrl':'q.fifo','MessageBody':'x','MessageGroupId':'g'}");
    assert_int_equal(
        ask("SendMessage", "{'QueueUrl':'q.fifo','MessageBody':'x','MessageGroupId':'g','MessageDeduplicationId':'d','DelaySeconds':1}"),
        ERR_INVALID_PARAMETER);
}

static void fifo_keeps_order_and_closes_a_group_in_flight(void **state) {
    (void)state;
    char handle[256];
    create("q.fifo");
    send_fifo("a1", "a", "1");
    IS("SequenceNumber", "00000000000000000001");
    send_fifo("a2", "a", "2");
    send_fifo("b1", "b", "3");
    assert_string_equal(receive("q.fifo", handle), "a1");
    assert_string_equal(receive("q.fifo", NULL), "b1");
    assert_string_equal(receive("q.fifo", NULL), "(none)");
    OK("DeleteMessage", "{'QueueUrl':'q.fifo','ReceiptHandle':'%s'}", handle);
    OK("ReceiveMessage", "{'QueueUrl':'q.fifo','AttributeNames':['All']}");
    IS("Messages.0.Body", "a2");
    IS("Messages.0.Attributes.MessageGroupId", "a");
    IS("Messages.0.Attributes.MessageDeduplicationId", "2");
    IS("Messages.0.Attributes.SequenceNumber", "00000000000000000002");
}

static void equal_deduplication_ids_are_one_message_for_five_minutes(void **state) {
    (void)state;
    char first[64], handle[256];
    create("q.fifo");
    send_fifo("one", "g", "d");
    str_copyz(first, sizeof first, str_from(at("SequenceNumber")));
    assert_string_equal(receive("q.fifo", handle), "one");
    OK("DeleteMessage", "{'QueueUrl':'q.fifo','ReceiptHandle':'%s'}", handle);
    turn_clock(300000);
    send_fifo("two", "g", "d");
    IS("SequenceNumber", first);
    assert_string_equal(receive("q.fifo", NULL), "(none)");
    turn_clock(1);
    send_fifo("three", "g", "d");
    assert_string_equal(receive("q.fifo", NULL), "three");
}

static void content_serves_as_deduplication_id(void **state) {
    (void)state;
    OK("CreateQueue", "{'QueueName':'q.fifo','Attributes':{'ContentBasedDeduplication':'true'}}");
    for (int i = 0; i < 2; i++) OK("SendMessage", "{'QueueUrl':'q.fifo','MessageBody':'x','MessageGroupId':'g'}");
    OK("SendMessage", "{'QueueUrl':'q.fifo','MessageBody':'y','MessageGroupId':'g'}");
    OK("ReceiveMessage", "{'QueueUrl':'q.fifo','MaxNumberOfMessages':10,'AttributeNames':['MessageDeduplicationId']}");
    assert_int_equal(count_of("Messages"), 2);
    IS("Messages.0.Attributes.MessageDeduplicationId", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881");
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest tests[] = {
        T(message_comes_with_its_digest_and_id),
        T(message_attributes_have_aws_digest),
        T(message_attributes_come_by_name_and_prefix),
        T(message_attributes_are_checked),
        T(system_attributes_are_given_when_asked_for),
        T(received_message_hides_for_the_visibility_timeout),
        T(delay_hides_a_message_at_first),
        T(receive_gives_at_most_what_was_asked_for),
        T(too_long_a_message_is_refused),
        T(batch_answers_each_entry),
        T(purge_removes_all),
        T(deleted_message_does_not_come_again),
        T(stale_handle_deletes_nothing),
        T(damaged_and_foreign_handles_are_refused),
        T(visibility_can_be_changed_while_in_flight),
        T(batches_of_handles_answer_each_entry),
        T(message_received_too_often_goes_to_the_dead_letter_queue),
        T(messages_stay_when_the_dead_letter_queue_is_gone),
        T(redrive_policy_is_checked),
        T(sources_of_a_dead_letter_queue_are_listed),
        T(fifo_wants_a_group_and_a_deduplication_id),
        T(fifo_keeps_order_and_closes_a_group_in_flight),
        T(equal_deduplication_ids_are_one_message_for_five_minutes),
        T(content_serves_as_deduplication_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
