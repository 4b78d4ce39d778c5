internal import CCurl
internal import Glibc
internal import HostSystem
internal import Synchronization

/// One request under way. Everything but `isCancelled` is touched by the transport's thread only, from `begin` to `finish`.
final class Transfer: @unchecked Sendable {
    // Safety: see above; the object is handed to the thread through the transport's locked inbox.
    let request: HTTPRequest
    let onBody: @Sendable (HTTPHead, UnsafeRawBufferPointer) -> Appetite
    let completion: @Sendable (Result<HTTPHead, RegistryError>) -> Void
    let isCancelled = Atomic<Bool>(false)

    private(set) var handle: UnsafeMutableRawPointer?
    private var list: UnsafeMutablePointer<curl_slist>?
    private var head = HTTPHead()
    private var stopped = false
    private var isConnected = false
    private var isPaused = false
    /// When something was heard last, or the connection was made.
    private var heard = ContinuousClock.now
    private var upload = Upload.none

    /// Where the request's body is being read.
    private enum Upload {
        case none
        case bytes([UInt8], position: Int)
        case file(TemporaryFile, Range<Int64>)
    }

    /// Seconds until a connection must stand; fewer where TLS is only tried, on loopback.
    private static let connectTimeout = 10
    private static let probeTimeout = 3
    private static let largestHeaders = 64 << 10

    init(
        _ request: HTTPRequest, onBody: @escaping @Sendable (HTTPHead, UnsafeRawBufferPointer) -> Appetite,
        completion: @escaping @Sendable (Result<HTTPHead, RegistryError>) -> Void
    ) {
        self.request = request
        self.onBody = onBody
        self.completion = completion
    }

