#include "workload.h"

#include <stdio.h>
#include <stdlib.h>

struct maker {
    uint64_t state;
    struct workload *w;
    size_t *event_at; /* where each event begins in event_bytes */
    size_t events;
};

static void *need(void *p) {
    if (p) return p;
    fprintf(stderr, "workload: out of memory\n");
    exit(2);
}

/* ---- drawing -------------------------------------------------------------------------------------------------------------------- */

static uint32_t draw(struct maker *m, uint32_t below) { /* xorshift64*, S. Vigna 2016 */
    m->state ^= m->state >> 12;
    m->state ^= m->state << 25;
    m->state ^= m->state >> 27;
    return (uint32_t)((m->state * UINT64_C(0x2545F4914F6CDD1D) >> 32) * below >> 32);
}

/* The same number for the same place of a fixed list, whatever was drawn before: accounts, buckets, instances. */
static uint64_t fixed(uint64_t list, uint64_t place) {
    uint64_t x = (list << 32 | place) * UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 29) * UINT64_C(0xBF58476D1CE4E5B9);
    return x ^ x >> 32;
}

#define COUNT(pool) (uint32_t)(sizeof(pool) / sizeof(pool)[0])
#define PICK(m, pool) ((pool)[draw(m, COUNT(pool))])
#define PUT(m, ...) buf_addf(&(m)->w->event_bytes, __VA_ARGS__)

static void begin_event(struct maker *m) { m->event_at[m->w->event_count++] = m->w->event_bytes.n; }

static void end_event(struct maker *m) { buf_addc(&m->w->event_bytes, '\n'); }

static void add_rule(struct maker *m, const char *name, struct buf *pattern) {
    char *text = need(malloc(pattern->n)), full[64];
    memcpy(text, pattern->p, pattern->n);
    snprintf(full, sizeof full, "%s-%zu", name, m->w->rule_count);
    m->w->rules[m->w->rule_count++] = (struct workload_rule){str_from(need(strdup(full))), str_of(text, pattern->n)};
    buf_clear(pattern);
}

/* ---- realistic: the envelopes of EventBridge ------------------------------------------------------------------------------------ */

enum { ACCOUNTS = 50, BUCKETS = 300, INSTANCES = 800, SKUS = 1000 };
static const char *const regions[] = {"us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-northeast-1", "ap-southeast-2"};
static const char *const states[] = {"pending", "running", "shutting-down", "stopped", "stopping", "terminated"};
static const char *const countries[] = {"US", "GB", "DE", "FR", "NL", "SE", "JP", "IN", "BR", "MX", "CA", "AU"};
static const char *const tiers[] = {"free", "silver", "gold", "platinum"};
static const char *const order_types[] = {"OrderPlaced", "OrderPaid", "OrderShipped", "OrderCancelled"};
static const char *const folders[] = {"raw", "tmp", "users", "reports", "archive", "thumbs", "tenants", "2026", "curated", "incoming"};
static const char *const endings[] = {"csv", "json", "jpg", "png", "pdf", "mp4", "gz", "log", "parquet", "avro"};
static const char *const services[] = {"ec2", "s3", "iam"};
static const char *const calls[] = {"RunInstances", "StopInstances", "TerminateInstances", "CreateVolume",    "CreateSecurityGroup",
                                    "CreateBucket", "DeleteBucket",  "PutBucketAcl",       "PutBucketPolicy", "CreateUser",
                                    "DeleteUser",   "CreateRole",    "CreateAccessKey",    "DeleteAccessKey", "AddUserToGroup"};
static const char *const stores[] = {"logs", "media", "prod", "staging", "dev", "analytics"};
static const char *const contents[] = {"images", "backup", "export", "ingest", "models", "invoices", "upload"};

static void account(char out[13], uint32_t place) {
    snprintf(out, 13, "%012llu", (unsigned long long)(fixed(1, place) % 900000000000 + 100000000000));
}

static void bucket(char out[48], uint32_t place) {
    uint64_t x = fixed(2, place);
    snprintf(out, 48, "%s-%s-%04x", stores[x % COUNT(stores)], contents[x / 8 % COUNT(contents)], (unsigned)(x >> 48));
}

static void instance(char out[32], uint32_t place) { snprintf(out, 32, "i-0%016llx", (unsigned long long)fixed(3, place)); }

static unsigned long long hex(struct maker *m) { return (unsigned long long)draw(m, UINT32_MAX) << 32 | draw(m, UINT32_MAX); }

static void put_time(struct maker *m) { PUT(m, "2026-05-%02uT%02u:%02u:%02uZ", 1 + draw(m, 28), draw(m, 24), draw(m, 60), draw(m, 60)); }

