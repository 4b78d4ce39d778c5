"""soci-snapshotter of Debian sid, unpacked and never installed: images stay as they are, an index of theirs lies beside them in the registry."""
import os
import signal
import subprocess

from network import answers, free_port
from owned import NAMESPACE, Workplace, run, unmount_below
from peer import Unavailable
from systems import Containerd, pull_plainly
from ways import ThroughContainerd

SUITE = "sid"
STATE = "/var/lib/soci-snapshotter-grpc"


class Soci:
    def __init__(self, peers, workplace):
        self.peers, self.workplace, self.directory = peers, workplace, None

    def programs(self):
        if not self.directory:
            self.directory = self.peers.fetch("soci-snapshotter") + "/usr/bin"
            try:
                subprocess.run([self.directory + "/soci", "--version"], check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError) as error:
                raise Unavailable("soci does not run here: %s" % error) from error
            self.name_host()
        return self.directory

    def name_host(self):
        """Gives loopback the name of its registry, in this mount namespace alone."""
        hosts = self.workplace.path + "/hosts"
        with open("/etc/hosts") as known, open(hosts, "w") as file:
            file.write("%s\n127.0.0.1 %s\n" % (known.read(), SecureFront.HOST))
        run("mount", "--bind", hosts, "/etc/hosts")

    def version(self):
        return "soci-snapshotter %s (Debian %s)" % (self.peers.version(self.programs() + "/soci"), SUITE)

    def command(self, node, *words):
        return [self.programs() + "/soci", "--address", node.socket, "--namespace", NAMESPACE, *words]

    def index(self, bench, workplace, image):
        """Makes an index of an image in a registry, and pushes it there."""
        with Workplace(workplace) as own:
            take_fixed_places(own)
            node = Containerd("indexing", None, pull_plainly).node(bench, own)
            run(*pull_plainly(node, image))
            run(*self.command(node, "create", image))
            run(*self.command(node, "push", "--plain-http", "--quiet", image))


def take_fixed_places(workplace):
    """Version 0.4 cannot be told where its content and its database are: here they are this workplace's."""
    give_fixed_places_back()
    os.makedirs(STATE)
    os.mkdir(workplace.path + "/state")
    run("mount", "--bind", workplace.path + "/state", STATE)


def give_fixed_places_back():
    unmount_below(STATE)
    if os.path.isdir(STATE):
        # Empty, or it is somebody's who uses it.
        os.rmdir(STATE)


class SecureFront:
    """TLS before a link, by nginx on this machine: of loopback the daemon reads blobs over plain HTTP and indices over TLS, so that only a registry with
    another name and TLS serves it both. Handshakes cost no round trip here, and the link counts requests as ever."""

    HOST = "registry.test"

    CONFIGURATION = """
daemon off; user root; worker_processes 1; pid %(directory)s/pid; error_log stderr error;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path %(directory)s/body; proxy_temp_path %(directory)s/proxy; fastcgi_temp_path %(directory)s/fastcgi;
    uwsgi_temp_path %(directory)s/uwsgi; scgi_temp_path %(directory)s/scgi;
    server {
        listen 127.0.0.1:%(port)d ssl;
        ssl_certificate %(directory)s/certificate; ssl_certificate_key %(directory)s/key;
        location / {
            proxy_pass http://%(upstream)s; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
            proxy_buffering off;
        }
    }
}
"""

    def __init__(self, workplace, upstream):
        self.port, directory = free_port(), workplace.path + "/front"
        os.mkdir(directory)
        self.certificate = directory + "/certificate"
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=" + self.HOST, "-addext",
            "subjectAltName=DNS:" + self.HOST, "-keyout", directory + "/key", "-out", self.certificate)
        with open(directory + "/nginx.conf", "w") as file:
            file.write(self.CONFIGURATION % {"directory": directory, "port": self.port, "upstream": upstream})
        process = workplace.start("front", ["nginx", "-c", directory + "/nginx.conf", "-e", "stderr"])
        workplace.wait_for("front", process, lambda: answers(self.port))
        self.address = "%s:%d" % (self.HOST, self.port)


class ThroughSoci(ThroughContainerd):
    def __init__(self, name, variant, soci):
        super().__init__(name, variant, self.pull_by_index, lambda: SociDaemon(soci, self.front.certificate))
        self.soci = soci

    def reach(self, bench, workplace, image, link, program):
        self.front = SecureFront(workplace, link.address)
        return super().reach(bench, workplace, image.replace(link.address, self.front.address), link, program)

    def pull_by_index(self, node, image):
        pull = self.soci.command(node, "image", "rpull", "--snapshotter", node.snapshotter, image)
        return ["env", "SSL_CERT_FILE=" + self.front.certificate, *pull]


class SociDaemon:
    def __init__(self, soci, certificate):
        self.soci, self.certificate = soci, certificate

    def start(self, workplace):
        take_fixed_places(workplace)
        self.socket, self.root = workplace.path + "/snapshotter.sock", workplace.path + "/soci"
        self.process = workplace.start("soci", [self.soci.programs() + "/soci-snapshotter-grpc", "--address", self.socket, "--root", self.root],
                                       number=signal.SIGINT, environment={"SSL_CERT_FILE": self.certificate})
        workplace.wait_for("soci", self.process, lambda: os.path.exists(self.socket))
