"""The reference: its client and containerd of Debian sid, and its daemon, compiled from its library; private and never installed."""
import os
import subprocess

import peer
from owned import last_line

HERE = os.path.dirname(os.path.abspath(__file__))


class Peers(peer.Peer):
    """Programs that every system here is measured with (containerd, ctr, the shim), and the reference's own."""

    def __init__(self):
        super().__init__()
        self.programs = os.path.dirname(self.containerd)
        self.plain_ctr = self.programs + "/ctr"
        self.daemon, self.no_daemon = None, None
        result = subprocess.run([HERE + "/reference/build.sh"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if result.returncode == 0:
            self.daemon = result.stdout.strip()
        else:
            self.no_daemon = "the reference's daemon cannot be built: " + last_line(result.stderr)

    def require_daemon(self):
        if not self.daemon:
            raise peer.Unavailable(self.no_daemon)
