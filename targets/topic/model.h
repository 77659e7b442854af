/* The topic service's data: SNS's requests and answers, with their shapes (docs.aws.amazon.com/sns/latest/api). Subscriptions are confirmed at once. */
#ifndef TOPIC_MODEL_H
#define TOPIC_MODEL_H

#include "operation.h"

enum { TOPIC_MESSAGE_MAX = 1048576 };

struct topic_attribute_value { struct str type, text, binary; };
struct topic_create { struct str name; struct list attributes; /* map_entry: s */ };
struct topic_arn { struct str arn; }; /* TopicArn */
struct topic_list { struct str token; };
struct topic_list_answer { struct list topics; /* topic_arn */ struct str token; };
struct topic_attributes { struct list attributes; };
struct topic_set_attribute { struct str arn, name, value; };
struct topic_subscribe { struct str arn, protocol, endpoint; struct list attributes; struct opt_bool return_arn; };
struct topic_subscription_arn { struct str arn; }; /* SubscriptionArn */
struct topic_subscription { struct str arn, owner, protocol, endpoint, topic; };
struct topic_list_subscriptions { struct str arn /* ByTopic only */, token; };
struct topic_list_subscriptions_answer { struct list subscriptions; struct str token; };
struct topic_publish { struct str arn, target, message, subject, structure, group, dedup; struct list attributes; /* map_entry: p */ };
struct topic_publish_answer { struct str id; };

extern const struct operation topic_operations[]; /* ended by name == NULL */

#endif
