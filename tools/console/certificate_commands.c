// SPDX-License-Identifier: Apache-2.0
/* /certificate's commands: sign, revoke, requests, import, export. */
#include "certificate.h"

#include "acme.h"
#include "scep.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define END                                                                                                  \
    {                                                                                                        \
        .name = ""                                                                                           \
    }

static int done(struct call *call)
{
    console_end_line(call->console);
    if (!call->is_nested)
        console_progress(call->console, "done");
    return 1;
}

/* ---- sign ---- */

static const struct property sign_parameters[] = {
    {"ca", TYPE_CERTIFICATE, 0, NULL, 0, 0, NULL,
     "the CA that signs; without it the certificate signs itself", 0},
    {"ca-crl-host", TYPE_TEXT, 0, NULL, 0, 0, NULL, "of a CA: the host in the URL of its CRL", 0},
    {"name", TYPE_TEXT, 0, NULL, 0, 0, NULL, "a new name", 0},
    END,
};

static int run_sign(struct call *call)
{
    int64_t ca = call_certificate(call, "ca");
    const char *host = call_text(call, "ca-crl-host");

    if (ca < 0)
        return 0;
    if (host != NULL &&
        strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]") != strlen(host))
        return console_fail(call->console, "invalid value for argument ca-crl-host: \"%.64s\" is no host",
                            host);
    return store_sign(console_store(call->console), call->ids[0], ca, host, call_text(call, "name")) &&
           done(call);
}

/* ---- revocation ---- */

static const struct property revoke_parameters[] = {
    {"reason", TYPE_ENUM, 0, store_revocation_reasons, 0, 0, "unspecified", "of RFC 5280 section 5.3.1", 0},
    END,
};

static int run_revoke(struct call *call)
{
    const char *reason = call_text(call, "reason");
    struct store *store = console_store(call->console);
    size_t i;
    int ok = store_begin(store);

    if (!ok)
        return 0;
    for (i = 0; ok && i < call->ids_count; i++)
        ok = store_revoke(store, call->ids[i], reason != NULL ? reason : "unspecified");
    return store_end(store, ok);
}

/* ---- requests ---- */

static const struct property request_parameters[] = {
    {"template", TYPE_CERTIFICATE, PROP_NEEDED, NULL, 0, 0, NULL, "what the request is for", 0},
    {"key-passphrase", TYPE_SECRET, PROP_FULL, NULL, 0, 0, NULL,
     "encrypts the key's file; not needed with a TPM", 0},
    {"file-name", TYPE_FILE, 0, NULL, 0, 0, "certificate-request", "without .pem", 0},
    END,
};

static int run_create_request(struct call *call)
{
    const char *passphrase = call_text(call, "key-passphrase"), *file = call_text(call, "file-name");
    int64_t template = call_certificate(call, "template");

    if (template <0)
        return 0;
    if (template == 0)
        return console_fail(call->console, "missing value(s) of argument(s) template");
    if (passphrase != NULL && *passphrase == '\0')
        passphrase = NULL;
    return store_request_create(console_store(call->console), template,
                                file != NULL ? file : "certificate-request", passphrase) &&
           done(call);
}

static const struct property sign_request_parameters[] = {
    {"file-name", TYPE_FILE, PROP_NEEDED, NULL, 0, 0, NULL, "the request, PEM or DER", 0},
    {"ca", TYPE_CERTIFICATE, PROP_NEEDED, NULL, 0, 0, NULL, "the CA that signs", 0},
    {"days-valid", TYPE_NUMBER, 0, NULL, 1, 36500, "365", "from now", 0},
    {"name", TYPE_TEXT, 0, NULL, 0, 0, NULL, "what the certificate is called; without it as the file", 0},
    END,
};

static int run_sign_request(struct call *call)
{
    const char *file = call_text(call, "file-name"), *days = call_text(call, "days-valid"),
               *name = call_text(call, "name");
    int64_t ca = call_certificate(call, "ca"), id = 0;
    char base[200];

    if (ca < 0)
        return 0;
    if (ca == 0)
        return console_fail(call->console, "missing value(s) of argument(s) ca");
    store_file_stem(base, sizeof(base), file);
    if (!store_request_sign(console_store(call->console), file, ca, days != NULL ? atoi(days) : 365,
                            name != NULL ? name : base, &id))
        return 0;
    call->result = value_of_id(id);
    return done(call);
}

/* ---- import ---- */

static const char *const import_custodies[] = {"file", "tpm", "sealed", NULL};
static const struct property import_parameters[] = {
    {"file-name", TYPE_FILE, PROP_NEEDED, NULL, 0, 0, NULL,
     "PEM, DER, PKCS #12, PKCS #7, TSS2 PRIVATE KEY or SIGNET SEALED KEY", 0},
    {"passphrase", TYPE_SECRET, 0, NULL, 0, 0, NULL, "of what is encrypted in it", 0},
    {"name", TYPE_TEXT, 0, NULL, 0, 0, NULL, "of the certificate; without it as the file", 0},
    {"trusted", TYPE_BOOL, 0, NULL, 0, 0, "no", "yes or no", 0},
    {"trust-store", TYPE_LIST, 0, certificate_trust_values, 0, 0, "all", "what it is trusted for", 0},
    {"custody", TYPE_ENUM, 0, import_custodies, 0, 0, "file",
     "tpm: the key is wrapped to the TPM and kept so; sealed: it is encrypted to the TPM", 0},
    END,
};

