/// HTTP for a server that is no registry and answers with streams, such as Kubernetes' API; on a transport of its own.
public final class StreamClient: Sendable {
    private let transport = Transport()

    /// A client; nothing is connected yet.
    public init() {}

    /// Sends a GET and waits for the end of its answer. Cancelling ends it.
    ///
    /// - Parameters:
    ///   - url: absolute.
    ///   - silence: time without a byte after which it is given up, in the middle of the answer too.
    ///   - receive: gets the body of an answer with status 200, piece by piece, on the transport's thread; false ends it, and that is no error.
    /// - Returns: the status.
    /// - Throws: `RegistryError`, what kept the answer from coming whole.
    public func get(
        _ url: String, headers: [String: String], over connection: RegistryHost.Connection, silence: Duration,
        receive: @escaping @Sendable ([UInt8]) -> Bool
    ) async throws(RegistryError) -> Int {
        var request = HTTPRequest("GET", url, headers: headers)
        request.connection = connection
        (request.silence, request.silenceInAnswer) = (silence, silence)
        let result = await RegistryClient.perform(transport, request, onStart: { _ in }) { head, bytes in
            head.status == 200 && receive(Array(bytes)) ? .more : .stop
        }
        return try result.get().status
    }

    /// Text as the value of a query's item.
    public static func escaped(_ text: String) -> String { URLText.escaped(text) }

    /// Ends the transport; what is under way fails.
    public func shutdown() { transport.shutdown() }
}
