// Faults on request, for programs that are run with this library preloaded (LD_PRELOAD): it stands between them and
// the C library, and looks at every call that changes something at or below one folder. Set in the environment:
//
//   FAULT_BELOW=/folder     the folder; without it nothing is done, with an empty one everything counts
//   FAULT_ROOM=N            the disk has room for N bytes: what is written beyond fails with ENOSPC, a part before it fits
//   FAULT_READ_ONLY=/file   while that file is there, every change fails with EROFS
//   FAULT_KILL=N            the process is killed (SIGKILL) when it makes its call number N; of a write, half is done
//   FAULT_LOG=/file         a line for every call: number, name, path
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

// The C library's own function of that name and type, in a function of that name.
#define REAL(name) static const auto real = reinterpret_cast<decltype(&name)>(dlsym(RTLD_NEXT, #name))

namespace {

std::atomic<long> calls{0};
std::atomic<long> written{0};

long number(const char* variable) {
  const char* text = getenv(variable);
  return text ? atol(text) : -1;
}

bool below(const char* path) {
  static const char* folder = getenv("FAULT_BELOW");
  if (!folder || !path) return false;
  char whole[2 * PATH_MAX];
  if (path[0] != '/') {
    if (!getcwd(whole, PATH_MAX)) return false;
    strcat(whole, "/");
    strncat(whole, path, PATH_MAX - 1);
    path = whole;
  }
  const size_t length = strlen(folder);
  return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

struct Descriptor {
  char path[PATH_MAX];
  bool ours;

  explicit Descriptor(int fd) : path{}, ours(false) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    // A pipe has no path: `pipe:[123]`.
    if (readlink(link, path, PATH_MAX - 1) > 0) ours = path[0] == '/' && below(path);
  }
};

void log(long call, const char* name, const char* path) {
  static const char* file = getenv("FAULT_LOG");
  static const int fd = file ? static_cast<int>(syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND, 0666)) : -1;
  if (fd >= 0) dprintf(fd, "%ld %s %s\n", call, name, path);
}

[[noreturn]] void die() {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

// Counts a call. True where it is the last.
bool last(const char* name, const char* path) {
  static const long fatal = number("FAULT_KILL");
  const long call = ++calls;
  log(call, name, path);
  return call == fatal;
}

// Whether a call fails, with errno set.
bool refused(bool takesRoom) {
  static const char* readOnly = getenv("FAULT_READ_ONLY");
  static const long room = number("FAULT_ROOM");
  if (readOnly && access(readOnly, F_OK) == 0) {
    errno = EROFS;
    return true;
  }
  if (takesRoom && room >= 0 && written >= room) {
    errno = ENOSPC;
    return true;
  }
  return false;
}

bool stopped(const char* name, const char* path, bool takesRoom = false) {
  if (!below(path)) return false;
  if (last(name, path)) die();
  return refused(takesRoom);
}

// How many of `count` bytes a write gets done; -1 with errno set where it fails.
ssize_t allowed(const Descriptor& file, const char* name, size_t count, bool& fatal) {
  static const long room = number("FAULT_ROOM");
  fatal = last(name, file.path);
  if (fatal) return static_cast<ssize_t>(count / 2);
  if (refused(true)) return -1;
  if (room < 0) return static_cast<ssize_t>(count);
  const long before = written.fetch_add(static_cast<long>(count));
  if (before >= room) {
    errno = ENOSPC;
    return -1;
  }
  const long left = room - before;
  return left < static_cast<long>(count) ? left : static_cast<ssize_t>(count);
}

// `write` with the bytes allowed.
template <typename Write>
ssize_t writing(int fd, const char* name, const void* bytes, size_t count, Write write) {
  const Descriptor file(fd);
  if (!file.ours) return write(bytes, count);
  bool fatal = false;
  const ssize_t some = allowed(file, name, count, fatal);
  if (some < 0) return -1;
  const ssize_t done = some == 0 ? 0 : write(bytes, static_cast<size_t>(some));
  if (fatal) die();
  return done;
}

bool changes(int flags) { return (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_ACCMODE) != O_RDONLY; }

mode_t modeOf(int flags, va_list rest) { return (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0; }

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  REAL(open);
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = modeOf(flags, rest);
  va_end(rest);
  if (changes(flags) && stopped("open", path, (flags & O_CREAT) != 0)) return -1;
  return real(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  REAL(open64);
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = modeOf(flags, rest);
  va_end(rest);
  if (changes(flags) && stopped("open", path, (flags & O_CREAT) != 0)) return -1;
  return real(path, flags, mode);
}

ssize_t write(int fd, const void* bytes, size_t count) {
  REAL(write);
  return writing(fd, "write", bytes, count, [&](const void* b, size_t n) { return real(fd, b, n); });
}

ssize_t pwrite64(int fd, const void* bytes, size_t count, off64_t at) {
  REAL(pwrite64);
  return writing(fd, "write", bytes, count, [&](const void* b, size_t n) { return real(fd, b, n, at); });
}

// Several pieces at once: where not all of them fit, the first alone, as the system may do.
ssize_t writev(int fd, const struct iovec* pieces, int count) {
  REAL(writev);
  if (count < 1 || !Descriptor(fd).ours) return real(fd, pieces, count);
  return write(fd, pieces[0].iov_base, pieces[0].iov_len);
}

ssize_t pwritev64(int fd, const struct iovec* pieces, int count, off64_t at) {
  REAL(pwritev64);
  if (count < 1 || !Descriptor(fd).ours) return real(fd, pieces, count, at);
  return pwrite64(fd, pieces[0].iov_base, pieces[0].iov_len, at);
}

int rename(const char* from, const char* to) {
  REAL(rename);
  return stopped("rename", to) ? -1 : real(from, to);
}

int mkdir(const char* path, mode_t mode) {
  REAL(mkdir);
  return stopped("mkdir", path, true) ? -1 : real(path, mode);
}

char* mkdtemp(char* path) {
  REAL(mkdtemp);
  return stopped("mkdtemp", path, true) ? nullptr : real(path);
}

int rmdir(const char* path) {
  REAL(rmdir);
  return stopped("rmdir", path) ? -1 : real(path);
}

int unlink(const char* path) {
  REAL(unlink);
  return stopped("unlink", path) ? -1 : real(path);
}

int remove(const char* path) {
  REAL(remove);
  return stopped("unlink", path) ? -1 : real(path);
}

int ftruncate64(int fd, off64_t length) {
  REAL(ftruncate64);
  const Descriptor file(fd);
  return file.ours && stopped("ftruncate", file.path) ? -1 : real(fd, length);
}

}
