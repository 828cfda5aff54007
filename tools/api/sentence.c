// SPDX-License-Identifier: Apache-2.0
/* See sentence.h. The lengths:
 *   0xxxxxxx                          up to 0x7f
 *   10xxxxxx and 1 byte more          up to 0x3fff
 *   110xxxxx and 2                    up to 0x1fffff
 *   1110xxxx and 3                    up to 0xfffffff
 *   11110000 and 4                    up to 0xffffffff
 * What begins with 0xf8 and more are control bytes, of which there are none; what is between means nothing.
 */
#include "sentence.h"

#include <openssl/crypto.h>
#include <string.h>

#define FIRST 256 /* bytes; most sentences are shorter */

/* ---- reading ---- */

/* The first byte of a length. Returns 0 if there is none that begins so. */
static int begin_length(struct sentence *sentence, unsigned char byte)
{
    static const struct {
        unsigned char mask, prefix;
        int more;
    } kinds[] = {{0x80, 0x00, 0}, {0xc0, 0x80, 1}, {0xe0, 0xc0, 2}, {0xf0, 0xe0, 3}, {0xff, 0xf0, 4}};
    size_t i;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if ((byte & kinds[i].mask) == kinds[i].prefix) {
            sentence->length = byte & (unsigned char)~kinds[i].mask;
            sentence->more = kinds[i].more;
            return 1;
        }
    }
    return 0;
}

static int grow(struct sentence *sentence, size_t len)
{
    size_t size = sentence->size == 0 ? FIRST : sentence->size;
    unsigned char *text;

    while (size - sentence->used < len)
        size *= 2;
    if (size == sentence->size)
        return 1;
    text = OPENSSL_clear_realloc(sentence->text, sentence->size, size);
    if (text == NULL)
        return 0;
    sentence->text = text;
    sentence->size = size;
    return 1;
}

static int append(struct sentence *sentence, const unsigned char *data, size_t len)
{
    if (!grow(sentence, len))
        return 0;
    memcpy(sentence->text + sentence->used, data, len);
    sentence->used += len;
    return 1;
}

/* A length is there, and is not 0. Those that nobody may send are refused before anything of the word comes.
 */
static int begin_word(struct sentence *sentence)
{
    size_t max = sentence->max < SENTENCE_MAX ? sentence->max : SENTENCE_MAX;

    if (sentence->count == SENTENCE_WORDS_MAX || sentence->length > SENTENCE_WORD_MAX ||
        sentence->used + sentence->length > max)
        return 0;
    sentence->at[sentence->count] = sentence->used;
    sentence->len[sentence->count++] = sentence->length;
    sentence->left = sentence->length;
    return 1;
}

enum sentence_state sentence_read(struct sentence *sentence, const unsigned char *data, size_t len,
                                  size_t *taken)
{
    *taken = 0;
    while (*taken < len) {
        size_t n = len - *taken < sentence->left ? len - *taken : sentence->left;

        if (sentence->left > 0) {
            if (!append(sentence, data + *taken, n))
                return SENTENCE_NO_MEMORY;
            *taken += n;
            sentence->left -= n;
            if (sentence->left == 0 && !append(sentence, (const unsigned char *)"", 1))
                return SENTENCE_NO_MEMORY;
            continue;
        }
        if (sentence->more > 0) {
            sentence->length = sentence->length << 8 | data[*taken];
            sentence->more--;
        } else if (!begin_length(sentence, data[*taken])) {
            return SENTENCE_MALFORMED;
        }
        ++*taken;
        if (sentence->more > 0)
            continue;
        if (sentence->length == 0)
            return SENTENCE_WHOLE;
        if (!begin_word(sentence))
            return SENTENCE_MALFORMED;
    }
    return SENTENCE_MORE;
}

const char *sentence_word(const struct sentence *sentence, size_t n)
{
    return n < sentence->count ? (const char *)sentence->text + sentence->at[n] : NULL;
}

void sentence_clear(struct sentence *sentence)
{
    size_t max = sentence->max;

    OPENSSL_clear_free(sentence->text, sentence->size);
    *sentence = (struct sentence){.max = max};
}

/* ---- writing ---- */

static size_t write_length(unsigned char out[5], size_t len)
{
    static const struct {
        size_t below;
        unsigned char prefix;
    } kinds[] = {{0x80, 0}, {0x4000, 0x80}, {0x200000, 0xc0}, {0x10000000, 0xe0}};
    size_t more = 0, i;

    while (more < 4 && len >= kinds[more].below)
        more++;
    for (i = 0; i < more; i++)
        out[more - i] = (unsigned char)(len >> (8 * i));
    out[0] = more == 4 ? 0xf0 : (unsigned char)(kinds[more].prefix | len >> (8 * more));
    return more + 1;
}

int sentence_put(struct evbuffer *out, const char *name, const char *value)
{
    size_t name_len = strlen(name), value_len = strlen(value);
    unsigned char length[5];

    return name_len + value_len <= UINT32_MAX &&
           evbuffer_add(out, length, write_length(length, name_len + value_len)) == 0 &&
           evbuffer_add(out, name, name_len) == 0 && evbuffer_add(out, value, value_len) == 0;
}

int sentence_end(struct evbuffer *out)
{
    return evbuffer_add(out, "", 1) == 0;
}
