// Calls snapshotters as containerd's client does, and times each call: bench.py starts it.
//
//	client < PLAN.json > FIGURES.json
//
// The plan names one task and the snapshotters, which take turns. Times are in microseconds.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/errdefs"
	"github.com/containerd/containerd/mount"
	"github.com/containerd/containerd/namespaces"
	"github.com/containerd/containerd/snapshots"
	"github.com/containerd/containerd/snapshots/proxy"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

const (
	// Longest time for a whole plan.
	patience = 20 * time.Minute
	// Layers below the snapshots that are made.
	depth = 5
)

// containerd's collector takes what has no such label.
var kept = map[string]string{"containerd.io/gc.root": "bench"}

type plan struct {
	Task      string   `json:"task"`
	Namespace string   `json:"namespace"`
	Systems   []system `json:"systems"`
	// Of calls: calls of each kind, and how many of a kind come one after the other.
	Calls int `json:"calls"`
	Block int `json:"block"`
	// Of chain and populate: chains of layers, the lowest first.
	Chains [][]layer `json:"chains"`
	// Of populate: snapshots in all, layers included.
	Snapshots int `json:"snapshots"`
	// Of chain: where the snapshot upon all layers is mounted.
	Target string `json:"target"`
}

type system struct {
	Name        string `json:"name"`
	Socket      string `json:"socket"`
	Kind string `json:"snapshotter"`
	snapshots.Snapshotter `json:"-"`
}

type layer struct {
	ChainID string `json:"chain"`
	// What names the layer to a remote snapshotter; without, the layer is committed empty.
	Labels map[string]string `json:"labels"`
}

func main() {
	var p plan
	err := json.NewDecoder(os.Stdin).Decode(&p)
	var figures interface{}
	if err == nil {
		ctx, cancel := context.WithTimeout(namespaces.WithNamespace(context.Background(), p.Namespace), patience)
		defer cancel()
		figures, err = p.run(ctx)
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(figures)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

func (p *plan) run(ctx context.Context) (interface{}, error) {
	for i := range p.Systems {
		s := &p.Systems[i]
		// A daemon that is starting is found soon: gRPC itself waits a second before it tries again.
		often := grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 2 * time.Millisecond, Multiplier: 1, MaxDelay: 2 * time.Millisecond}}
		connection, err := grpc.DialContext(ctx, "unix://"+s.Socket, grpc.WithInsecure(), grpc.WithBlock(), grpc.WithConnectParams(often))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		defer connection.Close()
		s.Snapshotter = proxy.NewSnapshotter(snapshotsapi.NewSnapshotsClient(connection), s.Kind)
	}
	switch p.Task {
	case "calls":
		return p.calls(ctx)
	case "chain":
		return p.chain(ctx)
	case "populate":
		return nil, p.populate(ctx)
	case "ready":
		return p.ready(ctx)
	}
	return nil, fmt.Errorf("no task %q", p.Task)
}

