internal import ContainerdAPI
internal import Digests
internal import GRPCCore
internal import GRPCProtobuf
internal import OCI
internal import SwiftProtobuf

// Names of images.
extension Containerd {
    /// What `name` means; nil when the namespace has no such image.
    func target(of name: String) async throws -> Descriptor? {
        let images = Containerd_Services_Images_V1_Images.Client(wrapping: client)
        do {
            let image = try await images.get(request: request(.with { $0.name = name }), options: Self.shortCall).image
            return Descriptor(
                mediaType: image.target.mediaType, digest: try Digest(parsing: image.target.digest), size: image.target.size)
        } catch let error as RPCError where error.code == .notFound {
            return nil
        } catch {
            throw ContainerdError.failed("look up image", about: name, error)
        }
    }

    /// Makes `name` mean `target`, whether the name is new or not.
    ///
    /// - Parameter labels: of the record; those that are not named stay.
    func record(name: String, target: Descriptor, labels: [String: String] = [:]) async throws {
        let images = Containerd_Services_Images_V1_Images.Client(wrapping: client)
        let image = Containerd_Services_Images_V1_Image.with {
            $0.name = name
            $0.target = Containerd_Types_Descriptor(target)
            $0.labels = labels
        }
        // Removed between the two calls: once more. Who removes it twice wants it gone.
        for _ in 0..<2 {
            do {
                _ = try await images.create(request: request(.with { $0.image = image }), options: Self.shortCall)
                return
            } catch let error as RPCError where error.code == .alreadyExists {
                let update = Containerd_Services_Images_V1_UpdateImageRequest.with {
                    $0.image = image
                    $0.updateMask.paths = ["target"] + labels.keys.sorted().map { "labels.\($0)" }
                }
                do {
                    _ = try await images.update(request: request(update), options: Self.shortCall)
                    return
                } catch let error as RPCError where error.code == .notFound {
                    continue
                } catch {
                    throw ContainerdError.failed("update image", about: name, error)
                }
            } catch {
                throw ContainerdError.failed("record image", about: name, error)
            }
        }
        throw ContainerdError.call("record image", about: name, reason: "someone removes it at the same time")
    }
}
