internal import ContainerdAPI
internal import FoundationEssentials
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import GRPCProtobuf
internal import HostSystem
internal import OCI
internal import SwiftProtobuf

/// The only transport that is used here.
typealias HTTPTransport = HTTP2ClientTransport.Posix
/// Calls of the content service.
typealias ContentClient = Containerd_Services_Content_V1_Content.Client<HTTPTransport>

/// One conversation of the content service's Write: STAT to open, WRITE for each piece, COMMIT with size, digest and labels.
/// Each message is answered before the next is sent.
struct ContentWriter: Sendable {
    /// Bytes of a WRITE: far below the 16 MiB that containerd accepts, and few enough to be buffered once on either side.
    static let messageSize = 1 << 20

    /// Produces the content from an offset on, through `send`.
    typealias Body = @Sendable (_ offset: Int64, _ send: (Data) async throws -> Void) async throws -> Void

    let descriptor: Descriptor
    let labels: [String: String]
    let metadata: Metadata
    /// Names the upload within containerd.
    let reference: String

    init(descriptor: Descriptor, labels: [String: String], metadata: Metadata) {
        self.descriptor = descriptor
        self.labels = labels
        self.metadata = metadata
        reference = "starling-\(RandomName.make())-\(descriptor.digest)"
    }

    /// Writes; false when someone else stored the content meanwhile.
    func run(_ content: ContentClient, _ body: @escaping Body) async throws -> Bool {
        try await converse(content) { conversation in
            var conversation = conversation
            try await write(&conversation, body)
        }
    }

    /// Opens an upload of content and goes no further; false when the content is there, and then the lease has it from now on.
    func open(_ content: ContentClient) async throws -> Bool {
        try await converse(content) { conversation in
            var conversation = conversation
            _ = try await conversation.exchange(message(.stat, offset: 0))
        }
    }

    /// Holds a conversation; false when containerd ends it because the content is there.
    private func converse(_ content: ContentClient, _ talk: @escaping @Sendable (Conversation) async throws -> Void) async throws -> Bool {
        let (answers, incoming) = AsyncThrowingStream.makeStream(of: Containerd_Services_Content_V1_WriteContentResponse.self)
        let outgoing = StreamingClientRequest<Containerd_Services_Content_V1_WriteContentRequest>(metadata: metadata) { writer in
            try await talk(Conversation(writer: writer, answers: answers))
        }
        do {
            try await content.write(request: outgoing, options: Containerd.longCall) { response in
                do {
                    for try await message in response.messages { incoming.yield(message) }
                    incoming.finish()
                } catch {
                    incoming.finish(throwing: error)
                    throw error
                }
            }
            return true
        } catch let error as RPCError where error.code == .alreadyExists {
            return false
        }
    }

    private func write(_ conversation: inout Conversation, _ body: Body) async throws {
        var message = message(.stat, offset: 0)
        var offset = try await conversation.exchange(message).offset
        try await body(offset) { data in
            message = self.message(.write, offset: offset)
            message.data = data
            offset = try await conversation.exchange(message).offset
        }
        message = self.message(.commit, offset: offset)
        message.labels = labels
        _ = try await conversation.exchange(message)
    }

    private func message(
        _ action: Containerd_Services_Content_V1_WriteAction, offset: Int64
    ) -> Containerd_Services_Content_V1_WriteContentRequest {
        .with {
            $0.action = action
            $0.ref = reference
            $0.total = descriptor.size
            $0.expected = "\(descriptor.digest)"
            $0.offset = offset
        }
    }
}

/// Question and answer over a two-way stream.
private struct Conversation {
    let writer: RPCWriter<Containerd_Services_Content_V1_WriteContentRequest>
    var answers: AsyncThrowingStream<Containerd_Services_Content_V1_WriteContentResponse, any Error>.Iterator

    init(
        writer: RPCWriter<Containerd_Services_Content_V1_WriteContentRequest>,
        answers: AsyncThrowingStream<Containerd_Services_Content_V1_WriteContentResponse, any Error>
    ) {
        self.writer = writer
        self.answers = answers.makeAsyncIterator()
    }

    mutating func exchange(
        _ message: Containerd_Services_Content_V1_WriteContentRequest
    ) async throws -> Containerd_Services_Content_V1_WriteContentResponse {
        try await writer.write(message)
        guard let answer = try await answers.next() else { throw ContainerdError.interrupted("store content", about: message.expected) }
        return answer
    }
}
