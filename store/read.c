// SPDX-License-Identifier: Apache-2.0
/* Reading files that people import: certificates, CRLs and keys in PEM, DER, PKCS #12 (RFC 7292), PKCS #7. */
#include "import.h"

#include <openssl/asn1t.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/x509v3.h>
#include <string.h>

#define FOUND_MAX 20000 /* objects in one file */
/* Rounds of a password's hash that a file may ask for, all its parts together. OWASP's advice is 1.3 million
 * at most; a thousand times that would keep a router busy for an hour. */
#define ITERATIONS_MAX 5000000

/* ---- what was found ---- */

static int take_certificate(struct found *found, X509 *x509)
{
    if (x509 != NULL && sk_X509_num(found->certificates) < FOUND_MAX &&
        sk_X509_push(found->certificates, x509))
        return 1;
    X509_free(x509);
    return 0;
}

static int take_crl(struct found *found, X509_CRL *crl)
{
    if (crl != NULL && sk_X509_CRL_num(found->crls) < FOUND_MAX && sk_X509_CRL_push(found->crls, crl))
        return 1;
    X509_CRL_free(crl);
    return 0;
}

static int take_key(struct found *found, EVP_PKEY *pkey)
{
    EVP_PKEY **keys = NULL;

    if (pkey != NULL && found->keys_count < FOUND_MAX)
        keys = OPENSSL_realloc(found->keys, (found->keys_count + 1) * sizeof(*keys));
    if (keys == NULL) {
        EVP_PKEY_free(pkey);
        return 0;
    }
    found->keys = keys;
    keys[found->keys_count++] = pkey;
    return 1;
}

void store_found_clear(struct found *found)
{
    size_t i;

    sk_X509_pop_free(found->certificates, X509_free);
    sk_X509_CRL_pop_free(found->crls, X509_CRL_free);
    for (i = 0; i < found->keys_count; i++)
        EVP_PKEY_free(found->keys[i]);
    OPENSSL_free(found->keys);
}

/* ---- how much work a password costs ---- */

/* scrypt's N, r and p (RFC 7914) multiplied: that many times 128 bytes are mixed, which takes about as long
 * as a round of PBKDF2. OpenSSL bounds the memory only, and p can make hours of it. */
static int64_t scrypt_rounds(const X509_ALGOR *kdf)
{
    SCRYPT_PARAMS *params = NULL;
    int64_t n, r, p, rounds = -1;

    if (kdf->parameter != NULL && kdf->parameter->type == V_ASN1_SEQUENCE)
        params = ASN1_item_unpack(kdf->parameter->value.sequence, ASN1_ITEM_rptr(SCRYPT_PARAMS));
    if (params != NULL && ASN1_INTEGER_get_int64(&n, params->costParameter) &&
        ASN1_INTEGER_get_int64(&r, params->blockSize) &&
        ASN1_INTEGER_get_int64(&p, params->parallelizationParameter) && n > 0 && r > 0 && p > 0)
        rounds = n <= ITERATIONS_MAX / r && n * r <= ITERATIONS_MAX / p ? n * r * p : INT64_MAX;
    SCRYPT_PARAMS_free(params);
    return rounds;
}

/* Rounds that an encryption asks for (PKCS #5 v1.5 and v2, PKCS #12); -1 if that can't be told. */
static int64_t iterations(const X509_ALGOR *algorithm)
{
    const ASN1_OBJECT *oid;
    const void *value;
    int type, nid;
    int64_t rounds = -1;

    X509_ALGOR_get0(&oid, &type, &value, algorithm);
    nid = OBJ_obj2nid(oid);
    if (type != V_ASN1_SEQUENCE)
        return -1;
    if (nid == NID_pbes2) {
        PBE2PARAM *pbes2 = ASN1_item_unpack(value, ASN1_ITEM_rptr(PBE2PARAM));
        const X509_ALGOR *kdf = pbes2 != NULL ? pbes2->keyfunc : NULL;

        if (kdf != NULL && OBJ_obj2nid(kdf->algorithm) == NID_id_pbkdf2 && kdf->parameter != NULL &&
            kdf->parameter->type == V_ASN1_SEQUENCE) {
            PBKDF2PARAM *pbkdf2 =
                ASN1_item_unpack(kdf->parameter->value.sequence, ASN1_ITEM_rptr(PBKDF2PARAM));

            if (pbkdf2 == NULL || !ASN1_INTEGER_get_int64(&rounds, pbkdf2->iter))
                rounds = -1;
            PBKDF2PARAM_free(pbkdf2);
        } else if (kdf != NULL && OBJ_obj2nid(kdf->algorithm) == NID_id_scrypt) {
            rounds = scrypt_rounds(kdf);
        }
        PBE2PARAM_free(pbes2);
    } else {
        PBEPARAM *pbe = ASN1_item_unpack(value, ASN1_ITEM_rptr(PBEPARAM));

        if (pbe == NULL || !ASN1_INTEGER_get_int64(&rounds, pbe->iter))
            rounds = -1;
        PBEPARAM_free(pbe);
    }
    return rounds;
}

