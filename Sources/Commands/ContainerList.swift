import ArgumentParser
import ContainerRun
import OCI

/// `starling ps`.
struct ContainerList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps", abstract: "List containers: those that run, or all.",
        discussion: """
            Examples:
              starling ps
              starling ps -a --json
              starling rm $(starling ps -aq)
            """)

    @OptionGroup var storage: StoreArguments
    @OptionGroup var list: ListArguments

    @Flag(name: .shortAndLong, help: "Also those that have ended.")
    var all = false

    @Flag(name: .customLong("no-trunc"), help: "Show ids and commands in full.")
    var whole = false

    func run() async throws {
        let containers = try Containers(root: storage.rootDirectory).all().filter { all || $0.isRunning }
        let now = Timestamp.now
        try list.show(containers, id: { whole ? $0.record.id : $0.shortID }, json: \.json) {
            var table = TextTable(["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"])
            for container in containers {
                let record = container.record
                let command = record.command.joined(separator: " ")
                table.add([
                    whole ? record.id : container.shortID, record.image,
                    "\"" + (whole || command.count <= 20 ? command : command.prefix(19) + "…") + "\"",
                    Age.text(from: record.created, to: now) + " ago", container.status(at: now),
                    container.ports.map(\.description).joined(separator: ", "), record.name ?? "",
                ])
            }
            return table
        }
    }
}

extension ContainerSummary {
    /// The first digits of its id.
    var shortID: String { String(record.id.prefix(ContainerID.shortLength)) }

    /// As docker says it.
    func status(at now: Timestamp) -> String {
        guard state.hasEnded, let finished = state.finished else { return "Up " + Age.text(from: state.started, to: now) }
        return "Exited (\(state.exitStatus)) \(Age.text(from: finished, to: now)) ago" + (state.wasLost ? ", with its process" : "")
    }

    var json: JSONValue {
        var members: [String: JSONValue] = [
            "id": .string(record.id), "image": .string(record.image), "imageDigest": .string(record.imageDigest),
            "command": .array(record.command.map { .string($0) }), "created": .string("\(record.created)"),
            "labels": .object(record.labels.mapValues { .string($0) }), "started": .string("\(state.started)"),
            "status": .string(state.hasEnded ? "exited" : "running"),
        ]
        if let address { members["address"] = .string(address) }
        if !ports.isEmpty { members["ports"] = .array(ports.map { .string($0.description) }) }
        if let name = record.name { members["name"] = .string(name) }
        if let processID { members["pid"] = .integer(Int64(processID)) }
        if state.hasEnded {
            members["exitStatus"] = .integer(Int64(state.exitStatus))
            members["wasLost"] = .bool(state.wasLost)
        }
        if let finished = state.finished { members["finished"] = .string("\(finished)") }
        return .object(members)
    }
}
