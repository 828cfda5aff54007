// SPDX-License-Identifier: Apache-2.0
/* base64url, JWK, JWS and certificate ids, by the vectors of their RFCs. */
#include "tools/acme/private.h"

#include "unit.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

static struct acme *acme;
static char error_text[4096];

static void on_error(void *arg, const char *text)
{
    (void)arg;
    snprintf(error_text, sizeof(error_text), "%s", text);
}

static void on_progress(void *arg, const char *text)
{
    (void)arg;
    (void)text;
}

static int is_cancelled(void *arg)
{
    (void)arg;
    return 0;
}

/* ---- base64url ---- */

static void base64url(void)
{
    /* RFC 4648 section 10, without padding. */
    static const char *const vectors[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"},
    };
    /* Wrong alphabets, padding, one digit too many, bits that are left over, blanks. */
    static const char *const invalid[] = {"Zg==", "Z",     "Zm9vY",  "a+b/", "Zh",
                                          "Zm9",  "Zm 9v", "Zm9v\n", "é",    "Zm9v="};
    static const unsigned char bytes[] = {0xfb, 0xff, 0xfe};
    unsigned char all[256], *back;
    size_t i, len;
    char *text;

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        text = acme_base64url(vectors[i][0], strlen(vectors[i][0]));
        CU_ASSERT_STRING_EQUAL(text, vectors[i][1]);
        back = acme_base64url_decode(text, &len);
        CU_ASSERT_PTR_NOT_NULL_FATAL(back);
        CU_ASSERT(len == strlen(vectors[i][0]) && memcmp(back, vectors[i][0], len) == 0);
        OPENSSL_free(back);
        OPENSSL_free(text);
    }
    text = acme_base64url(bytes, sizeof(bytes));
    CU_ASSERT_STRING_EQUAL(text, "-__-");
    OPENSSL_free(text);
    for (i = 0; i < sizeof(all); i++)
        all[i] = (unsigned char)i;
    for (i = 0; i <= sizeof(all); i++) {
        text = acme_base64url(all, i);
        CU_ASSERT(i == 0 || acme_is_base64url(text, 400));
        back = acme_base64url_decode(text, &len);
        CU_ASSERT(back != NULL && len == i && memcmp(back, all, i) == 0);
        OPENSSL_free(back);
        OPENSSL_free(text);
    }
    for (i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        back = acme_base64url_decode(invalid[i], &len);
        CU_ASSERT(back == NULL && len == 0);
        OPENSSL_free(back);
    }
    CU_ASSERT(acme_is_base64url("a-_9", 4));
    CU_ASSERT(!acme_is_base64url("", 4) && !acme_is_base64url("abcde", 4) && !acme_is_base64url("a/b", 4) &&
              !acme_is_base64url("a.b", 4) && !acme_is_base64url("a=", 4));
}

/* ---- keys of the RFCs ---- */

static BIGNUM *number(const char *text)
{
    size_t len;
    unsigned char *data = acme_base64url_decode(text, &len);
    BIGNUM *value = BN_bin2bn(data, (int)len, NULL);

    OPENSSL_free(data);
    return value;
}

static EVP_PKEY *rsa(const char *n, const char *d)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *numbers[] = {number(n), number("AQAB"), d != NULL ? number(d) : NULL};
    OSSL_PARAM *params;
    EVP_PKEY *key = NULL;

    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, numbers[0]);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, numbers[1]);
    if (d != NULL)
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_D, numbers[2]);
    params = OSSL_PARAM_BLD_to_param(build);
    CU_ASSERT_FATAL(EVP_PKEY_fromdata_init(ctx) > 0 &&
                    EVP_PKEY_fromdata(ctx, &key, d != NULL ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) >
                        0);
    OSSL_PARAM_free(params);
    BN_free(numbers[0]);
    BN_free(numbers[1]);
    BN_free(numbers[2]);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_BLD_free(build);
    return key;
}

