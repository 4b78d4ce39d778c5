# starling: everything that is done to this package, by name. `make help` lists it.
SHELL := /bin/bash
export PATH := /opt/swift/usr/bin:$(PATH)

# What the build links against and what tests start; Debian 12 names.
BUILD_PACKAGES := libfuse3-dev zlib1g-dev libdeflate-dev libzstd-dev libcurl4-openssl-dev libssl-dev libyaml-dev libsqlite3-dev pkg-config
TEST_PACKAGES := $(BUILD_PACKAGES) fuse3 docker-registry containerd runc crun podman skopeo umoci uidmap mmdebstrap busybox-static erofs-utils zstd python3 \
	attr bindfs tini containernetworking-plugins iptables golang-github-containers-common ca-certificates openssl golang-go \
	golang-github-containerd-stargz-snapshotter-dev golang-github-containerd-containerd-dev python3-prometheus-client strace systemd e2fsprogs \
	nginx chromium valgrind gcc libc6-dev binutils
# What the Debian package is made with, and what its test needs of this machine.
DEB_PACKAGES := dpkg-dev binutils chrpath python3
DEB_TEST_PACKAGES := mmdebstrap systemd-container docker-registry skopeo busybox-static python3-yaml

# What is ours to keep in shape.
SWIFT_SOURCES := Sources Tests Package.swift bench/toc bench/Package.swift fuzz/Package.swift fuzz/Sources/fuzz

# One scratch path per set of flags: changing flags in one rebuilds everything.
RELEASE := -c release --static-swift-stdlib --scratch-path .build-release

.PHONY: build release deb deb-test reference test guard fuzz lint format demo bench bench-startup bench-convert bench-fs bench-store bench-lazy bench-rpc bench-toc clean help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

build: ## debug build, into .build/debug
	@bench/apt-install.sh $(BUILD_PACKAGES)
	swift build

release: ## release build with the Swift libraries inside, into .build-release/release
	@bench/apt-install.sh $(BUILD_PACKAGES)
	swift build $(RELEASE) --product starling
	swift build $(RELEASE) --product starlingd

deb: release ## dist/starling_VERSION_ARCHITECTURE.deb: programs, man pages, completions, units, documents
	@bench/apt-install.sh $(DEB_PACKAGES)
	packaging/deb.sh .build-release/release dist .build-release/checkouts

deb-test: deb ## install that in fresh Debian 12 systems and use it there (as root)
	@bench/apt-install.sh $(DEB_TEST_PACKAGES)
	packaging/test-deb.sh "$$(ls -t dist/starling_*.deb | head -n 1)"

reference: build ## docs/configuration-reference.md, from the code
	.build/debug/starlingd config reference > docs/configuration-reference.md

test: ## install what tests need, build, run every test (as root: many mount file systems)
	@bench/apt-install.sh $(TEST_PACKAGES)
	@bench/test.sh

guard: ## requests, bytes, system calls and instructions of fixed scenarios against recorded bounds (as root); ARGS as in bench/guard/run.sh
	@bench/guard/run.sh $(ARGS)

fuzz: ## fuzz every wall where bytes of strangers come in, FUZZ_SECONDS (30) each; docs/robustness.md
	@bench/apt-install.sh $(BUILD_PACKAGES)
	@fuzz/run.sh

lint: ## formatting and style, strictly
	swift format lint --strict --parallel -r $(SWIFT_SOURCES)

format: ## rewrite the sources as lint wants them
	swift format -i --parallel -r $(SWIFT_SOURCES)

demo: ## one real image, lazily and by a full pull, side by side (as root)
	@bench/demo.sh

bench: ## a short version of all benches, some minutes; fails on errors alone (as root)
	@bench/all.sh $(ARGS)

bench-startup: ## 15 real images from nothing here to ready, over four links, with all peers (as root); ARGS as in bench/startup/run.sh
	@bench/startup/run.sh $(ARGS)

bench-convert: ## converting, against the reference in the same run (as root); ARGS="--runs 5 --save", see bench/convert/run.sh
	@bench/convert/run.sh $(ARGS)

bench-fs: ## file system operations on lazy mounts against an unpacked image (as root); ARGS as in bench/fs/run.sh
	@bench/fs/run.sh $(ARGS)

bench-store: ## podman with starling store against its own pull (as root); ARGS as in bench/store/run.sh
	@bench/store/run.sh $(ARGS)

bench-lazy: ## cold, warm and idle against a full pull, the reference and an unpacked image (as root); ARGS as in bench/lazy/run.sh
	@bench/lazy/run.sh $(ARGS)

bench-rpc: ## calls, images of many layers and start-up against containerd's overlayfs snapshotter (as root); ARGS as in bench/rpc/run.sh
	@bench/rpc/run.sh $(ARGS)

bench-toc: ## a TOC of 100,000 entries parsed and compiled to an index, and the trees of 20 layers merged; ARGS="ENTRIES RUNS"
	@bench/apt-install.sh $(BUILD_PACKAGES)
	swift run -c release --package-path bench bench-toc $(ARGS)

clean: ## remove what builds have made
	rm -rf .build .build-release dist bench/.build fuzz/.build fuzz/findings
