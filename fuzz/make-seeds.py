#!/usr/bin/env python3
"""Writes the fuzzers' first seeds, cut from testdata/fixtures and from what formats look like. Findings and what fuzzing added stay."""
import gzip, io, json, os, struct, subprocess, tarfile, zlib

root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "testdata")


def put(surface, name, content):
    folder = os.path.join(root, "fuzz", surface)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "seed-" + name), "wb") as file:
        file.write(content)


def blobs(archive):
    """The blobs of an OCI archive by digest, its manifest, its largest layer."""
    files = {m.name: tarfile.open(archive).extractfile(m).read() for m in tarfile.open(archive) if m.isfile()}
    index = json.loads(files["index.json"])
    blob = lambda d: files["blobs/" + d["digest"].replace(":", "/")]
    top = blob(index["manifests"][0])
    manifest = json.loads(top)
    if "manifests" in manifest:
        top = blob(manifest["manifests"][0])
        manifest = json.loads(top)
    return files, index, top, blob(manifest["config"]), max((blob(l) for l in manifest["layers"]), key=len)


def member(content, level=9):
    return gzip.compress(content, level, mtime=0)


estargz = os.path.join(root, "fixtures", "a-estargz.tar")
files, index, manifest, config, layer = blobs(estargz)

# tar: one entry of each kind of the layer, headers and small payloads only.
with tarfile.open(fileobj=io.BytesIO(layer), mode="r:gz") as tar:
    small = io.BytesIO()
    with tarfile.open(fileobj=small, mode="w", format=tarfile.PAX_FORMAT) as out:
        kinds = set()
        for m in tar:
            if m.size > 600 or (m.type, bool(m.pax_headers)) in kinds:
                continue
            kinds.add((m.type, bool(m.pax_headers)))
            out.addfile(m, tar.extractfile(m) if m.isreg() else None)
    content = small.getvalue().rstrip(b"\0")
    put("tar", "pax", content + bytes(-len(content) % 512))
for name, form in [("gnu", tarfile.GNU_FORMAT), ("ustar", tarfile.USTAR_FORMAT)]:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for path in ["dir/file", "n" * 120 + "/" + "m" * 60, "d/"]:
            info = tarfile.TarInfo(path)
            info.size = 3
            info.mtime = 1700000000
            tar.addfile(info, io.BytesIO(b"abc"))
    put("tar", name, out.getvalue()[:6144])
put("tar", "zeros", bytes(1024))

# toc: the fixture's, whole and its first entries.
toc = open(os.path.join(root, "fixtures", "a-estargz.toc.json"), "rb").read()
put("toc", "fixture", toc)
entries = json.loads(toc)["entries"]
put("toc", "few", json.dumps({"version": 1, "entries": entries[:4]}).encode())
chunked = {"version": 1, "entries": [
    {"name": "./a/b", "type": "reg", "size": 10, "offset": 100, "chunkSize": 4, "digest": "sha256:" + "0a" * 32, "chunkDigest": "sha256:" + "0b" * 32},
    {"name": "./a/b", "type": "chunk", "offset": 200, "chunkOffset": 4, "chunkSize": 6, "chunkDigest": "sha256:" + "0c" * 32},
    {"name": "l", "type": "hardlink", "linkName": "a/b"}, {"name": "s", "type": "symlink", "linkName": "../x"},
    {"name": "a/.wh.c", "type": "reg"}, {"name": "a/.wh..wh..opq", "type": "reg", "modtime": "2023-11-14T22:13:20.5+01:00"},
    {"name": "n", "type": "char", "devMajor": 1, "devMinor": 3, "xattrs": {"user.a": "AAE=", "security.capability": None}},
]}
put("toc", "kinds", json.dumps(chunked, separators=(",", ":")).encode())
put("tree", "kinds", bytes(range(1, 120)))

# chunk maps: three chunks of two files, one of them in two members; the layout is ChunkMapFormat's.
def chunk_map(chunks, compression=0, blob=9000, prefetch=0):
    content = (max((c[0] + c[1] for c in chunks), default=0) + 4095) // 4096 * 4096
    records = b"".join(struct.pack("<5Q", *c) + bytes([c[2] & 255]) * 32 for c in chunks)
    order = sorted(range(len(chunks)), key=lambda i: bytes([chunks[i][2] & 255]))
    indexes = struct.pack("<%dI" % len(chunks), *order)
    whole = b"STCHUNK1" + struct.pack("<2I6Q", compression, 72, len(chunks), content, sum(c[1] for c in chunks), blob, prefetch, 0)
    whole += records + indexes
    hash = 0xCBF29CE484222325
    for start in range(0, len(whole), 8):
        piece = whole[start:start + 8]
        for word in [int.from_bytes(piece, "little")] if len(piece) == 8 else piece:
            hash = (hash ^ word) * 0x100000001B3 % (1 << 64)
    return whole[:56] + struct.pack("<Q", hash) + whole[64:]


