#pragma once
// Linux calls and macros that Swift's Glibc module does not offer. Each is a plain wrapper: result -1 and errno as in the manual page.
#include <stdint.h>
#include <sys/types.h>

int starling_unshare_mounts(void);
int starling_unshare_user_and_mounts(void);
int starling_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *options);
int starling_umount_lazily(const char *target);
int starling_umount(const char *target);

extern const unsigned long STARLING_MS_RDONLY;
extern const unsigned long STARLING_MS_BIND;
extern const unsigned long STARLING_MS_REC;
extern const unsigned long STARLING_MS_PRIVATE;
extern const unsigned long STARLING_MS_SLAVE;
extern const unsigned long STARLING_MS_NOSUID;
extern const unsigned long STARLING_MS_NODEV;

/// Renames and fails with EEXIST when the target exists.
int starling_rename_noreplace(const char *from, const char *to);
/// Exchanges two paths in one step.
int starling_rename_exchange(const char *a, const char *b);
int starling_punch_hole(int fd, off_t offset, off_t length);
uint32_t starling_device_major(dev_t device);
uint32_t starling_device_minor(dev_t device);
dev_t starling_make_device(uint32_t major, uint32_t minor);
