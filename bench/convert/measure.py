"""One process measured: wall clock, CPU, peak memory, and bytes on disk that are not of its result."""
import os
import signal
import stat
import subprocess
import threading
import time
from dataclasses import dataclass

TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Measured:
    seconds: float
    cpu_seconds: float
    # Of the largest process. The kernel counts what it shared with us before exec: nothing below our own 20 MB is seen.
    peak_rss_bytes: int
    # None when nobody looked.
    peak_temporary_bytes: int | None = None


class Failed(Exception):
    pass


def cpu_of(process):
    """CPU seconds of a process so far, with those of its threads that have ended and children that it has waited for."""
    with open("/proc/%d/stat" % process) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / TICK


def run(command, environment, log, helpers=(), watched=()):
    """Runs a command to its end and measures it; why it failed is the last line of its log, a file that can be read.

    helpers: ids of servers that work for it; their CPU is added.
    watched: directories whose files are counted while it runs. Looking costs some CPU: such a run is for its disk figure, not for its time.
    """
    before = sum(cpu_of(process) for process in helpers)
    started = time.monotonic()
    # A group of its own: it is we who end it on Ctrl-C, after which we clean up.
    child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0)
    watcher = Watcher([child.pid, *helpers], watched) if watched else None
    try:
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - started
        child.returncode = os.waitstatus_to_exitcode(status)
    finally:
        if watcher:
            watcher.stop()
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    if child.returncode != 0:
        log.seek(0)
        raise Failed("%s ended with %d: %s" % (" ".join(command), child.returncode, last_line(log.read())))
    cpu = usage.ru_utime + usage.ru_stime + sum(cpu_of(process) for process in helpers) - before
    return Measured(seconds, cpu, usage.ru_maxrss * 1024, watcher.peak if watcher else None)


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it says nothing"


class Watcher:
    """Looks at directories 50 times a second, and at the files in them that processes hold open without a name."""

    def __init__(self, processes, directories):
        self.processes, self.directories = processes, [os.path.realpath(path) for path in directories]
        self.samples, self.ended = [], threading.Event()
        # A reference to each file ever seen: as long as we have one, no new file gets its inode number, by which we know it.
        self.held = {}
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        while not self.ended.wait(0.02):
            self.samples.append(self.sizes())

    def stop(self):
        """Ends it and finds the peak: most bytes at one time in files that are not there at the end. Whatever is kept is the result."""
        self.ended.set()
        self.thread.join()
        kept = self.sizes().keys()
        self.peak = max((sum(size for file, size in sample.items() if file not in kept) for sample in self.samples), default=0)
        for descriptor in self.held.values():
            os.close(descriptor)

    def sizes(self):
        """Allocated bytes of each file, by inode."""
        found = {}

        def add(path):
            # Files come and go while we look.
            try:
                descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC | follow)
            except OSError:
                return
            status = os.fstat(descriptor)
            file = status.st_dev, status.st_ino
            if stat.S_ISREG(status.st_mode):
                found[file] = status.st_blocks * 512
            if stat.S_ISREG(status.st_mode) and file not in self.held:
                self.held[file] = descriptor
            else:
                os.close(descriptor)

        follow = os.O_NOFOLLOW
        for directory in self.directories:
            for parent, _, names in os.walk(directory):
                for name in names:
                    add(os.path.join(parent, name))
        # A descriptor's entry in /proc is a link to what may have no name any more.
        follow = 0
        for process in self.processes:
            descriptors = "/proc/%d/fd" % process
            try:
                names = os.listdir(descriptors)
            except OSError:
                continue
            for name in names:
                try:
                    target = os.readlink(os.path.join(descriptors, name))
                    if any(target.startswith(directory + "/") for directory in self.directories):
                        add(os.path.join(descriptors, name))
                except OSError:
                    pass
        return found
