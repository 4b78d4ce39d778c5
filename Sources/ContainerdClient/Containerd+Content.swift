internal import ContainerdAPI
internal import Digests
internal import FoundationEssentials
internal import GRPCCore
internal import GRPCProtobuf
internal import OCI
internal import SwiftProtobuf

// containerd's content store.
extension Containerd {
    var content: ContentClient { ContentClient(wrapping: client) }

    /// Labels of a blob; nil when this namespace does not have it.
    func labels(of digest: Digest) async throws -> [String: String]? {
        do {
            return try await content.info(request: request(.with { $0.digest = "\(digest)" }), options: Self.shortCall).info.labels
        } catch let error as RPCError where error.code == .notFound {
            return nil
        } catch {
            throw ContainerdError.failed("look up content", about: "\(digest)", error)
        }
    }

    /// Sets labels of a blob; those that are not named stay.
    func setLabels(_ labels: [String: String], of digest: Digest) async throws {
        let update = Containerd_Services_Content_V1_UpdateRequest.with {
            $0.info.digest = "\(digest)"
            $0.info.labels = labels
            $0.updateMask.paths = labels.keys.sorted().map { "labels.\($0)" }
        }
        do {
            _ = try await content.update(request: request(update), options: Self.shortCall)
        } catch {
            throw ContainerdError.failed("label content", about: "\(digest)", error)
        }
    }

    /// Stores a document from memory, unless it is there.
    func put(_ descriptor: Descriptor, bytes: [UInt8], labels: [String: String]) async throws {
        _ = try await put(descriptor, labels: labels) { offset, send in
            guard offset < bytes.count else { return }
            try await send(Data(bytes[Int(offset)...]))
        }
    }

    /// Stores a blob from a stream, unless it is there; says whether it was.
    ///
    /// - Parameter open: gives the stream; only called when bytes are wanted.
    @discardableResult
    func put(
        _ descriptor: Descriptor, labels: [String: String], from open: @escaping @Sendable () async throws -> any BlobStream
    ) async throws -> Bool {
        try await put(descriptor, labels: labels) { offset, send in
            // Of a blob that another namespace has, containerd wants nothing but the commit.
            guard offset < descriptor.size else { return }
            let reader = BlobReader(try await open())
            defer { reader.close() }
            while true {
                let bytes = try await reader.read(limit: ContentWriter.messageSize)
                if bytes.isEmpty { return }
                try await send(Data(bytes))
            }
        }
    }

    /// Reads content from its begin to its end, a message at a time.
    func read(_ digest: Digest, _ body: @escaping @Sendable ([UInt8]) async throws -> Void) async throws {
        do {
            try await content.read(request: request(.with { $0.digest = "\(digest)" }), options: Self.longCall) { response in
                for try await message in response.messages { try await body([UInt8](message.data)) }
            }
        } catch {
            throw ContainerdError.failed("read content", about: "\(digest)", error)
        }
    }

    /// Whether a blob is there. When it is, the lease keeps it from now on: what nothing refers to may be collected at any time.
    func claim(_ descriptor: Descriptor) async throws -> Bool {
        guard try await labels(of: descriptor.digest) != nil else { return false }
        let writer = ContentWriter(descriptor: descriptor, labels: [:], metadata: metadata)
        do {
            guard try await writer.open(content) else { return true }
        } catch {
            throw ContainerdError.failed("look up content", about: "\(descriptor.digest)", error)
        }
        // Collected between the two calls.
        await abort(writer)
        return false
    }

    private func put(_ descriptor: Descriptor, labels: [String: String], _ body: @escaping ContentWriter.Body) async throws -> Bool {
        if try await !claim(descriptor) {
            let writer = ContentWriter(descriptor: descriptor, labels: labels, metadata: metadata)
            do {
                if try await store(writer, body) { return false }
            } catch {
                await abort(writer)
                throw error
            }
        }
        // Labels without an update mask would replace those that are there by none.
        if !labels.isEmpty { try await setLabels(labels, of: descriptor.digest) }
        return true
    }

    /// Writes what is left of an upload and commits it; false when someone else stored the content meanwhile.
    func store(_ writer: ContentWriter, _ body: @escaping ContentWriter.Body) async throws -> Bool {
        do {
            return try await writer.run(content, body)
        } catch {
            throw ContainerdError.failed("store content", about: writer.descriptor.map { "\($0.digest)" } ?? writer.reference, error)
        }
    }

    /// Gives an upload up. Its reference is ours alone, nobody will go on with it; containerd's own clean-up is the second line.
    func abort(_ writer: ContentWriter) async {
        _ = try? await content.abort(request: request(.with { $0.ref = writer.reference }), options: Self.shortCall)
    }
}
