// SPDX-License-Identifier: Apache-2.0
/* /tool fetch, and downloads for other commands. */
#include "fetch.h"
#include "tools/http/client.h"

#include <limits.h>
#include <string.h>

#define FETCH_MAX     STORE_FILE_MAX /* held in memory; more can't be imported anyway */
#define CONNECT_S     10L
#define STALL_S       30L
#define REDIRECTS_MAX 5L

static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
    struct fetched *fetched = arg;
    size_t len = size * count;

    if (len > fetched->max - fetched->len)
        return 0; /* CURLE_WRITE_ERROR */
    if (fetched->len + len > fetched->size) {
        size_t wanted = 2 * (fetched->len + len);
        unsigned char *bigger = OPENSSL_realloc(fetched->data, wanted);

        if (bigger == NULL)
            return 0;
        fetched->data = bigger;
        fetched->size = wanted;
    }
    memcpy(fetched->data + fetched->len, data, len);
    fetched->len += len;
    return len;
}

static int is_cancelled(void *arg)
{
    (void)arg;
    return console_interrupted;
}

static void set_options(struct console *console, CURL *curl, const char *url,
                        const struct fetch_options *options, struct fetched *fetched, char *why)
{
    static const struct http_client_cancel cancel = {is_cancelled, NULL};
    char bundle[PATH_MAX];

    snprintf(bundle, sizeof(bundle), "%.4000s/trust/fetch/bundle.pem", store_home(console->store));
    http_client_begin(curl, url, "http,https", why);
    http_client_cancel(curl, &cancel);
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR,
                     strncasecmp(url, "https:", 6) == 0 ? "https" : "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, STALL_S);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, fetched);
    curl_easy_setopt(curl, CURLOPT_CAINFO, bundle);
    curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, options->check ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, options->check ? 2L : 0L);
}

int fetch_url(struct console *console, const char *url, const struct fetch_options *options,
              struct fetched *fetched)
{
    char why[CURL_ERROR_SIZE] = "";
    CURL *curl = console_store(console) != NULL ? curl_easy_init() : NULL;
    CURLcode code;

    if (curl == NULL)
        return console_fail(console, "libcurl can't be used");
    fetched->max = options->max;
    set_options(console, curl, url, options, fetched, why);
    code = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    if (code == CURLE_OK)
        return 1;
    if (code == CURLE_WRITE_ERROR)
        return console_fail(console, "%.200s: larger than %zu MiB", url, options->max >> 20);
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return console_fail(console, "%.200s: interrupted", url);
    return console_fail(console, "%.200s: %s", url, *why != '\0' ? why : curl_easy_strerror(code));
}

/* ---- /tool fetch ---- */

static const char *const outputs[] = {"file", "none", "user", NULL};

static const struct property fetch_parameters[] = {
    {"url", TYPE_TEXT, PROP_NEEDED, NULL, 0, 0, NULL, "http:// or https://", 0},
    {"dst-path", TYPE_FILE, 0, NULL, 0, 0, NULL, "the file; the URL's last part by default", 0},
    {"output", TYPE_ENUM, 0, outputs, 0, 0, "file", "where it goes: user is the screen", 0},
    {"check-certificate", TYPE_BOOL, 0, NULL, 0, 0, "yes", "of an https server, with the trust store", 0},
    {.name = ""},
};

/* "ca.pem" of "http://host/path/ca.pem?x"; "index.html" where there is none. */
static void last_part(char *name, size_t size, const char *url)
{
    const char *start = strstr(url, "://"), *end, *slash;

    start = start != NULL ? start + 3 : url;
    end = start + strcspn(start, "?#");
    slash = end;
    while (slash > start && slash[-1] != '/')
        slash--;
    if (slash == start || slash == end)
        OPENSSL_strlcpy(name, "index.html", size);
    else
        snprintf(name, size, "%.*s", (int)(end - slash), slash);
}

static int save(struct call *call, const struct fetched *fetched, const char *output, const char *path)
{
    if (strcmp(output, "none") == 0)
        return 1;
    if (strcmp(output, "user") == 0 && call->console->answer != NULL) {
        call_tell(call, 12, "data", "%.*s", (int)fetched->len,
                  fetched->data != NULL ? (char *)fetched->data : "");
        return 1;
    }
    if (strcmp(output, "user") == 0)
        return fwrite(fetched->data, 1, fetched->len, stdout) == fetched->len;
    return store_file_write(console_store(call->console), path,
                            fetched->data != NULL ? fetched->data : (void *)"", fetched->len);
}

static int run_fetch(struct call *call)
{
    const char *url = call_text(call, "url"), *path = call_text(call, "dst-path"),
               *output = call_text(call, "output"), *check = call_text(call, "check-certificate");
    struct fetch_options options = {.max = FETCH_MAX, .check = check == NULL || strcmp(check, "yes") == 0};
    struct fetched fetched = {0};
    char name[256];
    int ok;

    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return console_fail(call->console, "invalid value for argument url: expected http:// or https://");
    if (output == NULL)
        output = "file";
    last_part(name, sizeof(name), url);
    if (!options.check)
        console_note(call->console, "the server's certificate is not checked");
    ok = fetch_url(call->console, url, &options, &fetched) &&
         save(call, &fetched, output, path != NULL ? path : name);
    if (ok && strcmp(output, "user") != 0) {
        call_tell(call, 12, "status", "finished");
        call_tell(call, 12, "downloaded", "%zuKiB", (fetched.len + 1023) / 1024);
        call_tell(call, 12, "file", "%s", strcmp(output, "file") == 0 ? (path != NULL ? path : name) : "");
    }
    OPENSSL_free(fetched.data);
    return ok;
}

static const struct command tool_commands[] = {
    {"fetch", 0, fetch_parameters, run_fetch, "downloads a file", NULL},
    {"", 0, NULL, NULL, NULL, NULL},
};

/* For the group full: it reaches what listens for this host alone, and its neighbours. */
const struct menu menu_tool = {
    .path = "/tool", .kind = MENU_FOLDER, .help = "tools", .commands = tool_commands, .is_for_full = 1};
