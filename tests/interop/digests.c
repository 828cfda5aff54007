// SPDX-License-Identifier: Apache-2.0
/*
 * digests equal: the digests of provider=signet against those of provider=default: lengths, pieces, copies in
 *   the middle, contexts used again.
 * digests threads N: the same in N threads at once.
 * digests fork: contexts from before a fork.
 * digests chosen FIRST: who gets what; FIRST is the property query of the process's first fetch.
 * digests loaded FOLDER: the same where the program loads the providers itself, from FOLDER, Signet's first.
 * digests without COMMAND...: runs it where it can't use AF_ALG, as with systemd's RestrictAddressFamilies.
 */
#include "peer.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <openssl/core_dispatch.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONGEST (1024 * 1024)

static const char *const names[] = {"SHA1",     "SHA2-224", "SHA2-256", "SHA2-384",
                                    "SHA2-512", "SHA3-256", "SHA3-384", "SHA3-512"};
#define NAMES (sizeof(names) / sizeof(names[0]))
static const size_t lengths[] = {0, 1, 63, 64, 65, 4095, 4096, 4097, 8192, 100000, LONGEST};
#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

static unsigned char data[LONGEST];

static EVP_MD *fetch(OSSL_LIB_CTX *libctx, const char *name, const char *query)
{
    EVP_MD *md = EVP_MD_fetch(libctx, name, query);

    if (md == NULL)
        peer_die("no %s with \"%s\"", name, query != NULL ? query : "");
    return md;
}

static void begin(EVP_MD_CTX *ctx, const EVP_MD *md)
{
    if (!EVP_DigestInit_ex(ctx, md, NULL))
        peer_die("init");
}

static void add(EVP_MD_CTX *ctx, const unsigned char *in, size_t len)
{
    if (!EVP_DigestUpdate(ctx, in, len))
        peer_die("update");
}

/* In pieces of up to largest bytes, 0: in one. */
static void add_pieces(EVP_MD_CTX *ctx, const unsigned char *in, size_t len, unsigned largest, unsigned *seed)
{
    if (largest == 0)
        add(ctx, in, len);
    while (largest != 0 && len > 0) {
        size_t piece = (size_t)rand_r(seed) % (largest + 1);

        piece = piece < len ? piece : len;
        add(ctx, in, piece);
        in += piece;
        len -= piece;
    }
}

static void must_be(EVP_MD_CTX *ctx, const unsigned char *want, size_t want_len, const char *what, size_t len)
{
    unsigned char got[EVP_MAX_MD_SIZE];
    unsigned got_len;

    if (!EVP_DigestFinal_ex(ctx, got, &got_len))
        peer_die("final");
    if (got_len != want_len || memcmp(got, want, want_len) != 0)
        peer_die("%s: wrong after %zu bytes, %s", EVP_MD_get0_name(EVP_MD_CTX_get0_md(ctx)), len, what);
}

static void of_default(const char *name, size_t len, unsigned char *md, unsigned *md_len)
{
    EVP_MD *reference = fetch(NULL, name, "provider=default");

    if (!EVP_Digest(data, len, md, md_len, reference, NULL))
        peer_die("%s of the default provider", name);
    EVP_MD_free(reference);
}

static void copies(EVP_MD_CTX *ctx, const EVP_MD *md, size_t len, const unsigned char *want,
                   unsigned want_len, unsigned *seed)
{
    EVP_MD_CTX *copy = EVP_MD_CTX_new(), *unlike = EVP_MD_CTX_new();
    size_t middle = len > 0 ? (size_t)rand_r(seed) % len : 0;

    begin(ctx, md);
    add_pieces(ctx, data, middle, 5000, seed);
    if (!EVP_MD_CTX_copy_ex(copy, ctx) || !EVP_MD_CTX_copy_ex(unlike, ctx))
        peer_die("copy");
    /* What one of them goes on with is nothing to the others. */
    add(unlike, data, 5000);
    add_pieces(copy, data + middle, len - middle, 5000, seed);
    add_pieces(ctx, data + middle, len - middle, 300, seed);
    must_be(copy, want, want_len, "copied in the middle", len);
    EVP_MD_CTX_free(copy);
    must_be(ctx, want, want_len, "copied from in the middle", len);
    EVP_MD_CTX_free(unlike);
}

