"""Layers from Debian packages, made once and kept in $STARLING_TEST_CACHE/startup: the base by mmdebstrap, all others by apt upon it, under overlayfs.

A kept layer is a directory with the blob and `layer.json` (its diffID, its descriptor). Images are composed of them anew in each run by hard links,
with the layer of the program, which is a few files.
"""
import hashlib
import io
import json
import os
import shutil
import stat
import tarfile

import inputs
from owned import Workplace, mount, run, unmount_below

SUITE = "bookworm"
SIGN = "layer.json"
# Written by apt and dpkg while they work, and of no use in an image.
LEFT_OUT = ("var/lib/apt/lists", "var/cache/apt", "var/log/apt", "var/log/dpkg.log", "etc/resolv.conf", "usr/sbin/policy-rc.d", "run", "tmp", "proc", "sys", "dev")


class Layers:
    def __init__(self, cache, workplace):
        self.cache, self.workplace = os.path.join(cache, "startup"), workplace
        os.makedirs(self.cache, exist_ok=True)

    def of(self, packages):
        """Directories of the layers of some packages, the base first."""
        found = [inputs.once(os.path.join(self.cache, "base"), make_base, SIGN)]
        if packages:
            # A name that says when packages were changed.
            words = " ".join(packages)
            path = os.path.join(self.cache, "%s-%s" % (packages[-1], hashlib.sha256(words.encode()).hexdigest()[:8]))
            found.append(inputs.once(path, lambda work: self.install(work, found[0], packages), SIGN))
        return found

    def compose(self, image, layout):
        """The layout (tag "latest") of an image of the catalog: the kept layers, and one with its program."""
        described = [self.take(directory, layout) for directory in self.of(image.packages)]
        described.append(inputs.add_layer(layout, lambda tar: add_files(tar, image.all_files()), 6))
        inputs.write_image(layout, image.config(), [diff_id for diff_id, _ in described], [descriptor for _, descriptor in described])
        return layout

    def take(self, directory, layout):
        diff_id, descriptor = inputs.load(os.path.join(directory, SIGN))
        target = inputs.blob(layout, descriptor["digest"])
        os.makedirs(os.path.dirname(target), exist_ok=True)
        try:
            os.link(inputs.blob(directory, descriptor["digest"]), target)
        except OSError:
            shutil.copy(inputs.blob(directory, descriptor["digest"]), target)
        return diff_id, descriptor

    def install(self, directory, base, packages):
        """Has apt install packages upon the base; the layer is what overlayfs then has in its upper directory."""
        with Workplace(self.workplace) as workplace:
            lower, upper, work, root = (os.path.join(workplace.path, name) for name in ("lower", "upper", "work", "root"))
            for path in (lower, upper, work, root):
                os.mkdir(path)
            run("tar", "-xzpf", inputs.blob(base, inputs.load(os.path.join(base, SIGN))[1]["digest"]), "-C", lower, "--numeric-owner")
            mount("overlay", "overlay", root, ["lowerdir=" + lower, "upperdir=" + upper, "workdir=" + work, "metacopy=off", "redirect_dir=off"])
            self.apt(root, packages)
            unmount_below(root)
            os.makedirs(directory)
            keep(directory, *inputs.add_layer(directory, lambda tar: add_upper(tar, upper), 6))

    def apt(self, root, packages):
        # No server is started, and what is downloaded is kept for the next image.
        with open(root + "/usr/sbin/policy-rc.d", "w") as file:
            file.write("#!/bin/sh\nexit 101\n")
        os.chmod(root + "/usr/sbin/policy-rc.d", 0o755)
        shutil.copy("/etc/resolv.conf", root + "/etc/resolv.conf")
        for name, target in (("lists", "/var/lib/apt/lists"), ("archives", "/var/cache/apt/archives")):
            os.makedirs(os.path.join(self.cache, "apt", name, "partial"), exist_ok=True)
            run("mount", "--bind", os.path.join(self.cache, "apt", name), root + target)
        for kind in ("proc", "sysfs"):
            mount(kind, kind, root + ("/sys" if kind == "sysfs" else "/proc"))
        run("mount", "--bind", "/dev", root + "/dev")
        apt = ["chroot", root, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", "apt-get", "-q", "-o", "APT::Sandbox::User=root",
               "-o", "Acquire::Retries=3", "-o", "Dpkg::Options::=--force-unsafe-io", "-o", "APT::Keep-Downloaded-Packages=true"]
        run(*apt, "update")
        run(*apt, "install", "-y", "--no-install-recommends", *packages, seconds=1800)


def keep(directory, diff_id, descriptor):
    with open(os.path.join(directory, SIGN), "w") as file:
        json.dump([diff_id, descriptor], file)


def make_base(directory):
    """A minimal Debian as mmdebstrap makes it. Without SOURCE_DATE_EPOCH, as bench/make-image.sh, and for its reason."""
    os.makedirs(directory)
    archive = os.path.join(directory, "base.tar")
    try:
        run("mmdebstrap", "--quiet", "--variant=minbase", "--aptopt=Acquire::Retries \"3\"",
            "--customize-hook=rm -f \"$1/etc/resolv.conf\" \"$1/etc/hostname\"", SUITE, archive, seconds=1800)
        keep(directory, *inputs.add_layer(directory, lambda tar: add_archive(tar, archive), 6))
    finally:
        if os.path.exists(archive):
            os.remove(archive)


def add_archive(tar, archive):
    with tarfile.open(archive) as source:
        for member in source:
            member.pax_headers = {}
            tar.addfile(member, source.extractfile(member) if member.isreg() else None)


def add_upper(tar, upper):
    """What overlayfs has written: files as they are, its whiteouts and opaque directories as layers spell them."""
    for parent, directories, names in os.walk(upper):
        directories.sort()
        place = os.path.relpath(parent, upper)
        here = "" if place == "." else place
        directories[:] = [name for name in directories if os.path.join(here, name) not in LEFT_OUT]
        if here:
            add(tar, parent, here)
            if is_opaque(parent):
                tar.addfile(inputs.entry(os.path.join(here, ".wh..wh..opq")))
        for name in sorted(names + [name for name in directories if os.path.islink(os.path.join(parent, name))]):
            inside = os.path.join(here, name)
            if inside not in LEFT_OUT:
                add(tar, os.path.join(parent, name), inside)


def add(tar, path, name):
    status = os.lstat(path)
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
        directory, base = os.path.split(name)
        tar.addfile(inputs.entry(os.path.join(directory, ".wh." + base)))
        return
    if stat.S_ISSOCK(status.st_mode):
        return
    info = tar.gettarinfo(path, name)
    if info.isreg():
        with open(path, "rb") as file:
            tar.addfile(info, file)
    else:
        tar.addfile(info)


def is_opaque(path):
    try:
        return os.getxattr(path, "trusted.overlay.opaque") == b"y"
    except OSError:
        return False


def add_files(tar, files):
    """Files by path: contents and modes; directories of theirs that no lower layer may have."""
    for directory in sorted({os.path.dirname(path) for path in files}):
        tar.addfile(inputs.entry(directory, kind=tarfile.DIRTYPE, mode=0o755))
    for path, (text, mode) in files.items():
        data = text.encode()
        tar.addfile(inputs.entry(path, len(data), mode=mode), io.BytesIO(data))
