// SPDX-License-Identifier: Apache-2.0
/*
 * The silicon of the emulated PKA: RSA at this machine's own speed behind a ring in shared memory. Test
 * equipment.
 *
 * It is the ivshmem server of one QEMU (docs/specs/ivshmem-spec of QEMU) and the peer 0 behind it. It ends
 * when QEMU does. Orders come line by line over a socket, each answered with "ok …" or "error …": see
 * usage().
 */
#include "pka.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/rand.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char usage_text[] =
    "Usage: silicon --socket PATH --control PATH [--engines N] [--depth N]\n"
    "Orders on the control socket:\n"
    "  normal       no fault from now on; what was left unanswered is answered late\n"
    "  busy         every request is refused as busy\n"
    "  slow MS      every operation takes so much longer\n"
    "  silent       requests are taken and not answered\n"
    "  wrong N      of 1000 results, N have a bit turned\n"
    "  crt N        of 1000 private operations, N have one half of the CRT wrong\n"
    "  gone, back   the device reads as all ones, as one does that has been pulled; it is there again\n"
    "  stats        ok requests=N answers=N faults=N\n";

enum mode { NORMAL, BUSY, SILENT, GONE };

static struct {
    unsigned engines, depth;
    struct pka_header *memory;
    int memory_fd, listener, qemu, doorbell, interrupt;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    enum mode mode;
    unsigned slow_ms, wrong, crt;
    unsigned queue[PKA_SLOTS_MAX], queued; /* slots, oldest first */
    uint64_t requests, answers, faults;
} silicon = {.engines = 2,
             .depth = 32,
             .qemu = -1,
             .lock = PTHREAD_MUTEX_INITIALIZER,
             .changed = PTHREAD_COND_INITIALIZER};

static _Noreturn void die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "silicon: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

static struct pka_slot *slot_at(unsigned i)
{
    return (struct pka_slot *)((char *)silicon.memory + PKA_SLOTS_AT + i * PKA_SLOT_SIZE);
}

/* ---- RSA ---- */

struct numbers {
    BIGNUM *n, *e, *d, *p, *q, *dp, *dq, *qinv, *in, *out, *m1, *m2;
};

static int crt(struct numbers *x, int is_faulty, BN_CTX *ctx)
{
    if (!BN_mod_exp_mont_consttime(x->m1, x->in, x->dp, x->p, ctx, NULL) ||
        !BN_mod_exp_mont_consttime(x->m2, x->in, x->dq, x->q, ctx, NULL))
        return 0;
    if (is_faulty && !BN_add_word(x->m1, 1))
        return 0;
    return BN_mod_sub(x->m1, x->m1, x->m2, x->p, ctx) && BN_mod_mul(x->m1, x->m1, x->qinv, x->p, ctx) &&
           BN_mul(x->out, x->m1, x->q, ctx) && BN_add(x->out, x->out, x->m2);
}

static int one_in_1000(unsigned n)
{
    unsigned char random[4];
    unsigned value;

    if (n == 0 || RAND_bytes(random, sizeof(random)) != 1)
        return 0;
    memcpy(&value, random, sizeof(value));
    return value % 1000 < n;
}