/* May the file ask for that many more? */
static int spend(struct found *found, int64_t rounds)
{
    if (rounds < 0 || rounds > ITERATIONS_MAX - found->iterations)
        return 0;
    found->iterations += rounds;
    return 1;
}

static int is_bearable(struct found *found, const X509_ALGOR *algorithm)
{
    int64_t rounds = algorithm != NULL ? iterations(algorithm) : -1;

    ERR_clear_error();
    return spend(found, rounds);
}

static int is_bearable_sig(struct found *found, const X509_SIG *sig)
{
    const X509_ALGOR *algorithm = NULL;

    if (sig != NULL)
        X509_SIG_get0(sig, &algorithm, NULL);
    return is_bearable(found, algorithm);
}

/* ---- keys ---- */

struct passphrase {
    const char *text;
    int was_asked;
};

static int give_passphrase(char *buf, int size, int rwflag, void *arg)
{
    struct passphrase *passphrase = arg;
    size_t len = passphrase->text != NULL ? strlen(passphrase->text) : 0;

    (void)rwflag;
    passphrase->was_asked = 1;
    if (len > (size_t)size)
        return -1;
    if (len > 0)
        memcpy(buf, passphrase->text, len);
    return (int)len;
}

/* One block of PEM that is a key, as a whole. */
static int read_pem_key(struct store *store, struct found *found, BIO *block, const char *text)
{
    struct passphrase passphrase = {.text = text};
    EVP_PKEY *pkey =
        PEM_read_bio_PrivateKey_ex(block, NULL, give_passphrase, &passphrase, store_crypto(store), NULL);

    if (pkey != NULL)
        return take_key(found, pkey);
    if (passphrase.was_asked) {
        ERR_clear_error();
        found->decryption_failures++;
        return 1;
    }
    return store_raise_ssl(store, "a private key can't be read");
}

static int read_der_key(struct store *store, struct found *found, const unsigned char *der, size_t len,
                        const char *text)
{
    const unsigned char *p = der;
    X509_SIG *sig = d2i_X509_SIG(NULL, &p, (long)len);
    struct passphrase passphrase = {.text = text};
    OSSL_DECODER_CTX *ctx = NULL;
    EVP_PKEY *pkey = NULL;
    size_t left = len;

    ERR_clear_error();
    if (sig != NULL && !is_bearable_sig(found, sig)) {
        X509_SIG_free(sig);
        return 0;
    }
    ctx =
        OSSL_DECODER_CTX_new_for_pkey(&pkey, "DER", NULL, NULL, EVP_PKEY_KEYPAIR, store_crypto(store), NULL);
    p = der;
    if (ctx != NULL && OSSL_DECODER_CTX_set_pem_password_cb(ctx, give_passphrase, &passphrase))
        (void)OSSL_DECODER_from_data(ctx, &p, &left);
    OSSL_DECODER_CTX_free(ctx);
    ERR_clear_error();
    if (pkey == NULL && sig != NULL && passphrase.was_asked)
        found->decryption_failures++;
    X509_SIG_free(sig);
    return pkey != NULL ? take_key(found, pkey) : passphrase.was_asked;
}

/* ---- certificates ---- */

static X509 *parse_certificate(struct store *store, const unsigned char *der, long len, int is_auxiliary)
{
    X509 *x509 = X509_new_ex(store_crypto(store), NULL);

    if (x509 != NULL && (is_auxiliary ? d2i_X509_AUX(&x509, &der, len) : d2i_X509(&x509, &der, len)) != NULL)
        return x509;
    X509_free(x509);
    return NULL;
}

static int read_pkcs7(struct store *store, struct found *found, const unsigned char *der, long len)
{
    PKCS7 *p7 = d2i_PKCS7(NULL, &der, len);
    STACK_OF(X509) *certificates = NULL;
    int i, ok = 1;

    if (p7 == NULL || !PKCS7_type_is_signed(p7) || p7->d.sign == NULL) {
        PKCS7_free(p7);
        return 0;
    }
    certificates = p7->d.sign->cert;
    for (i = 0; ok && i < sk_X509_num(certificates); i++) {
        unsigned char *copy = NULL;
        int copy_len = i2d_X509(sk_X509_value(certificates, i), &copy);

        ok = copy_len > 0 && take_certificate(found, parse_certificate(store, copy, copy_len, 0));
        OPENSSL_free(copy);
    }
    PKCS7_free(p7);
    return ok;
}