/* The provider's one-shot function, which EVP does not call. */
static void at_once(const EVP_MD *md, size_t len, const unsigned char *want, unsigned want_len)
{
    const OSSL_PROVIDER *provider = EVP_MD_get0_provider(md);
    int no_cache;
    const OSSL_ALGORITHM *algorithm = OSSL_PROVIDER_query_operation(provider, OSSL_OP_DIGEST, &no_cache);
    const OSSL_DISPATCH *function;
    unsigned char got[EVP_MAX_MD_SIZE];
    size_t got_len = 0;

    while (algorithm->algorithm_names != NULL &&
           !EVP_MD_is_a(md, strrchr(algorithm->algorithm_names, ':') + 1))
        algorithm++;
    for (function = algorithm->implementation; function->function_id != OSSL_FUNC_DIGEST_DIGEST; function++)
        if (function->function_id == 0)
            peer_die("no one-shot function");
    if (!OSSL_FUNC_digest_digest(function)(OSSL_PROVIDER_get0_provider_ctx(provider), data, len, got,
                                           &got_len, sizeof(got)) ||
        got_len != want_len || memcmp(got, want, want_len) != 0)
        peer_die("%s of %zu bytes at once", EVP_MD_get0_name(md), len);
}

static void equal(unsigned seed)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t i, j;

    for (i = 0; i < NAMES; i++) {
        EVP_MD *md = fetch(NULL, names[i], "provider=signet"),
               *reference = fetch(NULL, names[i], "provider=default");

        if (EVP_MD_get_size(md) != EVP_MD_get_size(reference) ||
            EVP_MD_get_block_size(md) != EVP_MD_get_block_size(reference) ||
            EVP_MD_get_flags(md) != EVP_MD_get_flags(reference) ||
            EVP_MD_get_type(md) != EVP_MD_get_type(reference))
            peer_die("%s: other properties", names[i]);
        for (j = 0; j < LENGTHS; j++) {
            size_t len = lengths[j];
            unsigned char want[EVP_MAX_MD_SIZE];
            unsigned want_len;

            of_default(names[i], len, want, &want_len);
            begin(ctx, md);
            add(ctx, data, len);
            must_be(ctx, want, want_len, "in one piece", len);
            begin(ctx, md);
            add_pieces(ctx, data, len, 200, &seed);
            must_be(ctx, want, want_len, "in small pieces", len);
            begin(ctx, md);
            add_pieces(ctx, data, len, 10000, &seed);
            must_be(ctx, want, want_len, "in pieces", len);
            copies(ctx, md, len, want, want_len, &seed);
            at_once(md, len, want, want_len);
            /* Begun and given up: with and without something in the kernel's hands. */
            begin(ctx, md);
            add(ctx, data, 100 + (j % 2) * 10000);
            begin(ctx, NULL);
            add(ctx, data, len);
            must_be(ctx, want, want_len, "after one that was given up", len);
        }
        EVP_MD_free(md);
        EVP_MD_free(reference);
    }
    EVP_MD_CTX_free(ctx);
}

/* ---- threads ---- */

static void *run(void *arg)
{
    equal(*(unsigned *)arg);
    return NULL;
}

static void threads(int count)
{
    pthread_t *ids = calloc((size_t)count, sizeof(*ids));
    unsigned *seeds = calloc((size_t)count, sizeof(*seeds));

    for (int i = 0; i < count; i++) {
        seeds[i] = (unsigned)i + 1;
        if (pthread_create(&ids[i], NULL, run, &seeds[i]) != 0)
            peer_die("thread %d", i);
    }
    for (int i = 0; i < count; i++)
        pthread_join(ids[i], NULL);
    free(seeds);
    free(ids);
}

/* ---- fork ---- */

/* A message that the kernel has part of can't go on in the child, which must be told so; all else can. */
static void child(EVP_MD_CTX *small, EVP_MD_CTX *large, const unsigned char *want, unsigned want_len)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    char errors[1000];
    unsigned md_len;

    add(small, data + 100, LONGEST - 100);
    must_be(small, want, want_len, "begun before the fork", LONGEST);
    if (EVP_MD_CTX_copy_ex(copy, large))
        peer_die("the copy of a state that is shared with the parent has not failed");
    if (EVP_DigestUpdate(large, data + 50000, LONGEST - 50000) && EVP_DigestFinal_ex(large, md, &md_len))
        peer_die("a message that the parent goes on with, too, has not failed");
    peer_errors(errors, sizeof(errors));
    if (strstr(errors, "before a fork") == NULL)
        peer_die("the error is not the one: %s", errors);
    begin(large, EVP_MD_CTX_get0_md(large));
    add(large, data, LONGEST);
    must_be(large, want, want_len, "begun again", LONGEST);
    EVP_MD_CTX_free(copy);
    EVP_MD_CTX_free(small);
    EVP_MD_CTX_free(large);
    exit(0);
}

