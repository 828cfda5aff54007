// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel's digests, for programs that ask for them by the property provider=signet. Off unless the
 * configuration says kernel-digests = yes.
 *
 * They are second to another provider's (see second.c), for each of the names, and not offered at all while
 * there is no such provider.
 */
#include "provider.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>

struct prov_digests {
    struct prov_ctx *ctx;
    _Atomic int has_warned;
};

/* ---- the operations ---- */

static int digest_init(void *vctx, const OSSL_PARAM params[])
{
    (void)params;
    return hw_digest_init(vctx);
}

static int digest_update(void *vctx, const unsigned char *in, size_t len)
{
    return hw_digest_update(vctx, in, len);
}

static int final(struct hw_digest *digest, size_t digest_size, unsigned char *out, size_t *out_len,
                 size_t size)
{
    if (size < digest_size || !hw_digest_final(digest, out))
        return 0;
    *out_len = digest_size;
    return 1;
}

static int digest_whole(struct hw_digest *digest, size_t digest_size, const unsigned char *in, size_t len,
                        unsigned char *out, size_t *out_len, size_t size)
{
    int ok = digest != NULL && hw_digest_init(digest) && hw_digest_update(digest, in, len) &&
             final(digest, digest_size, out, out_len, size);

    hw_digest_free(digest);
    return ok;
}

static void *digest_dupctx(void *vctx)
{
    return hw_digest_dup(vctx);
}

static void digest_freectx(void *vctx)
{
    hw_digest_free(vctx);
}

static int get_params(OSSL_PARAM params[], size_t size, size_t block_size)
{
    OSSL_PARAM *p;

    p = OSSL_PARAM_locate(params, OSSL_DIGEST_PARAM_SIZE);
    if (p != NULL && !OSSL_PARAM_set_size_t(p, size))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_DIGEST_PARAM_BLOCK_SIZE);
    if (p != NULL && !OSSL_PARAM_set_size_t(p, block_size))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_DIGEST_PARAM_XOF);
    if (p != NULL && !OSSL_PARAM_set_int(p, 0))
        return 0;
    /* In AlgorithmIdentifiers the parameters are left out (RFC 5754 section 2). */
    p = OSSL_PARAM_locate(params, OSSL_DIGEST_PARAM_ALGID_ABSENT);
    return p == NULL || OSSL_PARAM_set_int(p, 1);
}

static const OSSL_PARAM *digest_gettable_params(void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_size_t(OSSL_DIGEST_PARAM_SIZE, NULL),
        OSSL_PARAM_size_t(OSSL_DIGEST_PARAM_BLOCK_SIZE, NULL),
        OSSL_PARAM_int(OSSL_DIGEST_PARAM_XOF, NULL),
        OSSL_PARAM_int(OSSL_DIGEST_PARAM_ALGID_ABSENT, NULL),
        OSSL_PARAM_END,
    };

    (void)provctx;
    return params;
}

/* OpenSSL does not tell most functions which algorithm is meant: each has its own. name is the kernel's,
 * sizes are bytes. */
