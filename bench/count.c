// SPDX-License-Identifier: Apache-2.0
/* TPM commands of a process: from its start to its first signature, and for each signature after that. They
 * are read from the log of the swtpm that executes them, not from what the process says. */
#include "bench.h"

#include <openssl/crypto.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Before each command that it executes, swtpm writes this line and then the command in hexadecimal. */
#define COMMAND_LINE "SWTPM_IO_Read: length"
/* TPM 2.0 Library part 1 section 18: tag (2 bytes), size (4), command code (4). */
#define COMMAND_HEADER_SIZE 10

static long log_end(FILE *log)
{
    long end = -1;
    if (fseek(log, 0, SEEK_END) != 0 || (end = ftell(log)) < 0)
        bench_die("cannot read swtpm's log");
    return end;
}

static const char *command_name(uint32_t code)
{
    /* The ones that a signer may send; TPM 2.0 Library part 2 section 6.5.2. */
    static const struct {
        uint32_t code;
        const char *name;
    } names[] = {
        {0x131, "CreatePrimary"}, {0x13e, "SequenceComplete"},
        {0x144, "Startup"},       {0x157, "Load"},
        {0x159, "RSA_Decrypt"},   {0x15c, "SequenceUpdate"},
        {0x15d, "Sign"},          {0x161, "ContextLoad"},
        {0x162, "ContextSave"},   {0x165, "FlushContext"},
        {0x173, "ReadPublic"},    {0x176, "StartAuthSession"},
        {0x17a, "GetCapability"}, {0x17b, "GetRandom"},
        {0x17d, "Hash"},          {0x186, "HashSequenceStart"},
    };
    static char hex[11];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].code == code)
            return names[i].name;
    snprintf(hex, sizeof(hex), "0x%x", (unsigned)code);
    return hex;
}

/* Counts the commands that the log has gained since *mark, names them on stderr (the first few of them; a
 * person wants to see what they are), and moves *mark to the end. */
static unsigned commands_since(FILE *log, long *mark, const char *title)
{
    enum { NAMED = 16 };
    char line[256];
    unsigned n = 0;
    unsigned char header[COMMAND_HEADER_SIZE];

    if (fseek(log, *mark, SEEK_SET) != 0)
        bench_die("cannot read swtpm's log");
    fprintf(stderr, "  %s:", title);
    while (fgets(line, sizeof(line), log) != NULL) {
        if (strstr(line, COMMAND_LINE) == NULL)
            continue;
        if (fgets(line, sizeof(line), log) == NULL)
            bench_die("swtpm's log ends within a command");
        const char *p = line;
        for (size_t i = 0; i < sizeof(header); i++) {
            unsigned byte;
            int used;
            if (sscanf(p, " %2x%n", &byte, &used) != 1)
                bench_die("not a TPM command in swtpm's log: %s", line);
            header[i] = (unsigned char)byte;
            p += used;
        }
        if (n++ < NAMED)
            fprintf(stderr, " %s",
                    command_name((uint32_t)header[6] << 24 | (uint32_t)header[7] << 16 |
                                 (uint32_t)header[8] << 8 | header[9]));
    }
    fprintf(stderr, "%s (%u)\n", n > NAMED ? " …" : "", n);
    *mark = log_end(log);
    return n;
}

void bench_count(const struct bench_options *options)
{
    const int is_signet = strcmp(options->provider, "signet") == 0;
    const unsigned char message[BENCH_MESSAGE_SIZE] = "counted";
    unsigned char sig[BENCH_SIGNATURE_MAX];
    const char *name = options->series != NULL ? options->series : options->provider;
    char series[64];

    FILE *log = fopen(options->swtpm_log, "r");
    if (log == NULL)
        bench_die("cannot open %s", options->swtpm_log);
    long mark = log_end(log);

    /* The marks are exact: swtpm writes the log before it answers, and nobody else talks to it. */
    struct bench_evp *evp = bench_evp_new(options->provider, is_signet ? options->modules : NULL,
                                          is_signet ? NULL : BENCH_TPM2_QUERY, options->key);
    bench_evp_sign(evp, message, sig);
    snprintf(series, sizeof(series), "%s to the first signature", options->provider);
    unsigned first = commands_since(log, &mark, series);
    for (unsigned i = 0; i < options->signatures; i++)
        bench_evp_sign(evp, message, sig);
    snprintf(series, sizeof(series), "%s, %u more signatures", options->provider, options->signatures);
    unsigned more = commands_since(log, &mark, series);
    if (first == 0 || more == 0)
        bench_die("%s shows no command: not the log of this TPM, or not at level 20", options->swtpm_log);
    bench_evp_free(evp);
    fclose(log);

    snprintf(series, sizeof(series), "count-first-%s", name);
    bench_sample(series, first);
    snprintf(series, sizeof(series), "count-each-%s", name);
    bench_sample(series, (double)more / options->signatures);
}
