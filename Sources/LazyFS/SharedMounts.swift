internal import Glibc
internal import HostSystem

/// Copies of another process's mounts, as they came; see `MountSharing`.
struct SharedMounts: ~Copyable {
    /// Ends when the other process does.
    let connection: OwnedDescriptor
    /// What serves them, and what it shows; nil when nothing has to serve.
    let served: MountKeeping.Inherited?
    /// Where they are attached, topmost first.
    let directories: [String]

    /// Asks whoever listens at `path`, and attaches what comes.
    ///
    /// - Parameter place: what the paths of the directories begin with at which it is attached; they are made.
    /// - Throws: `HostError`, ENOENT and ECONNREFUSED when nobody listens.
    static func take(from path: String, at place: String) throws(HostError) -> SharedMounts {
        let connection = try ShareMessage.connect(to: path, saying: ShareMessage.join)
        let (head, device) = try ShareMessage.packet(from: connection.raw, path)
        let served = try served(head, device.map { OwnedDescriptor($0) }, path)
        let directories = try attach(from: connection.raw, path, at: place)
        return SharedMounts(connection: connection, served: served, directories: directories)
    }

    private static func attach(from connection: Int32, _ path: String, at place: String) throws(HostError) -> [String] {
        var attached: [String] = []
        do throws(HostError) {
            while true {
                let (word, descriptor) = try ShareMessage.packet(from: connection, path)
                if word == ShareMessage.done { return attached }
                guard word == ShareMessage.mount, let descriptor else { throw ShareMessage.unknown(path) }
                let mount = DetachedMount(OwnedDescriptor(descriptor))
                let target = "\(place)-\(attached.count)"
                try Files.makeDirectories(target, mode: 0o755)
                try mount.attach(at: target)
                attached.append(target)
            }
        } catch {
            for target in attached { try? Mounts.unmount(target) }
            throw error
        }
    }

    private static func served(
        _ head: [UInt8], _ device: consuming OwnedDescriptor?, _ path: String
    ) throws(HostError) -> MountKeeping.Inherited? {
        if head == ShareMessage.whole { return nil }
        guard let device, let ledger = SlotLedger.parse(String(decoding: head, as: UTF8.self)) else { throw ShareMessage.unknown(path) }
        let greeting = ledger.mount.greeting
        return MountKeeping.Inherited(device: FuseDevice(device, greeting: greeting), contents: ledger)
    }
}
