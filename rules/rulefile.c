#include "rulefile.h"

#include <stdlib.h>

#include "arn.h"
#include "doc.h"
#include "encoding.h"
#include "json.h"
#include "nearest.h"
#include "path.h"
#include "pattern_flaw.h"
#include "schedule.h"
#include "template.h"
#include "transform.h"

enum { DECLARED_MAX = 1000000 };

struct loader {
    struct arena *arena;
    struct problems *problems;
    struct str dir, region;
    struct str account;
    struct declared *items;
    size_t count, cap;
    bool no_memory;
};

/* ---- the format's frame ----------------------------------------------------------------------------------------------------------------
 */
static const struct ynode *get(const struct ynode *map, const char *key) { return ynode_get(map, str_from(key)); }

/* The node, standing where its key does: for what is wrong with the key. */
static struct ynode at_key(const struct ynode *n) {
    struct ynode at = *n;
    at.line = n->key_line;
    at.column = n->key_column;
    return at;
}

static void unknown_key(struct loader *l, const struct ynode *n, const char *section) {
    const char *best = NULL;
    size_t least = SIZE_MAX;
    struct buf known;
    buf_init(&known, 4096);
    for (const struct rulefile_key *k = rulefile_keys; k->section; k++) {
        if (strcmp(k->section, section) != 0) continue;
        buf_addf(&known, "%s%s", known.n ? ", " : "", k->key);
        size_t distance = nearest_distance(n->key, str_from(k->key));
        if (distance < least) {
            least = distance;
            best = k->key;
        }
    }
    struct ynode at = at_key(n);
    if (best && nearest_is_close(n->key, least))
        problem_at(l->problems, &at, "'%.*s' is not known here; did you mean %s?", STR_ARG(n->key), best);
    else
        problem_at(l->problems, &at, "'%.*s' is not known here; known are %.*s", STR_ARG(n->key), STR_ARG(buf_str(&known)));
    buf_fini(&known);
}

/* Is it a map with known keys only? An absent value (`default:` and nothing) is an empty one. */
static bool check_map(struct loader *l, const struct ynode *n, const char *section) {
    if (n->kind == YNODE_NULL) return true;
    if (n->kind != YNODE_MAP) {
        problem_at(l->problems, n, "a mapping is expected here");
        return false;
    }
    for (const struct ynode *c = n->child; c; c = c->next) {
        const struct rulefile_key *k = rulefile_keys;
        while (k->section && !(strcmp(k->section, section) == 0 && str_eqz(c->key, k->key))) k++;
        if (!k->section) unknown_key(l, c, section);
    }
    return true;
}

/* Members of a mapping of names, or NULL when there are none. */
static const struct ynode *named(struct loader *l, const struct ynode *n) {
    if (!n || n->kind == YNODE_NULL) return NULL;
    if (n->kind == YNODE_MAP) return n->child;
    problem_at(l->problems, n, "a mapping of names is expected here");
    return NULL;
}

static struct str text_of(struct loader *l, const struct ynode *n) {
    if (!n || n->kind == YNODE_NULL) return STR_NULL;
    if (n->kind == YNODE_STRING || n->kind == YNODE_NUMBER || n->kind == YNODE_BOOL) return n->text;
    problem_at(l->problems, n, "text is expected here");
    return STR_NULL;
}

/* One of two words. */
static struct str choice_of(struct loader *l, const struct ynode *n, const char *one, const char *other) {
    struct str text = text_of(l, n);
    if (text.p && !str_eqz(text, one) && !str_eqz(text, other)) problem_at(l->problems, n, "%s or %s is expected here", one, other);
    return text;
}

static bool number_of(struct loader *l, const struct ynode *n, int64_t least, int64_t most, int64_t *value) {
    if (!n || n->kind == YNODE_NULL) return false;
    if (n->kind == YNODE_NUMBER && str_to_i64(n->text, value) && *value >= least && *value <= most) return true;
    problem_at(l->problems, n, "a whole number from %lld to %lld is expected here", (long long)least, (long long)most);
    return false;
}

static bool flag_of(struct loader *l, const struct ynode *n, bool *value) {
    if (!n || n->kind == YNODE_NULL) return false;
    *value = n->kind == YNODE_BOOL && (n->text.p[0] == 't' || n->text.p[0] == 'T');
    if (n->kind == YNODE_BOOL) return true;
    problem_at(l->problems, n, "true or false is expected here");
    return false;
}

static struct str json_of(struct loader *l, const struct ynode *n) {
    struct buf out;
    buf_init(&out, 0);
    ynode_json(&out, n);
    struct str text = out.failed ? STR_NULL : arena_str(l->arena, buf_str(&out));
    if (!text.p) l->no_memory = true;
    buf_fini(&out);
    return text;
}

/* ---- what is declared
 * -------------------------------------------------------------------------------------------------------------------- */
/* A request being written. */
struct request {
    struct buf out;
    struct json j;
};

static void begin(struct request *r) {
    buf_init(&r->out, 0);
    json_init(&r->j, &r->out);
    json_object_begin(&r->j);
}

static void member(struct request *r, const char *key, struct str value) {
    if (value.p) json_key_str(&r->j, key, value);
}

static void member_number(struct loader *l, struct request *r, const char *key, const struct ynode *n, int64_t least, int64_t most) {
    int64_t v;
    if (number_of(l, n, least, most, &v)) json_key_i64(&r->j, key, v);
}

static void declare(struct loader *l, struct request *r, const char *operation, const char *update, const struct ynode *node,
                    struct str what) {
    json_object_end(&r->j);
    if (l->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct declared *items = arena_array(l->arena, cap, sizeof *items);
        if (!items || cap > DECLARED_MAX) {
            l->no_memory = true;
            buf_fini(&r->out);
            return;
        }
        if (l->count) memcpy(items, l->items, l->count * sizeof *items);
        l->items = items;
        l->cap = cap;
    }
    struct str request = r->out.failed ? STR_NULL : arena_str(l->arena, buf_str(&r->out));
    if (!request.p || !what.p) l->no_memory = true;
    l->items[l->count++] = (struct declared){.account = l->account,
                                             .operation = str_from(operation),
                                             .request = request,
                                             .update = str_from(update),
                                             .what = what,
                                             .node = node};
    buf_fini(&r->out);
}

#define WHAT(l, kind, name) arena_printf((l)->arena, kind " %.*s of account %.*s", STR_ARG(name), STR_ARG((l)->account))

/* ---- names and ARNs
 * ------------------------------------------------------------------------------------------------------------------------- */
static bool is_arn(struct str s) { return str_starts(s, STR("arn:")); }