static void put_address(struct maker *m) {
    if (draw(m, 2))
        PUT(m, "10.%u.%u.%u", draw(m, 64), draw(m, 256), draw(m, 256));
    else
        PUT(m, "%u.%u.%u.%u", 11 + draw(m, 200), draw(m, 256), draw(m, 256), draw(m, 256));
}

static void put_envelope(struct maker *m, const char *type, const char *source, const char *owner, const char *region) {
    unsigned long long a = hex(m), b = hex(m);
    PUT(m,
        "{\"version\":\"0\",\"id\":\"%08llx-%04llx-%04llx-%04llx-%012llx\",\"detail-type\":\"%s\",\"source\":\"%s\",\"account\":\"%s\","
        "\"time\":\"",
        a >> 32, a >> 16 & 0xFFFF, a & 0xFFFF, b >> 48, b & 0xFFFFFFFFFFFF, type, source, owner);
    put_time(m);
    PUT(m, "\",\"region\":\"%s\",\"resources\":[", region);
}

static void put_ec2(struct maker *m, const char *owner) {
    const char *region = PICK(m, regions);
    char id[32];
    instance(id, draw(m, 20 * INSTANCES)); /* one in twenty is known to a rule */
    put_envelope(m, "EC2 Instance State-change Notification", "aws.ec2", owner, region);
    PUT(m, "\"arn:aws:ec2:%s:%s:instance/%s\"],\"detail\":{\"instance-id\":\"%s\",\"state\":\"%s\"", region, owner, id, id,
        PICK(m, states));
    if (draw(m, 3)) {
        PUT(m,
            ",\"tags\":{\"Name\":\"web-%u\",\"env\":\"%s\",\"team\":\"billing\",\"aws:autoscaling:groupName\":\"asg-%06x\"},\"previous\":{"
            "\"state\":\"%s\",\"since\":\"",
            draw(m, 400), PICK(m, stores), draw(m, 1 << 24), PICK(m, states));
        put_time(m);
        PUT(m, "\",\"reason\":{\"code\":\"Client.UserInitiatedShutdown\",\"message\":\"User initiated (%016llx %016llx%016llx)\"}}", hex(m),
            hex(m), hex(m));
        PUT(m, ",\"network-interfaces\":[{\"id\":\"eni-0%016llx\",\"private-ip\":\"", hex(m));
        put_address(m);
        PUT(m, "\",\"attached\":true}]");
    }
    PUT(m, "}}");
}

static void put_s3(struct maker *m, const char *owner) {
    static const char *const types[] = {"Object Created", "Object Created", "Object Created",
                                        "Object Created", "Object Deleted", "Object Tags Added"};
    char name[48];
    bucket(name, draw(m, BUCKETS));
    put_envelope(m, PICK(m, types), "aws.s3", owner, PICK(m, regions));
    PUT(m,
        "\"arn:aws:s3:::%s\"],\"detail\":{\"version\":\"0\",\"bucket\":{\"name\":\"%s\"},\"object\":{\"key\":\"%s/%s/%08llx/"
        "%llx.%s\",\"size\":%u,",
        name, name, PICK(m, folders), PICK(m, folders), hex(m) >> 32, hex(m), PICK(m, endings), draw(m, 1u << (8 + draw(m, 17))));
    PUT(m, "\"etag\":\"%016llx%016llx\",\"version-id\":\"%016llx%016llx\",\"sequencer\":\"%018llX\"", hex(m), hex(m), hex(m), hex(m),
        hex(m));
    if (draw(m, 2)) {
        PUT(m,
            ",\"metadata\":{\"content-type\":\"application/"
            "octet-stream\",\"x-amz-meta-trace\":\"%016llx%016llx\",\"x-amz-meta-owner\":\"user%u@example.com\",\"tags\":[",
            hex(m), hex(m), draw(m, 3000));
        for (uint32_t i = 0, n = draw(m, 8); i < n; i++) PUT(m, "%s\"t%u\"", i ? "," : "", draw(m, 40));
        PUT(m, "]}");
    }
    PUT(m, "},\"request-id\":\"%016llX\",\"requester\":\"%s\",\"source-ip-address\":\"", hex(m), owner);
    put_address(m);
    PUT(m, "\",\"reason\":\"%s\"}}", draw(m, 2) ? "PutObject" : "CopyObject");
}

