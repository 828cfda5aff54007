// SPDX-License-Identifier: Apache-2.0
/* How often this process has been forked off: descriptors and threads of an earlier count belong to a parent.
 */
#include "lane.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic unsigned count;

static void after_fork_in_child(void)
{
    count++;
}

static void install(void)
{
    pthread_atfork(NULL, NULL, after_fork_in_child);
}

unsigned hw_fork_count(void)
{
    pthread_once(&once, install);
    return count;
}
