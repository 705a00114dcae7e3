/* Makes the n-th file operation below a folder fail, or kills the process there. Loaded before the C library's own.
   FAULT_FOLDER: where, counted anew when it changes; FAULT_LOG: a file that gets a line for each operation; FAULT_NTH:
   which one (0: none); FAULT_ERRNO: what it fails with (0: kill -9). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_int count;
static char counted[4096]; /* the folder that was counted last */

static int below(const char *path) {
  const char *folder = getenv("FAULT_FOLDER");
  char full[4200];
  if (!folder || !path) return 0;
  if (path[0] != '/') {
    char here[4096];
    if (!getcwd(here, sizeof here)) return 0;
    snprintf(full, sizeof full, "%s/%s", here, path);
    path = full;
  }
  return strncmp(path, folder, strlen(folder)) == 0;
}

/* Whether this operation is to fail now; errno is set then. */
static int strikes(const char *what, const char *path) {
  if (!below(path)) return 0;
  const char *folder = getenv("FAULT_FOLDER");
  if (strncmp(counted, folder, sizeof counted - 1)) {
    strncpy(counted, folder, sizeof counted - 1);
    count = 0;
  }
  int number = atomic_fetch_add(&count, 1) + 1;
  const char *log = getenv("FAULT_LOG"), *nth = getenv("FAULT_NTH"), *error = getenv("FAULT_ERRNO");
  int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
  ssize_t (*real_write)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
  int file = log ? real_open(log, O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;
  if (file >= 0) {
    char line[4400];
    int size = snprintf(line, sizeof line, "%d %s %s\n", number, what, path);
    if (real_write(file, line, size) < 0) number = number + 0;
    close(file);
  }
  if (!nth || number != atoi(nth)) return 0;
  if (!error || !atoi(error)) kill(getpid(), SIGKILL);
  errno = atoi(error);
  return 1;
}

static int strikes_open_file(const char *what, int file) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t size = readlink(link, path, sizeof path - 1);
  if (size <= 0) return 0;
  path[size] = 0;
  return strikes(what, path);
}

#define REAL(result, name, ...) result (*real)(__VA_ARGS__) = dlsym(RTLD_NEXT, #name)
#define WRITES(flags) (((flags) & O_ACCMODE) != O_RDONLY)
#define OPEN(name)                                                          \
  int name(const char *path, int flags, ...) {                              \
    REAL(int, name, const char *, int, ...);                                \
    va_list more;                                                           \
    va_start(more, flags);                                                  \
    int mode = va_arg(more, int);                                           \
    va_end(more);                                                           \
    return WRITES(flags) && strikes("open", path) ? -1 : real(path, flags, mode); \
  }
#define OPENAT(name)                                                        \
  int name(int at, const char *path, int flags, ...) {                      \
    REAL(int, name, int, const char *, int, ...);                           \
    va_list more;                                                           \
    va_start(more, flags);                                                  \
    int mode = va_arg(more, int);                                           \
    va_end(more);                                                           \
    return WRITES(flags) && strikes("open", path) ? -1 : real(at, path, flags, mode); \
  }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int file, const void *data, size_t size) {
  REAL(ssize_t, write, int, const void *, size_t);
  return strikes_open_file("write", file) ? -1 : real(file, data, size);
}
ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) {
  REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
  return strikes_open_file("write", file) ? -1 : real(file, data, size, at);
}
ssize_t writev(int file, const struct iovec *parts, int number) {
  REAL(ssize_t, writev, int, const struct iovec *, int);
  return strikes_open_file("write", file) ? -1 : real(file, parts, number);
}
int fsync(int file) {
  REAL(int, fsync, int);
  return strikes_open_file("fsync", file) ? -1 : real(file);
}
int fdatasync(int file) {
  REAL(int, fdatasync, int);
  return strikes_open_file("fsync", file) ? -1 : real(file);
}
int ftruncate64(int file, off64_t size) {
  REAL(int, ftruncate64, int, off64_t);
  return strikes_open_file("truncate", file) ? -1 : real(file, size);
}
int rename(const char *from, const char *to) {
  REAL(int, rename, const char *, const char *);
  return strikes("rename", to) ? -1 : real(from, to);
}
int renameat(int a, const char *from, int b, const char *to) {
  REAL(int, renameat, int, const char *, int, const char *);
  return strikes("rename", to) ? -1 : real(a, from, b, to);
}
int mkdir(const char *path, mode_t mode) {
  REAL(int, mkdir, const char *, mode_t);
  return strikes("mkdir", path) ? -1 : real(path, mode);
}
