#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "destination/seal.h"

#define ARN STR("arn:aws:events:us-east-1:111122223333:connection/c/u")
static char dir[64], path[96];
static struct fault fault;

static int start(void **state) {
    (void)state;
    str_copyz(dir, sizeof dir, STR("/tmp/bus-seal-test-XXXXXX"));
    if (!mkdtemp(dir)) return -1;
    snprintf(path, sizeof path, "%s/secret.key", dir);
    return 0;
}
static int end(void **state) {
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static struct keyring *open_keys(void) {
    struct keyring *k = NULL;
    assert_int_equal(keyring_open(path, true, &k, &fault), ERR_OK);
    return k;
}

static enum err opens(const struct keyring *k, struct str arn, const struct buf *sealed, const char *expected) {
    struct buf plain;
    buf_init(&plain, 0);
    enum err err = seal_open(k, arn, buf_str(sealed), &plain, &fault);
    if (!err) assert_true(str_eqz(buf_str(&plain), expected));
    if (err) assert_int_equal(plain.n, 0);
    buf_fini(&plain);
    return err;
}

static void what_is_sealed_opens_and_never_looks_the_same(void **state) {
    (void)state;
    struct keyring *k = open_keys();
    struct buf one, two;
    buf_init(&one, 0);
    buf_init(&two, 0);
    assert_int_equal(seal_close(k, ARN, STR("the secret"), &one, &fault), ERR_OK);
    assert_int_equal(seal_close(k, ARN, STR("the secret"), &two, &fault), ERR_OK);
    assert_false(str_eq(buf_str(&one), buf_str(&two)));
    assert_null(memmem(one.p, one.n, "secret", 6));
    assert_true(str_eqz(seal_key_id(buf_str(&one)), keyring_id(k)));
    assert_int_equal(opens(k, ARN, &one, "the secret"), ERR_OK);
    buf_clear(&one);
    assert_int_equal(seal_close(k, ARN, STR(""), &one, &fault), ERR_OK);
    assert_int_equal(opens(k, ARN, &one, ""), ERR_OK);
    buf_fini(&one);
    buf_fini(&two);
    keyring_close(k);
}

static void another_resource_does_not_open_it(void **state) {
    (void)state;
    struct keyring *k = open_keys();
    struct buf sealed;
    buf_init(&sealed, 0);
    assert_int_equal(seal_close(k, ARN, STR("s"), &sealed, &fault), ERR_OK);
    assert_int_equal(opens(k, STR("arn:aws:events:us-east-1:111122223333:connection/d/u"), &sealed, ""), ERR_CORRUPT);
    buf_fini(&sealed);
    keyring_close(k);
}

static void every_damaged_character_is_seen(void **state) {
    (void)state;
    struct keyring *k = open_keys();
    struct buf sealed;
    buf_init(&sealed, 0);
    assert_int_equal(seal_close(k, ARN, STR("secret"), &sealed, &fault), ERR_OK);
    for (size_t i = 0; i < sealed.n; i++) {
        char was = sealed.p[i];
        sealed.p[i] = was == 'A' ? 'B' : 'A';
        assert_int_not_equal(opens(k, ARN, &sealed, "secret"), ERR_OK);
        sealed.p[i] = was;
    }
    while (sealed.n--) assert_int_not_equal(opens(k, ARN, &sealed, "secret"), ERR_OK);
    buf_fini(&sealed);
    keyring_close(k);
}

static void the_file_is_private_and_read_again(void **state) {
    (void)state;
    struct stat st;
    struct buf sealed;
    struct keyring *k = open_keys(), *again;
    buf_init(&sealed, 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(seal_close(k, ARN, STR("s"), &sealed, &fault), ERR_OK);
    keyring_close(k);
    again = open_keys();
    assert_int_equal(opens(again, ARN, &sealed, "s"), ERR_OK);
    keyring_close(again);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(keyring_open(path, true, &again, &fault), ERR_ACCESS_DENIED);
    assert_non_null(strstr(fault.message, "chmod 600"));
    buf_fini(&sealed);
}

static void a_wrong_key_names_both_ids(void **state) {
    (void)state;
    struct keyring *k = open_keys();
    struct buf sealed;
    char was[SEAL_KEY_ID_SIZE];
    buf_init(&sealed, 0);
    str_copyz(was, sizeof was, str_from(keyring_id(k)));
    assert_int_equal(seal_close(k, ARN, STR("s"), &sealed, &fault), ERR_OK);
    keyring_close(k);
    unlink(path);
    assert_int_equal(keyring_open(path, false, &k, &fault), ERR_NOT_FOUND);
    k = open_keys();
    assert_int_equal(opens(k, ARN, &sealed, "s"), ERR_NOT_FOUND);
    assert_non_null(strstr(fault.message, was));
    assert_non_null(strstr(fault.message, keyring_id(k)));
    keyring_close(k);
    buf_fini(&sealed);
}

static void write_key_file(const char *text) {
    FILE *f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
    chmod(path, 0600);
}

static void a_line_that_is_no_key_is_named(void **state) {
    (void)state;
    struct keyring *k;
    write_key_file("# fine\n\n0123\n");
    assert_int_equal(keyring_open(path, true, &k, &fault), ERR_CORRUPT);
    assert_int_equal(fault.line, 3);
    write_key_file("# nothing\n");
    assert_int_equal(keyring_open(path, true, &k, &fault), ERR_CORRUPT);
}

static void rotation_opens_old_and_new_until_its_end(void **state) {
    (void)state;
    struct keyring *k = open_keys(), *other;
    struct buf old, new;
    buf_init(&old, 0);
    buf_init(&new, 0);
    assert_int_equal(seal_close(k, ARN, STR("s"), &old, &fault), ERR_OK);
    assert_int_equal(keyring_rotate_begin(k, &fault), ERR_OK);
    assert_int_equal(seal_close(k, ARN, STR("s"), &new, &fault), ERR_OK);
    other = open_keys(); /* as after a crash at this very moment */
    assert_int_equal(opens(other, ARN, &old, "s"), ERR_OK);
    assert_int_equal(opens(other, ARN, &new, "s"), ERR_OK);
    keyring_close(other);
    assert_int_equal(keyring_rotate_end(k, true, &fault), ERR_OK);
    assert_int_equal(opens(k, ARN, &new, "s"), ERR_OK);
    assert_int_equal(opens(k, ARN, &old, "s"), ERR_NOT_FOUND);
    assert_int_equal(keyring_rotate_begin(k, &fault), ERR_OK);
    assert_int_equal(keyring_rotate_end(k, false, &fault), ERR_OK);
    other = open_keys();
    assert_string_equal(keyring_id(other), keyring_id(k));
    assert_int_equal(opens(other, ARN, &new, "s"), ERR_OK);
    keyring_close(other);
    keyring_close(k);
    buf_fini(&old);
    buf_fini(&new);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(what_is_sealed_opens_and_never_looks_the_same),
        T(another_resource_does_not_open_it),
        T(every_damaged_character_is_seen),
        T(the_file_is_private_and_read_again),
        T(a_wrong_key_names_both_ids),
        T(a_line_that_is_no_key_is_named),
        T(rotation_opens_old_and_new_until_its_end),
    };
    return cmocka_run_group_tests_name("targets/destination_seal", tests, NULL, NULL);
}
