#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "attempts.h"
#include "email/message.h"
#include "hash.h"
#include "smtp_peer.h"

static struct smtp_peer peer;
static struct target target;
static struct target_host host;
static char url[64];

static pthread_mutex_t mail_lock = PTHREAD_MUTEX_INITIALIZER;
static int mails;
static struct buf mail_from, mail_to, mail_data;

static void take_mail(void *ctx, const struct smtp_mail *mail) {
    (void)ctx;
    pthread_mutex_lock(&mail_lock);
    mails++;
    buf_clear(&mail_from);
    buf_add(&mail_from, mail->from);
    buf_clear(&mail_to);
    for (size_t i = 0; i < mail->to_count; i++) buf_add(&mail_to, mail->to[i]);
    buf_clear(&mail_data);
    buf_add(&mail_data, mail->data);
    buf_addc(&mail_data, 0);
    pthread_mutex_unlock(&mail_lock);
}

static int start(void **state) {
    (void)state;
    struct fault fault;
    peer = (struct smtp_peer){.received = take_mail};
    mails = 0;
    if (!smtp_peer_start(&peer, 0)) return -1;
    snprintf(url, sizeof url, "smtp://127.0.0.1:%d", peer.port);
    host = (struct target_host){.smtp_url = str_from(url), .smtp_from = STR("bus@example.com")};
    return target_email_new(&host, &target, &fault) ? -1 : 0;
}

static int end(void **state) {
    (void)state;
    target.stop(target.self);
    target.free(target.self);
    smtp_peer_stop(&peer);
    buf_fini(&mail_from);
    buf_fini(&mail_to);
    buf_fini(&mail_data);
    return 0;
}

static struct trial send_mail(const char *endpoint, const char *subject, struct str body) {
    static struct trial trial;
    trial = (struct trial){.attempt = {.delivery = {.arn = str_from(endpoint),
                                                    .subject = str_from(subject),
                                                    .source_arn = STR("arn:aws:sns:us-east-1:111122223333:t"),
                                                    .input = body},
                                       .done = trial_done}};
    trial.attempt.ctx = &trial;
    target.kind->attempt(target.self, &trial.attempt);
    assert_true(trial_wait(&trial));
    return trial;
}

/* The text of a message, decoded. */
static void read_body(const char *data, struct buf *text) {
    const char *body = strstr(data, "\r\n\r\n");
    assert_non_null(body);
    struct buf packed;
    buf_init(&packed, 0);
    for (const char *c = body; *c; c++)
        if (*c != '\r' && *c != '\n') buf_addc(&packed, *c);
    buf_clear(text);
    /* Lines are encoded one by one, each of 57 bytes: only the last may end in padding, so the whole is base64 again. */
    assert_true(hash_from_base64(text, buf_str(&packed)));
    buf_addc(text, 0);
    buf_fini(&packed);
}

static void mail_arrives_with_its_headers_and_text(void **state) {
    (void)state;
    struct buf text;
    buf_init(&text, 0);
    struct trial trial = send_mail("mailto:ann@example.org", "disk full", STR("{\"k\":\"v\"}"));
    assert_string_equal(trial.message, "");
    assert_int_equal(trial.outcome, OUTCOME_DELIVERED);
    assert_int_equal(mails, 1);
    assert_true(str_eqz(buf_str(&mail_from), "bus@example.com"));
    assert_true(str_eqz(buf_str(&mail_to), "ann@example.org"));
    assert_non_null(strstr(mail_data.p, "From: <bus@example.com>\r\n"));
    assert_non_null(strstr(mail_data.p, "To: <ann@example.org>\r\n"));
    assert_non_null(strstr(mail_data.p, "Subject: disk full\r\n"));
    assert_non_null(strstr(mail_data.p, "Message-ID: <"));
    assert_non_null(strstr(mail_data.p, "Content-Type: text/plain; charset=UTF-8\r\n"));
    read_body(mail_data.p, &text);
    assert_string_equal(text.p, "{\"k\":\"v\"}\r\n\r\n--\r\nSent for arn:aws:sns:us-east-1:111122223333:t\r\n");
    buf_fini(&text);
}

static void subject_defaults(void **state) {
    (void)state;
    assert_int_equal(send_mail("mailto:a@b.c", NULL, STR("x")).outcome, OUTCOME_DELIVERED);
    assert_non_null(strstr(mail_data.p, "Subject: Notification\r\n"));
}

static void long_body_arrives_whole(void **state) {
    (void)state;
    struct buf body, text;
    buf_init(&body, 0);
    buf_init(&text, 0);
    for (int i = 0; i < 30000; i++) buf_addf(&body, "%d\xC3\xA9.\n.\r\n", i);
    assert_int_equal(send_mail("mailto:a@b.c", "s", buf_str(&body)).outcome, OUTCOME_DELIVERED);
    read_body(mail_data.p, &text);
    assert_memory_equal(text.p, body.p, body.n);
    buf_fini(&text);
    buf_fini(&body);
}