static EVP_PKEY *ec(const char *group, const char *x, const char *y)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    unsigned char point[256] = {4}, *data;
    size_t len, n = 1;
    EVP_PKEY *key = NULL;
    OSSL_PARAM params[3];

    data = acme_base64url_decode(x, &len);
    memcpy(point + n, data, len);
    n += len;
    OPENSSL_free(data);
    data = acme_base64url_decode(y, &len);
    memcpy(point + n, data, len);
    n += len;
    OPENSSL_free(data);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)group, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, n);
    params[2] = OSSL_PARAM_construct_end();
    CU_ASSERT_FATAL(EVP_PKEY_fromdata_init(ctx) > 0 &&
                    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) > 0);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static void thumbprints(void)
{
    /* RFC 7638 section 3.1; RFC 7517 appendix A.1. */
    EVP_PKEY *key =
        rsa("0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPeb"
            "WKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368"
            "QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lF"
            "d2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            NULL);
    static const char canonical[] =
        "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
        "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}";
    unsigned char md[32];
    char *text = acme_thumbprint(acme, key), *wanted;

    CU_ASSERT_STRING_EQUAL(text, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    CU_ASSERT_STRING_EQUAL(acme_jws_algorithm(key), "RS256");
    OPENSSL_free(text);
    EVP_PKEY_free(key);
    key = ec("P-256", "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
             "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM");
    EVP_Digest(canonical, sizeof(canonical) - 1, md, NULL, EVP_sha256(), NULL);
    wanted = acme_base64url(md, sizeof(md));
    text = acme_thumbprint(acme, key);
    CU_ASSERT_STRING_EQUAL(text, wanted);
    CU_ASSERT_STRING_EQUAL(acme_jws_algorithm(key), "ES256");
    OPENSSL_free(wanted);
    OPENSSL_free(text);
    EVP_PKEY_free(key);
}

/* ---- signatures ---- */

static const char *member(json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));

    return text != NULL ? text : "";
}

