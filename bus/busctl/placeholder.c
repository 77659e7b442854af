#include "placeholder.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "hash.h"

/* SplitMix64 (S. Vigna, prng.di.unimi.it/splitmix64.c, public domain algorithm). */
uint64_t dice_roll(struct dice *d) {
    uint64_t z = d->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t dice_below(struct dice *d, uint64_t n) { return (uint64_t)(((unsigned __int128)dice_roll(d) * n) >> 64); }
double dice_unit(struct dice *d) { return (double)(dice_roll(d) >> 11) * 0x1p-53; }

static const char *pick(const struct moment *m, const char *const *words, size_t count) { return words[dice_below(m->dice, count)]; }
#define PICK(m, words) pick((m), (words), sizeof(words) / sizeof(words)[0])

/* ---- numbers -------------------------------------------------------------------------------------------------------------------- */
enum { DECIMALS_MOST = 9 };

static int decimals_of(double step) {
    int n = 0;
    for (double scaled = step; n < DECIMALS_MOST && fabs(scaled - nearbyint(scaled)) > 1e-6 * scaled; scaled *= 10) n++;
    return n;
}

/* A number: the largest; or {"min":, "max":, "precision":}. */
static enum err compile_range(struct placeholder *p, const json_t *argument, struct fault *fault) {
    if (json_is_number(argument))
        p->high = json_number_value(argument);
    else if (json_is_object(argument)) {
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)(uintptr_t)argument, key, value) {
            double *to = !strcmp(key, "min") ? &p->low : !strcmp(key, "max") ? &p->high : !strcmp(key, "precision") ? &p->step : NULL;
            if (!to || !json_is_number(value))
                return fault_set(fault, ERR_SYNTAX, "the numbers 'min', 'max' and 'precision' may be given, not '%.60s'", key);
            *to = json_number_value(value);
        }
    } else if (argument) {
        return fault_set(fault, ERR_SYNTAX, "a largest number, or {\"min\":0,\"max\":100}, is expected");
    }
    if (p->low > p->high) return fault_set(fault, ERR_SYNTAX, "min is larger than max");
    if (!(p->step > 0)) return fault_set(fault, ERR_SYNTAX, "precision must be larger than 0");
    if ((p->high - p->low) / p->step > 9e15) return fault_set(fault, ERR_SYNTAX, "there are too many numbers between min and max");
    p->decimals = decimals_of(p->step);
    return ERR_OK;
}

static enum err compile_number(struct placeholder *p, const json_t *argument, struct arena *a, struct fault *fault) {
    (void)a;
    p->high = 99999;
    p->step = 1;
    return compile_range(p, argument, fault);
}
static enum err compile_float(struct placeholder *p, const json_t *argument, struct arena *a, struct fault *fault) {
    (void)a;
    p->high = 99999;
    p->step = 0.01;
    return compile_range(p, argument, fault);
}
static enum err compile_amount(struct placeholder *p, const json_t *argument, struct arena *a, struct fault *fault) {
    (void)a;
    p->high = 1000;
    p->step = 0.01;
    return compile_range(p, argument, fault);
}

static void render_number(struct placeholder *p, const struct moment *m, struct buf *out) {
    uint64_t steps = (uint64_t)((p->high - p->low) / p->step + 1e-9);
    double value = p->low + p->step * (double)dice_below(m->dice, steps + 1);
    if (p->decimals == 0 && fabs(value) < 9e15)
        buf_addf(out, "%lld", (long long)nearbyint(value));
    else
        buf_addf(out, "%.*f", p->decimals, value);
}

static enum err compile_sequence(struct placeholder *p, const json_t *argument, struct arena *a, struct fault *fault) {
    (void)a;
    p->next = 1;
    p->by = 1;
    if (json_is_integer(argument))
        p->next = json_integer_value(argument);
    else if (json_is_object(argument)) {
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)(uintptr_t)argument, key, value) {
            int64_t *to = !strcmp(key, "start") ? &p->next : !strcmp(key, "step") ? &p->by : NULL;
            if (!to || !json_is_integer(value))
                return fault_set(fault, ERR_SYNTAX, "the whole numbers 'start' and 'step' may be given, not '%.60s'", key);
            *to = json_integer_value(value);
        }
    } else if (argument) {
        return fault_set(fault, ERR_SYNTAX, "a first number, or {\"start\":1,\"step\":1}, is expected");
    }
    return ERR_OK;
}

static void render_sequence(struct placeholder *p, const struct moment *m, struct buf *out) {
    (void)m;
    buf_addf(out, "%lld", (long long)p->next);
    p->next = (int64_t)((uint64_t)p->next + (uint64_t)p->by);
}

