"""From hello to reading everything: an image of which a container reads a part, chosen by chance and the same each time."""
import dataclasses
import hashlib
import os
import tarfile

import catalog
import inputs
import modes
import network
from owned import Workplace
from variants import Variants

# Of the bytes of all regular files. The first is the shell alone, which says hello.
SHARES = (0, 2, 10, 25, 50, 100)
MODES = ["full", "estargz", "reference"]
IMAGE = "python3"
READ = 'if [ "$1" -gt 0 ]; then xargs -d "\\n" -a "/srv/sets/$1" cat | wc -c; fi\necho read'


def section(bench):
    base = catalog.BY_NAME[IMAGE]
    program = dataclasses.replace(base, name="fractions", script=READ, ready="read")
    with Workplace(bench.workplace) as workplace:
        files = listing(bench, workplace, base)
        sets = {"srv/sets/%d" % share: "".join(name + "\n" for name in chosen(files, share)) for share in SHARES if share}
        layout = bench.layers.compose(dataclasses.replace(program, files=sets), os.path.join(workplace.path, "layout"))
        variants = Variants(bench, workplace, network.in_memory(workplace), program, layout)
        sizes = [layer["size"] for layer in inputs.manifest(layout)["layers"]]
        for share in SHARES:
            bench.compare(workplace, variants, modes.LINKS[modes.USUAL], bench.arguments.modes or MODES, sizes,
                          program=dataclasses.replace(program, arguments=(catalog.START, str(share))), share=share)


def listing(bench, workplace, image):
    """Regular files of an image's packages, with their sizes; those that a higher layer has in place of a lower one's are its."""
    found = {}
    for directory in bench.layers.of(image.packages):
        _, descriptor = inputs.load(os.path.join(directory, "layer.json"))
        with tarfile.open(inputs.blob(directory, descriptor["digest"])) as tar:
            for member in tar:
                name = "/" + member.name.removeprefix("./")
                found.pop(name, None)
                if member.isreg():
                    found[name] = member.size
                elif os.path.basename(name).startswith(".wh."):
                    found.pop(os.path.join(os.path.dirname(name), os.path.basename(name)[4:]), None)
    return {name: size for name, size in found.items() if not name.startswith(("/dev/", "/proc/", "/sys/", "/etc/hostname", "/etc/resolv.conf", "/etc/hosts"))}


def chosen(files, share):
    """Files in an order by chance until they have that share, in percent, of all bytes."""
    left, found = sum(files.values()) * share / 100, []
    for name in sorted(files, key=lambda name: hashlib.sha256(name.encode()).digest()):
        if left <= 0:
            break
        found.append(name)
        left -= files[name]
    return found
