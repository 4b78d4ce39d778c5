public import Digests

/// Why a container was not started.
public enum ContainerError: Error, Equatable, CustomStringConvertible {
    /// Neither the image nor the command line says what to run.
    case noCommand(image: String)
    /// The image's /etc/passwd has no such user.
    case unknownUser(String, image: String)
    /// The image's /etc/group has no such group.
    case unknownGroup(String, image: String)
    /// The working directory is not an absolute path.
    case workingDirectory(String, image: String)
    /// The program is not in the image.
    case commandNotFound(String, image: String)
    /// The program is there but is no executable file.
    case commandNotExecutable(String, image: String, reason: String)
    /// A terminal was asked for without having one.
    case noTerminal
    /// A device that is to be passed on is not there, or is none.
    case noDevice(String)
    /// A file or directory that is to be mounted is not there.
    case noMountSource(String, destination: String)
    /// A profile of AppArmor was asked for on a machine without it.
    case noAppArmor(profile: String)
    /// What an image has in the place of a new volume cannot be copied.
    case volume(String, reason: String)
    /// Another container has the name.
    case nameTaken(String, by: String)
    /// No container is called so.
    case noContainer(String)
    /// More than one container's id begins so.
    case ambiguous(String)
    /// Something that only a container that has ended can take.
    case isRunning(String)
    /// Something that only a running container can take.
    case notRunning(String)
    /// The container does not end.
    case doesNotEnd(String)
    /// The output of a container in the foreground was its caller's.
    case noLog(String)
    /// The runtime could not start the container.
    case notStarted(reason: String, exitStatus: Int32)
    /// A container's network cannot be set up.
    case network(String)
    /// The runtime has refused.
    case runtime(String)
    /// No program that could be the first process.
    case noInit
    /// A layer's uncompressed bytes are not what the image's configuration promises.
    case diffID(layer: Digest, expected: Digest, actual: Digest)
    /// A layer is damaged.
    case layer(Digest, reason: String)
    /// An entry of a layer that cannot be unpacked.
    case layerEntry(layer: Digest, entry: String, reason: String)

    /// One line for the user.
    public var description: String {
        switch self {
        case .noCommand(let image): "\(image) names no command to run; give one after the image"
        case .unknownUser(let user, let image): "user \"\(user)\" is not in /etc/passwd of \(image); use a number or a name that is there"
        case .unknownGroup(let group, let image):
            "group \"\(group)\" is not in /etc/group of \(image); use a number or a name that is there"
        case .workingDirectory(let path, let image): "the working directory \"\(path)\" of \(image) is not an absolute path"
        case .commandNotFound(let command, let image): "\"\(command)\" not found in \(image)"
        case .commandNotExecutable(let command, let image, let reason): "cannot execute \"\(command)\" in \(image): \(reason)"
        case .noTerminal: "-t needs a terminal on standard input and output; leave it out in scripts and pipes"
        case .noDevice(let path): "--device \(path): no such device"
        case .noMountSource(let source, let destination):
            "cannot mount \(source) at \(destination): it is not there (-v makes a missing directory, --mount does not)"
        case .noAppArmor(let profile):
            "--security-opt apparmor=\(profile): this kernel has no AppArmor, or it is off; leave the option out, or say apparmor=unconfined"
        case .volume(let place, let reason): "cannot copy the image's \(place) into a new volume: \(reason)"
        case .nameTaken(let name, let id):
            "the name \"\(name)\" is taken by container \(id.prefix(ContainerID.shortLength)); remove that (`starling rm`), or choose another"
        case .noContainer(let text): "no container \"\(text)\"; `starling ps -a` lists all"
        case .ambiguous(let text): "more than one container's id begins with \(text); give more of it"
        case .isRunning(let name): "container \(name) is running; stop it, or remove it with -f"
        case .notRunning(let name): "container \(name) is not running"
        case .doesNotEnd(let name):
            "container \(name) has been killed and does not end; what it waits for may be a disk or a network file system"
        case .noLog(let name): "container \(name) ran in the foreground: its output went there and was not kept; -d keeps it"
        case .network(let reason): "--network bridge: \(reason)"
        case .notStarted(let reason, _), .runtime(let reason): reason
        case .noInit: "--init needs a small init to put into the container: apt-get install tini"
        case .diffID(let layer, let expected, let actual):
            "layer \(layer): its uncompressed bytes have digest \(actual), the image's configuration says \(expected)"
        case .layer(let layer, let reason): "layer \(layer): \(reason)"
        case .layerEntry(let layer, let entry, let reason): "layer \(layer): entry \"\(entry)\": \(reason)"
        }
    }

    /// Exit status as docker gives it: 127 not found, 126 not executable, 125 anything else.
    public var exitStatus: Int32 {
        switch self {
        case .commandNotFound: 127
        case .commandNotExecutable: 126
        case .notStarted(_, let status): status
        default: 125
        }
    }
}
