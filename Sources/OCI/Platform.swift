/// An operating system and processor, as in `linux/arm64/v8` (OCI image specification, "image-index.md").
public struct Platform: Codable, Hashable, Sendable, CustomStringConvertible {
    /// Processor architecture in Go's spelling, such as `amd64`.
    public var architecture: String
    /// Operating system in Go's spelling, such as `linux`.
    public var os: String
    /// Variant of the architecture, such as `v8`.
    public var variant: String?
    /// Version of the operating system (Windows only).
    public var osVersion: String?
    /// Required features of the operating system (Windows only).
    public var osFeatures: [String]?

    private enum CodingKeys: String, CodingKey {
        case architecture, os, variant
        case osVersion = "os.version"
        case osFeatures = "os.features"
    }

    /// Names a platform.
    public init(os: String, architecture: String, variant: String? = nil) {
        self.os = os
        self.architecture = architecture
        self.variant = variant
    }

    /// Parses `os/architecture[/variant]`; nil for anything else. Common spellings (x86_64, aarch64) are normalized as containerd does.
    public init?(parsing text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 || parts.count == 3, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        self.init(os: parts[0], architecture: Platform.normalized(parts[1]), variant: parts.count == 3 ? parts[2] : nil)
    }

    /// The platform of this process.
    public static var current: Platform {
        #if arch(x86_64)
            Platform(os: "linux", architecture: "amd64")
        #elseif arch(arm64)
            Platform(os: "linux", architecture: "arm64", variant: "v8")
        #else
            #error("unknown architecture")
        #endif
    }

    /// Whether an image for `other` runs where `self` is asked for; an absent variant matches any.
    public func matches(_ other: Platform) -> Bool {
        guard os == other.os, Platform.normalized(architecture) == Platform.normalized(other.architecture) else { return false }
        guard let wanted = variant, let offered = other.variant else { return true }
        return wanted == offered
    }

    /// `os/architecture[/variant]`.
    public var description: String {
        "\(os)/\(architecture)" + (variant.map { "/\($0)" } ?? "")
    }

    private static func normalized(_ architecture: String) -> String {
        switch architecture {
        case "x86_64", "x86-64": "amd64"
        case "aarch64": "arm64"
        case "i386": "386"
        default: architecture
        }
    }
}