/* A name in the own account becomes an ARN; an ARN stays. `form` has two parts: service, and what stands before the name. */
static struct str arn_of(struct loader *l, const struct ynode *n, const char *service, const char *before) {
    struct str text = text_of(l, n);
    struct arn arn;
    if (!text.p) return STR_NULL;
    if (is_arn(text)) {
        if (!arn_parse(text, &arn))
            problem_at(l->problems, n, "this is not an ARN: arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE");
        else if (service && !str_eqz(arn.service, service))
            problem_at(l->problems, n, "the ARN of a %s resource is expected here", service);
        return text;
    }
    if (!service) {
        problem_at(l->problems, n, "an ARN is expected here");
        return STR_NULL;
    }
    return arena_printf(l->arena, "arn:aws:%s:%.*s:%.*s:%s%.*s", service, STR_ARG(l->region), STR_ARG(l->account), before, STR_ARG(text));
}

static struct str queue_arn(struct loader *l, const struct ynode *n) { return arn_of(l, n, "sqs", ""); }

/* Below the rule file's directory, unless it is absolute or, for programs, a bare word that PATH finds. */
static struct str file_path(struct loader *l, struct str path, bool bare_is_fine) {
    if (!path.n || path.p[0] == '/' || !l->dir.n || (bare_is_fine && str_find(path, '/', 0) == path.n)) return path;
    return arena_printf(l->arena, "%.*s/%.*s", STR_ARG(l->dir), STR_ARG(str_starts(path, STR("./")) ? str_skip(path, 2) : path));
}

/* ---- accounts and keys
 * ------------------------------------------------------------------------------------------------------------------------ */
static void load_keys(struct loader *l, const struct ynode *keys) {
    if (!keys || keys->kind == YNODE_NULL) return;
    if (keys->kind != YNODE_LIST) problem_at(l->problems, keys, "a list of keys is expected here");
    for (const struct ynode *n = keys->kind == YNODE_LIST ? keys->child : NULL; n; n = n->next) {
        if (!check_map(l, n, "key")) continue;
        struct str id = text_of(l, get(n, "id")), secret = text_of(l, get(n, "secret"));
        if (!id.n || !secret.n) {
            problem_at(l->problems, n, "an access key has an id and a secret");
            continue;
        }
        struct request r;
        begin(&r);
        member(&r, "AccountId", l->account);
        member(&r, "AccessKeyId", id);
        member(&r, "SecretAccessKey", secret);
        if (get(n, "policy")) member(&r, "Policy", json_of(l, get(n, "policy")));
        declare(l, &r, "bus.CreateAccessKey", NULL, n, WHAT(l, "access key", id));
    }
}

static void load_account_itself(struct loader *l, const struct ynode *n) {
    struct request r;
    begin(&r);
    member(&r, "AccountId", l->account);
    member(&r, "Name", text_of(l, get(n, "name")));
    declare(l, &r, "bus.CreateAccount", NULL, n, arena_printf(l->arena, "account %.*s", STR_ARG(l->account)));
    load_keys(l, get(n, "keys"));
}

/* ---- streams, queues, functions, logs
 * -------------------------------------------------------------------------------------------------------- */
static void load_stream(struct loader *l, const struct ynode *n) {
    if (!check_map(l, n, "stream")) return;
    struct request r;
    begin(&r);
    member(&r, "StreamName", n->key);
    member_number(l, &r, "ShardCount", get(n, "shards"), 1, 256);
    member_number(l, &r, "RetentionPeriodHours", get(n, "retention-hours"), 24, 8760);
    declare(l, &r, "kinesis.CreateStream", "kinesis.UpdateStream", n, WHAT(l, "stream", n->key));
}

static void attribute_number(struct loader *l, struct request *r, const char *key, const struct ynode *n, int64_t least, int64_t most) {
    int64_t v;
    if (number_of(l, n, least, most, &v)) json_key_str(&r->j, key, arena_printf(l->arena, "%lld", (long long)v));
}

static void attribute_flag(struct loader *l, struct request *r, const char *key, const struct ynode *n) {
    bool v = false;
    if (flag_of(l, n, &v)) json_key_str(&r->j, key, v ? STR("true") : STR("false"));
}

static void attribute_redrive(struct loader *l, struct request *r, const struct ynode *n) {
    int64_t receives = 0;
    if (!n || !check_map(l, n, "redrive")) return;
    const struct ynode *most = get(n, "max-receives");
    struct str arn = queue_arn(l, get(n, "queue"));
    if (!arn.p || !most || most->kind == YNODE_NULL) problem_at(l->problems, n, "queue and max-receives (1 to 1000) are expected here");
    if (!number_of(l, most, 1, 1000, &receives) || !arn.p) return;
    member(r, "RedrivePolicy",
           arena_printf(l->arena, "{\"deadLetterTargetArn\":\"%.*s\",\"maxReceiveCount\":%lld}", STR_ARG(arn), (long long)receives));
}

static void check_fifo(struct loader *l, const struct ynode *n) {
    const struct ynode *fifo = get(n, "fifo"), *deduplication = get(n, "content-based-deduplication");
    bool named = str_ends(n->key, STR(".fifo")),
         is = fifo && fifo->kind == YNODE_BOOL && (fifo->text.p[0] == 't' || fifo->text.p[0] == 'T');
    if (is && !named) problem_at(l->problems, fifo, "the name of a FIFO queue ends in .fifo");
    if (!is && named) problem_at(l->problems, fifo ? fifo : n, "a queue whose name ends in .fifo needs fifo: true");
    if (!is && deduplication) problem_at(l->problems, deduplication, "only a FIFO queue looks for equal bodies");
}

static void load_queue(struct loader *l, const struct ynode *n) {
    if (!check_map(l, n, "queue")) return;
    check_fifo(l, n);
    struct request r;
    begin(&r);
    member(&r, "QueueName", n->key);
    member(&r, "QueueUrl", n->key); /* what the update goes by */
    json_key(&r.j, STR("Attributes"));
    json_object_begin(&r.j);
    attribute_number(l, &r, "VisibilityTimeout", get(n, "visibility-timeout-seconds"), 0, 43200);
    attribute_number(l, &r, "MessageRetentionPeriod", get(n, "retention-seconds"), 60, 1209600);
    attribute_number(l, &r, "DelaySeconds", get(n, "delay-seconds"), 0, 900);
    attribute_number(l, &r, "ReceiveMessageWaitTimeSeconds", get(n, "receive-wait-seconds"), 0, 20);
    attribute_number(l, &r, "MaximumMessageSize", get(n, "max-message-bytes"), 1024, 1048576);
    attribute_flag(l, &r, "FifoQueue", get(n, "fifo"));
    attribute_flag(l, &r, "ContentBasedDeduplication", get(n, "content-based-deduplication"));
    attribute_redrive(l, &r, get(n, "dead-letter"));
    if (get(n, "policy")) member(&r, "Policy", json_of(l, get(n, "policy")));
    json_object_end(&r.j);
    declare(l, &r, "sqs.CreateQueue", "sqs.SetQueueAttributes", n, WHAT(l, "queue", n->key));
}

