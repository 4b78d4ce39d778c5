// Reads a layer as the reference does, with the reference's own library, and says everything that it found: what we write has to be
// readable by others, and only others can say so.
//
//	apt-get install golang-go golang-github-containerd-stargz-snapshotter-dev
//	cd Tests/GoReference
//	library=$(../../bench/peer.sh trixie golang-github-containerd-stargz-snapshotter-dev)
//	export GO111MODULE=off GOPATH=$library/usr/share/gocode:/usr/share/gocode
//	go run main.go [-toc FILE] BLOB TOC-DIGEST
//
// BLOB is a layer in any format that the library knows: eStargz, zstd:chunked, or eStargz with an external TOC, which -toc names (the layer
// of the TOC image). The TOC's digest is verified, every chunk of every file is read and verified, and each path is printed as one line of
// JSON, sorted by path. Anything wrong is one line on standard error and exit status 1.
//
// The library is 0.14.3 of Debian 13: Debian 12's 0.12.0 knows neither external TOCs nor innerOffset. The libraries that it needs itself are
// Debian 12's.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path"
	"sort"
	"time"

	"github.com/containerd/stargz-snapshotter/estargz"
	"github.com/containerd/stargz-snapshotter/estargz/externaltoc"
	"github.com/containerd/stargz-snapshotter/estargz/zstdchunked"
	digest "github.com/opencontainers/go-digest"
)

// line is what is printed of a path. Blob offsets differ from writer to writer, everything else must not.
type line struct {
	Name      string            `json:"name"`
	Type      string            `json:"type"`
	Size      int64             `json:"size"`
	Mode      int64             `json:"mode"`
	UID       int               `json:"uid"`
	GID       int               `json:"gid"`
	UserName  string            `json:"userName"`
	GroupName string            `json:"groupName"`
	ModTime   string            `json:"mtime"`
	Link      string            `json:"link"`
	Major     int               `json:"major"`
	Minor     int               `json:"minor"`
	LinkCount int               `json:"linkCount"`
	Xattrs    map[string][]byte `json:"xattrs"`
	Digest    string            `json:"digest"`
	Chunks    []chunk           `json:"chunks"`
}

type chunk struct {
	// Offset and size in the file.
	Offset int64  `json:"offset"`
	Size   int64  `json:"size"`
	Digest string `json:"digest"`
	// Where the member begins in the blob, and the chunk in the member.
	BlobOffset  int64 `json:"blobOffset"`
	InnerOffset int64 `json:"innerOffset"`
}

type layer struct {
	*estargz.Reader
	// Nil when the library's verifier cannot be had; see verifiers.
	verifier estargz.TOCEntryVerifier
}

func main() {
	log.SetFlags(0)
	toc := flag.String("toc", "", "the layer of the TOC image")
	flag.Parse()
	if flag.NArg() != 2 {
		log.Fatal("usage: main [-toc FILE] BLOB TOC-DIGEST")
	}
	layer, err := open(flag.Arg(0), *toc, flag.Arg(1))
	if err != nil {
		log.Fatal(err)
	}
	root, ok := layer.Lookup("")
	if !ok {
		log.Fatal("no root directory")
	}
	output := json.NewEncoder(os.Stdout)
	if err := layer.walk("", root, output); err != nil {
		log.Fatal(err)
	}
}

