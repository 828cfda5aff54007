// SPDX-License-Identifier: Apache-2.0
/* Key containers: what is written is read, and what is damaged is refused with a reason. */
#include "unit.h"

#include "hw/container.h"

#include <openssl/asn1.h>
#include <openssl/x509.h>
#include <string.h>

static struct unit unit;
static unsigned char pub[] = {0, 5, 1, 2, 3, 4, 5}, priv[] = {0, 3, 7, 8, 9}; /* TPM2Bs */

static int tss2_encode(uint32_t parent, int empty_auth, int rsa_parent, unsigned char **der, size_t *len)
{
    const struct container_tss2 in = {.parent = parent,
                                      .empty_auth = empty_auth,
                                      .rsa_parent = rsa_parent,
                                      .pub = pub,
                                      .pub_len = sizeof(pub),
                                      .priv = priv,
                                      .priv_len = sizeof(priv)};

    return container_tss2_encode(&in, der, len);
}

static void tss2_round_trip(void)
{
    static const uint32_t parents[] = {0x40000001, 0x81000001, 0xffffffff, 0};
    size_t i, len;

    for (i = 0; i < sizeof(parents) / sizeof(parents[0]) * 4; i++) {
        struct container_tss2 out;
        unsigned char *der = NULL;
        const char *why;

        CU_ASSERT_FATAL(tss2_encode(parents[i / 4], i & 1, i & 2, &der, &len));
        CU_ASSERT_FATAL(container_tss2_decode(&out, CONTAINER_TSS2_LOADABLE, der, len, &why));
        CU_ASSERT_EQUAL(out.parent, parents[i / 4]);
        CU_ASSERT_EQUAL(out.empty_auth, (int)(i & 1));
        CU_ASSERT_EQUAL(out.rsa_parent, (i & 2) != 0);
        CU_ASSERT(out.pub_len == sizeof(pub) && memcmp(out.pub, pub, sizeof(pub)) == 0);
        CU_ASSERT(out.priv_len == sizeof(priv) && memcmp(out.priv, priv, sizeof(priv)) == 0);
        container_tss2_clear(&out);
        OPENSSL_free(der);
    }
}

/* Every cut, every bit flipped, and something behind: read or refused, and a reason if refused. */
static void damage(int (*decode)(const unsigned char *der, size_t len, const char **why), unsigned char *der,
                   size_t len)
{
    unsigned char *longer = OPENSSL_zalloc(len + 1);
    const char *why;
    size_t i;

    CU_ASSERT(decode(der, len, &why));
    for (i = 0; i < len; i++) {
        /* A copy of the right size, so that AddressSanitizer sees a byte too many read. */
        unsigned char *cut = OPENSSL_memdup(der, i > 0 ? i : 1);

        CU_ASSERT_FALSE(decode(cut, i, &why));
        CU_ASSERT(why != NULL && *why != '\0');
        OPENSSL_free(cut);
    }
    for (i = 0; i < len * 8; i++) {
        der[i / 8] ^= 1 << i % 8;
        why = NULL;
        CU_ASSERT(decode(der, len, &why) || (why != NULL && *why != '\0'));
        der[i / 8] ^= 1 << i % 8;
    }
    memcpy(longer, der, len);
    CU_ASSERT_FALSE(decode(longer, len + 1, &why));
    OPENSSL_free(longer);
}

static int decode_tss2(const unsigned char *der, size_t len, const char **why)
{
    struct container_tss2 out;
    int ok = container_tss2_decode(&out, CONTAINER_TSS2_LOADABLE, der, len, why);

    if (ok) {
        CU_ASSERT(out.pub_len > 2 && out.pub_len - 2 == (size_t)(out.pub[0] << 8 | out.pub[1]));
        CU_ASSERT(out.priv_len > 2 && out.priv_len - 2 == (size_t)(out.priv[0] << 8 | out.priv[1]));
    }
    container_tss2_clear(&out); /* allowed after a failure, too */
    return ok;
}

static void tss2_damaged(void)
{
    unsigned char *der = NULL;
    size_t len;

    CU_ASSERT_FATAL(tss2_encode(0x81000001, 1, 0, &der, &len));
    damage(decode_tss2, der, len);
    OPENSSL_free(der);
}

