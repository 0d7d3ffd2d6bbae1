/* Stands between a process and its files, by LD_PRELOAD: writes down, in one order, everything that
 * the process does to the files below one directory, and can make what it does fail.
 *
 *   PAWL_SHIM_ROOT     the directory; absolute, without links
 *   PAWL_SHIM_JOURNAL  the file that is appended to; journal.rs reads it
 *   PAWL_SHIM_CONTROL  what is to fail, see `told`; may be missing
 *   PAWL_SHIM_SYNC_MS  how long a sync takes at least, as on a slow disk; may be missing
 *
 * What is done and the entry that tells of it are one step, under one lock, so the journal has the
 * order in which the files changed. Only a sync runs outside of it: it has one entry when it begins
 * and one when it has ended well, and promises what was written before the first once there is the
 * second. What is replaced here is done by system calls, so nothing here calls itself, and nothing
 * allocates. A signal handler may write to a pipe while its thread holds the lock, so what is no file
 * below the root passes without it. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifndef __LP64__
#error "the shim is for 64 bits: there offsets are one argument of a system call"
#endif

#define EXPORT __attribute__((visibility("default")))
#define MAGIC 0x4c575031u
#define KNOWN_MAX 4096
#define NAME_BYTES 64
#define SECTOR 512
#define FDS 1024
/* A shorter end of equal bytes is not worth being told as such. */
#define FILL_MIN 256

enum kind {
    START = 1, /* ino: of the root */
    CREATE,    /* path */
    MKDIR,     /* path */
    RENAME,    /* path, path */
    UNLINK,    /* path */
    RMDIR,     /* path */
    WRITE,     /* a: offset, b: length, c: the byte that all those are which do not follow */
    TRUNCATE,  /* a: length */
    ALLOCATE,  /* a: mode, b: offset, c: length */
    SYNC,      /* a: which, b: 1 when only data */
    SYNCED,    /* the same */
    RANGE,     /* a: offset, b: length, c: flags. Promises nothing */
    FAILED,    /* a: errno, b: what */
    FROZEN,
    FORGOTTEN, /* The system is to read the file from the disk again. */
};

/* An entry, as it stands in the journal; then the two texts or bytes that follow it. */
struct entry {
    uint32_t magic, kind;
    uint64_t ino, a, b, c, time_ns;
    uint32_t first_len, second_len;
};