static void put_identity(struct maker *m, const char *owner) {
    static const char *const types[] = {"AssumedRole", "IAMUser", "Root", "AWSService"};
    const char *type = PICK(m, types);
    uint32_t user = draw(m, 300);
    PUT(m,
        "{\"type\":\"%s\",\"principalId\":\"%016llX%04llX\",\"arn\":\"arn:aws:iam::%s:user/"
        "user%u\",\"accountId\":\"%s\",\"accessKeyId\":\"ASIA%016llX\","
        "\"userName\":\"user%u\"",
        type, hex(m), hex(m) >> 48, owner, user, owner, hex(m), user);
    if (type == types[0]) {
        PUT(m, ",\"sessionContext\":{\"attributes\":{\"mfaAuthenticated\":\"%s\",\"creationDate\":\"", draw(m, 2) ? "true" : "false");
        put_time(m);
        PUT(m,
            "\"},\"sessionIssuer\":{\"type\":\"Role\",\"principalId\":\"%016llX%04llX\",\"arn\":\"arn:aws:iam::%s:role/"
            "Admin%u\",\"accountId\":\"%s\",\"userName\":\"Admin%u\"}}",
            hex(m), hex(m) >> 48, owner, draw(m, 20), owner, draw(m, 20));
    }
    PUT(m, "}");
}

static void put_call(struct maker *m, const char *owner) {
    const char *service = PICK(m, services), *region = PICK(m, regions);
    char source[16];
    snprintf(source, sizeof source, "aws.%s", service);
    put_envelope(m, "AWS API Call via CloudTrail", source, owner, region);
    PUT(m, "],\"detail\":{\"eventVersion\":\"1.08\",\"userIdentity\":");
    put_identity(m, owner);
    PUT(m, ",\"eventTime\":\"");
    put_time(m);
    PUT(m, "\",\"eventSource\":\"%s.amazonaws.com\",\"eventName\":\"%s\",\"awsRegion\":\"%s\",\"sourceIPAddress\":\"", service,
        PICK(m, calls), region);
    put_address(m);
    PUT(m, "\",\"userAgent\":\"aws-cli/2.15.0 Python/3.11.6 Linux/5.10\"");
    if (draw(m, 5) == 0) PUT(m, ",\"errorCode\":\"AccessDenied\",\"errorMessage\":\"User is not authorized to perform this action\"");
    PUT(m, ",\"requestParameters\":{\"userName\":\"user%u\",\"policyArn\":\"arn:aws:iam::aws:policy/P%u\",\"items\":[", draw(m, 300),
        draw(m, 20));
    for (uint32_t i = 0, n = draw(m, 5); i < n; i++) PUT(m, "%s{\"id\":\"%08llx\",\"n\":%u}", i ? "," : "", hex(m) >> 32, draw(m, 50));
    PUT(m,
        "]},\"responseElements\":null,\"requestID\":\"%016llx-%016llx\",\"eventID\":\"%016llx-%016llx\",\"readOnly\":%s,\"eventType\":"
        "\"AwsApiCall\",",
        hex(m), hex(m), hex(m), hex(m), draw(m, 2) ? "true" : "false");
    PUT(m, "\"managementEvent\":true,\"recipientAccountId\":\"%s\",\"eventCategory\":\"Management\"}}", owner);
}

static void put_order(struct maker *m, const char *owner) {
    static const char *const colors[] = {"red", "blue", "black", "white"}, *const sizes[] = {"S", "M", "L", "XL"};
    static const char *const statuses[] = {"PAID", "Shipped", "cancelled", "NEW"}, *const methods[] = {"pickup", "express", "standard"};
    put_envelope(m, PICK(m, order_types), "com.acme.orders", owner, PICK(m, regions));
    PUT(m,
        "],\"detail\":{\"orderId\":\"ord-%012llx\",\"status\":\"%s\",\"customer\":{\"id\":\"cus-%010llx\",\"tier\":\"%s\",\"country\":\"%"
        "s\",\"email\":\"user%u@example.com\"},",
        hex(m) >> 16, PICK(m, statuses), hex(m) >> 24, PICK(m, tiers), PICK(m, countries), draw(m, 100000));
    PUT(m, "\"total\":%u.%02u,\"currency\":\"EUR\",\"items\":[", draw(m, 6000), draw(m, 100));
    for (uint32_t i = 0, n = 1 + draw(m, 5); i < n; i++)
        PUT(m, "%s{\"sku\":\"SKU-%05u\",\"qty\":%u,\"price\":%u.%02u,\"attributes\":{\"color\":\"%s\",\"size\":\"%s\"}}", i ? "," : "",
            draw(m, SKUS), 1 + draw(m, 9), draw(m, 300), draw(m, 100), PICK(m, colors), PICK(m, sizes));
    PUT(m,
        "],\"shipping\":{\"method\":\"%s\",\"address\":{\"city\":\"Austin\",\"zip\":\"%05u\"}},\"flags\":{\"gift\":%s,\"fraudScore\":0.%"
        "03u}",
        PICK(m, methods), draw(m, 100000), draw(m, 2) ? "true" : "false", draw(m, 1000));
    if (draw(m, 4) == 0) PUT(m, ",\"coupon\":\"C%04u\"", draw(m, 500));
    PUT(m, "}}");
}

