// SPDX-License-Identifier: Apache-2.0
/*
 * The connection to the TPM: opened at the first command, used under one lock, dropped in a forked child,
 * opened again when the TPM comes back.
 */
#include "tpm.h"

#include <stdlib.h>
#include <sys/single_threaded.h>

/* fork() copies the connection. The handlers make sure that no command is under way at that moment (its
 * answer could be read by either side) and tell the child that its copy is not its own. pthread_atfork's
 * handlers take no argument, hence the list. */
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t list_once = PTHREAD_ONCE_INIT;
static struct tpm *list;

/* ERRORCHECK, so that a progress function that comes back into the TPM gets an error, not a deadlock. */
static int init_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attr;
    int ok = pthread_mutexattr_init(&attr) == 0;

    ok = ok && pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK) == 0 &&
         pthread_mutex_init(lock, &attr) == 0;
    pthread_mutexattr_destroy(&attr);
    return ok;
}

static void before_fork(void)
{
    struct tpm *tpm;

    pthread_mutex_lock(&list_lock);
    for (tpm = list; tpm != NULL; tpm = tpm->next)
        tpm->locked_by_fork = pthread_mutex_lock(&tpm->lock) == 0;
}

static void after_fork_in_parent(void)
{
    struct tpm *tpm;

    for (tpm = list; tpm != NULL; tpm = tpm->next) {
        if (tpm->locked_by_fork)
            pthread_mutex_unlock(&tpm->lock);
    }
    pthread_mutex_unlock(&list_lock);
}

static void after_fork_in_child(void)
{
    struct tpm *tpm;

    for (tpm = list; tpm != NULL; tpm = tpm->next) {
        tpm->inherited = tpm->esys != NULL;
        /* The owner recorded in the lock is the parent's thread: only a new lock can be unlocked. */
        init_lock(&tpm->lock);
    }
    pthread_mutex_init(&list_lock, NULL);
}