#define DIGEST(id, name, size, block_size)                                                                   \
    static void *newctx_##id(void *provctx)                                                                  \
    {                                                                                                        \
        return hw_digest_new(((struct prov_ctx *)provctx)->hw, name, size);                                  \
    }                                                                                                        \
    static int final_##id(void *vctx, unsigned char *out, size_t *out_len, size_t out_size)                  \
    {                                                                                                        \
        return final(vctx, size, out, out_len, out_size);                                                    \
    }                                                                                                        \
    static int digest_##id(void *provctx, const unsigned char *in, size_t len, unsigned char *out,           \
                           size_t *out_len, size_t out_size)                                                 \
    {                                                                                                        \
        return digest_whole(newctx_##id(provctx), size, in, len, out, out_len, out_size);                    \
    }                                                                                                        \
    static int get_params_##id(OSSL_PARAM params[])                                                          \
    {                                                                                                        \
        return get_params(params, size, block_size);                                                         \
    }                                                                                                        \
    static const OSSL_DISPATCH dispatch_##id[] = {                                                           \
        PROV_FN(OSSL_FUNC_DIGEST_NEWCTX, newctx_##id),                                                       \
        PROV_FN(OSSL_FUNC_DIGEST_INIT, digest_init),                                                         \
        PROV_FN(OSSL_FUNC_DIGEST_UPDATE, digest_update),                                                     \
        PROV_FN(OSSL_FUNC_DIGEST_FINAL, final_##id),                                                         \
        PROV_FN(OSSL_FUNC_DIGEST_DIGEST, digest_##id),                                                       \
        PROV_FN(OSSL_FUNC_DIGEST_DUPCTX, digest_dupctx),                                                     \
        PROV_FN(OSSL_FUNC_DIGEST_FREECTX, digest_freectx),                                                   \
        PROV_FN(OSSL_FUNC_DIGEST_GET_PARAMS, get_params_##id),                                               \
        PROV_FN(OSSL_FUNC_DIGEST_GETTABLE_PARAMS, digest_gettable_params),                                   \
        {0, NULL},                                                                                           \
    }

/* FIPS 180-4 section 1, FIPS 202 section 6.1 */
DIGEST(sha1, "sha1", 20, 64);
DIGEST(sha224, "sha224", 28, 64);
DIGEST(sha256, "sha256", 32, 64);
DIGEST(sha384, "sha384", 48, 128);
DIGEST(sha512, "sha512", 64, 128);
DIGEST(sha3_256, "sha3-256", 32, 136);
DIGEST(sha3_384, "sha3-384", 48, 104);
DIGEST(sha3_512, "sha3-512", 64, 72);

static const OSSL_ALGORITHM algorithms[] = {
    {"SHA1:SHA-1:SSL3-SHA1:1.3.14.3.2.26", PROV_PROPERTIES, dispatch_sha1, "SHA-1 by the kernel"},
    {"SHA2-224:SHA-224:SHA224:2.16.840.1.101.3.4.2.4", PROV_PROPERTIES, dispatch_sha224,
     "SHA-224 by the kernel"},
    {"SHA2-256:SHA-256:SHA256:2.16.840.1.101.3.4.2.1", PROV_PROPERTIES, dispatch_sha256,
     "SHA-256 by the kernel"},
    {"SHA2-384:SHA-384:SHA384:2.16.840.1.101.3.4.2.2", PROV_PROPERTIES, dispatch_sha384,
     "SHA-384 by the kernel"},
    {"SHA2-512:SHA-512:SHA512:2.16.840.1.101.3.4.2.3", PROV_PROPERTIES, dispatch_sha512,
     "SHA-512 by the kernel"},
    {"SHA3-256:2.16.840.1.101.3.4.2.8", PROV_PROPERTIES, dispatch_sha3_256, "SHA3-256 by the kernel"},
    {"SHA3-384:2.16.840.1.101.3.4.2.9", PROV_PROPERTIES, dispatch_sha3_384, "SHA3-384 by the kernel"},
    {"SHA3-512:2.16.840.1.101.3.4.2.10", PROV_PROPERTIES, dispatch_sha3_512, "SHA3-512 by the kernel"},
    {NULL, NULL, NULL, NULL},
};

/* ---- offering them ---- */

struct prov_digests *prov_digests_new(struct prov_ctx *ctx)
{
    struct prov_digests *digests = OPENSSL_zalloc(sizeof(*digests));

    if (digests != NULL)
        digests->ctx = ctx;
    else
        prov_raise(ctx, HW_E_INTERNAL, "out of memory for digests");
    return digests;
}

void prov_digests_free(struct prov_digests *digests)
{
    OPENSSL_free(digests);
}

#define NAME_SIZE 16

/* For prov_ask_others: arg is the name of one that is not there. */
static int are_there(OSSL_LIB_CTX *libctx, void *arg)
{
    const OSSL_ALGORITHM *algorithm;
    char *name = arg;
    int all = 1;

    for (algorithm = algorithms; all && algorithm->algorithm_names != NULL; algorithm++) {
        EVP_MD *md;

        snprintf(name, NAME_SIZE, "%.*s", (int)strcspn(algorithm->algorithm_names, ":"),
                 algorithm->algorithm_names);
        md = EVP_MD_fetch(libctx, name, "provider!=signet");
        all = md != NULL;
        EVP_MD_free(md);
    }
    return all;
}

const OSSL_ALGORITHM *prov_digests_query(struct prov_digests *digests, int *no_cache)
{
    char name[NAME_SIZE], text[128];
    int are_second = prov_ask_others(digests->ctx, are_there, name);

    *no_cache = are_second <= 0;
    if (are_second != 0)
        return are_second > 0 ? algorithms : NULL;
    if (!atomic_exchange(&digests->has_warned, 1)) {
        snprintf(text, sizeof(text), "kernel-digests: none is offered before another provider offers %s",
                 name);
        prov_on_log(digests->ctx, HW_LOG_WARN, text);
    }
    return NULL;
}