func open(blob, toc, wanted string) (*layer, error) {
	file, err := os.Open(blob)
	if err != nil {
		return nil, err
	}
	status, err := file.Stat()
	if err != nil {
		return nil, err
	}
	decompressors := []estargz.Decompressor{new(zstdchunked.Decompressor)}
	if toc != "" {
		decompressors = append(decompressors, externaltoc.NewGzipDecompressor(func() ([]byte, error) { return os.ReadFile(toc) }))
	}
	reader, err := estargz.Open(io.NewSectionReader(file, 0, status.Size()), estargz.WithDecompressors(decompressors...))
	if err != nil {
		return nil, err
	}
	tocDigest, err := digest.Parse(wanted)
	if err != nil {
		return nil, err
	}
	if reader.TOCDigest() != tocDigest {
		return nil, fmt.Errorf("the TOC has digest %s, not %s", reader.TOCDigest(), tocDigest)
	}
	// The library finds verifiers by blob offset and refuses a TOC where two chunks share one, though it can read it. The reference's
	// snapshotter then takes the digests from the entries, and so do we.
	verifier, err := reader.VerifyTOC(tocDigest)
	if err != nil {
		verifier = nil
	}
	return &layer{reader, verifier}, nil
}

// walk prints a path and all below it.
func (l *layer) walk(name string, entry *estargz.TOCEntry, output *json.Encoder) error {
	found := line{Name: name, Type: entry.Type, Size: entry.Size, Mode: entry.Mode, UID: entry.UID, GID: entry.GID,
		UserName: entry.Uname, GroupName: entry.Gname, ModTime: entry.ModTime().UTC().Format(time.RFC3339Nano), Link: entry.LinkName,
		Major: entry.DevMajor, Minor: entry.DevMinor, LinkCount: entry.NumLink, Xattrs: entry.Xattrs, Digest: entry.Digest}
	if entry.Type == "reg" && entry.Name != name {
		// The library hands out the file itself for its other names.
		found = line{Name: name, Type: "hardlink", Link: entry.Name}
	} else if entry.Type == "reg" {
		var err error
		if found.Chunks, err = l.readFile(name, entry); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := output.Encode(found); err != nil {
		return err
	}
	children := map[string]*estargz.TOCEntry{}
	names := []string{}
	entry.ForeachChild(func(base string, child *estargz.TOCEntry) bool {
		children[base] = child
		names = append(names, base)
		return true
	})
	sort.Strings(names)
	for _, base := range names {
		if err := l.walk(path.Join(name, base), children[base], output); err != nil {
			return err
		}
	}
	return nil
}

// readFile reads every chunk of a file and verifies each, and then the whole.
func (l *layer) readFile(name string, entry *estargz.TOCEntry) ([]chunk, error) {
	chunks := []chunk{}
	if entry.Size == 0 {
		return chunks, nil
	}
	content, err := l.OpenFile(name)
	if err != nil {
		return nil, err
	}
	whole := digest.Canonical.Digester()
	for offset := int64(0); offset < entry.Size; {
		found, ok := l.ChunkEntryForOffset(name, offset)
		if !ok || found.ChunkOffset != offset || found.ChunkSize <= 0 {
			return nil, fmt.Errorf("no chunk begins at %d", offset)
		}
		verifier, err := l.verifierOf(found)
		if err != nil {
			return nil, err
		}
		read, err := io.Copy(io.MultiWriter(verifier, whole.Hash()), io.NewSectionReader(content, offset, found.ChunkSize))
		if err != nil {
			return nil, err
		}
		if read != found.ChunkSize || !verifier.Verified() {
			return nil, fmt.Errorf("the %d bytes at %d do not have the digest %s", found.ChunkSize, offset, found.ChunkDigest)
		}
		chunks = append(chunks, chunk{offset, found.ChunkSize, found.ChunkDigest, found.Offset, found.InnerOffset})
		offset += found.ChunkSize
	}
	if whole.Digest().String() != entry.Digest {
		return nil, fmt.Errorf("the content has digest %s, not %s", whole.Digest(), entry.Digest)
	}
	return chunks, nil
}

func (l *layer) verifierOf(entry *estargz.TOCEntry) (digest.Verifier, error) {
	if l.verifier != nil {
		return l.verifier.Verifier(entry)
	}
	wanted, err := digest.Parse(entry.ChunkDigest)
	if err != nil {
		return nil, err
	}
	return wanted.Verifier(), nil
}