/* ---- PEM ---- */

static int is_key_label(const char *label)
{
    size_t len = strlen(label), suffix = strlen("PRIVATE KEY");

    return (len >= suffix && strcmp(label + len - suffix, "PRIVATE KEY") == 0) ||
           strcmp(label, "SIGNET KEY REFERENCE") == 0;
}

static int read_pkcs12(struct store *store, struct found *found, const unsigned char *der, size_t len,
                       const char *passphrase);

static int read_block(struct store *store, struct found *found, const char *label, const char *header,
                      const unsigned char *der, long len, const char *passphrase)
{
    if (strcmp(label, PEM_STRING_X509) == 0 || strcmp(label, PEM_STRING_X509_OLD) == 0 ||
        strcmp(label, PEM_STRING_X509_TRUSTED) == 0)
        return take_certificate(
                   found, parse_certificate(store, der, len, strcmp(label, PEM_STRING_X509_TRUSTED) == 0)) ||
               store_raise_ssl(store, "a certificate can't be read");
    if (strcmp(label, PEM_STRING_X509_CRL) == 0)
        return take_crl(found, store_crl_parse(store, der, (size_t)len)) ||
               store_raise(store, "a CRL can't be read");
    if (strcmp(label, PEM_STRING_PKCS7) == 0)
        return read_pkcs7(store, found, der, len) || store_raise_ssl(store, "a PKCS #7 can't be read");
    /* No standard has it; what is binary comes through REST, whose values are texts, like this. */
    if (strcmp(label, "PKCS12") == 0) {
        int ok = read_pkcs12(store, found, der, (size_t)len, passphrase);

        return ok >= 0 ? ok : store_raise(store, "a PKCS #12 can't be read");
    }
    if (is_key_label(label)) {
        const unsigned char *p = der;
        X509_SIG *sig = strcmp(label, PEM_STRING_PKCS8) == 0 ? d2i_X509_SIG(NULL, &p, len) : NULL;
        BIO *block = BIO_new(BIO_s_secmem());
        int ok;

        if (strcmp(label, PEM_STRING_PKCS8) == 0 && !is_bearable_sig(found, sig))
            ok = store_raise(store,
                             "an encrypted key is malformed, or its passphrase is hashed more than %d times",
                             ITERATIONS_MAX);
        else
            ok = block != NULL && PEM_write_bio(block, label, header, der, len) > 0 &&
                 read_pem_key(store, found, block, passphrase);
        X509_SIG_free(sig);
        BIO_free(block);
        return ok;
    }
    return 1; /* DH parameters and the like */
}

static int read_pem(struct store *store, struct found *found, const unsigned char *data, size_t len,
                    const char *passphrase)
{
    BIO *bio = BIO_new_mem_buf(data, (int)len);
    char *label = NULL, *header = NULL;
    unsigned char *der = NULL;
    long der_len = 0;
    int ok = bio != NULL;

    ERR_clear_error();
    while (ok && PEM_read_bio(bio, &label, &header, &der, &der_len)) {
        ok = read_block(store, found, label, header, der, der_len, passphrase);
        OPENSSL_free(label);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)der_len);
    }
    if (ok && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        ok = store_raise_ssl(store, "the file is damaged or cut off");
    ERR_clear_error();
    BIO_free(bio);
    return ok;
}

/* ---- PKCS #12 ---- */

static int is_bearable_bags(struct found *found, const STACK_OF(PKCS12_SAFEBAG) * bags)
{
    int i, ok = 1;

    for (i = 0; ok && i < sk_PKCS12_SAFEBAG_num(bags); i++) {
        const PKCS12_SAFEBAG *bag = sk_PKCS12_SAFEBAG_value(bags, i);

        if (PKCS12_SAFEBAG_get_nid(bag) == NID_pkcs8ShroudedKeyBag)
            ok = is_bearable_sig(found, PKCS12_SAFEBAG_get0_pkcs8(bag));
    }
    return ok;
}

/* Every hash of the passphrase that the file asks for, as far as it can be seen without it. */
static int is_bearable_pkcs12(struct found *found, PKCS12 *p12)
{
    const ASN1_INTEGER *rounds = NULL;
    STACK_OF(PKCS7) * safes;
    int64_t n = 1;
    int i, ok = 1;

    PKCS12_get0_mac(NULL, NULL, NULL, &rounds, p12);
    if (rounds != NULL && (!ASN1_INTEGER_get_int64(&n, rounds) || !spend(found, n)))
        return 0;
    safes = PKCS12_unpack_authsafes(p12);
    for (i = 0; ok && i < sk_PKCS7_num(safes); i++) {
        PKCS7 *safe = sk_PKCS7_value(safes, i);

        if (PKCS7_type_is_encrypted(safe)) {
            ok = is_bearable(found, safe->d.encrypted->enc_data->algorithm);
        } else if (PKCS7_type_is_data(safe)) {
            STACK_OF(PKCS12_SAFEBAG) *bags = PKCS12_unpack_p7data(safe);

            ok = is_bearable_bags(found, bags);
            sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
        }
    }
    sk_PKCS7_pop_free(safes, PKCS7_free);
    ERR_clear_error();
    return ok;
}

