// Runs containerd's own test suite for snapshotters (snapshots/testsuite, all cases) against starlingd, through the client that containerd
// itself has for snapshotters behind a socket.
//
//	apt-get install golang-go golang-github-containerd-containerd-dev
//	cd Tests/GoSnapshotterSuite
//	GO111MODULE=off GOPATH=/usr/share/gocode STARLINGD=…/starlingd go test -v     # as root; SOCKETS=DIR for the sockets
//
// Every case wants a snapshotter with nothing in it: each has a daemon of its own.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/snapshots"
	"github.com/containerd/containerd/snapshots/proxy"
	"github.com/containerd/containerd/snapshots/testsuite"
	"google.golang.org/grpc"
)

// Longest wait for a daemon to serve, or to end.
const patience = 60 * time.Second

// Daemons so far, which run side by side.
var started int64

func TestSnapshotter(t *testing.T) {
	program := os.Getenv("STARLINGD")
	if program == "" {
		t.Fatal("STARLINGD must name the daemon's program")
	}
	testsuite.SnapshotterSuite(t, "starling", func(ctx context.Context, root string) (snapshots.Snapshotter, func() error, error) {
		daemon, err := start(program, root)
		if err != nil {
			return nil, nil, err
		}
		connection, err := daemon.dial(ctx)
		if err != nil {
			daemon.stop()
			return nil, nil, fmt.Errorf("%w: %s", err, daemon.log.String())
		}
		snapshotter := proxy.NewSnapshotter(snapshotsapi.NewSnapshotsClient(connection), "stargz")
		return snapshotter, func() error {
			connection.Close()
			return daemon.stop()
		}, nil
	})
}

// dial connects as soon as the daemon listens, and gives up when the daemon has ended.
func (d *daemon) dial(ctx context.Context) (*grpc.ClientConn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	go func() {
		select {
		case err := <-d.ended:
			d.ended <- err
			cancel()
		case <-ctx.Done():
		}
	}()
	return grpc.DialContext(ctx, "unix://"+d.socket, grpc.WithInsecure(), grpc.WithBlock())
}

type daemon struct {
	process *exec.Cmd
	socket  string
	log     *strings.Builder
	ended   chan error
}

// start runs a daemon that keeps everything below root, but its socket, for whose name there are only 107 bytes.
func start(program, root string) (*daemon, error) {
	sockets := os.Getenv("SOCKETS")
	if sockets == "" {
		sockets = os.TempDir()
	}
	configuration := filepath.Join(root, "config.toml")
	if err := os.WriteFile(configuration, nil, 0600); err != nil {
		return nil, err
	}
	d := &daemon{socket: fmt.Sprintf("%s/%d-%d.sock", sockets, os.Getpid(), atomic.AddInt64(&started, 1)), log: &strings.Builder{}, ended: make(chan error, 1)}
	d.process = exec.Command(program, "--address", d.socket, "--root", filepath.Join(root, "state"), "--config", configuration)
	d.process.Stdout, d.process.Stderr = d.log, d.log
	if err := d.process.Start(); err != nil {
		return nil, err
	}
	go func() { d.ended <- d.process.Wait() }()
	return d, nil
}

// stop ends the daemon in the way that unmounts everything.
func (d *daemon) stop() error {
	if err := d.process.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	select {
	case err := <-d.ended:
		if err != nil {
			return fmt.Errorf("the daemon ended with %w: %s", err, d.log.String())
		}
		return nil
	case <-time.After(patience):
		d.process.Process.Kill()
		return fmt.Errorf("the daemon does not end: %s", d.log.String())
	}
}
