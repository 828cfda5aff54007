// SPDX-License-Identifier: Apache-2.0
/* See frame.h. */
#include "frame.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <sys/socket.h>

void frame_header(unsigned char header[4], size_t len)
{
    int i;

    for (i = 0; i < 4; i++)
        header[i] = (unsigned char)(len >> (24 - 8 * i));
}

size_t frame_length(const unsigned char header[4])
{
    return (size_t)header[0] << 24 | (size_t)header[1] << 16 | (size_t)header[2] << 8 | header[3];
}

static int send_all(int fd, const void *data, size_t len, int flags)
{
    const char *p = data;

    while (len > 0) {
        ssize_t n = send(fd, p, len, flags | MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        p += n;
        len -= (size_t)n;
    }
    return 1;
}

/* Interrupted before the first byte it gives up, so that a signal can end whoever waits. */
static int receive_all(int fd, void *data, size_t len, int may_end)
{
    char *p = data;

    while (len > 0) {
        ssize_t n = recv(fd, p, len, 0);

        if (n < 0 && errno == EINTR && !may_end)
            continue;
        if (n <= 0)
            return 0;
        p += n;
        len -= (size_t)n;
        may_end = 0;
    }
    return 1;
}

int frame_send(int fd, const char *text, size_t len)
{
    unsigned char header[4];

    frame_header(header, len);
    return send_all(fd, header, sizeof(header), MSG_MORE) && send_all(fd, text, len, 0);
}

int frame_receive(int fd, size_t max, char **text, size_t *len)
{
    unsigned char header[4];

    if (!receive_all(fd, header, sizeof(header), 1))
        return 0;
    *len = frame_length(header);
    *text = *len <= max ? OPENSSL_malloc(*len + 1) : NULL;
    if (*text == NULL)
        return 0;
    (*text)[*len] = '\0';
    if (receive_all(fd, *text, *len, 0))
        return 1;
    OPENSSL_clear_free(*text, *len + 1);
    return 0;
}
