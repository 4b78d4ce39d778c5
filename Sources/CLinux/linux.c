#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

const unsigned long STARLING_MS_RDONLY = MS_RDONLY;
const unsigned long STARLING_MS_BIND = MS_BIND;
const unsigned long STARLING_MS_REC = MS_REC;
const unsigned long STARLING_MS_PRIVATE = MS_PRIVATE;
const unsigned long STARLING_MS_SLAVE = MS_SLAVE;
const unsigned long STARLING_MS_NOSUID = MS_NOSUID;
const unsigned long STARLING_MS_NODEV = MS_NODEV;
const unsigned long STARLING_MS_REMOUNT = MS_REMOUNT;

int starling_unshare_mounts(void) { return unshare(CLONE_NEWNS); }
int starling_join_user_and_mounts(int pidfd) { return setns(pidfd, CLONE_NEWUSER | CLONE_NEWNS); }
int starling_unshare_user_and_mounts(void) { return unshare(CLONE_NEWUSER | CLONE_NEWNS); }
int starling_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *options) {
    return mount(source, target, type, flags, options);
}
int starling_fsopen(const char *type) { return fsopen(type, FSOPEN_CLOEXEC); }
int starling_fsconfig_string(int context, const char *key, const char *value) {
    return fsconfig(context, FSCONFIG_SET_STRING, key, value, 0);
}
int starling_fsconfig_flag(int context, const char *key) { return fsconfig(context, FSCONFIG_SET_FLAG, key, NULL, 0); }
int starling_fsconfig_create(int context) { return fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0); }
int starling_fsmount_readonly(int context) { return fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY); }
int starling_move_mount(int mount, const char *target) {
    return move_mount(mount, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS);
}

static int write_file(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return -1;
    ssize_t count = write(file, text, strlen(text));
    int saved = errno;
    close(file);
    errno = saved;
    return count == (ssize_t)strlen(text) ? 0 : -1;
}

static int set_up_namespace(pid_t owner, const char *user_map, const char *group_map) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/uid_map", owner);
    if (write_file(path, user_map) != 0) return -1;
    snprintf(path, sizeof path, "/proc/%d/gid_map", owner);
    if (write_file(path, group_map) != 0) return -1;
    snprintf(path, sizeof path, "/proc/%d/ns/user", owner);
    return open(path, O_RDONLY | O_CLOEXEC);
}

// A namespace begins with a process. It does nothing but system calls: other threads may hold any lock. It ends with our thread at the latest,
// for until then it holds copies of all our descriptors.
static pid_t begin_namespace(int flag) {
    pid_t child = (pid_t)syscall(SYS_clone, flag | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) pause();
    }
    return child;
}

static void end_namespace(pid_t child) {
    int saved = errno;
    kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
    errno = saved;
}

int starling_user_namespace(const char *user_map, const char *group_map) {
    pid_t child = begin_namespace(CLONE_NEWUSER);
    if (child < 0) return -1;
    int result = set_up_namespace(child, user_map, group_map);
    end_namespace(child);
    return result;
}

int starling_network_namespace(void) {
    pid_t child = begin_namespace(CLONE_NEWNET);
    if (child < 0) return -1;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/net", child);
    int result = open(path, O_RDONLY | O_CLOEXEC);
    end_namespace(child);
    return result;
}

int starling_clone_mount(const char *source) { return open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC); }

int starling_map_mount(const char *source, int user_namespace) {
    int tree = starling_clone_mount(source);
    if (tree < 0) return -1;
    struct mount_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY;
    attributes.userns_fd = (uint64_t)user_namespace;
    if (mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) == 0) return tree;
    int saved = errno;
    close(tree);
    errno = saved;
    return -1;
}

