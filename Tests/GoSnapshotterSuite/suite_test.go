// Runs containerd's own test suite for snapshotters (snapshots/testsuite, all cases) against starlingd, through the client that containerd
// itself has for snapshotters behind a socket.
//
//	apt-get install golang-go golang-github-containerd-containerd-dev
//	cd Tests/GoSnapshotterSuite
//	GO111MODULE=off GOPATH=/usr/share/gocode STARLINGD=…/starlingd go test -v     # as root
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
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		connection, err := dial(ctx, daemon.socket)
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

// dial connects by the name from here, where that is shorter: a socket's name has 107 bytes, and temporary directories have long names.
func dial(ctx context.Context, socket string) (*grpc.ClientConn, error) {
	if here, err := os.Getwd(); err == nil {
		if name, err := filepath.Rel(here, socket); err == nil && len(name) < len(socket) {
			socket = name
		}
	}
	return grpc.DialContext(ctx, "unix:"+socket, grpc.WithInsecure(), grpc.WithBlock())
}

type daemon struct {
	process *exec.Cmd
	socket  string
	log     *strings.Builder
	ended   chan error
}

// start runs a daemon that keeps everything below root.
func start(program, root string) (*daemon, error) {
	configuration := filepath.Join(root, "config.toml")
	if err := os.WriteFile(configuration, nil, 0600); err != nil {
		return nil, err
	}
	d := &daemon{socket: filepath.Join(root, "starlingd.sock"), log: &strings.Builder{}, ended: make(chan error, 1)}
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
