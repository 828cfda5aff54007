// SPDX-License-Identifier: Apache-2.0
/* What /proc/crypto says of accelerators for RSA. */
#include "hw/lane.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define ENTRY(name, driver, priority, selftest, internal, type)                                              \
    "name         : " name "\ndriver       : " driver "\nmodule       : kernel\npriority     : " priority    \
    "\nrefcnt       : 1\nselftest     : " selftest "\ninternal     : " internal "\ntype         : " type     \
    "\n"

#define GENERIC ENTRY("rsa", "rsa-generic", "100", "passed", "no", "akcipher")

static int finds(const char *text, const char *driver)
{
    FILE *file = fmemopen((void *)text, strlen(text), "r");
    char found[64] = "untouched";

    if (file == NULL)
        return 0;
    hw_probe_file(file, found, sizeof(found));
    fclose(file);
    if (strcmp(found, driver) != 0)
        fprintf(stderr, "\nfound \"%s\", not \"%s\"\n", found, driver);
    return strcmp(found, driver) == 0;
}

static void none(void)
{
    CU_ASSERT(finds("\n", ""));
    CU_ASSERT(finds(GENERIC, ""));
    CU_ASSERT(finds(GENERIC "\n" ENTRY("sha256", "sha256-ni", "300", "passed", "no", "shash") "\n", ""));
    CU_ASSERT(finds(ENTRY("pkcs1pad(rsa,sha256)", "pkcs1pad(rsa-caam,sha256)", "3000", "passed", "no",
                          "akcipher") "\n" GENERIC,
                    ""));
}

static void one(void)
{
    CU_ASSERT(
        finds(GENERIC "\n" ENTRY("rsa", "rsa-caam", "3000", "passed", "no", "akcipher") "\n", "rsa-caam"));
    CU_ASSERT(
        finds(ENTRY("rsa", "rsa-caam", "3000", "passed", "no", "akcipher") "\n" GENERIC "\n", "rsa-caam"));
    /* without a line end at the end */
    CU_ASSERT(
        finds(GENERIC "\n" ENTRY("rsa", "qat-rsa", "1000", "passed", "no", "akcipher") "x : y", "qat-rsa"));
    CU_ASSERT(finds(ENTRY("rsa", "a", "200", "passed", "no",
                          "akcipher") "\n" ENTRY("rsa", "b", "300", "passed", "no", "akcipher"),
                    "b"));
}

/* The kernel would not take these for "rsa". */
static void passed_over(void)
{
    CU_ASSERT(finds(GENERIC "\n" ENTRY("rsa", "virtio-crypto-rsa", "150", "unknown", "no", "akcipher"), ""));
    CU_ASSERT(finds(GENERIC "\n" ENTRY("rsa", "inner", "900", "passed", "yes", "akcipher"), ""));
    CU_ASSERT(finds(GENERIC "\n" ENTRY("rsa", "slow", "50", "passed", "no", "akcipher"), ""));
    CU_ASSERT(finds(GENERIC "\n" ENTRY("rsa", "gone", "0", "passed", "no", "akcipher"), ""));
}

static void hostile(void)
{
    char text[4096];
    size_t i;

    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    CU_ASSERT(finds(text, ""));
    for (i = 0; i + 30 < sizeof(text); i += 30)
        memcpy(text + i, "driver       : xxxxxxxxxxxxxx\n", 30);
    CU_ASSERT(finds(text, ""));
    CU_ASSERT(
        finds("name : rsa\ndriver : 0123456789012345678901234567890123456789012345678901234567890123456789\n"
              "priority : 99999999999999999999\nselftest : passed\ntype : akcipher\n",
              "012345678901234567890123456789012345678901234567890123456789012"));
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"no accelerator", none}, {"an accelerator", one}, {"drivers that are passed over", passed_over},
        {"nonsense", hostile},    CU_TEST_INFO_NULL,
    };

    return unit_run("probe", tests);
}
