"""What a run starts and mounts, and its end: every process, mount and file has an owner here, and is gone when the owner ends.

The bench runs in a mount namespace of its own, so that no end of it, not even SIGKILL, leaves a mount on the host. Processes that daemonize, as
containerd's shims do, become our children (PR_SET_CHILD_SUBREAPER): none can hide.
"""
import ctypes
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWNS = 0x20000
MNT_DETACH = 2
LIBC = ctypes.CDLL(None, use_errno=True)

# containerd's namespace of all containers of a bench; also the name of their cgroups.
NAMESPACE = "starling-bench"


class Failed(Exception):
    """Why something could not be measured, in a line."""


class Workplace:
    """A directory with the processes and mounts that belong to it, for the length of a with statement."""

    def __init__(self, parent=None, name="starling-bench-lazy."):
        self.parent, self.name, self.processes = parent, name, []

    def __enter__(self):
        # One within another has a short name: the path of a socket has at most 104 bytes.
        self.path = tempfile.mkdtemp(prefix="" if self.parent else self.name, dir=self.parent.path if self.parent else "/var/tmp")
        return self

    def __exit__(self, *_):
        for process, number, _ in reversed(self.processes):
            end(process, number)
        if not self.parent:
            end_descendants()
            remove_cgroups()
        unmount_below(self.path)
        for _, _, log in self.processes:
            log.close()
        remove_tree(self.path)

    def start(self, name, command, number=signal.SIGTERM, environment=None):
        """Starts a server; number: the signal that asks it to end. What it says goes to NAME.log."""
        log = open(os.path.join(self.path, name + ".log"), "w")
        process = subprocess.Popen(
            command, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0)
        self.processes.append((process, number, log))
        return process

    def log(self, name):
        with open(os.path.join(self.path, name + ".log"), errors="replace") as file:
            return file.read()

    def wait_for(self, name, process, is_ready, seconds=30):
        """Waits until a server is ready."""
        deadline = time.monotonic() + seconds
        while not is_ready():
            if process.poll() is not None:
                raise Failed("%s does not start: %s" % (name, last_line(self.log(name))))
            if time.monotonic() > deadline:
                raise Failed("%s is not ready after %d s: %s" % (name, seconds, last_line(self.log(name))))
            time.sleep(0.02)


class FreshDisk(Workplace):
    """A workplace on an ext4 of its own: on one where thousands of files were removed in the last minutes, as by an earlier round, each new file
    has to be found a place around theirs (ext4 gives no inode of theirs out again so soon)."""

    SIZE = 4 << 30

    def __enter__(self):
        super().__enter__()
        image, self.path = self.path + "/disk", self.path + "/mounted"
        os.mkdir(self.path)
        with open(image, "wb") as file:
            file.truncate(self.SIZE)
        run("mkfs.ext4", "-q", "-F", image)
        run("mount", "-o", "loop", image, self.path)
        return self

    def __exit__(self, *details):
        self.path = os.path.dirname(self.path)
        super().__exit__(*details)


def run(*command, seconds=600, environment=None, is_quiet=False):
    """Runs a command to its end and returns its standard output, unless it is quiet; fails unless it ends with 0."""
    try:
        result = subprocess.run(
            command, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if is_quiet else subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
            timeout=seconds, process_group=0)
    except subprocess.TimeoutExpired as error:
        raise Failed("%s has not ended after %d s" % (described(command), seconds)) from error
    if result.returncode != 0:
        raise Failed("%s ended with %d: %s" % (described(command), result.returncode, last_line(result.stderr or result.stdout)))
    return result.stdout


def timed(*command, **options):
    """Seconds that a command takes."""
    started = time.monotonic()
    run(*command, **options)
    return time.monotonic() - started