static void realistic_event(struct maker *m) {
    char owner[13];
    account(owner, draw(m, ACCOUNTS));
    uint32_t kind = draw(m, 20);
    if (kind < 5)
        put_ec2(m, owner);
    else if (kind < 11)
        put_s3(m, owner);
    else if (kind < 15)
        put_call(m, owner);
    else
        put_order(m, owner);
}

static void rule_ec2(struct maker *m, struct buf *p, uint32_t kind) {
    char name[32];
    account(name, draw(m, ACCOUNTS));
    if (kind < 12) {
        buf_addf(
            p,
            "{\"source\":[\"aws.ec2\"],\"detail-type\":[\"EC2 Instance State-change Notification\"],\"detail\":{\"state\":[\"%s\",\"%s\"]}",
            PICK(m, states), PICK(m, states));
        if (draw(m, 4)) buf_addf(p, ",\"account\":[\"%s\"]", name);
        if (draw(m, 2)) buf_addf(p, ",\"region\":[\"%s\"]", PICK(m, regions));
    } else if (kind < 20) {
        buf_addz(p, "{\"source\":[\"aws.ec2\"],\"detail-type\":[\"EC2 Instance State-change Notification\"],\"detail\":{\"instance-id\":[");
        for (int i = 0; i < 10; i++) {
            instance(name, draw(m, INSTANCES));
            buf_addf(p, "%s\"%s\"", i ? "," : "", name);
        }
        buf_addz(p, "],\"state\":[\"stopped\",\"terminated\"]}");
    } else {
        buf_addf(p, "{\"source\":[\"aws.ec2\"],\"resources\":[{\"prefix\":\"arn:aws:ec2:%s:%s:\"}]", PICK(m, regions), name);
    }
    buf_addz(p, "}");
}

static void rule_s3(struct maker *m, struct buf *p, uint32_t kind) {
    char name[48];
    buf_addz(p, "{\"source\":[\"aws.s3\"],\"detail-type\":[\"Object Created\"],\"detail\":{\"bucket\":{\"name\":[");
    for (uint32_t i = 0, n = kind < 12 ? 1 : 1 + draw(m, 3); i < n; i++) {
        bucket(name, draw(m, BUCKETS));
        buf_addf(p, "%s\"%s\"", i ? "," : "", name);
    }
    buf_addz(p, "]}");
    uint32_t low = draw(m, 100000);
    if (kind >= 32)
        buf_addf(p, ",\"object\":{\"key\":[{\"wildcard\":\"%s/*/%x*.%s\"}]}", PICK(m, folders), draw(m, 16), PICK(m, endings));
    else if (kind >= 26)
        buf_addf(p, ",\"object\":{\"size\":[{\"numeric\":[\">=\",%u,\"<\",%u]}]}", low, low * 20 + 1);
    else if (kind >= 20)
        buf_addf(p, ",\"object\":{\"key\":[{\"suffix\":\".%s\"}]}", PICK(m, endings));
    else if (kind >= 12)
        buf_addf(p, ",\"object\":{\"key\":[{\"prefix\":\"%s/%s/\"}]}", PICK(m, folders), PICK(m, folders));
    buf_addz(p, "}}");
}

static void rule_call(struct maker *m, struct buf *p, uint32_t kind) {
    const char *service = PICK(m, services);
    char owner[13];
    account(owner, draw(m, ACCOUNTS));
    if (kind < 8) {
        buf_addf(p,
                 "{\"source\":[\"aws.%s\"],\"detail-type\":[\"AWS API Call via "
                 "CloudTrail\"],\"detail\":{\"eventSource\":[\"%s.amazonaws.com\"],\"eventName\":[\"%s\",\"%s\"]",
                 service, service, PICK(m, calls), PICK(m, calls));
        if (draw(m, 2)) buf_addf(p, ",\"userIdentity\":{\"accountId\":[\"%s\"]}", owner);
        buf_addz(p, "}}");
    } else if (kind < 12) {
        buf_addf(p,
                 "{\"detail-type\":[\"AWS API Call via "
                 "CloudTrail\"],\"detail\":{\"eventSource\":[\"%s.amazonaws.com\"],\"sourceIPAddress\":[{\"cidr\":\"10.%u.0.0/16\"}]}}",
                 service, draw(m, 64));
    } else if (kind < 15) {
        buf_addf(p,
                 "{\"detail-type\":[\"AWS API Call via "
                 "CloudTrail\"],\"account\":[\"%s\"],\"detail\":{\"errorCode\":[{\"exists\":true}],\"eventName\":[{\"anything-but\":[\"%"
                 "s\",\"%s\"]}]}}",
                 owner, PICK(m, calls), PICK(m, calls));
    } else {
        buf_addf(p,
                 "{\"detail-type\":[\"AWS API Call via "
                 "CloudTrail\"],\"account\":[\"%s\"],\"detail\":{\"userIdentity\":{\"type\":[{\"anything-but\":[\"AWSService\",\"Root\"]}],"
                 "\"sessionContext\":{\"sessionIssuer\":{\"type\":[{\"exists\":false}]}}}}}",
                 owner);
    }
}

