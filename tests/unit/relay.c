// SPDX-License-Identifier: Apache-2.0
#include "relay.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_MAX    4096
#define HEADER_SIZE    10 /* tag, size, code (TPM 2.0 Library part 1 section 18) */
#define CC_RSA_DECRYPT 0x00000159u
#define CC_SIGN        0x0000015du
#define RESULT         (HEADER_SIZE + 4 + 2) /* behind the size of the parameters and the result's own */

static struct {
    pthread_mutex_t lock;
    enum relay_lie lie;
    unsigned times, code, operations;
} order = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int listener;
static struct sockaddr_in tpm = {.sin_family = AF_INET};

static uint32_t get_32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_32(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 24);
    p[1] = (uint8_t)(value >> 16);
    p[2] = (uint8_t)(value >> 8);
    p[3] = (uint8_t)value;
}

/* recv of no bytes would wait for one all the same. */
static int read_all(int fd, uint8_t *bytes, size_t size)
{
    return size == 0 || recv(fd, bytes, size, MSG_WAITALL) == (ssize_t)size;
}

/* Reads one command or response; returns its size, or 0 at the end of the connection. */
static size_t read_message(int fd, uint8_t message[MESSAGE_MAX])
{
    size_t size;

    if (!read_all(fd, message, HEADER_SIZE))
        return 0;
    size = get_32(message + 2);
    if (size < HEADER_SIZE || size > MESSAGE_MAX || !read_all(fd, message + HEADER_SIZE, size - HEADER_SIZE))
        return 0;
    return size;
}

/* Spoils an answer; returns how much of it to send. */
/* result is where the result's bytes begin, behind their length. */
static size_t spoil(uint8_t *answer, size_t size, size_t result)
{
    switch (order.lie) {
    case RELAY_FLIP_BIT:
        answer[result + 20] ^= 1;
        break;
    case RELAY_EMPTY_RESULT: {
        size_t len = (size_t)answer[result - 2] << 8 | answer[result - 1];

        memmove(answer + result, answer + result + len, size - result - len);
        size -= len;
        put_32(answer + 2, (uint32_t)size);
        put_32(answer + HEADER_SIZE, (uint32_t)(2 + result - RESULT));
        answer[result - 2] = answer[result - 1] = 0;
        break;
    }
    case RELAY_CUT:
        return size / 2;
    case RELAY_HUGE_SIZE:
        put_32(answer + 2, UINT32_MAX);
        break;
    case RELAY_TINY_SIZE:
        put_32(answer + 2, HEADER_SIZE - 1);
        break;
    case RELAY_GARBAGE:
        memset(answer + HEADER_SIZE, 0xa5, size - HEADER_SIZE);
        break;
    case RELAY_CODE:
        answer[1] = 1; /* TPM_ST_NO_SESSIONS, as all answers that are errors */
        size = HEADER_SIZE;
        put_32(answer + 2, (uint32_t)size);
        put_32(answer + 6, order.code);
        break;
    }
    return size;
}

static size_t answer_operation(uint8_t *answer, size_t size, size_t result)
{
    pthread_mutex_lock(&order.lock);
    order.operations++;
    if (order.times > 0 && get_32(answer + 6) == 0) {
        order.times--;
        size = spoil(answer, size, result);
    }
    pthread_mutex_unlock(&order.lock);
    return size;
}

/* Until either side ends it, or an answer has been cut. */
static void serve(int client, int server)
{
    uint8_t message[MESSAGE_MAX];
    size_t size, whole;

    while ((size = read_message(client, message)) > 0) {
        uint32_t command = get_32(message + 6);

        if (send(server, message, size, MSG_NOSIGNAL) != (ssize_t)size)
            return;
        size = whole = read_message(server, message);
        if (size > 0 && command == CC_RSA_DECRYPT)
            size = answer_operation(message, size, RESULT);
        else if (size > 0 && command == CC_SIGN)
            size = answer_operation(message, size, RESULT + 4); /* behind its scheme and hash */
        if (size == 0 || send(client, message, size, MSG_NOSIGNAL) != (ssize_t)size ||
            (size < whole && get_32(message + 2) != size))
            return;
    }
}

static void *run(void *arg)
{
    (void)arg;
    for (;;) {
        int client = accept(listener, NULL, NULL);
        int server = client >= 0 ? socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;

        if (server >= 0 && connect(server, (struct sockaddr *)&tpm, sizeof(tpm)) == 0)
            serve(client, server);
        close(server);
        close(client);
    }
    return NULL;
}

const char *relay_start(const char *tcti)
{
    static char own[64];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    unsigned short port;
    pthread_t thread;

    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    tpm.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (sscanf(tcti, "swtpm:host=127.0.0.1,port=%hu", &port) != 1 || (tpm.sin_port = htons(port)) == 0 ||
        listener < 0 || bind(listener, (struct sockaddr *)&address, len) != 0 || listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) != 0 ||
        pthread_create(&thread, NULL, run, NULL) != 0 || pthread_detach(thread) != 0) {
        perror("the relay to the TPM");
        exit(EXIT_FAILURE);
    }
    snprintf(own, sizeof(own), "swtpm:host=127.0.0.1,port=%u", ntohs(address.sin_port));
    return own;
}

void relay_lie(enum relay_lie lie, unsigned times, unsigned code)
{
    pthread_mutex_lock(&order.lock);
    order.lie = lie;
    order.times = times;
    order.code = code;
    pthread_mutex_unlock(&order.lock);
}

unsigned relay_operations(void)
{
    unsigned operations;

    pthread_mutex_lock(&order.lock);
    operations = order.operations;
    order.operations = 0;
    pthread_mutex_unlock(&order.lock);
    return operations;
}
