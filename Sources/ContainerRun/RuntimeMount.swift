internal import OCI

/// A mount as the runtime makes it (runtime specification, "mounts").
struct RuntimeMount: Equatable {
    var destination: String
    var type: String
    var source: String
    var options: [String]

    /// Components of the place.
    var depth: Int { destination.split(separator: "/").count }

    /// A file or directory of the host as it is there, with what is mounted below it.
    static func bind(_ source: String, _ destination: String, readOnly: Bool = false) -> RuntimeMount {
        RuntimeMount(
            destination: destination, type: "bind", source: source, options: ["rbind", "rprivate"] + (readOnly ? ["ro"] : []))
    }

    var json: JSONValue {
        .object([
            "destination": .string(destination), "type": .string(type), "source": .string(source), "options": .strings(options),
        ])
    }
}