/* A file or directory below the root that was opened or made. */
struct known {
    ino_t ino;
    char name[NAME_BYTES];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_len;
static dev_t root_dev;
static int journal = -1, control = -1;
static struct known known[KNOWN_MAX];
static size_t known_count;
static uint64_t syncs;
static struct timespec sync_takes;

/* ---- the journal ---- */

/* A journal that lacks something would prove things that are not so. */
static void give_up(const char *why) {
    syscall(SYS_write, 2, "the shim gives up: ", 19);
    syscall(SYS_write, 2, why, strlen(why));
    syscall(SYS_write, 2, "\n", 1);
    abort();
}

static void tell(enum kind kind, ino_t ino, uint64_t a, uint64_t b, uint64_t c, const void *first,
                 size_t first_len, const void *second, size_t second_len) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct entry entry = {MAGIC, kind, ino, a, b, c,
                          (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
                          (uint32_t)first_len, (uint32_t)second_len};
    struct iovec parts[3] = {
        {&entry, sizeof entry}, {(void *)first, first_len}, {(void *)second, second_len}};
    ssize_t whole = (ssize_t)(sizeof entry + first_len + second_len);
    if (syscall(SYS_writev, journal, parts, 3) != whole) give_up("the journal cannot be written");
}

static void tell_number(enum kind kind, ino_t ino, uint64_t a, uint64_t b, uint64_t c) {
    tell(kind, ino, a, b, c, NULL, 0, NULL, 0);
}

static void tell_path(enum kind kind, ino_t ino, const char *path) {
    tell(kind, ino, 0, 0, 0, path, strlen(path), NULL, 0);
}

/* ---- which files ---- */

/* Whether `path` lies below the root or is it; then `below` is what is behind the root. */
static int find_path(int dir, const char *path, char below[PATH_MAX]) {
    char whole[2 * PATH_MAX];
    ssize_t len = 0;
    if (journal < 0 || path == NULL) return 0;
    if (path[0] != '/') {
        if (dir == AT_FDCWD) {
            len = syscall(SYS_getcwd, whole, PATH_MAX) - 1;
        } else {
            char link[] = "/proc/self/fd/..........", *end = link + 14;
            char digits[10];
            int count = 0;
            for (unsigned rest = (unsigned)dir; count == 0 || rest > 0; rest /= 10)
                digits[count++] = (char)('0' + rest % 10);
            while (count > 0) *end++ = digits[--count];
            *end = 0;
            len = syscall(SYS_readlinkat, AT_FDCWD, link, whole, PATH_MAX);
        }
        if (len < 0) return 0;
        whole[len++] = '/';
    }
    size_t path_len = strlen(path);
    if ((size_t)len + path_len >= sizeof whole) return 0;
    memcpy(whole + len, path, path_len + 1);
    for (len += (ssize_t)path_len; len > 1 && whole[len - 1] == '/';) whole[--len] = 0;
    if (strncmp(whole, root, root_len) != 0) return 0;
    const char *rest = whole + root_len;
    if (*rest != 0 && *rest != '/') return 0;
    while (*rest == '/') rest++;
    if (strlen(rest) >= PATH_MAX) return 0;
    strcpy(below, rest);
    return 1;
}

static struct known *find_ino(ino_t ino) {
    for (size_t i = 0; i < known_count; i++)
        if (known[i].ino == ino) return &known[i];
    return NULL;
}

static void remember(ino_t ino, const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    struct known *found = find_ino(ino);
    if (found == NULL) {
        if (known_count == KNOWN_MAX) give_up("too many files");
        found = &known[known_count++];
    }
    found->ino = ino;
    strncpy(found->name, name, NAME_BYTES - 1);
}

/* Takes the lock and gives the file when `fd` is one below the root; otherwise takes nothing. */
static struct known *ours(int fd) {
    struct stat stat;
    if (journal < 0 || fstat(fd, &stat) != 0 || stat.st_dev != root_dev ||
        !(S_ISREG(stat.st_mode) || S_ISDIR(stat.st_mode)))
        return NULL;
    pthread_mutex_lock(&lock);
    struct known *found = find_ino(stat.st_ino);
    if (found == NULL) pthread_mutex_unlock(&lock);
    return found;
}

/* The number of a file that is gone may become that of another, which is none of ours. */
static void forget(ino_t ino) {
    struct known *found = find_ino(ino);
    if (found != NULL) *found = known[--known_count];
}

static ino_t ino_of(const char *path) {
    char whole[2 * PATH_MAX];
    struct stat stat;
    memcpy(whole, root, root_len);
    whole[root_len] = '/';
    strcpy(whole + root_len + 1, path);
    return lstat(whole, &stat) == 0 ? stat.st_ino : 0;
}

__attribute__((constructor)) static void begin(void) {
    const char *dir = getenv("PAWL_SHIM_ROOT"), *to = getenv("PAWL_SHIM_JOURNAL");
    const char *told = getenv("PAWL_SHIM_CONTROL");
    const char *slow = getenv("PAWL_SHIM_SYNC_MS");
    struct stat stat;
    if (dir == NULL || to == NULL) return;
    root_len = strlen(dir);
    if (root_len >= sizeof root) give_up("the root is too long");
    memcpy(root, dir, root_len + 1);
    if (lstat(root, &stat) != 0) give_up("there is no root");
    root_dev = stat.st_dev;
    remember(stat.st_ino, "");
    journal = (int)syscall(SYS_openat, AT_FDCWD, to, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (journal < 0) give_up("the journal cannot be opened");
    if (slow != NULL) sync_takes.tv_nsec = atol(slow) % 1000 * 1000000;
    if (told != NULL) control = (int)syscall(SYS_openat, AT_FDCWD, told, O_RDONLY | O_CLOEXEC);
    tell_number(START, stat.st_ino, 0, 0, 0);
}

/* ---- what is to fail ---- */

/* The control file holds one line: `generation what nth errno lasting name`. From the moment on at
 * which it has another generation than before, the nth (from 1) time that `what` is done to a file
 * whose name begins with `name` fails with `errno`, and with `lasting` 1 every later one too. `what`
 * is a letter: w writes, d syncs data, s syncs, y either of them, r reads, o opens. b is a bad sector:
 * whatever reads the nth (from 0) fails, always. And f freezes the process at the nth thing that it does
 * to any file, with nothing half done. */
static struct {
    long generation, nth, error, lasting, seen;
    char what, name[NAME_BYTES];
} told;

static const char *number(const char *text, long *value) {
    *value = 0;
    while (*text >= '0' && *text <= '9') *value = *value * 10 + (*text++ - '0');
    return *text == ' ' ? text + 1 : text;
}

static void ask(void) {
    char text[256];
    ssize_t len = syscall(SYS_pread64, control, text, sizeof text - 1, 0L);
    long generation;
    /* It may be just being written. */
    if (len < 10 || text[len - 1] != '\n') return;
    text[len - 1] = 0;
    const char *rest = number(text, &generation);
    if (generation == told.generation || strlen(rest) < 8) return;
    told.generation = generation;
    told.what = *rest;
    rest = number(rest + 2, &told.nth);
    rest = number(rest, &told.error);
    rest = number(rest, &told.lasting);
    strncpy(told.name, rest, NAME_BYTES - 1);
    told.seen = 0;
}

/* Whether what is about to be done fails; then errno is set. Under the lock. */
static int fails(char what, ino_t ino, const char *name) {
    if (control < 0) return 0;
    ask();
    int freezes = told.what == 'f' && what != 'r';
    int matches = told.what == what || (told.what == 'y' && (what == 'd' || what == 's'));
    if (!freezes && (!matches || strncmp(name, told.name, strlen(told.name)) != 0)) return 0;
    told.seen++;
    if (told.seen < told.nth || (told.seen > told.nth && !told.lasting)) return 0;
    if (freezes) {
        tell_number(FROZEN, ino, 0, 0, 0);
        /* Until it is killed, with the lock held: nobody else gets on either. */
        for (;;) pause();
    }
    tell_number(FAILED, ino, (uint64_t)told.error, (uint64_t)what, 0);
    errno = (int)told.error;
    return 1;
}

/* A sync that fails tells of it every handle that is open then, each once, at its next sync. */
static int owed[FDS];

static void owe_others(int fd, ino_t ino, int error) {
    struct stat stat;
    for (int other = 0; other < FDS; other++)
        if (other != fd && fstat(other, &stat) == 0 && stat.st_ino == ino) owed[other] = error;
}

static int sync_fails(int fd, ino_t ino, const char *name, char what) {
    int error = fd < FDS ? owed[fd] : 0;
    if (fails(what, ino, name)) {
        error = errno;
        if (!told.lasting) owe_others(fd, ino, error);
    } else if (error != 0) {
        tell_number(FAILED, ino, (uint64_t)error, (uint64_t)what, 0);
    }
    if (error == 0) return 0;
    if (fd < FDS) owed[fd] = 0;
    errno = error;
    return 1;
}

/* ---- opening ---- */

static int open_at(int dir, const char *path, int flags, mode_t mode) {
    char below[PATH_MAX];
    struct stat stat;
    if (!find_path(dir, path, below)) return (int)syscall(SYS_openat, dir, path, flags, mode);
    pthread_mutex_lock(&lock);
    const char *slash = strrchr(below, '/');
    ino_t before = ino_of(below);
    int fd = -1;
    if (!fails('o', before, slash == NULL ? below : slash + 1))
        fd = (int)syscall(SYS_openat, dir, path, flags, mode);
    int error = errno;
    if (fd >= 0 && fd < FDS) owed[fd] = 0;
    if (fd >= 0 && fstat(fd, &stat) == 0) {
        remember(stat.st_ino, below);
        if (before == 0) tell_path(CREATE, stat.st_ino, below);
        if (before != 0 && (flags & O_TRUNC)) tell_number(TRUNCATE, stat.st_ino, 0, 0, 0);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return fd;
}

#define MODE(flags, mode)                           \
    mode_t mode = 0;                                \
    if ((flags) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) { \
        va_list rest;                               \
        va_start(rest, flags);                      \
        mode = va_arg(rest, mode_t);                \
        va_end(rest);                               \
    }

EXPORT int open(const char *path, int flags, ...) {
    MODE(flags, mode)
    return open_at(AT_FDCWD, path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...) {
    MODE(flags, mode)
    return open_at(AT_FDCWD, path, flags, mode);
}

EXPORT int openat(int dir, const char *path, int flags, ...) {
    MODE(flags, mode)
    return open_at(dir, path, flags, mode);
}

EXPORT int openat64(int dir, const char *path, int flags, ...) {
    MODE(flags, mode)
    return open_at(dir, path, flags, mode);
}

EXPORT int creat(const char *path, mode_t mode) {
    return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

EXPORT int creat64(const char *path, mode_t mode) { return creat(path, mode); }

/* ---- writing ---- */

/* Tells of bytes that were written, the last of which are often all the same. */
static void tell_written(ino_t ino, uint64_t at, const uint8_t *bytes, size_t len) {
    size_t fill = 0;
    while (fill < len && bytes[len - 1 - fill] == bytes[len - 1]) fill++;
    if (fill < FILL_MIN) fill = 0;
    tell(WRITE, ino, at, len, fill > 0 ? bytes[len - 1] : 0, bytes, len - fill, NULL, 0);
}

/* At `at`, or where the file stands when that is negative. */
static ssize_t call_write(int fd, const struct iovec *parts, int count, off_t at, int flags) {
    if (flags != 0) return syscall(SYS_pwritev2, fd, parts, count, at, 0L, flags);
    if (at < 0) return syscall(SYS_writev, fd, parts, count);
    return syscall(SYS_pwritev, fd, parts, count, at, 0L);
}

static ssize_t write_parts(int fd, const struct iovec *parts, int count, off_t at, int flags) {
    struct known *file = ours(fd);
    if (file == NULL) return call_write(fd, parts, count, at, flags);
    ssize_t written = -1;
    int error = 0;
    if (fails('w', file->ino, file->name)) {
        error = errno;
    } else {
        off_t from = at;
        if (at < 0) {
            long mode = syscall(SYS_fcntl, fd, F_GETFL);
            from = syscall(SYS_lseek, fd, 0L, mode & O_APPEND ? SEEK_END : SEEK_CUR);
        }
        written = call_write(fd, parts, count, at, flags);
        error = errno;
        ssize_t left = written;
        for (int i = 0; i < count && left > 0; i++) {
            size_t len = parts[i].iov_len < (size_t)left ? parts[i].iov_len : (size_t)left;
            if (len > 0) tell_written(file->ino, (uint64_t)from, parts[i].iov_base, len);
            from += (off_t)len;
            left -= (ssize_t)len;
        }
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return written;
}

static ssize_t write_one(int fd, const void *bytes, size_t len, off_t at) {
    struct iovec part = {(void *)bytes, len};
    return write_parts(fd, &part, 1, at, 0);
}

EXPORT ssize_t write(int fd, const void *bytes, size_t len) { return write_one(fd, bytes, len, -1); }

EXPORT ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) {
    return write_one(fd, bytes, len, at);
}

EXPORT ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at) {
    return write_one(fd, bytes, len, at);
}

EXPORT ssize_t writev(int fd, const struct iovec *parts, int count) {
    return write_parts(fd, parts, count, -1, 0);
}

EXPORT ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    return write_parts(fd, parts, count, at, 0);
}

EXPORT ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
    return write_parts(fd, parts, count, at, 0);
}

EXPORT ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t at, int flags) {
    return write_parts(fd, parts, count, at, flags);
}

EXPORT ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off64_t at, int flags) {
    return write_parts(fd, parts, count, at, flags);
}