static void write_command(struct loader *l, struct request *r, const struct ynode *command) {
    json_key(&r->j, STR("Command"));
    json_array_begin(&r->j);
    bool first = true;
    for (const struct ynode *c = command->child; c; c = c->next, first = false) {
        struct str word = text_of(l, c);
        if (word.p) json_str(&r->j, first ? file_path(l, word, true) : word);
    }
    json_array_end(&r->j);
}

static void write_environment(struct loader *l, struct request *r, const struct ynode *n) {
    if (!n || n->kind == YNODE_NULL) return;
    json_key(&r->j, STR("Environment"));
    json_object_begin(&r->j);
    json_key(&r->j, STR("Variables"));
    json_object_begin(&r->j);
    for (const struct ynode *c = named(l, n); c; c = c->next) {
        struct str value = text_of(l, c);
        json_key(&r->j, c->key);
        json_str(&r->j, value.p ? value : STR(""));
    }
    json_object_end(&r->j);
    json_object_end(&r->j);
}

static void load_function(struct loader *l, const struct ynode *n) {
    if (!check_map(l, n, "function")) return;
    const struct ynode *command = get(n, "command");
    if (!command || command->kind != YNODE_LIST || !command->count) {
        problem_at(l->problems, command ? command : n, "a function has a command: a list of the program and its arguments");
        return;
    }
    struct request r;
    begin(&r);
    member(&r, "FunctionName", n->key);
    write_command(l, &r, command);
    member(&r, "Mode", choice_of(l, get(n, "mode"), "process", "worker"));
    member(&r, "Description", text_of(l, get(n, "description")));
    struct str directory = text_of(l, get(n, "directory"));
    if (directory.p) member(&r, "WorkingDirectory", file_path(l, directory, false));
    member_number(l, &r, "Timeout", get(n, "timeout-seconds"), 1, 900);
    member_number(l, &r, "Concurrency", get(n, "concurrency"), 1, 256);
    member_number(l, &r, "MemorySize", get(n, "memory-mb"), 1, 1048576);
    member_number(l, &r, "CpuSeconds", get(n, "cpu-seconds"), 1, 86400);
    write_environment(l, &r, get(n, "environment"));
    declare(l, &r, "lambda.CreateFunction", "lambda.UpdateFunctionConfiguration", n, WHAT(l, "function", n->key));
}

static void load_log(struct loader *l, const struct ynode *n) {
    if (!check_map(l, n, "log")) return;
    struct request r;
    begin(&r);
    member(&r, "logGroupName", n->key);
    member(&r, "File", text_of(l, get(n, "file")));
    member_number(l, &r, "MaxBytes", get(n, "max-bytes"), 1024, (int64_t)1 << 40);
    member_number(l, &r, "Keep", get(n, "keep"), 0, 1000);
    declare(l, &r, "logs.CreateLogGroup", "logs.UpdateLogGroup", n, WHAT(l, "log group", n->key));
}

/* ---- connections and API destinations
 * ----------------------------------------------------------------------------------------------------------- */
/* A secret, or where it stands: env:NAME, file:PATH (made absolute here); literal:TEXT for one that begins like these. The daemon looks it
 * up. */
static struct str secret_of(struct loader *l, const struct ynode *n) {
    struct str text = text_of(l, n);
    if (!str_starts(text, STR("file:"))) return text;
    return arena_printf(l->arena, "file:%.*s", STR_ARG(file_path(l, str_skip(text, 5), false)));
}

static bool is_reference(struct str text) { return str_starts(text, STR("env:")) || str_starts(text, STR("file:")); }

/* Parameters by name: a text, or {secret: TEXT}. What is looked up elsewhere is a secret as well. Written even when there are none: an
 * update takes away what the file no longer has. */
static void write_parameters(struct loader *l, struct json *j, const char *member_name, const struct ynode *n) {
    json_key(j, str_from(member_name));
    json_array_begin(j);
    for (const struct ynode *c = named(l, n); c; c = c->next) {
        bool hidden = c->kind == YNODE_MAP;
        if (hidden && !check_map(l, c, "parameter")) continue;
        struct str value = secret_of(l, hidden ? get(c, "secret") : c);
        if (!value.p) {
            problem_at(l->problems, c, "text, or {secret: TEXT}, is expected here");
            continue;
        }
        json_object_begin(j);
        json_key_str(j, "Key", c->key);
        json_key_str(j, "Value", value);
        json_key_bool(j, "IsValueSecret", hidden || is_reference(value));
        json_object_end(j);
    }
    json_array_end(j);
}

static void write_http(struct loader *l, struct json *j, const char *member_name, const struct ynode *n) {
    json_key(j, str_from(member_name));
    json_object_begin(j);
    write_parameters(l, j, "HeaderParameters", get(n, "headers"));
    write_parameters(l, j, "QueryStringParameters", get(n, "query"));
    write_parameters(l, j, "BodyParameters", get(n, "body"));
    json_object_end(j);
}

/* Two texts that must both be there, the second one a secret. */
static void write_pair(struct loader *l, struct json *j, const struct ynode *n, const char *first, const char *first_member,
                       const char *second, const char *second_member) {
    struct str open = text_of(l, get(n, first)), secret = secret_of(l, get(n, second));
    if (!open.n || !secret.n) problem_at(l->problems, n, "%s and %s are expected here", first, second);
    json_key_str(j, first_member, open);
    json_key_str(j, second_member, secret);
}

static void write_oauth(struct loader *l, struct json *j, const struct ynode *n) {
    struct str endpoint = text_of(l, get(n, "endpoint")), method = text_of(l, get(n, "method"));
    if (!endpoint.n) problem_at(l->problems, n, "endpoint, the URL that gives tokens, is missing");
    json_key(j, STR("ClientParameters"));
    json_object_begin(j);
    write_pair(l, j, n, "client-id", "ClientID", "client-secret", "ClientSecret");
    json_object_end(j);
    json_key_str(j, "AuthorizationEndpoint", endpoint);
    json_key_str(j, "HttpMethod", method.p ? method : STR("POST"));
    write_http(l, j, "OAuthHttpParameters", n);
}