static void render_boolean(struct placeholder *p, const struct moment *m, struct buf *out) {
    (void)p;
    buf_addz(out, dice_below(m->dice, 2) ? "true" : "false");
}

/* ---- choices -------------------------------------------------------------------------------------------------------------------- */
enum { CHOICES_MOST = 100000 };

/* Strings without their quotes, other values as JSON. */
static struct str text_of(const json_t *value, struct arena *a) {
    if (json_is_string(value)) return arena_str(a, str_of(json_string_value(value), json_string_length(value)));
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    struct str out = text ? arena_str(a, str_from(text)) : STR_NULL;
    free(text);
    return out;
}

static enum err read_choices(struct placeholder *p, const json_t *list, struct arena *a, struct fault *fault) {
    p->choice_count = json_array_size(list);
    if (!p->choice_count) return fault_set(fault, ERR_SYNTAX, "a list with at least one element is expected: [\"a\",\"b\"]");
    if (p->choice_count > CHOICES_MOST) return fault_set(fault, ERR_SYNTAX, "the list has more than 100,000 elements");
    p->choices = arena_array(a, p->choice_count, sizeof *p->choices);
    if (!p->choices) return ERR_NOMEM;
    for (size_t i = 0; i < p->choice_count; i++)
        if (!(p->choices[i].text = text_of(json_array_get(list, i), a)).p) return ERR_NOMEM;
    return ERR_OK;
}

static enum err compile_choice(struct placeholder *p, const json_t *argument, struct arena *a, struct fault *fault) {
    return read_choices(p, argument, a, fault);
}
static void render_choice(struct placeholder *p, const struct moment *m, struct buf *out) {
    buf_add(out, p->choices[dice_below(m->dice, p->choice_count)].text);
}

static enum err compile_weighted(struct placeholder *p, const json_t *argument, struct arena *a, struct fault *fault) {
    const json_t *weights = json_object_get(argument, "weights");
    enum err err = read_choices(p, json_object_get(argument, "data"), a, fault);
    if (err) return err == ERR_NOMEM ? err : fault_set(fault, ERR_SYNTAX, "{\"weights\":[0.8,0.2],\"data\":[\"a\",\"b\"]} is expected");
    if (json_array_size(weights) != p->choice_count)
        return fault_set(fault, ERR_SYNTAX, "'weights' and 'data' must be lists of the same length");
    double sum = 0;
    for (size_t i = 0; i < p->choice_count; i++) {
        const json_t *weight = json_array_get(weights, i);
        if (!json_is_number(weight) || !(json_number_value(weight) >= 0))
            return fault_set(fault, ERR_SYNTAX, "a weight is a number from 0 up");
        p->choices[i].up_to = sum += json_number_value(weight);
    }
    if (!(sum > 0)) return fault_set(fault, ERR_SYNTAX, "the weights are all 0");
    return ERR_OK;
}

static void render_weighted(struct placeholder *p, const struct moment *m, struct buf *out) {
    double at = dice_unit(m->dice) * p->choices[p->choice_count - 1].up_to;
    size_t low = 0, high = p->choice_count - 1; /* the first whose sum is larger */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (p->choices[middle].up_to > at)
            high = middle;
        else
            low = middle + 1;
    }
    buf_add(out, p->choices[low].text);
}

/* ---- characters ----------------------------------------------------------------------------------------------------------------- */
enum { LENGTH_MOST = 65536 };

static enum err read_length(struct placeholder *p, const json_t *argument, size_t otherwise, struct fault *fault) {
    p->length = otherwise;
    if (!argument) return ERR_OK;
    if (!json_is_integer(argument) || json_integer_value(argument) < 1 || json_integer_value(argument) > LENGTH_MOST)
        return fault_set(fault, ERR_SYNTAX, "a length from 1 to 65,536 is expected");
    p->length = (size_t)json_integer_value(argument);
    return ERR_OK;
}
static enum err compile_characters(struct placeholder *p, const json_t *argument, struct arena *a, struct fault *fault) {
    (void)a;
    return read_length(p, argument, 1, fault);
}
static enum err compile_words(struct placeholder *p, const json_t *argument, struct arena *a, struct fault *fault) {
    (void)a;
    return read_length(p, argument, 6, fault);
}

