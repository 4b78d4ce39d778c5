/// The daemon's configuration file: the keys of stargz-snapshotter's config.toml with its defaults, so that an installed file works.
///
/// Reading is strict: an unknown key, or a value of the wrong type, is an error that names key and line. Keys that mean nothing to this
/// design are accepted and listed in `ineffectiveKeys`, for the daemon to say so. This room reads text and decides nothing else.
///
///     text ──TOMLKit──▶ TableReader (one per table) ──▶ fields ──▶ one struct per table ──▶ default file
public struct DaemonConfiguration: Equatable, Sendable {
    /// The keys in no table.
    public var general = General()
    /// `[blob]`
    public var blob = Blob()
    /// `[directory_cache]`
    public var directoryCache = DirectoryCache()
    /// `[fuse]`
    public var fuse = FUSE()
    /// `[fuse_manager]`
    public var fuseManager = FUSEManager()
    /// `[kubeconfig_keychain]`
    public var kubeconfigKeychain = KubeconfigKeychain()
    /// `[cri_keychain]`
    public var criKeychain = CRIKeychain()
    /// `[resolver]`
    public var resolver = Resolver()
    /// `[snapshotter]`
    public var snapshotter = Snapshotter()
    /// `[starling]`: what stargz-snapshotter does not have.
    public var starling = Starling()
    /// Keys of the file that have no effect here, in the order of the alphabet.
    public internal(set) var ineffectiveKeys: [IneffectiveKey] = []

    /// A key of the file that nothing comes of.
    public struct IneffectiveKey: Equatable, Sendable {
        /// The key with its table.
        public let key: String
        /// Where it stands, from 1 on; nil when it is written inline.
        public let line: Int?
        /// Why, to be read after "has no effect:".
        public let reason: String
    }

    /// The defaults: what an empty file means.
    public init() {}

    /// All tables but the file itself, in the order of the default file.
    static let tables = [
        NamedTable("blob", \.blob), NamedTable("resolver", \.resolver), NamedTable("kubeconfig_keychain", \.kubeconfigKeychain),
        NamedTable("cri_keychain", \.criKeychain), NamedTable("starling", \.starling), NamedTable("directory_cache", \.directoryCache),
        NamedTable("fuse", \.fuse), NamedTable("fuse_manager", \.fuseManager), NamedTable("snapshotter", \.snapshotter),
    ]

    /// Reads a file's text.
    ///
    /// - Parameter path: of the file, for messages.
    public init(parsing text: String, path: String) throws(ConfigurationError) {
        let reader = try TableReader(parsing: text, path: path)
        try general.read(reader)
        for table in Self.tables { try table.read(&self, reader) }
        try reader.finish()
        let effects = Self.tables.reduce(General.effects(in: "")) { $0.merging($1.effects) { $1 } }
        ineffectiveKeys = reader.source.seenKeys.sorted().compactMap { key in
            switch effects[key] {
            case .moot(let reason): IneffectiveKey(key: key, line: reader.source.line(of: key), reason: reason)
            case .works, nil: nil
            }
        }
    }
}