static void install_fork_handlers(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* tpm2-tss prints each error to stderr, also those that are recovered from (a full TPM). Signet reports what
 * matters; TSS2_LOG set by the user stays. Setting the environment is only safe alone. */
static void quieten_tss(void)
{
    if (__libc_single_threaded)
        setenv("TSS2_LOG", "all+NONE", 0);
}

int tpm_connection_init(struct tpm *tpm)
{
    tpm->parent_tr = ESYS_TR_NONE;
    if (!init_lock(&tpm->lock))
        return 0;
    quieten_tss();
    pthread_once(&list_once, install_fork_handlers);
    pthread_mutex_lock(&list_lock);
    tpm->next = list;
    list = tpm;
    pthread_mutex_unlock(&list_lock);
    return 1;
}

void tpm_connection_free(struct tpm *tpm)
{
    struct tpm **p;

    pthread_mutex_lock(&list_lock);
    for (p = &list; *p != NULL; p = &(*p)->next) {
        if (*p == tpm) {
            *p = tpm->next;
            break;
        }
    }
    pthread_mutex_unlock(&list_lock);
    if (tpm_lock(tpm)) {
        tpm_disconnect(tpm, 1);
        tpm_unlock(tpm);
    }
    pthread_mutex_destroy(&tpm->lock);
}

static void forget_objects(struct tpm *tpm, int do_flush)
{
    tpm_slots_drop_all(tpm, do_flush);
    tpm->parent_tr = ESYS_TR_NONE;
    tpm->parent_handle = 0;
    tpm->epoch++;
}

/* Frees the child's copy. Nothing is flushed: the objects are the parent's. */
static void drop_inherited(struct tpm *tpm)
{
    forget_objects(tpm, 0);
    Esys_Finalize(&tpm->esys);
    /* tabrmd's library keeps one D-Bus connection a process, served by a thread that fork does not copy. The
     * parent uses it, so it must not be closed here, and no other can be had. */
    tpm->is_bus_lost = tpm->is_tabrmd;
    if (!tpm->is_tabrmd)
        tpm_tcti_close(tpm);
    tpm->tcti = NULL;
    tpm->inherited = 0;
}

int tpm_lock(struct tpm *tpm)
{
    if (pthread_mutex_lock(&tpm->lock) != 0) {
        hw_raise(tpm->hw, HW_E_INTERNAL, "a TPM operation was started from within another one");
        return 0;
    }
    if (tpm->inherited)
        drop_inherited(tpm);
    tpm->turn++;
    return 1;
}

void tpm_unlock(struct tpm *tpm)
{
    tpm_transport_release(tpm->tcti);
    pthread_mutex_unlock(&tpm->lock);
}

TSS2_RC tpm_connect(struct tpm *tpm)
{
    TSS2_ABI_VERSION version = TSS2_ABI_VERSION_CURRENT;
    TSS2_RC rc;

    if (tpm->esys != NULL)
        return TSS2_RC_SUCCESS;
    if (tpm->is_bus_lost)
        return TSS2_TCTI_RC_NO_CONNECTION;
    quieten_tss(); /* again: nginx gives its processes a new environment */
    rc = tpm_tcti_open(tpm);
    if (rc != TSS2_RC_SUCCESS)
        return rc;
    rc = Esys_Initialize(&tpm->esys, tpm->tcti, &version);
    if (rc != TSS2_RC_SUCCESS) {
        tpm_disconnect(tpm, 0);
        return rc;
    }
    hw_log(tpm->hw, HW_LOG_INFO, "connected to the TPM at %s%s", tpm->name,
           tpm->is_managed ? ", with a resource manager" : "");
    return rc;
}

void tpm_disconnect(struct tpm *tpm, int is_alive)
{
    /* A resource manager frees a closed connection's objects by itself. */
    forget_objects(tpm, is_alive && !tpm->is_managed);
    if (tpm->esys != NULL)
        Esys_Finalize(&tpm->esys);
    tpm_tcti_close(tpm);
}

enum tpm_remedy tpm_remedy(TSS2_RC rc)
{
    uint32_t base = tpm_rc_base(rc);

    if (!tpm_rc_is_tpm(rc)) {
        switch (base) {
        case TSS2_BASE_RC_IO_ERROR:
        case TSS2_BASE_RC_NO_CONNECTION:
        case TSS2_BASE_RC_MALFORMED_RESPONSE:
        case TSS2_BASE_RC_BAD_SEQUENCE:
        case TSS2_BASE_RC_GENERAL_FAILURE:
            return TPM_RECONNECT;
        case TSS2_BASE_RC_BAD_TR: /* another key's eviction took the object with it */
            return TPM_RELOAD;
        default:
            return TPM_GIVE_UP;
        }
    }
    if (base == TPM2_RC_INITIALIZE)
        return TPM_STARTUP;
    if (base == TPM2_RC_HANDLE || (base >= TPM2_RC_REFERENCE_H0 && base <= TPM2_RC_REFERENCE_H6))
        return TPM_RELOAD;
    return TPM_GIVE_UP;
}

int tpm_recover(struct tpm *tpm, TSS2_RC rc, struct tpm_key *k, unsigned attempt)
{
    enum tpm_remedy remedy = tpm_remedy(rc);

    if (tpm->esys != NULL && tpm_slots_make_room(tpm, rc, k != NULL ? k->tr : ESYS_TR_NONE))
        return 1;
    /* Whatever is wrong, it may be somebody else's object that is in the slot by now. */
    if (remedy == TPM_GIVE_UP && tpm_rc_is_tpm(rc) && k != NULL && tpm_slots_is_taken(tpm, k))
        remedy = TPM_RELOAD;
    /* Without a connection there was no command, and only what is loaded can be stale. */
    if (attempt >= 2 || remedy == TPM_GIVE_UP || tpm->esys == NULL ||
        (remedy == TPM_RELOAD && (k == NULL || k->tr == ESYS_TR_NONE)))
        return 0;
    hw_log(tpm->hw, HW_LOG_INFO, "TPM at %s: response 0x%x, trying again", tpm->name, rc);
    switch (remedy) {
    case TPM_RECONNECT:
        /* The TPM may be well, and only ESAPI at odds with itself. */
        tpm_disconnect(tpm, tpm_rc_base(rc) != TSS2_BASE_RC_IO_ERROR);
        return 1;
    case TPM_STARTUP:
        tpm_slots_drop_all(tpm, 0);
        return Esys_Startup(tpm->esys, TPM2_SU_CLEAR) == TSS2_RC_SUCCESS;
    case TPM_RELOAD:
        tpm_slots_drop(tpm, k, 0);
        k->pinned = 0; /* somebody may have taken it away */
        return 1;
    case TPM_GIVE_UP:
        break;
    }
    return 0;
}
