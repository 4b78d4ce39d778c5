#pragma once
// Linux calls and macros that Swift's Glibc module does not offer. Each is a plain wrapper: result -1 and errno as in the manual page.
#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

int starling_unshare_mounts(void);
int starling_unshare_user_and_mounts(void);
/// Enters the user namespace and the mount namespace of a process (Linux 5.8); for a process of one thread.
int starling_join_user_and_mounts(int pidfd);
int starling_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *options);
/// Locks a part of a file for this open file description (F_OFD_SETLK, fcntl(2)); never waits: -1 with EAGAIN while another has some of it.
int starling_lock_range(int descriptor, long long start, long long count);
int starling_unlock_range(int descriptor, long long start, long long count);
int starling_umount_lazily(const char *target);
int starling_umount(const char *target);
/// A file system being configured: a descriptor, from which read(2) gives the kernel's messages, one a call. fsopen(2) with FSOPEN_CLOEXEC.
int starling_fsopen(const char *type);
/// A value has at most 255 bytes.
int starling_fsconfig_string(int context, const char *key, const char *value);
int starling_fsconfig_flag(int context, const char *key);
int starling_fsconfig_create(int context);
/// The configured file system as a read-only mount that is nowhere yet: a descriptor.
int starling_fsmount_readonly(int context);
/// Puts it at `target`, following symbolic links as mount(2) does.
int starling_move_mount(int mount, const char *target);
/// A user namespace in which nobody lives, with these maps (user_namespaces(7)): a descriptor.
int starling_user_namespace(const char *user_map, const char *group_map);
/// A descriptor of a new network namespace.
int starling_network_namespace(void);
/// What is mounted at `source`, from that directory on and without the mounts below, once more and nowhere yet (open_tree(2)): a descriptor.
int starling_clone_mount(const char *source);
/// What is mounted at `source`, from that directory on and without the mounts below, as a read-only mount that is nowhere yet and shows ids as
/// a user namespace maps them (mount_setattr(2)): a descriptor.
int starling_map_mount(const char *source, int user_namespace);
/// Ends a FUSE connection: its requests fail from now on, the mount may stay while it is busy.
int starling_umount_by_force(const char *target);

extern const unsigned long STARLING_MS_RDONLY;
extern const unsigned long STARLING_MS_BIND;
extern const unsigned long STARLING_MS_REC;
extern const unsigned long STARLING_MS_PRIVATE;
extern const unsigned long STARLING_MS_SLAVE;
extern const unsigned long STARLING_MS_NOSUID;
extern const unsigned long STARLING_MS_NODEV;
extern const unsigned long STARLING_MS_REMOUNT;

/// Renames and fails with EEXIST when the target exists.
int starling_rename_noreplace(const char *from, const char *to);
/// Exchanges two paths in one step.
int starling_rename_exchange(const char *a, const char *b);
/// Opens a new file without a name on the file system of `dir` (O_TMPFILE), for reading and writing; O_CLOEXEC is added.
int starling_open_unnamed(const char *dir, mode_t mode);
/// Brings the pages of a buffer into memory by reading a byte of each.
static inline void starling_touch_pages(const void *buffer, size_t size) {
    const volatile char *bytes = (const volatile char *)buffer;
    for (size_t i = 0; i < size; i += 4096) (void)bytes[i];
    if (size) (void)bytes[size - 1];
}
/// M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of mallopt(3), which no longer change by themselves then, and M_ARENA_MAX.
void starling_bound_unused_memory(int threshold, int arenas);
/// Asks for huge pages where whole ones lie within some memory that is about to be filled: MADV_HUGEPAGE of madvise(2), which may be refused.
void starling_prefer_huge_pages(const void *address, size_t size);
/// malloc_trim(3) without a pad.
void starling_return_unused_memory(void);
int starling_punch_hole(int fd, off_t offset, off_t length);
uint32_t starling_device_major(dev_t device);
uint32_t starling_device_minor(dev_t device);
dev_t starling_make_device(uint32_t major, uint32_t minor);

