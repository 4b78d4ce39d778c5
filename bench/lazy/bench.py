"""The lazy data path, measured: called by run.sh, which has what is needed at hand.

Prints a table for each section, and beside it what issue 4 asks for: ratios to what was measured in the same run. A row that cannot be had
says why.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "convert"))

import cold
import footprint
import layers
import local
import runtime
import warm
import whole
from workbench import conduct

SECTIONS = {"cold": cold.section, "layers": layers.section, "whole": whole.section, "loopback": local.section, "warm": warm.section,
            "size": footprint.size, "files": footprint.many_files, "idle": footprint.idle,
            "runtime": runtime.section}


if __name__ == "__main__":
    conduct("lazy", __doc__, SECTIONS, "python,science")
