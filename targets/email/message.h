/* E-mail messages (RFC 5322, MIME): from a notification to the bytes of a mail. Pure; any thread. */
#ifndef EMAIL_MESSAGE_H
#define EMAIL_MESSAGE_H

#include "str.h"

struct message {
    struct str from, to;  /* bare addresses */
    struct str subject;   /* absent or empty: "Notification"; line ends and other control characters become blanks */
    struct str body;      /* UTF-8 */
    struct str id;        /* left part of the Message-ID: letters, digits, '-' */
    struct str topic_arn; /* shown below the text; may be absent */
    int64_t date_ms;
};
/* Appends the message with CRLF line ends, header, blank line and the body in base64 (RFC 2045: lines of 76 characters, safe for any
 * relay). out->failed tells that there was no memory. No field can break out of its header line. */
void message_write(const struct message *m, struct buf *out);
/* A bare address that may stand in a header and an SMTP command: one '@', printable ASCII without blanks and the characters <>()[],;:\" ,
 * at most 254 bytes (RFC 5321). */
bool address_is_valid(struct str address);

#endif
