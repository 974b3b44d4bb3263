/* What SQLite asks of the disk, written down: preloaded into a writer, it notes every write, cut and flush of files whose names hold
   RECORD_NAME in the file RECORD_TO. A record is: kind (1 byte: W write, T cut, S flush, A a line for us), name length (1), name, offset (8),
   length (8), bytes. A line for us is what the writer writes to a file called "acknowledged". */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int log_fd = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *wanted;

static void start(void)
{
    if (log_fd >= 0)
        return;
    wanted = getenv("RECORD_NAME");
    const char *to = getenv("RECORD_TO");
    if (wanted && to)
        log_fd = open(to, O_WRONLY | O_CREAT | O_APPEND, 0600);
}

static const char *name_of(int fd)
{
    static __thread char path[4096];
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0)
        return NULL;
    path[n] = 0;
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    return wanted && (strstr(base, wanted) || !strcmp(base, "acknowledged")) ? base : NULL;
}

static void put(const void *bytes, size_t n)
{
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    const char *at = bytes;
    while (n) {
        ssize_t done = real(log_fd, at, n);
        if (done <= 0)
            abort();
        at += done;
        n -= done;
    }
}

static void note(char kind, int fd, int64_t offset, const void *bytes, size_t n)
{
    start();
    if (log_fd < 0 || fd == log_fd)
        return;
    const char *name = name_of(fd);
    if (!name || strstr(name, "-shm"))
        return;
    if (!strcmp(name, "acknowledged"))
        kind = 'A';
    unsigned char head[2] = {(unsigned char)kind, (unsigned char)strlen(name)};
    int64_t numbers[2] = {offset, (int64_t)n};
    pthread_mutex_lock(&lock);
    put(head, 2);
    put(name, head[1]);
    put(numbers, sizeof numbers);
    if (bytes)
        put(bytes, n);
    pthread_mutex_unlock(&lock);
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *bytes, size_t n)
{
    REAL(write);
    ssize_t done = real(fd, bytes, n);
    if (done > 0)
        note('W', fd, lseek(fd, 0, SEEK_CUR) - done, bytes, done);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
    REAL(pwrite);
    ssize_t done = real(fd, bytes, n, offset);
    if (done > 0)
        note('W', fd, offset, bytes, done);
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t offset)
{
    REAL(pwrite64);
    ssize_t done = real(fd, bytes, n, offset);
    if (done > 0)
        note('W', fd, offset, bytes, done);
    return done;
}

int ftruncate(int fd, off_t length)
{
    REAL(ftruncate);
    int code = real(fd, length);
    if (!code)
        note('T', fd, length, NULL, 0);
    return code;
}

int ftruncate64(int fd, off64_t length)
{
    REAL(ftruncate64);
    int code = real(fd, length);
    if (!code)
        note('T', fd, length, NULL, 0);
    return code;
}

int fsync(int fd)
{
    REAL(fsync);
    int code = real(fd);
    if (!code)
        note('S', fd, 0, NULL, 0);
    return code;
}

int fdatasync(int fd)
{
    REAL(fdatasync);
    int code = real(fd);
    if (!code)
        note('S', fd, 0, NULL, 0);
    return code;
}
