/* The service "bus": what the operator of an installation does with it: accounts, access keys, the daemon's state. For operator keys only.
 * (The file is not called bus.h because that is libbus's.) A struct X is a request, X_answer its answer. */
#ifndef MODEL_OPERATOR_H
#define MODEL_OPERATOR_H

#include "operation.h"

/* Ended by a row whose name is NULL. */
extern const struct operation bus_operations[];

struct bus_create_account {
    struct str account_id, name;
};
struct bus_account {
    struct str account_id, name;
    struct opt_i64 created_ms;
};
struct bus_create_account_answer {
    struct bus_account *account;
};
struct bus_delete_account {
    struct str account_id;
};
/* ListAccounts, DescribeDaemon: nothing is asked. */
struct bus_nothing {
    char unused;
};
struct bus_list_accounts_answer {
    struct list accounts; /* bus_account */
};
struct bus_create_access_key {
    struct str account_id, access_key_id, secret, policy, description;
    struct opt_bool is_operator;
};
struct bus_access_key {
    struct str account_id, access_key_id, secret, policy, description;
    struct opt_bool is_operator;
    struct opt_i64 created_ms;
};
struct bus_create_access_key_answer {
    struct bus_access_key *key; /* the only answer that holds the secret */
};
struct bus_list_access_keys {
    struct str account_id; /* absent: of all accounts */
};
struct bus_list_access_keys_answer {
    struct list keys; /* bus_access_key, without secrets */
};
struct bus_delete_access_key {
    struct str access_key_id;
};
struct bus_put_access_key_policy {
    struct str access_key_id, policy; /* an absent policy takes the old one away */
};
struct bus_describe_daemon_answer {
    struct str version, region, durability;
    struct opt_i64 uptime_seconds, hop_limit;
    struct list counters; /* map_entry: name -> i ("events accepted", "events rejected", ...) */
};

#endif
