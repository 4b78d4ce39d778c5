import FuzzSurfaces
import Glibc

// libFuzzer brings `main` and its arguments; which surface is meant comes by the environment, because libFuzzer starts its own
// program again to minimize and to merge.
private let surface: Surface = {
    let name = getenv("FUZZ_SURFACE").map { String(cString: $0) } ?? ""
    guard let surface = Surface.all.first(where: { $0.name == name }) else {
        print("FUZZ_SURFACE must be one of: " + Surface.all.map(\.name).joined(separator: " "))
        exit(2)
    }
    return surface
}()

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    do {
        try surface.run(UnsafeRawBufferPointer(start: data, count: size))
    } catch {
        fatalError("broken promise: \(error)")
    }
    return 0
}
