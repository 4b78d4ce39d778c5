#!/usr/bin/env python3
"""Writes man pages (mdoc(7)) from what the argument parser tells of a program: `PROGRAM --experimental-dump-help`.

    packaging/manual.py --section 1 --version 0.1.0 --date 2026-11-29 --out DIRECTORY PROGRAM

One page for the program and one for each subcommand, `starling-cache-ls.1`. Options, their sections, defaults and values, and examples are the
parser's; what it does not know (files, environment, exit statuses) is in `ABOUT` below. The parser's own generator is not used: it names pages
`starling.cache.ls.1`, where man(1) does not find them as `man starling-cache-ls`, and fills examples like any other text.
"""
import argparse
import datetime
import json
import os
import re
import subprocess
import textwrap

EXIT = {
    "starling": "0 when all went well, 1 when something went wrong, 64 when the arguments are no good, 128 + n when signal n has ended the command.",
    "starling run": "The container's. 125 when it could not be started, 126 or 127 when its command cannot be run or found, 128 + n when signal n has "
                    "ended it.",
    "starling exec": "The process's. 126 or 127 when it cannot be run or found, 125 for anything else that goes wrong, 128 + n when signal n has ended it.",
    "starling start": "0 when all run, 125 when one could not be started.",
    "starling check": "0 when both unpack to the same trees, 1 when they differ or something went wrong, 64 when the arguments are no good.",
    "starlingd": "0 after SIGTERM or SIGINT, 1 when the daemon could not start or go on, 64 when the arguments are no good.",
    "": "0 when all went well, 1 when something went wrong, 64 when the arguments are no good.",
}
# Sections that follow the options: title, then tags and texts, or plain paragraphs.
ABOUT = {
    "starling": [
        ("ENVIRONMENT", [
            ("DOCKER_CONFIG, REGISTRY_AUTH_FILE", "Where credentials are."),
            ("CONTAINERD_ADDRESS, CONTAINERD_NAMESPACE", "containerd's socket and namespace; with either, `starling pull` pulls into containerd."),
            ("TMPDIR", "Temporary files of conversions; /var/tmp otherwise."),
            ("HTTPS_PROXY, http_proxy, NO_PROXY", "Proxies, as for curl(1)."),
        ]),
        ("FILES", [
            ("/var/lib/starling", "The store and the containers of root; `--root` names another."),
            ("~/.local/share/starling", "Those of an ordinary user ($XDG_DATA_HOME/starling)."),
            ("~/.docker/config.json", "Credentials of registries, and after it those that `podman login` keeps; `--authfile` names another file."),
            ("/etc/containerd/certs.d/HOST/hosts.toml", "Mirrors and certificates of a registry."),
        ]),
    ],
    "starlingd": [
        ("SIGNALS", [
            ("SIGTERM", "Stop, and leave mounts to the next daemon: containers wait for it."),
            ("SIGINT", "Stop, and unmount everything."),
        ]),
        ("FILES", [
            ("/etc/containerd-stargz-grpc/config.toml", "The configuration file; without it all is at its default. `starlingd config reference` has every key."),
            ("/run/containerd-stargz-grpc/containerd-stargz-grpc.sock", "The socket, for its owner only."),
            ("/var/lib/containerd-stargz-grpc", "All state."),
            ("/etc/containerd/certs.d/HOST/hosts.toml", "Mirrors and certificates of a registry."),
        ]),
    ],
}
DOCUMENTS = {"starling": "run.md, convert.md, troubleshooting.md", "starlingd": "install.md, operation.md, configuration.md"}