static void write_authorization(struct loader *l, struct json *j, const struct ynode *n) {
    const struct ynode *basic = get(n, "basic"), *api_key = get(n, "api-key"), *oauth = get(n, "oauth");
    const struct ynode *kind = basic ? basic : api_key ? api_key : oauth;
    if (!!basic + !!api_key + !!oauth != 1) {
        problem_at(l->problems, n, "a connection has one of basic, api-key and oauth");
        return;
    }
    json_key_str(j, "AuthorizationType", basic ? STR("BASIC") : api_key ? STR("API_KEY") : STR("OAUTH_CLIENT_CREDENTIALS"));
    json_key(j, STR("AuthParameters"));
    json_object_begin(j);
    json_key(j, basic ? STR("BasicAuthParameters") : api_key ? STR("ApiKeyAuthParameters") : STR("OAuthParameters"));
    json_object_begin(j);
    if (check_map(l, kind, basic ? "basic" : api_key ? "api-key" : "oauth")) {
        if (basic) write_pair(l, j, basic, "username", "Username", "password", "Password");
        if (api_key) write_pair(l, j, api_key, "header", "ApiKeyName", "value", "ApiKeyValue");
        if (oauth) write_oauth(l, j, oauth);
    }
    json_object_end(j);
    write_http(l, j, "InvocationHttpParameters", n);
    json_object_end(j);
}

static void load_connection(struct loader *l, const struct ynode *n) {
    if (!check_map(l, n, "connection")) return;
    struct request r;
    begin(&r);
    member(&r, "Name", n->key);
    member(&r, "Description", text_of(l, get(n, "description")));
    write_authorization(l, &r.j, n);
    declare(l, &r, "events.CreateConnection", "events.UpdateConnection", n, WHAT(l, "connection", n->key));
}

static void load_destination(struct loader *l, const struct ynode *n) {
    if (!check_map(l, n, "api-destination")) return;
    struct str connection = arn_of(l, get(n, "connection"), "events", "connection/"), url = text_of(l, get(n, "url")),
               method = text_of(l, get(n, "method"));
    if (!connection.p || !url.n) problem_at(l->problems, n, "an API destination has a connection and a url");
    struct request r;
    begin(&r);
    member(&r, "Name", n->key);
    member(&r, "Description", text_of(l, get(n, "description")));
    member(&r, "ConnectionArn", connection);
    member(&r, "InvocationEndpoint", url);
    member(&r, "HttpMethod", method.p ? method : STR("POST"));
    member_number(l, &r, "InvocationRateLimitPerSecond", get(n, "rate-limit-per-second"), 1, 1000000);
    declare(l, &r, "events.CreateApiDestination", "events.UpdateApiDestination", n, WHAT(l, "API destination", n->key));
}

/* ---- topics
 * ------------------------------------------------------------------------------------------------------------------------------------- */
static bool subscription_endpoint(struct loader *l, const struct ynode *n, const char **protocol, struct str *endpoint) {
    static const char *const kinds[] = {"queue", "function", "email", "http"};
    const struct ynode *found = NULL;
    int count = 0;
    for (size_t i = 0; i < 4; i++)
        if (get(n, kinds[i])) {
            found = get(n, kinds[i]);
            count++;
        }
    if (count != 1) {
        problem_at(l->problems, n, "a subscription has one of queue, function, email and http");
        return false;
    }
    if (str_eqz(found->key, "queue"))
        *protocol = "sqs", *endpoint = queue_arn(l, found);
    else if (str_eqz(found->key, "function"))
        *protocol = "lambda", *endpoint = arn_of(l, found, "lambda", "function:");
    else
        *protocol = "email", *endpoint = text_of(l, found);
    if (str_eqz(found->key, "http")) {
        bool tls = str_starts(*endpoint, STR("https://"));
        if (!tls && !str_starts(*endpoint, STR("http://")))
            problem_at(l->problems, found, "a URL that begins with http:// or https:// is expected here");
        *protocol = tls ? "https" : "http";
    }
    return endpoint->p;
}

static void load_subscription(struct loader *l, const struct ynode *n, struct str topic) {
    const char *protocol;
    struct str endpoint;
    bool raw;
    if (!check_map(l, n, "subscription") || !subscription_endpoint(l, n, &protocol, &endpoint)) return;
    struct request r;
    begin(&r);
    member(&r, "TopicArn", topic);
    member(&r, "Protocol", str_from(protocol));
    member(&r, "Endpoint", endpoint);
    json_key(&r.j, STR("Attributes"));
    json_object_begin(&r.j);
    if (get(n, "filter-policy")) member(&r, "FilterPolicy", json_of(l, get(n, "filter-policy")));
    member(&r, "FilterPolicyScope", choice_of(l, get(n, "filter-policy-scope"), "MessageAttributes", "MessageBody"));
    if (flag_of(l, get(n, "raw"), &raw)) member(&r, "RawMessageDelivery", raw ? STR("true") : STR("false"));
    struct str dead_letter = queue_arn(l, get(n, "dead-letter"));
    if (dead_letter.p) member(&r, "RedrivePolicy", arena_printf(l->arena, "{\"deadLetterTargetArn\":\"%.*s\"}", STR_ARG(dead_letter)));
    json_object_end(&r.j);
    declare(l, &r, "sns.Subscribe", NULL, n, WHAT(l, "subscription", endpoint));
}

static void load_topic(struct loader *l, const struct ynode *n) {
    if (!check_map(l, n, "topic")) return;
    struct request r;
    begin(&r);
    member(&r, "Name", n->key);
    declare(l, &r, "sns.CreateTopic", NULL, n, WHAT(l, "topic", n->key));
    struct str arn = arena_printf(l->arena, "arn:aws:sns:%.*s:%.*s:%.*s", STR_ARG(l->region), STR_ARG(l->account), STR_ARG(n->key));
    const struct ynode *list = get(n, "subscriptions");
    if (!list || list->kind == YNODE_NULL) return;
    if (list->kind != YNODE_LIST) problem_at(l->problems, list, "a list of subscriptions is expected here");
    for (const struct ynode *s = list->kind == YNODE_LIST ? list->child : NULL; s; s = s->next) load_subscription(l, s, arn);
}

/* ---- buses and their policies
 * ------------------------------------------------------------------------------------------------------------------------ */
static void write_principals(struct loader *l, struct json *j, const struct ynode *who) {
    if (who->kind != YNODE_LIST && str_eqz(who->text, "*")) {
        json_key_str(j, "Principal", STR("*"));
        return;
    }
    json_key(j, STR("Principal"));
    json_object_begin(j);
    json_key(j, STR("AWS"));
    json_array_begin(j);
    for (const struct ynode *n = who->kind == YNODE_LIST ? who->child : who; n; n = who->kind == YNODE_LIST ? n->next : NULL) {
        struct str account = text_of(l, n);
        if (account_is_valid(account))
            json_str(j, arena_printf(l->arena, "arn:aws:iam::%.*s:root", STR_ARG(account)));
        else if (account.p && is_arn(account))
            json_str(j, account);
        else
            problem_at(l->problems, n, "an account of 12 digits (in quotes), an ARN, or \"*\" is expected here");
    }
    json_array_end(j);
    json_object_end(j);
}

