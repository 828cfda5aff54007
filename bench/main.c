// SPDX-License-Identifier: Apache-2.0
/* signet-bench: the command line, and what the parts share. */
#include "bench.h"

#include <getopt.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char usage[] =
    "Usage: signet-bench COMMAND [OPTION]...\n"
    "Measures keys and prints samples, one a line: SERIES VALUE. bench/tpm.sh runs all of it.\n"
    "\n"
    "  sign        rates: Esys_Sign, Signet and tpm2-openssl on a TPM; Signet and OpenSSL on the CPU\n"
    "                --tcti TCTI --modules DIR --key TSS2.pem --cpu-key PKCS8.pem\n"
    "  count       TPM commands of one process, from the log (level 20) of the swtpm that it uses\n"
    "                --provider signet|tpm2 --tcti TCTI --modules DIR --key TSS2.pem --swtpm-log FILE\n"
    "                [--signatures N] (after the first; 16)\n"
    "                [--series NAME] (instead of the provider's)\n"
    "  lanes       rates by threads: the CPU, the kernel's keyring and AF_ALG, bare and through Signet\n"
    "                --modules DIR --cpu-key PKCS8.pem\n"
    "  devices     rates on /dev/tpm0 and /dev/tpmrm0: Esys_Sign, Signet, Signet with a pinned key, "
    "tpm2-openssl\n"
    "                --modules DIR --key TSS2.pem --reference REF.pem (the same key at a persistent handle)\n"
    "  handshakes  new TLS 1.3 handshakes per second with a server on loopback, one turn\n"
    "                --certificate PEM --port P --series NAME [--clients N] (at a time; 4)\n"
    "  report      medians, ratios and targets from samples on stdin\n"
    "                [--json FILE] [--suite tpm|board]\n"
    "\n"
    "  --rounds N   sign: measured rounds (15)\n"
    "  --seconds S  sign, handshakes: length of one turn (0.7)\n"
    "  --help\n";

static const struct option long_options[] = {
    {"rounds", required_argument, NULL, 'r'},
    {"seconds", required_argument, NULL, 's'},
    {"tcti", required_argument, NULL, 't'},
    {"modules", required_argument, NULL, 'm'},
    {"key", required_argument, NULL, 'k'},
    {"cpu-key", required_argument, NULL, 'c'},
    {"provider", required_argument, NULL, 'p'},
    {"swtpm-log", required_argument, NULL, 'l'},
    {"signatures", required_argument, NULL, 'n'},
    {"clients", required_argument, NULL, 'C'},
    {"certificate", required_argument, NULL, 'x'},
    {"json", required_argument, NULL, 'j'},
    {"reference", required_argument, NULL, 'R'},
    {"suite", required_argument, NULL, 'u'},
    {"port", required_argument, NULL, 'P'},
    {"series", required_argument, NULL, 'S'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

void bench_die(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    fputs("signet-bench: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    ERR_print_errors_fp(stderr);
    /* Not exit(): other threads may still be inside OpenSSL or a provider. */
    _Exit(1);
}

void bench_sample(const char *series, double value)
{
    /* Flushed, so that a person who watches sees it grow. */
    if (printf("%s %.4f\n", series, value) < 0 || fflush(stdout) != 0)
        bench_die("cannot write the samples");
}

double bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static unsigned positive(const char *option, const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value == 0 || value > 100000)
        bench_die("--%s: not a number from 1 to 100000: %s", option, text);
    return (unsigned)value;
}

/* Returns the command, or NULL. */
static const char *parse(struct bench_options *options, int argc, char **argv)
{
    int c, index = 0;
    char *end;

    while ((c = getopt_long(argc, argv, "", long_options, &index)) != -1) {
        switch (c) {
        case 'r':
            options->rounds = positive("rounds", optarg);
            break;
        case 's':
            options->seconds = strtod(optarg, &end);
            if (end == optarg || *end != '\0' || !(options->seconds > 0) || options->seconds > 3600)
                bench_die("--seconds: not a time in seconds: %s", optarg);
            break;
        case 't':
            options->tcti = optarg;
            break;
        case 'm':
            options->modules = optarg;
            break;
        case 'k':
            options->key = optarg;
            break;
        case 'c':
            options->cpu_key = optarg;
            break;
        case 'p':
            options->provider = optarg;
            break;
        case 'l':
            options->swtpm_log = optarg;
            break;
        case 'n':
            options->signatures = positive("signatures", optarg);
            break;
        case 'C':
            options->clients = positive("clients", optarg);
            break;
        case 'P':
            options->port = positive("port", optarg);
            break;
        case 'S':
            options->series = optarg;
            break;
        case 'x':
            options->certificate = optarg;
            break;
        case 'j':
            options->json = optarg;
            break;
        case 'R':
            options->reference = optarg;
            break;
        case 'u':
            options->suite = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            fputs("Try 'signet-bench --help'.\n", stderr);
            exit(2);
        }
    }
    if (optind + 1 < argc)
        bench_die("one command at a time; see --help");
    return argv[optind];
}

static void need(const char *option, const void *value)
{
    if (value == NULL)
        bench_die("%s is missing; see --help", option);
}

/* Both providers take their TCTI from the environment; one option sets it for all lanes. */
static void use_tcti(const char *tcti)
{
    if (setenv("SIGNET_TCTI", tcti, 1) != 0 || setenv("TPM2OPENSSL_TCTI", tcti, 1) != 0)
        bench_die("cannot set the environment");
}

int main(int argc, char **argv)
{
    struct bench_options options = {
        .rounds = 15, .seconds = 0.7, .signatures = 16, .clients = 4, .suite = "tpm"};

    const char *command = parse(&options, argc, argv);
    need("the command", command);
    if (strcmp(command, "sign") == 0 || strcmp(command, "count") == 0) {
        need("--tcti", options.tcti);
        need("--modules", options.modules);
        need("--key", options.key);
        use_tcti(options.tcti);
    }
    if (strcmp(command, "sign") == 0) {
        need("--cpu-key", options.cpu_key);
        bench_sign(&options);
    } else if (strcmp(command, "count") == 0) {
        need("--provider", options.provider);
        need("--swtpm-log", options.swtpm_log);
        bench_count(&options);
    } else if (strcmp(command, "lanes") == 0) {
        need("--modules", options.modules);
        need("--cpu-key", options.cpu_key);
        bench_lanes(&options);
    } else if (strcmp(command, "devices") == 0) {
        need("--modules", options.modules);
        need("--key", options.key);
        need("--reference", options.reference);
        bench_devices(&options);
    } else if (strcmp(command, "handshakes") == 0) {
        need("--certificate", options.certificate);
        need("--series", options.series);
        if (options.port == 0 || options.port > 65535)
            bench_die("--port is missing or no port; see --help");
        bench_handshakes(&options);
    } else if (strcmp(command, "report") == 0) {
        bench_report(&options);
    } else {
        bench_die("unknown command %s; see --help", command);
    }
    return 0;
}
