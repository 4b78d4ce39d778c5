// valgrind 3.19 writes into the signal mask that a program hands to sigsuspend(2); libdispatch's is a constant, in memory that cannot be written to,
// and the main thread of every asynchronous Swift program waits with it. Preloaded, this hands out a copy.
#include <signal.h>
#include <unistd.h>
#include <sys/syscall.h>

int sigsuspend(const sigset_t *mask) {
    sigset_t copy = *mask;
    return (int)syscall(SYS_rt_sigsuspend, &copy, 8);
}