static void write_actions(struct loader *l, struct json *j, const struct ynode *actions) {
    if (!actions || actions->kind == YNODE_NULL) {
        json_key_str(j, "Action", STR("events:PutEvents"));
        return;
    }
    json_key(j, STR("Action"));
    json_array_begin(j);
    for (const struct ynode *n = actions->kind == YNODE_LIST ? actions->child : actions; n;
         n = actions->kind == YNODE_LIST ? n->next : NULL) {
        struct str action = text_of(l, n);
        if (action.p) json_str(j, action);
    }
    json_array_end(j);
}

static void write_statement(struct loader *l, struct json *j, const struct ynode *n, struct str bus) {
    const struct ynode *allow = get(n, "allow"), *deny = get(n, "deny");
    if (!check_map(l, n, "statement")) return;
    if (!allow == !deny) {
        problem_at(l->problems, n, "a statement has either allow or deny");
        return;
    }
    struct str sid = text_of(l, get(n, "sid"));
    json_object_begin(j);
    json_key_str(j, "Sid", sid.p ? sid : arena_printf(l->arena, "statement-%zu", n->index));
    json_key_str(j, "Effect", allow ? STR("Allow") : STR("Deny"));
    write_principals(l, j, allow ? allow : deny);
    write_actions(l, j, get(n, "actions"));
    const char *path = str_eqz(bus, "default") ? "" : "/";
    struct str name = *path ? bus : STR("");
    json_key(j, STR("Resource"));
    json_array_begin(j);
    json_str(j, arena_printf(l->arena, "arn:aws:events:%.*s:%.*s:event-bus/%.*s", STR_ARG(l->region), STR_ARG(l->account), STR_ARG(bus)));
    json_str(j,
             arena_printf(l->arena, "arn:aws:events:%.*s:%.*s:rule/%.*s%s*", STR_ARG(l->region), STR_ARG(l->account), STR_ARG(name), path));
    json_array_end(j);
    if (get(n, "condition")) {
        json_key(j, STR("Condition"));
        json_raw(j, json_of(l, get(n, "condition")));
    }
    json_object_end(j);
}

static struct str policy_text(struct loader *l, const struct ynode *n, struct str bus) {
    if (n->kind == YNODE_MAP) return json_of(l, n);
    if (n->kind != YNODE_LIST) {
        problem_at(l->problems, n, "a policy document or a list of statements is expected here");
        return STR_NULL;
    }
    struct buf out;
    struct json j;
    buf_init(&out, 0);
    json_init(&j, &out);
    json_object_begin(&j);
    json_key_str(&j, "Version", STR("2012-10-17"));
    json_key(&j, STR("Statement"));
    json_array_begin(&j);
    for (const struct ynode *c = n->child; c; c = c->next) write_statement(l, &j, c, bus);
    json_array_end(&j);
    json_object_end(&j);
    struct str text = out.failed ? STR_NULL : arena_str(l->arena, buf_str(&out));
    buf_fini(&out);
    return text;
}

/* Tags are set for themselves, whether the resource is new or not; ones that the file does not name stay. */
static void load_tags(struct loader *l, const struct ynode *tags, struct str arn, struct str what) {
    if (!named(l, tags)) return;
    struct request r;
    begin(&r);
    member(&r, "ResourceARN", arn);
    json_key(&r.j, STR("Tags"));
    json_array_begin(&r.j);
    for (const struct ynode *c = named(l, tags); c; c = c->next) {
        struct str value = text_of(l, c);
        json_object_begin(&r.j);
        json_key_str(&r.j, "Key", c->key);
        json_key_str(&r.j, "Value", value.p ? value : STR(""));
        json_object_end(&r.j);
    }
    json_array_end(&r.j);
    declare(l, &r, "events.TagResource", NULL, tags, arena_printf(l->arena, "tags of %.*s", STR_ARG(what)));
}

static void load_bus(struct loader *l, const struct ynode *n) {
    if (!check_map(l, n, "bus")) return;
    bool is_default = str_eqz(n->key, "default");
    struct str description = text_of(l, get(n, "description"));
    struct request r;
    if (!is_default || description.p) {
        begin(&r);
        member(&r, "Name", n->key);
        member(&r, "Description", description);
        declare(l, &r, is_default ? "events.UpdateEventBus" : "events.CreateEventBus", "events.UpdateEventBus", n,
                WHAT(l, "event bus", n->key));
    }
    load_tags(l, get(n, "tags"),
              arena_printf(l->arena, "arn:aws:events:%.*s:%.*s:event-bus/%.*s", STR_ARG(l->region), STR_ARG(l->account), STR_ARG(n->key)),
              WHAT(l, "event bus", n->key));
    const struct ynode *policy = get(n, "policy");
    if (!policy || policy->kind == YNODE_NULL) return;
    begin(&r);
    member(&r, "EventBusName", n->key);
    member(&r, "Policy", policy_text(l, policy, n->key));
    declare(l, &r, "events.PutPermission", NULL, policy, WHAT(l, "policy of event bus", n->key));
}

/* ---- rules
 * ---------------------------------------------------------------------------------------------------------------------------------------------
 */
static struct str target_arn(struct loader *l, const struct ynode *n) {
    static const struct {
        const char *key, *service, *before;
    } kinds[] = {{"bus", "events", "event-bus/"},
                 {"function", "lambda", "function:"},
                 {"stream", "kinesis", "stream/"},
                 {"queue", "sqs", ""},
                 {"topic", "sns", ""},
                 {"log", "logs", "log-group:"},
                 {"api-destination", "events", "api-destination/"},
                 {"arn", NULL, NULL}};
    struct str arn = STR_NULL;
    int count = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct ynode *v = get(n, kinds[i].key);
        if (!v) continue;
        count++;
        arn = arn_of(l, v, kinds[i].service, kinds[i].before);
    }
    if (count != 1) problem_at(l->problems, n, "a target has one of bus, function, stream, queue, topic, log, api-destination and arn");
    return count == 1 ? arn : STR_NULL;
}

static bool path_is_good(struct loader *l, const struct ynode *n, struct str text) {
    struct path *path = NULL;
    struct fault fault;
    bool good = !path_parse(text, &path, &fault);
    if (!good) problem_at(l->problems, n, "%s", fault.message);
    path_free(path);
    return good;
}

