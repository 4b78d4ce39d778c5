import ArgumentParser

/// The root command.
struct Starling: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "starling",
        abstract: "Container images that start before they are pulled.",
        discussion: """
            Examples:
              starling convert 127.0.0.1:5000/python:3 127.0.0.1:5000/python:3-esgz
              starling run --rm 127.0.0.1:5000/python:3-esgz python3 -c 'print("hello")'

            References are docker's: [REGISTRY/]REPOSITORY[:TAG][@DIGEST]. Results go to standard output, everything else to standard error.
            """,
        version: Version.text,
        subcommands: [
            Convert.self, Optimize.self, Profile.self, Run.self, Exec.self, ContainerList.self, Logs.self, Trace.self, Attach.self,
            Stop.self, Kill.self,
            Start.self, Wait.self, Remove.self, Images.self, RemoveImage.self, Mount.self, Unmount.self, Store.self, Pull.self,
            Materialize.self, Status.self, Cache.self, Inspect.self, List.self, Cat.self, Verify.self, Check.self, TOCDigest.self,
        ])
}
