// SPDX-License-Identifier: Apache-2.0
/* Sentences of the API: lengths, bounds, what comes in pieces. */
#include "tools/api/sentence.h"

#include "unit.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static enum sentence_state read_all(struct sentence *sentence, const void *data, size_t len, size_t *taken)
{
    *sentence = (struct sentence){.max = SENTENCE_MAX};
    return sentence_read(sentence, data, len, taken);
}

static void a_sentence(void)
{
    static const unsigned char text[] = "\6/login\7=name=x\4a\0bc\0\5/quit";
    struct sentence sentence;
    size_t taken;

    CU_ASSERT(read_all(&sentence, text, sizeof(text) - 1, &taken) == SENTENCE_WHOLE);
    CU_ASSERT_EQUAL(taken, 21);
    CU_ASSERT_EQUAL(sentence.count, 3);
    CU_ASSERT_STRING_EQUAL(sentence_word(&sentence, 0), "/login");
    CU_ASSERT_STRING_EQUAL(sentence_word(&sentence, 1), "=name=x");
    CU_ASSERT(sentence.len[2] == 4 && memcmp(sentence_word(&sentence, 2), "a\0bc", 5) == 0);
    CU_ASSERT_PTR_NULL(sentence_word(&sentence, 3));
    sentence_clear(&sentence);
    CU_ASSERT(sentence_read(&sentence, text + taken, sizeof(text) - 1 - taken, &taken) == SENTENCE_MORE);
    CU_ASSERT(sentence_read(&sentence, (const unsigned char *)"", 1, &taken) == SENTENCE_WHOLE);
    CU_ASSERT_STRING_EQUAL(sentence_word(&sentence, 0), "/quit");
    sentence_clear(&sentence);
    CU_ASSERT(read_all(&sentence, "", 1, &taken) == SENTENCE_WHOLE && sentence.count == 0);
    sentence_clear(&sentence);
}

/* Written and read, byte by byte. */
static void lengths(void)
{
    static const size_t lens[] = {1, 0x7f, 0x80, 0x3fff, 0x4000, SENTENCE_WORD_MAX};
    static const size_t headers[] = {1, 1, 2, 2, 3, 3};
    size_t i, j, taken;

    for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        struct evbuffer *out = evbuffer_new();
        char *text = OPENSSL_zalloc(lens[i] + 1);
        struct sentence sentence = {.max = SENTENCE_MAX};
        enum sentence_state state = SENTENCE_MORE;
        const unsigned char *data;
        size_t len;

        memset(text, 'x', lens[i]);
        CU_ASSERT(sentence_put(out, "", text) && sentence_end(out));
        len = evbuffer_get_length(out);
        CU_ASSERT_EQUAL(len, lens[i] + headers[i] + 1);
        data = evbuffer_pullup(out, -1);
        for (j = 0; j < len && state == SENTENCE_MORE; j++)
            state = sentence_read(&sentence, data + j, 1, &taken);
        CU_ASSERT(state == SENTENCE_WHOLE && j == len);
        CU_ASSERT(sentence.count == 1 && strcmp(sentence_word(&sentence, 0), text) == 0);
        sentence_clear(&sentence);
        evbuffer_free(out);
        OPENSSL_free(text);
    }
}

/* Lengths that nobody reads so are written, too. */
static void long_words(void)
{
    struct evbuffer *out = evbuffer_new();
    size_t len = 0x200000;
    char *text = OPENSSL_malloc(len + 1);
    const unsigned char *data;

    memset(text, 'x', len);
    text[len] = '\0';
    CU_ASSERT(sentence_put(out, "=a=", text));
    data = evbuffer_pullup(out, 8);
    CU_ASSERT(memcmp(data, "\xe0\x20\x00\x03=a=x", 8) == 0);
    evbuffer_free(out);
    OPENSSL_free(text);
}

static void malformed(void)
{
    static const struct {
        const char *bytes;
        size_t len;
    } all[] = {
        {"\xff", 1},
        {"\xf8", 1},
        {"\xf1", 1},
        {"\xf7", 1},
        {"\xf0\xff\xff\xff\xff", 5},
        {"\xf0\x00\x01\x00\x01", 5},
        {"\xc1\x00\x01", 3},
        {"\xef\xff\xff\xff", 4},
        {"\1/\xfa", 3},
    };
    struct sentence sentence;
    unsigned char many[2 * (SENTENCE_WORDS_MAX + 1)];
    size_t i, taken;

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        CU_ASSERT(read_all(&sentence, all[i].bytes, all[i].len, &taken) == SENTENCE_MALFORMED);
        /* Nothing is taken for what is only announced. */
        CU_ASSERT(sentence.size <= 256);
        sentence_clear(&sentence);
    }
    for (i = 0; i < sizeof(many); i++)
        many[i] = i % 2 == 0 ? 1 : 'x';
    CU_ASSERT(read_all(&sentence, many, sizeof(many), &taken) == SENTENCE_MALFORMED);
    CU_ASSERT(sentence.count == SENTENCE_WORDS_MAX);
    sentence_clear(&sentence);
}

/* All words together, and before a login far less. */
static void bounds(void)
{
    size_t len = SENTENCE_WORD_MAX + 3, taken = 0, words = 0;
    unsigned char *word = OPENSSL_zalloc(len);
    struct sentence sentence = {.max = SENTENCE_MAX};

    memcpy(word, "\xc1\x00\x00", 3);
    while (sentence_read(&sentence, word, len, &taken) == SENTENCE_MORE)
        words++;
    CU_ASSERT_EQUAL(words, SENTENCE_MAX / SENTENCE_WORD_MAX - 1);
    CU_ASSERT(taken == 3 && sentence.used <= SENTENCE_MAX);
    sentence_clear(&sentence);
    sentence.max = 10;
    CU_ASSERT(sentence_read(&sentence, (const unsigned char *)"\x0b", 1, &taken) == SENTENCE_MALFORMED);
    sentence_clear(&sentence);
    CU_ASSERT_EQUAL(sentence.max, 10);
    OPENSSL_free(word);
}

int main(void)
{
    CU_TestInfo tests[] = {{"a sentence", a_sentence}, {"lengths", lengths}, {"long words", long_words},
                           {"malformed", malformed},   {"bounds", bounds},   CU_TEST_INFO_NULL};

    return unit_run("api_sentence", tests);
}