int starling_umount_lazily(const char *target) { return umount2(target, MNT_DETACH); }
int starling_umount_by_force(const char *target) { return umount2(target, MNT_FORCE); }
int starling_umount(const char *target) { return umount2(target, 0); }
int starling_rename_noreplace(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE); }
int starling_rename_exchange(const char *a, const char *b) { return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE); }
int starling_open_unnamed(const char *dir, mode_t mode) { return open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, mode); }
void starling_bound_unused_memory(int threshold, int arenas) {
    mallopt(M_ARENA_MAX, arenas);
    mallopt(M_MMAP_THRESHOLD, threshold);
    mallopt(M_TRIM_THRESHOLD, threshold);
}
void starling_prefer_huge_pages(const void *address, size_t size) {
    const uintptr_t huge = 2 << 20;
    uintptr_t start = ((uintptr_t)address + huge - 1) / huge * huge, end = ((uintptr_t)address + size) / huge * huge;
    if (start < end) madvise((void *)start, end - start, MADV_HUGEPAGE);
}
void starling_return_unused_memory(void) { malloc_trim(0); }
int starling_punch_hole(int fd, off_t offset, off_t length) {
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}
uint32_t starling_device_major(dev_t device) { return major(device); }
uint32_t starling_device_minor(dev_t device) { return minor(device); }
dev_t starling_make_device(uint32_t maj, uint32_t min) { return makedev(maj, min); }

const uint64_t STARLING_RESOLVE_BENEATH = RESOLVE_BENEATH;
const uint64_t STARLING_RESOLVE_IN_ROOT = RESOLVE_IN_ROOT;
const uint64_t STARLING_RESOLVE_NO_SYMLINKS = RESOLVE_NO_SYMLINKS;
const uint64_t STARLING_RESOLVE_NO_MAGICLINKS = RESOLVE_NO_MAGICLINKS;
const uint64_t STARLING_RESOLVE_NO_XDEV = RESOLVE_NO_XDEV;

int starling_openat2(int dir, const char *path, int flags, mode_t mode, uint64_t resolve) {
    struct open_how how;
    memset(&how, 0, sizeof how);
    how.flags = (uint64_t)(flags | O_CLOEXEC);
    // openat2 refuses a mode where nothing can be created.
    how.mode = (flags & O_CREAT) ? mode : 0;
    how.resolve = resolve;
    return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
}

int starling_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int starling_lsetxattr(const char *path, const char *name, const void *value, size_t size) {
    return lsetxattr(path, name, value, size, 0);
}
ssize_t starling_lgetxattr(const char *path, const char *name, void *value, size_t size) { return lgetxattr(path, name, value, size); }
ssize_t starling_llistxattr(const char *path, char *list, size_t size) { return llistxattr(path, list, size); }

static _Atomic int signal_pipe = -1;

static void write_signal(int number) {
    int saved = errno;
    int fd = atomic_load(&signal_pipe);
    unsigned char byte = (unsigned char)number;
    // A full pipe means thousands of signals are waiting already; one more tells nothing new.
    if (fd >= 0 && write(fd, &byte, 1) < 0) errno = saved;
    errno = saved;
}

int starling_signals_to_pipe(const int *signals, int count, int fd) {
    atomic_store(&signal_pipe, fd);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = write_signal;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    for (int i = 0; i < count; i++)
        if (sigaction(signals[i], &action, NULL) != 0) return -1;
    return 0;
}

void starling_signals_default(const int *signals, int count) {
    for (int i = 0; i < count; i++) signal(signals[i], SIG_DFL);
}

static void do_nothing(int number) { (void)number; }
static pthread_once_t interrupt_once = PTHREAD_ONCE_INIT;

static void prepare_interrupt(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = do_nothing;
    // No SA_RESTART: the call is to return.
    sigaction(SIGRTMIN, &action, NULL);
}

int starling_interrupt_thread(pthread_t thread) {
    pthread_once(&interrupt_once, prepare_interrupt);
    return pthread_kill(thread, SIGRTMIN);
}

void starling_allow_interrupts(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int starling_continue_in_background(void) {
    pid_t child = fork();
    if (child < 0) return -1;
    if (child > 0) _exit(0);
    return setsid() < 0 || chdir("/") != 0 ? -1 : 0;
}

const int STARLING_O_PATH = O_PATH;

void starling_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
const char *starling_error_text(int code) { return strerrordesc_np(code); }

static int prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, const char *directory, const int stdio[3],
                   int new_group) {
    int error = 0;
    for (int i = 0; i < 3 && !error; i++) error = posix_spawn_file_actions_adddup2(actions, stdio[i], i);
    if (!error) error = posix_spawn_file_actions_addclosefrom_np(actions, 3);
    if (!error && directory) error = posix_spawn_file_actions_addchdir_np(actions, directory);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (new_group ? POSIX_SPAWN_SETPGROUP : 0);
    if (!error) error = posix_spawnattr_setflags(attributes, flags);
    if (!error) error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error) error = posix_spawnattr_setsigdefault(attributes, &all);
    if (!error && new_group) error = posix_spawnattr_setpgroup(attributes, 0);
    return error;
}

