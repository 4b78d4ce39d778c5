internal import Configuration
internal import FetchEngine

// The configuration as the rooms below take it.
extension DaemonConfiguration {
    /// Longest wait before a range is asked for again, whatever the file says: somebody waits for it.
    private static let longestWaitMilliseconds = 5_000

    /// How the engine fetches.
    var fetching: FetchOptions {
        var options = FetchOptions()
        options.completesLayers = !general.noBackgroundFetch
        options.backgroundStreams = max(1, general.maxConcurrency)
        options.readTimeout = .seconds(max(1, blob.fetchingTimeoutSeconds))
        options.shortestRetryWait = .milliseconds(min(max(1, blob.minWaitMilliseconds), Self.longestWaitMilliseconds))
        options.longestRetryWait = .milliseconds(min(max(1, blob.maxWaitMilliseconds), Self.longestWaitMilliseconds))
        options.bandwidthLimit = starling.bandwidthLimitBytes > 0 ? UInt64(starling.bandwidthLimitBytes) : nil
        return options
    }

    /// What is fetched along with TOCs.
    var opening: LayerOpener.Options {
        var options = LayerOpener.Options()
        options.keptFor = .seconds(general.resolveResultEntryTTLSeconds)
        options.trust = general.disableVerification ? .anything : general.allowNoVerification ? .labelled : .verified
        return options
    }

    /// What is fetched before anybody reads it.
    var prefetch: PrefetchPolicy {
        var policy = PrefetchPolicy()
        policy.isOn = !general.noPrefetch
        policy.size = UInt64(general.prefetchSize)
        return policy
    }
}
