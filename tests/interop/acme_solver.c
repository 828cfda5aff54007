// SPDX-License-Identifier: Apache-2.0
/*
 * The dns-01 solver alone, for acme_dns01.sh: publishes two records for NAME (as an order for it and for
 * *.NAME does; one with -1), waits until they are visible, runs COMMAND, takes them away. Usage: acme_solver
 * [-1] [-a ALIAS] [-w SECONDS] SERVERS KIND HOOK NAME COMMAND
 */
#include "tools/acme/challenge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void on_text(void *arg, const char *text)
{
    fprintf(stderr, "%s%s\n", (const char *)arg, text);
}

static int is_cancelled(void *arg)
{
    (void)arg;
    return 0;
}

int main(int argc, char *argv[])
{
    const struct acme_config config = {.directory_url = "https://localhost/",
                                       .ca_file = "/nonexistent",
                                       .error = on_text,
                                       .progress = on_text,
                                       .is_cancelled = is_cancelled,
                                       .arg = ""};
    struct acme_challenge challenges[2] = {
        {.token = "token-1", .value = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"},
        {.token = "token-2", .value = "-oqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX_"}};
    struct acme_solver_config solver_config = {.type = ACME_DNS_01, .dns_wait = 20};
    int option, count = 2, begun, ok = 1;
    struct acme *acme;
    void *solver;

    while ((option = getopt(argc, argv, "1a:w:")) != -1) {
        if (option == '1')
            count = 1;
        else if (option == 'a')
            solver_config.dns_alias = optarg;
        else if (option == 'w')
            solver_config.dns_wait = (unsigned)atoi(optarg);
        else
            return 2;
    }
    if (argc - optind != 5 || !acme_hook_from(argv[optind + 1], &solver_config.hook_kind))
        return 2;
    solver_config.dns_servers = argv[optind];
    solver_config.hook = argv[optind + 2];
    challenges[0].identifier = challenges[1].identifier = argv[optind + 3];
    acme = acme_new(&config);
    solver = acme != NULL ? acme_dns01.open(acme, &solver_config) : NULL;
    if (solver == NULL) {
        acme_free(acme);
        return 1;
    }
    for (begun = 0; ok && begun < count; begun += ok)
        ok = acme_dns01.begin(solver, &challenges[begun]);
    ok = ok && acme_dns01.settle(solver);
    ok = ok && system(argv[optind + 4]) == 0;
    while (begun > 0)
        acme_dns01.end(solver, &challenges[--begun], ok);
    acme_dns01.close(solver);
    acme_free(acme);
    return ok ? 0 : 1;
}
