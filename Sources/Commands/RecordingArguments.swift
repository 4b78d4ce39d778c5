import ArgumentParser

/// Options of every command that runs an image to see what its start reads.
struct RecordingArguments: ParsableArguments {
    @OptionGroup var registry: RegistryArguments
    @OptionGroup var containerd: ContainerdArguments
    @OptionGroup var storage: StoreArguments
    @OptionGroup var logging: LogArguments
    @OptionGroup var platforms: PlatformArguments
    @OptionGroup var workload: WorkloadArguments
}
