"""What a saved run has, as series that can be asked: of one image, link and mode (and share, where only a part is read)."""
import json
import math
import statistics

COLUMNS = ("pull", "create", "run", "ready")


class Cell:
    """One system's rounds."""

    def __init__(self, result):
        self.image, self.link, self.mode, self.system = (result.get(key) for key in ("image", "link", "mode", "system"))
        self.share, self.rounds, self.note = result.get("share"), result["rounds"], result.get("note")

    def values(self, key="seconds"):
        return [figures[key] for figures in self.rounds if figures.get(key) is not None]

    def median(self, key="seconds"):
        return statistics.median(self.values(key)) if self.values(key) else None

    def least(self, key="seconds"):
        return min(self.values(key))

    def most(self, key="seconds"):
        return max(self.values(key))


class Figures:
    """One run, or several of the same machine whose rounds are put together."""

    def __init__(self, paths):
        self.runs, self.cells, self.layers = [], {}, {}
        for path in paths:
            with open(path) as file:
                run = json.load(file)
            self.runs.append(run)
            for result in run["results"]:
                if result["kind"] == "image":
                    self.layers[result["image"]] = result["layers"]
                elif result["kind"] == "start":
                    self.add(Cell(result))

    def add(self, cell):
        key = cell.image, cell.link, cell.mode, cell.share
        if key in self.cells:
            self.cells[key].rounds += cell.rounds
            self.cells[key].note = self.cells[key].note or cell.note
        else:
            self.cells[key] = cell

    def cell(self, image, link, mode, share=None):
        return self.cells.get((image, link, mode, share))

    def median(self, image, link, mode, share=None, key="seconds"):
        cell = self.cell(image, link, mode, share)
        return cell.median(key) if cell else None

    def images(self, link):
        return [image for image in self.layers if any(key[:2] == (image, link) for key in self.cells)]

    def modes(self, link, images=None):
        """Modes that have figures over a link, in the order in which they were measured."""
        found = {}
        for (image, other, mode, share), cell in self.cells.items():
            if other == link and share is None and cell.rounds and (images is None or image in images):
                found[mode] = cell.system
        return found

    def links(self, image):
        return list(dict.fromkeys(link for name, link, _, share in self.cells if name == image and share is None))

    def ratio(self, image, link, mode, base="full", key="seconds", share=None):
        value, other = self.median(image, link, mode, share, key), self.median(image, link, base, share, key)
        return value / other if value is not None and other else None

    def mean_ratio(self, link, mode, images, key="seconds", base="full"):
        """The geometric mean over the images that have both, and how many those are."""
        found = [ratio for image in images if (ratio := self.ratio(image, link, mode, base, key))]
        return (math.exp(statistics.mean(map(math.log, found))) if found else None), len(found)
