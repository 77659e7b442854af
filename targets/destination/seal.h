/* Secrets at rest: AES-256-GCM (NIST SP 800-38D) under a key that lives in a file beside the store, never in it.
 *
 * A sealed text is "1:KEY-ID:BASE64" of a random 96-bit nonce, the ciphertext and the 128-bit tag. The ARN of the resource it belongs to is
 * authenticated with it, so that a sealed text copied into another resource's record does not open. The key's id is the begin of its
 * SHA-256: a text says which key it wants, and a wrong key is told apart from a damaged text.
 *
 * The file holds one key a line (64 hex digits; lines that begin with # are comments). The first one seals, all of them open: while keys
 * are being rotated the file holds the new and the old one, so that the process may die at any instant. */
#ifndef DESTINATION_SEAL_H
#define DESTINATION_SEAL_H

#include "err.h"

enum { SEAL_KEYS_MAX = 4, SEAL_KEY_ID_SIZE = 17 };

struct keyring;

/* Reads the key file. When there is none: makes it with a new random key (mode 0600), if `make`; else ERR_NOT_FOUND. ERR_ACCESS_DENIED when
 * others than its owner can read it, ERR_CORRUPT names the line that is no key, ERR_IO. The path is copied. */
enum err keyring_open(const char *path, bool make, struct keyring **k, struct fault *fault) MUST_USE;
/* Wipes the keys. NULL is fine. */
void keyring_close(struct keyring *k);
/* The id of the key that seals: 16 hex digits and NUL, valid until the keys are rotated. */
const char *keyring_id(const struct keyring *k);

/* Appends the sealed text. ERR_NOMEM, ERR_INTERNAL. */
enum err seal_close(const struct keyring *k, struct str belongs_to, struct str plain, struct buf *sealed, struct fault *fault) MUST_USE;
/* Appends the plain bytes; the caller wipes them. ERR_NOT_FOUND when the key is not in the file (the message names both ids), ERR_CORRUPT
 * when the text is damaged or belongs to another resource. */
enum err seal_open(const struct keyring *k, struct str belongs_to, struct str sealed, struct buf *plain, struct fault *fault) MUST_USE;
/* The id of the key that a sealed text wants; absent when it is no sealed text. A view. */
struct str seal_key_id(struct str sealed);

/* Rotation: begin writes the file with a new key before the present ones and seals with it from now on; end(true) leaves only the new one
 * in the file, end(false) goes back to what was there before begin. The caller serializes them with seal_close and seal_open. */
enum err keyring_rotate_begin(struct keyring *k, struct fault *fault) MUST_USE;
enum err keyring_rotate_end(struct keyring *k, bool keep_new, struct fault *fault) MUST_USE;

#endif
