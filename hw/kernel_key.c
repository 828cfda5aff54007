// SPDX-License-Identifier: Apache-2.0
/*
 * Keys that the kernel holds: put there at boot, used by services that never see them.
 *
 * They are in a keyring "signet" in the user's own one (keyrings(7)), named by their public key. A process
 * finds them in /proc/keys, which shows those that it may use; the kernel has no way to read an asymmetric
 * key back.
 */
#include "lane.h"

#include <errno.h>
#include <grp.h>
#include <keyutils.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RING       "signet"
#define NAME_SIZE  (7 + 64 + 1) /* "signet:" and SHA-256 of the SubjectPublicKeyInfo */
#define MAY_USE(x) (KEY_##x##_VIEW | KEY_##x##_SEARCH)

static int name_of(struct hw *hw, EVP_PKEY *pub, char name[NAME_SIZE])
{
    unsigned char *der = NULL, md[32];
    int len = i2d_PUBKEY(pub, &der);
    size_t md_len = sizeof(md), i;
    int ok = len > 0 && EVP_Q_digest(hw_libctx(hw), "SHA256", NULL, der, (size_t)len, md, &md_len);

    OPENSSL_free(der);
    memcpy(name, "signet:", 8);
    for (i = 0; ok && i < sizeof(md); i++)
        snprintf(name + 7 + 2 * i, 3, "%02x", md[i]);
    return ok;
}

/* "18d8fb2c I--Q---     1 perm 1f030000     0    33 asymmetri signet:…: X509.rsa …": the key's number if it
 * has the name, belongs to root or to this user, and is not revoked, dead, negative, invalidated or expired.
 */
static int32_t serial_in(const char *line, const char *name)
{
    unsigned serial, uid;
    char flags[16], expiry[16], type[16], rest[256];

    if (sscanf(line, "%8x %15s %*s %15s %*s %u %*s %15s %255[^\n]", &serial, flags, expiry, &uid, type,
               rest) != 6 ||
        strpbrk(flags, "RDNi") != NULL || strcmp(expiry, "expd") == 0 || strncmp(type, "asymmetri", 9) != 0 ||
        strncmp(rest, name, strlen(name)) != 0 || rest[strlen(name)] != ':')
        return 0;
    return uid == 0 || uid == geteuid() ? (int32_t)serial : 0;
}

int32_t hw_kernel_key_find(struct hw *hw, EVP_PKEY *pub)
{
    FILE *file = fopen("/proc/keys", "re");
    char line[512], name[NAME_SIZE];
    int32_t serial = 0;

    if (file == NULL)
        return 0;
    if (name_of(hw, pub, name)) {
        while (serial == 0 && fgets(line, sizeof(line), file) != NULL)
            serial = serial_in(line, name);
    }
    fclose(file);
    return serial;
}

/* ---- giving and taking ---- */

/* The keyring, as one that this process possesses; -1 with errno. */
static key_serial_t find_ring(int create)
{
    key_serial_t ring;

    /* Where a session's keyring does not lead to the user's own, as under systemd. */
    if (keyctl_link(KEY_SPEC_USER_KEYRING, KEY_SPEC_PROCESS_KEYRING) != 0)
        return -1;
    ring = (key_serial_t)keyctl_search(KEY_SPEC_USER_KEYRING, "keyring", RING, 0);
    if (ring < 0 && errno == ENOKEY && create)
        ring = add_key("keyring", RING, NULL, 0, KEY_SPEC_USER_KEYRING);
    return ring;
}

static int group_number(struct hw *hw, const char *name, gid_t *gid)
{
    const struct group *group;

    *gid = (gid_t)-1;
    if (name == NULL)
        return 1;
    group = getgrnam(name);
    if (group != NULL)
        *gid = group->gr_gid;
    else
        hw_raise(hw, HW_E_BAD_INPUT, "there is no group %.64s", name);
    return group != NULL;
}

/* Who may use it. Returns 1, or 0 with errno. */
static int allow(key_serial_t serial, gid_t gid)
{
    return (gid == (gid_t)-1 || keyctl_chown(serial, (uid_t)-1, gid) == 0) &&
           keyctl_setperm(serial, KEY_POS_ALL | MAY_USE(USR) | (gid != (gid_t)-1 ? MAY_USE(GRP) : 0)) == 0;
}

/* Returns 1, or 0 with errno. */
static int put(key_serial_t ring, const char *name, const unsigned char *pkcs8, size_t len, gid_t gid)
{
    key_serial_t serial = (key_serial_t)keyctl_search(ring, "asymmetric", name, 0);
    int why;

    /* The same key, by its name: a new one would take its place, and leave those who use it with none. */
    if (serial >= 0 && allow(serial, gid))
        return 1;
    serial = add_key("asymmetric", name, pkcs8, len, ring);
    if (serial < 0)
        return 0;
    if (allow(serial, gid))
        return 1;
    why = errno;
    keyctl_unlink(serial, ring);
    errno = why;
    return 0;
}

int hw_key_hold(struct hw_key *key, const char *group)
{
    unsigned char *pkcs8 = NULL;
    char name[NAME_SIZE];
    key_serial_t ring;
    EVP_PKEY *pkey;
    size_t len = 0;
    gid_t gid;
    int ok = 0;

    if (key->custody != HW_CUSTODY_SEALED) {
        hw_raise(key->hw, HW_E_UNSUPPORTED, "the kernel is given sealed keys only; this one is of custody %s",
                 hw_custody_name(key->custody));
        return 0;
    }
    if (hw_is_ec(key->pkey)) {
        hw_raise(key->hw, HW_E_UNSUPPORTED,
                 "the kernel is given RSA keys only: it does not sign with EC keys");
        return 0;
    }
    if (!group_number(key->hw, group, &gid) || (pkey = hw_sealed_get1_pkey(key)) == NULL)
        return 0;
    if (name_of(key->hw, key->pkey, name) && hw_pkcs8_encode(key->hw, key->held->raw, &pkcs8, &len)) {
        ring = find_ring(1);
        ok = ring >= 0 && put(ring, name, pkcs8, len, gid);
        if (!ok)
            hw_raise(key->hw, HW_E_DEVICE, "the kernel does not take the key: %s%s", strerror(errno),
                     errno == EBADMSG ? "; it needs the module pkcs8_key_parser" : "");
    }
    OPENSSL_clear_free(pkcs8, len);
    EVP_PKEY_free(pkey);
    return ok;
}

int hw_key_release(struct hw_key *key)
{
    char name[NAME_SIZE];
    key_serial_t ring = find_ring(0);
    long serial = -1;

    if (ring >= 0 && name_of(key->hw, key->pkey, name))
        serial = keyctl_search(ring, "asymmetric", name, 0);
    /* Invalid at once, not only when the last user has gone. */
    if (serial >= 0 && keyctl_invalidate((key_serial_t)serial) == 0)
        return 1;
    if (serial >= 0 && keyctl_unlink((key_serial_t)serial, ring) == 0)
        return 1;
    hw_raise(key->hw, HW_E_BAD_KEY, "the kernel does not hold this key for this user");
    return 0;
}
