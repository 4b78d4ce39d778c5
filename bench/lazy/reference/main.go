// The reference's snapshotter as a daemon: its own library behind containerd's snapshots service, which Debian ships without a program.
//
//	bench/lazy/reference/build.sh     compiles it, kept in $STARLING_TEST_CACHE
//	reference -address SOCKET -root DIRECTORY
//
// Its configuration is the reference's: what an empty configuration file means to its own daemon. Registries on loopback are spoken to over
// plain HTTP, as the library does unasked. SIGINT and SIGTERM end it; SIGINT unmounts first.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"

	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/contrib/snapshotservice"
	"github.com/containerd/stargz-snapshotter/service"
	"google.golang.org/grpc"
)

func main() {
	address := flag.String("address", "", "socket to serve on")
	root := flag.String("root", "", "directory for all state")
	flag.Parse()
	log.SetFlags(0)
	if err := serve(*address, *root); err != nil {
		log.Fatal("reference: ", err)
	}
}

func serve(address, root string) error {
	var config service.Config
	// The only default of its configuration file that is not a zero value.
	config.DirectoryCacheConfig.Direct = true
	snapshotter, err := service.NewStargzSnapshotterService(context.Background(), root, &config)
	if err != nil {
		return err
	}
	listener, err := net.Listen("unix", address)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	snapshotsapi.RegisterSnapshotsServer(server, snapshotservice.FromSnapshotter(snapshotter))
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		if <-signals == syscall.SIGINT {
			if err := snapshotter.Close(); err != nil {
				log.Print("reference: ", err)
			}
		}
		server.Stop()
	}()
	return server.Serve(listener)
}
