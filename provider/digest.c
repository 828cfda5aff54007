// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel's digests, for programs that ask for them by the property provider=signet. Off unless the
 * configuration says kernel-digests = yes.
 *
 * Without a property, OpenSSL takes the first implementation of a name that it has learnt of, whatever that
 * one's own properties are; and it learns of them in an order of providers that is nobody's choice. So these
 * are offered only after another provider's have been learnt of, for each of the names: prov_digests_query
 * has OpenSSL do that first, and offers nothing while there is no such provider.
 */
#include "provider.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>

struct prov_digests {
    struct prov_ctx *ctx;
    CRYPTO_THREAD_LOCAL is_asking; /* this thread asks for what others offer */
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

    if (digests != NULL && CRYPTO_THREAD_init_local(&digests->is_asking, NULL)) {
        digests->ctx = ctx;
        return digests;
    }
    OPENSSL_free(digests);
    prov_raise(ctx, HW_E_INTERNAL, "out of memory for digests");
    return NULL;
}

void prov_digests_free(struct prov_digests *digests)
{
    if (digests == NULL)
        return;
    CRYPTO_THREAD_cleanup_local(&digests->is_asking);
    OPENSSL_free(digests);
}

/* Has OpenSSL learn of the digests that the program's other providers offer. Returns 1 if all are among them;
 * otherwise name is one that is not. */
static int learn_of_others(struct prov_ctx *ctx, char name[16])
{
    OSSL_LIB_CTX *libctx = (OSSL_LIB_CTX *)ctx->get_libctx(ctx->core);
    const OSSL_ALGORITHM *algorithm;
    int are_there = 1;

    ERR_set_mark();
    for (algorithm = algorithms; are_there && algorithm->algorithm_names != NULL; algorithm++) {
        EVP_MD *md;

        snprintf(name, 16, "%.*s", (int)strcspn(algorithm->algorithm_names, ":"), algorithm->algorithm_names);
        md = EVP_MD_fetch(libctx, name, "provider!=signet");
        are_there = md != NULL;
        EVP_MD_free(md);
    }
    ERR_pop_to_mark();
    return are_there;
}

const OSSL_ALGORITHM *prov_digests_query(struct prov_digests *digests, int *no_cache)
{
    char name[16], text[128];
    int are_second;

    /* Nothing to be kept as the answer: neither in the question within the question, nor while another
     * provider may still come. */
    *no_cache = 1;
    if (CRYPTO_THREAD_get_local(&digests->is_asking) != NULL ||
        !CRYPTO_THREAD_set_local(&digests->is_asking, digests))
        return NULL;
    are_second = learn_of_others(digests->ctx, name);
    CRYPTO_THREAD_set_local(&digests->is_asking, NULL);
    if (are_second) {
        *no_cache = 0;
        return algorithms;
    }
    if (!atomic_exchange(&digests->has_warned, 1)) {
        snprintf(text, sizeof(text), "kernel-digests: none is offered before another provider offers %s",
                 name);
        prov_on_log(digests->ctx, HW_LOG_WARN, text);
    }
    return NULL;
}
