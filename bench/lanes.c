// SPDX-License-Identifier: Apache-2.0
/* The accelerator's rates beside the CPU's, by threads: the kernel's interfaces bare, and Signet through
 * each. */
#include "bench.h"

#include <errno.h>
#include <keyutils.h>
#include <limits.h>
#include <linux/if_alg.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS_MAX 64

static const unsigned char message[BENCH_MESSAGE_SIZE] = "a message that every lane signs";

/* ---- the bare interfaces: padding done once, then the private operation in a loop ---- */

/* The message's EMSA-PKCS1-v1_5 (RFC 8017 section 9.2), as the public operation on its signature shows it. */
struct bare {
    unsigned char em[BENCH_SIGNATURE_MAX];
    size_t size;
    key_serial_t serial;
    int bound; /* AF_ALG */
};

static EVP_PKEY *read_key(const char *path)
{
    BIO *bio = BIO_new_file(path, "r");
    EVP_PKEY *pkey = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;

    BIO_free(bio);
    if (pkey == NULL)
        bench_die("%s: not a private key", path);
    return pkey;
}

static struct bare *bare_new(EVP_PKEY *pkey)
{
    static const unsigned char digest_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                                0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    struct bare *bare = calloc(1, sizeof(*bare));
    size_t tail = sizeof(digest_info) + 32;

    if (bare == NULL)
        bench_die("out of memory");
    bare->size = (size_t)EVP_PKEY_get_size(pkey);
    memset(bare->em, 0xff, bare->size);
    bare->em[0] = 0;
    bare->em[1] = 1;
    bare->em[bare->size - tail - 1] = 0;
    memcpy(bare->em + bare->size - tail, digest_info, sizeof(digest_info));
    if (EVP_Q_digest(NULL, "SHA256", NULL, message, sizeof(message), bare->em + bare->size - 32, NULL) != 1)
        bench_die("SHA-256 failed");
    return bare;
}

static void *keyring_open(const struct bench_options *options)
{
    EVP_PKEY *pkey = read_key(options->cpu_key);
    struct bare *bare = bare_new(pkey);
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
    unsigned char *der = NULL;
    int len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);

    bare->serial = add_key("asymmetric", "bench", der, (size_t)len, KEY_SPEC_PROCESS_KEYRING);
    if (bare->serial < 0)
        bench_die("add_key: %s", strerror(errno));
    OPENSSL_clear_free(der, (size_t)len);
    PKCS8_PRIV_KEY_INFO_free(info);
    EVP_PKEY_free(pkey);
    return bare;
}

static size_t keyring_sign(void *signer, const unsigned char unused[BENCH_MESSAGE_SIZE],
                           unsigned char sig[BENCH_SIGNATURE_MAX])
{
    struct bare *bare = signer;

    (void)unused;
    if (keyctl_pkey_decrypt(bare->serial, "enc=raw", bare->em, bare->size, sig, bare->size) !=
        (long)bare->size)
        bench_die("keyctl_pkey_decrypt: %s", strerror(errno));
    return bare->size;
}

static void keyring_close(void *signer)
{
    struct bare *bare = signer;

    keyctl_unlink(bare->serial, KEY_SPEC_PROCESS_KEYRING);
    free(bare);
}

static void *afalg_open(const struct bench_options *options)
{
    struct sockaddr_alg address = {.salg_family = AF_ALG, .salg_type = "akcipher", .salg_name = "rsa"};
    EVP_PKEY *pkey = read_key(options->cpu_key);
    struct bare *bare = bare_new(pkey);
    unsigned char *der = NULL;
    int len = i2d_PrivateKey(pkey, &der);

    bare->bound = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (bare->bound < 0 || bind(bare->bound, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        setsockopt(bare->bound, SOL_ALG, ALG_SET_KEY, der, (socklen_t)len) != 0)
        bench_die("AF_ALG akcipher: %s", strerror(errno));
    OPENSSL_clear_free(der, (size_t)len);
    EVP_PKEY_free(pkey);
    return bare;
}

static size_t afalg_sign(void *signer, const unsigned char unused[BENCH_MESSAGE_SIZE],
                         unsigned char sig[BENCH_SIGNATURE_MAX])
{
    static _Thread_local int fd = -1;
    static _Thread_local const struct bare *owner;
    struct bare *bare = signer;
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(unsigned))];
    } control = {0};
    struct iovec iov = {bare->em, bare->size};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&msg);

    (void)unused;
    if (owner != bare) {
        if (fd >= 0)
            close(fd);
        fd = accept4(bare->bound, NULL, NULL, SOCK_CLOEXEC);
        owner = bare;
    }
    header->cmsg_level = SOL_ALG;
    header->cmsg_type = ALG_SET_OP;
    header->cmsg_len = CMSG_LEN(sizeof(unsigned));
    *(unsigned *)CMSG_DATA(header) = ALG_OP_DECRYPT;
    if (sendmsg(fd, &msg, 0) != (ssize_t)bare->size || read(fd, sig, bare->size) != (ssize_t)bare->size)
        bench_die("AF_ALG: %s", strerror(errno));
    return bare->size;
}