static uint32_t compute(const struct pka_slot *slot, unsigned char *out, int is_faulty)
{
    BN_CTX *ctx = BN_CTX_new();
    uint32_t status = PKA_RANGE;
    struct numbers x;
    int ok;

    BN_CTX_start(ctx);
    x = (struct numbers){BN_CTX_get(ctx), BN_CTX_get(ctx), BN_CTX_get(ctx), BN_CTX_get(ctx),
                         BN_CTX_get(ctx), BN_CTX_get(ctx), BN_CTX_get(ctx), BN_CTX_get(ctx),
                         BN_CTX_get(ctx), BN_CTX_get(ctx), BN_CTX_get(ctx), BN_CTX_get(ctx)};
    ok = x.m2 != NULL && BN_bin2bn(slot->numbers.n, PKA_SIZE_MAX, x.n) &&
         BN_bin2bn(slot->in, PKA_SIZE_MAX, x.in) && BN_is_odd(x.n) && BN_cmp(x.in, x.n) < 0;
    if (ok && slot->operation == PKA_PUBLIC) {
        ok = BN_bin2bn(slot->numbers.e, PKA_SIZE_MAX, x.e) &&
             BN_mod_exp_mont(x.out, x.in, x.e, x.n, ctx, NULL);
    } else if (ok && slot->has_crt) {
        ok = BN_bin2bn(slot->numbers.p, PKA_SIZE_MAX / 2, x.p) &&
             BN_bin2bn(slot->numbers.q, PKA_SIZE_MAX / 2, x.q) &&
             BN_bin2bn(slot->numbers.dp, PKA_SIZE_MAX / 2, x.dp) &&
             BN_bin2bn(slot->numbers.dq, PKA_SIZE_MAX / 2, x.dq) &&
             BN_bin2bn(slot->numbers.qinv, PKA_SIZE_MAX / 2, x.qinv) && BN_is_odd(x.p) && BN_is_odd(x.q) &&
             crt(&x, is_faulty, ctx);
    } else if (ok) {
        ok = BN_bin2bn(slot->numbers.d, PKA_SIZE_MAX, x.d) &&
             BN_mod_exp_mont_consttime(x.out, x.in, x.d, x.n, ctx, NULL);
    }
    if (ok && BN_bn2binpad(x.out, out, PKA_SIZE_MAX) == PKA_SIZE_MAX)
        status = PKA_OK;
    BN_CTX_end(ctx);
    BN_CTX_free(ctx);
    return status;
}

/* ---- engines ---- */

static void answer(struct pka_slot *slot, uint32_t generation, uint32_t status)
{
    const uint64_t one = 1;

    slot->status = status;
    atomic_store_explicit((_Atomic uint32_t *)&slot->done, generation, memory_order_release);
    pthread_mutex_lock(&silicon.lock);
    silicon.answers++;
    if (silicon.interrupt >= 0 && write(silicon.interrupt, &one, sizeof(one)) < 0)
        perror("silicon: interrupt");
    pthread_mutex_unlock(&silicon.lock);
}

static void sleep_ms(unsigned ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

    nanosleep(&t, NULL);
}

/* Waits for a request that may be answered; returns its slot. */
static unsigned take(void)
{
    unsigned i;

    while (silicon.queued == 0 || silicon.mode == SILENT || silicon.mode == GONE)
        pthread_cond_wait(&silicon.changed, &silicon.lock);
    i = silicon.queue[0];
    memmove(silicon.queue, silicon.queue + 1, --silicon.queued * sizeof(silicon.queue[0]));
    return i;
}

static void *engine(void *arg)
{
    (void)arg;
    for (;;) {
        struct pka_slot copy, *slot;
        unsigned char out[PKA_SIZE_MAX];
        int is_busy, is_wrong, is_faulty;
        unsigned slow_ms;
        uint32_t status;

        pthread_mutex_lock(&silicon.lock);
        slot = slot_at(take());
        copy = *slot;
        is_busy = silicon.mode == BUSY;
        is_wrong = one_in_1000(silicon.wrong);
        is_faulty = copy.operation == PKA_PRIVATE && copy.has_crt && one_in_1000(silicon.crt);
        slow_ms = silicon.slow_ms;
        silicon.faults += (is_wrong || is_faulty) && !is_busy;
        pthread_mutex_unlock(&silicon.lock);

        status = PKA_BUSY;
        if (!is_busy) {
            if (slow_ms > 0)
                sleep_ms(slow_ms);
            status = compute(&copy, out, is_faulty);
            if (is_wrong)
                out[PKA_SIZE_MAX - 1 - copy.generation % 32] ^= 4;
            if (status == PKA_OK)
                memcpy(slot->out, out, sizeof(out));
        }
        explicit_bzero(&copy.numbers, sizeof(copy.numbers));
        answer(slot, copy.generation, status);
    }
    return NULL;
}

