internal import ContainerdAPI
public import GRPCCore
public import Keychains
internal import SwiftProtobuf

/// CRI's image service (`runtime.v1.ImageService`), every call of which is passed on to another, bytes for bytes: kubelet's pulls pass through
/// here, so that their credentials can be kept. Errors, metadata and the end of a caller's patience pass in both directions.
///
///     kubelet ──▶ ImageServiceProxy ──▶ containerd
///                      └─ PullImage ─▶ CRIKeychain
public struct ImageServiceProxy<Backend: ClientTransport>: RegistrableRPCService {
    private let backend: GRPCClient<Backend>
    private let keychain: CRIKeychain

    /// - Parameters:
    ///   - backend: the service that answers.
    ///   - keychain: told of each pull before it is passed on.
    public init(backend: GRPCClient<Backend>, keychain: CRIKeychain) {
        self.backend = backend
        self.keychain = keychain
    }

    /// Adds all methods to a server.
    public func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        for method in Runtime_V1_ImageService.Method.descriptors {
            router.registerHandler(forMethod: method, deserializer: RawMessage(), serializer: RawMessage()) { request, _ in
                let request = try await ServerRequest(stream: request)
                if method == Runtime_V1_ImageService.Method.PullImage.descriptor { note(request.message) }
                return try await StreamingServerResponse(single: pass(request, to: method))
            }
        }
    }

    private func note(_ message: [UInt8]) {
        // What cannot be read is the backend's to refuse.
        guard let pull = try? Runtime_V1_PullImageRequest(serializedBytes: message) else { return }
        var auth = CRIKeychain.Auth()
        (auth.user, auth.password, auth.encoded) = (pull.auth.username, pull.auth.password, pull.auth.auth)
        (auth.serverAddress, auth.identityToken) = (pull.auth.serverAddress, pull.auth.identityToken)
        keychain.remember(auth, for: pull.image.image)
    }

    private func pass(_ request: ServerRequest<[UInt8]>, to method: MethodDescriptor) async throws -> ServerResponse<[UInt8]> {
        var options = CallOptions.defaults
        options.waitForReady = false
        options.maxRequestMessageBytes = ImageServiceLimits.largestMessage
        options.maxResponseMessageBytes = ImageServiceLimits.largestMessage
        let call = Task { [options] in
            try await backend.unary(
                request: ClientRequest(message: request.message, metadata: request.metadata.passedOn), descriptor: method,
                serializer: RawMessage(), deserializer: RawMessage(), options: options
            ) { response in
                do {
                    let contents = try response.accepted.get()
                    return ServerResponse(
                        message: try contents.message.get(), metadata: contents.metadata.passedOn,
                        trailingMetadata: contents.trailingMetadata.passedOn)
                } catch var error as RPCError {
                    // With a header of its own connection, ours would end in the middle of the answer.
                    error.metadata = error.metadata.passedOn
                    error.message = RPCError.bounded(error.message)
                    throw error
                }
            }
        }
        return try await withTaskCancellationHandler {
            try await withRPCCancellationHandler {
                try await call.value
            } onCancelRPC: {
                call.cancel()
            }
        } onCancel: {
            call.cancel()
        }
    }
}

/// Bounds of the service's messages.
enum ImageServiceLimits {
    /// Bytes of a message, as kubelet has it for CRI (16 MiB).
    static let largestMessage = 16 << 20
}

/// A message as the bytes that it is.
private struct RawMessage: MessageSerializer, MessageDeserializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Bytes { Bytes(message) }
    func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> [UInt8] { bytes.withUnsafeBytes(Array.init) }
}

extension Metadata {
    /// What belongs to the call and not to the connection that it came on.
    fileprivate var passedOn: Metadata {
        var passed = Metadata()
        let own: Set = ["content-type", "te", "user-agent", "accept-encoding", "content-length"]
        for (key, value) in self where !key.hasPrefix(":") && !key.hasPrefix("grpc-") && !own.contains(key) {
            switch value {
            case .string(let text): passed.addString(text, forKey: key)
            case .binary(let bytes): passed.addBinary(bytes, forKey: key)
            }
        }
        return passed
    }
}
