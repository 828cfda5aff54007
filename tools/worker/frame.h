// SPDX-License-Identifier: Apache-2.0
/* Texts on a stream socket: four bytes of length, most significant first, and the text. */
#ifndef SIGNET_WORKER_FRAME_H
#define SIGNET_WORKER_FRAME_H

#include <stddef.h>

#define FRAME_REQUEST_MAX (2 << 20) /* bytes */
#define FRAME_ANSWER_MAX  (32 << 20)

/* Both wait. Returns 0 if the other side has gone, or sends more than max. */
int frame_send(int fd, const char *text, size_t len);
/* *text is the caller's (OPENSSL_clear_free with *len + 1), with a 0 behind it. */
int frame_receive(int fd, size_t max, char **text, size_t *len);

/* The length as it is sent. */
void frame_header(unsigned char header[4], size_t len);
size_t frame_length(const unsigned char header[4]);

#endif
