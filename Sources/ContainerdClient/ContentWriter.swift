internal import ContainerdAPI
internal import FoundationEssentials
internal import GRPCCore
internal import GRPCProtobuf
internal import HostSystem
internal import OCI
internal import SwiftProtobuf
internal import Synchronization

/// Calls of the content service.
typealias ContentClient = Containerd_Services_Content_V1_Content.Client<ContainerdChannel.Transport>

/// Conversations of the content service's Write about one upload: STAT to open, WRITE for each piece, COMMIT with size, digest and labels.
/// Each message is answered before the next is sent. What is not committed can be gone on with, until it is aborted.
struct ContentWriter: Sendable {
    /// Bytes of a WRITE: far below the 16 MiB that containerd accepts, and few enough to be buffered once on either side.
    static let messageSize = 1 << 20

    /// Produces the content from an offset on, through `send`.
    typealias Body = @Sendable (_ offset: Int64, _ send: (Data) async throws -> Void) async throws -> Void

    /// The content; nil when it is not known yet.
    var descriptor: Descriptor?
    let labels: [String: String]
    let metadata: Metadata
    /// Names the upload within containerd.
    let reference: String

    init(descriptor: Descriptor?, labels: [String: String], metadata: Metadata) {
        self.descriptor = descriptor
        self.labels = labels
        self.metadata = metadata
        reference = "starling-\(RandomName.make())" + (descriptor.map { "-\($0.digest)" } ?? "")
    }

    /// Writes what is left and commits; false when someone else stored the content meanwhile.
    func run(_ content: ContentClient, _ body: @escaping Body) async throws -> Bool {
        try await converse(content) { conversation in
            var conversation = conversation
            let offset = try await write(&conversation, body)
            var message = message(.commit, offset: offset)
            message.labels = labels
            _ = try await conversation.exchange(message)
        }
    }

    /// Writes without committing.
    func append(_ content: ContentClient, _ body: @escaping Body) async throws {
        _ = try await converse(content) { conversation in
            var conversation = conversation
            _ = try await write(&conversation, body)
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
        let failure = Mutex<(any Error)?>(nil)
        let (answers, incoming) = AsyncThrowingStream.makeStream(of: Containerd_Services_Content_V1_WriteContentResponse.self)
        let outgoing = StreamingClientRequest<Containerd_Services_Content_V1_WriteContentRequest>(metadata: metadata) { writer in
            do {
                try await talk(Conversation(writer: writer, answers: answers))
            } catch  where !(error is RPCError) && !Task.isCancelled {
                // Told when containerd has ended its side in peace: an upload that it has open it may not abort completely.
                failure.withLock { $0 = error }
            }
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
        } catch let error as RPCError where error.code == .alreadyExists {
            return false
        }
        if let failure = failure.withLock({ $0 }) { throw failure }
        return true
    }

    /// Opens the upload and writes; returns how many bytes it has then.
    private func write(_ conversation: inout Conversation, _ body: Body) async throws -> Int64 {
        var message = message(.stat, offset: 0)
        var offset = try await conversation.exchange(message).offset
        try await body(offset) { data in
            message = self.message(.write, offset: offset)
            message.data = data
            offset = try await conversation.exchange(message).offset
        }
        return offset
    }

    private func message(
        _ action: Containerd_Services_Content_V1_WriteAction, offset: Int64
    ) -> Containerd_Services_Content_V1_WriteContentRequest {
        .with {
            $0.action = action
            $0.ref = reference
            // Without them containerd takes what comes.
            $0.total = descriptor?.size ?? 0
            $0.expected = descriptor.map { "\($0.digest)" } ?? ""
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
        guard let answer = try await answers.next() else { throw ContainerdError.interrupted("store content", about: message.ref) }
        return answer
    }
}