// calls times each call of a container's life upon a few layers.
func (p *plan) calls(ctx context.Context) (interface{}, error) {
	for _, s := range p.Systems {
		if err := s.commitEmpty(ctx, "base", depth); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	kinds := []struct {
		name string
		call func(s *system, key string) error
	}{
		{"Prepare", func(s *system, key string) error {
			_, err := s.Prepare(ctx, key, fmt.Sprintf("base-%d", depth-1), snapshots.WithLabels(kept))
			return err
		}},
		{"Mounts", func(s *system, key string) error { _, err := s.Mounts(ctx, key); return err }},
		{"Stat", func(s *system, key string) error { _, err := s.Stat(ctx, key); return err }},
		{"Remove", func(s *system, key string) error { return s.Remove(ctx, key) }},
	}
	times := map[string]map[string][]int64{}
	for _, s := range p.Systems {
		times[s.Name] = map[string][]int64{}
	}
	for first := 0; first < p.Calls; first += p.Block {
		for turn := range p.Systems {
			s := &p.Systems[(first/p.Block+turn)%len(p.Systems)]
			for _, kind := range kinds {
				for i := first; i < first+p.Block; i++ {
					started := time.Now()
					if err := kind.call(s, fmt.Sprintf("container-%d", i)); err != nil {
						return nil, fmt.Errorf("%s: %s: %w", s.Name, kind.name, err)
					}
					times[s.Name][kind.name] = append(times[s.Name][kind.name], time.Since(started).Microseconds())
				}
			}
		}
	}
	return times, nil
}

// commitEmpty commits a chain of layers with nothing in them: NAME-0, NAME-1, …
func (s *system) commitEmpty(ctx context.Context, name string, count int) error {
	parent := ""
	for i := 0; i < count; i++ {
		committed := fmt.Sprintf("%s-%d", name, i)
		if _, err := s.Prepare(ctx, "making-"+committed, parent, snapshots.WithLabels(kept)); err != nil {
			return err
		}
		if err := s.Commit(ctx, committed, "making-"+committed, snapshots.WithLabels(kept)); err != nil {
			return err
		}
		parent = committed
	}
	return nil
}

// chain times what a client does for an image's layers without their content, and the mount upon them.
func (p *plan) chain(ctx context.Context) (interface{}, error) {
	times := map[string]map[string]int64{}
	for i := range p.Systems {
		s := &p.Systems[i]
		started := time.Now()
		top, err := s.add(ctx, p.Chains[0])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		layered := time.Now()
		mounts, err := s.Prepare(ctx, "container", top, snapshots.WithLabels(kept))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		if err := mount.All(mounts, p.Target); err != nil {
			return nil, fmt.Errorf("%s: mount: %w", s.Name, err)
		}
		ended := time.Now()
		if err := mount.UnmountAll(p.Target, 0); err != nil {
			return nil, fmt.Errorf("%s: unmount: %w", s.Name, err)
		}
		times[s.Name] = map[string]int64{"layers": layered.Sub(started).Microseconds(), "mount": ended.Sub(layered).Microseconds()}
	}
	return times, nil
}

// add makes the snapshots of layers and returns the name of the highest.
func (s *system) add(ctx context.Context, layers []layer) (string, error) {
	parent := ""
	for _, l := range layers {
		labels := map[string]string{"containerd.io/snapshot.ref": l.ChainID}
		for name, value := range kept {
			labels[name] = value
		}
		for name, value := range l.Labels {
			labels[name] = value
		}
		_, err := s.Prepare(ctx, "extract-"+l.ChainID, parent, snapshots.WithLabels(labels))
		switch {
		case err == nil && l.Labels != nil:
			return "", fmt.Errorf("layer %s is not lazy", l.ChainID)
		case err == nil:
			err = s.Commit(ctx, l.ChainID, "extract-"+l.ChainID, snapshots.WithLabels(kept))
		case errdefs.IsAlreadyExists(err):
			_, err = s.Stat(ctx, l.ChainID)
		}
		if err != nil {
			return "", err
		}
		parent = l.ChainID
	}
	return parent, nil
}

// populate adds chains of layers, and containers upon them in turn.
func (p *plan) populate(ctx context.Context) error {
	for i := range p.Systems {
		s := &p.Systems[i]
		count := 0
		tops := []string{}
		for _, layers := range p.Chains {
			top, err := s.add(ctx, layers)
			if err != nil {
				return fmt.Errorf("%s: %w", s.Name, err)
			}
			tops = append(tops, top)
			count += len(layers)
		}
		for ; count < p.Snapshots; count++ {
			if _, err := s.Prepare(ctx, fmt.Sprintf("container-%d", count), tops[count%len(tops)], snapshots.WithLabels(kept)); err != nil {
				return fmt.Errorf("%s: %w", s.Name, err)
			}
		}
	}
	return nil
}

// ready counts the snapshots of a daemon that is starting, and what it took to be told.
func (p *plan) ready(ctx context.Context) (interface{}, error) {
	s := &p.Systems[0]
	if _, err := s.Mounts(ctx, fmt.Sprintf("container-%d", p.Snapshots-1)); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	served := time.Now()
	count := 0
	err := s.Walk(ctx, func(context.Context, snapshots.Info) error { count++; return nil })
	return map[string]int64{"servedAt": served.UnixMicro(), "snapshots": int64(count)}, err
}
