internal import Synchronization

extension RegistryClient {
    /// Hosts of a registry that may be asked for something, mirrors first.
    ///
    /// - Throws: `RegistryError.configuration` when what is said of the registry cannot be used, or leaves nobody.
    func endpoints(_ registry: String, for capability: RegistryHost.Capabilities) throws(RegistryError) -> [Endpoint] {
        let hosts = try hosts(registry)
        let able = (hosts.mirrors + [hosts.server]).filter { $0.capabilities.isSuperset(of: capability) }
        guard !able.isEmpty else {
            let what = capability == .push ? "be pushed to" : capability == .resolve ? "resolve tags" : "be pulled from"
            throw .configuration("registry \(registry): no host of its hosts.toml may \(what); add the capability to one")
        }
        return able.map { Endpoint(registry: registry, host: $0) }
    }

    /// The one host that is pushed to: an upload's parts must meet in one place.
    func pushEndpoint(_ registry: String) throws(RegistryError) -> Endpoint {
        try endpoints(registry, for: .push)[0]
    }

    // Asked again from time to time, for a daemon: what is wrong by then is somebody who is writing, and what was right goes on.
    private func hosts(_ registry: String) throws(RegistryError) -> RegistryHosts {
        let known = knownHosts.withLock { $0[registry] }
        if let known, ContinuousClock.now - known.time < options.hostsKeptFor { return known.hosts }
        do {
            let found = try options.hosts?(registry) ?? RegistryHosts(server: RegistryHost(registry: registry))
            knownHosts.withLock { $0[registry] = KnownHosts(hosts: found) }
            return found
        } catch {
            guard let known else { throw error as? RegistryError ?? .configuration("\(error)") }
            knownHosts.withLock { $0[registry] = KnownHosts(hosts: known.hosts) }
            return known.hosts
        }
    }

    /// Asks hosts one after the other until one gives what is wanted. Whatever is wrong with a mirror, the next may have it.
    ///
    /// - Parameter last: ids of hosts that are to be asked after the others.
    /// - Throws: the last host's error, which is the registry's own, with the mirrors' where they say more than "not here".
    func round<Value>(
        _ endpoints: [Endpoint], last: Set<String> = [], _ ask: (Endpoint) async throws(RegistryError) -> Value
    ) async throws(RegistryError) -> Value {
        var failures: [Int: RegistryError] = [:]
        let order = rests.withLock { $0.order(endpoints.map(\.id), others: last, at: .now) }
        for index in order {
            let endpoint = endpoints[index]
            do throws(RegistryError) {
                let value = try await ask(endpoint)
                rests.withLock { $0.wake(endpoint.id) }
                return value
            } catch {
                guard error != .cancelled, !Task.isCancelled else { throw error }
                if error.isTroubleOfHost { rests.withLock { $0.rest(endpoint.id, from: .now) } }
                failures[index] = error
            }
        }
        throw RegistryError.joined(endpoints.indices.compactMap { failures[$0] })
    }

    /// Rounds, repeated while that may help and the options allow.
    ///
    /// - Parameter ask: may leave a `Retry-After` in its second argument.
    func rounds<Value>(
        _ endpoints: [Endpoint], isWorthRetrying: (RegistryError) -> Bool = { $0.isTransient },
        _ ask: (Endpoint, inout String?) async throws(RegistryError) -> Value
    ) async throws(RegistryError) -> Value {
        var attempt = 0
        while true {
            var retryAfter: String?
            do throws(RegistryError) {
                return try await round(endpoints) { endpoint throws(RegistryError) in try await ask(endpoint, &retryAfter) }
            } catch {
                guard attempt < options.retries, isWorthRetrying(error), !Task.isCancelled else { throw error }
                await Backoff.wait(attempt, retryAfter: retryAfter)
                attempt += 1
            }
        }
    }
}

/// What was said of a registry, and when.
struct KnownHosts: Sendable {
    let hosts: RegistryHosts
    let time = ContinuousClock.now
}
