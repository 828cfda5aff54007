// SPDX-License-Identifier: Apache-2.0
/*
 * Passphrases of TPM keys and of their parents. The TPM is one by with_tpm.sh, with a parent that has one at
 * 0x81000002. It locks after three wrong passphrases of keys, so there are no more than two here.
 */
#include "unit.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PARENT "0x81000002"

static struct unit unit;

static int signs(struct hw_key *key)
{
    static const struct hw_rsa_padding padding = {.mode = HW_RSA_PKCS1, .md = "SHA256"};
    static const unsigned char digest[32] = {4, 5, 6};
    unsigned char sig[256];

    /* hw proves each signature with the public key before it returns it. */
    return hw_rsa_sign(key, &padding, digest, sizeof(digest), sig);
}

/* ---- of keys ---- */

struct answer {
    const char *text; /* NULL: nobody to ask */
    int calls;
};

static int ask(void *arg, const char *what, char *buf, size_t size)
{
    struct answer *answer = arg;
    size_t len = answer->text != NULL ? strlen(answer->text) : 0;

    CU_ASSERT(what != NULL && *what != '\0');
    answer->calls++;
    if (answer->text == NULL)
        return -1;
    if (len <= size)
        memcpy(buf, answer->text, len);
    return (int)len;
}

/* A new key's container, and the key loaded from it with this answer to who asks for its passphrase. */
static struct hw_key *reload(const char *passphrase, struct answer *answer)
{
    const struct hw_generate params = {.custody = HW_CUSTODY_TPM, .bits = 1024, .passphrase = passphrase};
    struct hw_key *key = hw_key_generate(unit.hw, &params), *again;
    enum hw_format format;
    unsigned char *der = NULL;
    size_t len;

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    CU_ASSERT(signs(key)); /* who made it need not say it again */
    CU_ASSERT_FATAL(hw_key_container(key, &format, &der, &len));
    hw_key_free(key);
    again = hw_key_load(unit.hw, format, der, len, answer != NULL ? ask : NULL, answer);
    OPENSSL_free(der);
    return again;
}

static void right_passphrase(void)
{
    struct answer answer = {.text = "key secret"}, none = {.text = "nobody asks for this"};
    struct hw_key *key;

    unit_open(&unit, unit_tcti());
    key = reload("key secret", &answer);
    CU_ASSERT_EQUAL(answer.calls, 1);
    CU_ASSERT(signs(key));
    CU_ASSERT(signs(key));
    CU_ASSERT_EQUAL(answer.calls, 1);
    hw_key_free(key);
    key = reload(NULL, &none);
    CU_ASSERT(signs(key));
    CU_ASSERT_EQUAL(none.calls, 0);
    hw_key_free(key);
    CU_ASSERT_EQUAL(unit.errors, 0);
    unit_close(&unit);
}

static void wrong_passphrase(void)
{
    struct answer wrong = {.text = "something else"}, nobody = {0};
    struct answer too_long = {.text = "This sentence has more than the sixty-four bytes that a TPM takes."};
    struct hw_key *key;

    unit_open(&unit, unit_tcti());
    key = reload("key secret", &wrong);
    CU_ASSERT_FALSE(signs(key));
    CU_ASSERT(unit_raised(&unit, HW_E_AUTH, "wrong passphrase"));
    /* A second try would only bring a lockout nearer. */
    CU_ASSERT_FALSE(signs(key));
    CU_ASSERT(unit_raised(&unit, HW_E_AUTH, "not asked again"));
    hw_key_free(key);

    key = reload("key secret", &nobody);
    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    CU_ASSERT_FALSE(signs(key));
    CU_ASSERT(unit_raised(&unit, HW_E_AUTH, "none was given"));
    hw_key_free(key);

    CU_ASSERT_PTR_NULL(reload("key secret", &too_long));
    CU_ASSERT(unit_raised(&unit, HW_E_AUTH, "at most 64"));
    unit_close(&unit);
}

