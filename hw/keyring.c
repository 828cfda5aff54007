// SPDX-License-Identifier: Apache-2.0
/*
 * The keyring lane: the kernel's asymmetric keys (keyctl_pkey_decrypt(3), Linux 4.20), by raw decryption, so
 * that any padding can be done above. The kernel takes its driver of the highest priority for each operation.
 *
 * A key of this process's is put into the keyring of a thread that does nothing else, and is gone when the
 * process ends, however that happens. A key that the kernel holds anyway is used by its serial number.
 */
#include "lane.h"
#include "workers.h"

#include <errno.h>
#include <keyutils.h>
#include <stdio.h>
#include <string.h>

#define KEEP_MS 1000

struct keyring_key {
    struct hw_workers *workers; /* of hw */
    key_serial_t serial;
    int is_ours; /* not the kernel's to keep */
};

/* ---- jobs ---- */

struct add_job {
    struct hw_job job;
    unsigned char *pkcs8;
    size_t len;
    key_serial_t serial; /* -1 with error */
    int error;
};

static void add_run(struct hw_job *job)
{
    static _Atomic unsigned count;
    struct add_job *add = (struct add_job *)job;
    char name[32];

    /* A key of the same name would take the place of the first one. */
    snprintf(name, sizeof(name), "signet:%u", count++);
    add->serial = add_key("asymmetric", name, add->pkcs8, add->len, KEY_SPEC_THREAD_KEYRING);
    /* The threads that use the key do not possess it: they are the same user's. */
    if (add->serial >= 0 && keyctl_setperm(add->serial, KEY_POS_ALL | KEY_USR_VIEW | KEY_USR_SEARCH) != 0) {
        keyctl_unlink(add->serial, KEY_SPEC_THREAD_KEYRING);
        add->serial = -1;
    }
    add->error = errno;
}

static void add_release(struct hw_job *job)
{
    struct add_job *add = (struct add_job *)job;

    OPENSSL_clear_free(add->pkcs8, add->len);
    OPENSSL_free(add);
}

struct unlink_job {
    struct hw_job job;
    key_serial_t serial;
};

static void unlink_run(struct hw_job *job)
{
    keyctl_unlink(((struct unlink_job *)job)->serial, KEY_SPEC_THREAD_KEYRING);
}

static void unlink_release(struct hw_job *job)
{
    OPENSSL_free(job);
}

struct decrypt_job {
    struct hw_job job;
    key_serial_t serial;
    size_t size;
    long result;
    int error;
    unsigned char data[]; /* input, then output */
};

static void decrypt_run(struct hw_job *job)
{
    struct decrypt_job *decrypt = (struct decrypt_job *)job;

    decrypt->result = keyctl_pkey_decrypt(decrypt->serial, "enc=raw", decrypt->data, decrypt->size,
                                          decrypt->data + decrypt->size, decrypt->size);
    decrypt->error = errno;
}

static void decrypt_release(struct hw_job *job)
{
    struct decrypt_job *decrypt = (struct decrypt_job *)job;

    OPENSSL_clear_free(decrypt, sizeof(*decrypt) + 2 * decrypt->size);
}

/* ---- the lane ---- */

static int keyring_is_there(struct hw *hw, const char *driver)
{
    (void)hw;
    (void)driver;
    /* What a kernel without keys, or a sandbox, says to this. */
    return keyctl_get_keyring_ID(KEY_SPEC_THREAD_KEYRING, 0) >= 0 || errno == ENOKEY;
}

/* The serial number of the key as a new one, or -1. */
static key_serial_t add(const struct hw_held *held, struct hw_workers *workers)
{
    struct add_job *job = OPENSSL_zalloc(sizeof(*job));
    key_serial_t serial = -1;

    if (job == NULL)
        return -1;
    job->job = (struct hw_job){.run = add_run, .release = add_release};
    if (hw_pkcs8_encode(held->hw, held->raw, &job->pkcs8, &job->len)) {
        enum hw_job_end end = hw_workers_keep(workers, &job->job, KEEP_MS);

        if (end == HW_JOB_ABANDONED)
            return -1;
        serial = end == HW_JOB_DONE ? job->serial : -1;
        if (end == HW_JOB_DONE && serial < 0)
            hw_log(held->hw, HW_LOG_INFO, "lane keyring: the kernel does not take the key: %s%s",
                   strerror(job->error),
                   job->error == EBADMSG ? " (is the module pkcs8_key_parser loaded?)" : "");
    }
    add_release(&job->job);
    return serial;
}

static void *keyring_attach(const struct hw_held *held, const char *driver, enum lane_result *result)
{
    struct keyring_key *key = OPENSSL_zalloc(sizeof(*key));

    (void)driver;
    *result = LANE_FAILED;
    if (key == NULL || (key->workers = hw_get_workers(held->hw)) == NULL) {
        OPENSSL_free(key);
        return NULL;
    }
    key->serial = held->serial;
    if (held->raw != NULL) {
        key->is_ours = 1;
        key->serial = add(held, key->workers);
    }
    if (key->serial > 0)
        return key;
    *result = LANE_KEY;
    OPENSSL_free(key);
    return NULL;
}

static void keyring_detach(void *attached)
{
    struct keyring_key *key = attached;
    struct unlink_job *job = key->is_ours ? OPENSSL_zalloc(sizeof(*job)) : NULL;

    /* A child's copy of its parent's threads can't be asked, and its parent's key is not its own. */
    if (job != NULL && hw_workers_are_ours(key->workers)) {
        job->job = (struct hw_job){.run = unlink_run, .release = unlink_release};
        job->serial = key->serial;
        if (hw_workers_keep(key->workers, &job->job, KEEP_MS) == HW_JOB_ABANDONED)
            job = NULL;
    }
    OPENSSL_free(job);
    OPENSSL_free(key);
}

static enum lane_result result_of(const struct hw_held *held, const struct decrypt_job *job)
{
    if (job->result == (long)held->size)
        return LANE_OK;
    hw_log(held->hw, HW_LOG_DEBUG, "lane keyring: %s",
           job->result < 0 ? strerror(job->error) : "a short result");
    if (job->result < 0 && (job->error == EBUSY || job->error == EAGAIN || job->error == ENOSPC))
        return LANE_BUSY;
    return LANE_FAILED;
}

static enum lane_result keyring_operate(void *attached, struct hw_held *held, const unsigned char *in,
                                        unsigned char *out, unsigned timeout_ms)
{
    struct keyring_key *key = attached;
    struct decrypt_job *job = OPENSSL_zalloc(sizeof(*job) + 2 * held->size);
    enum lane_result result = LANE_BUSY;

    if (job == NULL)
        return LANE_FAILED;
    job->job = (struct hw_job){.run = decrypt_run, .release = decrypt_release};
    job->serial = key->serial;
    job->size = held->size;
    memcpy(job->data, in, held->size);
    switch (hw_workers_run(key->workers, &job->job, timeout_ms)) {
    case HW_JOB_ABANDONED:
        return LANE_SILENT;
    case HW_JOB_NO_WORKER:
        break;
    case HW_JOB_DONE:
        result = result_of(held, job);
        if (result == LANE_OK)
            memcpy(out, job->data + held->size, held->size);
        break;
    }
    decrypt_release(&job->job);
    return result;
}

const struct hw_lane hw_lane_keyring = {
    .name = "keyring",
    .is_accelerator = 1,
    .takes_serial = 1,
    .is_there = keyring_is_there,
    .attach = keyring_attach,
    .detach = keyring_detach,
    .operate = keyring_operate,
};
