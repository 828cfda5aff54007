// SPDX-License-Identifier: Apache-2.0
/*
 * Sentences of RouterOS's API: words, each with its length in front in 1 to 5 bytes, up to a word of length
 * 0. Everything that comes is bounded, and no memory is taken for what was only announced. Private to
 * tools/api/.
 */
#ifndef SIGNET_API_SENTENCE_H
#define SIGNET_API_SENTENCE_H

#include <event2/buffer.h>
#include <stddef.h>
#include <stdint.h>

#define SENTENCE_WORD_MAX  ((size_t)64 << 10)  /* bytes */
#define SENTENCE_MAX       ((size_t)256 << 10) /* of all words */
#define SENTENCE_WORDS_MAX 256

struct sentence {
    size_t count;
    size_t max;                    /* bytes of all words; at most SENTENCE_MAX */
    size_t at[SENTENCE_WORDS_MAX]; /* where the words are in text, each with a 0 behind it */
    size_t len[SENTENCE_WORDS_MAX];
    unsigned char *text;
    size_t used, size;
    size_t left;     /* bytes that the last word still lacks */
    uint64_t length; /* of the next word, as far as it has been read */
    int more;        /* bytes that its length still lacks */
};

/* What has been read so far: nothing, or part of a sentence, or all of one. */
enum sentence_state { SENTENCE_MORE, SENTENCE_WHOLE, SENTENCE_MALFORMED, SENTENCE_NO_MEMORY };

/* Takes bytes up to the end of a sentence; *taken of them. After SENTENCE_WHOLE it is the caller's to look
 * at, and to clear; after an error nothing more can be read. A sentence without words is whole, too. */
enum sentence_state sentence_read(struct sentence *sentence, const unsigned char *data, size_t len,
                                  size_t *taken);
/* A word, with a 0 behind it; there may be zeros in it. NULL: there are not so many. */
const char *sentence_word(const struct sentence *sentence, size_t n);
/* Begins anew. What was there may have been a password, and is wiped. */
void sentence_clear(struct sentence *sentence);

/* Writes a word, its name or prefix and its value behind one another. Returns 0 if out of memory, or if it is
 * longer than a length can be. The end of a sentence is a word without anything. */
int sentence_put(struct evbuffer *out, const char *name, const char *value);
int sentence_end(struct evbuffer *out);

#endif
