// SPDX-License-Identifier: Apache-2.0
/* The provider's configuration: the provider section as OpenSSL hands it over, and the environment above it.
 */
#include "provider/provider.h"

#include "unit.h"

#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

/* The section of openssl.cnf, as name and value. */
static const char *section[8][2];
static char raised[512];

static int core_get_params(const OSSL_CORE_HANDLE *core, OSSL_PARAM params[])
{
    size_t i;

    (void)core;
    for (i = 0; i < 8 && section[i][0] != NULL; i++) {
        OSSL_PARAM *p = OSSL_PARAM_locate(params, section[i][0]);

        if (p != NULL && !OSSL_PARAM_set_utf8_ptr(p, section[i][1]))
            return 0;
    }
    return 1;
}

static void core_new_error(const OSSL_CORE_HANDLE *core)
{
    (void)core;
}

static void core_set_error_debug(const OSSL_CORE_HANDLE *core, const char *file, int line, const char *func)
{
    (void)core;
    (void)file;
    (void)line;
    (void)func;
}

static void core_vset_error(const OSSL_CORE_HANDLE *core, uint32_t reason, const char *format, va_list args)
{
    (void)core;
    (void)reason;
    vsnprintf(raised, sizeof(raised), format, args);
}

static struct prov_ctx ctx;

static int read_config(void)
{
    prov_config_clear(&ctx.config);
    memset(&ctx, 0, sizeof(ctx));
    ctx.get_params = core_get_params;
    ctx.new_error = core_new_error;
    ctx.set_error_debug = core_set_error_debug;
    ctx.vset_error = core_vset_error;
    raised[0] = '\0';
    return prov_config_read(&ctx);
}

static void nothing_set(void)
{
    memset(section, 0, sizeof(section));
    CU_ASSERT(read_config());
    CU_ASSERT_PTR_NULL(ctx.config.tcti);
    CU_ASSERT_PTR_NULL(ctx.config.log);
    CU_ASSERT_PTR_NULL(ctx.config.custody);
}

static void section_and_environment(void)
{
    memset(section, 0, sizeof(section));
    section[0][0] = "tcti";
    section[0][1] = "device:/dev/tpmrm0";
    section[1][0] = "parent-passphrase-file";
    section[1][1] = "/etc/parent";
    CU_ASSERT(read_config());
    CU_ASSERT_STRING_EQUAL(ctx.config.tcti, "device:/dev/tpmrm0");
    CU_ASSERT_STRING_EQUAL(ctx.config.parent_passphrase_file, "/etc/parent");
    setenv("SIGNET_TCTI", "swtpm", 1);
    CU_ASSERT(read_config());
    CU_ASSERT_STRING_EQUAL(ctx.config.tcti, "swtpm");
    setenv("SIGNET_TCTI", "", 1); /* set, but to nothing: as if it were not */
    CU_ASSERT(read_config());
    CU_ASSERT_STRING_EQUAL(ctx.config.tcti, "device:/dev/tpmrm0");
    unsetenv("SIGNET_TCTI");
}

static void every_option(void)
{
    static const struct {
        const char *key, *environment;
        size_t offset;
    } options[] = {
        {"tcti", "SIGNET_TCTI", offsetof(struct prov_config, tcti)},
        {"log", "SIGNET_LOG", offsetof(struct prov_config, log)},
        {"custody", "SIGNET_CUSTODY", offsetof(struct prov_config, custody)},
        {"key-directory", "SIGNET_KEY_DIRECTORY", offsetof(struct prov_config, key_directory)},
        {"parent-passphrase-file", "SIGNET_PARENT_PASSPHRASE_FILE",
         offsetof(struct prov_config, parent_passphrase_file)},
        {"owner-passphrase-file", "SIGNET_OWNER_PASSPHRASE_FILE",
         offsetof(struct prov_config, owner_passphrase_file)},
    };
    size_t i;

    for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        char **value = (char **)((char *)&ctx.config + options[i].offset);

        memset(section, 0, sizeof(section));
        section[0][0] = options[i].key;
        section[0][1] = "file";
        CU_ASSERT(read_config());
        CU_ASSERT_STRING_EQUAL(*value, "file");
        setenv(options[i].environment, "tpm", 1);
        CU_ASSERT(read_config());
        CU_ASSERT_STRING_EQUAL(*value, "tpm");
        unsetenv(options[i].environment);
    }
}

static void custody(void)
{
    enum hw_custody word;

    CU_ASSERT(hw_custody_from("tpm", &word) && word == HW_CUSTODY_TPM);
    CU_ASSERT(hw_custody_from("sealed", &word) && word == HW_CUSTODY_SEALED);
    CU_ASSERT(hw_custody_from("file", &word) && word == HW_CUSTODY_FILE);
    CU_ASSERT(hw_custody_from("auto", &word) && word == HW_CUSTODY_AUTO);
    CU_ASSERT_FALSE(hw_custody_from("TPM", &word));
    CU_ASSERT_FALSE(hw_custody_from("", &word));
    memset(section, 0, sizeof(section));
    section[0][0] = "custody";
    section[0][1] = "gold";
    CU_ASSERT_FALSE(read_config());
    CU_ASSERT_PTR_NOT_NULL(strstr(raised, "gold"));
}

static void kernel_digests(void)
{
    memset(section, 0, sizeof(section));
    section[0][0] = "kernel-digests";
    section[0][1] = "yes";
    CU_ASSERT(read_config());
    CU_ASSERT_STRING_EQUAL(ctx.config.kernel_digests, "yes");
    setenv("SIGNET_KERNEL_DIGESTS", "no", 1);
    CU_ASSERT(read_config());
    CU_ASSERT_STRING_EQUAL(ctx.config.kernel_digests, "no");
    setenv("SIGNET_KERNEL_DIGESTS", "1", 1);
    CU_ASSERT_FALSE(read_config());
    CU_ASSERT_PTR_NOT_NULL(strstr(raised, "yes or no"));
    unsetenv("SIGNET_KERNEL_DIGESTS");
}

static void log_settings(void)
{
    static const struct {
        const char *text;
        int result;
        enum hw_level level;
    } cases[] = {{NULL, 1, HW_LOG_WARN},
                 {"error", 1, HW_LOG_ERROR},
                 {"info", 1, HW_LOG_INFO},
                 {"debug", 1, HW_LOG_DEBUG},
                 {"", 0, HW_LOG_WARN},
                 {"err", 0, HW_LOG_WARN},
                 {"errors", 0, HW_LOG_WARN},
                 {"3", 0, HW_LOG_WARN},
                 {"info:/no/such/folder/file", -1, HW_LOG_INFO},
                 {"info:", -1, HW_LOG_INFO}};
    struct hw_log_file log;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CU_ASSERT_EQUAL(hw_log_file_open(&log, cases[i].text), cases[i].result);
        CU_ASSERT_EQUAL(log.level, cases[i].level);
        CU_ASSERT_PTR_EQUAL(log.stream, stderr);
        hw_log_file_close(&log);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"nothing set", nothing_set},
        {"section and environment", section_and_environment},
        {"every option", every_option},
        {"custody", custody},
        {"log", log_settings},
        {"kernel-digests", kernel_digests},
        CU_TEST_INFO_NULL,
    };
    int status = unit_run("config", tests);

    prov_config_clear(&ctx.config);
    return status;
}
