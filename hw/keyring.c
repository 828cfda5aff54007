// SPDX-License-Identifier: Apache-2.0
/*
 * The keyring lane: the kernel's asymmetric keys (keyctl_pkey_decrypt(3), Linux 4.20), by raw decryption, so
 * that any padding can be done above. The kernel takes its driver of the highest priority for each operation.
 *
 * A key of this process's is put into a keyring that the workers possess and nobody else does, not even
 * another process of the same user, and is gone when the process ends, however that happens. A key that the
 * kernel holds anyway is used by its serial number.
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
    int is_ours;                /* not the kernel's to keep */
    key_serial_t serial;        /* if it is ours */
};

/* A process keyring is one of the thread that makes it, and of those that this thread makes: in spite of its
 * name the process's other threads do not have it. */
void hw_keyring_prepare(void)
{
    keyctl_get_keyring_ID(KEY_SPEC_PROCESS_KEYRING, 1);
}

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
    add->serial = add_key("asymmetric", name, add->pkcs8, add->len, KEY_SPEC_PROCESS_KEYRING);
    add->error = errno;
    /* For those who possess it only: the same user's other processes do not. */
    if (add->serial >= 0 && keyctl_setperm(add->serial, KEY_POS_ALL) != 0) {
        add->error = errno;
        keyctl_unlink(add->serial, KEY_SPEC_PROCESS_KEYRING);
        add->serial = -1;
    }
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
    keyctl_unlink(((struct unlink_job *)job)->serial, KEY_SPEC_PROCESS_KEYRING);
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
    return keyctl_get_keyring_ID(KEY_SPEC_PROCESS_KEYRING, 0) >= 0 || errno == ENOKEY;
}

enum lane_result hw_lane_result_of_key(int error)
{
    switch (error) {
    case EINVAL:
    case EBADMSG:
    case ENOPKG:
    case EOPNOTSUPP:
    case EKEYREJECTED:
        return LANE_KEY;
    case EDQUOT:
        return LANE_GONE; /* the user's quota of keys may have room again */
    default:
        return LANE_FAILED;
    }
}

/* The serial number of the key as a new one, or -1 and *result. */
static key_serial_t add(const struct hw_held *held, struct hw_workers *workers, enum lane_result *result)
{
    struct add_job *job = OPENSSL_zalloc(sizeof(*job));
    key_serial_t serial = -1;

    *result = LANE_FAILED;
    if (job == NULL)
        return -1;
    job->job = (struct hw_job){.run = add_run, .release = add_release};
    if (hw_pkcs8_encode(held->hw, held->raw, &job->pkcs8, &job->len)) {
        switch (hw_workers_run(workers, &job->job, KEEP_MS)) {
        case HW_JOB_ABANDONED:
            *result = LANE_SILENT;
            return -1;
        case HW_JOB_NO_WORKER:
            *result = LANE_BUSY;
            break;
        case HW_JOB_DONE:
            serial = job->serial;
            if (serial >= 0)
                break;
            *result = hw_lane_result_of_key(job->error);
            hw_log(held->hw, HW_LOG_INFO, "lane keyring: the kernel does not take the key: %s%s",
                   strerror(job->error),
                   job->error == EBADMSG ? " (is the module pkcs8_key_parser loaded?)" : "");
        }
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
    key->is_ours = held->raw != NULL;
    if (!key->is_ours || (key->serial = add(held, key->workers, result)) > 0)
        return key;
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
        if (hw_workers_run(key->workers, &job->job, KEEP_MS) == HW_JOB_ABANDONED)
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
    if (job->result >= 0)
        return LANE_FAILED;
    switch (job->error) {
    case EBUSY:
    case EAGAIN:
    case ENOSPC:
        return LANE_BUSY;
    case ENOKEY:
    case EKEYREVOKED:
    case EKEYEXPIRED:
    case EACCES:
        return LANE_GONE;
    default:
        return LANE_FAILED;
    }
}

static enum lane_result decrypt(struct hw_workers *workers, key_serial_t serial, const struct hw_held *held,
                                const unsigned char *in, unsigned char *out, unsigned timeout_ms)
{
    struct decrypt_job *job = OPENSSL_zalloc(sizeof(*job) + 2 * held->size);
    enum lane_result result = LANE_BUSY;
    enum hw_job_end end;

    if (job == NULL)
        return LANE_FAILED;
    job->job = (struct hw_job){.run = decrypt_run, .release = decrypt_release};
    job->serial = serial;
    job->size = held->size;
    memcpy(job->data, in, held->size);
    hw_fork_release(); /* while it waits: no child uses its parent's workers */
    end = hw_workers_run(workers, &job->job, timeout_ms);
    hw_fork_hold();
    switch (end) {
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

/* Has the kernel been given the key anew, under another number than this one? */
static int is_found_anew(struct hw_held *held, key_serial_t old)
{
    int32_t serial = hw_kernel_key_find(held->hw, held->held_pub);

    if (serial == 0 || serial == old)
        return 0;
    held->serial = serial;
    return 1;
}

static enum lane_result keyring_operate(void *attached, struct hw_held *held, const unsigned char *in,
                                        unsigned char *out, unsigned timeout_ms)
{
    struct keyring_key *key = attached;
    key_serial_t serial = key->is_ours ? key->serial : held->serial;
    enum lane_result result = decrypt(key->workers, serial, held, in, out, timeout_ms);

    if (result == LANE_GONE && !key->is_ours && is_found_anew(held, serial))
        result = decrypt(key->workers, held->serial, held, in, out, timeout_ms);
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
