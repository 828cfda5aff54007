// SPDX-License-Identifier: Apache-2.0
/* Keys: none, malformed ones, and changes. */
#include "test.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdatomic.h>

void test_nokey(const struct key *k, const struct key *other)
{
    int bound = bound_socket(NULL), fd = op_socket(bound), fd2 = op_socket(bound), n = k->size;
    unsigned char in[SIZE], out[SIZE];
    aio_context_t aio = aio_new(1);

    random_input(k, in);
    REFUSED(ENOKEY, send_op(fd, ALG_OP_DECRYPT, in, n, 0));
    REFUSED(ENOKEY, read(fd, out, n));
    REFUSED(ENOKEY, aio_read(aio, IOCB_CMD_PREAD, fd, out, n));
    CHECK(set_key(bound, k) == 0);
    CHECK(set_key(bound, other) == 0); /* nobody has used it so far */
    CHECK(set_key(bound, k) == 0);
    operate(k, fd, ALG_OP_DECRYPT, 0);
    operate(k, fd, ALG_OP_DECRYPT, aio);
    ok("no key, then one");

    REFUSED(EBUSY, set_key(bound, other));
    operate(k, fd, ALG_OP_ENCRYPT, 0);
    close(fd);
    change_key(bound, other);
    operate(other, fd2, ALG_OP_DECRYPT, 0);
    REFUSED(EBUSY, set_key(bound, k));
    close(fd2);
    change_key(bound, k);
    fd = op_socket(bound);
    operate(k, fd, ALG_OP_DECRYPT, 0);
    ok("a key is changed only while no operation socket uses it");
    aio_free(aio);
    close(fd);
    close(bound);
}

