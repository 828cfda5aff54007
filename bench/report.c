// SPDX-License-Identifier: Apache-2.0
/* From samples to a table for people and a JSON file for programs. The n-th value of a series is its n-th
 * round; a ratio is the median of the rounds' ratios, not the ratio of the medians. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct series {
    char name[64];
    double *values;
    size_t n;
};

struct summary {
    double median, min, max;
    size_t n;
};

enum bound { NO_TARGET, AT_LEAST, AT_MOST, EXACTLY, MORE_THAN };

/* A line of the table: the series a, or a divided by b round by round. */
struct row {
    const char *title;
    const char *a, *b;
    enum bound bound;
    double target;
};

struct block {
    const char *title;
    const char *id; /* in the JSON file */
    int decimals;
    const struct row *rows; /* title NULL at the end */
};

static const struct row rates[] = {
    {"Esys_Sign loop, tpm2-tss alone", "raw", NULL, NO_TARGET, 0},
    {"Signet, EVP_DigestSign", "signet", NULL, NO_TARGET, 0},
    {"tpm2-openssl, EVP_DigestSign", "tpm2", NULL, NO_TARGET, 0},
    {"CPU: Signet, custody file, one thread", "cpu-signet", NULL, NO_TARGET, 0},
    {"CPU: OpenSSL's default provider, one thread", "cpu-default", NULL, NO_TARGET, 0},
    {0},
};

static const struct row handshakes[] = {
    {"nginx, 1 worker, Signet", "nginx1-signet", NULL, NO_TARGET, 0},
    {"nginx, 1 worker, tpm2-openssl", "nginx1-tpm2", NULL, NO_TARGET, 0},
    {"nginx, 2 workers, Signet", "nginx2-signet", NULL, NO_TARGET, 0},
    {"nginx, 2 workers, tpm2-openssl", "nginx2-tpm2", NULL, NO_TARGET, 0},
    {0},
};

static const struct row ratios[] = {
    {"Signet : Esys_Sign loop", "signet", "raw", AT_LEAST, 0.98},
    {"Signet : tpm2-openssl", "signet", "tpm2", MORE_THAN, 1},
    {"CPU: Signet : OpenSSL's default provider", "cpu-signet", "cpu-default", AT_LEAST, 0.98},
    {"nginx, 1 worker, Signet : tpm2-openssl", "nginx1-signet", "nginx1-tpm2", NO_TARGET, 0},
    {"nginx, 2 workers, Signet : tpm2-openssl", "nginx2-signet", "nginx2-tpm2", NO_TARGET, 0},
    {0},
};

static const struct row counts[] = {
    {"Signet, each signature", "count-each-signet", NULL, EXACTLY, 1},
    {"Signet, start to first signature", "count-first-signet", NULL, AT_MOST, 3},
    {"tpm2-openssl, each signature", "count-each-tpm2", NULL, NO_TARGET, 0},
    {"tpm2-openssl, start to first signature", "count-first-tpm2", NULL, NO_TARGET, 0},
    {0},
};

static const struct row sizes[] = {
    {"signet.so, stripped, KB (1000 bytes)", "module-kb", NULL, AT_MOST, 150},
    {0},
};

/* ---- the board ---- */

#define BY_THREADS(title, series)                                                                            \
    {title ", 1 thread", series "-1", NULL, NO_TARGET, 0},                                                   \
        {title ", 2 threads", series "-2", NULL, NO_TARGET, 0},                                              \
        {title ", 4 threads", series "-4", NULL, NO_TARGET, 0},                                              \
        {title ", 8 threads", series "-8", NULL, NO_TARGET, 0},                                              \
    {                                                                                                        \
        title ", 16 threads", series "-16", NULL, NO_TARGET, 0                                               \
    }
#define RATIOS(title, a, b, bound, target)                                                                   \
    {title ", 1 thread", a "-1", b "-1", bound, target},                                                     \
        {title ", 2 threads", a "-2", b "-2", bound, target},                                                \
        {title ", 4 threads", a "-4", b "-4", bound, target},                                                \
        {title ", 8 threads", a "-8", b "-8", bound, target},                                                \
    {                                                                                                        \
        title ", 16 threads", a "-16", b "-16", bound, target                                                \
    }

static const struct row board_rates[] = {
    BY_THREADS("CPU, OpenSSL's default provider", "cpu"),
    BY_THREADS("keyring, bare loop", "keyring-raw"),
    BY_THREADS("keyring, Signet", "keyring"),
    BY_THREADS("AF_ALG, bare loop", "afalg-raw"),
    BY_THREADS("AF_ALG, Signet", "afalg"),
    BY_THREADS("routed, Signet", "routed"),
    {0},
};