static void add_characters(const struct moment *m, struct str from, size_t n, struct buf *out) {
    for (size_t i = 0; i < n; i++) buf_addc(out, from.p[dice_below(m->dice, from.n)]);
}
static void render_alphanumeric(struct placeholder *p, const struct moment *m, struct buf *out) {
    add_characters(m, STR("0123456789abcdefghijklmnopqrstuvwxyz"), p->length, out);
}
static void render_hexadecimal(struct placeholder *p, const struct moment *m, struct buf *out) {
    add_characters(m, STR("0123456789abcdef"), p->length, out);
}

static void render_uuid(struct placeholder *p, const struct moment *m, struct buf *out) {
    (void)p;
    struct id id;
    uint64_t high = dice_roll(m->dice), low = dice_roll(m->dice);
    memcpy(id.b, &high, 8);
    memcpy(id.b + 8, &low, 8);
    id.b[6] = (uint8_t)((id.b[6] & 0x0f) | 0x40);
    id.b[8] = (uint8_t)((id.b[8] & 0x3f) | 0x80);
    char text[ID_TEXT_SIZE];
    id_text(id, text);
    buf_addz(out, text);
}

/* ---- dates ---------------------------------------------------------------------------------------------------------------------- */
static enum err compile_date(struct placeholder *p, const json_t *argument, struct arena *a, struct fault *fault) {
    if (argument && !json_is_string(argument)) return fault_set(fault, ERR_SYNTAX, "a format is expected: \"YYYY-MM-DD HH:mm:ss\"");
    p->format = argument ? text_of(argument, a) : STR("YYYY-MM-DDTHH:mm:ssZ");
    return p->format.p ? ERR_OK : ERR_NOMEM;
}
static void render_now(struct placeholder *p, const struct moment *m, struct buf *out) {
    placeholder_date(p->format, m->now_ms, false, out);
}
static void render_utc(struct placeholder *p, const struct moment *m, struct buf *out) {
    placeholder_date(p->format, m->now_ms, true, out);
}

/* ---- people, places and the like: made up ----------------------------------------------------------------------------------------- */
static const char *const first_names[] = {"Ada",    "Amina", "Bruno", "Chiara", "Dmitri", "Elif",  "Emeka", "Fatima",
                                          "Grace",  "Hugo",  "Ines",  "Ivan",   "Jonas",  "Kenji", "Lena",  "Linus",
                                          "Mariam", "Mateo", "Mei",   "Nadia",  "Noor",   "Oskar", "Priya", "Quinn",
                                          "Rosa",   "Sofia", "Tariq", "Uma",    "Viktor", "Wanda", "Yusuf", "Zoe"};
static const char *const last_names[] = {"Abebe",  "Andersen", "Bauer",  "Castro", "Chen",   "Diaz",  "Eriksson", "Fischer",
                                         "Garcia", "Haddad",   "Ito",    "Jansen", "Kim",    "Kowal", "Lopez",    "Martin",
                                         "Mensah", "Nguyen",   "Novak",  "Okafor", "Patel",  "Rossi", "Sato",     "Schmidt",
                                         "Silva",  "Smith",    "Tanaka", "Weber",  "Yilmaz", "Zhang"};
static const char *const job_titles[] = {"Accountant",        "Data Analyst",    "Electrician", "Nurse",
                                         "Platform Engineer", "Product Manager", "Teacher",     "Technician"};
static const char *const cities[] = {"Accra", "Bergen", "Bogota",  "Busan", "Cork",    "Dakar",    "Gdansk",   "Hanoi",
                                     "Izmir", "Kobe",   "Lyon",    "Malmo", "Nairobi", "Oaxaca",   "Perth",    "Porto",
                                     "Quito", "Riga",   "Seattle", "Turin", "Utrecht", "Valencia", "Winnipeg", "Zagreb"};
static const char *const countries[] = {"Brazil", "Canada", "Chile", "Egypt",  "France", "Germany", "Ghana", "India",
                                        "Italy",  "Japan",  "Kenya", "Mexico", "Norway", "Poland",  "Spain", "Turkey"};
static const char *const country_codes[] = {"BR", "CA", "CL", "DE", "EG", "ES", "FR", "GH", "IN",
                                            "IT", "JP", "KE", "MX", "NO", "PL", "TR", "US"};
static const char *const streets[] = {"Canal Street", "Garden Road",  "Harbour Lane", "High Street",
                                      "Mill Lane",    "Station Road", "Windmill Way"};
static const char *const words[] = {"amber",  "basin",  "cable",  "delta",  "ember",  "fjord",  "grain",  "harbor",
                                    "island", "jigsaw", "kernel", "lumen",  "marble", "nickel", "orbit",  "pebble",
                                    "quartz", "ribbon", "signal", "timber", "umbra",  "valley", "willow", "zephyr"};