static void afalg_close(void *signer)
{
    struct bare *bare = signer;

    close(bare->bound);
    free(bare);
}

/* ---- through EVP ---- */

static void *signet_open(const struct bench_options *options, const char *lanes)
{
    char uri[PATH_MAX + 16];

    if (setenv("SIGNET_LANES", lanes, 1) != 0 ||
        snprintf(uri, sizeof(uri), "signet:file=%s", options->cpu_key) >= (int)sizeof(uri))
        bench_die("%s: too long a path", options->cpu_key);
    return bench_evp_new("signet", options->modules, NULL, uri);
}

static void *by_keyring_open(const struct bench_options *options)
{
    return signet_open(options, "keyring");
}

static void *by_afalg_open(const struct bench_options *options)
{
    return signet_open(options, "afalg");
}

static void *routed_open(const struct bench_options *options)
{
    return signet_open(options, "accelerator cpu");
}

static void *cpu_open(const struct bench_options *options)
{
    return bench_evp_new("default", NULL, NULL, options->cpu_key);
}

static void evp_close(void *signer)
{
    bench_evp_free(signer);
}

enum { CPU, KEYRING_RAW, KEYRING, AFALG_RAW, AFALG, ROUTED, LANES };

static const struct lane {
    const char *series;
    void *(*open)(const struct bench_options *options);
    bench_sign_function *sign;
    void (*close)(void *signer);
} lanes[LANES] = {
    [CPU] = {"cpu", cpu_open, bench_evp_sign, evp_close},
    [KEYRING_RAW] = {"keyring-raw", keyring_open, keyring_sign, keyring_close},
    [KEYRING] = {"keyring", by_keyring_open, bench_evp_sign, evp_close},
    [AFALG_RAW] = {"afalg-raw", afalg_open, afalg_sign, afalg_close},
    [AFALG] = {"afalg", by_afalg_open, bench_evp_sign, evp_close},
    [ROUTED] = {"routed", routed_open, bench_evp_sign, evp_close},
};

/* ---- turns ---- */

struct worker {
    pthread_t thread;
    const struct lane *lane;
    void *signer;
    double deadline;
    unsigned long signatures;
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    unsigned char sig[BENCH_SIGNATURE_MAX];

    do {
        worker->lane->sign(worker->signer, message, sig);
        worker->signatures++;
    } while (bench_now() < worker->deadline);
    return NULL;
}

/* PKCS#1 v1.5 is deterministic: all lanes must give one signature. */
static void compare(const struct lane *lane, void *signer)
{
    static unsigned char expected[BENCH_SIGNATURE_MAX];
    static size_t expected_len;
    unsigned char sig[BENCH_SIGNATURE_MAX];
    size_t len = lane->sign(signer, message, sig);

    if (expected_len == 0) {
        memcpy(expected, sig, len);
        expected_len = len;
    } else if (len != expected_len || memcmp(sig, expected, len) != 0) {
        bench_die("%s: another signature than that of the lane before it", lane->series);
    }
}

static double turn(const struct lane *lane, const struct bench_options *options, unsigned threads)
{
    struct worker workers[THREADS_MAX];
    unsigned long signatures = 0;
    void *signer = lane->open(options);
    unsigned char sig[BENCH_SIGNATURE_MAX];
    double start;

    compare(lane, signer);
    for (unsigned i = 0; i < 16; i++) /* the route learns what each lane takes */
        lane->sign(signer, message, sig);
    start = bench_now();
    for (unsigned i = 0; i < threads; i++) {
        workers[i] = (struct worker){.lane = lane, .signer = signer, .deadline = start + options->seconds};
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            bench_die("cannot start a thread");
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        signatures += workers[i].signatures;
    }
    start = bench_now() - start;
    lane->close(signer);
    return (double)signatures / start;
}

void bench_lanes(const struct bench_options *options)
{
    static const unsigned threads[] = {1, 2, 4, 8, 16};
    char series[64];

    for (unsigned round = 0; round < options->rounds; round++) {
        for (size_t t = 0; t < sizeof(threads) / sizeof(threads[0]); t++) {
            double rate[LANES];

            for (unsigned i = 0; i < LANES; i++) {
                unsigned n = round % 2 == 0 ? i : LANES - 1 - i;

                rate[n] = turn(&lanes[n], options, threads[t]);
            }
            for (unsigned i = 0; i < LANES; i++) {
                snprintf(series, sizeof(series), "%s-%u", lanes[i].series, threads[t]);
                bench_sample(series, rate[i]);
            }
            snprintf(series, sizeof(series), "sum-%u", threads[t]);
            bench_sample(series, rate[AFALG] + rate[CPU]);
        }
    }
}
