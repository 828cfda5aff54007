// SPDX-License-Identifier: Apache-2.0
/* Bindings of services that are made of little scripts, where a run is cancelled or killed at a known moment.
 */
#include "tools/bindings/private.h"

#include "unit.h"

#include <ftw.h>
#include <openssl/provider.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[200], last[2048];
static char program[300]; /* this one's */
static OSSL_LIB_CTX *libctx;
static struct store *store;
static int errors, steps;
static int cancel_at = -1;      /* so many steps; -1: never */
static const char *cancel_file; /* as soon as it is there; NULL: never */

/* ---- folders and callbacks ---- */

static void on_error(void *arg, const char *text)
{
    (void)arg;
    errors++;
    snprintf(last, sizeof(last), "%s", text);
}

static int on_progress(void *arg, const char *text)
{
    (void)arg;
    (void)text;
    return 1;
}

static void on_step(void *arg, const char *text)
{
    (void)arg;
    (void)text;
    steps++;
}

static const char *path_of(const char *name)
{
    static char paths[4][300];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static int is_there(const char *name)
{
    return access(path_of(name), F_OK) == 0;
}

static int is_cancelled(void *arg)
{
    (void)arg;
    return (cancel_at >= 0 && steps >= cancel_at) || (cancel_file != NULL && is_there(cancel_file));
}

static OSSL_LIB_CTX *on_crypto(void *arg)
{
    (void)arg;
    return libctx;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static struct bindings_host *host(void)
{
    static struct bindings_host the_host;

    the_host = (struct bindings_host){store, on_error, on_step, is_cancelled, NULL};
    errors = steps = 0;
    *last = '\0';
    return &the_host;
}

static void write_file(const char *name, mode_t mode, const char *text)
{
    FILE *file = fopen(path_of(name), "we");

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT(fputs(text, file) >= 0);
    CU_ASSERT_EQUAL(fclose(file), 0);
    CU_ASSERT_EQUAL(chmod(path_of(name), mode), 0);
}

static int holds(const char *name, const char *wanted)
{
    FILE *file = fopen(path_of(name), "re");
    char text[200] = "";
    size_t n = file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0;

    if (file != NULL)
        fclose(file);
    return file != NULL && n == strlen(wanted) && strcmp(text, wanted) == 0;
}

static void write_pid(pid_t pid)
{
    char text[24];

    snprintf(text, sizeof(text), "%d\n", (int)pid);
    write_file("pid", 0644, text);
}

/* ---- records ---- */

/* What needs no certificate can be bound to a template. */
static int64_t add_template(const char *name)
{
    struct store_cert *cert = store_template_new();
    int64_t id = 0;

    if (store_cert_set_text(cert, STORE_NAME, name) && store_cert_set_text(cert, STORE_COMMON_NAME, name) &&
        store_template_add(store, cert))
        id = cert->id;
    store_cert_free(cert);
    CU_ASSERT_FATAL(id != 0);
    return id;
}

static int64_t bind(const char *owner, const char *service, int64_t certificate, const char *parameters)
{
    int64_t id = 0;

    CU_ASSERT_FATAL(bindings_keep(host(), owner, service, certificate, parameters, 0, &id));
    return id;
}

static int status_is(int64_t id, const char *wanted)
{
    struct binding *binding = binding_get(store, id);
    int is = binding != NULL && strcmp(binding->text[BINDING_STATUS], wanted) == 0;

    binding_free(binding);
    return is;
}

/* ---- tests ---- */

/* "Proved" is said of all or not at all. */
static void cancelled_between(void)
{
    int64_t certificate = add_template("between"), one, two;

    write_file("bindings/plain.conf", 0644,
               "parameter = name word\nwrite = text {home}/out/{name} mode=0644\n| {name}\n");
    one = bind("one", "plain", certificate, "name=one");
    two = bind("two", "plain", certificate, "name=two");
    cancel_at = 0;
    CU_ASSERT(!bindings_apply(host(), certificate));
    CU_ASSERT(status_is(one, "") && status_is(two, ""));
    cancel_at = 1;
    CU_ASSERT(!bindings_apply(host(), certificate));
    CU_ASSERT(status_is(one, BINDING_WRITTEN) && status_is(two, ""));
    cancel_at = 2; /* when all is done it does not matter any more */
    CU_ASSERT(bindings_apply(host(), certificate));
    CU_ASSERT(status_is(one, BINDING_WRITTEN) && status_is(two, BINDING_WRITTEN));
    CU_ASSERT_EQUAL(errors, 0);
    cancel_at = -1;
    CU_ASSERT(bindings_apply(host(), certificate));
}

/* What a command must do for the old files is not cancelled with what failed. */
static void cancelled_in_the_middle(void)
{
    char text[1000];
    int64_t certificate = add_template("middle"), id;

    snprintf(text, sizeof(text),
             "needs = %s\nparameter = name word\nwrite = text {home}/middle mode=0644\n| {name}\n"
             "check = {home}/check\nrunning = pidfile {home}/pid\nreload = {home}/reload\n",
             program);
    write_file("bindings/middle.conf", 0644, text);
    snprintf(text, sizeof(text), "#!/bin/sh\ntouch %s\nsleep 30\n", path_of("cancel"));
    write_file("check", 0755, text);
    snprintf(text, sizeof(text), "#!/bin/sh\nsleep 0.5\ntouch %s\n", path_of("reloaded"));
    write_file("reload", 0755, text);
    write_pid(getpid());
    write_file("middle", 0644, "old");
    id = bind("middle", "middle", certificate, "name=new");
    cancel_file = "cancel";
    CU_ASSERT(!bindings_apply(host(), certificate));
    CU_ASSERT(strstr(last, "interrupted; the old files are back") != NULL && strstr(last, "but") == NULL);
    CU_ASSERT(status_is(id, BINDING_FAILED));
    CU_ASSERT(holds("middle", "old"));
    CU_ASSERT(is_there("reloaded"));
    cancel_file = NULL;
}

/* A run was killed; before the next the parameters were changed, and with them the paths. */
static void other_paths(void)
{
    char why[WHY_MAX] = "", a[300], b[300];
    struct plan plan = {.home = folder, .id = 777, .count = 1};

    snprintf(a, sizeof(a), "%s", path_of("a"));
    snprintf(b, sizeof(b), "%s", path_of("b"));
    write_file("a", 0644, "old a");
    write_file("b", 0640, "old b");
    plan.files[0] = (struct new_file){a, (char *)"new", 3, 0600, (uid_t)-1, (gid_t)-1};
    CU_ASSERT(plan_save(&plan, why, sizeof(why)) && plan_write(&plan, why, sizeof(why)));
    CU_ASSERT(holds("a", "new"));
    CU_ASSERT(plan_is_pending(&plan));
    /* The same paths: what is kept is what was there before the first. */
    CU_ASSERT(plan_save(&plan, why, sizeof(why)));
    CU_ASSERT(holds("a", "new"));
    plan.files[0].path = b;
    CU_ASSERT(plan_save(&plan, why, sizeof(why)) && plan_write(&plan, why, sizeof(why)));
    CU_ASSERT(holds("a", "old a") && holds("b", "new"));
    CU_ASSERT(plan_restore(&plan, why, sizeof(why)));
    CU_ASSERT(holds("a", "old a") && holds("b", "old b"));
    CU_ASSERT(!plan_is_pending(&plan));
    CU_ASSERT_STRING_EQUAL(why, "");
}

/* ---- the process of a pidfile ---- */

static pid_t start(const char *path)
{
    pid_t pid = fork();

    if (pid == 0) {
        execl(path, path, "60", (char *)NULL);
        _exit(1);
    }
    /* Until it is that program: the child of this one is this one first. */
    while (pid > 0) {
        char link[64], target[300];
        ssize_t n;

        snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
        n = readlink(link, target, sizeof(target));
        if (n > 0 && (n != (ssize_t)strlen(program) || strncmp(target, program, (size_t)n) != 0))
            break;
    }
    return pid;
}

static void end(pid_t pid)
{
    CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
}

static int is_process(const char *wanted)
{
    int is_hidden, fd = process_open(path_of("pid"), wanted, &is_hidden);

    CU_ASSERT(!is_hidden);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void copy_program(const char *from, const char *to)
{
    char command[700];

    snprintf(command, sizeof(command), "cp %s %s.new && mv %s.new %s", from, to, to, to);
    CU_ASSERT_EQUAL(system(command), 0);
}

static void processes(void)
{
    static const char *const none[] = {"", "x", "0", "1", "-1", "99999999999999999999", "/proc"};
    char sleeper[300], other[300];
    pid_t pid;
    size_t i;

    for (i = 0; i < sizeof(none) / sizeof(*none); i++) {
        write_file("pid", 0644, none[i]);
        CU_ASSERT(!is_process(program));
    }
    unlink(path_of("pid"));
    CU_ASSERT(!is_process(program));
    write_pid(getpid());
    CU_ASSERT(is_process(program));
    CU_ASSERT(is_process("/proc/self/exe")); /* a link to it */
    CU_ASSERT(!is_process("/bin/sleep"));
    CU_ASSERT(!is_process("/there/is/none"));
    snprintf(sleeper, sizeof(sleeper), "%s", path_of("sleeper"));
    snprintf(other, sizeof(other), "%s", path_of("sleeper-2"));
    copy_program("/bin/sleep", sleeper);
    copy_program("/bin/sleep", other);
    pid = start(sleeper);
    write_pid(pid);
    CU_ASSERT(is_process(sleeper));
    CU_ASSERT(!is_process(other) && !is_process(program));
    /* As in an upgrade of its package. */
    copy_program("/bin/sleep", sleeper);
    CU_ASSERT(is_process(sleeper));
    CU_ASSERT(!is_process(other));
    /* It has ended, and is not waited for yet; and then it has been. */
    CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
    CU_ASSERT_EQUAL(waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
    CU_ASSERT(!is_process(sleeper));
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
    CU_ASSERT(!is_process(sleeper));
}

/* As signetd.service runs it, which may not see what other processes run. */
static void processes_out_of_sight(void)
{
    int ready[2], status = 0;
    pid_t pid, observer;
    char byte;

    CU_ASSERT_FATAL(pipe(ready) == 0);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_NAME, "serviced");
        prctl(PR_SET_DUMPABLE, 0);
        if (write(ready[1], "", 1) == 1)
            pause();
        _exit(1);
    }
    CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
    write_pid(pid);
    CU_ASSERT_EQUAL(chmod(folder, 0711), 0);
    observer = fork();
    if (observer == 0) {
        char link[64], target[300];

        snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
        if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(2);
        if (readlink(link, target, sizeof(target)) >= 0)
            _exit(3);
        _exit(is_process("/usr/sbin/serviced") && !is_process("/usr/sbin/served") && !is_process(program)
                  ? 0
                  : 4);
    }
    CU_ASSERT_EQUAL(waitpid(observer, &status, 0), observer);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_EQUAL(chmod(folder, 0700), 0);
    end(pid);
    close(ready[0]);
    close(ready[1]);
}

int main(void)
{
    static CU_TestInfo tests[] = {{"cancelled between two", cancelled_between},
                                  {"cancelled in the middle", cancelled_in_the_middle},
                                  {"other paths", other_paths},
                                  {"processes", processes},
                                  {"processes out of sight", processes_out_of_sight},
                                  CU_TEST_INFO_NULL};
    struct store_config config = {
        .home = folder, .crypto = on_crypto, .error = on_error, .warn = on_error, .progress = on_progress};
    OSSL_PROVIDER *provider;
    int status;

    snprintf(folder, sizeof(folder), "%s/unit-bindings-XXXXXX", P_tmpdir);
    libctx = OSSL_LIB_CTX_new();
    provider = OSSL_PROVIDER_load(libctx, "default");
    if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0 || mkdtemp(folder) == NULL ||
        provider == NULL || (store = store_open(&config)) == NULL || mkdir(path_of("bindings"), 0700) != 0)
        return 1;
    status = unit_run("bindings", tests);
    store_free(store);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    OSSL_PROVIDER_unload(provider);
    OSSL_LIB_CTX_free(libctx);
    return status;
}
