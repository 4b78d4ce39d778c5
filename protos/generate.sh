#!/bin/sh
# Regenerates Sources/ContainerdAPI from the .proto files beside this script. The output is committed: building the
# plugins as part of every build would compile protoc itself. Needs Debian's protobuf-compiler.
set -eu
cd "$(dirname "$0")/.."
swift build --product protoc-gen-swift
swift build --product protoc-gen-grpc-swift-2
bin=$(swift build --show-bin-path)
out=Sources/ContainerdAPI
rm -f "$out"/*.swift
cd protos

generate() { # generate OPTIONS FILE…: messages, and the halves of the services that OPTIONS asks for
    options=$1
    shift
    protoc --plugin="$bin/protoc-gen-swift" --swift_out="../$out" --swift_opt=Visibility=Public,FileNaming=PathToUnderscores "$@"
    [ "$options" = none ] || protoc --plugin="$bin/protoc-gen-grpc-swift-2" --grpc-swift-2_out="../$out" \
        --grpc-swift-2_opt="Visibility=Public,FileNaming=PathToUnderscores,$options" "$@"
}

generate none types/mount.proto types/descriptor.proto
generate Client=true,Server=true services/snapshots.proto
generate Client=true,Server=false services/content.proto services/leases.proto services/images.proto services/diff.proto services/version.proto \
    services/cri.proto