static const char *const products[] = {"Bicycle",     "Camera", "Chair", "Keyboard", "Lamp",
                                       "Rain Jacket", "Shoes",  "Table", "Teapot",   "Watch"};
static const char *const materials[] = {"Cotton", "Glass", "Leather", "Oak", "Steel", "Wool"};
static const char *const departments[] = {"Books", "Electronics", "Garden", "Grocery", "Music", "Outdoors", "Toys"};
static const char *const colors[] = {"black", "blue", "gold", "green", "orange", "purple", "red", "silver", "teal", "white", "yellow"};
static const char *const company_ends[] = {"GmbH", "Inc", "Ltd", "and Sons", "Group"};
static const char *const top_domains[] = {"example", "example.com", "example.net", "example.org"};
static const char *const methods[] = {"http", "https"};
static const char *const agents[] = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
    "curl/7.88.1",
};

#define RENDER(name) static void name(struct placeholder *p, const struct moment *m, struct buf *out)
#define RENDER_WORD(name, list)                                                                                                            \
    RENDER(name) {                                                                                                                         \
        (void)p;                                                                                                                           \
        buf_addz(out, PICK(m, list));                                                                                                      \
    }
RENDER_WORD(render_first_name, first_names)
RENDER_WORD(render_last_name, last_names)
RENDER_WORD(render_job_title, job_titles)
RENDER_WORD(render_city, cities)
RENDER_WORD(render_country, countries)
RENDER_WORD(render_country_code, country_codes)
RENDER_WORD(render_word, words)
RENDER_WORD(render_department, departments)
RENDER_WORD(render_color, colors)
RENDER_WORD(render_agent, agents)
RENDER_WORD(render_protocol, methods)

RENDER(render_full_name) {
    (void)p;
    buf_addz(out, PICK(m, first_names));
    buf_addc(out, ' ');
    buf_addz(out, PICK(m, last_names));
}
RENDER(render_street) {
    (void)p;
    buf_addf(out, "%d ", 1 + (int)dice_below(m->dice, 200));
    buf_addz(out, PICK(m, streets));
}
RENDER(render_zip) {
    (void)p;
    add_characters(m, STR("0123456789"), 5, out);
}
RENDER(render_product) {
    (void)p;
    buf_addz(out, PICK(m, materials));
    buf_addc(out, ' ');
    buf_addz(out, PICK(m, products));
}
RENDER(render_company) {
    (void)p;
    buf_addz(out, PICK(m, last_names));
    buf_addc(out, ' ');
    buf_addz(out, PICK(m, company_ends));
}
RENDER(render_sentence) {
    for (size_t i = 0; i < p->length; i++) {
        const char *word = PICK(m, words);
        if (i) buf_addc(out, ' ');
        buf_addc(out, i ? word[0] : (char)toupper((unsigned char)word[0]));
        buf_addz(out, word + 1);
    }
    buf_addc(out, '.');
}
RENDER(render_ip) {
    (void)p;
    uint64_t r = dice_roll(m->dice);
    buf_addf(out, "%d.%d.%d.%d", 1 + (int)(r % 223), (int)(r >> 16 & 255), (int)(r >> 24 & 255), (int)(r >> 32 & 255));
}
RENDER(render_ipv6) {
    (void)p;
    buf_addz(out, "2001:db8");
    for (int i = 0; i < 6; i++) buf_addf(out, ":%x", (unsigned)dice_below(m->dice, 65536));
}
RENDER(render_mac) {
    (void)p;
    for (int i = 0; i < 6; i++) buf_addf(out, i ? ":%02x" : "%02x", (unsigned)dice_below(m->dice, 256));
}
RENDER(render_port) {
    (void)p;
    buf_addf(out, "%d", 1024 + (int)dice_below(m->dice, 64512));
}
RENDER(render_user) {
    (void)p;
    const char *first = PICK(m, first_names);
    buf_addc(out, (char)tolower((unsigned char)first[0]));
    buf_addf(out, "%s_%d", first + 1, (int)dice_below(m->dice, 100));
}
RENDER(render_domain) {
    (void)p;
    buf_addz(out, PICK(m, words));
    buf_addc(out, '.');
    buf_addz(out, PICK(m, top_domains));
}
RENDER(render_email) {
    render_user(p, m, out);
    buf_addc(out, '@');
    render_domain(p, m, out);
}
RENDER(render_url) {
    buf_addz(out, "https://");
    render_domain(p, m, out);
}
RENDER(render_phone) {
    (void)p;
    buf_addf(out, "555-%03d-%04d", (int)dice_below(m->dice, 1000), (int)dice_below(m->dice, 10000));
}
RENDER(render_latitude) {
    (void)p;
    buf_addf(out, "%.4f", dice_unit(m->dice) * 180 - 90);
}
RENDER(render_longitude) {
    (void)p;
    buf_addf(out, "%.4f", dice_unit(m->dice) * 360 - 180);
}