/* RSAPrivateKey with the components of k, but one of them replaced. */
static int der_with(const struct key *k, int which, const BIGNUM *value, unsigned char **der)
{
    static const char *const names[] = {OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
                                        OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
                                        OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
                                        OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
    ASN1_INTEGER *number;
    unsigned char *body = NULL, *p;
    int len = 0, i, total;

    for (i = -1; i < 8; i++) {
        BIGNUM *part = NULL;
        int n;

        if (i < 0)
            part = BN_new(); /* the version, 0 */
        else
            CHECK(EVP_PKEY_get_bn_param(k->pkey, names[i], &part) == 1);
        number = BN_to_ASN1_INTEGER(i == which ? value : part, NULL);
        n = i2d_ASN1_INTEGER(number, NULL);
        body = realloc(body, len + n);
        p = body + len;
        i2d_ASN1_INTEGER(number, &p);
        len += n;
        ASN1_INTEGER_free(number);
        BN_free(part);
    }
    total = ASN1_object_size(1, len, V_ASN1_SEQUENCE);
    p = *der = malloc(total);
    ASN1_put_object(&p, 1, len, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    memcpy(p, body, len);
    free(body);
    return total;
}

/* What a key nobody has made gives: a result or an errno, and the socket goes on. */
static int try_key(int bound, const unsigned char *der, int len, int size)
{
    unsigned char in[SIZE], out[SIZE];
    int fd, result;

    if (set_key_der(bound, der, len) != 0) {
        CHECK(errno == EINVAL);
        return 0;
    }
    fd = op_socket(bound);
    memset(in, 0x55, size);
    if (send_op(fd, ALG_OP_DECRYPT, in, size, 0) == size) {
        result = read(fd, out, sizeof(out));
        CHECK(result > 0 || errno == EINVAL || errno == EBADMSG || errno == EOVERFLOW);
    } else {
        CHECK(errno == EMSGSIZE);
    }
    close(fd);
    return 1;
}

void test_malformed(const struct key *k)
{
    int bound = bound_socket(k), fd, i, j, len, accepted = 0;
    unsigned char *der, *copy = malloc(1 << 20), *p;
    BIGNUM *value = BN_new();

    memset(copy, 0x30, 1 << 20);
    REFUSED(EINVAL, set_key_der(bound, k->der, 0));
    REFUSED(EFAULT, set_key_der(bound, NULL, 100));
    REFUSED(EINVAL, set_key_der(bound, copy, 16 * 1024));
    REFUSED(EINVAL, set_key_der(bound, copy, 16 * 1024 + 1));
    REFUSED(ENOMEM, set_key_der(bound, copy, 1 << 20));
    for (i = 0; i < k->der_len; i += i < 40 ? 1 : 13)
        REFUSED(EINVAL, set_key_der(bound, k->der, i));
    REFUSED(EINVAL, set_key_der(bound, k->der, k->der_len - 1));
    der = NULL;
    len = i2d_PublicKey(k->pkey, &der);
    REFUSED(EINVAL, set_key_der(bound, der, len));
    OPENSSL_free(der);
    p = NULL;
    {
        PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(k->pkey);

        len = i2d_PKCS8_PRIV_KEY_INFO(info, &p);
        REFUSED(EINVAL, set_key_der(bound, p, len));
        OPENSSL_free(p);
        PKCS8_PRIV_KEY_INFO_free(info);
    }
    /* None of these got as far as the driver. */
    fd = op_socket(bound);
    operate(k, fd, ALG_OP_DECRYPT, 0);
    close(fd);
    ok("keys that are no RSAPrivateKey; the one before stays");

    for (i = 0; i < 8; i++) {
        for (j = 0; j < 7; j++) {
            switch (j) {
            case 0:
                BN_zero(value);
                break;
            case 1:
                BN_one(value);
                break;
            case 2:
                BN_set_word(value, 2);
                break;
            case 3: /* as long as the modulus, and even */
                BN_zero(value);
                BN_set_bit(value, k->size * 8 - 1);
                break;
            case 4: /* as long as the modulus, and odd */
                BN_set_bit(value, 0);
                break;
            case 5: /* longer */
                BN_set_bit(value, k->size * 8 + 100);
                break;
            case 6: /* longer than the kernel's arithmetic knows */
                BN_set_bit(value, 20000);
                break;
            }
            len = der_with(k, i, value, &der);
            if (try_key(bound, der, len, k->size))
                accepted++;
            free(der);
        }
        BN_set_negative(value, 1);
        len = der_with(k, i, value, &der);
        REFUSED(EINVAL, set_key_der(bound, der, len));
        free(der);
        BN_set_negative(value, 0);
    }
    ok("keys with a wrong number in them: %d of 56 refused", 56 - accepted);

    accepted = 0;
    for (i = 0; i < 600; i++) {
        unsigned char r[4];

        memcpy(copy, k->der, k->der_len);
        for (j = 0; j <= i % 3; j++) {
            random_bytes(r, 4);
            copy[(r[0] << 8 | r[1]) % (i % 2 ? k->der_len : 60)] = r[2];
        }
        accepted += try_key(bound, copy, k->der_len, k->size);
    }
    CHECK(set_key(bound, k) == 0);
    fd = op_socket(bound);
    operate(k, fd, ALG_OP_DECRYPT, 0);
    close(fd);
    ok("600 keys with bytes changed: %d accepted, and each gives a result or an errno", accepted);
    close(bound);
    BN_free(value);
    free(copy);
}

struct job {
    pthread_t thread;
    const struct key *key, *other;
    int bound;
    atomic_int *stop;
    int done, busy;
};

/* The result must be one key's or the other's. */
static void *run_while_changing(void *arg)
{
    struct job *job = arg;
    unsigned char in[SIZE], out[SIZE], want[2][SIZE];
    int n = job->key->size;
    aio_context_t aio = aio_new(1);

    random_input(job->key, in);
    in[0] = 0; /* below both */
    reference(job->key, ALG_OP_ENCRYPT, in, n, want[0]);
    reference(job->other, ALG_OP_ENCRYPT, in, n, want[1]);
    while (!atomic_load(job->stop)) {
        int fd = op_socket(job->bound);

        CHECK(send_op(fd, ALG_OP_ENCRYPT, in, n, 0) == n);
        if (job->done & 1)
            CHECK(read(fd, out, n) == n);
        else
            CHECK(aio_read(aio, IOCB_CMD_PREAD, fd, out, n) == n);
        CHECK(memcmp(out, want[0], n) == 0 || memcmp(out, want[1], n) == 0);
        close(fd);
        job->done++;
        usleep(1000 + job->done % 7 * 500); /* so that changes get through */
    }
    aio_free(aio);
    return NULL;
}

static void *run_changes(void *arg)
{
    struct job *job = arg;

    while (!atomic_load(job->stop)) {
        const struct key *k = job->done & 1 ? job->key : job->other;

        if (set_key(job->bound, k) == 0)
            job->done++;
        else if (errno == EBUSY)
            job->busy++;
        else
            die("a key change");
        usleep(200);
    }
    return NULL;
}

void test_key_change(const struct key *k, const struct key *other)
{
    struct job jobs[5];
    atomic_int stop = 0;
    int bound = bound_socket(k), i, done = 0;

    for (i = 0; i < 5; i++) {
        jobs[i] = (struct job){.key = k, .other = other, .bound = bound, .stop = &stop};
        CHECK(pthread_create(&jobs[i].thread, NULL, i < 4 ? run_while_changing : run_changes, &jobs[i]) == 0);
    }
    sleep(6);
    atomic_store(&stop, 1);
    for (i = 0; i < 5; i++) {
        pthread_join(jobs[i].thread, NULL);
        if (i < 4)
            done += jobs[i].done;
    }
    CHECK(done > 0 && jobs[4].done + jobs[4].busy > 0);
    close(bound);
    ok("key changes under load: %d operations, %d changes, %d refused", done, jobs[4].done, jobs[4].busy);
}