static const struct row board_ratios[] = {
    RATIOS("Signet : bare, keyring", "keyring", "keyring-raw", AT_LEAST, 0.95),
    RATIOS("Signet : bare, AF_ALG", "afalg", "afalg-raw", AT_LEAST, 0.95),
    RATIOS("accelerator : CPU", "afalg", "cpu", NO_TARGET, 0),
    RATIOS("routed : accelerator + CPU", "routed", "sum", NO_TARGET, 0),
    /* Capacities: with as many threads as keep every engine busy. */
    {"accelerator : CPU, kept busy", "afalg-16", "cpu-16", AT_LEAST, 5},
    {"routed : accelerator + CPU, kept busy", "routed-16", "sum-16", AT_LEAST, 0.9},
    {0},
};

static const struct row board_devices[] = {
    {"/dev/tpm0, Esys_Sign loop", "tpm0-raw", NULL, NO_TARGET, 0},
    {"/dev/tpmrm0, Esys_Sign loop", "tpmrm0-raw", NULL, NO_TARGET, 0},
    {"/dev/tpmrm0, Signet", "tpmrm0-signet", NULL, NO_TARGET, 0},
    {"/dev/tpmrm0, Signet, pinned key", "tpmrm0-pinned", NULL, NO_TARGET, 0},
    {"/dev/tpmrm0, tpm2-openssl", "tpmrm0-tpm2", NULL, NO_TARGET, 0},
    {0},
};

static const struct row board_device_ratios[] = {
    {"pinned : Esys_Sign on /dev/tpm0", "tpmrm0-pinned", "tpm0-raw", AT_LEAST, 0.9},
    {"pinned : tpm2-openssl", "tpmrm0-pinned", "tpmrm0-tpm2", AT_LEAST, 4},
    {"not pinned : Esys_Sign on /dev/tpmrm0", "tpmrm0-signet", "tpmrm0-raw", NO_TARGET, 0},
    {0},
};

static const struct row board_counts[] = {
    {"Signet, pinned key", "count-each-pinned", NULL, EXACTLY, 1},
    {"Signet, key not pinned", "count-each-unpinned", NULL, NO_TARGET, 0},
    {"tpm2-openssl", "count-each-tpm2", NULL, NO_TARGET, 0},
    {0},
};

static const struct row board_handshakes[] = {
    {"custody file, CPU only", "nginx-cpu", NULL, NO_TARGET, 0},
    {"custody file", "nginx-file", NULL, NO_TARGET, 0},
    {"custody sealed", "nginx-sealed", NULL, NO_TARGET, 0},
    {"custody sealed, held by the kernel", "nginx-held", NULL, NO_TARGET, 0},
    {"custody tpm, /dev/tpmrm0", "nginx-tpm", NULL, NO_TARGET, 0},
    {"custody tpm, pinned", "nginx-pinned", NULL, NO_TARGET, 0},
    {0},
};

static const struct block board_blocks[] = {
    {"RSA-2048 signatures per second", "signatures-per-second", 1, board_rates},
    {"Ratios of rates, round by round", "ratios", 3, board_ratios},
    {"TPM: RSA-2048 signatures per second", "tpm-signatures-per-second", 1, board_devices},
    {"TPM: ratios of rates, round by round", "tpm-ratios", 3, board_device_ratios},
    {"TPM commands at the device, a signature", "tpm-commands", 2, board_counts},
    {"nginx, 1 worker: new TLS 1.3 handshakes per second", "handshakes-per-second", 1, board_handshakes},
};

static const struct block tpm_blocks[] = {
    {"RSA-2048 signatures per second", "signatures-per-second", 1, rates},
    {"New TLS 1.3 handshakes per second", "handshakes-per-second", 1, handshakes},
    {"Ratios of rates, round by round", "ratios", 3, ratios},
    {"TPM commands, a fresh process each", "tpm-commands", 2, counts},
    {"Size", "size", 1, sizes},
};

static const struct block *blocks = tpm_blocks;
static size_t blocks_n = sizeof(tpm_blocks) / sizeof(tpm_blocks[0]);

static struct series *samples;
static size_t samples_n;

static struct series *find(const char *name)
{
    for (size_t i = 0; i < samples_n; i++)
        if (strcmp(samples[i].name, name) == 0)
            return &samples[i];
    return NULL;
}

static void add(const char *name, double value)
{
    struct series *series = find(name);

    if (series == NULL) {
        samples = realloc(samples, (samples_n + 1) * sizeof(*samples));
        if (samples == NULL)
            bench_die("out of memory");
        series = &samples[samples_n++];
        *series = (struct series){0};
        snprintf(series->name, sizeof(series->name), "%s", name);
    }
    series->values = realloc(series->values, (series->n + 1) * sizeof(double));
    if (series->values == NULL)
        bench_die("out of memory");
    series->values[series->n++] = value;
}