static void rule_order(struct maker *m, struct buf *p, uint32_t kind) {
    buf_addz(p, "{\"source\":[\"com.acme.orders\"],");
    if (kind < 6) {
        buf_addf(p, "\"detail-type\":[\"%s\"],\"detail\":{\"total\":[{\"numeric\":[\">\",%u]}],\"customer\":{\"country\":[\"%s\"]}}}",
                 PICK(m, order_types), 1000 + draw(m, 4900), PICK(m, countries));
    } else if (kind < 12) {
        buf_addf(p, "\"detail\":{\"items\":{\"sku\":[\"SKU-%05u\",\"SKU-%05u\",\"SKU-%05u\"]}}}", draw(m, SKUS), draw(m, SKUS),
                 draw(m, SKUS));
    } else if (kind < 15) {
        buf_addf(p, "\"detail\":{\"customer\":{\"tier\":[\"%s\"],\"country\":[{\"anything-but\":[\"%s\",\"%s\",\"%s\",\"%s\"]}]}}}",
                 PICK(m, tiers), PICK(m, countries), PICK(m, countries), PICK(m, countries), PICK(m, countries));
    } else if (kind < 17) {
        buf_addf(p,
                 "\"detail\":{\"status\":[{\"equals-ignore-case\":\"%s\"}],\"shipping\":{\"address\":{\"zip\":[{\"prefix\":\"%02u\"}]}}}}",
                 draw(m, 2) ? "paid" : "shipped", draw(m, 100));
    } else {
        buf_addf(p,
                 "\"detail\":{\"$or\":[{\"total\":[{\"numeric\":[\">\",%u]}]},{\"flags\":{\"fraudScore\":[{\"numeric\":[\">=\",0.99]}]}},{"
                 "\"coupon\":[\"C%04u\"]}]}}",
                 3000 + draw(m, 2900), draw(m, 500));
    }
}

static void realistic_rule(struct maker *m, struct buf *p) {
    uint32_t kind = draw(m, 100);
    char owner[13];
    account(owner, draw(m, ACCOUNTS));
    if (kind < 24)
        rule_ec2(m, p, kind);
    else if (kind < 60)
        rule_s3(m, p, kind - 24);
    else if (kind < 78)
        rule_call(m, p, kind - 60);
    else if (kind < 97)
        rule_order(m, p, kind - 78);
    else if (kind < 98)
        buf_addf(p, "{\"source\":[{\"anything-but\":{\"prefix\":\"aws.\"}}],\"account\":[\"%s\"],\"region\":[\"%s\"]}", owner,
                 PICK(m, regions));
    else
        buf_addf(p, "{\"account\":[\"%s\"]}", owner);
}

/* ---- city lots: parcels with their corners -------------------------------------------------------------------------------------- */

static const char *const streets[] = {"ACTON", "BALBOA", "CABRILLO", "MISSION", "VALENCIA", "17TH",
                                      "46TH",  "OAK",    "PINE",     "GEARY",   "FULTON",   "UNKNOWN"};
static const char *const street_types[] = {"ST", "AVE", "BLVD", "TER"};

static void put_corner(struct maker *m, const char *before) {
    PUT(m, "%s{\"x\":-122.%03u%012llu,\"y\":37.%03u%012llu,\"z\":0.0}", before, 380 + draw(m, 130), hex(m) % 1000000000000,
        708 + draw(m, 100), hex(m) % 1000000000000);
}

