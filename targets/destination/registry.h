/* The connections and API destinations there are: in memory behind read-write locks (resources.h), in the store's catalog as records of the
 * kinds "connection" (its secrets sealed), "connection-state" (what its authorization came to) and "api-destination".
 *
 * Entries are immutable once shown, but for what a connection guards by its own lock and for its token, which is the invoker's. A change is
 * durable before it is shown. */
#ifndef DESTINATION_REGISTRY_H
#define DESTINATION_REGISTRY_H

#include "guard.h"
#include "model.h"
#include "resources.h"
#include "seal.h"
#include "target.h"

enum { CONNECTION_REASON_SIZE = 512 };

struct token;
struct connection {
    struct resource r;
    struct str uuid, arn, description, type, connectivity, kms_key, sealed;
    int64_t created_ms, modified_ms;
    struct arena secrets;         /* wiped when the entry goes */
    struct connection_auth *auth; /* in `secrets`; NULL: deauthorized, there are none */
    pthread_mutex_t lock;         /* guards the next three */
    const char *state;            /* "AUTHORIZED", "AUTHORIZING", "DEAUTHORIZED" */
    char reason[CONNECTION_REASON_SIZE];
    int64_t authorized_ms; /* 0: never */
    struct token *token;   /* OAuth; the invoker's thread only */
};

struct destination {
    struct resource r;
    struct str uuid, arn, description, connection_arn, connection_name, endpoint, method;
    int64_t rate, created_ms, modified_ms;
};

struct registry {
    const struct target_host *host;
    struct keyring *keys;
    struct resources connections, destinations;
    void (*free_token)(struct token *token);
};

/* Opens the key file and reads the records. The host outlives the registry. Errors are keyring_open's and seal_open's; ERR_CORRUPT names a
 * bad record. */
enum err registry_open(struct registry *r, const struct target_host *host, struct fault *fault) MUST_USE;
void registry_close(struct registry *r);

/* A new entry, zeroed but for its names, with one reference; NULL without memory. */
struct connection *connection_new(struct registry *r, struct str account, struct str name);
struct destination *destination_new(struct registry *r, struct str account, struct str name);
static inline void connection_unref(struct connection *c) {
    if (c) resource_unref(&c->r);
}
static inline void destination_unref(struct destination *d) {
    if (d) resource_unref(&d->r);
}
/* With the change lock held: seals (connections), writes the record, shows the entry. Takes over the reference, also when it fails. Blocks
 * for a commit. */
enum err connection_store(struct registry *r, struct connection *c, struct fault *fault) MUST_USE;
enum err destination_store(struct registry *r, struct destination *d, struct fault *fault) MUST_USE;
/* With the change lock held: removes the records and hides the entry; the caller keeps its reference. */
enum err connection_remove(struct registry *r, struct connection *c, struct fault *fault) MUST_USE;
enum err destination_remove(struct registry *r, struct destination *d, struct fault *fault) MUST_USE;
/* Seals every connection's secrets with a new key, in one transaction. *count of them; key_id gets the new key's. */
enum err registry_rotate(struct registry *r, size_t *count, char key_id[SEAL_KEY_ID_SIZE], struct fault *fault) MUST_USE;

/* By name; or by ARN, whose UUID, when it has one, must be the entry's. A reference, or NULL. Any thread. */
struct connection *connection_find(struct registry *r, struct str account, struct str name);
struct destination *destination_find(struct registry *r, struct str account, struct str name);
/* "KIND/NAME" or "KIND/NAME/UUID" of an ARN of service events. False when it is another kind. Views. */
bool destination_arn_split(struct str text, const char *kind, struct str *account, struct str *name, struct str *uuid);

/* Sets what Describe shows, and stores it without waiting. `state` is a constant; an absent reason: none. Any thread. */
void connection_mark(struct registry *r, struct connection *c, const char *state, struct str reason, int64_t authorized_ms);

#endif
