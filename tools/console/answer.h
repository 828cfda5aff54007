// SPDX-License-Identifier: Apache-2.0
/* What a program's command tells, gathered instead of printed. Private to the console. */
#ifndef SIGNET_CONSOLE_ANSWER_H
#define SIGNET_CONSOLE_ANSWER_H

#include <jansson.h>
#include <stdarg.h>

enum answer_line { ANSWER_ERROR, ANSWER_NOTE, ANSWER_PROGRESS };

struct answer {
    json_t *lines[3]; /* of enum answer_line: arrays of texts, bounded */
    json_t *told;     /* of call_tell: an object of texts */
};

int answer_open(struct answer *answer);
void answer_close(struct answer *answer);
void answer_say(struct answer *answer, enum answer_line kind, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* A text as JSON has it; one that is not UTF-8 byte by byte, as Latin-1. */
json_t *answer_text(const char *text);

#endif
