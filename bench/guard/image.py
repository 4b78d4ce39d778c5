"""The image that the guard works on: three layers, the same bytes each time but for Debian's busybox, which is its program."""
import io
import os
import random
import tarfile

import inputs

# What the container of the guard reads, in this order; the optimized image has these first.
READ = ["/srv/small/%02d/%02d.js" % (number % 10, 7 * number % 100) for number in range(60)] + ["/srv/big/text"]
BIG = 8 << 20
PROGRAM = "/usr/bin/busybox"


def program(tar):
    for path in ("bin", "etc", "srv"):
        tar.addfile(inputs.entry(path, kind=tarfile.DIRTYPE, mode=0o755))
    with open(PROGRAM, "rb") as file:
        tar.addfile(inputs.entry("bin/busybox", os.path.getsize(PROGRAM), mode=0o755), file)
    for name in ("sh", "cat", "echo"):
        link = inputs.entry("bin/" + name, kind=tarfile.SYMTYPE, mode=0o777)
        link.linkname = "busybox"
        tar.addfile(link)
    for name, text in (("passwd", b"root:x:0:0:root:/root:/bin/sh\n"), ("group", b"root:x:0:\n")):
        tar.addfile(inputs.entry("etc/" + name, len(text)), io.BytesIO(text))


def small(tar):
    """1,000 files of 64 to 2,111 bytes."""
    generator = random.Random(1)
    for directory in range(10):
        for number in range(100):
            content = inputs.text(generator, 64 + generator.getrandbits(11))
            tar.addfile(inputs.entry("srv/small/%02d/%02d.js" % (directory, number), len(content)), io.BytesIO(content))


def big(tar):
    """A file that compresses and one that does not."""
    generator = random.Random(2)
    for name, content in (("text", inputs.text(generator, BIG)), ("noise", generator.randbytes(2 << 20))):
        tar.addfile(inputs.entry("srv/big/" + name, len(content)), io.BytesIO(content))


def make(layout, layers):
    inputs.make(layout, layers, 6, {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"]})
    return layout