def escaped(text, literal=False):
    """Text as roff takes it; literally, without hyphenation and with the quotes and dashes of programs."""
    text = text.replace("\\", "\\e")
    if literal:
        text = re.sub(r"\S*/\S*", lambda word: "\\%" + word.group(), text)
        text = text.replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga").replace("^", "\\(ha").replace("~", "\\(ti")
    text = "".join(letter if ord(letter) < 128 else "\\[u%04X]" % ord(letter) for letter in text)
    return "\\&" + text if text[:1] in (".", "'") else text


def prose(text):
    """A paragraph: `words` of the command line in bold, sentences on lines of their own."""
    parts = re.split(r"(`[^`]+`)", " ".join(text.split()))
    joined = "".join("\\fB%s\\fP" % escaped(part[1:-1], literal=True) if part.startswith("`") else escaped(part) for part in parts)
    lines = [wrapped for line in re.sub(r"(?<=[^.][.!?]) (?=[A-Z\"(])", "\n", joined).split("\n")
             for wrapped in textwrap.wrap(line, 78, break_long_words=False, break_on_hyphens=False)]
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in lines)


def argument(text):
    """A word that no macro is to be taken for; as one argument."""
    return '"\\&%s"' % escaped(text, literal=True).replace('"', "\\(dq")


def flag(name):
    return "Fl %s" % argument(("-" if name["kind"] == "long" else "") + name["name"])


def discussed(text):
    """The discussion in paragraphs and the lines of its examples."""
    paragraphs, examples = [], []
    for block in re.split(r"\n\s*\n", (text or "").strip("\n")):
        head, _, rest = block.partition("\n")
        if head.strip() == "Examples:":
            examples += [line[2:] if line.startswith("  ") else line for line in rest.split("\n")]
        elif block.strip():
            paragraphs.append(block)
    return paragraphs, examples


class Page:
    def __init__(self, command, path, options):
        self.command, self.path, self.options = command, path, options
        self.name = "-".join(path)
        self.lines = []

    def add(self, *lines):
        self.lines += [line for line in lines if line]

    def text(self):
        paragraphs, examples = discussed(self.command.get("discussion"))
        abstract = self.command.get("abstract", "").rstrip(".")
        self.add('.\\" Written by packaging/manual.py; not to be edited.',
                 ".Dd %s" % self.options.date.strftime("%B %-d, %Y"),
                 ".Dt %s %d" % (self.name.upper(), self.options.section),
                 ".Os %s" % escaped("%s %s" % (self.path[0], self.options.version)),
                 ".Sh NAME", ".Nm %s" % self.name,
                 ".Nd %s" % escaped(abstract[:1].lower() + abstract[1:]))
        self.synopsis()
        self.add(".Sh DESCRIPTION", prose(self.command.get("abstract", "")))
        for paragraph in paragraphs:
            self.add(".Pp", prose(paragraph))
        self.subcommands()
        self.arguments()
        self.options_of_it()
        for title, items in ABOUT.get(" ".join(self.path), []):
            self.add(".Sh " + title)
            self.listed((argument(tag), prose(text)) for tag, text in items)
        self.add(".Sh EXIT STATUS", prose(EXIT.get(" ".join(self.path)) or EXIT["starling" if self.path[0] == "starling" else ""]))
        if examples:
            self.add(".Sh EXAMPLES", ".Bd -literal -compact")
            self.add(*(escaped(line, literal=True) or "\\&" for line in examples))
            self.add(".Ed")
        self.see_also()
        return "\n".join(self.lines) + "\n"

    def shown(self):
        return [item for item in self.command.get("arguments", []) if item.get("shouldDisplay", True)]

    def commands(self):
        return [item for item in self.command.get("subcommands", []) if item["commandName"] != "help" and item.get("shouldDisplay", True)]

    def synopsis(self):
        self.add(".Sh SYNOPSIS", ".Nm %s" % escaped(" ".join(self.path), literal=True))
        if any(item["kind"] != "positional" for item in self.shown()):
            self.add(".Op Ar options")
        for item in self.shown():
            if item["kind"] == "positional":
                value = "Ar %s" % argument(item["valueName"]) + (" ..." if item["isRepeating"] else "")
                self.add((".Op " if item["isOptional"] else ".") + value)
        if self.commands():
            self.add(".Op Ar command" if self.path == ["starlingd"] else ".Ar command")

    def listed(self, items):
        items = list(items)
        if items:
            self.add(".Bl -tag -width Ds")
            for tag, text in items:
                self.add(".It " + tag, text)
            self.add(".El")

    def subcommands(self):
        if self.commands():
            self.add(".Sh COMMANDS")
            self.listed(("Xr %s %d" % (self.name + "-" + item["commandName"], self.options.section),
                         prose(item.get("abstract", ""))) for item in self.commands())

    def arguments(self):
        items = [item for item in self.shown() if item["kind"] == "positional" and item.get("abstract")]
        if items:
            self.add(".Sh ARGUMENTS")
            self.listed(("Ar %s" % argument(item["valueName"]), prose(item["abstract"])) for item in items)

    def options_of_it(self):
        items = [item for item in self.shown() if item["kind"] != "positional"]
        # Who asks a subcommand for a version gets the program's: said once.
        if len(self.path) > 1:
            items = [item for item in items if item["preferredName"]["name"] != "version"]
        if not items:
            return
        self.add(".Sh OPTIONS")
        sections = []
        for item in items:
            if item.get("sectionTitle") not in sections:
                sections.append(item.get("sectionTitle"))
        for section in sorted(sections, key=lambda title: (title is not None, sections.index(title))):
            if section:
                self.add(".Ss %s" % escaped(section))
            self.listed(self.paired([item for item in items if item.get("sectionTitle") == section]))

    def paired(self, items):
        """Tags and texts; a switch and its opposite are one."""
        rest = list(items)
        while rest:
            item = rest.pop(0)
            both = [item]
            if rest and item["kind"] == rest[0]["kind"] == "flag" and item.get("abstract") == rest[0].get("abstract") \
                    and any(name["name"] == "no-" + item["preferredName"]["name"] for name in rest[0]["names"]):
                both.append(rest.pop(0))
            names = [name for one in both for name in sorted(one["names"], key=lambda name: name["kind"] == "long")]
            tag = " , ".join(flag(name) for name in names)
            if item["kind"] == "option":
                tag += " Ar %s" % argument(item["valueName"])
            yield tag, self.meaning(item)

    @staticmethod
    def meaning(item):
        text = prose(item.get("abstract", ""))
        values, default = item.get("allValues"), item.get("defaultValue")
        if values and not all(value in item.get("abstract", "") + item["valueName"] for value in values):
            text += "\nOne of " + ", ".join(escaped(value, literal=True) for value in values) + "."
        if default and "default:" not in item.get("abstract", ""):
            text += "\n(default: %s)" % escaped(default, literal=True)
        return text

    def see_also(self):
        section = self.options.section
        pages = ["-".join(self.path[:-1])] if len(self.path) > 1 else []
        pages += [self.name + "-" + item["commandName"] for item in self.commands()]
        references = [(page, section) for page in sorted(pages)]
        if len(self.path) == 1:
            references.append({"starling": ("starlingd", 8), "starlingd": ("starling", 1)}[self.path[0]])
        references.sort(key=lambda reference: (reference[1], reference[0]))
        self.add(".Sh SEE ALSO")
        self.add(*(".Xr %s %d%s" % (page, number, " ," if index + 1 < len(references) else "")
                   for index, (page, number) in enumerate(references)))
        self.add(".Pp", "%s, in /usr/share/doc/starling." % escaped(DOCUMENTS[self.path[0]]))


def pages(command, path, options):
    page = Page(command, path, options)
    yield page.name, page.text()
    for inner in page.commands():
        yield from pages(inner, path + [inner["commandName"]], options)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--section", type=int, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--date", type=datetime.date.fromisoformat, required=True, help="date of the pages, YYYY-MM-DD")
    parser.add_argument("--out", required=True, help="directory to write into")
    parser.add_argument("program")
    options = parser.parse_args()
    dump = json.loads(subprocess.run([options.program, "--experimental-dump-help"], check=True, capture_output=True).stdout)
    if dump["serializationVersion"] != 0:
        parser.exit(1, "the argument parser tells another version of its help than 0: %s\n" % dump["serializationVersion"])
    os.makedirs(options.out, exist_ok=True)
    for name, text in pages(dump["command"], [dump["command"]["commandName"]], options):
        with open(os.path.join(options.out, "%s.%d" % (name, options.section)), "w") as file:
            file.write(text)


if __name__ == "__main__":
    main()