put("chunks", "three", chunk_map([(0, 4000, 100, 900, 512), (4000, 10, 1000, 50, 0), (8192, 5, 1000, 50, 10)], prefetch=1000))
put("chunks", "zstd", chunk_map([(0, 5, 300, 7, 0)], compression=1))
put("chunks", "empty", chunk_map([]))

# writer: archives, then two bytes that say how they are written and what comes first.
def archive(add):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        add(lambda name, kind=tarfile.REGTYPE, data=b"", link="", mode=0o644, pax={}: tar.addfile(entry(name, kind, data, link, mode, pax), io.BytesIO(data)))
    content = out.getvalue().rstrip(b"\0")
    return content + bytes(-len(content) % 512)


def entry(name, kind, data, link, mode, pax):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname, info.mode, info.mtime, info.pax_headers = kind, len(data), link, mode, 1700000000, pax
    return info


def some_files(add):
    add("d/", tarfile.DIRTYPE, mode=0o755)
    add("d/large", data=bytes(range(256)) * 20)
    add("d/small", data=b"abc", pax={"SCHILY.xattr.user.a": "b"})
    add("empty")
    add("link", tarfile.SYMTYPE, link="d/small")
    add("hard", tarfile.LNKTYPE, link="d/small")
    add("d/.wh.gone")
    add("last", data=b"x" * 513)


for how in [0, 1, 2, 3, 16, 33, 50, 4 + 17]:
    put("writer", "files-%d" % how, archive(some_files) + bytes(1024) + bytes([how, 0]))
put("writer", "first", archive(some_files) + bytes([0, 3]))
put("writer", "members", archive(lambda add: [add("f%d" % i, data=b"%d" % i * i) for i in range(12)]) + bytes([48, 2]))
put("writer", "nothing", bytes(1024) + bytes([3, 0]))

# unpack: links among directories, names that come again as something else, marks.
def links(add):
    add("a", tarfile.DIRTYPE, mode=0o755)
    add("a/b", tarfile.DIRTYPE, mode=0o700)
    add("c", tarfile.SYMTYPE, link="a")
    add("c/f", data=b"abc")
    add("hard", tarfile.LNKTYPE, link="a/f")
    add("a/.wh.x")
    add("a/.wh..wh..opq")
    add("out", tarfile.SYMTYPE, link="../../../../outside/dir")


put("unpack", "links", archive(links))
put("unpack", "files", archive(some_files))
put("unpack", "decisions", bytes(range(1, 250)))

# footers, written as the specification has them.
empty = bytes([1, 0, 0, 0xff, 0xff]) + bytes(8)
header = bytes([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff])
put("footer", "estargz", layer[-51:])
put("footer", "legacy", header + bytes([22, 0]) + b"%016xSTARGZ" % 4711 + empty)
put("footer", "external", header + bytes([21, 0]) + b"SG\x11\x00STARGZEXTERNALTOC" + empty)
put("footer", "zstd", struct.pack("<4Q", 100, 2000, 9000, 1) + b"GnUlInUx")
put("footer", "annotation", b"100:2000:9000:1")

# gzip: the TOC's member and the footer, a payload's, several members, padding. The last two bytes are the size that is wanted.
offset = int(layer[-51 + 16:-51 + 32], 16)
size = struct.pack("<H", 300)
put("gzip", "toc", layer[offset:])
put("gzip", "members", member(b"hello " * 50) + member(b"") + member(bytes(range(256))) + size)
put("gzip", "stored", member(bytes(range(256)) * 2, 0) + size)
put("gzip", "padding", member(b"x" * 1000) + bytes(20) + size)

# zstd: with and without checksum, a skippable frame between two.
def zstd(content, *flags):
    return subprocess.run(["zstd", "-q", "-c", *flags], input=content, capture_output=True, check=True).stdout
skippable = struct.pack("<2I", 0x184D2A50, 5) + b"12345"
put("zstd", "frames", zstd(b"hello " * 50) + skippable + zstd(b"world" * 9, "--no-check") + size)
put("zstd", "level", zstd(bytes(range(256)) * 2, "-19") + size)

put("documents", "manifest", manifest)
put("documents", "config", config)
put("documents", "index", files["index.json"])
put("documents", "platforms", json.dumps({"schemaVersion": 2, "manifests": [
    {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:" + "0a" * 32, "size": 1,
     "platform": {"os": "linux", "architecture": "amd64", "variant": "v1", "os.version": "1"}}]}).encode())

for archive, tag in [(estargz, "layout")]:
    small = io.BytesIO()
    with tarfile.open(fileobj=small, mode="w", format=tarfile.USTAR_FORMAT) as out:
        for name in ["oci-layout", "index.json"]:
            info = tarfile.TarInfo(name)
            info.size = len(files[name])
            out.addfile(info, io.BytesIO(files[name]))
    put("archive", tag, small.getvalue()[:4096])

digest = "@sha256:" + "0a" * 32
for number, text in enumerate(["python:3", "ghcr.io/o/r:Tag_1.0-x" + digest, "[::1]:5000/a__b/c.d", "oci-archive:x.tar:v1",
                               "docker://localhost:5000/a", "linux/arm64/v8", digest[1:], "oci:dir"]):
    put("reference", str(number), text.encode())
