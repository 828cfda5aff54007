// SPDX-License-Identifier: Apache-2.0
/*
 * Key files in PEM, read with a bound and written whole or not at all. What was read is wiped: the file may
 * hold a private key in clear beside, or instead of, the one that is wanted.
 */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes. A key has under 4000; the rest is room for the certificates that some servers want in the same file.
 */
#define KEY_FILE_MAX 65536

/* ---- reading ---- */

/* Returns the length, or -1 and said why. */
static int read_bounded(const char *path, char *buf, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    size_t len = 0;
    ssize_t n = -1;

    if (fd >= 0) {
        do
            n = read(fd, buf + len, size - len);
        while ((n > 0 && (len += (size_t)n) < size) || (n < 0 && errno == EINTR));
    }
    if (n < 0)
        tool_error("key file %s can't be read: %s", path, strerror(errno));
    else if (len == size)
        tool_error("key file %s is larger than any key: it has more than %zu bytes", path, size - 1);
    if (fd >= 0)
        close(fd);
    return n < 0 || len == size ? -1 : (int)len;
}

/* Finds the first block that is a private key; its DER is the caller's to clear. */
static int find_block(BIO *bio, enum hw_format *format, unsigned char **der, long *len)
{
    char *label = NULL, *header = NULL;
    int found = 0;

    while (!found && PEM_read_bio(bio, &label, &header, der, len)) {
        found = hw_format_from(label, format);
        OPENSSL_free(label);
        OPENSSL_free(header);
        if (!found)
            OPENSSL_clear_free(*der, (size_t)*len);
    }
    return found;
}

struct hw_key *tool_key_parse(struct tool *tool, const char *path, const char *pem, int pem_len)
{
    BIO *bio = BIO_new_mem_buf(pem, pem_len);
    unsigned char *der = NULL;
    enum hw_format format;
    struct hw_key *key = NULL;
    long len = 0;

    ERR_clear_error();
    if (bio != NULL && find_block(bio, &format, &der, &len)) {
        /* No passphrase is asked for: what commands do to a key is authorized by its parent or the owner. */
        key = hw_key_load(tool_hw(tool), format, der, (size_t)len, NULL, NULL);
        OPENSSL_clear_free(der, (size_t)len);
    } else if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
        tool_error("%s holds no private key that Signet knows", path);
    } else {
        tool_error("%s is not valid PEM: it is damaged or cut off", path);
    }
    BIO_free(bio);
    return key;
}

struct hw_key *tool_key_read(struct tool *tool, const char *path)
{
    char *pem = OPENSSL_malloc(KEY_FILE_MAX + 1);
    struct hw_key *key = NULL;
    int len;

    if (pem == NULL) {
        tool_error("out of memory");
        return NULL;
    }
    len = read_bounded(path, pem, KEY_FILE_MAX + 1);
    if (len >= 0)
        key = tool_key_parse(tool, path, pem, len);
    OPENSSL_clear_free(pem, KEY_FILE_MAX + 1);
    return key;
}

/* ---- writing ---- */

/* The folder of a path, with its slash: "" for one without. */
static int folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? (int)(slash - path) + 1 : 0;
}

int tool_key_writer_open(struct tool_key_writer *writer, const char *path)
{
    char temporary[PATH_MAX];
    struct stat st;
    int folder;

    *writer = (struct tool_key_writer){.path = path, .fd = STDOUT_FILENO};
    if (path == NULL)
        return 1;
    writer->fd = -1;
    /* Renaming would replace a device or a link, not what it stands for. */
    if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        tool_error("%s is there and not a plain file: not written", path);
        return 0;
    }
    folder = folder_length(path);
    if (snprintf(temporary, sizeof(temporary), "%.*s.signet-key.XXXXXX", folder, path) >=
        (int)sizeof(temporary)) {
        tool_error("%s: %s", path, strerror(ENAMETOOLONG));
        return 0;
    }
    /* Not the name of the store's temporary files, which it sweeps. */
    writer->fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
    if (writer->fd < 0) {
        tool_error("%s can't be written: %s", path, strerror(errno));
        return 0;
    }
    writer->temporary = OPENSSL_strdup(temporary);
    if (writer->temporary != NULL)
        return 1;
    unlink(temporary);
    close(writer->fd);
    tool_error("out of memory");
    return 0;
}

/* The key's container in PEM; NULL: said why. */
static BIO *container_pem(const struct hw_key *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    unsigned char *der = NULL;
    enum hw_format format;
    size_t len = 0;

    if (!hw_key_container(key, &format, &der, &len)) {
        BIO_free(bio);
        return NULL;
    }
    if (bio == NULL || PEM_write_bio(bio, hw_format_label(format), "", der, (long)len) <= 0) {
        tool_error("the key can't be written in PEM");
        BIO_free(bio);
        bio = NULL;
    }
    OPENSSL_clear_free(der, len);
    return bio;
}

static int write_all(int fd, const char *text, long len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, (size_t)len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        text += n;
        len -= n;
    }
    return 1;
}

/* A rename lasts only when the folder is on the disk, too. */
static int sync_folder(const char *path)
{
    char folder[PATH_MAX];
    int fd, ok;

    snprintf(folder, sizeof(folder), "%.*s.", folder_length(path), path);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

static int move_into_place(struct tool_key_writer *writer)
{
    if (fsync(writer->fd) != 0 || rename(writer->temporary, writer->path) != 0)
        return 0;
    OPENSSL_free(writer->temporary);
    writer->temporary = NULL;
    return sync_folder(writer->path);
}

int tool_key_writer_commit_text(struct tool_key_writer *writer, const char *text, size_t len)
{
    int ok = write_all(writer->fd, text, (long)len) && (writer->path == NULL || move_into_place(writer));

    if (!ok)
        tool_error("%s can't be written: %s", writer->path != NULL ? writer->path : "standard output",
                   strerror(errno));
    return ok;
}

int tool_key_writer_commit(struct tool_key_writer *writer, const struct hw_key *key)
{
    char *pem = tool_key_pem(key);
    int ok = pem != NULL && tool_key_writer_commit_text(writer, pem, strlen(pem));

    OPENSSL_free(pem);
    return ok;
}

char *tool_key_pem(const struct hw_key *key)
{
    BIO *bio = container_pem(key);
    char *data = NULL, *text = NULL;

    if (bio != NULL) {
        long len = BIO_get_mem_data(bio, &data);

        text = OPENSSL_strndup(data, (size_t)len);
    }
    BIO_free(bio);
    return text;
}

void tool_key_writer_close(struct tool_key_writer *writer)
{
    if (writer->temporary != NULL)
        unlink(writer->temporary);
    OPENSSL_free(writer->temporary);
    if (writer->path != NULL && writer->fd >= 0)
        close(writer->fd);
}
