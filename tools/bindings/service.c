// SPDX-License-Identifier: Apache-2.0
/* The declarative file of a service: strictly read, signet-bindings(5) tells its language. */
#include "private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_SIZE 65536
#define LINE_MAX_SIZE 1024

static const char *const contents[CONTENTS] = {"certificate", "chain", "fullchain", "key", "combined",
                                               "trust",       "crl",   "trust-crl", "text"};

struct reader {
    struct service *service;
    struct file_rule *text_of; /* whose lines may follow */
    int line;
    char *why;
    size_t size;
    unsigned seen; /* bits of keys that may be there once */
};

static int fail(struct reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(struct reader *reader, const char *format, ...)
{
    int n = snprintf(reader->why, reader->size, "%s:%d: ", reader->service->path, reader->line);
    va_list args;

    va_start(args, format);
    if (n >= 0 && (size_t)n < reader->size)
        vsnprintf(reader->why + n, reader->size - (size_t)n, format, args);
    va_end(args);
    return 0;
}

static int fail_memory(struct reader *reader)
{
    return fail(reader, "out of memory");
}

/* ---- placeholders ---- */

static int is_known(void *arg, const char *name, size_t len)
{
    struct reader *reader = arg;
    const struct service *service = reader->service;
    size_t i;

    for (i = 0; i < service->parameters_count; i++) {
        if (strlen(service->parameters[i].name) == len && memcmp(service->parameters[i].name, name, len) == 0)
            return 1;
    }
    if ((len == 4 && memcmp(name, "home", 4) == 0) || (len == 2 && memcmp(name, "id", 2) == 0))
        return 1;
    return fail(reader, "{%.*s}: there is no such parameter above", (int)(len < 64 ? len : 64), name);
}

/* A copy, if all of its placeholders are known. */
static char *copy(struct reader *reader, const char *text)
{
    char *result = placeholders_each(text, is_known, reader) ? OPENSSL_strdup(text) : NULL;

    if (result == NULL && *reader->why == '\0')
        fail_memory(reader);
    return result;
}

/* ---- keys; each takes the words behind "=" ---- */

static int take_needs(struct reader *reader, char **words, size_t count)
{
    if (count != 1 || *words[0] != '/')
        return fail(reader, "needs: expected the path of a program");
    return (reader->service->needs = copy(reader, words[0])) != NULL;
}

static int take_parameter(struct reader *reader, char **words, size_t count)
{
    struct service *service = reader->service;
    struct parameter *parameter = &service->parameters[service->parameters_count];
    size_t kind = 0, i;

    if (count < 2 || count > 3)
        return fail(reader, "parameter: expected a name, a kind and an initial value");
    if (service->parameters_count == SERVICE_PARAMETERS)
        return fail(reader, "more than %d parameters", SERVICE_PARAMETERS);
    if (*words[0] < 'a' || *words[0] > 'z' || strlen(words[0]) > 32 ||
        words[0][strspn(words[0], "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')
        return fail(reader, "parameter: a name is made of a-z, 0-9 and -");
    for (i = 0; i < service->parameters_count; i++) {
        if (strcmp(service->parameters[i].name, words[0]) == 0)
            return fail(reader, "parameter %s is there already", words[0]);
    }
    while (kind < VALUE_KINDS && strcmp(words[1], value_kinds[kind]) != 0)
        kind++;
    if (kind == VALUE_KINDS)
        return fail(reader, "parameter %s: expected path, host, port, number or word, got %.32s", words[0],
                    words[1]);
    if (count == 3 && strchr(words[2], '{') == NULL && !value_is_good((enum value_kind)kind, words[2]))
        return fail(reader, "parameter %s: its initial value is not a %s", words[0], words[1]);
    parameter->kind = (enum value_kind)kind;
    if ((count == 3 && (parameter->initial = copy(reader, words[2])) == NULL) ||
        (parameter->name = OPENSSL_strdup(words[0])) == NULL) {
        OPENSSL_free(parameter->initial);
        parameter->initial = NULL;
        return *reader->why != '\0' ? 0 : fail_memory(reader);
    }
    service->parameters_count++;
    return 1;
}

static int take_mode(struct reader *reader, struct file_rule *rule, const char *text)
{
    char *end;
    unsigned long mode = strtoul(text, &end, 8);

    if (strlen(text) < 3 || strlen(text) > 4 || *end != '\0' || mode > 0777)
        return fail(reader, "mode: expected something like 0640");
    rule->mode = (mode_t)mode;
    return 1;
}

static int take_name(struct reader *reader, char **field, const char *text)
{
    OPENSSL_free(*field);
    return (*field = copy(reader, text)) != NULL;
}

static int take_content(struct reader *reader, struct file_rule *rule, const char *text)
{
    const char *colon = strchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : strlen(text), i;

    for (i = 0; i < CONTENTS; i++) {
        if (strlen(contents[i]) == len && memcmp(contents[i], text, len) == 0)
            break;
    }
    if (i == CONTENTS)
        return fail(reader,
                    "write: expected certificate, chain, fullchain, key, combined, trust, crl, trust-crl or "
                    "text, got %.32s",
                    text);
    rule->content = (enum content)i;
    if (colon == NULL)
        return 1;
    for (i = 0; store_uses[i] != NULL && strcmp(store_uses[i], colon + 1) != 0; i++)
        ;
    if (store_uses[i] == NULL || (rule->content != CONTENT_TRUST && rule->content != CONTENT_TRUST_CRL))
        return fail(reader, "write: %.32s: no such use", text);
    OPENSSL_strlcpy(rule->use, colon + 1, sizeof(rule->use));
    return 1;
}

static int take_write(struct reader *reader, char **words, size_t count)
{
    struct service *service = reader->service;
    struct file_rule *rule = &service->files[service->files_count];
    size_t i;

    if (service->files_count == SERVICE_WRITES)
        return fail(reader, "more than %d files", SERVICE_WRITES);
    if (count < 2 || (*words[1] != '/' && *words[1] != '{'))
        return fail(reader, "write: expected a content and an absolute path");
    service->files_count++;
    rule->mode = 0600;
    if (!take_content(reader, rule, words[0]) || (rule->path = copy(reader, words[1])) == NULL)
        return 0;
    for (i = 2; i < count; i++) {
        if (strncmp(words[i], "mode=", 5) == 0    ? !take_mode(reader, rule, words[i] + 5)
            : strncmp(words[i], "owner=", 6) == 0 ? !take_name(reader, &rule->owner, words[i] + 6)
            : strncmp(words[i], "group=", 6) == 0
                ? !take_name(reader, &rule->group, words[i] + 6)
                : !fail(reader, "write: expected mode=, owner= or group=, got %.32s", words[i]))
            return 0;
    }
    if ((rule->content == CONTENT_KEY || rule->content == CONTENT_COMBINED) && (rule->mode & 0037) != 0)
        return fail(reader, "mode: a private key is not for everybody: 0600 or 0640");
    if (rule->content != CONTENT_TEXT)
        return 1;
    reader->text_of = rule;
    return (rule->text = OPENSSL_strdup("")) != NULL || fail_memory(reader);
}

static int take_argv(struct reader *reader, const char *key, char **argv, char **words, size_t count)
{
    size_t i;

    if (count == 0 || (*words[0] != '/' && *words[0] != '{'))
        return fail(reader, "%s: expected the absolute path of a program and its arguments", key);
    for (i = 0; i < count; i++) {
        if ((argv[i] = copy(reader, words[i])) == NULL)
            return 0;
    }
    return 1;
}

static int take_check(struct reader *reader, char **words, size_t count)
{
    return take_argv(reader, "check", reader->service->check, words, count);
}

static int take_reload(struct reader *reader, char **words, size_t count)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = {{"HUP", SIGHUP}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2}};
    size_t i;

    if (count == 0 || strcmp(words[0], "signal") != 0)
        return take_argv(reader, "reload", reader->service->reload, words, count);
    for (i = 0; count == 2 && i < sizeof(signals) / sizeof(*signals); i++) {
        if (strcmp(words[1], signals[i].name) == 0)
            reader->service->reload_signal = signals[i].number;
    }
    return reader->service->reload_signal != 0 || fail(reader, "reload: expected signal HUP, USR1 or USR2");
}

static int take_environment(struct reader *reader, char **words, size_t count)
{
    char **environment = reader->service->environment;
    size_t n = 0;

    while (environment[n] != NULL)
        n++;
    if (count != 1 || n + 1 == SERVICE_WORDS)
        return fail(reader, "environment: expected NAME=VALUE");
    if (strchr(words[0], '=') == NULL || strncmp(words[0], "LD_", 3) == 0)
        return fail(reader, "environment: %.64s: not a variable that a service is given", words[0]);
    return (environment[n] = copy(reader, words[0])) != NULL;
}

static int take_running(struct reader *reader, char **words, size_t count)
{
    struct service *service = reader->service;

    if (count == 1 && strcmp(words[0], "connect") == 0) {
        service->running = RUNNING_CONNECT;
        return 1;
    }
    if (count == 2)
        service->running = strcmp(words[0], "systemd") == 0   ? RUNNING_SYSTEMD
                           : strcmp(words[0], "pidfile") == 0 ? RUNNING_PIDFILE
                                                              : RUNNING_UNKNOWN;
    if (service->running == RUNNING_UNKNOWN)
        return fail(reader, "running: expected systemd UNIT, pidfile PATH or connect");
    return (service->running_what = copy(reader, words[1])) != NULL;
}

static int take_verify(struct reader *reader, char **words, size_t count)
{
    struct service *service = reader->service;

    if (count == 1 && strcmp(words[0], "none") == 0)
        return 1;
    if (count < 2 || count > 3 || (count == 3 && strncmp(words[2], "sni=", 4) != 0))
        return fail(reader, "verify: expected HOST PORT, perhaps sni=NAME, or none");
    return (service->verify_host = copy(reader, words[0])) != NULL &&
           (service->verify_port = copy(reader, words[1])) != NULL &&
           (count == 2 || (service->verify_name = copy(reader, words[2] + 4)) != NULL);
}

static int take_withdraw(struct reader *reader, char **words, size_t count)
{
    if (count != 1 || strcmp(words[0], "text") != 0)
        return fail(reader, "withdraw: expected text");
    return reader->service->is_withdrawn_empty = 1;
}

static const struct key {
    const char *name;
    int is_once;
    int (*take)(struct reader *reader, char **words, size_t count);
} keys[] = {
    {"needs", 1, take_needs},     {"parameter", 0, take_parameter},     {"write", 0, take_write},
    {"check", 1, take_check},     {"environment", 0, take_environment}, {"reload", 1, take_reload},
    {"running", 1, take_running}, {"verify", 1, take_verify},           {"withdraw", 1, take_withdraw},
};

/* ---- lines ---- */

static int take_text_line(struct reader *reader, const char *line)
{
    char *text;
    size_t size;

    if (reader->text_of == NULL)
        return fail(reader, "a line of text, but no \"write = text\" before it");
    if (!placeholders_each(line, is_known, reader))
        return 0;
    size = strlen(reader->text_of->text) + strlen(line) + 2;
    text = OPENSSL_malloc(size);
    if (text == NULL)
        return fail_memory(reader);
    snprintf(text, size, "%s%s\n", reader->text_of->text, line);
    OPENSSL_free(reader->text_of->text);
    reader->text_of->text = text;
    return 1;
}

static int take_line(struct reader *reader, char *line)
{
    char *words[SERVICE_WORDS], *state = NULL, *equals, *key, *word;
    size_t count = 0, i;

    if (*line == '|')
        return take_text_line(reader, line[1] == ' ' ? line + 2 : line + 1);
    key = line + strspn(line, " \t");
    if (*key == '\0' || *key == '#')
        return 1;
    reader->text_of = NULL;
    equals = strchr(key, '=');
    if (equals == NULL)
        return fail(reader, "expected KEY = VALUE");
    *equals = '\0';
    key = strtok_r(key, " \t", &state);
    if (key == NULL || strtok_r(NULL, " \t", &state) != NULL)
        return fail(reader, "expected KEY = VALUE");
    for (word = strtok_r(equals + 1, " \t", &state); word != NULL; word = strtok_r(NULL, " \t", &state)) {
        if (count == SERVICE_WORDS)
            return fail(reader, "more than %d words", SERVICE_WORDS);
        words[count++] = word;
    }
    for (i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        if (strcmp(keys[i].name, key) != 0)
            continue;
        if (keys[i].is_once && (reader->seen & (1u << i)) != 0)
            return fail(reader, "%s is there already", key);
        reader->seen |= 1u << i;
        return keys[i].take(reader, words, count);
    }
    return fail(reader, "no such key as %.64s", key);
}

/* What belongs together. */
static int is_whole(struct reader *reader)
{
    const struct service *service = reader->service;

    if (service->files_count == 0)
        return fail(reader, "there is no file to write");
    if ((service->reload[0] != NULL || service->reload_signal != 0) && service->running == RUNNING_UNKNOWN)
        return fail(reader, "reload without running: a service that is stopped must not be started");
    if (service->reload_signal != 0 && service->running != RUNNING_PIDFILE)
        return fail(reader, "reload = signal: for running = pidfile only");
    if (service->running == RUNNING_PIDFILE && service->needs == NULL)
        return fail(reader, "running = pidfile: needs = PROGRAM tells what the process must be");
    if (service->running == RUNNING_CONNECT && service->verify_host == NULL)
        return fail(reader, "running = connect: it is the address of verify that is connected to");
    return 1;
}

struct service *service_parse(const char *path, const char *text, size_t len, char *why, size_t size)
{
    struct service *service = OPENSSL_zalloc(sizeof(*service));
    struct reader reader = {.service = service, .why = why, .size = size};
    const char *end = text + len;
    int ok = service != NULL && (service->path = OPENSSL_strdup(path)) != NULL;

    *why = '\0';
    while (ok && text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t line_len = (size_t)((newline != NULL ? newline : end) - text), i;
        char line[LINE_MAX_SIZE];

        reader.line++;
        for (i = 0; ok && i < line_len; i++) {
            if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
                ok = fail(&reader, "a control character");
        }
        if (ok && line_len >= sizeof(line))
            ok = fail(&reader, "longer than %d characters", LINE_MAX_SIZE);
        if (!ok)
            break;
        memcpy(line, text, line_len);
        line[line_len] = '\0';
        ok = take_line(&reader, line);
        text += line_len + 1;
    }
    if (ok && is_whole(&reader))
        return service;
    service_free(service);
    return NULL;
}

static void free_words(char **words, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++)
        OPENSSL_free(words[i]);
}

void service_free(struct service *service)
{
    size_t i;

    if (service == NULL)
        return;
    for (i = 0; i < SERVICE_PARAMETERS; i++) {
        OPENSSL_free(service->parameters[i].name);
        OPENSSL_free(service->parameters[i].initial);
    }
    for (i = 0; i < SERVICE_WRITES; i++) {
        OPENSSL_free(service->files[i].path);
        OPENSSL_free(service->files[i].owner);
        OPENSSL_free(service->files[i].group);
        OPENSSL_free(service->files[i].text);
    }
    free_words(service->check, SERVICE_WORDS);
    free_words(service->reload, SERVICE_WORDS);
    free_words(service->environment, SERVICE_WORDS);
    OPENSSL_free(service->path);
    OPENSSL_free(service->needs);
    OPENSSL_free(service->running_what);
    OPENSSL_free(service->verify_host);
    OPENSSL_free(service->verify_port);
    OPENSSL_free(service->verify_name);
    OPENSSL_free(service);
}

/* ---- where they are ---- */

/* The folders, most particular first; without the last if what is installed is there. */
static int folder(struct store *store, size_t n, char *path, size_t size)
{
    static const char *const folders[] = {SIGNET_BINDINGS_LOCAL, SIGNET_BINDINGS_INSTALLED,
                                          SIGNET_BINDINGS_SOURCE};

    if (n > sizeof(folders) / sizeof(*folders))
        return 0;
    if (n == 0)
        return snprintf(path, size, "%s/bindings", store_home(store)) < (int)size;
    OPENSSL_strlcpy(path, folders[n - 1], size);
    /* A build tree's own files are for a build tree. */
    return n < 3 || access(SIGNET_BINDINGS_INSTALLED, F_OK) != 0;
}

/* It says what root executes: it is read only if nobody else can write it. */
static struct service *read_file(const char *path, int fd, char *why, size_t size)
{
    struct service *service = NULL;
    struct stat st;
    char *text = NULL;
    ssize_t len;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        snprintf(why, size, "%s: not a file", path);
    } else if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        snprintf(why, size, "%s: others can write it: it must be yours or root's, and chmod go-w", path);
    } else if (st.st_size > FILE_MAX_SIZE || (text = OPENSSL_malloc(FILE_MAX_SIZE + 1)) == NULL) {
        snprintf(why, size, "%s: larger than %d bytes", path, FILE_MAX_SIZE);
    } else {
        len = read(fd, text, FILE_MAX_SIZE + 1);
        if (len < 0 || len > FILE_MAX_SIZE)
            snprintf(why, size, "%s: %s", path, len < 0 ? strerror(errno) : "too large");
        else
            service = service_parse(path, text, (size_t)len, why, size);
    }
    OPENSSL_free(text);
    return service;
}

