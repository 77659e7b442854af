#include "operator.h"

#include "declare.h"

STRING(text, "String");
STRING(account_id, "AccountId", .pattern = "\\d{12}", .posix = "^[0-9]{12}$");
STRING(account_name, "AccountName", AT_MOST(64));
STRING(access_key_id, "AccessKeyId", BETWEEN(4, 128), .pattern = "\\w+", .posix = "^[A-Za-z0-9_]+$");
/* What an AWS SDK can sign with and a credentials file can hold: no blanks, no control characters. */
STRING(secret, "SecretAccessKey", BETWEEN(16, 256), .pattern = "[!-~]+", .sensitive = true);
STRING(policy, "PolicyDocument", BETWEEN(1, 10240));
STRING(description, "Description", AT_MOST(512));
INTEGER(number, "Integer");
static const struct shape boolean = {.type = SHAPE_BOOLEAN, .name = "Boolean"};
static const struct shape timestamp = {.type = SHAPE_TIMESTAMP, .name = "Timestamp"};

STRUCT(account, "Account", struct bus_account,
       MEMBER(struct bus_account, account_id, "AccountId", &text, OPTIONAL, "twelve digits"),
       MEMBER(struct bus_account, name, "Name", &text, OPTIONAL, "what people call it"),
       MEMBER(struct bus_account, created_ms, "CreateDate", &timestamp, OPTIONAL, "when it was made"),
       MEMBER_END);
LIST(accounts, "AccountList", account);
STRUCT(create_account, "CreateAccountRequest", struct bus_create_account,
       MEMBER(struct bus_create_account, account_id, "AccountId", &account_id, REQUIRED, "twelve digits"),
       MEMBER(struct bus_create_account, name, "Name", &account_name, OPTIONAL, "what people call it"),
       MEMBER_END);
STRUCT(create_account_answer, "CreateAccountResponse", struct bus_create_account_answer,
       MEMBER(struct bus_create_account_answer, account, "Account", &account, OPTIONAL, "the new account"),
       MEMBER_END);
STRUCT(delete_account, "DeleteAccountRequest", struct bus_delete_account,
       MEMBER(struct bus_delete_account, account_id, "AccountId", &account_id, REQUIRED, "the account, with all its keys and resources"),
       MEMBER_END);
static const struct member nothing_members[] = {MEMBER_END};
static const struct shape nothing = {.type = SHAPE_STRUCT, .name = "EmptyRequest",
                                     .size = sizeof(struct bus_nothing), .members = nothing_members};
STRUCT(list_accounts_answer, "ListAccountsResponse", struct bus_list_accounts_answer,
       MEMBER(struct bus_list_accounts_answer, accounts, "Accounts", &accounts, OPTIONAL, "the accounts"),
       MEMBER_END);

STRUCT(access_key, "AccessKey", struct bus_access_key,
       MEMBER(struct bus_access_key, account_id, "AccountId", &text, OPTIONAL, "its account"),
       MEMBER(struct bus_access_key, access_key_id, "AccessKeyId", &text, OPTIONAL, "the key's id"),
       MEMBER(struct bus_access_key, secret, "SecretAccessKey", &secret, OPTIONAL, "the secret; shown once, when the key is made"),
       MEMBER(struct bus_access_key, is_operator, "Operator", &boolean, OPTIONAL, "may manage accounts and keys"),
       MEMBER(struct bus_access_key, policy, "Policy", &text, OPTIONAL, "narrows what the key may do: a policy document"),
       MEMBER(struct bus_access_key, description, "Description", &text, OPTIONAL, "what it is for"),
       MEMBER(struct bus_access_key, created_ms, "CreateDate", &timestamp, OPTIONAL, "when it was made"),
       MEMBER_END);
LIST(access_keys, "AccessKeyList", access_key);
STRUCT(create_access_key, "CreateAccessKeyRequest", struct bus_create_access_key,
       MEMBER(struct bus_create_access_key, account_id, "AccountId", &account_id, REQUIRED, "the account the key is for"),
       MEMBER(struct bus_create_access_key, access_key_id, "AccessKeyId", &access_key_id, OPTIONAL, "the key's id (a random one)"),
       MEMBER(struct bus_create_access_key, secret, "SecretAccessKey", &secret, OPTIONAL, "its secret (a random one)"),
       MEMBER(struct bus_create_access_key, policy, "Policy", &policy, OPTIONAL, "narrows what the key may do: a policy document"),
       MEMBER(struct bus_create_access_key, description, "Description", &description, OPTIONAL, "what it is for"),
       MEMBER(struct bus_create_access_key, is_operator, "Operator", &boolean, OPTIONAL, "may manage accounts and keys"),
       MEMBER_END);