static void lot_event(struct maker *m) {
    uint32_t block = draw(m, 7000), lot = draw(m, 60);
    const char *street = PICK(m, streets), *type = PICK(m, street_types);
    PUT(m,
        "{\"type\":\"Feature\",\"properties\":{\"MAPBLKLOT\":\"%04u%03u\",\"BLKLOT\":\"%04u%03u\",\"BLOCK_NUM\":\"%04u\",\"LOT_NUM\":\"%"
        "03u\",\"FROM_ST\":\"%u\",\"TO_ST\":\"%u\",\"STREET\":\"%s\",",
        block, lot, block, lot, block, lot, draw(m, 4000), draw(m, 4000), street);
    if (draw(m, 10))
        PUT(m, "\"ST_TYPE\":\"%s\",", type);
    else
        PUT(m, "\"ST_TYPE\":null,");
    PUT(m, "\"ODD_EVEN\":\"%s\"},\"geometry\":{\"type\":\"%s\",\"firstCoordinates\":", draw(m, 2) ? "E" : "O",
        draw(m, 20) ? "Polygon" : "MultiPolygon");
    put_corner(m, "");
    PUT(m, ",\"coordinates\":[[");
    for (uint32_t i = 0, n = 5 + draw(m, 9); i < n; i++) put_corner(m, i ? "," : "");
    PUT(m, "]]}}");
}

static void lot_rule(struct maker *m, struct buf *p, const char *kind, uint32_t i) {
    static const char *const cut[] = {"AC", "BAL", "17", "MISS", "FUL"}, *const tail[] = {"ON", "OA", "ILLO", "TH", "RY"};
    static const char *const stars[] = {"A*N", "*L*A", "1*H", "MIS*", "*E*C*"}, *const folded[] = {"acton", "Balboa", "46th", "OAK",
                                                                                                   "pine"};

    if (strcmp(kind, "exact") == 0)
        buf_addf(p, "{\"properties\":{\"MAPBLKLOT\":[\"%04u%03u\"]}}", draw(m, 7000), draw(m, 60));
    else if (strcmp(kind, "prefix") == 0)
        buf_addf(p, "{\"properties\":{\"STREET\":[{\"prefix\":\"%s\"}]}}", cut[i]);
    else if (strcmp(kind, "suffix") == 0)
        buf_addf(p, "{\"properties\":{\"STREET\":[{\"suffix\":\"%s\"}]}}", tail[i]);
    else if (strcmp(kind, "wildcard") == 0)
        buf_addf(p, "{\"properties\":{\"STREET\":[{\"wildcard\":\"%s\"}]}}", stars[i]);
    else if (strcmp(kind, "ignore-case") == 0)
        buf_addf(p, "{\"properties\":{\"STREET\":[{\"equals-ignore-case\":\"%s\"}]}}", folded[i]);
    else if (strcmp(kind, "numeric") == 0)
        buf_addf(p, "{\"geometry\":{\"type\":[\"Polygon\"],\"firstCoordinates\":{\"x\":[{\"numeric\":[\">\",-122.%u,\"<\",-122.%u]}]}}}",
                 480 - 20 * i, 470 - 20 * i);
    else if (strcmp(kind, "anything-but") == 0)
        buf_addf(p, "{\"properties\":{\"STREET\":[{\"anything-but\":[\"%s\",\"%s\"]}]}}", streets[i], streets[i + 5]);
    else
        buf_addf(p,
                 "{\"geometry\":{\"type\":[\"Polygon\"],\"coordinates\":{\"x\":[{\"numeric\":[\">\",-122.%u]}],\"y\":[{\"numeric\":[\"<\","
                 "37.7%u]}],\"z\":[0]}}}",
                 390 + 20 * i, 20 + 15 * i);
}

static void exact_rule(struct maker *m, struct buf *p, uint32_t i) {
    (void)m, buf_addf(p, "{\"properties\":{\"MAPBLKLOT\":[\"%04u%03u\"]}}", i % 7000, i / 7000);
}

/* ---- the worst cases that we could think of ------------------------------------------------------------------------------------- */

static void worst_string_event(struct maker *m) {
    PUT(m, "{\"f\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa%05u\",\"g\":%u,\"h\":\"x\"}", draw(m, 100000), draw(m, 100000));
}

