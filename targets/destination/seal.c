#include "seal.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hash.h"
#include "os.h"

enum { KEY_BYTES = 32, NONCE_BYTES = 12, TAG_BYTES = 16, FILE_BYTES_MAX = 4096, PLAIN_BYTES_MAX = 4 << 20 };

struct key {
    uint8_t bytes[KEY_BYTES];
    char id[SEAL_KEY_ID_SIZE];
};

struct keyring {
    char *path;
    struct key keys[SEAL_KEYS_MAX]; /* the first one seals */
    size_t count;
    struct key before[SEAL_KEYS_MAX]; /* while rotating */
    size_t before_count;
};

/* ---- the file ----------------------------------------------------------------------------------------------------------------------- */
static void name_key(struct key *key) {
    uint8_t digest[32];
    hash_sha256(str_of((const char *)key->bytes, KEY_BYTES), digest);
    hash_hex(digest, (SEAL_KEY_ID_SIZE - 1) / 2, key->id);
}

static enum err write_file(const struct keyring *k, struct fault *fault) {
    char hex[2 * KEY_BYTES + 1];
    struct buf text;
    buf_init(&text, 0);
    buf_addz(&text, "# Keys of busd that seal the secrets of connections (AES-256-GCM). Without this file they are lost. The first key is "
                    "the one in use.\n");
    for (size_t i = 0; i < k->count; i++) {
        hash_hex(k->keys[i].bytes, KEY_BYTES, hex);
        buf_addf(&text, "%s\n", hex);
    }
    enum err err = text.failed ? fault_set(fault, ERR_NOMEM, NULL) : os_write_file(k->path, buf_str(&text), 0600, fault);
    if (text.p) explicit_bzero(text.p, text.cap);
    explicit_bzero(hex, sizeof hex);
    buf_fini(&text);
    return err;
}

static void make_key(struct key *key) {
    rng_bytes(key->bytes, KEY_BYTES);
    name_key(key);
}

static enum err read_lines(struct keyring *k, struct str text, struct fault *fault) {
    struct str line;
    for (int number = 1; str_cut(&text, '\n', &line); number++) {
        if (!line.n || line.p[0] == '#') continue;
        if (k->count == SEAL_KEYS_MAX) return fault_at(fault, ERR_CORRUPT, k->path, number, 1, "more than %d keys", SEAL_KEYS_MAX);
        struct key *key = &k->keys[k->count];
        if (line.n != 2 * KEY_BYTES || !hash_from_hex(line, key->bytes, KEY_BYTES))
            return fault_at(fault, ERR_CORRUPT, k->path, number, 1, "this is no key: a line of %d hex digits is one", 2 * KEY_BYTES);
        name_key(key);
        k->count++;
    }
    return k->count ? ERR_OK : fault_set(fault, ERR_CORRUPT, "%s: there is no key in the file", k->path);
}

static enum err read_file(struct keyring *k, struct fault *fault) {
    struct stat st;
    struct buf text;
    if (stat(k->path, &st)) return fault_set(fault, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", k->path, strerror(errno));
    if (st.st_mode & 077)
        return fault_set(fault, ERR_ACCESS_DENIED, "%s: mode %04o lets others read the key that seals secrets; chmod 600 it", k->path,
                         (unsigned)(st.st_mode & 07777));
    buf_init(&text, 0);
    enum err err = os_read_file(k->path, FILE_BYTES_MAX, &text, fault);
    if (!err) err = read_lines(k, buf_str(&text), fault);
    if (text.p) explicit_bzero(text.p, text.cap);
    buf_fini(&text);
    return err;
}

enum err keyring_open(const char *path, bool make, struct keyring **out, struct fault *fault) {
    struct keyring *k = calloc(1, sizeof *k);
    if (!k || !(k->path = strdup(path))) {
        keyring_close(k);
        return fault_set(fault, ERR_NOMEM, NULL);
    }
    enum err err = read_file(k, fault);
    if (err == ERR_NOT_FOUND && make) {
        make_key(&k->keys[0]);
        k->count = 1;
        err = write_file(k, fault);
    }
    if (err)
        keyring_close(k);
    else
        *out = k;
    return err;
}

void keyring_close(struct keyring *k) {
    if (!k) return;
    free(k->path);
    explicit_bzero(k, sizeof *k);
    free(k);
}

const char *keyring_id(const struct keyring *k) { return k->keys[0].id; }

enum err keyring_rotate_begin(struct keyring *k, struct fault *fault) {
    memcpy(k->before, k->keys, sizeof k->keys);
    k->before_count = k->count;
    size_t kept = k->count < SEAL_KEYS_MAX ? k->count : SEAL_KEYS_MAX - 1; /* the oldest seals nothing any more */
    memmove(&k->keys[1], &k->keys[0], kept * sizeof k->keys[0]);
    make_key(&k->keys[0]);
    k->count = kept + 1;
    enum err err = write_file(k, fault);
    if (!err) return ERR_OK;
    memcpy(k->keys, k->before, sizeof k->keys);
    k->count = k->before_count;
    return err;
}

enum err keyring_rotate_end(struct keyring *k, bool keep_new, struct fault *fault) {
    if (keep_new) {
        explicit_bzero(&k->keys[1], sizeof k->keys - sizeof k->keys[0]);
        k->count = 1;
    } else {
        memcpy(k->keys, k->before, sizeof k->keys);
        k->count = k->before_count;
    }
    explicit_bzero(k->before, sizeof k->before);
    return write_file(k, fault);
}

/* ---- sealing --------------------------------------------------------------------------------------------------------------------------
 */
/* One pass of GCM; `tag` is written when sealing and compared when opening. */
static bool gcm(bool seal, const struct key *key, const uint8_t *nonce, struct str aad, struct str in, uint8_t *out, uint8_t *tag) {
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n = 0, last = 0;
    bool ok = c && EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key->bytes, nonce, seal);
    ok = ok && EVP_CipherUpdate(c, NULL, &n, (const uint8_t *)aad.p, (int)aad.n);
    ok = ok && EVP_CipherUpdate(c, out, &n, (const uint8_t *)in.p, (int)in.n);
    if (!seal) ok = ok && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag);
    ok = ok && EVP_CipherFinal_ex(c, out + n, &last) > 0;
    if (seal) ok = ok && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag);
    EVP_CIPHER_CTX_free(c);
    return ok;
}

