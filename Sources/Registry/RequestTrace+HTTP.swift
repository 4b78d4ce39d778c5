internal import StartTrace

extension RequestTrace {
    /// Takes a request down; nil when nobody does that. Of its URL only the host is kept: a query may hold a signature.
    convenience init?(of request: HTTPRequest, _ trace: TraceRecorder?) {
        guard let trace else { return nil }
        self.init(trace, request.kind, request.subject, host: URLText.host(request.url), range: request.headers["Range"])
    }

    /// It is over.
    func ended(_ result: Result<HTTPHead, RegistryError>) {
        switch result {
        case .success(let head): ended(status: head.status)
        case .failure(let error): ended(status: nil, failure: "\(error)")
        }
    }
}
