internal import ContainerdAPI
internal import Daemons
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import GRPCProtobuf
internal import HostSystem
internal import SwiftProtobuf

/// A connection to containerd, with the headers that every call carries.
struct Containerd: Sendable {
    let options: ContainerdOptions
    let client: GRPCClient<HTTP2ClientTransport.Posix>
    var metadata: Metadata

    /// Longest wait for calls that only touch containerd's database; generous, because its disk may be busy.
    static let shortCall = CallOptions.ending(after: .seconds(60))
    /// Longest wait for calls that move a layer: opening it lazily, storing it, unpacking it.
    static let longCall = CallOptions.ending(after: .seconds(3600))

    /// Connects for the time of `body`. Cancelling cancels `body` only: what it clears up then still needs the connection.
    static func connect<Value: Sendable>(
        _ options: ContainerdOptions, _ body: @escaping @Sendable (Containerd) async throws -> Value
    ) async throws -> Value {
        let transport = try ContainerdChannel.transport(to: options.address)
        let work = ShieldedWork()
        // A task of its own, which nobody cancels: a cancelled client closes its connections at once.
        let connection = Task {
            try await withGRPCClient(transport: transport) { client in
                let containerd = Containerd(
                    options: options, client: client, metadata: ["containerd-namespace": .string(options.namespace)])
                return try await work.run { try await body(containerd) }
            }
        }
        return try await withTaskCancellationHandler {
            try await connection.value
        } onCancel: {
            work.cancel()
        }
    }

    /// A request with this connection's headers.
    func request<Message: Sendable>(_ message: Message) -> ClientRequest<Message> {
        ClientRequest(message: message, metadata: metadata)
    }

    /// Asks for the version: the cheapest way to learn that someone is there.
    func checkVersion() async throws {
        var call = CallOptions.ending(after: .seconds(5))
        call.waitForReady = false
        do {
            _ = try await Containerd_Services_Version_V1_Version.Client(wrapping: client)
                .version(request: request(Google_Protobuf_Empty()), options: call)
        } catch let error as RPCError {
            let cause = error.cause.map { ": \($0)" } ?? ""
            throw ContainerdError.unreachable(address: options.address, reason: error.message + cause)
        }
    }

    /// Runs `body` under a lease: what it stores is not collected meanwhile. The lease is deleted at the end, also after a failure, and
    /// expires by itself when this process does not come so far.
    func withLease<Value: Sendable>(_ body: @Sendable (Containerd) async throws -> Value) async throws -> Value {
        let leases = Containerd_Services_Leases_V1_Leases.Client(wrapping: client)
        let create = Containerd_Services_Leases_V1_CreateRequest.with {
            $0.id = "starling-\(RandomName.make())"
            $0.labels = ["containerd.io/gc.expire": RFC3339.text(secondsFromNow: 24 * 3600)]
        }
        do {
            _ = try await leases.create(request: request(create), options: Self.shortCall)
        } catch {
            throw ContainerdError.failed("create lease", about: create.id, error)
        }
        var leased = self
        leased.metadata.addString(create.id, forKey: "containerd-lease")
        let outcome: Result<Value, any Error>
        do {
            outcome = .success(try await body(leased))
        } catch {
            outcome = .failure(error)
        }
        // In a task of its own: a cancelled pull deletes its lease, too. What fails here expires.
        let deletion = Task {
            _ = try await leases.delete(request: request(.with { $0.id = create.id }), options: Self.shortCall)
        }
        _ = await deletion.result
        return try outcome.get()
    }
}

extension CallOptions {
    /// Options with a deadline.
    static func ending(after duration: Duration) -> CallOptions {
        var options = CallOptions.defaults
        options.timeout = duration
        return options
    }
}
