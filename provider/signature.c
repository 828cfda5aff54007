// SPDX-License-Identifier: Apache-2.0
/* The signatures that OpenSSL is offered. */
#include "signature.h"

const OSSL_ALGORITHM prov_signatures[] = {
    {PROV_NAMES_RSA, PROV_PROPERTIES, prov_signature_rsa, "RSA signature by hardware"},
    {"ECDSA", PROV_PROPERTIES, prov_signature_ecdsa, "ECDSA signature by hardware"},
    {NULL, NULL, NULL, NULL},
};

/* From OpenSSL 3.4 on. */
const OSSL_ALGORITHM prov_signatures_with_messages[] = {
    {PROV_NAMES_RSA, PROV_PROPERTIES, prov_signature_rsa, "RSA signature by hardware"},
    {"RSA-SHA1:RSA-SHA-1:sha1WithRSAEncryption:1.2.840.113549.1.1.5", PROV_PROPERTIES,
     prov_signature_rsa_sha1, NULL},
    {"RSA-SHA2-224:RSA-SHA224:sha224WithRSAEncryption:1.2.840.113549.1.1.14", PROV_PROPERTIES,
     prov_signature_rsa_sha224, NULL},
    {"RSA-SHA2-256:RSA-SHA256:sha256WithRSAEncryption:1.2.840.113549.1.1.11", PROV_PROPERTIES,
     prov_signature_rsa_sha256, NULL},
    {"RSA-SHA2-384:RSA-SHA384:sha384WithRSAEncryption:1.2.840.113549.1.1.12", PROV_PROPERTIES,
     prov_signature_rsa_sha384, NULL},
    {"RSA-SHA2-512:RSA-SHA512:sha512WithRSAEncryption:1.2.840.113549.1.1.13", PROV_PROPERTIES,
     prov_signature_rsa_sha512, NULL},
    {"ECDSA", PROV_PROPERTIES, prov_signature_ecdsa, "ECDSA signature by hardware"},
    {"ECDSA-SHA1:ECDSA-SHA-1:ecdsa-with-SHA1:1.2.840.10045.4.1", PROV_PROPERTIES, prov_signature_ecdsa_sha1,
     NULL},
    {"ECDSA-SHA2-224:ECDSA-SHA224:ecdsa-with-SHA224:1.2.840.10045.4.3.1", PROV_PROPERTIES,
     prov_signature_ecdsa_sha224, NULL},
    {"ECDSA-SHA2-256:ECDSA-SHA256:ecdsa-with-SHA256:1.2.840.10045.4.3.2", PROV_PROPERTIES,
     prov_signature_ecdsa_sha256, NULL},
    {"ECDSA-SHA2-384:ECDSA-SHA384:ecdsa-with-SHA384:1.2.840.10045.4.3.3", PROV_PROPERTIES,
     prov_signature_ecdsa_sha384, NULL},
    {"ECDSA-SHA2-512:ECDSA-SHA512:ecdsa-with-SHA512:1.2.840.10045.4.3.4", PROV_PROPERTIES,
     prov_signature_ecdsa_sha512, NULL},
    {NULL, NULL, NULL, NULL},
};
