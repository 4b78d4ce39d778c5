"""Debian's docker-registry on loopback, and the slow link before it (bench/wan.py), which counts."""
import json
import os
import random
import socket
import sys

from owned import mount, run

WAN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wan.py")


def free_port():
    """A port that nobody listens on; below what the kernel gives to clients."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Registry:
    def __init__(self, workplace):
        self.port, self.directory = free_port(), workplace.path + "/registry"
        configuration = workplace.path + "/registry.yml"
        with open(configuration, "w") as file:
            file.write('version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n'
                       'storage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:%d"}\n' % (self.directory, self.port))
        process = workplace.start("registry", ["docker-registry", "serve", configuration])
        workplace.wait_for("registry", process, lambda: answers(self.port))
        self.address = "127.0.0.1:%d" % self.port

    def push(self, layout, image):
        run("skopeo", "copy", "--quiet", "--insecure-policy", "--preserve-digests", "--dest-tls-verify=false", "oci:%s:latest" % layout,
            "docker://%s/%s" % (self.address, image))

    def warm(self):
        """Brings all blobs into the page cache: the registry is somebody else's machine, and its disk nobody's question."""
        for parent, _, names in os.walk(self.directory):
            for name in names:
                with open(os.path.join(parent, name), "rb", buffering=0) as file:
                    while file.read(1 << 20):
                        pass


def in_memory(workplace):
    """A registry whose files do not go with the caches that are dropped: its disk is nobody's question."""
    os.mkdir(workplace.path + "/registry")
    mount("tmpfs", "registry", workplace.path + "/registry")
    return Registry(workplace)


class BlobServer:
    """nginx, which serves the blobs of layouts as a registry does, for who knows their digests: docker-registry takes some milliseconds of this
    machine's processors for each request, and counts where a hundred layers are asked for at once."""

    CONFIGURATION = """
user root; daemon off; worker_processes 1; pid %(directory)s/pid; error_log stderr error;
events { worker_connections 1024; }
http {
    access_log off; sendfile on; tcp_nopush on;
    client_body_temp_path %(directory)s/body; proxy_temp_path %(directory)s/proxy; fastcgi_temp_path %(directory)s/fastcgi;
    uwsgi_temp_path %(directory)s/uwsgi; scgi_temp_path %(directory)s/scgi;
    server {
        listen 127.0.0.1:%(port)d;
        location = /v2/ { default_type application/json; return 200 "{}"; }
        location ~ ^/v2/(?<image>.+)/blobs/sha256:(?<digest>[0-9a-f]+)$ { alias %(directory)s/$image/blobs/sha256/$digest; }
    }
}
"""

    def __init__(self, workplace):
        self.port, self.directory = free_port(), workplace.path + "/blobs"
        os.mkdir(self.directory)
        configuration = workplace.path + "/nginx.conf"
        with open(configuration, "w") as file:
            file.write(self.CONFIGURATION % {"directory": self.directory, "port": self.port})
        process = workplace.start("nginx", ["nginx", "-c", configuration, "-e", "stderr"])
        workplace.wait_for("nginx", process, lambda: answers(self.port))

    def add(self, layout, image):
        """image: without a tag."""
        link = os.path.join(self.directory, image)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(os.path.abspath(layout), link)


class Link:
    """A proxy before a registry, with a round trip and a bandwidth (0: unlimited)."""

    def __init__(self, workplace, registry, round_trip_ms, mbit):
        self.port, self.control = free_port(), free_port()
        self.name = "%d ms, %s" % (round_trip_ms, "%d Mbit/s" % mbit if mbit else "no limit")
        name = "wan-%d" % self.port
        process = workplace.start(name, [sys.executable, WAN, *map(str, (self.port, registry.port, round_trip_ms, mbit, self.control))])
        workplace.wait_for(name, process, lambda: answers(self.port) and answers(self.control))
        self.address = "127.0.0.1:%d" % self.port

    def counts(self, word=b"c"):
        """What has passed since the last reset: requests, conns, bytes up, down (into the link) and delivered (out of it)."""
        with socket.create_connection(("127.0.0.1", self.control), 10) as connection:
            connection.sendall(word)
            answer = b""
            while data := connection.recv(1 << 20):
                answer += data
        return json.loads(answer)

    def reset(self):
        self.counts(b"r")

    def requests(self):
        """Every request: time, method, path, range."""
        return self.counts(b"v")["reqs"]
