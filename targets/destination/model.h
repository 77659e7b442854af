/* API destinations and connections: EventBridge's operations on them as C structs and descriptions, and the operator's on the key that
 * seals their secrets. Members, limits and patterns are AWS's (docs.aws.amazon.com/eventbridge/latest/APIReference). Data only: the CLI and
 * the reference read it too. */
#ifndef DESTINATION_MODEL_H
#define DESTINATION_MODEL_H

#include "operation.h"

enum { DESTINATION_RATE_DEFAULT = 300 }; /* invocations per second, the service's quota */

/* ---- connections ---------------------------------------------------------------------------------------------------------------- */

/* A header, query or body parameter that a connection adds to every request. */
struct connection_parameter {
    struct str key, value;
    struct opt_bool is_secret;
};
struct connection_http {
    struct list headers, query, body; /* connection_parameter */
};
struct connection_basic {
    struct str username, password;
};
struct connection_api_key {
    struct str name, value;
};
struct connection_client {
    struct str id, secret;
};
struct connection_oauth {
    struct connection_client *client;
    struct str endpoint, method;
    struct connection_http *http; /* of the request for a token */
};
struct connection_auth {
    struct connection_basic *basic;
    struct connection_oauth *oauth;
    struct connection_api_key *api_key;
    struct connection_http *http; /* of every request to a destination */
    struct str connectivity;      /* kept and given back */
};

/* CreateConnection and UpdateConnection; in an update what is absent stays as it is. */
struct connection_settings {
    struct str name, description, type, connectivity, kms_key;
    struct connection_auth *auth;
};
/* DeleteConnection, DescribeConnection, DeauthorizeConnection. */
struct connection_reference {
    struct str name;
};
/* What all changes answer. */
struct connection_changed {
    struct str arn, state;
    struct opt_i64 created_ms, modified_ms, authorized_ms;
};
struct connection_description {
    struct str arn, name, description, state, reason, type, secret_arn, connectivity, kms_key;
    struct connection_auth *auth; /* encoded by a shape that has no place for a secret */
    struct opt_i64 created_ms, modified_ms, authorized_ms;
};
struct connection_list_request {
    struct str name_prefix, state, next_token;
    struct opt_i64 limit;
};
struct connection_summary {
    struct str arn, name, state, reason, type;
    struct opt_i64 created_ms, modified_ms, authorized_ms;
};
struct connection_list {
    struct list connections; /* connection_summary */
    struct str next_token;
};

/* ---- API destinations ------------------------------------------------------------------------------------------------------------ */

/* CreateApiDestination and UpdateApiDestination; in an update what is absent stays as it is. */
struct destination_settings {
    struct str name, description, connection_arn, endpoint, method;
    struct opt_i64 rate;
};
struct destination_reference {
    struct str name;
};
struct destination_changed {
    struct str arn, state;
    struct opt_i64 created_ms, modified_ms;
};
struct destination_description {
    struct str arn, name, description, state, connection_arn, endpoint, method;
    struct opt_i64 rate, created_ms, modified_ms;
};
struct destination_list_request {
    struct str name_prefix, connection_arn, next_token;
    struct opt_i64 limit;
};
struct destination_summary {
    struct str arn, name, state, connection_arn, endpoint, method;
    struct opt_i64 rate, created_ms, modified_ms;
};
struct destination_list {
    struct list destinations; /* destination_summary */
    struct str next_token;
};

/* ---- the operator's -------------------------------------------------------------------------------------------------------------- */

struct secret_key_rotate {
    char unused;
};
struct secret_key_rotated {
    struct str key_id;
    struct opt_i64 connections;
};

/* Ended by name == NULL. */
extern const struct operation destination_operations[]; /* of service "events" */
extern const struct operation secret_key_operations[];  /* of service "bus" */
/* What is sealed, and what of it is shown. */
extern const struct shape connection_shape_auth;

#endif