static void subject_cannot_inject_a_header(void **state) {
    (void)state;
    assert_int_equal(send_mail("mailto:a@b.c", "x\r\nBcc: evil@b.c\r\n\r\nbody", STR("b")).outcome, OUTCOME_DELIVERED);
    assert_null(strstr(mail_data.p, "\r\nBcc:"));
    assert_non_null(strstr(mail_data.p, "Subject: x  Bcc: evil@b.c    body\r\n"));
}

static void endpoint_cannot_inject_a_command_or_header(void **state) {
    (void)state;
    static const char *const bad[] = {"mailto:a@b.c>\r\nRCPT TO:<x@y.z",
                                      "mailto:a@b.c\r\nBcc: x@y.z",
                                      "mailto:a@b.c,d@e.f",
                                      "mailto:",
                                      "mailto:a",
                                      "mailto:@b",
                                      "mailto:a@",
                                      "mailto:a b@c",
                                      "mailto:a@b@c",
                                      "mailto:-a@b.c",
                                      "http://a@b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(send_mail(bad[i], "s", STR("b")).outcome, OUTCOME_INVALID_PARAMETER);
    assert_int_equal(mails, 0);
}

static void four_hundreds_are_throttling(void **state) {
    (void)state;
    peer.reply_to_rcpt = "450 4.2.1 mailbox busy";
    struct trial trial = send_mail("mailto:a@b.c", "s", STR("b"));
    assert_int_equal(trial.outcome, OUTCOME_THROTTLING);
    assert_non_null(strstr(trial.message, "450 4.2.1 mailbox busy"));
    assert_int_equal(mails, 0);
}

static void five_hundreds_are_final(void **state) {
    (void)state;
    peer.reply_to_rcpt = "550 5.1.1 no such user";
    struct trial trial = send_mail("mailto:a@b.c", "s", STR("b"));
    assert_int_equal(trial.outcome, OUTCOME_INVALID_PARAMETER);
    assert_non_null(strstr(trial.message, "550 5.1.1 no such user"));
}

static void refused_sender_is_final(void **state) {
    (void)state;
    peer.reply_to_mail = "553 not from you";
    assert_int_equal(send_mail("mailto:a@b.c", "s", STR("b")).outcome, OUTCOME_INVALID_PARAMETER);
}

static void refusal_after_the_text_counts(void **state) {
    (void)state;
    peer.reply_to_data_end = "452 4.3.1 disk full";
    assert_int_equal(send_mail("mailto:a@b.c", "s", STR("b")).outcome, OUTCOME_THROTTLING);
    peer.reply_to_data_end = "554 5.7.1 spam";
    assert_int_equal(send_mail("mailto:a@b.c", "s", STR("b")).outcome, OUTCOME_INVALID_PARAMETER);
}

static void unwelcoming_server_is_throttling(void **state) {
    (void)state;
    peer.greeting = "421 too busy";
    assert_int_equal(send_mail("mailto:a@b.c", "s", STR("b")).outcome, OUTCOME_THROTTLING);
}

static void too_large_a_mail_is_final(void **state) {
    (void)state;
    struct buf body;
    buf_init(&body, 0);
    for (size_t i = 0; i < SMTP_MAIL_MAX; i++) buf_addc(&body, 'a');
    assert_int_equal(send_mail("mailto:a@b.c", "s", buf_str(&body)).outcome, OUTCOME_INVALID_PARAMETER);
    buf_fini(&body);
}

static void unreachable_server_is_a_connection_failure(void **state) {
    (void)state;
    struct target other;
    struct fault fault;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    char dead[64];
    static struct trial trial;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    snprintf(dead, sizeof dead, "smtp://127.0.0.1:%d", ntohs(at.sin_port));
    struct target_host lonely = {.smtp_url = str_from(dead), .smtp_from = STR("bus@example.com")};
    assert_int_equal(target_email_new(&lonely, &other, &fault), ERR_OK);
    trial_begin(&trial, &other, STR("mailto:a@b.c"), STR("b"));
    assert_true(trial_wait(&trial));
    other.stop(other.self);
    other.free(other.self);
    close(fd);
    assert_int_equal(trial.outcome, OUTCOME_CONNECTION_FAILURE);
}

static void without_a_server_there_is_no_resource(void **state) {
    (void)state;
    struct target other;
    struct fault fault;
    static struct trial trial;
    struct target_host bare = {.smtp_url = STR_NULL};
    assert_int_equal(target_email_new(&bare, &other, &fault), ERR_OK);
    trial_begin(&trial, &other, STR("mailto:a@b.c"), STR("b"));
    assert_int_equal(trial.outcome, OUTCOME_NO_RESOURCE);
    assert_non_null(strstr(trial.message, "smtp-url"));
    other.stop(other.self);
    other.free(other.self);
}

static void bad_settings_are_refused_at_the_start(void **state) {
    (void)state;
    struct target other;
    struct fault fault;
    struct target_host bad = {.smtp_url = STR("http://x"), .smtp_from = STR("a@b.c")};
    assert_int_equal(target_email_new(&bad, &other, &fault), ERR_VALIDATION);
    assert_string_equal(fault.where, "smtp-url");
    bad = (struct target_host){.smtp_url = STR("smtp://x"), .smtp_from = STR("nobody")};
    assert_int_equal(target_email_new(&bad, &other, &fault), ERR_VALIDATION);
    assert_string_equal(fault.where, "smtp-from");
}

static void subject_beyond_ascii_is_encoded_in_words(void **state) {
    (void)state;
    struct buf out;
    buf_init(&out, 0);
    char subject[160] = "";
    for (int i = 0; i < 70; i++) memcpy(subject + 2 * i, "\xC3\xBC", 3);
    const struct message m = {.from = STR("a@b.c"), .to = STR("d@e.f"), .subject = str_from(subject), .body = STR("x"), .id = STR("1")};
    message_write(&m, &out);
    buf_addc(&out, 0);
    char *line = strstr(out.p, "Subject: =?UTF-8?B?");
    assert_non_null(line);
    /* Unfold, decode every word, compare. */
    struct buf decoded;
    buf_init(&decoded, 0);
    for (char *word = strstr(line, "=?UTF-8?B?"); word; word = strstr(word + 10, "=?UTF-8?B?")) {
        char *close_ = strstr(word, "?=");
        assert_non_null(close_);
        assert_true(close_ - word + 2 <= 75);
        size_t before = decoded.n;
        assert_true(hash_from_base64(&decoded, str_of(word + 10, (size_t)(close_ - word) - 10)));
        assert_true(str_is_utf8(str_of(decoded.p + before, decoded.n - before)));
    }
    assert_true(str_eqz(buf_str(&decoded), subject));
    buf_fini(&decoded);
    buf_fini(&out);
}

static void message_lines_are_short_and_dated(void **state) {
    (void)state;
    struct buf out;
    buf_init(&out, 0);
    char long_subject[400];
    memset(long_subject, 's', sizeof long_subject - 1);
    long_subject[sizeof long_subject - 1] = 0;
    const struct message m = {.from = STR("a@b.c"),
                              .to = STR("d@e.f"),
                              .subject = str_from(long_subject),
                              .body = str_from(long_subject),
                              .id = STR("1"),
                              .date_ms = 1777636800000};
    message_write(&m, &out);
    buf_addc(&out, 0);
    assert_non_null(strstr(out.p, "Date: Fri, 01 May 2026 12:00:00 +0000\r\n"));
    for (char *line = out.p; line; line = strstr(line, "\r\n") ? strstr(line, "\r\n") + 2 : NULL) assert_true(strcspn(line, "\r") <= 78);
    buf_fini(&out);
}

/* ---- the peer itself ------------------------------------------------------------------------------------------------------------ */

static void talk(int fd, const char *say, const char *expect) {
    char reply[4096];
    if (say) assert_int_equal(send(fd, say, strlen(say), MSG_NOSIGNAL), (ssize_t)strlen(say));
    ssize_t got = recv(fd, reply, sizeof reply - 1, 0);
    assert_true(got > 0);
    reply[got] = 0;
    assert_memory_equal(reply, expect, strlen(expect));
}

static void peer_answers_bad_input_and_unstuffs_dots(void **state) {
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)peer.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    talk(fd, NULL, "220");
    talk(fd, "MAIL FROM:<a@b>\r\n", "503");
    talk(fd, "HELO me\r\n", "250");
    talk(fd, "DATA\r\n", "503");
    talk(fd, "WHAT\r\n", "500");
    talk(fd, "MAIL FROM:a@b\r\n", "501");
    talk(fd, "MAIL FROM:<a@b>\r\n", "250");
    talk(fd, "RSET\r\n", "250");
    talk(fd, "RCPT TO:<c@d>\r\n", "503");
    talk(fd, "MAIL FROM:<a@b>\r\n", "250");
    talk(fd, "RCPT TO:<c@d>\r\n", "250");
    talk(fd, "NOOP\r\n", "250");
    talk(fd, "DATA\r\n", "354");
    talk(fd, "one\r\n..two\r\n...\r\n.\r\n", "250");
    assert_string_equal(mail_data.p, "one\r\n.two\r\n..\r\n");
    talk(fd, "QUIT\r\n", "221");
    close(fd);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(mail_arrives_with_its_headers_and_text),
        T(subject_defaults),
        T(long_body_arrives_whole),
        T(subject_cannot_inject_a_header),
        T(endpoint_cannot_inject_a_command_or_header),
        T(four_hundreds_are_throttling),
        T(five_hundreds_are_final),
        T(refused_sender_is_final),
        T(refusal_after_the_text_counts),
        T(unwelcoming_server_is_throttling),
        T(too_large_a_mail_is_final),
        T(unreachable_server_is_a_connection_failure),
        T(without_a_server_there_is_no_resource),
        T(bad_settings_are_refused_at_the_start),
        cmocka_unit_test(subject_beyond_ascii_is_encoded_in_words),
        cmocka_unit_test(message_lines_are_short_and_dated),
        T(peer_answers_bad_input_and_unstuffs_dots),
    };
    return cmocka_run_group_tests_name("targets/email", tests, NULL, NULL);
}
