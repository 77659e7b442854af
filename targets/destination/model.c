#include "model.h"

#define BETWEEN(low, high) .has_min = true, .min = (low), .has_max = true, .max = (high)
#define AT_MOST(high) .has_max = true, .max = (high)
#define STRING(var, aws, ...) static const struct shape var = {.type = SHAPE_STRING, .name = (aws), __VA_ARGS__}
#define LIST(var, aws, of, ...) static const struct shape var = {.type = SHAPE_LIST, .name = (aws), .item = &(of), __VA_ARGS__}
#define STRUCT(var, aws, type_, ...)                                                                                                       \
    static const struct member var##_members[] = {__VA_ARGS__};                                                                            \
    static const struct shape var = {.type = SHAPE_STRUCT, .name = (aws), .size = sizeof(type_), .members = var##_members}

/* ---- scalars ------------------------------------------------------------------------------------------------------------------ */

#define NAME .pattern = "[\\.\\-_A-Za-z0-9]+", .posix = "^[._A-Za-z0-9-]+$"
/* The service's rule for what stands in an authorization header: no colon in keys, and no control characters anywhere. */
#define HEADER_PART                                                                                                                        \
    .pattern = "^[ \\t]*[^\\x00-\\x1F\\x7F]+([ \\t]+[^\\x00-\\x1F\\x7F]+)*[ \\t]*$",                                                       \
    .posix = "^[\t]*[^[:cntrl:]]+([\t]+[^[:cntrl:]]+)*[\t]*$"
/* AWS asks for a UUID behind the name. Here the name alone will do as well, so that rule files can speak of what they declare. The region
 * may be any. */
#define ARN_OF(kind)                                                                                                                       \
    .pattern = "^arn:aws([a-z]|\\-)*:events:([a-z]|\\d|\\-)*:([0-9]{12})?:" kind "\\/[\\.\\-_A-Za-z0-9]+(\\/[\\-A-Za-z0-9]+)?$",           \
    .posix = "^arn:aws[a-z-]*:events:[A-Za-z0-9_-]*:([0-9]{12})?:" kind "/[._A-Za-z0-9-]+(/[A-Za-z0-9-]+)?$"
/* Brackets too: a literal IPv6 address has them. */
#define URL                                                                                                                                \
    .pattern = "^((%[0-9A-Fa-f]{2}|[-()_.!~*';/?:@\\x26=+$,A-Za-z0-9])+)([).!';/?:,])?$",                                                  \
    .posix = "^(%[0-9A-Fa-f]{2}|[]()_.!~*';/?:@&=+$,A-Za-z0-9[-])+$"

STRING(text, "String");
STRING(connection_name, "ConnectionName", BETWEEN(1, 64), NAME);
STRING(destination_name, "ApiDestinationName", BETWEEN(1, 64), NAME);
STRING(description, "Description", AT_MOST(512));
STRING(kms_key, "KmsKeyIdentifier", AT_MOST(2048), .pattern = "^[a-zA-Z0-9_\\-/:]*$", .posix = "^[a-zA-Z0-9_/:-]*$");
STRING(next_token, "NextToken", BETWEEN(1, 2048));
STRING(connection_arn, "ConnectionArn", BETWEEN(1, 1600), ARN_OF("connection"));
STRING(endpoint, "HttpsEndpoint", BETWEEN(1, 2048), URL);
STRING(parameter_text, "AuthHeaderParameters", BETWEEN(1, 512), HEADER_PART);
STRING(parameter_secret, "AuthHeaderParametersSensitive", BETWEEN(1, 512), HEADER_PART, .sensitive = true);
STRING(header_key, "HeaderKey", BETWEEN(1, 512), .pattern = "^[!#$%&'*+-.^_`|~0-9a-zA-Z]+$");
STRING(header_value, "HeaderValueSensitive", AT_MOST(512), .pattern = "^[ \\t]*[\\x20-\\x7E]+([ \\t]+[\\x20-\\x7E]+)*[ \\t]*$",
       .posix = "^[\t -~]*[ -~][\t -~]*$", .sensitive = true);
STRING(query_key, "QueryStringKey", BETWEEN(1, 512), .pattern = "[^\\x00-\\x1F\\x7F]+", .posix = "^[^[:cntrl:]]+$");
STRING(query_value, "QueryStringValueSensitive", AT_MOST(512), .pattern = "[^\\x00-\\x09\\x0B\\x0C\\x0E-\\x1F\\x7F]+",
       .posix = "^([^[:cntrl:]]|\n|\r)+$", .sensitive = true);
STRING(body_value, "SensitiveString", AT_MOST(4096), .sensitive = true);
static const struct shape limit = {.type = SHAPE_INTEGER, .name = "LimitMax100", BETWEEN(1, 100)};
static const struct shape rate = {.type = SHAPE_INTEGER, .name = "ApiDestinationInvocationRateLimitPerSecond", BETWEEN(1, 1000000)};
static const struct shape count = {.type = SHAPE_INTEGER, .name = "Integer"};
static const struct shape boolean = {.type = SHAPE_BOOLEAN, .name = "Boolean"};
static const struct shape timestamp = {.type = SHAPE_TIMESTAMP, .name = "Timestamp"};
static const struct shape json = {.type = SHAPE_JSON, .name = "Json"};

static const char *const types[] = {"BASIC", "OAUTH_CLIENT_CREDENTIALS", "API_KEY", NULL};
static const char *const states[] = {"CREATING",    "UPDATING",      "DELETING", "AUTHORIZED",          "DEAUTHORIZED",
                                     "AUTHORIZING", "DEAUTHORIZING", "ACTIVE",   "FAILED_CONNECTIVITY", NULL};
static const char *const token_methods[] = {"GET", "POST", "PUT", NULL};
static const char *const methods[] = {"POST", "GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", NULL};
STRING(type, "ConnectionAuthorizationType", .values = types);
STRING(state, "ConnectionState", .values = states);
STRING(token_method, "ConnectionOAuthHttpMethod", .values = token_methods);
STRING(method, "ApiDestinationHttpMethod", .values = methods);

/* ---- what a connection authorizes with --------------------------------------------------------------------------------------- */

#define PARAMETER(var, aws, key_shape, value_shape, what)                                                                                  \
    STRUCT(var, aws, struct connection_parameter,                                                                                          \
           MEMBER(struct connection_parameter, key, "Key", &(key_shape), OPTIONAL, "name of the " what),                                   \
           MEMBER(struct connection_parameter, value, "Value", &(value_shape), OPTIONAL, "its value"),                                     \
           MEMBER(struct connection_parameter, is_secret, "IsValueSecret", &boolean, OPTIONAL, "true: the value is never shown"),          \
           MEMBER_END)
PARAMETER(header_parameter, "ConnectionHeaderParameter", header_key, header_value, "header");
PARAMETER(query_parameter, "ConnectionQueryStringParameter", query_key, query_value, "query parameter");
PARAMETER(body_parameter, "ConnectionBodyParameter", text, body_value, "member of the body");
LIST(header_parameters, "ConnectionHeaderParametersList", header_parameter, AT_MOST(100));
LIST(query_parameters, "ConnectionQueryStringParametersList", query_parameter, AT_MOST(100));
LIST(body_parameters, "ConnectionBodyParametersList", body_parameter, AT_MOST(100));
STRUCT(http, "ConnectionHttpParameters", struct connection_http,
       MEMBER(struct connection_http, headers, "HeaderParameters", &header_parameters, OPTIONAL, "headers"),
       MEMBER(struct connection_http, query, "QueryStringParameters", &query_parameters, OPTIONAL, "query parameters"),
       MEMBER(struct connection_http, body, "BodyParameters", &body_parameters, OPTIONAL, "members of the JSON body"), MEMBER_END);

/* Requests: in a new connection a kind's parameters must all be there, in an update what is absent stays. */
#define AUTH(form, aws, must)                                                                                                              \
    STRUCT(form##_basic, aws "BasicAuthRequestParameters", struct connection_basic,                                                        \
           MEMBER(struct connection_basic, username, "Username", &parameter_text, must, "user name"),                                      \
           MEMBER(struct connection_basic, password, "Password", &parameter_secret, must, "password"), MEMBER_END);                        \
    STRUCT(form##_api_key, aws "ApiKeyAuthRequestParameters", struct connection_api_key,                                                   \
           MEMBER(struct connection_api_key, name, "ApiKeyName", &parameter_text, must, "the header it goes into"),                        \
           MEMBER(struct connection_api_key, value, "ApiKeyValue", &parameter_secret, must, "the key"), MEMBER_END);                       \
    STRUCT(form##_client, aws "OAuthClientRequestParameters", struct connection_client,                                                    \
           MEMBER(struct connection_client, id, "ClientID", &parameter_text, must, "the client's id"),                                     \
           MEMBER(struct connection_client, secret, "ClientSecret", &parameter_secret, must, "and secret"), MEMBER_END);                   \
    STRUCT(form##_oauth, aws "OAuthRequestParameters", struct connection_oauth,                                                            \
           MEMBER(struct connection_oauth, client, "ClientParameters", &form##_client, must, "who asks for a token"),                      \
           MEMBER(struct connection_oauth, endpoint, "AuthorizationEndpoint", &endpoint, must, "URL that gives tokens"),                   \
           MEMBER(struct connection_oauth, method, "HttpMethod", &token_method, must, "how it is asked"),                                  \
           MEMBER(struct connection_oauth, http, "OAuthHttpParameters", &http, OPTIONAL, "what goes along with that request"),             \
           MEMBER_END);                                                                                                                    \
    static const struct member form##_auth_members[] = {                                                                                   \
        MEMBER(struct connection_auth, basic, "BasicAuthParameters", &form##_basic, OPTIONAL, "for BASIC"),                                \
        MEMBER(struct connection_auth, oauth, "OAuthParameters", &form##_oauth, OPTIONAL, "for OAUTH_CLIENT_CREDENTIALS"),                 \
        MEMBER(struct connection_auth, api_key, "ApiKeyAuthParameters", &form##_api_key, OPTIONAL, "for API_KEY"),                         \
        MEMBER(struct connection_auth, http, "InvocationHttpParameters", &http, OPTIONAL, "what goes along with every request"),           \
        MEMBER(struct connection_auth, connectivity, "ConnectivityParameters", &json, OPTIONAL, "kept and given back"),                    \
        MEMBER_END}
AUTH(create, "CreateConnection", REQUIRED);
const struct shape connection_shape_auth = {.type = SHAPE_STRUCT,
                                            .name = "CreateConnectionAuthRequestParameters",
                                            .size = sizeof(struct connection_auth),
                                            .members = create_auth_members};
AUTH(update, "UpdateConnection", OPTIONAL);
static const struct shape update_auth = {.type = SHAPE_STRUCT,
                                         .name = "UpdateConnectionAuthRequestParameters",
                                         .size = sizeof(struct connection_auth),
                                         .members = update_auth_members};

/* Answers: the same structs, but these shapes have no members for the secrets. */
STRUCT(shown_basic, "ConnectionBasicAuthResponseParameters", struct connection_basic,
       MEMBER(struct connection_basic, username, "Username", &text, OPTIONAL, "user name"), MEMBER_END);
STRUCT(shown_api_key, "ConnectionApiKeyAuthResponseParameters", struct connection_api_key,
       MEMBER(struct connection_api_key, name, "ApiKeyName", &text, OPTIONAL, "the header the key goes into"), MEMBER_END);
STRUCT(shown_client, "ConnectionOAuthClientResponseParameters", struct connection_client,
       MEMBER(struct connection_client, id, "ClientID", &text, OPTIONAL, "the client's id"), MEMBER_END);
STRUCT(shown_oauth, "ConnectionOAuthResponseParameters", struct connection_oauth,
       MEMBER(struct connection_oauth, client, "ClientParameters", &shown_client, OPTIONAL, "who asks for a token"),
       MEMBER(struct connection_oauth, endpoint, "AuthorizationEndpoint", &text, OPTIONAL, "URL that gives tokens"),
       MEMBER(struct connection_oauth, method, "HttpMethod", &text, OPTIONAL, "how it is asked"),
       MEMBER(struct connection_oauth, http, "OAuthHttpParameters", &http, OPTIONAL, "what goes along; without the values of secret ones"),
       MEMBER_END);
STRUCT(shown_auth, "ConnectionAuthResponseParameters", struct connection_auth,
       MEMBER(struct connection_auth, basic, "BasicAuthParameters", &shown_basic, OPTIONAL, "for BASIC"),
       MEMBER(struct connection_auth, oauth, "OAuthParameters", &shown_oauth, OPTIONAL, "for OAUTH_CLIENT_CREDENTIALS"),
       MEMBER(struct connection_auth, api_key, "ApiKeyAuthParameters", &shown_api_key, OPTIONAL, "for API_KEY"),
       MEMBER(struct connection_auth, http, "InvocationHttpParameters", &http, OPTIONAL,
              "what goes along with every request; without the values of secret ones"),
       MEMBER(struct connection_auth, connectivity, "ConnectivityParameters", &json, OPTIONAL, "as given"), MEMBER_END);

/* ---- connections -------------------------------------------------------------------------------------------------------------- */

#define CONNECTION(var, aws, auth_shape, must)                                                                                             \
    STRUCT(                                                                                                                                \
        var, aws, struct connection_settings,                                                                                              \
        MEMBER(struct connection_settings, name, "Name", &connection_name, REQUIRED, "the connection"),                                    \
        MEMBER(struct connection_settings, description, "Description", &description, OPTIONAL, "what it is for"),                          \
        MEMBER(struct connection_settings, type, "AuthorizationType", &type, must, "how requests are authorized"),                         \
        MEMBER(struct connection_settings, auth, "AuthParameters", &(auth_shape), must, "with what; secrets are sealed and never shown"),  \
        MEMBER(struct connection_settings, connectivity, "InvocationConnectivityParameters", &json, OPTIONAL, "kept and given back"),      \
        MEMBER(struct connection_settings, kms_key, "KmsKeyIdentifier", &kms_key, OPTIONAL, "kept and given back"), MEMBER_END)
CONNECTION(create_connection, "CreateConnectionRequest", connection_shape_auth, REQUIRED);
CONNECTION(update_connection, "UpdateConnectionRequest", update_auth, OPTIONAL);
STRUCT(connection_by_name, "ConnectionReference", struct connection_reference,
       MEMBER(struct connection_reference, name, "Name", &connection_name, REQUIRED, "the connection"), MEMBER_END);

#define TIMES(type_)                                                                                                                       \
    MEMBER(type_, created_ms, "CreationTime", &timestamp, OPTIONAL, "when it was made"),                                                   \
        MEMBER(type_, modified_ms, "LastModifiedTime", &timestamp, OPTIONAL, "when it was changed last")
#define CONNECTION_TIMES(type_)                                                                                                            \
    TIMES(type_), MEMBER(type_, authorized_ms, "LastAuthorizedTime", &timestamp, OPTIONAL, "when it was authorized last")
STRUCT(connection_changed, "ConnectionResponse", struct connection_changed,
       MEMBER(struct connection_changed, arn, "ConnectionArn", &text, OPTIONAL, "its ARN"),
       MEMBER(struct connection_changed, state, "ConnectionState", &state, OPTIONAL, "its state"),
       CONNECTION_TIMES(struct connection_changed), MEMBER_END);
STRUCT(describe_connection, "DescribeConnectionResponse", struct connection_description,
       MEMBER(struct connection_description, arn, "ConnectionArn", &text, OPTIONAL, "its ARN"),
       MEMBER(struct connection_description, name, "Name", &text, OPTIONAL, "the connection"),
       MEMBER(struct connection_description, description, "Description", &text, OPTIONAL, "what it is for"),
       MEMBER(struct connection_description, connectivity, "InvocationConnectivityParameters", &json, OPTIONAL, "as given"),
       MEMBER(struct connection_description, state, "ConnectionState", &state, OPTIONAL, "its state"),
       MEMBER(struct connection_description, reason, "StateReason", &text, OPTIONAL, "why it is in that state"),
       MEMBER(struct connection_description, type, "AuthorizationType", &type, OPTIONAL, "how requests are authorized"),
       MEMBER(struct connection_description, secret_arn, "SecretArn", &text, OPTIONAL, "names where the secrets are kept"),
       MEMBER(struct connection_description, kms_key, "KmsKeyIdentifier", &text, OPTIONAL, "as given"),
       MEMBER(struct connection_description, auth, "AuthParameters", &shown_auth, OPTIONAL, "with what, without the secrets"),
       CONNECTION_TIMES(struct connection_description), MEMBER_END);
STRUCT(connection_summary, "Connection", struct connection_summary,
       MEMBER(struct connection_summary, arn, "ConnectionArn", &text, OPTIONAL, "its ARN"),
       MEMBER(struct connection_summary, name, "Name", &text, OPTIONAL, "the connection"),
       MEMBER(struct connection_summary, state, "ConnectionState", &state, OPTIONAL, "its state"),
       MEMBER(struct connection_summary, reason, "StateReason", &text, OPTIONAL, "why it is in that state"),
       MEMBER(struct connection_summary, type, "AuthorizationType", &type, OPTIONAL, "how requests are authorized"),
       CONNECTION_TIMES(struct connection_summary), MEMBER_END);
LIST(connections, "ConnectionResponseList", connection_summary);
STRUCT(list_connections, "ListConnectionsRequest", struct connection_list_request,
       MEMBER(struct connection_list_request, name_prefix, "NamePrefix", &connection_name, OPTIONAL, "only those whose names begin so"),
       MEMBER(struct connection_list_request, state, "ConnectionState", &state, OPTIONAL, "only those in that state"),
       MEMBER(struct connection_list_request, next_token, "NextToken", &next_token, OPTIONAL, "from the answer before"),
       MEMBER(struct connection_list_request, limit, "Limit", &limit, OPTIONAL, "how many at most in one answer"), MEMBER_END);
STRUCT(list_connections_answer, "ListConnectionsResponse", struct connection_list,
       MEMBER(struct connection_list, connections, "Connections", &connections, OPTIONAL, "in order of name"),
       MEMBER(struct connection_list, next_token, "NextToken", &next_token, OPTIONAL, "there are more: ask with this"), MEMBER_END);

/* ---- API destinations ----------------------------------------------------------------------------------------------------------- */

#define DESTINATION(var, aws, must)                                                                                                        \
    STRUCT(                                                                                                                                \
        var, aws, struct destination_settings,                                                                                             \
        MEMBER(struct destination_settings, name, "Name", &destination_name, REQUIRED, "the API destination"),                             \
        MEMBER(struct destination_settings, description, "Description", &description, OPTIONAL, "what it is for"),                         \
        MEMBER(struct destination_settings, connection_arn, "ConnectionArn", &connection_arn, must,                                        \
               "what its requests are authorized with"),                                                                                   \
        MEMBER(struct destination_settings, endpoint, "InvocationEndpoint", &endpoint, must,                                               \
               "URL that events are sent to; each * is filled by a target's path parameter"),                                              \
        MEMBER(struct destination_settings, method, "HttpMethod", &method, must, "how"),                                                   \
        MEMBER(struct destination_settings, rate, "InvocationRateLimitPerSecond", &rate, OPTIONAL, "requests per second at most (300)"),   \
        MEMBER_END)
DESTINATION(create_destination, "CreateApiDestinationRequest", REQUIRED);
DESTINATION(update_destination, "UpdateApiDestinationRequest", OPTIONAL);
STRUCT(destination_by_name, "ApiDestinationReference", struct destination_reference,
       MEMBER(struct destination_reference, name, "Name", &destination_name, REQUIRED, "the API destination"), MEMBER_END);
STRUCT(destination_changed, "ApiDestinationResponse", struct destination_changed,
       MEMBER(struct destination_changed, arn, "ApiDestinationArn", &text, OPTIONAL, "its ARN"),
       MEMBER(struct destination_changed, state, "ApiDestinationState", &text, OPTIONAL,
              "ACTIVE; INACTIVE while its connection cannot authorize"),
       TIMES(struct destination_changed), MEMBER_END);
#define DESTINATION_SHOWN(type_)                                                                                                           \
    MEMBER(type_, arn, "ApiDestinationArn", &text, OPTIONAL, "its ARN"),                                                                   \
        MEMBER(type_, name, "Name", &text, OPTIONAL, "the API destination"),                                                               \
        MEMBER(type_, state, "ApiDestinationState", &text, OPTIONAL, "ACTIVE; INACTIVE while its connection cannot authorize"),            \
        MEMBER(type_, connection_arn, "ConnectionArn", &text, OPTIONAL, "what its requests are authorized with"),                          \
        MEMBER(type_, endpoint, "InvocationEndpoint", &text, OPTIONAL, "URL that events are sent to"),                                     \
        MEMBER(type_, method, "HttpMethod", &method, OPTIONAL, "how"),                                                                     \
        MEMBER(type_, rate, "InvocationRateLimitPerSecond", &rate, OPTIONAL, "requests per second at most"), TIMES(type_)
STRUCT(describe_destination, "DescribeApiDestinationResponse", struct destination_description,
       DESTINATION_SHOWN(struct destination_description),
       MEMBER(struct destination_description, description, "Description", &text, OPTIONAL, "what it is for"), MEMBER_END);
STRUCT(destination_summary, "ApiDestination", struct destination_summary, DESTINATION_SHOWN(struct destination_summary), MEMBER_END);
LIST(destinations, "ApiDestinationResponseList", destination_summary);
STRUCT(list_destinations, "ListApiDestinationsRequest", struct destination_list_request,
       MEMBER(struct destination_list_request, name_prefix, "NamePrefix", &destination_name, OPTIONAL, "only those whose names begin so"),
       MEMBER(struct destination_list_request, connection_arn, "ConnectionArn", &connection_arn, OPTIONAL, "only those of this connection"),
       MEMBER(struct destination_list_request, next_token, "NextToken", &next_token, OPTIONAL, "from the answer before"),
       MEMBER(struct destination_list_request, limit, "Limit", &limit, OPTIONAL, "how many at most in one answer"), MEMBER_END);
STRUCT(list_destinations_answer, "ListApiDestinationsResponse", struct destination_list,
       MEMBER(struct destination_list, destinations, "ApiDestinations", &destinations, OPTIONAL, "in order of name"),
       MEMBER(struct destination_list, next_token, "NextToken", &next_token, OPTIONAL, "there are more: ask with this"), MEMBER_END);

/* ---- the operator's -------------------------------------------------------------------------------------------------------------- */

static const struct member nothing_members[] = {MEMBER_END};
static const struct shape nothing = {
    .type = SHAPE_STRUCT, .name = "EmptyRequest", .size = sizeof(struct secret_key_rotate), .members = nothing_members};
STRUCT(rotated, "RotateSecretKeyResponse", struct secret_key_rotated,
       MEMBER(struct secret_key_rotated, key_id, "KeyId", &text, OPTIONAL, "id of the new key"),
       MEMBER(struct secret_key_rotated, connections, "Connections", &count, OPTIONAL, "how many connections were sealed again"),
       MEMBER_END);

/* ---- the tables ------------------------------------------------------------------------------------------------------------------- */

#define ROW(name_, in_, out_, access_, help_, example_)                                                                                    \
    {                                                                                                                                      \
        .service = "events", .name = (name_), .in = (in_), .out = (out_), .action = "events:" name_, .access = (access_), .help = (help_), \
        .example = (example_)                                                                                                              \
    }

const struct operation destination_operations[] = {
    ROW("CreateConnection", &create_connection, &connection_changed, ACCESS_WRITE,
        "Makes a connection: how requests to an API are authorized.",
        "busctl create-connection --name shop --authorization-type API_KEY --auth-parameters "
        "'ApiKeyAuthParameters={ApiKeyName=x-api-key,ApiKeyValue=secret}'"),
    ROW("UpdateConnection", &update_connection, &connection_changed, ACCESS_WRITE, "Changes a connection, and authorizes it again.",
        "busctl update-connection --name shop --description 'the shop'"),
    ROW("DeleteConnection", &connection_by_name, &connection_changed, ACCESS_WRITE, "Deletes a connection with its secrets.",
        "busctl delete-connection --name shop"),
    ROW("DescribeConnection", &connection_by_name, &describe_connection, ACCESS_READ, "Shows a connection without its secrets.",
        "busctl describe-connection --name shop"),
    ROW("ListConnections", &list_connections, &list_connections_answer, ACCESS_READ, "Lists the account's connections.",
        "busctl list-connections --name-prefix sh"),
    ROW("DeauthorizeConnection", &connection_by_name, &connection_changed, ACCESS_WRITE,
        "Removes a connection's secrets, and leaves the connection.", "busctl deauthorize-connection --name shop"),
    ROW("CreateApiDestination", &create_destination, &destination_changed, ACCESS_WRITE,
        "Makes an API destination: a URL that rules can send events to.",
        "busctl create-api-destination --name orders --connection-arn arn:aws:events:us-east-1:111122223333:connection/shop "
        "--invocation-endpoint https://shop.example.com/orders --http-method POST"),
    ROW("UpdateApiDestination", &update_destination, &destination_changed, ACCESS_WRITE, "Changes an API destination.",
        "busctl update-api-destination --name orders --invocation-rate-limit-per-second 10"),
    ROW("DeleteApiDestination", &destination_by_name, NULL, ACCESS_WRITE, "Deletes an API destination.",
        "busctl delete-api-destination --name orders"),
    ROW("DescribeApiDestination", &destination_by_name, &describe_destination, ACCESS_READ, "Shows an API destination.",
        "busctl describe-api-destination --name orders"),
    ROW("ListApiDestinations", &list_destinations, &list_destinations_answer, ACCESS_READ, "Lists the account's API destinations.",
        "busctl list-api-destinations"),
    {.name = NULL},
};

const struct operation secret_key_operations[] = {
    {.service = "bus",
     .name = "RotateSecretKey",
     .in = &nothing,
     .out = &rotated,
     .access = ACCESS_OPERATOR,
     .help = "Makes a new key for the secrets of connections and seals them all again.",
     .example = "busctl rotate-secret-key"},
    {.name = NULL},
};