static void rs256(void)
{
    /* RFC 7515 appendix A.2: PKCS #1 v1.5 is the same each time. */
    EVP_PKEY *key =
        rsa("ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4Q"
            "lL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbB"
            "YUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DW"
            "NmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
            "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoA"
            "Je46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpR"
            "LI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZF"
            "D9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ");
    json_t *protected = json_object(), *json;
    char *jws =
        acme_jws(acme, key, protected,
                 "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}");

    CU_ASSERT_PTR_NOT_NULL_FATAL(jws);
    json = json_loads(jws, 0, NULL);
    CU_ASSERT_EQUAL(json_object_size(json), 3);
    CU_ASSERT_STRING_EQUAL(member(json, "protected"), "eyJhbGciOiJSUzI1NiJ9");
    CU_ASSERT_STRING_EQUAL(
        member(json, "payload"),
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ");
    CU_ASSERT_STRING_EQUAL(
        member(json, "signature"),
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5juj"
        "Gbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe"
        "7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8"
        "np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw");
    json_decref(json);
    json_decref(protected);
    free(jws);
    EVP_PKEY_free(key);
}

/* Verifies an ES256 or ES384 JWS by OpenSSL. */
static int verify_ec(EVP_PKEY *key, json_t *json, const char *digest, size_t bytes)
{
    size_t len;
    unsigned char *flat = acme_base64url_decode(member(json, "signature"), &len), *der = NULL;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    char input[4096];
    int ok, der_len;

    snprintf(input, sizeof(input), "%s.%s", member(json, "protected"), member(json, "payload"));
    ok = flat != NULL && len == 2 * bytes &&
         ECDSA_SIG_set0(sig, BN_bin2bn(flat, (int)bytes, NULL), BN_bin2bn(flat + bytes, (int)bytes, NULL)) &&
         (der_len = i2d_ECDSA_SIG(sig, &der)) > 0 &&
         EVP_DigestVerifyInit_ex(ctx, NULL, digest, NULL, NULL, key, NULL) > 0 &&
         EVP_DigestVerify(ctx, der, (size_t)der_len, (const unsigned char *)input, strlen(input)) == 1;
    EVP_MD_CTX_free(ctx);
    ECDSA_SIG_free(sig);
    OPENSSL_free(der);
    OPENSSL_free(flat);
    return ok;
}

static void es(void)
{
    static const struct {
        const char *group, *alg, *digest;
        size_t bytes;
    } kinds[] = {{"P-256", "ES256", "SHA256", 32}, {"P-384", "ES384", "SHA384", 48}};
    size_t i, n;

    for (i = 0; i < 2; i++) {
        EVP_PKEY *key = EVP_EC_gen(kinds[i].group);

        /* Often enough that R or S begins with a zero byte now and then. */
        for (n = 0; n < 300; n++) {
            json_t *protected = json_object(), *json, *header;
            char *jws = acme_jws(acme, key, protected, NULL), *text;
            size_t len;

            CU_ASSERT_PTR_NOT_NULL_FATAL(jws);
            json = json_loads(jws, 0, NULL);
            CU_ASSERT(verify_ec(key, json, kinds[i].digest, kinds[i].bytes));
            CU_ASSERT_STRING_EQUAL(member(json, "payload"), "");
            text = (char *)acme_base64url_decode(member(json, "protected"), &len);
            header = json_loadb(text, len, 0, NULL);
            CU_ASSERT_STRING_EQUAL(member(header, "alg"), kinds[i].alg);
            OPENSSL_free(text);
            json_decref(header);
            json_decref(json);
            json_decref(protected);
            free(jws);
        }
        EVP_PKEY_free(key);
    }
}

static void hs256(void)
{
    /* RFC 7520 section 4.4. */
    size_t len;
    unsigned char *key = acme_base64url_decode("hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg", &len);
    json_t *protected =
        json_pack("{s:s, s:s}", "alg", "HS256", "kid", "018c0ae5-4d9b-471b-bfd6-eef314bc7037"),
           *json;

    json =
        acme_jws_hmac(acme, "HS256", key, len, protected,
                      "It\xe2\x80\x99s a dangerous business, Frodo, going out your door. You step onto the "
                      "road, and if you "
                      "don't keep your feet, there\xe2\x80\x99s no knowing where you might be swept off to.");
    CU_ASSERT_PTR_NOT_NULL_FATAL(json);
    CU_ASSERT_STRING_EQUAL(member(json, "signature"), "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0");
    json_decref(json);
    json_decref(protected);
    OPENSSL_free(key);
}

static void no_keys(void)
{
    EVP_PKEY *small = unit_rsa(NULL, 1024), *curve = EVP_EC_gen("P-521"),
             *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    CU_ASSERT_PTR_NULL(acme_jws_algorithm(small));
    CU_ASSERT_PTR_NULL(acme_jws_algorithm(curve));
    CU_ASSERT_PTR_NULL(acme_jws_algorithm(ed));
    CU_ASSERT(!acme_account_use(acme, curve, NULL));
    CU_ASSERT_PTR_NOT_NULL(strstr(error_text, "neither RSA of 2048 bits or more nor EC on P-256 or P-384"));
    EVP_PKEY_free(ed);
    EVP_PKEY_free(curve);
    EVP_PKEY_free(small);
}

/* ---- certificates ---- */

static void certificate_id(void)
{
    /* RFC 9773 appendix A: its serial number begins with a zero byte. */
    static const char pem[] = "-----BEGIN CERTIFICATE-----\n"
                              "MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt\n"
                              "cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS\n"
                              "BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu\n"
                              "7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf\n"
                              "qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B\n"
                              "yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb\n"
                              "+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK\n"
                              "-----END CERTIFICATE-----\n";
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL), *empty = X509_new();
    char *id;

    CU_ASSERT_PTR_NOT_NULL_FATAL(x509);
    id = acme_certificate_id(x509);
    CU_ASSERT_PTR_NOT_NULL_FATAL(id);
    CU_ASSERT_STRING_EQUAL(id, "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
    OPENSSL_free(id);
    CU_ASSERT_PTR_NULL(acme_certificate_id(empty));
    X509_free(empty);
    X509_free(x509);
    BIO_free(bio);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"base64url (RFC 4648)", base64url},
        {"thumbprints (RFC 7638)", thumbprints},
        {"RS256 (RFC 7515 A.2)", rs256},
        {"ES256, ES384", es},
        {"HS256 (RFC 7520 4.4)", hs256},
        {"keys that can't sign", no_keys},
        {"certificate's id (RFC 9773)", certificate_id},
        CU_TEST_INFO_NULL,
    };
    const struct acme_config config = {.directory_url = "https://localhost/directory",
                                       .ca_file = "/nonexistent",
                                       .error = on_error,
                                       .progress = on_progress,
                                       .is_cancelled = is_cancelled};
    int status;

    acme = acme_new(&config);
    if (acme == NULL)
        return EXIT_FAILURE;
    status = unit_run("acme_encoding", tests);
    acme_free(acme);
    return status;
}
