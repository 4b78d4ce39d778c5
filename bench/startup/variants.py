"""Variants of an image, in a registry of its own: as it was built, and as each way wants it. Made anew in each run, by the programs under test.

    plain       gzip layers, as they were built
    estargz     `starling convert`
    optimized   `starling optimize`: the start is recorded, and what it reads comes first
    whole       the same with files as a whole (`--whole-files`), which other readers of the format prefetch, too
    zstd        `starling convert --format zstd-chunked`
    profile     estargz, and a profile of its start beside it (`starling profile record --push`)
    soci        plain, and an index of soci-snapshotter's beside it
"""
from owned import Failed, run


class Variants:
    def __init__(self, bench, workplace, registry, program, layout):
        self.bench, self.workplace, self.registry, self.program, self.layout = bench, workplace, registry, program, layout
        self.made, self.wrong = {}, {}

    def name(self, variant):
        """Repository and tag; makes the variant when it is first asked for. One that cannot be made fails each time, with the same reason."""
        if variant in self.wrong:
            raise Failed(self.wrong[variant])
        if variant not in self.made:
            # A repository each: a profile belongs to a manifest's digest, and the same image without one has the same digest.
            self.made[variant] = "startup/%s-%s:latest" % (self.program.name, variant)
            try:
                getattr(self, variant)(self.made[variant])
            except Failed as error:
                self.wrong[variant] = "%s: %s" % (variant, error)
                del self.made[variant]
                raise Failed(self.wrong[variant]) from error
        return self.made[variant]

    def plain(self, name):
        self.registry.push(self.layout, name.removesuffix(":latest"))

    def estargz(self, name):
        self.starling("convert", "--progress", "none", "oci:" + self.layout, self.at(name))

    def zstd(self, name):
        self.starling("convert", "--progress", "none", "--format", "zstd-chunked", "oci:" + self.layout, self.at(name))

    def optimized(self, name):
        self.optimize(name)

    def whole(self, name):
        self.optimize(name, "--whole-files")

    def optimize(self, name, *options):
        self.starling("optimize", "--progress", "none", *self.recorded(), *options, "oci:" + self.layout, self.at(name))

    def profile(self, name):
        self.estargz(name)
        self.starling("profile", "record", "--push", *self.recorded(), self.at(name))

    def soci(self, name):
        self.plain(name)
        self.bench.soci.index(self.bench, self.workplace, self.at(name))

    def at(self, name):
        return "%s/%s" % (self.registry.address, name)

    def recorded(self):
        """How a start is recorded: until the readiness line, all that a program without one does."""
        until = ["--wait-on-line", self.program.ready] if self.program.is_service else ["--period", "60"]
        return ["--network", "none", "--root", self.workplace.path + "/optimizing", *until]

    def starling(self, word, *arguments):
        words = [word, arguments[0]] if word == "profile" else [word]
        run(self.bench.binaries + "/starling", *words, "--plain-http", *arguments[len(words) - 1:], seconds=900)