class Started:
    """A command that is waited for until its first line of output, and then until its end."""

    def __init__(self, command, log, environment=None):
        self.command, self.log, self.said = command, log, ""
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            command, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            process_group=0)

    def first_line(self, seconds=300):
        """The first line; elapsed is then the time that it took."""
        return self.line_with("", seconds)

    def line_with(self, text, seconds=300):
        """The next line that holds a text; elapsed is then the time since the start."""
        deadline, line = time.monotonic() + seconds, None
        while line is None or text not in line:
            line = self.said = self.line(deadline, seconds)
        self.elapsed = time.monotonic() - self.began
        return line

    def line(self, deadline, seconds):
        line = b""
        descriptor = self.process.stdout.fileno()
        while not line.endswith(b"\n"):
            if not select.select([descriptor], [], [], max(0, deadline - time.monotonic()))[0]:
                raise Failed("%s has said nothing after %d s" % (described(self.command), seconds))
            byte = os.read(descriptor, 1)
            if not byte:
                raise Failed("%s ended without the output: %s" % (described(self.command), self.last_words()))
            line += byte
        return line.decode(errors="replace").rstrip("\n")

    def wait(self, seconds=300):
        try:
            self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise Failed("%s has not ended after %d s" % (described(self.command), seconds)) from error
        if self.process.returncode != 0:
            raise Failed("%s ended with %d: %s" % (described(self.command), self.process.returncode, self.last_words()))

    def last_words(self):
        with open(self.log.name, errors="replace") as file:
            return last_line(file.read().strip() or self.said)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.process, signal.SIGTERM)
        self.process.stdout.close()


def end(process, number, seconds=20):
    """Ends a child: asked first, then killed."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def enter_private_namespace():
    """Mounts of this process and its children are seen by nobody else from here on, and end with them."""
    if LIBC.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    run("mount", "--make-rprivate", "/")
    # Sockets of shims and runc's state have fixed places there; these are ours alone.
    os.makedirs("/run/containerd", exist_ok=True)
    mount("tmpfs", "bench", "/run/containerd")


def adopt_orphans():
    """Makes this process the parent of what its children leave behind."""
    if LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def children(parent):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % name) as file:
                state, mother = file.read().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if int(mother) == parent and state != "Z":
            found.append(int(name))
    return found


def descendants(parent):
    """Living processes below one, itself not included."""
    found = children(parent)
    for child in list(found):
        found += descendants(child)
    return found


def end_descendants():
    """Kills what is left. A killed shim's container becomes ours, and is found the next time."""
    for _ in range(100):
        left = descendants(os.getpid())
        if not left:
            break
        for process in left:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.05)
    reap()


def reap():
    """Forgets adopted children that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def mount(kind, source, target, options=()):
    """mount(8), whose words for options are the snapshotter's."""
    run("mount", "-t", kind, *(["-o", ",".join(options)] if options else []), source, target)


def mounts_below(path):
    """Mount points below a directory, the last one mounted first."""
    with open("/proc/self/mountinfo") as file:
        points = [line.split()[4].encode().decode("unicode_escape") for line in file]
    return [point for point in reversed(points) if point == path or point.startswith(path + "/")]


def unmount_below(path):
    for point in mounts_below(path):
        if LIBC.umount2(point.encode(), MNT_DETACH) != 0 and point in mounts_below(path):
            raise OSError(ctypes.get_errno(), "umount", point)


def remove_tree(path):
    """Removes a directory; never through a mount into what is not ours."""
    left = mounts_below(path)
    if left:
        raise OSError("still mounted: " + ", ".join(left))
    shutil.rmtree(path)


def remove_cgroups():
    """Cgroups of containers that were killed, here or in a bench before; runc removes the others."""
    for top in ("/sys/fs/cgroup", *("/sys/fs/cgroup/" + name for name in os.listdir("/sys/fs/cgroup"))):
        for parent, _, _ in os.walk(os.path.join(top, NAMESPACE), topdown=False):
            try:
                os.rmdir(parent)
            except OSError:
                # A cgroup with processes: another bench is running.
                pass


def described(command):
    words = [os.path.basename(command[0]), *command[1:]]
    return " ".join(words)[:120]


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1][-300:] if lines else "it says nothing"
