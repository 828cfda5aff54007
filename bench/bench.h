// SPDX-License-Identifier: Apache-2.0
/*
 * bench: how fast a key signs, and how many TPM commands that takes.
 *
 * The program measures and prints samples, one a line: SERIES VALUE. `signet-bench report` reads them
 * and prints medians and ratios; bench/tpm.sh runs the whole. Two series are compared round by round, so
 * that whatever disturbs the machine for some seconds disturbs both sides of a ratio.
 *
 * A measurement that cannot be made as described is worth nothing, and nothing here can be recovered: every
 * failure ends the program with status 1 and the cause on stderr.
 */
#ifndef SIGNET_BENCH_H
#define SIGNET_BENCH_H

#include <openssl/types.h>
#include <stddef.h>

/* Every lane signs one message of this length with RSASSA-PKCS1-v1_5 and SHA-256, hashing included. */
#define BENCH_MESSAGE_SIZE 32
/* Modulus of the largest key that is measured, bytes. */
#define BENCH_SIGNATURE_MAX 512

struct bench_options {
    unsigned rounds;         /* sign: measured rounds; one more before them is not counted */
    double seconds;          /* length of one turn */
    const char *tcti;        /* TCTI string of the TPM */
    const char *modules;     /* folder of signet.so */
    const char *key;         /* TSS2 PRIVATE KEY, PEM, without passphrase, under a persistent parent */
    const char *cpu_key;     /* PKCS#8, PEM */
    const char *provider;    /* count: "signet" or "tpm2" */
    const char *swtpm_log;   /* count: log of a swtpm at level 20 */
    unsigned signatures;     /* count: signatures after the first */
    unsigned clients;        /* handshakes: connections at a time */
    const char *certificate; /* handshakes: the servers' certificate, PEM; trusted */
    unsigned port;           /* handshakes: the server's, on loopback */
    const char *series;      /* handshakes: name of the sample */
    const char *json;        /* report: file to write, or NULL */
    const char *reference;   /* devices: SIGNET KEY REFERENCE to the same key at a persistent handle */
    const char *suite;       /* report: "tpm" or "board" */
};

/* The programs' parts, one a file. */
void bench_sign(const struct bench_options *options);
void bench_count(const struct bench_options *options);
void bench_handshakes(const struct bench_options *options);
void bench_lanes(const struct bench_options *options);
void bench_devices(const struct bench_options *options);
void bench_report(const struct bench_options *options);

/* ---- what the parts share (main.c) ---- */

void bench_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void bench_sample(const char *series, double value);
/* Monotonic time, seconds. */
double bench_now(void);

/* ---- a key to sign with ---- */

/* A signature over the message; writes it to sig and returns its length. */
typedef size_t bench_sign_function(void *signer, const unsigned char message[BENCH_MESSAGE_SIZE],
                                   unsigned char sig[BENCH_SIGNATURE_MAX]);

/* Through EVP, with a provider in a library context of its own (evp.c). */
struct bench_evp;
/* key is a file or a URI. */
struct bench_evp *bench_evp_new(const char *provider, const char *modules, const char *propquery,
                                const char *key);
void bench_evp_free(struct bench_evp *evp);
bench_sign_function bench_evp_sign;

/* tpm2-openssl must be asked for; bench/tpm.sh says why by this query. */
#define BENCH_TPM2_QUERY "?provider=tpm2,tpm2.digest!=yes,tpm2.cipher!=yes,tpm2.rand!=yes"

/* Through tpm2-tss's Esys_Sign and nothing else (raw.c). */
struct bench_raw;
struct bench_raw *bench_raw_new(const char *tcti, const char *key_file);
void bench_raw_free(struct bench_raw *raw);
bench_sign_function bench_raw_sign;

#endif