/* Could a template with nothing in it have this name? Then the name is good. */
static bool name_is_good(struct loader *l, const struct ynode *n, const struct transform_spec *spec, const struct transform_path *pair) {
    struct transform_spec alone = {.target_id = spec->target_id, .template = STR("\"\""), .paths = pair, .path_count = 1};
    struct ynode at = at_key(n);
    struct transform *t = NULL;
    struct fault fault;
    bool good = !transform_new(&alone, &t, &fault);
    if (!good) problem_at(l->problems, &at, "%s", fault.message);
    transform_free(t);
    return good;
}

/* Fills spec for the check, and writes the members. What was told of a path or a name is not told again: spec has $ there, or nothing. */
static void write_transformer(struct loader *l, struct json *j, const struct ynode *n, struct transform_spec *spec) {
    if (!n || !check_map(l, n, "transformer")) return;
    spec->template = text_of(l, get(n, "template"));
    if (!spec->template.p) problem_at(l->problems, n, "template is missing");
    const struct ynode *paths = get(n, "paths");
    struct transform_path *list = arena_array(l->arena, paths ? paths->count : 0, sizeof *list);
    json_key(j, STR("InputTransformer"));
    json_object_begin(j);
    if (paths) {
        json_key(j, STR("InputPathsMap"));
        json_object_begin(j);
        for (const struct ynode *c = named(l, paths); list && c; c = c->next) {
            struct str path = text_of(l, c);
            if (!path.p) path = STR("$");
            json_key(j, c->key);
            json_str(j, path);
            struct transform_path pair = {c->key, path_is_good(l, c, path) ? path : STR("$")};
            if (name_is_good(l, c, spec, &pair)) list[spec->path_count++] = pair;
        }
        json_object_end(j);
    }
    spec->paths = list;
    json_key_str(j, "InputTemplate", spec->template);
    json_object_end(j);
}

static void write_input(struct loader *l, struct json *j, const struct ynode *n) {
    struct transform_spec spec = {.target_id = n->key};
    if (get(n, "input")) {
        spec.input = json_of(l, get(n, "input"));
        json_key_str(j, "Input", spec.input);
    }
    const struct ynode *input_path = get(n, "input-path"), *transformer = get(n, "input-transformer"),
                       *template = get(transformer, "template");
    spec.input_path = text_of(l, input_path);
    if (spec.input_path.p) json_key_str(j, "InputPath", spec.input_path);
    if (spec.input_path.p && !path_is_good(l, input_path, spec.input_path)) spec.input_path = STR("$");
    write_transformer(l, j, transformer, &spec);
    spec.cloud_events = text_of(l, get(n, "cloud-events"));
    if (spec.cloud_events.p) json_key_str(j, "CloudEvents", spec.cloud_events);
    struct transform *t = NULL;
    struct fault fault;
    bool alone = !spec.input.p && !spec.input_path.p && template;
    if (transform_new(&spec, &t, &fault)) problem_at(l->problems, alone ? template : n, "%s", fault.message);
    transform_free(t);
}

static void write_parameter(struct json *j, const char *group, const char *key, struct str value) {
    if (!value.p) return;
    json_key(j, str_from(group));
    json_object_begin(j);
    json_key_str(j, key, value);
    json_object_end(j);
}

/* Texts by name; those that begin with "$." are paths. */
static void write_texts(struct loader *l, struct json *j, const char *member_name, const struct ynode *n) {
    json_key(j, str_from(member_name));
    json_object_begin(j);
    for (const struct ynode *c = named(l, n); c; c = c->next) {
        struct str text = text_of(l, c);
        if (!text.p) continue;
        if (str_starts(text, STR("$."))) path_is_good(l, c, text);
        json_key(j, c->key);
        json_str(j, text);
    }
    json_object_end(j);
}

static void write_target_http(struct loader *l, struct json *j, const struct ynode *n) {
    const struct ynode *values = get(n, "path-values"), *headers = get(n, "headers"), *query = get(n, "query");
    if (!values && !headers && !query) return;
    if (!get(n, "api-destination") && !get(n, "arn")) problem_at(l->problems, n, "path-values, headers and query are for API destinations");
    json_key(j, STR("HttpParameters"));
    json_object_begin(j);
    if (values) {
        json_key(j, STR("PathParameterValues"));
        json_array_begin(j);
        if (values->kind != YNODE_LIST) problem_at(l->problems, values, "a list of texts is expected here");
        for (const struct ynode *c = values->kind == YNODE_LIST ? values->child : NULL; c; c = c->next) {
            struct str text = text_of(l, c);
            if (!text.p) continue;
            if (str_starts(text, STR("$."))) path_is_good(l, c, text);
            json_str(j, text);
        }
        json_array_end(j);
    }
    if (headers) write_texts(l, j, "HeaderParameters", headers);
    if (query) write_texts(l, j, "QueryStringParameters", query);
    json_object_end(j);
}

static void write_retry(struct loader *l, struct json *j, const struct ynode *n) {
    int64_t v;
    if (!n || n->kind == YNODE_NULL || !check_map(l, n, "retry")) return;
    json_key(j, STR("RetryPolicy"));
    json_object_begin(j);
    if (number_of(l, get(n, "attempts"), 0, 185, &v)) json_key_i64(j, "MaximumRetryAttempts", v);
    if (number_of(l, get(n, "max-age-seconds"), 60, 86400, &v)) json_key_i64(j, "MaximumEventAgeInSeconds", v);
    json_object_end(j);
}

static void write_target(struct loader *l, struct json *j, const struct ynode *n) {
    if (n->kind != YNODE_MAP) {
        problem_at(l->problems, n, "a target is a mapping, like {queue: NAME}");
        return;
    }
    if (!check_map(l, n, "target")) return;
    json_object_begin(j);
    json_key_str(j, "Id", n->key);
    json_key_str(j, "Arn", target_arn(l, n));
    struct str role = text_of(l, get(n, "role-arn"));
    if (role.p) json_key_str(j, "RoleArn", role);
    write_input(l, j, n);
    const struct ynode *key_path = get(n, "partition-key-path"), *group = get(n, "message-group-id");
    struct str key = text_of(l, key_path), group_id = text_of(l, group);
    if (key.p) path_is_good(l, key_path, key);
    if (str_starts(group_id, STR("$"))) path_is_good(l, group, group_id);
    write_parameter(j, "KinesisParameters", "PartitionKeyPath", key);
    write_parameter(j, "SqsParameters", "MessageGroupId", group_id);
    write_parameter(j, "DeadLetterConfig", "Arn", queue_arn(l, get(n, "dead-letter")));
    write_target_http(l, j, n);
    write_retry(l, j, get(n, "retry"));
    json_object_end(j);
}