enum err seal_close(const struct keyring *k, struct str belongs_to, struct str plain, struct buf *sealed, struct fault *fault) {
    if (plain.n > PLAIN_BYTES_MAX) return fault_set(fault, ERR_TOO_LARGE, "a secret of more than %d bytes", PLAIN_BYTES_MAX);
    size_t size = NONCE_BYTES + plain.n + TAG_BYTES;
    uint8_t *bytes = malloc(size);
    if (!bytes) return fault_set(fault, ERR_NOMEM, NULL);
    rng_bytes(bytes, NONCE_BYTES);
    bool ok = gcm(true, &k->keys[0], bytes, belongs_to, plain, bytes + NONCE_BYTES, bytes + NONCE_BYTES + plain.n);
    if (ok) {
        buf_addf(sealed, "1:%s:", k->keys[0].id);
        hash_base64(sealed, str_of((const char *)bytes, size));
    }
    explicit_bzero(bytes, size);
    free(bytes);
    if (!ok) return fault_set(fault, ERR_INTERNAL, "the secret cannot be sealed: OpenSSL refuses AES-256-GCM");
    return sealed->failed ? fault_set(fault, ERR_NOMEM, NULL) : ERR_OK;
}

struct str seal_key_id(struct str sealed) {
    if (!str_starts(sealed, STR("1:")) || sealed.n < 2 + SEAL_KEY_ID_SIZE || sealed.p[2 + SEAL_KEY_ID_SIZE - 1] != ':') return STR_NULL;
    return str_of(sealed.p + 2, SEAL_KEY_ID_SIZE - 1);
}

static enum err open_bytes(const struct key *key, struct str belongs_to, struct str bytes, struct buf *plain, struct fault *fault) {
    if (bytes.n >= NONCE_BYTES + TAG_BYTES && bytes.n - NONCE_BYTES - TAG_BYTES <= PLAIN_BYTES_MAX) {
        size_t n = bytes.n - NONCE_BYTES - TAG_BYTES;
        uint8_t tag[TAG_BYTES];
        memcpy(tag, bytes.p + NONCE_BYTES + n, TAG_BYTES);
        if (!buf_reserve(plain, n + 1)) return fault_set(fault, ERR_NOMEM, NULL);
        if (gcm(false, key, (const uint8_t *)bytes.p, belongs_to, str_of(bytes.p + NONCE_BYTES, n), (uint8_t *)plain->p + plain->n, tag)) {
            plain->n += n;
            return ERR_OK;
        }
        explicit_bzero(plain->p + plain->n, n);
    }
    return fault_set(fault, ERR_CORRUPT, "the sealed secrets of %.*s are damaged, or were sealed for another resource",
                     STR_ARG(belongs_to));
}

enum err seal_open(const struct keyring *k, struct str belongs_to, struct str sealed, struct buf *plain, struct fault *fault) {
    struct str id = seal_key_id(sealed);
    if (!id.p) return fault_set(fault, ERR_CORRUPT, "the secrets of %.*s are no sealed text", STR_ARG(belongs_to));
    const struct key *key = NULL;
    for (size_t i = 0; i < k->count; i++)
        if (str_eqz(id, k->keys[i].id)) key = &k->keys[i];
    if (!key)
        return fault_set(fault, ERR_NOT_FOUND,
                         "%s holds key %s, but the secrets of %.*s were sealed with key %.*s: bring that key file back", k->path,
                         k->keys[0].id, STR_ARG(belongs_to), STR_ARG(id));
    struct buf bytes;
    buf_init(&bytes, 0);
    enum err err = hash_from_base64(&bytes, str_skip(sealed, 2 + SEAL_KEY_ID_SIZE))
                       ? open_bytes(key, belongs_to, buf_str(&bytes), plain, fault)
                       : fault_set(fault, ERR_CORRUPT, "the secrets of %.*s are no sealed text", STR_ARG(belongs_to));
    buf_fini(&bytes);
    return err;
}