/* ---- of parents and of the owner, in files ---- */

/* A file that nobody has to remove. */
static const char *passphrase_file(const char *text)
{
    static char path[64];
    static int fd = -1;

    if (fd >= 0)
        close(fd);
    fd = memfd_create("passphrase", MFD_CLOEXEC);
    CU_ASSERT_FATAL(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return path;
}

static struct hw_key *generate_under(const char *parent, struct hw_config config)
{
    const struct hw_generate params = {.custody = HW_CUSTODY_TPM, .bits = 1024, .parent = parent};

    config.tcti = unit_tcti();
    unit_open_with(&unit, config);
    return hw_key_generate(unit.hw, &params);
}

static void parent_passphrase(void)
{
    static const char *const good[] = {"parent secret", "parent secret\n"};
    size_t i;

    for (i = 0; i < 2; i++) {
        struct hw_key *key =
            generate_under(PARENT, (struct hw_config){.parent_passphrase_file = passphrase_file(good[i])});

        CU_ASSERT_PTR_NOT_NULL_FATAL(key);
        CU_ASSERT(signs(key));
        hw_key_free(key);
        unit_close(&unit);
    }
}

static void no_parent_passphrase(void)
{
    static const char *const bad[] = {"", "\n", "parent secret\n\n", "parent secre", "parent secret2"};
    size_t i;

    CU_ASSERT_PTR_NULL(generate_under(PARENT, (struct hw_config){0}));
    CU_ASSERT(unit_raised(&unit, HW_E_AUTH, PARENT));
    CU_ASSERT_PTR_NOT_NULL(strstr(unit.text, "parent-passphrase-file"));
    unit_close(&unit);
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_PTR_NULL(
            generate_under(PARENT, (struct hw_config){.parent_passphrase_file = passphrase_file(bad[i])}));
        CU_ASSERT(unit_raised(&unit, HW_E_AUTH, "parent-passphrase-file"));
        unit_close(&unit);
    }
}

static void owner_passphrase(void)
{
    CU_ASSERT_PTR_NULL(
        generate_under("owner", (struct hw_config){.owner_passphrase_file = passphrase_file("wrong")}));
    CU_ASSERT(unit_raised(&unit, HW_E_AUTH, "owner-passphrase-file"));
    CU_ASSERT_FALSE(hw_evict(unit.hw, 0x81000002));
    CU_ASSERT(unit_raised(&unit, HW_E_AUTH, "owner-passphrase-file"));
    unit_close(&unit);
}

/* A file that can't be read is told once, by its name, not as whatever the TPM would say without it. */
static void unreadable_files(void)
{
    static const char *const names[] = {"/no/such/file", "/"};
    size_t i;

    for (i = 0; i < 2; i++) {
        CU_ASSERT_PTR_NULL(generate_under(PARENT, (struct hw_config){.parent_passphrase_file = names[i]}));
        CU_ASSERT(unit_raised(&unit, HW_E_IO, names[i]));
        unit_close(&unit);
        CU_ASSERT_PTR_NULL(generate_under("owner", (struct hw_config){.owner_passphrase_file = names[i]}));
        CU_ASSERT(unit_raised(&unit, HW_E_IO, names[i]));
        CU_ASSERT_FALSE(hw_evict(unit.hw, 0x81000002));
        CU_ASSERT(unit_raised(&unit, HW_E_IO, names[i]));
        unit_close(&unit);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"a key's passphrase", right_passphrase},
        {"a wrong one, or none", wrong_passphrase},
        {"a parent's passphrase", parent_passphrase},
        {"a wrong one, or no file", no_parent_passphrase},
        {"the owner's passphrase", owner_passphrase},
        {"files that can't be read", unreadable_files},
        CU_TEST_INFO_NULL,
    };

    return unit_run("tpm_passphrase", tests);
}
