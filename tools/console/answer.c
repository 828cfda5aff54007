// SPDX-License-Identifier: Apache-2.0
/* What commands tell besides their result: to a person on standard output, to a program in its answer. */
#include "answer.h"

#include "console.h"

#include <string.h>

#define LINES_MAX 100 /* of a kind; more are left out */

int answer_open(struct answer *answer)
{
    size_t i;

    *answer = (struct answer){.told = json_object()};
    for (i = 0; i < sizeof(answer->lines) / sizeof(answer->lines[0]); i++)
        answer->lines[i] = json_array();
    return answer->told != NULL && answer->lines[0] != NULL && answer->lines[1] != NULL &&
           answer->lines[2] != NULL;
}

void answer_close(struct answer *answer)
{
    size_t i;

    for (i = 0; i < sizeof(answer->lines) / sizeof(answer->lines[0]); i++)
        json_decref(answer->lines[i]);
    json_decref(answer->told);
}

json_t *answer_text(const char *value)
{
    json_t *text = json_string(value);

    if (text == NULL) {
        size_t len = strlen(value), i, n = 0;
        char *utf8 = OPENSSL_malloc(2 * len + 1);

        for (i = 0; utf8 != NULL && i < len; i++) {
            unsigned char c = (unsigned char)value[i];

            if (c >= 0x80)
                utf8[n++] = (char)(0xc0 | c >> 6);
            utf8[n++] = (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c);
        }
        text = utf8 != NULL ? json_stringn(utf8, n) : NULL;
        OPENSSL_free(utf8);
    }
    return text;
}

void answer_say(struct answer *answer, enum answer_line kind, const char *format, va_list args)
{
    char text[2048];

    vsnprintf(text, sizeof(text), format, args);
    if (json_array_size(answer->lines[kind]) < LINES_MAX)
        json_array_append_new(answer->lines[kind], answer_text(text));
}

static void __attribute__((format(printf, 3, 4)))
say(struct answer *answer, enum answer_line kind, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    answer_say(answer, kind, format, args);
    va_end(args);
}

void console_progress(struct console *console, const char *text)
{
    if (console->answer != NULL) {
        say(console->answer, ANSWER_PROGRESS, "%s", text);
        return;
    }
    console_end_line(console);
    printf("  progress: %s\n", text);
    fflush(stdout);
}

void call_tell(struct call *call, int column, const char *name, const char *format, ...)
{
    struct answer *answer = call->console->answer;
    char *text = NULL;
    va_list args;
    int len;

    if (call->is_nested)
        return;
    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        return;
    if (answer != NULL)
        json_object_set_new(answer->told, name, answer_text(text));
    else
        printf("%*s: %s\n", column, name, text);
    OPENSSL_cleanse(text, (size_t)len);
    free(text);
}
