"""What every bench here has: an end in order, and raw figures that are kept."""
import datetime
import json
import os
import platform
import signal

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RESULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "results")


def end_on_signals():
    """Lets a signal end the bench through its with statements, which remove what it has made."""
    for number in SIGNALS:
        signal.signal(number, end)


def end(number, _):
    # One signal is enough; more would only break what is being cleaned up.
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


def parse(parser, sections):
    """Arguments of a bench, with --sections, a list of some of the names that there are, and --save."""
    parser.add_argument("--sections", default=",".join(sections), help="default " + ",".join(sections))
    parser.add_argument("--save", action="store_true", help="keep the raw figures in bench/results")
    arguments = parser.parse_args()
    arguments.sections = arguments.sections.split(",")
    for name in arguments.sections:
        if name not in sections:
            parser.error("no section %s; there are %s" % (name, ", ".join(sections)))
    return arguments


def save(bench, runs, results, **more):
    """Writes bench/results/TIME-HOST-BENCH.json and returns its path."""
    os.makedirs(RESULTS, exist_ok=True)
    now = datetime.datetime.now(datetime.timezone.utc)
    path = os.path.join(RESULTS, "%s-%s-%s.json" % (now.strftime("%Y-%m-%d-%H%M"), platform.node(), bench))
    machine = {"host": platform.node(), "kernel": platform.release(), "processors": os.cpu_count(), "load": os.getloadavg()}
    figures = {"time": now.isoformat(timespec="seconds"), "machine": machine, "runs": runs, **more, "results": results}
    with open(path, "w") as file:
        json.dump(figures, file, indent=1)
        file.write("\n")
    return os.path.normpath(path)