/* The doorbell has been rung: takes what is in the ring. */
static void take_requests(void)
{
    struct pka_header *memory = silicon.memory;
    uint64_t count;
    uint32_t head;

    if (read(silicon.doorbell, &count, sizeof(count)) < 0)
        return;
    pthread_mutex_lock(&silicon.lock);
    head = atomic_load_explicit((_Atomic uint32_t *)&memory->head, memory_order_acquire);
    while (memory->tail != head && silicon.queued < PKA_SLOTS_MAX) {
        unsigned i = memory->ring[memory->tail % PKA_SLOTS_MAX];

        memory->tail++;
        if (i >= silicon.depth)
            continue;
        silicon.queue[silicon.queued++] = i;
        silicon.requests++;
    }
    pthread_cond_broadcast(&silicon.changed);
    pthread_mutex_unlock(&silicon.lock);
}

/* ---- the ivshmem server ---- */

static void send_fd(int64_t value, int fd)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {&value, sizeof(value)};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

    if (fd >= 0) {
        struct cmsghdr *header;

        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    }
    if (sendmsg(silicon.qemu, &message, MSG_NOSIGNAL) != sizeof(value))
        die("QEMU does not listen: %s", strerror(errno));
}

/* A QEMU connects: version, its number, the memory, then the doorbell of peer 0 and its own interrupt. */
static void accept_qemu(void)
{
    silicon.qemu = accept4(silicon.listener, NULL, NULL, SOCK_CLOEXEC);
    if (silicon.qemu < 0)
        die("accept: %s", strerror(errno));
    pthread_mutex_lock(&silicon.lock);
    silicon.queued = 0;
    silicon.interrupt = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_unlock(&silicon.lock);
    send_fd(0, -1);
    send_fd(1, -1);
    send_fd(-1, silicon.memory_fd);
    send_fd(0, silicon.doorbell);
    send_fd(1, silicon.interrupt);
}

/* ---- orders ---- */

/* The driver finds out at the next interrupt, if not by itself. */
static void set_presence(uint32_t magic)
{
    const uint64_t one = 1;

    silicon.mode = magic == PKA_MAGIC ? NORMAL : GONE;
    silicon.queued = 0;
    silicon.memory->tail = silicon.memory->head;
    silicon.memory->magic = magic;
    if (silicon.interrupt >= 0 && write(silicon.interrupt, &one, sizeof(one)) < 0)
        perror("silicon: interrupt");
}

static void obey(const char *order, char *reply, size_t size)
{
    char word[16] = "";
    unsigned n = 0;
    int count = sscanf(order, "%15s %u", word, &n), ok = count >= 1;

    pthread_mutex_lock(&silicon.lock);
    if (strcmp(word, "normal") == 0) {
        silicon.mode = NORMAL;
        silicon.slow_ms = silicon.wrong = silicon.crt = 0;
    } else if (strcmp(word, "busy") == 0) {
        silicon.mode = BUSY;
    } else if (strcmp(word, "silent") == 0) {
        silicon.mode = SILENT;
    } else if (strcmp(word, "slow") == 0 && count == 2) {
        silicon.slow_ms = n;
    } else if (strcmp(word, "wrong") == 0 && count == 2) {
        silicon.wrong = n;
    } else if (strcmp(word, "crt") == 0 && count == 2) {
        silicon.crt = n;
    } else if (strcmp(word, "gone") == 0) {
        set_presence(UINT32_MAX);
    } else if (strcmp(word, "back") == 0) {
        set_presence(PKA_MAGIC);
    } else if (strcmp(word, "stats") != 0) {
        ok = 0;
    }
    pthread_cond_broadcast(&silicon.changed);
    snprintf(reply, size, ok ? "ok requests=%llu answers=%llu faults=%llu\n" : "error\n",
             (unsigned long long)silicon.requests, (unsigned long long)silicon.answers,
             (unsigned long long)silicon.faults);
    pthread_mutex_unlock(&silicon.lock);
}