    /// Makes the curl handle; nil when the request cannot even be begun.
    func begin() -> UnsafeMutableRawPointer? {
        guard let handle = curl_easy_init() else { return nil }
        self.handle = handle
        _ = starling_curl_set_pointer(handle, CURLOPT_PRIVATE, Unmanaged.passUnretained(self).toOpaque())
        _ = starling_curl_set_string(handle, CURLOPT_URL, request.url)
        _ = starling_curl_set_string(handle, CURLOPT_CUSTOMREQUEST, request.method)
        _ = starling_curl_set_string(handle, CURLOPT_PROTOCOLS_STR, "http,https")
        _ = starling_curl_set_string(handle, CURLOPT_USERAGENT, "starling/0.1")
        _ = starling_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        _ = starling_curl_set_long(handle, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
        // One connection for all, once the first has said whether it speaks HTTP/2; without TLS none does, and waiting costs a round trip.
        _ = starling_curl_set_long(handle, CURLOPT_PIPEWAIT, request.url.hasPrefix("https:") ? 1 : 0)
        setConnection(handle)
        _ = starling_curl_set_long(handle, CURLOPT_BUFFERSIZE, 256 << 10)
        if request.method == "HEAD" { _ = starling_curl_set_long(handle, CURLOPT_NOBODY, 1) }
        setHeaders(handle)
        setBody(handle)
        let context = Unmanaged.passUnretained(self).toOpaque()
        _ = starling_curl_set_bytes(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            Transfer.from(context).header(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
        }
        _ = starling_curl_set_pointer(handle, CURLOPT_HEADERDATA, context)
        _ = starling_curl_set_bytes(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            Transfer.from(context).body(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
        _ = starling_curl_set_pointer(handle, CURLOPT_WRITEDATA, context)
        return handle
    }

    /// Frees the handle and tells the outcome.
    func finish(_ code: CURLcode) {
        noteConnection()
        if let handle {
            curl_easy_cleanup(handle)
            self.handle = nil
        }
        curl_slist_free_all(list)
        upload = .none
        if isCancelled.load(ordering: .acquiring) { return completion(.failure(.cancelled)) }
        if code == CURLE_OK || stopped { return completion(.success(head)) }
        completion(.failure(Transfer.error(code, host: URLText.host(request.url), silence: isConnected ? silence : nil)))
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> Transfer {
        guard let context else { fatalError("curl lost the transfer") }
        return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    }

    // Certificates beside the system's: curl goes on to look into the system's directory of them.
    private func setConnection(_ handle: UnsafeMutableRawPointer) {
        let connection = request.connection
        _ = starling_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, connectMilliseconds)
        if !connection.certificateAuthorities.isEmpty {
            setBlob(handle, CURLOPT_CAINFO_BLOB, connection.certificateAuthorities)
        }
        if let pair = connection.clientCertificate {
            _ = starling_curl_set_string(handle, CURLOPT_SSLCERT, pair.certificate)
            _ = starling_curl_set_string(handle, CURLOPT_SSLKEY, pair.key)
        }
        if let identity = connection.clientIdentity {
            setBlob(handle, CURLOPT_SSLCERT_BLOB, identity.certificate)
            setBlob(handle, CURLOPT_SSLKEY_BLOB, identity.key)
        }
        if connection.skipsVerification {
            _ = starling_curl_set_long(handle, CURLOPT_SSL_VERIFYPEER, 0)
            _ = starling_curl_set_long(handle, CURLOPT_SSL_VERIFYHOST, 0)
        }
        if let proxy = connection.proxy {
            _ = starling_curl_set_string(handle, CURLOPT_PROXY, proxy)
            _ = starling_curl_set_string(handle, CURLOPT_NOPROXY, "")
        }
    }

    private func setBlob(_ handle: UnsafeMutableRawPointer, _ option: CURLoption, _ bytes: [UInt8]) {
        bytes.withUnsafeBytes { _ = starling_curl_set_blob(handle, option, $0.baseAddress, $0.count) }
    }

    private var connectMilliseconds: Int {
        if request.isProbe { return Transfer.probeTimeout * 1000 }
        guard let wanted = request.connection.connectTimeout else { return Transfer.connectTimeout * 1000 }
        let (seconds, attoseconds) = wanted.components
        // 0 would mean curl's own default, which is long.
        return max(1, Int(min(seconds, 3600)) * 1000 + Int(attoseconds / 1_000_000_000_000_000))
    }

    private func setHeaders(_ handle: UnsafeMutableRawPointer) {
        // No waiting for "100 Continue": registries do not need it, and it costs a round trip.
        list = curl_slist_append(list, "Expect:")
        for (name, value) in request.headers { list = curl_slist_append(list, "\(name): \(value)") }
        _ = starling_curl_set_list(handle, CURLOPT_HTTPHEADER, list)
    }

    private func setBody(_ handle: UnsafeMutableRawPointer) {
        var size: Int64 = 0
        switch request.body {
        case .none:
            if request.method == "POST" || request.method == "PUT" || request.method == "PATCH" {
                _ = starling_curl_set_long(handle, CURLOPT_POST, 1)
                _ = starling_curl_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, 0)
            }
            return
        case .bytes(let bytes):
            (upload, size) = (.bytes(bytes, position: 0), Int64(bytes.count))
        case .file(let file, let range):
            (upload, size) = (.file(file, range), Int64(range.count))
        }
        _ = starling_curl_set_long(handle, CURLOPT_UPLOAD, 1)
        _ = starling_curl_set_offset(handle, CURLOPT_INFILESIZE_LARGE, Int(size))
        _ = starling_curl_set_bytes(handle, CURLOPT_READFUNCTION) { bytes, size, count, context in
            Transfer.from(context).read(into: UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
        }
        _ = starling_curl_set_pointer(handle, CURLOPT_READDATA, Unmanaged.passUnretained(self).toOpaque())
    }

    private func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        heard = .now
        switch upload {
        case .none: return 0
        case .bytes(let bytes, let position):
            let count = min(buffer.count, bytes.count - position)
            buffer.copyBytes(from: bytes[position..<position + count])
            upload = .bytes(bytes, position: position + count)
            return count
        // At positions of our own: a request that is sent again after a 401 begins at the front.
        case .file(let file, let rest):
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(rest.count))
            do {
                let count = try file.read(into: part, at: rest.lowerBound)
                upload = .file(file, rest.dropFirst(count))
                return count
            } catch {
                return Int(CURL_READFUNC_ABORT)
            }
        }
    }

    // MARK: Silence

    /// How long it may hear nothing: once an answer has begun to come, a stop in the middle of it is trouble sooner.
    private var silence: Duration { head.status == 0 ? request.silence : min(request.silence, request.silenceInAnswer) }

    /// When it has heard nothing for too long; nil while that does not count. libcurl's own limit looks at an average over several seconds.
    func silenceEnd(at now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        if isPaused { return nil }
        // Until there is a connection, its own timeout counts, or the wait for one of few connections.
        if !isConnected {
            noteConnection()
            heard = now
        }
        return heard + silence
    }

    /// The caller lets it go on.
    func resumed() {
        isPaused = false
        heard = .now
    }

    private func noteConnection() {
        var seconds = 0.0
        guard !isConnected, let handle else { return }
        _ = starling_curl_get_double(handle, CURLINFO_PRETRANSFER_TIME, &seconds)
        isConnected = seconds > 0
    }

    // MARK: What curl calls

    private func header(_ line: UnsafeRawBufferPointer) -> Bool {
        heard = .now
        let text = String(decoding: line, as: UTF8.self).filter { !$0.isNewline }
        if text.hasPrefix("HTTP/") {
            head = HTTPHead(status: text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0, url: request.url)
        } else if text.isEmpty {
            return true
        } else if let colon = text.firstIndex(of: ":") {
            guard head.headers.count < 256, line.count < Transfer.largestHeaders else { return false }
            let value = text[text.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            let name = text[..<colon].lowercased()
            // Several challenges may come in lines of their own.
            head.headers[name] = head.headers[name].map { $0 + ", " + value } ?? String(value)
        }
        return true
    }

    private func body(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard !isCancelled.load(ordering: .acquiring) else { return 0 }
        heard = .now
        switch onBody(head, bytes) {
        case .more: return bytes.count
        case .pause:
            isPaused = true
            return Int(CURL_WRITEFUNC_PAUSE)
        case .stop:
            stopped = true
            return 0
        }
    }

    /// - Parameter silence: time without a byte that ended the transfer; nil when it did not come as far as a connection.
    private static func error(_ code: CURLcode, host: String, silence: Duration?) -> RegistryError {
        let reason = String(cString: curl_easy_strerror(code)).lowercased()
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST: return .unreachable(host: host, reason: "the name cannot be resolved")
        case CURLE_COULDNT_RESOLVE_PROXY: return .unreachable(host: host, reason: "the name of its proxy cannot be resolved")
        case CURLE_COULDNT_CONNECT: return .unreachable(host: host, reason: "connection refused or no route")
        case CURLE_OPERATION_TIMEDOUT:
            return silence.map { .timeout(host: host, reason: "no byte for \($0)") }
                ?? .unreachable(host: host, reason: "no connection in time")
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_ISSUER_ERROR:
            return .tls(host: host, reason: reason)
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: return .unreachable(host: host, reason: "the URL is not valid")
        default: return .interrupted(host: host, reason: reason)
        }
    }
}
