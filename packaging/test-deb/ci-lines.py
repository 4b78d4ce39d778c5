#!/usr/bin/python3
"""The shell lines of docs/ci.md (standard input) for a CI system, as it would run them: with its variables, for a registry of the test.

    packaging/test-deb/ci-lines.py github|gitlab REGISTRY PASSWORD < docs/ci.md
"""
import re
import shlex
import sys

import yaml

system, registry, password = sys.argv[1:]
PACKAGE = "file:///test/starling.deb"


def snippet(page, title):
    """The first YAML of a section."""
    return yaml.safe_load(re.search(r"^## %s$.*?^```yaml\n(.*?)^```" % re.escape(title), page, re.M | re.S).group(1))


def exported(variables):
    return ["export %s=%s" % (name, shlex.quote(str(value))) for name, value in variables.items()]


def github(page):
    known = {"github.repository": "test/app", "github.ref_name": "v1", "github.actor": "tester", "secrets.GITHUB_TOKEN": password,
             "vars.STARLING_DEB": PACKAGE}

    def filled(variables):
        return {name: re.sub(r"\$\{\{ *(.*?) *\}\}", lambda match: known[match.group(1)], str(value)).replace("ghcr.io", registry)
                for name, value in (variables or {}).items()}

    job = snippet(page, "GitHub Actions")["jobs"]["convert"]
    yield from exported(filled(job["env"]))
    # Every step is a shell of its own.
    for step in job["steps"]:
        yield from ["(", *exported(filled(step.get("env"))), step["run"].rstrip(), ")"]


def gitlab(page):
    known = {"CI_REGISTRY": registry, "CI_REGISTRY_IMAGE": registry + "/test/app", "CI_REGISTRY_USER": "tester",
             "CI_REGISTRY_PASSWORD": password, "CI_COMMIT_REF_SLUG": "main", "STARLING_DEB": PACKAGE}
    job = snippet(page, "GitLab")["lazy image"]
    yield from exported(known)
    yield from ['export %s="%s"' % item for item in job["variables"].items()]
    yield from job["before_script"] + job["script"]


print("\n".join({"github": github, "gitlab": gitlab}[system](sys.stdin.read())))
