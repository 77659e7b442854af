/* Partner event sources: EventBridge's operations on them, as C structs and as a table of descriptions (docs.aws.amazon.com/eventbridge/latest/APIReference).
 * The partner is an account of this installation. A struct X is a request, X_answer its answer; an operation without an X_answer answers {}. */
#ifndef MODEL_PARTNERS_H
#define MODEL_PARTNERS_H

#include "events.h"

/* Of service "events"; ended by a row whose name is NULL. */
extern const struct operation partners_operations[];

/* ---- the partner's side --------------------------------------------------------------------------------------------------------- */

/* CreatePartnerEventSource, DeletePartnerEventSource. */
struct partners_offer {
    struct str name, account;
};
struct partners_create_answer {
    struct str arn;
};
/* DescribePartnerEventSource, DescribeEventSource, ActivateEventSource, DeactivateEventSource. */
struct partners_source_name {
    struct str name;
};
/* Of DescribePartnerEventSource, and an item of ListPartnerEventSources. */
struct partners_source {
    struct str arn, name;
};
struct partners_list_sources {
    struct str name_prefix, next_token;
    struct opt_i64 limit;
};
struct partners_list_sources_answer {
    struct list sources; /* partners_source */
    struct str next_token;
};
struct partners_list_accounts {
    struct str name, next_token;
    struct opt_i64 limit;
};
struct partners_account {
    struct str account, state;
    struct opt_i64 created_ms, expires_ms;
};
struct partners_list_accounts_answer {
    struct list accounts; /* partners_account */
    struct str next_token;
};
/* Not validated by shape but for its source: an entry that is not valid fails alone, with its own code in the answer. */
struct partners_entry {
    struct opt_i64 time_ms;
    struct str source, detail_type, detail;
    struct list resources; /* str */
};
struct partners_put_events {
    struct list entries; /* partners_entry */
};
/* The answer is struct events_put_events_answer. */

/* ---- the customer's side ---------------------------------------------------------------------------------------------------------- */

/* Of DescribeEventSource, and an item of ListEventSources. */
struct partners_event_source {
    struct str arn, created_by, name, state;
    struct opt_i64 created_ms, expires_ms;
};
struct partners_list_event_sources_answer {
    struct list sources; /* partners_event_source */
    struct str next_token;
};

#endif
