/* Two functions of libc that do what sled takes them for. They stand in this program, so whatever is
 * linked into it calls them and not those of the system.
 *
 * sled flushes with sync_file_range, which leaves what it writes in the disk's volatile cache and
 * waits for no metadata. It builds on it all the same: segments are used again, and headers tell what
 * is stable, as if it were a sync. A power loss that then finds a later segment on the disk and an
 * earlier one not leaves a database that does not open, whatever was acknowledged. (On other systems
 * than Linux sled calls fsync.)
 *
 * And when sled opens it renames a new snapshot into place, and wipes segments that it has no need of
 * with that snapshot. The name is on the disk only once its directory is synced: without it, and
 * without those segments, sled finds an empty database. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int sync_file_range(int fd, off64_t offset, off64_t length, unsigned int flags) {
    (void)offset, (void)length, (void)flags;
    if (fdatasync(fd) == 0) return 0;
    /* What the disk did not take is in the system's cache as if it were on the disk, and no later
     * sync fails for it. Whoever opens the file next is to read what there is. */
    int error = errno;
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    errno = error;
    return -1;
}

static int sync_directory_of(const char *path) {
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    if (length >= sizeof parent) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(parent, slash == NULL ? "." : path, length);
    parent[length] = 0;
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -1;
    int synced = fsync(fd), error = errno;
    close(fd);
    errno = error;
    return synced;
}

int rename(const char *from, const char *to) {
    if (renameat(AT_FDCWD, from, AT_FDCWD, to) != 0) return -1;
    return sync_directory_of(to);
}
