/// Memory that grows to the largest size asked for and is freed with its owner; contents do not survive growing.
struct ScratchBuffer: ~Copyable {
    private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    deinit { memory.deallocate() }

    /// At least `size` bytes, valid until the next call and while the owner lives.
    mutating func bytes(_ size: Int) -> UnsafeMutableRawBufferPointer {
        if memory.count < size {
            memory.deallocate()
            memory = .allocate(byteCount: size, alignment: 16)
        }
        return memory
    }
}