struct service *service_load(struct store *store, const char *name, char *why, size_t size)
{
    char directory[PATH_MAX - 300], path[PATH_MAX];
    size_t n;

    if (!value_is_good(VALUE_WORD, name) || *name == '.') {
        snprintf(why, size, "service: not the name of one");
        return NULL;
    }
    for (n = 0; folder(store, n, directory, sizeof(directory)); n++) {
        struct service *service;
        int fd;

        snprintf(path, sizeof(path), "%s/%.200s.conf", directory, name);
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0 && errno == ENOENT)
            continue;
        if (fd < 0) {
            snprintf(why, size, "%s: %s", path, strerror(errno));
            return NULL;
        }
        service = read_file(path, fd, why, size);
        close(fd);
        return service;
    }
    snprintf(why, size, "there is no service %.64s: %s/%.64s.conf would describe it", name,
             SIGNET_BINDINGS_LOCAL, name);
    return NULL;
}

/* Is it in one of the folders before? */
static int is_seen(struct store *store, size_t before, const char *file)
{
    char directory[PATH_MAX - 300], path[PATH_MAX];
    size_t n;

    for (n = 0; n < before && folder(store, n, directory, sizeof(directory)); n++) {
        snprintf(path, sizeof(path), "%s/%.255s", directory, file);
        if (access(path, F_OK) == 0)
            return 1;
    }
    return 0;
}

void bindings_services(struct store *store, int (*each)(void *arg, const char *name), void *arg)
{
    char directory[PATH_MAX - 300], name[256];
    int wanted = 1;
    size_t n;

    for (n = 0; wanted && folder(store, n, directory, sizeof(directory)); n++) {
        DIR *dir = opendir(directory);
        struct dirent *entry;

        while (wanted && dir != NULL && (entry = readdir(dir)) != NULL) {
            size_t len = strlen(entry->d_name);

            if (len <= 5 || strcmp(entry->d_name + len - 5, ".conf") != 0 || entry->d_name[0] == '.' ||
                is_seen(store, n, entry->d_name))
                continue;
            snprintf(name, sizeof(name), "%.*s", (int)(len - 5), entry->d_name);
            wanted = each(arg, name);
        }
        if (dir != NULL)
            closedir(dir);
    }
}
