internal import Digests
internal import EStargz
public import FetchEngine
public import OCI

/// What a layer is, as far as its descriptor and its TOC tell.
public struct LayerReport: Sendable {
    /// The layer.
    public let descriptor: Descriptor
    /// Its TOC; a refusal when there is none that could be used.
    public let table: Result<LayerTable, LayerRefusal>

    /// Looks at a layer; without a TOC digest in its annotations what is found is told all the same.
    public static func read(_ descriptor: Descriptor, of source: any ImageSource) async -> LayerReport {
        do throws(LayerRefusal) {
            return LayerReport(
                descriptor: descriptor, table: .success(try await LayerTable.read(descriptor, of: source, mustVerify: false)))
        } catch {
            return LayerReport(descriptor: descriptor, table: .failure(error))
        }
    }

    /// Looks at all layers of an image at once; lowest first.
    public static func read(_ layers: [Descriptor], of source: any ImageSource) async -> [LayerReport] {
        await withTaskGroup(of: (Int, LayerReport).self) { group in
            for (index, layer) in layers.enumerated() { group.addTask { (index, await read(layer, of: source)) } }
            let reports = await group.reduce(into: [Int: LayerReport]()) { $0[$1.0] = $1.1 }
            return layers.indices.compactMap { reports[$0] }
        }
    }

    /// Facts in order of importance, by name; numbers are whole.
    public var facts: [(name: String, value: JSONValue)] {
        var facts: [(String, JSONValue)] = [
            ("digest", .string(descriptor.digest.description)), ("mediaType", .string(descriptor.mediaType)),
            ("size", .integer(descriptor.size)),
        ]
        switch table {
        case .failure(let refusal):
            facts += [("format", .string("not lazy")), ("reason", .string(refusal.description)), ("reasonCode", .string(refusal.code))]
        case .success(let table): facts += LayerReport.facts(table)
        }
        facts.append(("annotations", .object((descriptor.annotations ?? [:]).mapValues { .string($0) })))
        return facts
    }

    private static func facts(_ table: LayerTable) -> [(String, JSONValue)] {
        let entries = table.toc.entries.filter { $0.kind != .chunk }
        let files = entries.filter { $0.kind == .regular }
        let chunks = table.toc.entries.filter { $0.kind == .chunk || $0.kind == .regular && $0.size > 0 }
        func bytes(_ size: UInt64) -> JSONValue { .integer(Int64(clamping: size)) }
        let landmark = entries.first { TOC.cleanName($0.name) == TOC.prefetchLandmark }
        return [
            ("format", .string(table.format)), ("blobSize", bytes(table.blobSize)), ("tocDigest", .string(table.digest.description)),
            ("tocSize", .integer(Int64(table.jsonSize))), ("entries", .integer(Int64(entries.count))),
            ("files", .integer(Int64(files.count))),
            ("fileBytes", .integer(files.reduce(0) { $0 + $1.size })), ("chunks", .integer(Int64(chunks.count))),
            ("prefetchBytes", .integer(landmark?.offset ?? 0)),
        ]
    }
}
