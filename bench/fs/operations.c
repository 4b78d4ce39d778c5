// One kind of file system operation on every entry of a tree, timed with nothing else around it.
//
//     operations DIRECTORY ROUND     prints a line for each kind: NAME NANOSECONDS COUNT
//
// The tree is walked first, untimed, but for what is mounted in it; paths are kept relative to DIRECTORY. What is written (copy-up, create) goes to the upper
// directory of the overlay that DIRECTORY is; ROUND picks other files to copy up each time, for a file is copied up once.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { COPIES = 100, COPY_LEAST = 4 << 10, COPY_MOST = 64 << 10, CREATED = 1000 };

struct list {
    char **paths;
    size_t count, room;
};
static struct list all, files, links, directories, small;
static size_t top_length;
static dev_t device;

static void fail(const char *name) {
    fprintf(stderr, "operations: %s: %s\n", name, strerror(errno));
    exit(1);
}

static void append(struct list *list, const char *path) {
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 4096;
        list->paths = realloc(list->paths, list->room * sizeof *list->paths);
    }
    list->paths[list->count++] = strdup(path);
}

static int note(const char *path, const struct stat *status, int kind, struct FTW *where) {
    (void)where;
    // Of an overlay only directories have its device; what is mounted into a container, such as /proc, has another.
    if (kind == FTW_D && status->st_dev != device) return FTW_SKIP_SUBTREE;
    const char *relative = strlen(path) > top_length ? path + top_length + 1 : ".";
    append(&all, relative);
    if (kind == FTW_D) append(&directories, relative);
    if (kind == FTW_SL) append(&links, relative);
    if (kind == FTW_F && S_ISREG(status->st_mode)) {
        append(&files, relative);
        if (status->st_size >= COPY_LEAST && status->st_size <= COPY_MOST && status->st_nlink == 1) append(&small, relative);
    }
    return FTW_CONTINUE;
}

static void look(const char *path) {
    struct stat status;
    if (lstat(path, &status) != 0) fail(path);
}

static void open_close(const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0) fail(path);
    close(file);
}

static void open_read(const char *path) {
    static char buffer[4096];
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0 || read(file, buffer, sizeof buffer) < 0) fail(path);
    close(file);
}

static void map(const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0) fail(path);
    if (status.st_size > 0) {
        volatile const char *bytes = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, file, 0);
        if (bytes == MAP_FAILED) fail(path);
        (void)bytes[0];
        munmap((void *)bytes, 1);
    }
    close(file);
}

static void follow(const char *path) {
    char target[4096];
    if (readlink(path, target, sizeof target) < 0) fail(path);
}

static void list_attributes(const char *path) {
    char names[4096];
    if (llistxattr(path, names, sizeof names) < 0) fail(path);
}

// What a loader and an interpreter do most: they ask for what is not there.
static void miss(const char *path) {
    char name[8192];
    snprintf(name, sizeof name, "%s/not-there.so.%d", path, 7);
    if (access(name, F_OK) == 0 || errno != ENOENT) fail(name);
}

static void copy_up(const char *path) {
    int file = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    // A program that the container runs.
    if (file < 0 && errno == ETXTBSY) return;
    if (file < 0) fail(path);
    close(file);
}

static void create(const char *path) {
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0 || write(file, "x", 1) != 1) fail(path);
    close(file);
    if (unlink(path) != 0) fail(path);
}

static void measure(const char *name, const struct list *list, size_t from, size_t count, void (*operation)(const char *)) {
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (size_t at = from; at < from + count; at++) operation(list->paths[at]);
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%s %lld %zu\n", name, (end.tv_sec - begin.tv_sec) * 1000000000LL + end.tv_nsec - begin.tv_nsec, count);
}

int main(int count, char **arguments) {
    if (count != 3) {
        fprintf(stderr, "usage: operations DIRECTORY ROUND\n");
        return 2;
    }
    top_length = strlen(arguments[1]);
    struct stat top;
    if (stat(arguments[1], &top) != 0) fail(arguments[1]);
    device = top.st_dev;
    if (nftw(arguments[1], note, 64, FTW_PHYS | FTW_ACTIONRETVAL) != 0) fail(arguments[1]);
    if (chdir(arguments[1]) != 0) fail(arguments[1]);
    measure("lstat", &all, 0, all.count, look);
    measure("open+close", &files, 0, files.count, open_close);
    measure("open+read", &files, 0, files.count, open_read);
    measure("open+mmap", &files, 0, files.count, map);
    measure("readlink", &links, 0, links.count, follow);
    measure("listxattr", &all, 0, all.count, list_attributes);
    measure("missing", &directories, 0, directories.count, miss);
    size_t from = atoi(arguments[2]) * (size_t)COPIES;
    if (from + COPIES > small.count) {
        errno = ENOENT;
        fail("files to copy up that no round has copied up yet");
    }
    measure("copy-up", &small, from, COPIES, copy_up);
    struct list names = {0};
    for (int number = 0; number < CREATED; number++) {
        char name[64];
        snprintf(name, sizeof name, "tmp/created-%d", number);
        append(&names, name);
    }
    measure("create", &names, 0, names.count, create);
    return 0;
}
