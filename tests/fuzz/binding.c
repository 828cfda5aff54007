// SPDX-License-Identifier: Apache-2.0
/* The file of a service, and, behind a line "%", the parameters that somebody gives: what is expanded holds
 * no value that could be more than one. */
#include "fuzz.h"

#include "tools/bindings/private.h"

#include <openssl/crypto.h>
#include <string.h>

static void check_values(const struct service *service, const char *parameters)
{
    struct values values;
    char why[WHY_MAX] = "";
    size_t i;

    if (values_take(&values, service, parameters, "/home/of/store", 1, why, sizeof(why))) {
        for (i = 0; i < service->parameters_count; i++) {
            if (!value_is_good(service->parameters[i].kind, values.text[i]) ||
                strpbrk(values.text[i], " \t\r\n\"'\\;{}$`,|") != NULL)
                fuzz_finding("a value that is more than a value");
        }
        for (i = 0; i < service->files_count; i++)
            OPENSSL_free(values_expand(&values, service->files[i].path));
        for (i = 0; i < service->files_count; i++)
            OPENSSL_free(service->files[i].text != NULL ? values_expand(&values, service->files[i].text)
                                                        : NULL);
    } else if (*why == '\0') {
        fuzz_finding("refused without a word");
    }
    values_clear(&values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *mark = memmem(data, size, "\n%", 2);
    size_t len = mark != NULL ? (size_t)(mark - data) + 1 : size;
    char why[WHY_MAX] = "",
         *parameters = mark != NULL ? OPENSSL_strndup((const char *)data + len + 1, size - len - 1) : NULL;
    struct service *service = service_parse("file", (const char *)data, len, why, sizeof(why));

    if ((service == NULL) != (*why != '\0'))
        fuzz_finding("refused without a word, or taken with one");
    if (service != NULL)
        check_values(service, parameters != NULL ? parameters : "");
    service_free(service);
    OPENSSL_free(parameters);
    return 0;
}