/// Opens below `dir` with the RESOLVE_* bits of openat2(2); O_CLOEXEC is added.
int starling_openat2(int dir, const char *path, int flags, mode_t mode, uint64_t resolve);
extern const uint64_t STARLING_RESOLVE_BENEATH;
extern const uint64_t STARLING_RESOLVE_IN_ROOT;
extern const uint64_t STARLING_RESOLVE_NO_SYMLINKS;
extern const uint64_t STARLING_RESOLVE_NO_MAGICLINKS;
extern const uint64_t STARLING_RESOLVE_NO_XDEV;

/// A descriptor that polls readable when the process has ended.
int starling_pidfd_open(pid_t pid);

/// Extended attributes of the name itself, never of what a symbolic link points at.
int starling_lsetxattr(const char *path, const char *name, const void *value, size_t size);
ssize_t starling_lgetxattr(const char *path, const char *name, void *value, size_t size);
ssize_t starling_llistxattr(const char *path, char *list, size_t size);

/// From now on each of these signals writes its number, one byte, to `fd` (which should not block). `fd` -1 drops them.
int starling_signals_to_pipe(const int *signals, int count, int fd);
/// The default action again.
void starling_signals_default(const int *signals, int count);

/// What to start: `stdio` are the descriptors that become 0, 1 and 2; all others are closed. `directory` NULL = the caller's.
/// The child starts with no signal blocked and all actions default. `hidden` is a directory that it sees empty, in a mount namespace of its own;
/// NULL = none. Result: 0 or an error number, as posix_spawn(3).
int starling_spawn(pid_t *pid, const char *program, char *const argv[], char *const envp[], const char *directory,
                   const int stdio[3], int new_group, const char *hidden);

/// Makes a system call in which that thread waits return EINTR; a call that does not wait goes on. Nothing else happens.
/// One that comes before the call is lost, so it is repeated until the thread has gone. Result: 0 or an error number.
int starling_interrupt_thread(pthread_t thread);
/// Lets the calling thread be interrupted so; threads that libdispatch has started, and theirs, begin with all signals blocked.
void starling_allow_interrupts(void);
/// Goes on in a child of its own session with `/` as its directory; the caller's process ends with 0. For a process of one thread.
int starling_continue_in_background(void);

/// Name of the calling thread, at most 15 bytes; the main thread's is the process's.
void starling_name_thread(const char *name);
/// Text of an error number in the system's words, thread-safe; NULL for an unknown one.
const char *starling_error_text(int code);
extern const int STARLING_O_PATH;
/// Sends one packet, with a descriptor when `fd` is not negative. MSG_NOSIGNAL.
ssize_t starling_send_packet(int socket, const void *bytes, size_t size, int fd);
/// Receives one packet; `*fd` is the descriptor that came with it (close-on-exec), or -1. A packet of more than `size` bytes fails with EMSGSIZE.
ssize_t starling_receive_packet(int socket, void *bytes, size_t size, int *fd);
/// pipe2(2) with O_CLOEXEC.
int starling_pipe(int ends[2]);
/// A terminal of its own: `ends` are its two sides, close-on-exec; it controls nobody.
int starling_open_terminal(int ends[2]);
/// Rows and columns of a terminal.
int starling_set_terminal_size(int fd, unsigned short rows, unsigned short columns);
int starling_terminal_size(int fd, unsigned short *rows, unsigned short *columns);
/// Moves bytes from a pipe to a descriptor without copying them here, as splice(2).
ssize_t starling_splice(int pipe, int target, size_t size);
/// Whether the kernel runs programs of the x32 ABI (most do not), found by asking it; 1 also where a filter of system calls may forbid to ask.
int starling_runs_x32(void);
/// syncfs(2).
int starling_sync_file_system(int fd);
