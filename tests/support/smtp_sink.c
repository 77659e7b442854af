/* smtp_sink --port PORT --out FILE: receives mail on 127.0.0.1 (port 0: a free one) and appends each to FILE as a line of JSON,
 * {"from":..., "to":[...], "data":...}. Prints "ready 127.0.0.1:PORT" when it serves; ends on SIGTERM or SIGINT. */
#include "smtp_peer.h"

#include <signal.h>
#include <stdio.h>

#include "json.h"

static void add_text(struct json *j, struct str s) { json_str(j, str_is_utf8(s) ? s : STR("(not UTF-8)")); }

static void write_mail(void *ctx, const struct smtp_mail *mail) {
    int fd = *(int *)ctx;
    struct buf line;
    struct json j;
    buf_init(&line, 0);
    json_init(&j, &line);
    json_object_begin(&j);
    json_key(&j, STR("from"));
    add_text(&j, mail->from);
    json_key(&j, STR("to"));
    json_array_begin(&j);
    for (size_t i = 0; i < mail->to_count; i++) add_text(&j, mail->to[i]);
    json_array_end(&j);
    json_key(&j, STR("data"));
    add_text(&j, mail->data);
    json_object_end(&j);
    buf_addc(&line, '\n');
    if (line.failed || write(fd, line.p, line.n) != (ssize_t)line.n) perror("smtp_sink: cannot write a mail");
    buf_fini(&line);
}

static int usage(void) {
    fputs("usage: smtp_sink --port PORT --out FILE\n", stderr);
    return 2;
}

int main(int argc, char **argv) {
    static struct smtp_peer peer;
    int64_t port = -1;
    const char *out = NULL;
    int signal_number;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--port") == 0) {
            if (!str_to_i64(str_from(argv[i + 1]), &port)) return usage();
        } else if (strcmp(argv[i], "--out") == 0)
            out = argv[i + 1];
        else
            return usage();
    }
    if (argc != 5 || !out || port < 0 || port > 65535) return usage();
    int fd = open(out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
        perror(out);
        return 1;
    }
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigaddset(&end, SIGINT);
    sigprocmask(SIG_BLOCK, &end, NULL);
    peer.received = write_mail;
    peer.ctx = &fd;
    if (!smtp_peer_start(&peer, (int)port)) {
        perror("smtp_sink: cannot listen");
        return 1;
    }
    printf("ready 127.0.0.1:%d\n", peer.port);
    fflush(stdout);
    while (sigwait(&end, &signal_number)) {
    }
    smtp_peer_stop(&peer);
    close(fd);
    return 0;
}
