// SPDX-License-Identifier: Apache-2.0
/* What clients of the API send: sentences, read in pieces whose size the first byte says, and made into
 * requests. */
#include "fuzz.h"

#include "tools/api/request.h"

#include <stdlib.h>
#include <string.h>

static void one(const struct sentence *sentence)
{
    struct api_request request;
    int ok = api_request_read(&request, sentence);

    if (ok != (request.why == NULL))
        fuzz_finding("a request is refused without a word");
    if (ok && request.kind == API_COMMAND && !json_is_string(json_object_get(request.json, "menu")))
        fuzz_finding("a request without a menu");
    if (strlen(request.tag) > API_TAG_MAX)
        fuzz_finding("a long tag");
    api_request_clear(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sentence sentence = {.max = SENTENCE_MAX};
    enum sentence_state state = SENTENCE_MORE;
    size_t piece, taken;

    if (size == 0)
        return 0;
    piece = data[0] + 1U;
    data++;
    size--;
    while (size > 0 && state == SENTENCE_MORE) {
        state = sentence_read(&sentence, data, piece < size ? piece : size, &taken);
        data += taken;
        size -= taken;
        if (sentence.used > SENTENCE_MAX + SENTENCE_WORDS_MAX || sentence.count > SENTENCE_WORDS_MAX)
            fuzz_finding("a sentence larger than one may be");
        if (state == SENTENCE_WHOLE) {
            one(&sentence);
            sentence_clear(&sentence);
            state = SENTENCE_MORE;
        }
    }
    sentence_clear(&sentence);
    return 0;
}