#define KIND(name, arguments, help, compile, render)                                                                                       \
    { {name, arguments, help}, compile, render }
#define RANGE "(50) or ({\"min\":10,\"max\":150,\"precision\":1})"
const struct placeholder_kind placeholder_kinds[] = {
    KIND("random.number", RANGE, "a number, both ends included", compile_number, render_number),
    KIND("random.float", RANGE, "a number with decimals", compile_float, render_number),
    KIND("random.arrayElement", "([\"a\",\"b\"])", "one of the elements", compile_choice, render_choice),
    KIND("random.weightedArrayElement", "({\"weights\":[0.8,0.2],\"data\":[\"a\",\"b\"]})", "one of them, by weight", compile_weighted,
         render_weighted),
    KIND("random.boolean", "", "true or false", NULL, render_boolean),
    KIND("random.uuid", "", "a UUID", NULL, render_uuid),
    KIND("random.alphaNumeric", "(10)", "letters and digits", compile_characters, render_alphanumeric),
    KIND("random.hexaDecimal", "(10)", "hex digits", compile_characters, render_hexadecimal),
    KIND("random.word", "", "a word", NULL, render_word),
    KIND("uuid", "", "a UUID", NULL, render_uuid),
    KIND("sequence", "(100) or ({\"start\":1,\"step\":1})", "1, 2, 3...: each placeholder counts for itself", compile_sequence,
         render_sequence),
    KIND("date.now", "(\"DD/MMM/YYYY:HH:mm:ss Z\")", "the time, in this machine's zone", compile_date, render_now),
    KIND("date.utc", "(\"YYYY-MM-DDTHH:mm:ss.SSS[Z]\")", "the time in UTC", compile_date, render_utc),
    KIND("internet.ip", "", "an IPv4 address", NULL, render_ip),
    KIND("internet.ipv6", "", "an IPv6 address of the documentation prefix", NULL, render_ipv6),
    KIND("internet.mac", "", "a MAC address", NULL, render_mac),
    KIND("internet.port", "", "a port above 1023", NULL, render_port),
    KIND("internet.protocol", "", "http or https", NULL, render_protocol),
    KIND("internet.userAgent", "", "a browser's User-Agent", NULL, render_agent),
    KIND("internet.userName", "", "a login name", NULL, render_user),
    KIND("internet.email", "", "an address that reaches nobody", NULL, render_email),
    KIND("internet.domainName", "", "a host name", NULL, render_domain),
    KIND("internet.url", "", "https:// and a host name", NULL, render_url),
    KIND("name.firstName", "", "a first name", NULL, render_first_name),
    KIND("name.lastName", "", "a last name", NULL, render_last_name),
    KIND("name.findName", "", "both", NULL, render_full_name),
    KIND("name.jobTitle", "", "a job", NULL, render_job_title),
    KIND("phone.phoneNumber", "", "a phone number", NULL, render_phone),
    KIND("address.city", "", "a city", NULL, render_city),
    KIND("address.country", "", "a country", NULL, render_country),
    KIND("address.countryCode", "", "its two letters", NULL, render_country_code),
    KIND("address.streetAddress", "", "a number and a street", NULL, render_street),
    KIND("address.zipCode", "", "five digits", NULL, render_zip),
    KIND("address.latitude", "", "-90 to 90", NULL, render_latitude),
    KIND("address.longitude", "", "-180 to 180", NULL, render_longitude),
    KIND("company.companyName", "", "a company", NULL, render_company),
    KIND("commerce.productName", "", "a product", NULL, render_product),
    KIND("commerce.product", "", "a product", NULL, render_product),
    KIND("commerce.department", "", "a department", NULL, render_department),
    KIND("commerce.color", "", "a color", NULL, render_color),
    KIND("commerce.price", RANGE, "a price", compile_amount, render_number),
    KIND("finance.amount", RANGE, "an amount", compile_amount, render_number),
    KIND("lorem.word", "", "a word", NULL, render_word),
    KIND("lorem.sentence", "(6)", "so many words", compile_words, render_sentence),
    {{NULL, NULL, NULL}, NULL, NULL},
};