static int why_not(const unsigned char *der, size_t len, const char *text)
{
    const char *why = "";

    return !decode_tss2(der, len, &why) && strstr(why, text) != NULL;
}

static void tss2_of_another_kind(void)
{
    unsigned char *der = NULL, *big = OPENSSL_zalloc(CONTAINER_MAX + 1), *oid;
    size_t len;

    CU_ASSERT_FATAL(tss2_encode(0x81000001, 1, 0, &der, &len));
    /* 2.23.133.10.1.3 is the loadable key: its last byte tells the kind. */
    oid = der + 2 + 2 + 5;
    CU_ASSERT_EQUAL_FATAL(*oid, 3);
    *oid = 4;
    CU_ASSERT(why_not(der, len, "importable"));
    *oid = 5;
    CU_ASSERT(why_not(der, len, "sealed"));
    *oid = 6;
    CU_ASSERT(why_not(der, len, "loadable"));
    *oid = 3;
    /* Where the emptyAuth [0] stands, a policy [1] with an empty sequence instead. */
    CU_ASSERT_EQUAL_FATAL(oid[1], 0xa0);
    oid[1] = 0xa1;
    oid[3] = 0x30;
    oid[4] = 1;
    CU_ASSERT(why_not(der, len, "polic"));
    CU_ASSERT(why_not(big, CONTAINER_MAX + 1, "longer"));
    OPENSSL_free(big);
    OPENSSL_free(der);
}

static void tss2_lengths_that_lie(void)
{
    unsigned char *der = NULL;
    size_t len;

    CU_ASSERT_FATAL(tss2_encode(0x81000001, 1, 0, &der, &len));
    der[len - sizeof(priv)] = 0xff; /* the TPM2B's own length, inside an OCTET STRING that is right */
    CU_ASSERT(why_not(der, len, "length"));
    der[len - sizeof(priv)] = 0;
    der[len - sizeof(priv) + 1] = 2;
    CU_ASSERT(why_not(der, len, "length"));
    OPENSSL_free(der);
}

/* ---- key references ---- */

static int decode_reference(const unsigned char *der, size_t len, const char **why)
{
    struct container_reference out;
    int ok = container_reference_decode(&out, unit.libctx, der, len, why);

    CU_ASSERT(!ok || (out.uri != NULL && out.pkey != NULL));
    container_reference_clear(&out);
    return ok;
}

static void reference(void)
{
    EVP_PKEY *pkey = unit_rsa(unit.libctx, 1024);
    struct container_reference out;
    unsigned char *der = NULL;
    const char *why;
    size_t len;

    CU_ASSERT_FATAL(container_reference_encode("handle=0x81010001", pkey, &der, &len));
    CU_ASSERT_FATAL(container_reference_decode(&out, unit.libctx, der, len, &why));
    CU_ASSERT_STRING_EQUAL(out.uri, "handle=0x81010001");
    CU_ASSERT_EQUAL(EVP_PKEY_eq(out.pkey, pkey), 1);
    container_reference_clear(&out);
    damage(decode_reference, der, len);
    /* SEQUENCE with a size of two bytes, INTEGER of one */
    CU_ASSERT_EQUAL_FATAL(der[3 + 2], 1);
    der[3 + 2] = 2;
    CU_ASSERT_FALSE(decode_reference(der, len, &why));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "version 1"));
    OPENSSL_free(der);

    /* A NUL inside the URI would hide what is behind it. */
    der = NULL;
    CU_ASSERT_FATAL(container_reference_encode("handle=0x81010001", pkey, &der, &len));
    der[3 + 3 + 2 + 6] = '\0';
    CU_ASSERT_FALSE(decode_reference(der, len, &why));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "URI"));
    OPENSSL_free(der);
    EVP_PKEY_free(pkey);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"TSS2 PRIVATE KEY, round trip", tss2_round_trip},
        {"TSS2 PRIVATE KEY, damaged", tss2_damaged},
        {"TSS2 PRIVATE KEY of another kind", tss2_of_another_kind},
        {"TSS2 PRIVATE KEY with lengths that lie", tss2_lengths_that_lie},
        {"SIGNET KEY REFERENCE", reference},
        CU_TEST_INFO_NULL,
    };
    int status;

    unit_open(&unit, NULL);
    status = unit_run("container", tests);
    unit_close(&unit);
    return status;
}
