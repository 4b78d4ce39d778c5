internal import CAtomics
internal import FetchEngine
internal import Glibc

/// Layers on the mount by slot number, read by every operation without a lock or reference counting.
///
/// Who may touch what: readers go through `enter` and `leave`, which count them in the slot; `remove` takes the layer out first and frees it
/// only when the count is zero. Both sides use sequentially consistent operations: either the reader sees the layer gone, or the remover
/// sees the reader.
final class SlotTable: @unchecked Sendable {
    // Safety: the words are touched by CAtomics only, and a layer is released when no reader is counted and none can find it any more.
    private let words: UnsafeMutablePointer<UInt64>

    /// Layers that a node can have mounted at once; 16 bytes each.
    static let capacity = 16_384

    init() {
        words = .allocate(capacity: 2 * SlotTable.capacity)
        words.initialize(repeating: 0, count: 2 * SlotTable.capacity)
    }

    deinit {
        for slot in 0..<SlotTable.capacity where words[2 * slot] != 0 { release(words[2 * slot]) }
        words.deallocate()
    }

    /// The first slot after `start` that is free and not among `reserved`, round and round; nil when there is none.
    func free(after start: Int, reserved: Set<Int> = []) -> Int? {
        for step in 1..<SlotTable.capacity {
            let slot = (start + step - 1) % (SlotTable.capacity - 1) + 1
            guard starling_word_load(words + 2 * slot) == 0, starling_word_load(words + 2 * slot + 1) == 0 else { continue }
            if !reserved.contains(slot) { return slot }
        }
        return nil
    }

    /// Puts a tree into a free slot. One caller at a time.
    func put(_ tree: ServedTree, in slot: Int) {
        precondition(slot > 0 && slot < SlotTable.capacity, "no slot has number \(slot)")
        starling_word_store(words + 2 * slot, UInt64(UInt(bitPattern: Unmanaged.passRetained(tree).toOpaque())))
    }

    /// The layer in a slot, held until `leave`; nil when there is none.
    @inline(__always)
    func enter(_ slot: Int) -> Unmanaged<ServedTree>? {
        guard slot > 0, slot < SlotTable.capacity else { return nil }
        _ = starling_word_add(words + 2 * slot + 1, 1)
        guard let pointer = UnsafeRawPointer(bitPattern: UInt(starling_word_load(words + 2 * slot))) else {
            leave(slot)
            return nil
        }
        return Unmanaged.fromOpaque(pointer)
    }

    @inline(__always)
    func leave(_ slot: Int) { _ = starling_word_add(words + 2 * slot + 1, UInt64.max) }

    /// Takes a layer out and waits until nobody uses it; operations that wait for the network are part of that.
    ///
    /// - Parameter giveUp: ends the waiting for the network. Called only when the layer is out, and then again and again: the kernel repeats a
    ///   read that failed, and finds nothing to wait for.
    func remove(_ slot: Int, giveUp: () -> Void = {}) {
        let pointer = starling_word_load(words + 2 * slot)
        guard pointer != 0 else { return }
        starling_word_store(words + 2 * slot, 0)
        waitUntilUnused(slot, giveUp)
        release(pointer)
    }

    /// Waits until no operation is under way in any slot.
    func waitUntilUnused() {
        for slot in 1..<SlotTable.capacity { waitUntilUnused(slot) }
    }

    private func waitUntilUnused(_ slot: Int, _ giveUp: () -> Void = {}) {
        var round = 0
        while starling_word_load(words + 2 * slot + 1) != 0 {
            // One that found the layer just before may begin to wait just after.
            if round % 20 == 0 { giveUp() }
            round += 1
            usleep(500)
        }
    }

    private func release(_ pointer: UInt64) {
        guard let raw = UnsafeRawPointer(bitPattern: UInt(pointer)) else { return }
        Unmanaged<ServedTree>.fromOpaque(raw).release()
    }
}
