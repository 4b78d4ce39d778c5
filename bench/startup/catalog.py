"""The images that are started: Debian packages upon one base, a program upon those, and the line by which each says that it is ready.

Every image begins by /srv/start, a script of the shell as people's entry points are, which says `started` and then runs what the image is for. So
each start has two moments that look the same from outside, whatever runs it: the first line, and the line that is waited for.
"""
from dataclasses import dataclass, field

STARTED, START = "started", "/srv/start"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Image:
    name: str
    # Debian packages upon the base; none: the base itself.
    packages: tuple[str, ...]
    # What /srv/start runs once it has said that it was started.
    script: str
    # What a line of its output has when it is ready.
    ready: str
    # Contents by path.
    files: dict[str, str] = field(default_factory=dict)
    # It goes on until it is ended.
    is_service: bool = False
    # What is run in place of /srv/start alone.
    arguments: tuple[str, ...] = ()

    def config(self):
        # No entry point: of what is given instead, ctr takes all and docker the arguments.
        return {"Cmd": [START], "Env": [PATH, "LANG=C.UTF-8"], "WorkingDir": "/srv"}

    def all_files(self):
        """What the last layer has: contents and modes by path."""
        start = "#!/bin/sh\necho %s\n%s\n" % (STARTED, self.script)
        return {START[1:]: (start, 0o755), **{path: (text, 0o644) for path, text in self.files.items()}}


def service(name, packages, script, ready, files=None):
    # What a server says goes to standard error as often as not.
    return Image(name, packages, "exec %s 2>&1" % script, ready, files or {}, is_service=True)


NODE = """const http = require("http"), crypto = require("crypto"), fs = require("fs"), zlib = require("zlib");
const text = fs.readFileSync("/etc/debian_version", "utf8").trim();
const server = http.createServer((request, answer) => answer.end(text));
console.log("hello from node", crypto.createHash("sha256").update(zlib.gzipSync(text)).digest("hex").length, typeof server.listen);
"""
PERL = """use strict; use warnings; use JSON::PP; use POSIX qw(floor strftime); use File::Find; use Getopt::Long; use Data::Dumper; use Time::HiRes;
my $value = JSON::PP->new->canonical->encode({ answer => floor(42.5), year => strftime("%Y", gmtime(0)) });
print "hello from perl $value\\n";
"""
PHP = """<?php
$value = json_encode(["answer" => 42, "hash" => hash("sha256", "text"), "words" => preg_split("/ /", "some words")]);
echo "hello from php ", strlen($value), "\\n";
"""
PYTHON = """import argparse, hashlib, http.server, json, logging, sqlite3, ssl
value = json.dumps({"answer": 42, "hash": hashlib.sha256(b"text").hexdigest(), "tls": ssl.OPENSSL_VERSION, "sql": sqlite3.sqlite_version})
print("hello from python", len(value) > 0, flush=True)
"""
SCIENCE = """import numpy, scipy.stats
sample = scipy.stats.norm.rvs(size=1000, random_state=numpy.random.default_rng(1))
print("hello from scipy", round(float(numpy.linalg.norm(sample)) > 0), flush=True)
"""
RUBY = """require "json"; require "set"; require "optparse"; require "digest"; require "erb"
puts "hello from ruby #{JSON.generate({ answer: 42, hash: Digest::SHA256.hexdigest("text") }).length}"
"""
R = """model <- lm(mpg ~ wt + hp, data = mtcars)
cat("hello from R", round(summary(model)$r.squared, 3), "\\n")
"""
C = """#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(void) { char *text = strdup("hello from C"); puts(text); free(text); return 0; }
"""
GO = """package main

import (
	"fmt"
	"os"
	"strings"
)

func main() { fmt.Println("hello from go", strings.Repeat("!", len(os.Args))) }
"""
JAVA = """import java.util.List;
import java.util.stream.Collectors;

public class Hello {
    public static void main(String[] arguments) {
        System.out.println("hello from java " + List.of(1, 2, 3).stream().map(String::valueOf).collect(Collectors.joining(",")));
    }
}
"""

POSTGRES = ("setpriv --reuid=postgres --regid=postgres --init-groups /usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main "
            "-c config_file=/etc/postgresql/15/main/postgresql.conf -c external_pid_file=/tmp/pid -c unix_socket_directories=/tmp -c listen_addresses=''")

IMAGES = [
    Image("base", (), "echo hello from sh", "hello from sh"),
    Image("python3", ("python3",), "exec python3 /srv/app.py", "hello from python", {"srv/app.py": PYTHON}),
    Image("python3-scipy", ("python3", "python3-numpy", "python3-scipy"), "exec python3 /srv/app.py", "hello from scipy", {"srv/app.py": SCIENCE}),
    Image("nodejs", ("nodejs",), "exec node /srv/app.js", "hello from node", {"srv/app.js": NODE}),
    Image("perl", ("perl",), "exec perl /srv/app.pl", "hello from perl", {"srv/app.pl": PERL}),
    Image("php", ("php-cli",), "exec php /srv/app.php", "hello from php", {"srv/app.php": PHP}),
    Image("ruby", ("ruby",), "exec ruby /srv/app.rb", "hello from ruby", {"srv/app.rb": RUBY}),
    Image("gcc", ("gcc", "libc6-dev"), "gcc -O2 -o /tmp/hello /srv/hello.c && exec /tmp/hello", "hello from C", {"srv/hello.c": C}),
    Image("golang", ("golang-go",), "GO111MODULE=off GOCACHE=/tmp/go CGO_ENABLED=0 exec go run /srv/hello.go", "hello from go", {"srv/hello.go": GO}),
    Image("jdk", ("default-jdk-headless",), "javac -d /tmp /srv/Hello.java && exec java -cp /tmp Hello", "hello from java", {"srv/Hello.java": JAVA}),
    service("redis", ("redis-server",), "redis-server --daemonize no --save '' --dir /tmp --bind 127.0.0.1", "Ready to accept connections"),
    service("postgresql", ("postgresql",), POSTGRES, "ready to accept connections"),
    service("mariadb", ("mariadb-server",), "mariadbd --user=mysql --socket=/tmp/socket --pid-file=/tmp/pid --bind-address=127.0.0.1", "ready for connections"),
    service("nginx", ("nginx",), "nginx -g 'daemon off; error_log stderr notice;'", "start worker process"),
    Image("r-base", ("r-base-core",), "exec Rscript /srv/app.R", "hello from R", {"srv/app.R": R}),
]
BY_NAME = {image.name: image for image in IMAGES}