STRUCT(create_access_key_answer, "CreateAccessKeyResponse", struct bus_create_access_key_answer,
       MEMBER(struct bus_create_access_key_answer, key, "AccessKey", &access_key, OPTIONAL, "the new key, with its secret"),
       MEMBER_END);
STRUCT(list_access_keys, "ListAccessKeysRequest", struct bus_list_access_keys,
       MEMBER(struct bus_list_access_keys, account_id, "AccountId", &account_id, OPTIONAL, "only of this account"),
       MEMBER_END);
STRUCT(list_access_keys_answer, "ListAccessKeysResponse", struct bus_list_access_keys_answer,
       MEMBER(struct bus_list_access_keys_answer, keys, "AccessKeys", &access_keys, OPTIONAL, "the keys, without their secrets"),
       MEMBER_END);
STRUCT(delete_access_key, "DeleteAccessKeyRequest", struct bus_delete_access_key,
       MEMBER(struct bus_delete_access_key, access_key_id, "AccessKeyId", &access_key_id, REQUIRED, "the key that goes"),
       MEMBER_END);
STRUCT(put_access_key_policy, "PutAccessKeyPolicyRequest", struct bus_put_access_key_policy,
       MEMBER(struct bus_put_access_key_policy, access_key_id, "AccessKeyId", &access_key_id, REQUIRED, "the key"),
       MEMBER(struct bus_put_access_key_policy, policy, "Policy", &policy, OPTIONAL,
              "its new policy document; without one the old one goes"),
       MEMBER_END);

MAP(counters, "CounterMap", number);
STRUCT(describe_daemon_answer, "DescribeDaemonResponse", struct bus_describe_daemon_answer,
       MEMBER(struct bus_describe_daemon_answer, version, "Version", &text, OPTIONAL, "of busd"),
       MEMBER(struct bus_describe_daemon_answer, region, "Region", &text, OPTIONAL, "this installation's region"),
       MEMBER(struct bus_describe_daemon_answer, durability, "Durability", &text, OPTIONAL, "full, normal or off"),
       MEMBER(struct bus_describe_daemon_answer, hop_limit, "HopLimit", &number, OPTIONAL, "how often an event may cross buses"),
       MEMBER(struct bus_describe_daemon_answer, uptime_seconds, "UptimeSeconds", &number, OPTIONAL, "since the daemon started"),
       MEMBER(struct bus_describe_daemon_answer, counters, "Counters", &counters, OPTIONAL, "what was counted since then"),
       MEMBER_END);

#define ROW(name_, in_, out_, help_, example_) \
    {.service = "bus", .name = (name_), .in = (in_), .out = (out_), .access = ACCESS_OPERATOR, .help = (help_), .example = (example_)}

const struct operation bus_operations[] = {
    ROW("CreateAccount", &create_account, &create_account_answer, "Makes an account with its default bus.",
        "busctl create-account --account-id 111122223333 --name work"),
    ROW("DeleteAccount", &delete_account, NULL, "Deletes an account.", "busctl delete-account --account-id 111122223333"),
    ROW("ListAccounts", &nothing, &list_accounts_answer, "Lists the accounts.", "busctl list-accounts"),
    ROW("CreateAccessKey", &create_access_key, &create_access_key_answer, "Makes an access key and shows its secret, once.",
        "busctl create-access-key --account-id 111122223333"),
    ROW("ListAccessKeys", &list_access_keys, &list_access_keys_answer, "Lists access keys.", "busctl list-access-keys"),
    ROW("DeleteAccessKey", &delete_access_key, NULL, "Deletes an access key.", "busctl delete-access-key --access-key-id AKIDEXAMPLE"),
    ROW("PutAccessKeyPolicy", &put_access_key_policy, NULL, "Narrows what an access key may do.",
        "busctl put-access-key-policy --access-key-id AKIDEXAMPLE --policy file://put-only.json"),
    ROW("DescribeDaemon", &nothing, &describe_daemon_answer, "Shows the daemon's version, uptime and counters.", "busctl describe-daemon"),
    {.name = NULL},
};
