// SPDX-License-Identifier: Apache-2.0
/*
 * http-01 (RFC 8555 section 8.3) with files for a web server that runs. Folders may belong to somebody else
 * than who runs this: each step is taken from an open folder and follows no link below the webroot.
 */
#include "challenge.h"
#include "private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WELL_KNOWN     ".well-known"
#define ACME_CHALLENGE "acme-challenge"

struct webroot {
    struct acme *acme;
    char *path;
    int root, well_known, folder;
    int made_well_known, made_folder; /* by us, and gone with us */
};

/* ---- folders ---- */

static int enter(struct webroot *webroot, int parent, const char *name, int *made)
{
    int fd;

    *made = mkdirat(parent, name, 0755) == 0;
    if (!*made && errno != EEXIST) {
        acme_raise(webroot->acme, "http-01: making %s in %s: %s", name, webroot->path, strerror(errno));
        return -1;
    }
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    /* The server's user must get in, whatever the umask. */
    if (fd >= 0 && *made)
        fchmod(fd, 0755);
    if (fd < 0)
        acme_raise(webroot->acme, "http-01: %s in %s: %s", name, webroot->path,
                   errno == ELOOP || errno == ENOTDIR ? "it is a link or no folder" : strerror(errno));
    return fd;
}

static void webroot_close(void *solver)
{
    struct webroot *webroot = solver;

    if (webroot->folder >= 0)
        close(webroot->folder);
    if (webroot->made_folder)
        unlinkat(webroot->well_known, ACME_CHALLENGE, AT_REMOVEDIR);
    if (webroot->well_known >= 0)
        close(webroot->well_known);
    /* Somebody else's file in it is why it may stay. */
    if (webroot->made_well_known)
        unlinkat(webroot->root, WELL_KNOWN, AT_REMOVEDIR);
    if (webroot->root >= 0)
        close(webroot->root);
    OPENSSL_free(webroot->path);
    OPENSSL_free(webroot);
}

static void *webroot_open(struct acme *acme, const struct acme_solver_config *config)
{
    struct webroot *webroot = OPENSSL_zalloc(sizeof(*webroot));

    if (webroot == NULL) {
        acme_raise(acme, "out of memory");
        return NULL;
    }
    webroot->acme = acme;
    webroot->root = webroot->well_known = webroot->folder = -1;
    webroot->path = OPENSSL_strdup(config->webroot);
    if (webroot->path == NULL) {
        acme_raise(acme, "out of memory");
        goto out;
    }
    webroot->root = open(webroot->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (webroot->root < 0) {
        acme_raise(acme, "http-01: webroot %s: %s", webroot->path, strerror(errno));
        goto out;
    }
    webroot->well_known = enter(webroot, webroot->root, WELL_KNOWN, &webroot->made_well_known);
    if (webroot->well_known >= 0)
        webroot->folder = enter(webroot, webroot->well_known, ACME_CHALLENGE, &webroot->made_folder);
    if (webroot->folder >= 0)
        return webroot;
out:
    webroot_close(webroot);
    return NULL;
}

/* ---- files ---- */

static int write_all(int fd, const char *text)
{
    size_t len = strlen(text);

    while (len > 0) {
        ssize_t n = write(fd, text, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return 0;
        text += n;
        len -= (size_t)n;
    }
    return 1;
}

static int webroot_begin(void *solver, const struct acme_challenge *challenge)
{
    struct webroot *webroot = solver;
    char temporary[64];
    int fd, ok, error;

    /* It becomes a file's name: checked where it came in, and here. */
    if (!acme_is_base64url(challenge->token, 255))
        return acme_raise(webroot->acme, "http-01: the token is not base64url");
    snprintf(temporary, sizeof(temporary), ".signet.%ld", (long)getpid());
    fd = openat(webroot->folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0 && errno == EEXIST && unlinkat(webroot->folder, temporary, 0) == 0)
        fd = openat(webroot->folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return acme_raise(webroot->acme, "http-01: writing into %s/" WELL_KNOWN "/" ACME_CHALLENGE ": %s",
                          webroot->path, strerror(errno));
    ok = fchmod(fd, 0644) == 0 && write_all(fd, challenge->key_authorization);
    error = errno;
    if (close(fd) != 0 && ok) {
        ok = 0;
        error = errno;
    }
    if (ok && renameat(webroot->folder, temporary, webroot->folder, challenge->token) != 0) {
        ok = 0;
        error = errno;
    }
    if (ok)
        return 1;
    unlinkat(webroot->folder, temporary, 0);
    return acme_raise(webroot->acme, "http-01: writing into %s/" WELL_KNOWN "/" ACME_CHALLENGE ": %s",
                      webroot->path, strerror(error));
}

static void webroot_end(void *solver, const struct acme_challenge *challenge, int is_done)
{
    struct webroot *webroot = solver;

    (void)is_done;
    if (acme_is_base64url(challenge->token, 255) && unlinkat(webroot->folder, challenge->token, 0) != 0 &&
        errno != ENOENT)
        acme_progress(webroot->acme, "warning: http-01: removing %s/" WELL_KNOWN "/" ACME_CHALLENGE "/%s: %s",
                      webroot->path, challenge->token, strerror(errno));
}

static void webroot_hint(void *solver, const struct acme_challenge *challenge, char *text, size_t size)
{
    const struct webroot *webroot = solver;

    snprintf(text, size,
             "does http://%s%s%s/" WELL_KNOWN "/" ACME_CHALLENGE "/ lead to a server that serves %s?",
             strchr(challenge->identifier, ':') != NULL ? "[" : "", challenge->identifier,
             strchr(challenge->identifier, ':') != NULL ? "]" : "", webroot->path);
}

const struct acme_solver acme_http01_webroot = {
    .open = webroot_open,
    .begin = webroot_begin,
    .hint = webroot_hint,
    .end = webroot_end,
    .close = webroot_close,
};