static void forks(void)
{
    EVP_MD *md = fetch(NULL, "SHA2-256", "provider=signet");
    EVP_MD_CTX *small = EVP_MD_CTX_new(), *large = EVP_MD_CTX_new();
    unsigned char want[EVP_MAX_MD_SIZE];
    unsigned want_len;
    int i, status, failed = 0;

    of_default("SHA2-256", LONGEST, want, &want_len);
    begin(small, md);
    add(small, data, 100);
    begin(large, md);
    add(large, data, 50000);
    for (i = 0; i < 4; i++) {
        pid_t pid = fork();

        if (pid < 0)
            peer_die("fork");
        if (pid == 0)
            child(small, large, want, want_len);
    }
    /* Nothing that the children do is anything to the parent. */
    add_pieces(small, data + 100, LONGEST - 100, 5000, &(unsigned){1});
    add_pieces(large, data + 50000, LONGEST - 50000, 5000, &(unsigned){2});
    while (wait(&status) > 0)
        failed += status != 0;
    must_be(small, want, want_len, "small, in the parent", LONGEST);
    must_be(large, want, want_len, "large, in the parent", LONGEST);
    EVP_MD_CTX_free(small);
    EVP_MD_CTX_free(large);
    EVP_MD_free(md);
    if (failed > 0)
        peer_die("%d children failed", failed);
}

/* ---- who is chosen ---- */

static void must_come_from(OSSL_LIB_CTX *libctx, const char *name, const char *query, const char *provider)
{
    EVP_MD *md = fetch(libctx, name, query);
    const char *got = OSSL_PROVIDER_get0_name(EVP_MD_get0_provider(md));

    /* Signet's provider has whatever name the configuration gives it. */
    if ((strcmp(got, "default") == 0) != (strcmp(provider, "default") == 0))
        peer_die("%s with \"%s\" is of %s, not %s", name, query != NULL ? query : "", got, provider);
    EVP_MD_free(md);
}

static void choices(OSSL_LIB_CTX *libctx)
{
    size_t i;

    for (i = 0; i < NAMES; i++) {
        must_come_from(libctx, names[i], NULL, "default");
        must_come_from(libctx, names[i], "", "default");
        must_come_from(libctx, names[i], "fips!=yes", "default");
        must_come_from(libctx, names[i], "?fips=yes", "default");
        must_come_from(libctx, names[i], "provider=default", "default");
        must_come_from(libctx, names[i], "provider=signet", "signet");
        must_come_from(libctx, names[i], "?provider=signet", "signet");
        must_come_from(libctx, names[i], "provider!=default", "signet");
    }
    must_come_from(libctx, "SHA256", NULL, "default");
    must_come_from(libctx, "2.16.840.1.101.3.4.2.1", NULL, "default");
    must_come_from(libctx, "SHA512-256", NULL, "default");
}

static void chosen(const char *first)
{
    EVP_MD_free(fetch(NULL, "SHA2-256", first));
    choices(NULL);
}

static void loaded(const char *folder)
{
    OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *signet, *others;

    OSSL_PROVIDER_set_default_search_path(libctx, folder);
    if ((signet = OSSL_PROVIDER_load(libctx, "signet")) == NULL)
        peer_die("signet can't be loaded");
    if (EVP_MD_fetch(libctx, "SHA2-256", "provider=signet") != NULL)
        peer_die("offered while there is no other provider");
    ERR_clear_error();
    if ((others = OSSL_PROVIDER_load(libctx, "default")) == NULL)
        peer_die("default can't be loaded");
    must_come_from(libctx, "SHA2-256", "provider=signet", "signet");
    choices(libctx);
    OSSL_PROVIDER_unload(others);
    OSSL_PROVIDER_unload(signet);
    OSSL_LIB_CTX_free(libctx);
}

/* ---- a sandbox ---- */

static _Noreturn void without(char **command)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_ALG, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        peer_die("seccomp: %s", strerror(errno));
    execvp(command[0], command);
    peer_die("%s: %s", command[0], strerror(errno));
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    size_t i;

    for (i = 0; i < LONGEST; i++)
        data[i] = (unsigned char)(i * 2654435761u >> 13);
    if (argc == 2 && strcmp(what, "equal") == 0)
        equal(1);
    else if (argc == 3 && strcmp(what, "threads") == 0)
        threads(peer_count(argv[2]));
    else if (argc == 2 && strcmp(what, "fork") == 0)
        forks();
    else if (argc == 3 && strcmp(what, "chosen") == 0)
        chosen(argv[2]);
    else if (argc == 3 && strcmp(what, "loaded") == 0)
        loaded(argv[2]);
    else if (argc > 2 && strcmp(what, "without") == 0)
        without(argv + 2);
    else
        peer_die(
            "usage: digests equal | threads N | fork | chosen FIRST | loaded FOLDER | without COMMAND...");
    return 0;
}
