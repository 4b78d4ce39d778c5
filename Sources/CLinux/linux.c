#define _GNU_SOURCE
#include "CLinux.h"
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

const unsigned long STARLING_MS_RDONLY = MS_RDONLY;
const unsigned long STARLING_MS_BIND = MS_BIND;
const unsigned long STARLING_MS_REC = MS_REC;
const unsigned long STARLING_MS_PRIVATE = MS_PRIVATE;
const unsigned long STARLING_MS_SLAVE = MS_SLAVE;
const unsigned long STARLING_MS_NOSUID = MS_NOSUID;
const unsigned long STARLING_MS_NODEV = MS_NODEV;

int starling_unshare_mounts(void) { return unshare(CLONE_NEWNS); }
int starling_unshare_user_and_mounts(void) { return unshare(CLONE_NEWUSER | CLONE_NEWNS); }
int starling_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *options) {
    return mount(source, target, type, flags, options);
}
int starling_umount_lazily(const char *target) { return umount2(target, MNT_DETACH); }
int starling_umount(const char *target) { return umount2(target, 0); }
int starling_rename_noreplace(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE); }
int starling_rename_exchange(const char *a, const char *b) { return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE); }
int starling_punch_hole(int fd, off_t offset, off_t length) {
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}
uint32_t starling_device_major(dev_t device) { return major(device); }
uint32_t starling_device_minor(dev_t device) { return minor(device); }
dev_t starling_make_device(uint32_t maj, uint32_t min) { return makedev(maj, min); }
