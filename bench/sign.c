// SPDX-License-Identifier: Apache-2.0
/* Signing rates: the lanes take turns in one process, round after round. */
#include "bench.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A lane is open during its turn only. A TPM may have no more than three object slots, and to load a key
 * under a persistent parent takes two of them: lanes that stayed open would measure each other's swapping,
 * or fail. */
struct lane {
    const char *series;
    void *(*open)(const struct bench_options *options);
    bench_sign_function *sign;
    void (*close)(void *signer);
};

static const unsigned char message[BENCH_MESSAGE_SIZE] = "a message that every lane signs";

static void *raw_open(const struct bench_options *options)
{
    return bench_raw_new(options->tcti, options->key);
}

static void raw_close(void *signer)
{
    bench_raw_free(signer);
}

static void *signet_open(const struct bench_options *options)
{
    return bench_evp_new("signet", options->modules, NULL, options->key);
}

static void *tpm2_open(const struct bench_options *options)
{
    return bench_evp_new("tpm2", NULL, BENCH_TPM2_QUERY, options->key);
}

/* An ordinary key file is OpenSSL's own; by its URI it is Signet's. */
static void *cpu_signet_open(const struct bench_options *options)
{
    char uri[PATH_MAX + 16];

    if (snprintf(uri, sizeof(uri), "signet:file=%s", options->cpu_key) >= (int)sizeof(uri))
        bench_die("%s: too long a path", options->cpu_key);
    return bench_evp_new("signet", options->modules, NULL, uri);
}

static void *cpu_default_open(const struct bench_options *options)
{
    return bench_evp_new("default", NULL, NULL, options->cpu_key);
}

static void evp_close(void *signer)
{
    bench_evp_free(signer);
}

static const struct lane tpm_lanes[] = {
    {"raw", raw_open, bench_raw_sign, raw_close},
    {"signet", signet_open, bench_evp_sign, evp_close},
    {"tpm2", tpm2_open, bench_evp_sign, evp_close},
    {0},
};

static const struct lane cpu_lanes[] = {
    {"cpu-signet", cpu_signet_open, bench_evp_sign, evp_close},
    {"cpu-default", cpu_default_open, bench_evp_sign, evp_close},
    {0},
};

/* Lanes are only comparable if they do the same: one key and PKCS#1 v1.5, which is deterministic (RFC 8017
 * section 8.2), must give one signature. */
struct expected {
    unsigned char sig[BENCH_SIGNATURE_MAX];
    size_t len;
};

static void compare(struct expected *expected, const struct lane *lane, const unsigned char *sig, size_t len)
{
    if (expected->len == 0) {
        memcpy(expected->sig, sig, len);
        expected->len = len;
    } else if (len != expected->len || memcmp(sig, expected->sig, len) != 0) {
        bench_die("%s: another signature than that of the lane before it", lane->series);
    }
}

/* Signatures per second over at least the given time. Opening the lane and its first signature, which may
 * still load the key, do not count: `signet-bench count` tells what they cost. */
static double turn(const struct lane *lane, const struct bench_options *options, struct expected *expected)
{
    unsigned char sig[BENCH_SIGNATURE_MAX];
    unsigned long n = 0;
    double elapsed;

    void *signer = lane->open(options);
    compare(expected, lane, sig, lane->sign(signer, message, sig));
    double start = bench_now();
    do {
        lane->sign(signer, message, sig);
        n++;
        elapsed = bench_now() - start;
    } while (elapsed < options->seconds);
    lane->close(signer);
    return (double)n / elapsed;
}

/* Every other round goes backwards, so that no lane always follows the same one. */
static void rounds(const struct lane *lanes, const struct bench_options *options)
{
    struct expected expected = {.len = 0};
    unsigned n = 0;

    for (; lanes[n].series != NULL; n++) /* caches, the processor's clock */
        turn(&lanes[n], options, &expected);
    for (unsigned round = 0; round < options->rounds; round++)
        for (unsigned i = 0; i < n; i++) {
            const struct lane *lane = &lanes[round % 2 == 0 ? i : n - 1 - i];

            bench_sample(lane->series, turn(lane, options, &expected));
        }
}

/* ---- the kernel's devices ---- */

static void use_device(const char *tcti)
{
    if (setenv("SIGNET_TCTI", tcti, 1) != 0 || setenv("TPM2OPENSSL_TCTI", tcti, 1) != 0)
        bench_die("cannot set the environment");
}

static void *raw_tpm0_open(const struct bench_options *options)
{
    return bench_raw_new("device:/dev/tpm0", options->key);
}

static void *raw_tpmrm0_open(const struct bench_options *options)
{
    return bench_raw_new("device:/dev/tpmrm0", options->key);
}

static void *signet_tpmrm0_open(const struct bench_options *options)
{
    use_device("device:/dev/tpmrm0");
    return signet_open(options);
}

static void *pinned_tpmrm0_open(const struct bench_options *options)
{
    use_device("device:/dev/tpmrm0");
    return bench_evp_new("signet", options->modules, NULL, options->reference);
}

static void *tpm2_tpmrm0_open(const struct bench_options *options)
{
    use_device("device:/dev/tpmrm0");
    return tpm2_open(options);
}

static const struct lane device_lanes[] = {
    {"tpm0-raw", raw_tpm0_open, bench_raw_sign, raw_close},
    {"tpmrm0-raw", raw_tpmrm0_open, bench_raw_sign, raw_close},
    {"tpmrm0-signet", signet_tpmrm0_open, bench_evp_sign, evp_close},
    {"tpmrm0-pinned", pinned_tpmrm0_open, bench_evp_sign, evp_close},
    {"tpmrm0-tpm2", tpm2_tpmrm0_open, bench_evp_sign, evp_close},
    {0},
};

void bench_devices(const struct bench_options *options)
{
    rounds(device_lanes, options);
}

void bench_sign(const struct bench_options *options)
{
    rounds(tpm_lanes, options);
    rounds(cpu_lanes, options);
}
