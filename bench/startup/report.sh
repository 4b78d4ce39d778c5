#!/usr/bin/env bash
# Tables and plots of saved runs of bench/startup/run.sh: a page in markdown and SVGs, beside the first of them.
#
#   bench/startup/report.sh [--png] bench/results/…-startup.json…
set -euo pipefail

bench=$(dirname "$0")/..
"$bench/apt-install.sh" python3 python3-matplotlib
PYTHONDONTWRITEBYTECODE=1 exec /usr/bin/python3 "$bench/startup/report_page.py" "$@"