/* Over the network a key's file is there only to be imported, and goes with it, as in RouterOS. */
static int put_away(struct call *call, const struct store_import *import)
{
    char *path;
    int ok;

    if (call->console->answer == NULL || import->keys == 0 || import->certificates > 0)
        return 1;
    path = store_file_path(console_store(call->console), import->file);
    ok = path != NULL && (unlink(path) == 0 || console_fail(call->console, "%s can't be removed: %s",
                                                            import->file, strerror(errno)));
    OPENSSL_free(path);
    return ok;
}

static int run_import(struct call *call)
{
    const char *trusted = call_text(call, "trusted");
    struct store_import import = {
        .file = call_text(call, "file-name"),
        .name = call_text(call, "name"),
        .passphrase = call_text(call, "passphrase"),
        .custody = call_text(call, "custody"),
        .trusted = trusted != NULL && strcmp(trusted, "yes") == 0,
        .trust_store = call_text(call, "trust-store"),
    };
    struct store *store = console_store(call->console);

    if (store == NULL || !store_import(store, &import) || !put_away(call, &import))
        return 0;
    call_tell(call, 26, "certificates-imported", "%d", import.certificates);
    call_tell(call, 26, "private-keys-imported", "%d", import.keys);
    call_tell(call, 26, "files-imported", "%d", import.files);
    call_tell(call, 26, "decryption-failures", "%d", import.decryption_failures);
    call_tell(call, 26, "keys-with-no-certificate", "%d", import.keys_without_certificate);
    if (import.crls > 0)
        call_tell(call, 26, "crls-imported", "%d", import.crls);
    return 1;
}

/* ---- export ---- */

static const char *const export_types[] = {"pem", "pkcs12", NULL};

static const struct property export_parameters[] = {
    {"file-name", TYPE_FILE, 0, NULL, 0, 0, NULL, "without an ending; cert_export_NAME by default", 0},
    {"type", TYPE_ENUM, 0, export_types, 0, 0, "pem", "PEM, or PKCS #12 with the chain", 0},
    {"export-passphrase", TYPE_SECRET, PROP_FULL, NULL, 0, 0, NULL, "exports the key, too, encrypted with it",
     0},
    END,
};

static int run_export(struct call *call)
{
    const char *type = call_text(call, "type"), *passphrase = call_text(call, "export-passphrase");
    struct store_export export = {
        .file = call_text(call, "file-name"),
        .is_pkcs12 = type != NULL && strcmp(type, "pkcs12") == 0,
        .passphrase = passphrase != NULL && *passphrase != '\0' ? passphrase : NULL,
    };
    size_t i;

    if (export.file != NULL && call->ids_count > 1)
        return console_fail(call->console, "file-name: %zu certificates can't go into one file",
                            call->ids_count);
    for (i = 0; i < call->ids_count; i++) {
        if (!store_export(console_store(call->console), call->ids[i], &export))
            return 0;
    }
    return 1;
}

/* ---- the table ---- */

const struct command certificate_commands[] = {
    {"sign", COMMAND_ITEMS | COMMAND_SINGLE, sign_parameters, run_sign,
     "makes a template a certificate: a key for it, and a signature", NULL},
    {"issued-revoke", COMMAND_ITEMS, revoke_parameters, run_revoke, "revokes what a CA here has issued",
     NULL},
    {"create-certificate-request", 0, request_parameters, run_create_request,
     "writes a request (PKCS #10) for a template", NULL},
    {"sign-certificate-request", 0, sign_request_parameters, run_sign_request,
     "issues a certificate for a request", NULL},
    {"import", 0, import_parameters, run_import, "takes certificates, keys and CRLs from a file", NULL},
    {"export-certificate", COMMAND_ITEMS, export_parameters, run_export,
     "writes a certificate to a file, with a passphrase also its key", NULL},
    {"enable-ssl-certificate", 0, acme_enable_ssl_parameters, acme_run_enable_ssl,
     "gets a certificate by ACME and binds it to www-ssl", NULL},
    {"add-acme", 0, acme_add_parameters, acme_run_add,
     "gets a certificate by ACME (RFC 8555) and keeps it valid", NULL},
    {"acme-renew", COMMAND_ITEMS | COMMAND_OPTIONAL, NULL, acme_run_renew,
     "renews certificates of ACME: those named, or all that are due", NULL},
    {"acme-revoke", COMMAND_ITEMS | COMMAND_SINGLE, acme_revoke_parameters, acme_run_revoke,
     "has its CA revoke a certificate of ACME", NULL},
    {"add-scep", 0, scep_add_parameters, scep_run_add, "gets a certificate for a template by SCEP (RFC 8894)",
     NULL},
    {"scep-renew", COMMAND_ITEMS | COMMAND_OPTIONAL, NULL, scep_run_renew,
     "renews certificates that came by SCEP: those named, or all that are due; asks for those that are "
     "pending",
     NULL},
    {"", 0, NULL, NULL, NULL, NULL},
};