static void worst_rule(struct buf *p, const char *kind, uint32_t i) {
    if (strcmp(kind, "prefix") == 0)
        buf_addf(p, "{\"f\":[{\"prefix\":\"%.*s%u\"}]}", (int)(i % 33), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", i / 33);
    else if (strcmp(kind, "wildcard") == 0)
        buf_addf(p, "{\"f\":[{\"wildcard\":\"a*a%05u*\"}]}", i);
    else if (strcmp(kind, "wildcards-alike") == 0)
        buf_addf(p, "{\"f\":[{\"wildcard\":\"aaaa*%u*%u*%u*x\"}]}", i % 10, i / 10 % 10, i / 100);
    else if (strcmp(kind, "anything-but") == 0)
        buf_addf(p, "{\"f\":[{\"anything-but\":\"v%u\"}]}", i);
    else if (strcmp(kind, "but-and-exact") == 0)
        buf_addf(p, "{\"f\":[{\"anything-but\":\"v%u\"}],\"h\":[\"x%u\"]}", i, i);
    else if (strcmp(kind, "numeric") == 0)
        buf_addf(p, "{\"g\":[{\"numeric\":[\">=\",%u,\"<\",%u]}]}", i, i + 10);
    else if (strcmp(kind, "numeric-nested") == 0)
        buf_addf(p, "{\"g\":[{\"numeric\":[\">=\",%u,\"<\",%u]}],\"h\":[\"y\"]}", i % 50000, 100000 - i % 50000);
    else if (strcmp(kind, "exists") == 0)
        buf_addf(p, "{\"h\":[{\"exists\":false}],\"k%u\":[{\"exists\":false}]}", i);
    else if (strcmp(kind, "same-value") == 0)
        buf_addf(p, "{\"h\":[\"x\"],\"g\":[{\"numeric\":[\"=\",%u]}],\"f\":[{\"suffix\":\"%05u\"}]}", i, i);
    else if (strcmp(kind, "cidr") == 0)
        buf_addf(p, "{\"ip\":[{\"cidr\":\"%u.%u.%u.0/24\"}]}", 10 + i % 50, i / 50 % 256, i / 12800);
    else if (strcmp(kind, "fields") == 0)
        buf_addf(p, "{\"f%u\":[\"x\"],\"h\":[\"x\"]}", i);
    else if (strcmp(kind, "elements") == 0)
        buf_addf(p, "{\"items\":{\"a\":[%u],\"b\":[%u]}}", i % 10, (i + 1) % 10);
    else if (strcmp(kind, "elements-but") == 0)
        buf_addf(p, "{\"items\":{\"a\":[{\"anything-but\":%u}],\"b\":[%u]}}", i, i % 10);
    else if (strcmp(kind, "deep") == 0) {
        for (uint32_t k = 0; k <= i; k++) buf_addz(p, "{\"a\":");
        buf_addz(p, "[1]");
        for (uint32_t k = 0; k <= i; k++) buf_addz(p, "}");
    } else
        buf_addf(p, "{\"a\":{\"b\":[%u]},\"c\":[%u]}", i, i % 7);
}

static void elements_event(struct maker *m) {
    PUT(m, "{\"items\":[");
    for (uint32_t i = 0; i < 10000; i++) PUT(m, "%s{\"a\":%u,\"b\":%u}", i ? "," : "", draw(m, 10), draw(m, 10) + (draw(m, 10) ? 20u : 0u));
    PUT(m, "]}");
}

static void deep_event(struct maker *m) {
    for (int i = 0; i < 998; i++) PUT(m, "{\"a\":");
    PUT(m, "%u", draw(m, 3));
    for (int i = 0; i < 998; i++) PUT(m, "}");
}

static void duplicates_event(struct maker *m) {
    PUT(m, "{");
    for (uint32_t i = 0; i < 5000; i++) PUT(m, "\"a\":{\"b\":%u},\"a.b\":%u,\"c\":[1,2],", draw(m, 100), draw(m, 100));
    PUT(m, "\"c\":1}");
}

static void cidr_event(struct maker *m) { PUT(m, "{\"ip\":\"%u.%u.%u.%u\"}", 10 + draw(m, 50), draw(m, 256), draw(m, 8), draw(m, 256)); }

static void worst_event(struct maker *m, const char *kind) {
    if (strncmp(kind, "elements", 8) == 0)
        elements_event(m);
    else if (strcmp(kind, "deep") == 0)
        deep_event(m);
    else if (strcmp(kind, "duplicates") == 0)
        duplicates_event(m);
    else if (strcmp(kind, "cidr") == 0)
        cidr_event(m);
    else
        worst_string_event(m);
}

/* ---- the table ------------------------------------------------------------------------------------------------------------------ */

/* name, rules, and how many times fewer events than asked for */
static const struct row {
    const char *name;
    uint32_t rules, fewer;
} rows[] = {
    {"realistic-10", 10, 1},
    {"realistic-100", 100, 1},
    {"realistic-1000", 1000, 1},
    {"lots-exact", 5, 1},
    {"lots-prefix", 5, 1},
    {"lots-suffix", 5, 1},
    {"lots-wildcard", 5, 1},
    {"lots-ignore-case", 5, 1},
    {"lots-numeric", 5, 1},
    {"lots-anything-but", 5, 1},
    {"lots-arrays", 5, 1},
    {"lots-all", 35, 1},
    {"exact-1", 1, 1},
    {"exact-1000", 1000, 1},
    {"exact-100000", 100000, 1},
    {"worst-prefix", 100000, 10},
    {"worst-wildcard", 100000, 10},
    {"worst-wildcards-alike", 10000, 1000},
    {"worst-anything-but", 100000, 1000},
    {"worst-but-and-exact", 100000, 10},
    {"worst-numeric", 100000, 10},
    {"worst-numeric-nested", 100000, 1000},
    {"worst-exists", 100000, 1000},
    {"worst-same-value", 100000, 10},
    {"worst-cidr", 100000, 10},
    {"worst-fields", 100000, 10},
    {"worst-elements", 1000, 10000},
    {"worst-elements-but", 1000, 10000},
    {"worst-deep", 900, 1000},
    {"worst-duplicates", 1000, 10000},
};

static void make_rule(struct maker *m, const struct row *row, uint32_t i, struct buf *p) {
    static const char *const lots[] = {"exact", "prefix", "suffix", "wildcard", "ignore-case", "numeric", "anything-but"};
    if (strncmp(row->name, "realistic", 9) == 0)
        realistic_rule(m, p);
    else if (strcmp(row->name, "lots-all") == 0)
        lot_rule(m, p, lots[i / 5], i % 5);
    else if (strncmp(row->name, "lots-", 5) == 0)
        lot_rule(m, p, row->name + 5, i);
    else if (strncmp(row->name, "exact-", 6) == 0)
        exact_rule(m, p, i);
    else
        worst_rule(p, row->name + 6, i);
}

static void make_event(struct maker *m, const struct row *row) {
    begin_event(m);
    if (strncmp(row->name, "realistic", 9) == 0)
        realistic_event(m);
    else if (strncmp(row->name, "worst-", 6) == 0)
        worst_event(m, row->name + 6);
    else
        lot_event(m);
    end_event(m);
}

const char *const *workload_names(void) {
    static const char *names[COUNT(rows) + 1];
    for (size_t i = 0; i < COUNT(rows); i++) names[i] = rows[i].name;
    return names;
}

bool workload_make(struct workload *w, const char *name, uint64_t seed, size_t events) {
    const struct row *row = rows;
    while (row < rows + COUNT(rows) && strcmp(row->name, name) != 0) row++;
    if (row == rows + COUNT(rows)) return false;
    *w = (struct workload){0};
    struct maker m = {.w = w, .state = (seed + 1) * UINT64_C(0x9E3779B97F4A7C15), .events = events / row->fewer + 1};
    struct buf pattern;
    buf_init(&pattern, 0);
    buf_init(&w->event_bytes, (size_t)4 << 30);
    w->rules = need(calloc(row->rules, sizeof *w->rules));
    w->events = need(calloc(m.events, sizeof *w->events));
    m.event_at = need(calloc(m.events + 1, sizeof *m.event_at));
    for (uint32_t i = 0; i < row->rules; i++) {
        make_rule(&m, row, i, &pattern);
        add_rule(&m, row->name, &pattern);
    }
    for (size_t i = 0; i < m.events; i++) make_event(&m, row);
    m.event_at[m.events] = w->event_bytes.n;
    need(w->event_bytes.failed ? NULL : w->event_bytes.p);
    for (size_t i = 0; i < m.events; i++) w->events[i] = str_of(w->event_bytes.p + m.event_at[i], m.event_at[i + 1] - m.event_at[i] - 1);
    free(m.event_at);
    buf_fini(&pattern);
    return true;
}

bool workload_write(const struct workload *w, const char *events_path, const char *rules_path) {
    FILE *events = fopen(events_path, "we"), *rules = fopen(rules_path, "we");
    bool good = events && rules && fwrite(w->event_bytes.p, 1, w->event_bytes.n, events) == w->event_bytes.n && fputs("[\n", rules) >= 0;
    for (size_t i = 0; good && i < w->rule_count; i++)
        good = fprintf(rules, "{\"name\":\"%.*s\",\"pattern\":%.*s}%s\n", STR_ARG(w->rules[i].name), STR_ARG(w->rules[i].pattern),
                       i + 1 < w->rule_count ? "," : "") > 0;
    good = good && fputs("]\n", rules) >= 0;
    if (events && fclose(events)) good = false;
    if (rules && fclose(rules)) good = false;
    return good;
}

void workload_fini(struct workload *w) {
    for (size_t i = 0; i < w->rule_count; i++) {
        free((void *)(uintptr_t)w->rules[i].name.p);
        free((void *)(uintptr_t)w->rules[i].pattern.p);
    }
    free(w->rules);
    free(w->events);
    buf_fini(&w->event_bytes);
}
