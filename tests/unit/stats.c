// SPDX-License-Identifier: Apache-2.0
/* The counters of lanes: shared with children, read by strangers, and files that are no such thing. */
#include "hw/stats.h"

#include "hw/lane.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/signet-unit-stats.XXXXXX";
static char printed[65536];
static unsigned lines;

static void print(void *arg, const char *line)
{
    size_t used = strlen(printed);

    CU_ASSERT_PTR_EQUAL(arg, printed);
    CU_ASSERT(strchr(line, '\n') == NULL);
    snprintf(printed + used, sizeof(printed) - used, "%s\n", line);
    lines++;
}

/* Prints the folder; returns the number of lines, whose text is in printed. */
static unsigned print_all(void)
{
    lines = 0;
    printed[0] = '\0';
    CU_ASSERT(hw_print_stats(folder, print, printed));
    return lines;
}

static const char *path_of(const char *name)
{
    static char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static const char *path_of_pid(pid_t pid)
{
    char name[16];

    snprintf(name, sizeof(name), "%d", (int)pid);
    return path_of(name);
}

static int is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static void count(struct stats_lane *lane)
{
    lane->operations += 7;
    lane->failures += 2;
    lane->timeouts += 3;
    lane->wrong += 1;
    lane->busy += 4;
    lane->opened += 5;
    lane->service_ns = 1234567;
}

static void counters(void)
{
    struct stats *stats = stats_new(folder);
    struct stats_lane *first, *last;
    char expected[512];
    struct stat st;

    CU_ASSERT_PTR_NOT_NULL_FATAL(stats);
    CU_ASSERT_EQUAL(print_all(), 0); /* no lane yet */
    first = stats_lane(stats, 0, "afalg");
    last = stats_lane(stats, STATS_LANES - 1, "a-name-that-is-too-long");
    count(first);
    last->is_open = 1;
    CU_ASSERT_EQUAL(print_all(), 2);
    snprintf(expected, sizeof(expected),
             "pid=%d program=unit_stats lane=afalg operations=7 service-us=1234 busy=4 failures=2 timeouts=3 "
             "wrong=1 breaker=closed opened=5\n"
             "pid=%d program=unit_stats lane=a-name-that-is- operations=0 service-us=0 busy=0 failures=0 "
             "timeouts=0 wrong=0 breaker=open opened=0\n",
             (int)getpid(), (int)getpid());
    CU_ASSERT_STRING_EQUAL(printed, expected);
    /* Others read it, and only this user writes to it. */
    CU_ASSERT_EQUAL(stat(path_of_pid(getpid()), &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777 & ~0444, 0200);
    stats_free(stats);
    CU_ASSERT_EQUAL(print_all(), 0);
    CU_ASSERT(!is_there(path_of_pid(getpid())));
}

static void nowhere_to_write(void)
{
    static const char *const folders[] = {NULL, "/nonexistent/stats", "/dev/null", "/proc"};
    struct stats_lane *lane;
    struct stats *stats;
    char *deep;
    size_t i;

    for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        stats = stats_new(folders[i]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(stats);
        lane = stats_lane(stats, 0, "cpu");
        count(lane);
        CU_ASSERT_EQUAL(lane->operations, 7);
        stats_touch(stats);
        stats_free(stats);
        lines = 0;
        if (folders[i] != NULL)
            hw_print_stats(folders[i], print, printed);
        CU_ASSERT_EQUAL(lines, 0);
    }
    CU_ASSERT(!hw_print_stats("/nonexistent/stats", print, printed));
    deep = malloc(PATH_MAX);
    memset(deep, 'x', PATH_MAX - 1);
    deep[0] = '/';
    deep[PATH_MAX - 1] = '\0';
    stats = stats_new(deep);
    CU_ASSERT_PTR_NOT_NULL_FATAL(stats);
    count(stats_lane(stats, 0, "cpu"));
    stats_free(stats);
    free(deep);
}

/* Runs as a child of its own number; it ends without a word, as by kill -9, or by stats_free. */
static pid_t in_child(int is_killed)
{
    pid_t pid = fork();

    if (pid == 0) {
        struct stats *stats = stats_new(folder);

        count(stats_lane(stats, 0, "cpu"));
        if (!is_killed)
            stats_free(stats);
        _exit(stats == NULL);
    }
    waitpid(pid, NULL, 0);
    return pid;
}

static void processes_that_have_ended(void)
{
    pid_t pid = in_child(1);

    /* Nobody holds its lock: it is not printed, and gone afterwards. */
    CU_ASSERT(is_there(path_of_pid(pid)));
    CU_ASSERT_EQUAL(print_all(), 0);
    CU_ASSERT(!is_there(path_of_pid(pid)));
    pid = in_child(0);
    CU_ASSERT(!is_there(path_of_pid(pid)));
}

/* What lies where this process's file is to be: a link to somebody's file is not followed. */
static void what_is_in_the_way(void)
{
    struct stats *stats;
    char precious[PATH_MAX], text[16] = "";
    int fd;

    snprintf(precious, sizeof(precious), "%s", path_of("precious"));
    fd = open(precious, O_RDWR | O_CREAT, 0600);
    CU_ASSERT_EQUAL(write(fd, "precious", 8), 8);
    CU_ASSERT_EQUAL(symlink(precious, path_of_pid(getpid())), 0);
    stats = stats_new(folder);
    count(stats_lane(stats, 0, "cpu"));
    CU_ASSERT_EQUAL(pread(fd, text, sizeof(text), 0), 8);
    CU_ASSERT_STRING_EQUAL(text, "precious");
    CU_ASSERT_EQUAL(print_all(), 1);
    stats_free(stats);
    close(fd);

    /* A folder can't be put aside. */
    CU_ASSERT_EQUAL(mkdir(path_of_pid(getpid()), 0700), 0);
    stats = stats_new(folder);
    count(stats_lane(stats, 0, "cpu"));
    CU_ASSERT_EQUAL(print_all(), 0);
    stats_free(stats);
    CU_ASSERT(is_there(path_of_pid(getpid())));
    rmdir(path_of_pid(getpid()));
    unlink(precious);
}

/* The child counts in its parent's file, and its end leaves it there. */
static void fork_in_between(void)
{
    struct stats *stats = stats_new(folder);
    struct stats_lane *lane = stats_lane(stats, 0, "cpu");
    char expected[64];
    int status = -1;
    pid_t pid;

    hw_fork_count();
    count(lane);
    pid = fork();
    if (pid == 0) {
        stats_touch(stats);
        count(lane);
        stats_free(stats);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT(is_there(path_of_pid(getpid())));
    CU_ASSERT_EQUAL(print_all(), 1);
    snprintf(expected, sizeof(expected), "pid=%d program=unit_stats lane=cpu operations=14 ", (int)pid);
    CU_ASSERT_PTR_NOT_NULL(strstr(printed, expected));

    /* And one whose parent has ended is still counted. */
    CU_ASSERT_EQUAL(lane->operations, 14);
    stats_free(stats);
    CU_ASSERT_EQUAL(print_all(), 0);
}

/* nginx after its master's end: the lock is the children's, too. */
static void parent_ends_first(void)
{
    int ends[2], go[2];
    char c;
    pid_t pid;

    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    CU_ASSERT_EQUAL_FATAL(pipe(go), 0);
    pid = fork();
    if (pid == 0) {
        struct stats *stats = stats_new(folder);

        count(stats_lane(stats, 0, "cpu"));
        if (fork() == 0) {
            close(go[1]);
            close(ends[0]);
            _exit(read(go[0], &c, 1) < 0); /* until the other side closes it, then closes ends */
        }
        _exit(0);
    }
    close(ends[1]);
    close(go[0]);
    waitpid(pid, NULL, 0);
    CU_ASSERT_EQUAL(print_all(), 1);
    CU_ASSERT(is_there(path_of_pid(pid)));
    close(go[1]);
    CU_ASSERT_EQUAL(read(ends[0], &c, 1), 0);
    close(ends[0]);
    CU_ASSERT_EQUAL(print_all(), 0);
    CU_ASSERT(!is_there(path_of_pid(pid)));
}

static void write_file(const char *name, const void *data, size_t len)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

    CU_ASSERT_EQUAL_FATAL(write(fd, data, len), (ssize_t)len);
    close(fd);
}

/* A good file's bytes, to be made bad. */
static size_t good_file(unsigned char *data, size_t size)
{
    struct stats *stats = stats_new(folder);
    int fd = open(path_of_pid(getpid()), O_RDONLY);
    ssize_t len;

    count(stats_lane(stats, 0, "cpu"));
    count(stats_lane(stats, STATS_LANES - 1, "keyring"));
    len = read(fd, data, size);
    close(fd);
    stats_free(stats);
    CU_ASSERT_FATAL(len > 0 && (size_t)len < size);
    return (size_t)len;
}

/* hold: as a living process would, so that it is not taken for one that has ended. */
static unsigned printed_of(const void *data, size_t len)
{
    struct stats *stats = stats_new(folder); /* its file, with its lock, is overwritten in place */
    int fd = open(path_of_pid(getpid()), O_WRONLY);
    const char *p;

    CU_ASSERT_EQUAL(ftruncate(fd, 0), 0);
    CU_ASSERT_EQUAL(write(fd, data, len), (ssize_t)len);
    close(fd);
    print_all();
    for (p = printed; *p != '\0'; p++)
        CU_ASSERT(*p == '\n' || (*p >= ' ' && *p <= '~'));
    CU_ASSERT_EQUAL(ftruncate(open(path_of_pid(getpid()), O_WRONLY), 65536), 0); /* the mapping stays whole */
    stats_free(stats);
    return lines;
}

static void hostile_files(void)
{
    unsigned char good[8192], bad[8192];
    size_t len = good_file(good, sizeof(good)), i;
    char *program;

    CU_ASSERT_EQUAL(printed_of(good, len), 2);
    /* Too short by each length that could matter; longer is somebody else's affair. */
    for (i = 0; i < len; i += i < 64 ? 1 : 61)
        CU_ASSERT_EQUAL(printed_of(good, i), 0);
    CU_ASSERT_EQUAL(printed_of(good, len - 1), 0);
    /* Another version, or something else. */
    memcpy(bad, good, len);
    bad[0] ^= 1;
    CU_ASSERT_EQUAL(printed_of(bad, len), 0);
    /* What would play tricks with a terminal or with whoever reads the lines. */
    program = memmem(good, len, "unit_stats", 10);
    CU_ASSERT_PTR_NOT_NULL_FATAL(program);
    for (i = 1; i < 256; i++) {
        int is_fine = i > ' ' && i <= '~';

        memcpy(bad, good, len);
        bad[(unsigned char *)program - good] = (unsigned char)i;
        CU_ASSERT_EQUAL(printed_of(bad, len) == 2, is_fine);
    }
    /* Names without an end. */
    memcpy(bad, good, len);
    memset(bad + 24, 'A', 32);
    CU_ASSERT_EQUAL(printed_of(bad, len), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(printed, " program=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA lane=cpu "));
    memset(bad + 24, 'A', len - 24);
    CU_ASSERT_EQUAL(printed_of(bad, len), STATS_LANES);
    memset(bad + 24, 0xff, len - 24);
    CU_ASSERT_EQUAL(printed_of(bad, len), 0);
    /* Noise. */
    srand(1);
    for (i = 0; i < 300; i++) {
        size_t k;

        memcpy(bad, good, len);
        for (k = 0; k < 8; k++)
            bad[24 + (size_t)rand() % (len - 24)] = (unsigned char)rand();
        printed_of(bad, len);
    }
}

/* What else may lie there: nothing of it is opened in a way that waits, followed, printed or removed. */
static void foreign_files(void)
{
    static const char *const names[] = {"1", "2", "3", "4", "5", "12a", "-3", ".6", "notes"};
    unsigned char good[8192];
    size_t len = good_file(good, sizeof(good)), i;
    char outside[PATH_MAX];

    write_file("1", "", 0);
    write_file("2", "hello", 5);
    CU_ASSERT_EQUAL(mkfifo(path_of("3"), 0600), 0);
    CU_ASSERT_EQUAL(mkdir(path_of("4"), 0700), 0);
    write_file("12a", good, len);
    write_file("-3", good, len);
    write_file(".6", good, len);
    write_file("notes", good, len);
    snprintf(outside, sizeof(outside), "%s", path_of("notes"));
    CU_ASSERT_EQUAL(symlink(outside, path_of("5")), 0);
    alarm(20); /* a fifo that is waited for */
    CU_ASSERT_EQUAL(print_all(), 0);
    alarm(0);
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CU_ASSERT(is_there(path_of(names[i])));
        if (unlink(path_of(names[i])) != 0)
            rmdir(path_of(names[i]));
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"counters", counters},
        {"nowhere to write", nowhere_to_write},
        {"processes that have ended", processes_that_have_ended},
        {"what is in the way", what_is_in_the_way},
        {"fork", fork_in_between},
        {"the parent ends first", parent_ends_first},
        {"hostile files", hostile_files},
        {"foreign files", foreign_files},
        CU_TEST_INFO_NULL,
    };
    int status;

    if (mkdtemp(folder) == NULL)
        return EXIT_FAILURE;
    status = unit_run("stats", tests);
    if (rmdir(folder) != 0) {
        fprintf(stderr, "%s is not empty\n", folder);
        return EXIT_FAILURE;
    }
    return status;
}
