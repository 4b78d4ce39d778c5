internal import Glibc

/// Names in directories, by hash: one flat table for a whole layer, because a dictionary per directory would cost more than all the rest.
struct NameTable {
    /// One name.
    struct Record {
        var directory: Int32
        var node: Int32
        var start: Int32
        var count: Int32
    }

    /// A name in a directory, and its hash. Borrows the name's bytes.
    struct Key {
        let name: UnsafeRawBufferPointer
        let directory: Int32
        fileprivate let hash: Int

        // SipHash with the process' own random key, so that no layer can be made whose names collide. Nothing that is written depends on it:
        // records keep the order in which they were added.
        init(_ name: UnsafeRawBufferPointer, in directory: Int32) {
            (self.name, self.directory) = (name, directory)
            var hasher = Hasher()
            hasher.combine(directory)
            hasher.combine(bytes: name)
            hash = hasher.finalize()
        }
    }

    private(set) var records: [Record] = []
    private(set) var bytes: [UInt8] = []
    private var slots: [Int32]

    /// A table that holds some names without growing.
    init(capacity: Int) {
        var size = 64
        while size < capacity * 2 { size *= 2 }
        slots = Array(repeating: -1, count: size)
        records.reserveCapacity(capacity)
        bytes.reserveCapacity(capacity * 16)
    }

    /// Index of the record of a name in a directory; nil when it has none.
    func find(_ key: Key) -> Int? {
        var slot = key.hash & (slots.count - 1)
        while slots[slot] >= 0 {
            let index = Int(slots[slot])
            if matches(records[index], key) { return index }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// Adds a name that is not there yet.
    mutating func add(_ key: Key, node: Int32) {
        if records.count * 2 >= slots.count { grow() }
        insert(Int32(records.count), hash: key.hash)
        records.append(Record(directory: key.directory, node: node, start: Int32(bytes.count), count: Int32(key.name.count)))
        bytes.append(contentsOf: key.name)
    }

    /// Lets a name lead to another node.
    mutating func replace(_ index: Int, node: Int32) { records[index].node = node }

    private func matches(_ record: Record, _ key: Key) -> Bool {
        guard record.directory == key.directory, Int(record.count) == key.name.count, let wanted = key.name.baseAddress else {
            return false
        }
        return bytes.withUnsafeBufferPointer { bytes in
            bytes.baseAddress.map { memcmp($0 + Int(record.start), wanted, key.name.count) == 0 } ?? false
        }
    }

    private mutating func insert(_ index: Int32, hash: Int) {
        var slot = hash & (slots.count - 1)
        while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = index
    }

    private mutating func grow() {
        slots = Array(repeating: -1, count: slots.count * 2)
        for (index, record) in records.enumerated() {
            let hash = bytes.withUnsafeBytes { bytes in
                let name = UnsafeRawBufferPointer(rebasing: bytes[Int(record.start)..<Int(record.start + record.count)])
                return Key(name, in: record.directory).hash
            }
            insert(Int32(index), hash: hash)
        }
    }
}