static int parse_pkcs12(PKCS12 *p12, const char *passphrase, EVP_PKEY **pkey, X509 **x509,
                        STACK_OF(X509) * *others)
{
    *pkey = NULL;
    *x509 = NULL;
    *others = NULL;
    return PKCS12_parse(p12, passphrase != NULL ? passphrase : "", pkey, x509, others);
}

static int is_wrong_passphrase(void)
{
    unsigned long code = ERR_peek_last_error();

    return ERR_GET_LIB(code) == ERR_LIB_PKCS12 && ERR_GET_REASON(code) == PKCS12_R_MAC_VERIFY_FAILURE;
}

/* Returns -1 if this is no PKCS #12 at all. */
static int read_pkcs12(struct store *store, struct found *found, const unsigned char *der, size_t len,
                       const char *passphrase)
{
    PKCS12 *p12 = PKCS12_init_ex(NID_pkcs7_data, store_crypto(store), NULL);
    STACK_OF(X509) *others = NULL;
    OSSL_PROVIDER *legacy = NULL;
    X509 *x509 = NULL;
    EVP_PKEY *pkey = NULL;
    int ok = 0;

    if (p12 == NULL || d2i_PKCS12(&p12, &der, (long)len) == NULL) {
        ERR_clear_error();
        PKCS12_free(p12);
        return -1;
    }
    if (!is_bearable_pkcs12(found, p12)) {
        store_raise(store, "the PKCS #12 is malformed, or its passphrase is hashed more than %d times",
                    ITERATIONS_MAX);
        goto out;
    }
    ok = parse_pkcs12(p12, passphrase, &pkey, &x509, &others);
    if (!ok && !is_wrong_passphrase()) {
        /* RC2 and the like of old files. */
        ERR_clear_error();
        legacy = OSSL_PROVIDER_load(store_crypto(store), "legacy");
        ok = parse_pkcs12(p12, passphrase, &pkey, &x509, &others);
    }
    if (ok) {
        ok = (x509 == NULL || take_certificate(found, x509)) && (pkey == NULL || take_key(found, pkey));
        while (ok && sk_X509_num(others) > 0)
            ok = take_certificate(found, sk_X509_shift(others));
    } else if (is_wrong_passphrase()) {
        found->decryption_failures++;
        ok = 1;
    } else {
        store_raise_ssl(store, "the PKCS #12 can't be read%s",
                        legacy == NULL ? " (OpenSSL's legacy provider is not installed)" : "");
    }
out:
    ERR_clear_error();
    sk_X509_pop_free(others, X509_free);
    if (legacy != NULL)
        OSSL_PROVIDER_unload(legacy);
    PKCS12_free(p12);
    return ok;
}

/* ---- any of them ---- */

static int raise_nothing(struct store *store)
{
    return store_raise(
        store, "the file holds nothing that can be imported: expected certificates, keys or CRLs as PEM "
               "or DER, PKCS #12 or PKCS #7");
}

static int read_der(struct store *store, struct found *found, const unsigned char *data, size_t len,
                    const char *passphrase)
{
    int pkcs12;

    if (take_certificate(found, parse_certificate(store, data, (long)len, 0)))
        return 1;
    if (take_crl(found, store_crl_parse(store, data, len)))
        return 1;
    pkcs12 = read_pkcs12(store, found, data, len, passphrase);
    if (pkcs12 >= 0)
        return pkcs12;
    if (read_pkcs7(store, found, data, (long)len) || read_der_key(store, found, data, len, passphrase))
        return 1;
    ERR_clear_error();
    return raise_nothing(store);
}

int store_found_read(struct store *store, struct found *found, const unsigned char *data, size_t len,
                     const char *passphrase)
{
    found->certificates = sk_X509_new_null();
    found->crls = sk_X509_CRL_new_null();
    if (found->certificates == NULL || found->crls == NULL)
        return store_raise(store, "out of memory");
    ERR_clear_error();
    if (memmem(data, len, "-----BEGIN ", 11) == NULL)
        return read_der(store, found, data, len, passphrase);
    if (!read_pem(store, found, data, len, passphrase))
        return 0;
    if (sk_X509_num(found->certificates) > 0 || sk_X509_CRL_num(found->crls) > 0 || found->keys_count > 0 ||
        found->decryption_failures > 0)
        return 1;
    return raise_nothing(store);
}
