internal import ContainerdAPI
internal import Digests
internal import FoundationEssentials
internal import GRPCCore
internal import GRPCProtobuf
internal import OCI
internal import SwiftProtobuf

// containerd's content store.
extension Containerd {
    private typealias API = Containerd_Services_Content_V1_Content

    private var content: API.Client<HTTPTransport> { API.Client(wrapping: client) }

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
        try await put(descriptor, labels: labels) { offset, send in
            guard offset < bytes.count else { return }
            try await send(Data(bytes[Int(offset)...]))
        }
    }

    /// Stores a blob from a source, unless it is there.
    func put(_ descriptor: Descriptor, from source: any ImageSource, labels: [String: String]) async throws {
        try await put(descriptor, labels: labels) { offset, send in
            // Of a blob that another namespace has, containerd wants nothing but the commit.
            guard offset < descriptor.size else { return }
            let reader = BlobReader(try await source.blob(descriptor))
            defer { reader.close() }
            while true {
                let bytes = try await reader.read(limit: ContentWriter.messageSize)
                if bytes.isEmpty { return }
                try await send(Data(bytes))
            }
        }
    }

    private func put(_ descriptor: Descriptor, labels: [String: String], _ body: @escaping ContentWriter.Body) async throws {
        if try await self.labels(of: descriptor.digest) == nil {
            let writer = ContentWriter(descriptor: descriptor, labels: labels, metadata: metadata)
            do {
                if try await writer.run(content, body) { return }
            } catch {
                // The reference is ours alone: nobody will go on with it. containerd's own clean-up is the second line.
                _ = try? await content.abort(request: request(.with { $0.ref = writer.reference }), options: Self.shortCall)
                throw ContainerdError.failed("store content", about: "\(descriptor.digest)", error)
            }
        }
        try await setLabels(labels, of: descriptor.digest)
    }
}
