// SPDX-License-Identifier: Apache-2.0
/* Which algorithms a message uses, and which may be (RFC 8894 section 2.9). */
#include "private.h"

#include <openssl/asn1.h>
#include <openssl/objects.h>

#define DIGESTS_MAX 100 /* bytes: some six */

/* SHA-1, too: clients that are in use sign with it whatever a server offers, and nobody but the signer could
 * prepare a collision in his own message. Nothing is ever signed with it here. */
const char *scep_digest(const X509_ALGOR *algorithm)
{
    const ASN1_OBJECT *object = NULL;

    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    switch (OBJ_obj2nid(object)) {
    case NID_sha256:
        return "SHA256";
    case NID_sha384:
        return "SHA384";
    case NID_sha512:
        return "SHA512";
    case NID_sha1:
        return "SHA1";
    }
    return NULL;
}

/* Goes behind the header of the element at *p, which must be of this tag; *end is where it ends. With is_into
 * 0 goes behind the element. */
static int step(const unsigned char **p, const unsigned char *limit, int tag, int class, int is_into,
                const unsigned char **end)
{
    const unsigned char *start = *p;
    long len = 0;
    int found = 0, found_class = 0, flags;

    if (start >= limit)
        return 0;
    flags = ASN1_get_object(p, &len, &found, &found_class, limit - start);
    if ((flags & 0x81) != 0 || found != tag || found_class != class) { /* an error, or of indefinite length */
        *p = start;
        return 0;
    }
    if (end != NULL)
        *end = *p + len;
    if (!is_into)
        *p += len;
    return 1;
}

#define UNIVERSAL V_ASN1_UNIVERSAL
#define CONTEXT   V_ASN1_CONTEXT_SPECIFIC

/* RFC 5652 section 5.1 */
int scep_has_few_digests(const unsigned char *der, size_t len)
{
    const unsigned char *p = der, *limit = der + len, *end;

    return step(&p, limit, V_ASN1_SEQUENCE, UNIVERSAL, 1, &limit) && /* ContentInfo */
           step(&p, limit, V_ASN1_OBJECT, UNIVERSAL, 0, NULL) && step(&p, limit, 0, CONTEXT, 1, &limit) &&
           step(&p, limit, V_ASN1_SEQUENCE, UNIVERSAL, 1, &limit) && /* SignedData */
           step(&p, limit, V_ASN1_INTEGER, UNIVERSAL, 0, NULL) &&
           step(&p, limit, V_ASN1_SET, UNIVERSAL, 1, &end) && end - p <= DIGESTS_MAX;
}

/* RFC 5652 section 6.1, to encryptedContentInfo's contentEncryptionAlgorithm: OpenSSL has no way to ask for
 * it. */
const char *scep_cipher(const unsigned char *der, size_t len, const struct scep_algorithms *allowed)
{
    const unsigned char *p = der, *limit = der + len;
    X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *object = NULL;
    int nid = NID_undef;

    if (!step(&p, limit, V_ASN1_SEQUENCE, UNIVERSAL, 1, &limit) || /* ContentInfo */
        !step(&p, limit, V_ASN1_OBJECT, UNIVERSAL, 0, NULL) || !step(&p, limit, 0, CONTEXT, 1, &limit) ||
        !step(&p, limit, V_ASN1_SEQUENCE, UNIVERSAL, 1, &limit) || /* EnvelopedData */
        !step(&p, limit, V_ASN1_INTEGER, UNIVERSAL, 0, NULL))
        return NULL;
    step(&p, limit, 0, CONTEXT, 0, NULL); /* originatorInfo, optional */
    if (!step(&p, limit, V_ASN1_SET, UNIVERSAL, 0, NULL) ||
        !step(&p, limit, V_ASN1_SEQUENCE, UNIVERSAL, 1, &limit) ||
        !step(&p, limit, V_ASN1_OBJECT, UNIVERSAL, 0, NULL) ||
        (algorithm = d2i_X509_ALGOR(NULL, &p, limit - p)) == NULL)
        return NULL;
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    nid = OBJ_obj2nid(object);
    X509_ALGOR_free(algorithm);
    switch (nid) {
    case NID_aes_128_cbc:
        return "AES-128-CBC";
    case NID_aes_192_cbc:
        return "AES-192-CBC";
    case NID_aes_256_cbc:
        return "AES-256-CBC";
    case NID_des_ede3_cbc:
        return allowed->allow_3des ? "DES-EDE3-CBC" : NULL;
    case NID_des_cbc:
        return allowed->allow_des ? "DES-CBC" : NULL;
    }
    return NULL;
}