static void read_samples(FILE *in)
{
    char line[256], name[64], rest;
    double value;

    while (fgets(line, sizeof(line), in) != NULL) {
        if (sscanf(line, "%63s %lf %c", name, &value, &rest) != 2 || !(value >= 0))
            bench_die("not a sample: %s", line);
        add(name, value);
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct summary summarize(const struct row *row)
{
    const struct series *a = find(row->a), *b = row->b == NULL ? NULL : find(row->b);
    if (a == NULL || (row->b != NULL && b == NULL))
        bench_die("%s: not measured", row->title);
    if (b != NULL && a->n != b->n)
        bench_die("%s: %zu rounds against %zu", row->title, a->n, b->n);

    double *values = calloc(a->n, sizeof(*values));
    if (values == NULL)
        bench_die("out of memory");
    for (size_t i = 0; i < a->n; i++)
        values[i] = b == NULL ? a->values[i] : a->values[i] / b->values[i];
    qsort(values, a->n, sizeof(*values), ascending);
    size_t half = a->n / 2;
    struct summary summary = {
        .median = a->n % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2,
        .min = values[0],
        .max = values[a->n - 1],
        .n = a->n,
    };
    free(values);
    return summary;
}

/* A count must hold in every process, not in most of them; a rate is judged by its median. */
static int is_met(const struct row *row, const struct summary *summary)
{
    switch (row->bound) {
    case AT_LEAST:
        return summary->median >= row->target;
    case MORE_THAN:
        return summary->median > row->target;
    case AT_MOST:
        return summary->max <= row->target;
    case EXACTLY:
        return summary->min == row->target && summary->max == row->target;
    default:
        return 1;
    }
}

static void print_row(const struct row *row, int decimals)
{
    static const char *const bounds[] = {"", ">=", "<=", "=", ">"};
    struct summary s = summarize(row);
    char range[64], target[64] = "-";

    snprintf(range, sizeof(range), "%.*f..%.*f", decimals, s.min, decimals, s.max);
    if (row->bound != NO_TARGET)
        snprintf(target, sizeof(target), "%s %g %s", bounds[row->bound], row->target,
                 is_met(row, &s) ? "met" : "missed");
    printf("  %-45s %9.*f  %-17s %6zu  %s\n", row->title, decimals, s.median, range, s.n, target);
}

static void print_json_row(FILE *out, const struct row *row)
{
    struct summary s = summarize(row);

    fprintf(out, "    {\"of\": \"%s\", ", row->a);
    if (row->b != NULL)
        fprintf(out, "\"to\": \"%s\", ", row->b);
    fprintf(out, "\"median\": %.4f, \"min\": %.4f, \"max\": %.4f, \"rounds\": %zu", s.median, s.min, s.max,
            s.n);
    if (row->bound != NO_TARGET)
        fprintf(out, ", \"target\": %g, \"met\": %s", row->target, is_met(row, &s) ? "true" : "false");
    fprintf(out, "}%s\n", row[1].title == NULL ? "" : ",");
}

static void write_json(const char *path)
{
    const size_t n = blocks_n;
    FILE *out = fopen(path, "w");
    if (out == NULL)
        bench_die("cannot write %s", path);
    fputs("{\n", out);
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "  \"%s\": [\n", blocks[i].id);
        for (const struct row *row = blocks[i].rows; row->title != NULL; row++)
            print_json_row(out, row);
        fprintf(out, "  ]%s\n", i + 1 == n ? "" : ",");
    }
    fputs("}\n", out);
    if (ferror(out) || fclose(out) != 0)
        bench_die("cannot write %s", path);
}

void bench_report(const struct bench_options *options)
{
    if (strcmp(options->suite, "board") == 0) {
        blocks = board_blocks;
        blocks_n = sizeof(board_blocks) / sizeof(board_blocks[0]);
    }
    read_samples(stdin);
    for (size_t i = 0; i < blocks_n; i++) {
        printf("%s%-47s %9s  %-17s %6s  %s\n", i == 0 ? "" : "\n", blocks[i].title, "median", "min..max",
               "rounds", "target");
        for (const struct row *row = blocks[i].rows; row->title != NULL; row++)
            print_row(row, blocks[i].decimals);
    }
    if (options->json != NULL)
        write_json(options->json);
    for (size_t i = 0; i < samples_n; i++)
        free(samples[i].values);
    free(samples);
}
