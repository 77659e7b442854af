#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hash.h"

static void is_hex(const uint8_t *bytes, size_t n, const char *wanted) {
    char hex[65];
    hash_hex(bytes, n, hex);
    assert_string_equal(hex, wanted);
}

/* RFC 1321, FIPS 180-2, RFC 4231 test cases 1, 2 and 6. */
static void digests_agree_with_their_standards(void **state) {
    (void)state;
    uint8_t out[32];
    char key[131];
    hash_md5(STR("abc"), out);
    is_hex(out, 16, "900150983cd24fb0d6963f7d28e17f72");
    hash_sha256(STR("abc"), out);
    is_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    memset(key, 0x0b, 20);
    hash_hmac_sha256(str_of(key, 20), STR("Hi "), STR("There"), out);
    is_hex(out, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    hash_hmac_sha256(STR("Jefe"), STR("what do ya want "), STR("for nothing?"), out);
    is_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, 131);
    hash_hmac_sha256(str_of(key, 131), STR("Test Using Larger Than Block-Size Key - Hash Key First"), STR(""), out);
    is_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* RFC 4648, section 10, and what is not base64. */
static void base64_goes_both_ways(void **state) {
    (void)state;
    static const struct { const char *plain, *text; } rows[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out;
        buf_init(&out, 0);
        hash_base64(&out, str_from(rows[i].plain));
        assert_true(str_eqz(buf_str(&out), rows[i].text));
        buf_clear(&out);
        assert_true(hash_from_base64(&out, str_from(rows[i].text)));
        assert_true(str_eqz(buf_str(&out), rows[i].plain));
        buf_fini(&out);
    }
    static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg=a", "=g==", "Zh==", "Zm9=", "Zm9v\n", "Zg==Zg==", "Z*=="};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct buf out;
        buf_init(&out, 0);
        assert_false(hash_from_base64(&out, str_from(bad[i])));
        buf_fini(&out);
    }
}

static void ids_are_uuids(void **state) {
    (void)state;
    char text[ID_TEXT_SIZE];
    struct id id = id_random(), again;
    id_text(id, text);
    assert_int_equal(text[14], '4');
    assert_true(id_parse(str_from(text), &again));
    assert_memory_equal(&id, &again, sizeof id);
    static const char *const bad[] = {"", "7bf73129-1428-4cd3-a780-95db273d160", "7bf73129014280-4cd3-a780-95db273d1602", "7bf73129-1428-4cd3-a780-95db273d160g"};
    for (size_t i = 0; i < 4; i++) assert_false(id_parse(str_from(bad[i]), &again));
}

static void random_numbers_stay_below(void **state) {
    (void)state;
    bool seen[7] = {false};
    for (int i = 0; i < 1000; i++) {
        uint64_t v = rng_below(7);
        assert_true(v < 7);
        seen[v] = true;
    }
    for (int i = 0; i < 7; i++) assert_true(seen[i]);
    assert_int_equal(rng_below(1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_agree_with_their_standards), cmocka_unit_test(base64_goes_both_ways), cmocka_unit_test(ids_are_uuids),
        cmocka_unit_test(random_numbers_stay_below),
    };
    return cmocka_run_group_tests_name("base/hash", tests, NULL, NULL);
}