static struct str pattern_text(struct loader *l, const struct ynode *n) {
    if (n->kind != YNODE_MAP) {
        problem_at(l->problems, n, "an event pattern is a mapping, like {source: [aws.ec2]}");
        return STR_NULL;
    }
    if (pattern_flaws(n, l->problems)) l->no_memory = true;
    return json_of(l, n);
}

static struct str schedule_text(struct loader *l, const struct ynode *n) {
    struct str text = text_of(l, n);
    struct schedule *s = NULL;
    if (text.p && schedule_parse(text, &s, NULL))
        problem_at(l->problems, n, "'%.*s' is no schedule; rate(5 minutes) and cron(0 12 * * ? *) are", STR_ARG(text));
    schedule_free(s);
    return text;
}

static void load_rule(struct loader *l, const struct ynode *n, struct str bus) {
    if (!check_map(l, n, "rule")) return;
    const struct ynode *pattern = get(n, "pattern"), *schedule = get(n, "schedule");
    if (!pattern && !schedule) problem_at(l->problems, n, "a rule has a pattern, a schedule, or both");
    struct request r;
    begin(&r);
    member(&r, "Name", n->key);
    member(&r, "EventBusName", bus);
    if (pattern) member(&r, "EventPattern", pattern_text(l, pattern));
    member(&r, "ScheduleExpression", schedule_text(l, schedule));
    member(&r, "State", choice_of(l, get(n, "state"), "ENABLED", "DISABLED"));
    member(&r, "Description", text_of(l, get(n, "description")));
    struct str what =
        arena_printf(l->arena, "rule %.*s on event bus %.*s of account %.*s", STR_ARG(n->key), STR_ARG(bus), STR_ARG(l->account));
    declare(l, &r, "events.PutRule", NULL, n, what);
    bool custom = !str_eqz(bus, "default");
    load_tags(l, get(n, "tags"),
              arena_printf(l->arena, "arn:aws:events:%.*s:%.*s:rule/%.*s%s%.*s", STR_ARG(l->region), STR_ARG(l->account),
                           custom ? (int)bus.n : 0, bus.p, custom ? "/" : "", STR_ARG(n->key)),
              what);
    const struct ynode *targets = get(n, "targets");
    if (!targets || targets->kind == YNODE_NULL || !named(l, targets)) return;
    begin(&r);
    member(&r, "Rule", n->key);
    member(&r, "EventBusName", bus);
    json_key(&r.j, STR("Targets"));
    json_array_begin(&r.j);
    for (const struct ynode *t = named(l, targets); t; t = t->next) write_target(l, &r.j, t);
    json_array_end(&r.j);
    declare(l, &r, "events.PutTargets", NULL, targets, arena_printf(l->arena, "targets of %.*s", STR_ARG(what)));
}

/* ---- archives
 * ------------------------------------------------------------------------------------------------------------------------------------------
 */
/* The account's names of archives are one space: which bus before this one has the name? NULL: none. */
static const struct ynode *bus_with_archive(const struct ynode *first, const struct ynode *bus, struct str name) {
    for (const struct ynode *b = first; b && b != bus; b = b->next)
        if (ynode_get(get(b, "archives"), name)) return b;
    return NULL;
}

static void load_archive(struct loader *l, const struct ynode *n, const struct ynode *buses, const struct ynode *bus) {
    if (!check_map(l, n, "archive")) return;
    const struct ynode *pattern = get(n, "pattern"), *other = bus_with_archive(buses, bus, n->key);
    struct ynode at = at_key(n);
    if (other) problem_at(l->problems, &at, "event bus %.*s has an archive of this name", STR_ARG(other->key));
    struct str description = text_of(l, get(n, "description"));
    int64_t days = 0;
    struct request r;
    begin(&r);
    member(&r, "ArchiveName", n->key);
    member(&r, "EventSourceArn",
           arena_printf(l->arena, "arn:aws:events:%.*s:%.*s:event-bus/%.*s", STR_ARG(l->region), STR_ARG(l->account), STR_ARG(bus->key)));
    member(&r, "EventPattern", pattern ? pattern_text(l, pattern) : STR("")); /* what is left out goes from an archive that is there */
    member(&r, "Description", description.p ? description : STR(""));
    number_of(l, get(n, "retention-days"), 0, INT32_MAX, &days);
    json_key_i64(&r.j, "RetentionDays", days);
    declare(l, &r, "events.CreateArchive", "events.UpdateArchive", n,
            arena_printf(l->arena, "archive %.*s of event bus %.*s of account %.*s", STR_ARG(n->key), STR_ARG(bus->key), STR_ARG(l->account)));
}

static void load_archives(struct loader *l, const struct ynode *account) {
    const struct ynode *all = get(account, "buses"), *buses = all && all->kind == YNODE_MAP ? all->child : NULL; /* told of already */
    for (const struct ynode *bus = buses; bus; bus = bus->next)
        for (const struct ynode *n = bus->kind == YNODE_MAP ? named(l, get(bus, "archives")) : NULL; n; n = n->next)
            load_archive(l, n, buses, bus);
}

/* ---- the file
 * ---------------------------------------------------------------------------------------------------------------------------------------------
 */
static void load_rules(struct loader *l, const struct ynode *bus) {
    for (const struct ynode *rule = bus->kind == YNODE_MAP ? named(l, get(bus, "rules")) : NULL; rule; rule = rule->next)
        load_rule(l, rule, bus->key);
}

static void each(struct loader *l, const struct ynode *account, const char *section, void (*load)(struct loader *, const struct ynode *)) {
    for (const struct ynode *n = named(l, get(account, section)); n; n = n->next) load(l, n);
}

/* How many queues stand behind this one, each the dead-letter queue of the one before. In a ring, and past CHAIN_MAX, all are at the end.
 */
enum { CHAIN_MAX = 8 };
static int chain_length(const struct ynode *queues, const struct ynode *queue) {
    int n = 0;
    while (n < CHAIN_MAX) {
        const struct ynode *next = get(get(queue, "dead-letter"), "queue");
        queue = next ? ynode_get(queues, next->text) : NULL;
        if (!queue) break;
        n++;
    }
    return n;
}

/* A dead-letter queue comes before those that name it. */
static void load_queues(struct loader *l, const struct ynode *queues) {
    const struct ynode *first = named(l, queues);
    for (int n = 0; n <= CHAIN_MAX; n++)
        for (const struct ynode *queue = first; queue; queue = queue->next)
            if (chain_length(queues, queue) == n) load_queue(l, queue);
}