EXPORT int ftruncate(int fd, off_t len) {
    struct known *file = ours(fd);
    if (file == NULL) return (int)syscall(SYS_ftruncate, fd, len);
    int done = -1;
    if (!fails('w', file->ino, file->name)) done = (int)syscall(SYS_ftruncate, fd, len);
    int error = errno;
    if (done == 0) tell_number(TRUNCATE, file->ino, (uint64_t)len, 0, 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

EXPORT int ftruncate64(int fd, off64_t len) { return ftruncate(fd, len); }

EXPORT int fallocate(int fd, int mode, off_t at, off_t len) {
    struct known *file = ours(fd);
    if (file == NULL) return (int)syscall(SYS_fallocate, fd, mode, at, len);
    int done = -1;
    if (!fails('w', file->ino, file->name)) done = (int)syscall(SYS_fallocate, fd, mode, at, len);
    int error = errno;
    if (done == 0) tell_number(ALLOCATE, file->ino, (uint64_t)mode, (uint64_t)at, (uint64_t)len);
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

EXPORT int fallocate64(int fd, int mode, off64_t at, off64_t len) {
    return fallocate(fd, mode, at, len);
}

EXPORT int posix_fallocate(int fd, off_t at, off_t len) {
    return fallocate(fd, 0, at, len) == 0 ? 0 : errno;
}

EXPORT int posix_fallocate64(int fd, off64_t at, off64_t len) { return posix_fallocate(fd, at, len); }

/* ---- syncing ---- */

static int sync_one(int fd, int only_data) {
    long call = only_data ? SYS_fdatasync : SYS_fsync;
    struct known *file = ours(fd);
    if (file == NULL) return (int)syscall(call, fd);
    ino_t ino = file->ino;
    if (sync_fails(fd, ino, file->name, only_data ? 'd' : 's')) {
        int error = errno;
        pthread_mutex_unlock(&lock);
        errno = error;
        return -1;
    }
    uint64_t which = ++syncs;
    tell_number(SYNC, ino, which, (uint64_t)only_data, 0);
    pthread_mutex_unlock(&lock);
    nanosleep(&sync_takes, NULL);
    int done = (int)syscall(call, fd);
    int error = errno;
    if (done == 0) {
        pthread_mutex_lock(&lock);
        tell_number(SYNCED, ino, which, (uint64_t)only_data, 0);
        pthread_mutex_unlock(&lock);
    }
    errno = error;
    return done;
}

EXPORT int fsync(int fd) { return sync_one(fd, 0); }

EXPORT int fdatasync(int fd) { return sync_one(fd, 1); }

EXPORT int sync_file_range(int fd, off64_t at, off64_t len, unsigned flags) {
    struct known *file = ours(fd);
    if (file != NULL) {
        tell_number(RANGE, file->ino, (uint64_t)at, (uint64_t)len, flags);
        pthread_mutex_unlock(&lock);
    }
    return (int)syscall(SYS_sync_file_range, fd, at, len, flags);
}

/* ---- reading: only to fail ---- */

/* `at` is negative where the file stands. */
static int read_fails(int fd, off_t at, size_t len) {
    if (control < 0) return 0;
    struct known *file = ours(fd);
    if (file == NULL) return 0;
    int failed = fails('r', file->ino, file->name), error = errno;
    if (told.what == 'b' && strncmp(file->name, told.name, strlen(told.name)) == 0) {
        if (at < 0) at = syscall(SYS_lseek, fd, 0L, SEEK_CUR);
        failed = at < (told.nth + 1) * SECTOR && at + (off_t)len > told.nth * SECTOR;
        error = (int)told.error;
        if (failed) tell_number(FAILED, file->ino, told.error, 'b', 0);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return failed;
}

EXPORT ssize_t read(int fd, void *bytes, size_t len) {
    return read_fails(fd, -1, len) ? -1 : syscall(SYS_read, fd, bytes, len);
}

EXPORT ssize_t pread(int fd, void *bytes, size_t len, off_t at) {
    return read_fails(fd, at, len) ? -1 : syscall(SYS_pread64, fd, bytes, len, at);
}

EXPORT ssize_t pread64(int fd, void *bytes, size_t len, off64_t at) {
    return pread(fd, bytes, len, at);
}

EXPORT int posix_fadvise(int fd, off_t at, off_t len, int advice) {
    struct known *file = ours(fd);
    if (file != NULL) {
        if (advice == POSIX_FADV_DONTNEED) tell_number(FORGOTTEN, file->ino, 0, 0, 0);
        pthread_mutex_unlock(&lock);
    }
    return syscall(SYS_fadvise64, fd, at, len, advice) == 0 ? 0 : errno;
}

EXPORT int posix_fadvise64(int fd, off64_t at, off64_t len, int advice) {
    return posix_fadvise(fd, at, len, advice);
}

/* ---- names ---- */

static int rename_at(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    char old[PATH_MAX], new[PATH_MAX];
    int leaves = find_path(from_dir, from, old), comes = find_path(to_dir, to, new);
    if (!leaves && !comes) return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    if (!leaves || !comes || flags != 0) give_up("a file is moved as it is not known how to tell");
    pthread_mutex_lock(&lock);
    ino_t ino = ino_of(old), replaced = ino_of(new);
    int done = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    int error = errno;
    if (done == 0) {
        if (replaced != 0) forget(replaced);
        remember(ino, new);
        tell(RENAME, ino, flags, 0, 0, old, strlen(old), new, strlen(new));
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

EXPORT int rename(const char *from, const char *to) {
    return rename_at(AT_FDCWD, from, AT_FDCWD, to, 0);
}

EXPORT int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    return rename_at(from_dir, from, to_dir, to, 0);
}

EXPORT int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    return rename_at(from_dir, from, to_dir, to, flags);
}

EXPORT int unlinkat(int dir, const char *path, int flags) {
    char below[PATH_MAX];
    if (!find_path(dir, path, below)) return (int)syscall(SYS_unlinkat, dir, path, flags);
    pthread_mutex_lock(&lock);
    ino_t ino = ino_of(below);
    int done = (int)syscall(SYS_unlinkat, dir, path, flags);
    int error = errno;
    if (done == 0) {
        forget(ino);
        tell_path(flags & AT_REMOVEDIR ? RMDIR : UNLINK, ino, below);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

EXPORT int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

EXPORT int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

EXPORT int mkdirat(int dir, const char *path, mode_t mode) {
    char below[PATH_MAX];
    if (!find_path(dir, path, below)) return (int)syscall(SYS_mkdirat, dir, path, mode);
    pthread_mutex_lock(&lock);
    int done = (int)syscall(SYS_mkdirat, dir, path, mode);
    int error = errno;
    if (done == 0) {
        ino_t ino = ino_of(below);
        remember(ino, below);
        tell_path(MKDIR, ino, below);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

EXPORT int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