struct spawning {
    pid_t *pid;
    const char *program, *hidden;
    char *const *argv, *const *envp;
    const posix_spawn_file_actions_t *actions;
    const posix_spawnattr_t *attributes;
    int error;
};

static int spawn(const struct spawning *it) {
    return posix_spawn(it->pid, it->program, it->actions, it->attributes, it->argv, it->envp);
}

static void *spawn_hiding(void *argument) {
    struct spawning *it = argument;
    int is_hidden = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0 &&
                   mount("tmpfs", it->hidden, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=1m,mode=755") == 0;
    it->error = is_hidden ? spawn(it) : errno;
    return NULL;
}

// A thread's mount namespace is its own, and what it starts inherits it.
static int spawn_on_thread(struct spawning *it) {
    pthread_t thread;
    int error = pthread_create(&thread, NULL, spawn_hiding, it);
    if (!error) error = pthread_join(thread, NULL);
    return error ? error : it->error;
}

int starling_spawn(pid_t *pid, const char *program, char *const argv[], char *const envp[], const char *directory,
                   const int stdio[3], int new_group, const char *hidden) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error) return error;
    error = posix_spawnattr_init(&attributes);
    if (!error) {
        error = prepare(&actions, &attributes, directory, stdio, new_group);
        struct spawning it = {pid, program, hidden, argv, envp, &actions, &attributes, 0};
        if (!error) error = hidden ? spawn_on_thread(&it) : spawn(&it);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

// Room for one descriptor, aligned as cmsg(3) wants it.
union descriptor_message {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

ssize_t starling_send_packet(int socket, const void *bytes, size_t size, int fd) {
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
    union descriptor_message control;
    struct msghdr message;
    memset(&message, 0, sizeof message);
    memset(&control, 0, sizeof control);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}

ssize_t starling_receive_packet(int socket, void *bytes, size_t size, int *fd) {
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    union descriptor_message control;
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    // Not the padding: it would hold a second descriptor that nobody closes.
    message.msg_controllen = CMSG_LEN(sizeof *fd);
    *fd = -1;
    ssize_t count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (count < 0) return -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof *fd))
        memcpy(fd, CMSG_DATA(header), sizeof *fd);
    if (message.msg_flags & MSG_TRUNC) {
        if (*fd >= 0) close(*fd);
        *fd = -1;
        errno = EMSGSIZE;
        return -1;
    }
    return count;
}

int starling_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }
ssize_t starling_splice(int pipe, int target, size_t size) { return splice(pipe, NULL, target, NULL, size, SPLICE_F_MOVE); }
int starling_sync_file_system(int fd) { return syncfs(fd); }

int starling_open_terminal(int ends[2]) {
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0) return -1;
    char name[64];
    if (grantpt(master) == 0 && unlockpt(master) == 0 && ptsname_r(master, name, sizeof name) == 0) {
        int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (slave >= 0) {
            ends[0] = master;
            ends[1] = slave;
            return 0;
        }
    }
    int saved = errno;
    close(master);
    errno = saved;
    return -1;
}

int starling_set_terminal_size(int fd, unsigned short rows, unsigned short columns) {
    struct winsize size;
    memset(&size, 0, sizeof size);
    size.ws_row = rows;
    size.ws_col = columns;
    return ioctl(fd, TIOCSWINSZ, &size);
}

int starling_terminal_size(int fd, unsigned short *rows, unsigned short *columns) {
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0) return -1;
    *rows = size.ws_row;
    *columns = size.ws_col;
    return 0;
}

static int set_range(int descriptor, short type, long long start, long long count) {
    struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = count};
    return fcntl(descriptor, F_OFD_SETLK, &range);
}
int starling_lock_range(int descriptor, long long start, long long count) { return set_range(descriptor, F_WRLCK, start, count); }
int starling_unlock_range(int descriptor, long long start, long long count) { return set_range(descriptor, F_UNLCK, start, count); }

int starling_runs_x32(void) {
#ifdef __x86_64__
    // A filter's answer to an unknown architecture may be the end of the process.
    if (prctl(PR_GET_SECCOMP) != 0) return 1;
    // Numbers of x32 calls have this bit (asm/unistd.h).
    return syscall(__X32_SYSCALL_BIT + SYS_getpid) > 0;
#else
    return 0;
#endif
}
