"""File system operations on lazy mounts, warm and cold, against the same layers unpacked under overlayfs: called by run.sh.

Ratios are to the unpacked image in the same rounds. A row that cannot be had says why.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", name) for name in ("lazy", "convert")]

import local
import operations
import warm
from workbench import conduct

SECTIONS = {
    "operations": operations.section,
    "trees": lambda bench: [warm.trees_of(bench, name) for name in bench.arguments.images],
    "layers": warm.many_layers,
    "file": warm.file,
    "first": local.section,
}

if __name__ == "__main__":
    conduct("fs", __doc__, SECTIONS, "python")