/* All accounts pass through each step before the next one begins: a rule may name anything of any account. */
static void load_step(struct loader *l, const struct ynode *account, int step) {
    switch (step) {
    case 0: load_account_itself(l, account); break;
    case 1: each(l, account, "buses", load_bus); break;
    case 2: each(l, account, "streams", load_stream); break;
    case 3: load_queues(l, get(account, "queues")); break;
    case 4: each(l, account, "functions", load_function); break;
    case 5: each(l, account, "logs", load_log); break;
    case 6: each(l, account, "topics", load_topic); break;
    case 7: each(l, account, "connections", load_connection); break;
    case 8: each(l, account, "api-destinations", load_destination); break;
    case 9: load_archives(l, account); break;
    default: each(l, account, "buses", load_rules); break;
    }
}

static void load_file(struct loader *l, const struct ynode *root) {
    if (!check_map(l, root, "")) return;
    const struct ynode *accounts = named(l, get(root, "accounts"));
    for (const struct ynode *a = accounts; a; a = a->next) {
        struct ynode at = at_key(a);
        if (!account_is_valid(a->key)) problem_at(l->problems, &at, "'%.*s' is no account id: 12 digits are one", STR_ARG(a->key));
        check_map(l, a, "account");
    }
    if (l->problems->total && !accounts) return;
    for (int step = 0; step < 11; step++)
        for (const struct ynode *a = accounts; a; a = a->next) {
            if (a->kind != YNODE_MAP && a->kind != YNODE_NULL) continue;
            l->account = a->key;
            load_step(l, a, step);
        }
}

/* ---- what stands around it -------------------------------------------------------------------------------------------------------------
 */
static enum err read_rules(struct str text, const struct rulefile_options *o, struct arena *a, struct rulefile *out, struct fault *fault) {
    struct loader l = {.arena = a, .problems = &out->problems, .dir = o->dir, .region = o->region};
    struct ynode *root;
    enum err err = yaml_read_as(text, YAML_RULES, a, &root, &out->problems, &out->warnings, fault);
    if (!err && root) load_file(&l, root);
    if (!err && l.no_memory) err = fault_at(fault, ERR_NOMEM, NULL, 1, 1, "the rule file takes too much memory");
    out->items = l.items;
    out->count = l.count;
    return err;
}

/* What git leaves when two changes meet. In YAML and JSON alike nothing but that begins a line so. */
static bool has_conflict(struct str text, struct problems *problems) {
    static const char begin[] = "\n<<<<<<< ", end[] = "\n>>>>>>> ";
    const char *found = str_starts(text, STR("<<<<<<< ")) ? text.p : memmem(text.p, text.n, begin, sizeof begin - 1);
    int line, column;
    if (!found || !memmem(text.p, text.n, end, sizeof end - 1)) return false;
    doc_position(text, *found == '\n' ? found + 1 : found, &line, &column);
    problem_add(problems, line, column, STR(""), "a merge conflict stands here; choose one of its sides");
    return true;
}

enum err rulefile_read_as(struct str text, const struct rulefile_options *options, struct arena *a, struct rulefile *out,
                          struct fault *fault) {
    *out = (struct rulefile){0};
    problems_init(&out->problems, a);
    problems_init(&out->warnings, a);
    if (!out->problems.items || !out->warnings.items) return fault_at(fault, ERR_NOMEM, NULL, 1, 1, "the rule file takes too much memory");
    text = encoding_check(text, &out->problems);
    if (!text.p || has_conflict(text, &out->problems)) return ERR_OK;
    enum err err = template_is(text) ? template_read(text, options, a, out, fault) : read_rules(text, options, a, out, fault);
    problems_sort(&out->problems);
    problems_sort(&out->warnings);
    return err;
}

enum err rulefile_read(struct str text, struct str dir, struct str region, struct arena *a, struct rulefile *out, struct fault *fault) {
    struct rulefile_options options = {.dir = dir, .region = region, .account = STR("000000000000"), .stack = STR("stack")};
    return rulefile_read_as(text, &options, a, out, fault);
}

bool rulefile_is_template(struct str text) { return template_is(str_starts(text, STR("\xEF\xBB\xBF")) ? str_skip(text, 3) : text); }

size_t rulefile_memory_max(size_t text_bytes) {
    const size_t least = (size_t)48 << 20, most = (size_t)1 << 30;
    return text_bytes > (most - least) / 10 ? most : least + 10 * text_bytes;
}

struct str rulefile_stack_name(struct str path, struct arena *a) {
    size_t from = path.n;
    while (from && path.p[from - 1] != '/') from--;
    struct str name = str_skip(path, from), copy;
    for (size_t dot = name.n; dot-- > 1;)
        if (name.p[dot] == '.') {
            name.n = dot;
            break;
        }
    if (name.n > 100) name.n = 100;
    bool letter = name.n && ((name.p[0] | 0x20) >= 'a' && (name.p[0] | 0x20) <= 'z');
    copy = arena_printf(a, "%s%.*s", letter ? "" : "stack-", STR_ARG(name));
    for (size_t i = 0; copy.p && i < copy.n; i++) {
        char c = copy.p[i];
        bool good = ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9');
        if (!good) ((char *)copy.p)[i] = '-';
    }
    return copy;
}

struct str rulefile_split_path(const char *argument, const char **path) {
    const char *equals = strchr(argument, '=');
    struct str account = equals ? str_of(argument, (size_t)(equals - argument)) : STR_NULL;
    bool has = equals && account_is_valid(account);
    *path = has ? equals + 1 : argument;
    return has ? account : STR_NULL;
}

enum err rulefile_parameter_parse(const char *argument, struct rulefile_parameter *parameter, struct fault *fault) {
    const char *equals = strchr(argument, '=');
    *parameter = (struct rulefile_parameter){0};
    if (!equals || equals == argument)
        return fault_set(fault, ERR_USAGE, "--parameter takes NAME=VALUE, or STACK.NAME=VALUE for one template; '%s' is neither", argument);
    parameter->key = str_of(argument, (size_t)(equals - argument));
    parameter->value = str_from(equals + 1);
    return ERR_OK;
}

void declared_needs(const struct declared *d, struct arena *a, struct str *program, struct str *directory) {
    struct node *root;
    *program = *directory = STR_NULL;
    if (!str_eqz(d->operation, "lambda.CreateFunction") || doc_parse(a, d->request, &root, NULL)) return;
    const struct node *command = doc_get(root, STR("Command")), *where = doc_get(root, STR("WorkingDirectory"));
    if (command && command->child && command->child->kind == NODE_STRING && str_find(command->child->text, '/', 0) < command->child->text.n)
        *program = command->child->text;
    if (where && where->kind == NODE_STRING) *directory = where->text;
}
