#include "model.h"

#define TEXT(var, aws, ...) static const struct shape var = {.type = SHAPE_STRING, .name = aws, __VA_ARGS__}
#define LIST(var, aws, of) static const struct shape var = {.type = SHAPE_LIST, .name = aws, .item = &of}
#define MAP(var, aws, of) static const struct shape var = {.type = SHAPE_MAP, .name = aws, .item = &of}
#define STRUCTURE(var, aws, type_, ...)                                       \
    static const struct member var##_members[] = {__VA_ARGS__, MEMBER_END};   \
    static const struct shape var = {.type = SHAPE_STRUCT, .name = aws, .size = sizeof(type_), .members = var##_members}

static const char *const protocols[] = {"sqs", "lambda", "http", "https", "email", "email-json", NULL};
static const struct shape text = {.type = SHAPE_STRING, .name = "String"}, binary = {.type = SHAPE_BLOB, .name = "Binary"};
static const struct shape flag = {.type = SHAPE_BOOLEAN, .name = "Boolean"};
TEXT(topic_name, "TopicName", .has_min = true, .min = 1, .has_max = true, .max = 256, .pattern = "[A-Za-z0-9_-]+(\\.fifo)?",
     .posix = "^[A-Za-z0-9_-]+(\\.fifo)?$");
TEXT(arn, "TopicARN", .has_min = true, .min = 1, .has_max = true, .max = 1600);
TEXT(endpoint, "Endpoint", .has_min = true, .min = 1, .has_max = true, .max = 2048);
TEXT(message, "Message", .has_min = true, .min = 1, .has_max = true, .max = TOPIC_MESSAGE_MAX);
TEXT(subject, "Subject", .has_min = true, .min = 1, .has_max = true, .max = 100);
TEXT(token, "NextToken", .has_min = true, .min = 1, .has_max = true, .max = 2048);
static const struct shape protocol = {.type = SHAPE_STRING, .name = "Protocol", .values = protocols};
MAP(attributes, "AttributesMap", text);
STRUCTURE(attribute_value, "MessageAttributeValue", struct topic_attribute_value,
          MEMBER(struct topic_attribute_value, type, "DataType", &text, REQUIRED, "String, String.Array, Number or Binary"),
          MEMBER(struct topic_attribute_value, text, "StringValue", &text, OPTIONAL, "value of String and Number"),
          MEMBER(struct topic_attribute_value, binary, "BinaryValue", &binary, OPTIONAL, "value of Binary, base64"));
MAP(message_attributes, "MessageAttributeMap", attribute_value);

STRUCTURE(create, "CreateTopicInput", struct topic_create, MEMBER(struct topic_create, name, "Name", &topic_name, REQUIRED, "the topic's name"),
          MEMBER(struct topic_create, attributes, "Attributes", &attributes, OPTIONAL, "DisplayName, FifoTopic, Policy"));
STRUCTURE(created, "CreateTopicResponse", struct topic_arn, MEMBER(struct topic_arn, arn, "TopicArn", &text, OPTIONAL, "the topic's ARN"));
STRUCTURE(topic_only, "TopicArnInput", struct topic_arn, MEMBER(struct topic_arn, arn, "TopicArn", &arn, REQUIRED, "the topic"));
STRUCTURE(topic_item, "Topic", struct topic_arn, MEMBER(struct topic_arn, arn, "TopicArn", &text, OPTIONAL, "the topic's ARN"));
LIST(topics, "TopicsList", topic_item);
STRUCTURE(list, "ListTopicsInput", struct topic_list, MEMBER(struct topic_list, token, "NextToken", &token, OPTIONAL, "NextToken of the page before"));
STRUCTURE(listed, "ListTopicsResponse", struct topic_list_answer, MEMBER(struct topic_list_answer, topics, "Topics", &topics, OPTIONAL, "in order of name"),
          MEMBER(struct topic_list_answer, token, "NextToken", &text, OPTIONAL, "ask again with this"));
STRUCTURE(attributes_answer, "GetAttributesResponse", struct topic_attributes, MEMBER(struct topic_attributes, attributes, "Attributes", &attributes, OPTIONAL, "all of them"));
STRUCTURE(set_topic, "SetTopicAttributesInput", struct topic_set_attribute, MEMBER(struct topic_set_attribute, arn, "TopicArn", &arn, REQUIRED, "the topic"),
          MEMBER(struct topic_set_attribute, name, "AttributeName", &text, REQUIRED, "DisplayName, FifoTopic or Policy"),
          MEMBER(struct topic_set_attribute, value, "AttributeValue", &text, OPTIONAL, "new value; left out: none"));
STRUCTURE(subscribe, "SubscribeInput", struct topic_subscribe, MEMBER(struct topic_subscribe, arn, "TopicArn", &arn, REQUIRED, "the topic"),
          MEMBER(struct topic_subscribe, protocol, "Protocol", &protocol, REQUIRED, "kind of endpoint"),
          MEMBER(struct topic_subscribe, endpoint, "Endpoint", &endpoint, REQUIRED, "ARN of a queue or function, URL, or e-mail address"),
          MEMBER(struct topic_subscribe, attributes, "Attributes", &attributes, OPTIONAL, "FilterPolicy, FilterPolicyScope, RawMessageDelivery, RedrivePolicy"),
          MEMBER(struct topic_subscribe, return_arn, "ReturnSubscriptionArn", &flag, OPTIONAL, "not needed here: it always comes"));
STRUCTURE(subscribed, "SubscribeResponse", struct topic_subscription_arn, MEMBER(struct topic_subscription_arn, arn, "SubscriptionArn", &text, OPTIONAL, "the subscription's ARN"));
STRUCTURE(subscription_only, "SubscriptionArnInput", struct topic_subscription_arn,
          MEMBER(struct topic_subscription_arn, arn, "SubscriptionArn", &arn, REQUIRED, "the subscription"));
STRUCTURE(subscription, "Subscription", struct topic_subscription, MEMBER(struct topic_subscription, arn, "SubscriptionArn", &text, OPTIONAL, "its ARN"),
          MEMBER(struct topic_subscription, owner, "Owner", &text, OPTIONAL, "account"), MEMBER(struct topic_subscription, protocol, "Protocol", &text, OPTIONAL, "kind of endpoint"),
          MEMBER(struct topic_subscription, endpoint, "Endpoint", &text, OPTIONAL, "where it goes"), MEMBER(struct topic_subscription, topic, "TopicArn", &text, OPTIONAL, "the topic"));
LIST(subscriptions, "SubscriptionsList", subscription);
STRUCTURE(list_subscriptions, "ListSubscriptionsInput", struct topic_list_subscriptions,
          MEMBER(struct topic_list_subscriptions, token, "NextToken", &token, OPTIONAL, "NextToken of the page before"));
STRUCTURE(list_by_topic, "ListSubscriptionsByTopicInput", struct topic_list_subscriptions, MEMBER(struct topic_list_subscriptions, arn, "TopicArn", &arn, REQUIRED, "the topic"),
          MEMBER(struct topic_list_subscriptions, token, "NextToken", &token, OPTIONAL, "NextToken of the page before"));
STRUCTURE(listed_subscriptions, "ListSubscriptionsResponse", struct topic_list_subscriptions_answer,
          MEMBER(struct topic_list_subscriptions_answer, subscriptions, "Subscriptions", &subscriptions, OPTIONAL, "in order of ARN"),
          MEMBER(struct topic_list_subscriptions_answer, token, "NextToken", &text, OPTIONAL, "ask again with this"));
STRUCTURE(set_subscription, "SetSubscriptionAttributesInput", struct topic_set_attribute, MEMBER(struct topic_set_attribute, arn, "SubscriptionArn", &arn, REQUIRED, "the subscription"),
          MEMBER(struct topic_set_attribute, name, "AttributeName", &text, REQUIRED, "FilterPolicy, FilterPolicyScope, RawMessageDelivery or RedrivePolicy"),
          MEMBER(struct topic_set_attribute, value, "AttributeValue", &text, OPTIONAL, "new value; left out: none"));
STRUCTURE(publish, "PublishInput", struct topic_publish, MEMBER(struct topic_publish, arn, "TopicArn", &arn, OPTIONAL, "the topic"),
          MEMBER(struct topic_publish, target, "TargetArn", &arn, OPTIONAL, "the topic, instead of TopicArn"),
          MEMBER(struct topic_publish, message, "Message", &message, REQUIRED, "the message"), MEMBER(struct topic_publish, subject, "Subject", &subject, OPTIONAL, "for e-mail"),
          MEMBER(struct topic_publish, structure, "MessageStructure", &text, OPTIONAL, "json is not supported: one message for all protocols"),
          MEMBER(struct topic_publish, attributes, "MessageAttributes", &message_attributes, OPTIONAL, "name -> {DataType, StringValue}"),
          MEMBER(struct topic_publish, group, "MessageGroupId", &text, OPTIONAL, "for FIFO queues"),
          MEMBER(struct topic_publish, dedup, "MessageDeduplicationId", &text, OPTIONAL, "for FIFO queues"));
STRUCTURE(published, "PublishResponse", struct topic_publish_answer, MEMBER(struct topic_publish_answer, id, "MessageId", &text, OPTIONAL, "the message's id"));

#define OP(name, in, out, access, help, example) {"sns", name, &in, out, "sns:" name, access, help, example}
const struct operation topic_operations[] = {
    OP("CreateTopic", create, &created, ACCESS_WRITE, "Makes a topic.", "busctl create-topic --name alerts"),
    OP("DeleteTopic", topic_only, NULL, ACCESS_WRITE, "Removes a topic and its subscriptions.", NULL),
    OP("ListTopics", list, &listed, ACCESS_READ, "Lists the account's topics.", "busctl list-topics"),
    OP("GetTopicAttributes", topic_only, &attributes_answer, ACCESS_READ, "Shows a topic.", NULL),
    OP("SetTopicAttributes", set_topic, NULL, ACCESS_WRITE, "Changes a topic.", NULL),
    OP("Subscribe", subscribe, &subscribed, ACCESS_WRITE, "Subscribes a queue, function, URL or e-mail address.",
       "busctl subscribe --topic-arn arn:aws:sns:us-east-1:000000000000:alerts --protocol email --notification-endpoint me@example.com"),
    OP("Unsubscribe", subscription_only, NULL, ACCESS_WRITE, "Removes a subscription.", NULL),
    OP("ListSubscriptions", list_subscriptions, &listed_subscriptions, ACCESS_READ, "Lists the account's subscriptions.", NULL),
    OP("ListSubscriptionsByTopic", list_by_topic, &listed_subscriptions, ACCESS_READ, "Lists a topic's subscriptions.", NULL),
    OP("GetSubscriptionAttributes", subscription_only, &attributes_answer, ACCESS_READ, "Shows a subscription.", NULL),
    OP("SetSubscriptionAttributes", set_subscription, NULL, ACCESS_WRITE, "Changes a subscription.", NULL),
    OP("Publish", publish, &published, ACCESS_DATA, "Sends a message to all subscriptions.",
       "busctl publish --topic-arn arn:aws:sns:us-east-1:000000000000:alerts --message hello"),
    {.name = NULL},
};
