"""containerd's snapshots API, as much of it as it takes to be its client: Prepare, timed alone.

The messages are two and flat; encoding them here spares generated code and its runtime.
"""
import time

import grpc

from owned import NAMESPACE

SERVICE = "/containerd.services.snapshots.v1.Snapshots/"


class Snapshotter:
    """A client of a snapshotter's socket, for the length of a with statement."""

    def __init__(self, socket):
        self.channel = grpc.insecure_channel("unix:" + socket)

    def __enter__(self):
        grpc.channel_ready_future(self.channel).result(timeout=20)
        return self

    def __exit__(self, *_):
        self.channel.close()

    def prepare_layer(self, key, parent, labels):
        """Asks for a layer as a remote snapshot; seconds until it was there."""
        started = time.monotonic()
        try:
            self.prepare(key, parent, labels)
        except grpc.RpcError as error:
            # What a snapshotter says when the layer is mounted and nobody needs to unpack it.
            if error.code() == grpc.StatusCode.ALREADY_EXISTS:
                return time.monotonic() - started
            raise
        raise LookupError("the snapshotter has not mounted the layer")

    def prepare(self, key, parent, labels={}):
        """Mounts of a new active snapshot: (type, source, options)."""
        request = field(1, "stargz") + field(2, key) + field(3, parent)
        for name, value in labels.items():
            request += field(4, field(1, name) + field(2, value))
        call = self.channel.unary_unary(SERVICE + "Prepare", request_serializer=None, response_deserializer=None)
        answer = call(request, timeout=120, metadata=[("containerd-namespace", NAMESPACE)])
        mounts = []
        for number, value in fields(answer):
            if number == 1:
                found = {1: [], 2: [], 4: []}
                for part, text in fields(value):
                    found.setdefault(part, []).append(text.decode())
                mounts.append((found[1][0], found[2][0], found[4]))
        return mounts


def field(number, value):
    """A length-delimited field of protocol buffers."""
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data if data else b""


def varint(value):
    encoded = b""
    while value > 0x7F:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


def fields(data):
    """Fields of a message that has none but length-delimited ones."""
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = number()
        if key & 7 != 2:
            raise ValueError("a field that is not length-delimited")
        length = number()
        yield key >> 3, data[at:at + length]
        at += length
