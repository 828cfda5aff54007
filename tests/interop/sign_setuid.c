// SPDX-License-Identifier: Apache-2.0
/*
 * sign_setuid THREADS USER KEY: signs, and then goes on as another user, as daemons do that were started by
 * root; the change comes while threads are in the middle of operations. Then a child signs as that user, too.
 * Each signature is verified without Signet. Prints how many were made before and after, how many failed or
 * were wrong, and what the child has come to; the causes go to stderr.
 */
#include "peer.h"

#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 3 /* before and after */

static struct peer_key key;
static _Atomic long before, after, bad;
static _Atomic int has_changed, is_over;

static int sign(int i)
{
    char errors[512];

    if (peer_sign(&key, i % 2 == 0 ? PEER_PKCS1 : PEER_PSS))
        return 1;
    peer_errors(errors, sizeof(errors));
    fprintf(stderr, "failed: %s\n", errors);
    return 0;
}

static void *run(void *arg)
{
    (void)arg;
    for (int i = 0; !is_over; i++) {
        int is_after = has_changed;

        if (!sign(i))
            bad++;
        else if (is_after)
            after++;
        else
            before++;
    }
    return NULL;
}

static void become(const char *name)
{
    const struct passwd *user = getpwnam(name);

    if (user == NULL)
        peer_die("no user %s", name);
    /* The C library changes all threads. */
    if (setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)
        peer_die("this process can't be %s's", name);
    has_changed = 1;
}

static int child(void)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        alarm(30);
        _exit(!(sign(0) && sign(1)));
    }
    while (waitpid(pid, &status, 0) != pid)
        ;
    return status;
}

int main(int argc, char **argv)
{
    pthread_t *all;
    int threads, status;

    if (argc != 4)
        peer_die("usage: sign_setuid THREADS USER KEY");
    threads = peer_count(argv[1]);
    peer_load(&key, argv[3]);
    peer_sign_times(&key, 2);
    all = calloc((size_t)threads, sizeof(*all));
    for (int i = 0; i < threads; i++) {
        if (pthread_create(&all[i], NULL, run, NULL) != 0)
            peer_die("thread %d", i);
    }
    sleep(SECONDS);
    become(argv[2]);
    sleep(SECONDS);
    is_over = 1;
    for (int i = 0; i < threads; i++)
        pthread_join(all[i], NULL);
    status = child();
    printf("before=%ld after=%ld bad=%ld child=0x%x\n", before, after, bad, (unsigned)status);
    free(all);
    peer_unload(&key);
    return bad > 0 || status != 0;
}
