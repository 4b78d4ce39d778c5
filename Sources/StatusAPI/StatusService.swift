public import Daemons
public import GRPCCore
internal import OCI

// StatusAPI: what a running starlingd tells of itself: one call without arguments on its socket, one JSON document back.
//
//   starlingd: layers and their counts ─▶ StatusService ──gRPC, unix socket──▶ StatusClient ─▶ starling status

/// The one method, and its message as JSON: a schema of its own would only repeat what `StatusReport` says.
enum StatusMethod {
    static let descriptor = MethodDescriptor(fullyQualifiedService: "starling.v1.Status", method: "Get")

    /// No arguments yet.
    struct Request: Codable, Sendable {}

    struct Coder<Message: Codable>: MessageSerializer, MessageDeserializer {
        func serialize<Bytes: GRPCContiguousBytes>(_ message: Message) throws -> Bytes { Bytes(try Documents.encode(message)) }

        func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> Message {
            try Documents.decode(Message.self, from: bytes.withUnsafeBytes(Array.init), what: "message of starling.v1.Status")
        }
    }
}

/// Answers with the daemon's state.
public struct StatusService: RegistrableRPCService {
    private let report: @Sendable () async -> StatusReport

    /// - Parameter report: makes a report of now.
    public init(report: @escaping @Sendable () async -> StatusReport) { self.report = report }

    /// Adds the method to a server.
    public func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerHandler(
            forMethod: StatusMethod.descriptor, deserializer: StatusMethod.Coder<StatusMethod.Request>(),
            serializer: StatusMethod.Coder<StatusReport>()
        ) { [report] _, _ in
            let report = await report()
            return StreamingServerResponse(single: ServerResponse(message: report))
        }
    }
}
