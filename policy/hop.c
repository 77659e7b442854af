#include "hop.h"

void hop_init(struct hop_path *path) { path->count = 0; }

enum hop_verdict hop_check(const struct hop_path *path, struct str bus, int limit) {
    bool limited = path->count - 1 >= limit || path->count > HOP_LIMIT_MAX;
    if (limited && limit <= 1) return HOP_LIMITED;
    for (int i = 0; i < path->count; i++)
        if (str_eq(path->bus[i], bus)) return HOP_LOOP;
    return limited ? HOP_LIMITED : HOP_OK;
}

enum err hop_enter(struct hop_path *path, struct str bus) {
    if (path->count > HOP_LIMIT_MAX) return ERR_LIMIT;
    path->bus[path->count++] = bus;
    return ERR_OK;
}

const char *hop_code(enum hop_verdict verdict) {
    switch (verdict) {
    case HOP_LIMITED: return "THIRD_ACCOUNT_HOP_DETECTED";
    case HOP_LOOP: return "LOOP_DETECTED";
    case HOP_OK: break;
    }
    return "";
}

void hop_message(struct buf *out, enum hop_verdict verdict, const struct hop_path *path, struct str event_id) {
    buf_addf(out, "Event ingestion rejected for event %.*s because ", STR_ARG(event_id));
    if (verdict == HOP_LIMITED && path->count == 2) {
        buf_addz(out, "an event can be sent to an event bus target only once. This event was previously delivered to an event bus target.");
        return;
    }
    if (verdict == HOP_LIMITED)
        buf_addf(out, "an event may cross event buses %d times here. It has been in:", path->count - 1);
    else
        buf_addz(out, "it would enter an event bus for the second time. It has been in:");
    for (int i = 0; i < path->count; i++) buf_addf(out, "%s %.*s", i ? "," : "", STR_ARG(path->bus[i]));
    buf_addc(out, '.');
}