/* Lines from the control socket, as they come. Returns 0 when the other side has gone. */
static int take_orders(int fd)
{
    static char buffer[1024];
    static size_t used;
    ssize_t n = read(fd, buffer + used, sizeof(buffer) - 1 - used);
    char *end, reply[128];

    if (n <= 0)
        return 0;
    used += (size_t)n;
    buffer[used] = '\0';
    while ((end = strchr(buffer, '\n')) != NULL) {
        *end = '\0';
        obey(buffer, reply, sizeof(reply));
        if (write(fd, reply, strlen(reply)) < 0)
            return 0;
        used -= (size_t)(end + 1 - buffer);
        memmove(buffer, end + 1, used + 1);
    }
    if (used == sizeof(buffer) - 1)
        used = 0;
    return 1;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 4) != 0)
        die("%s: %s", path, strerror(errno));
    return fd;
}

static void power_on(void)
{
    silicon.memory_fd = memfd_create("pka", MFD_CLOEXEC);
    if (silicon.memory_fd < 0 || ftruncate(silicon.memory_fd, PKA_MEMORY_SIZE) != 0)
        die("memory: %s", strerror(errno));
    silicon.memory = mmap(NULL, PKA_MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, silicon.memory_fd, 0);
    silicon.doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (silicon.memory == MAP_FAILED || silicon.doorbell < 0)
        die("memory: %s", strerror(errno));
    silicon.memory->magic = PKA_MAGIC;
    silicon.memory->slots = silicon.depth;
    silicon.memory->engines = silicon.engines;
    for (unsigned i = 0; i < silicon.engines; i++) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, engine, NULL) != 0)
            die("no thread");
    }
}

static unsigned number(const char *text, unsigned max)
{
    unsigned long n = strtoul(text, NULL, 10);

    if (n < 1 || n > max)
        die("%s: expected 1 to %u", text, max);
    return (unsigned)n;
}

int main(int argc, char **argv)
{
    const char *path = NULL, *control_path = NULL;
    int control_listener, control = -1, i;

    for (i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--socket") == 0)
            path = argv[i + 1];
        else if (strcmp(argv[i], "--control") == 0)
            control_path = argv[i + 1];
        else if (strcmp(argv[i], "--engines") == 0)
            silicon.engines = number(argv[i + 1], 64);
        else if (strcmp(argv[i], "--depth") == 0)
            silicon.depth = number(argv[i + 1], PKA_SLOTS_MAX);
        else
            break;
    }
    if (i != argc || path == NULL || control_path == NULL) {
        fputs(usage_text, stderr);
        return 2;
    }
    power_on();
    control_listener = listen_at(control_path);
    silicon.listener = listen_at(path);
    for (;;) {
        struct pollfd fds[] = {
            {.fd = silicon.doorbell, .events = POLLIN},
            {.fd = silicon.qemu, .events = POLLIN},
            {.fd = silicon.qemu < 0 ? silicon.listener : -1, .events = POLLIN},
            {.fd = control, .events = POLLIN},
            {.fd = control < 0 ? control_listener : -1, .events = POLLIN},
        };

        if (poll(fds, 5, -1) < 0 && errno != EINTR)
            die("poll: %s", strerror(errno));
        if (fds[0].revents)
            take_requests();
        if (fds[1].revents)
            return 0; /* QEMU never says anything: it has ended */
        if (fds[2].revents)
            accept_qemu();
        if (fds[3].revents && !take_orders(control)) {
            close(control);
            control = -1;
        }
        if (fds[4].revents)
            control = accept4(control_listener, NULL, NULL, SOCK_CLOEXEC);
    }
}
