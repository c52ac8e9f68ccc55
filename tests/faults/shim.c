/* Preloaded into the binary: counts what changes files, and at the n-th (FAULT_AT) either kills
 * the process before it is done (FAULT=kill), or lets fsync fail from there on until the file
 * FAULT_WHILE is gone (FAULT=eio). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long done;

static int fails(int is_sync) {
    const char *fault = getenv("FAULT"), *at = getenv("FAULT_AT");
    if (!fault || !at) return 0;
    if (!strcmp(fault, "kill")) {
        if (atomic_fetch_add(&done, 1) + 1 == atol(at)) kill(getpid(), SIGKILL);
        return 0;
    }
    if (!is_sync || access(getenv("FAULT_WHILE"), F_OK)) return 0;
    if (atomic_fetch_add(&done, 1) + 1 < atol(at)) return 0;
    errno = EIO;
    return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define WRAP(type, name, sync, parameters, arguments) \
    type name parameters { return fails(sync) ? -1 : NEXT(name) arguments; }

WRAP(int, fsync, 1, (int fd), (fd))
WRAP(int, fdatasync, 1, (int fd), (fd))
WRAP(ssize_t, pwrite, 0, (int fd, const void *b, size_t n, off_t at), (fd, b, n, at))
WRAP(ssize_t, pwrite64, 0, (int fd, const void *b, size_t n, off64_t at), (fd, b, n, at))
WRAP(int, ftruncate, 0, (int fd, off_t n), (fd, n))
WRAP(int, ftruncate64, 0, (int fd, off64_t n), (fd, n))
WRAP(int, unlink, 0, (const char *path), (path))
int rename(const char *from, const char *to) {
    return fails(0) ? -1 : NEXT(rename)(from, to);
}
