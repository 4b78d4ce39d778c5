"""Plots of a saved run, as SVG: every axis begins at zero, every point is a median, and whiskers go from the least to the most."""
import os

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plot

plot.rcParams.update({"svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif", "axes.spines.top": False, "axes.spines.right": False,
                      "svg.hashsalt": "starling"})
# Colours that differ for the colour-blind, too (Okabe and Ito); peers in greys and browns.
STYLES = {
    "full": ("#000000", "s"), "estargz": ("#0072B2", "o"), "optimized": ("#009E73", "D"), "zstd": ("#56B4E9", "^"), "profile": ("#CC79A7", "v"),
    "run": ("#0072B2", "x"), "run-optimized": ("#009E73", "P"), "reference": ("#D55E00", "o"), "reference-optimized": ("#D55E00", "D"),
    "soci": ("#E69F00", "h"), "podman": ("#999999", "s"), "podman-zstd": ("#666666", "^"),
}
PHASES = {"pull": "#0072B2", "create": "#56B4E9", "run": "#E69F00", "ready": "#009E73"}
# One command does it, from the image's name to the first word.
ALL_IN_ONE = "#888888"


class Plots:
    def __init__(self, figures, titles, stem, with_png=False):
        self.figures, self.titles, self.stem, self.with_png = figures, titles, stem, with_png

    def save(self, figure, name):
        path = "%s-%s.svg" % (self.stem, name)
        figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
        if self.with_png:
            figure.savefig(path.replace(".svg", ".png"), dpi=110, bbox_inches="tight")
        plot.close(figure)
        return os.path.basename(path)

    def whisker(self, axes, cell, place, mode, key="seconds", scale=1, is_upright=False):
        colour, marker = STYLES[mode]
        middle, least, most = cell.median(key) / scale, cell.least(key) / scale, cell.most(key) / scale
        spread = [[middle - least], [most - middle]]
        where = {"x": place, "y": middle, "yerr": spread} if is_upright else {"x": middle, "y": place, "xerr": spread}
        axes.errorbar(**where, fmt=marker, color=colour, markersize=5, elinewidth=1.2, capsize=2, markerfacecolor="none" if marker in "xP" else colour)

    def legend(self, figure, axes, modes):
        """Below all, where it hides nothing."""
        for mode in modes:
            colour, marker = STYLES[mode]
            axes.plot([], [], marker, color=colour, label=self.titles[mode], markerfacecolor="none" if marker in "xP" else colour)
        figure.legend(*axes.get_legend_handles_labels(), frameon=False, loc="upper center", bbox_to_anchor=(0.5, 0), ncol=3)

    def images(self, link, modes, key, scale, label, name):
        """A row for each image, a point for each mode; the images by what a full pull takes."""
        images = sorted(self.figures.images(link), key=lambda image: self.figures.median(image, link, "full", key=key) or 0)
        figure, axes = plot.subplots(figsize=(9, 0.45 * len(images) + 1.5))
        for row, image in enumerate(images):
            for step, mode in enumerate(modes):
                cell = self.figures.cell(image, link, mode)
                if cell and cell.rounds:
                    self.whisker(axes, cell, row + 0.7 * ((len(modes) - 1) / 2 - step) / len(modes), mode, key, scale)
            if row:
                axes.axhline(row - 0.5, color="#e8e8e8", linewidth=0.7)
        axes.set_yticks(range(len(images)), images)
        axes.set_xlim(left=0)
        axes.set_ylim(-0.6, len(images) - 0.4)
        axes.grid(axis="x", color="#dddddd", linewidth=0.6)
        axes.set_xlabel(label)
        axes.set_title("%s, cold, %s" % (label.split(",")[0], link), loc="left")
        figure.tight_layout()
        self.legend(figure, axes, modes)
        return self.save(figure, name)

    def phases(self, link, modes, images, name):
        """Where the time goes: bars of pull, create, run and ready, one on the other's end."""
        figure, places = plot.subplots(1, len(images), figsize=(4.2 * len(images), 0.36 * len(modes) + 1.6), sharey=True, squeeze=False)
        for axes, image in zip(places[0], images):
            for row, mode in enumerate(modes):
                cell = self.figures.cell(image, link, mode)
                if not cell or not cell.rounds:
                    axes.text(0, row, " not measured", va="center", fontsize=7)
                    continue
                left = 0
                for phase, colour in PHASES.items():
                    width = cell.median(phase) or 0
                    is_all = phase == "run" and cell.median("pull") is None
                    axes.barh(row, width, left=left, color=ALL_IN_ONE if is_all else colour, height=0.7)
                    left += width
                axes.text(left, row, " %.2f" % cell.median(), va="center", fontsize=7)
            axes.set_title(image, loc="left")
            axes.set_xlabel("seconds")
            axes.set_xlim(0, axes.get_xlim()[1] * 1.08)
        places[0][0].set_yticks(range(len(modes)), [self.titles[mode] for mode in modes])
        places[0][0].invert_yaxis()
        figure.suptitle("Where the time goes, medians, %s" % link, x=0.01, ha="left")
        figure.tight_layout()
        known = {**PHASES, "all before ready, one command": ALL_IN_ONE}
        figure.legend([plot.Rectangle((0, 0), 1, 1, color=colour) for colour in known.values()], known, frameon=False, loc="upper center",
                      bbox_to_anchor=(0.5, 0), ncol=len(known))
        return self.save(figure, name)

    def links(self, images, links, modes, name):
        """A field for each image and link, for times differ by two orders of magnitude between them."""
        figure, places = plot.subplots(len(images), len(links), figsize=(3.1 * len(links), 2.3 * len(images)), squeeze=False)
        for row, image in enumerate(images):
            for axes, link in zip(places[row], links):
                for at, mode in enumerate(modes):
                    cell = self.figures.cell(image, link, mode)
                    if cell and cell.rounds:
                        self.whisker(axes, cell, at, mode, is_upright=True)
                if not axes.containers:
                    axes.set_visible(False)
                axes.set_ylim(bottom=0, top=axes.get_ylim()[1] * 1.1)
                axes.set_xlim(-0.6, len(modes) - 0.4)
                axes.set_xticks([])
                axes.grid(axis="y", color="#dddddd", linewidth=0.6)
                axes.set_title("%s, %s" % (image, link), loc="left", fontsize=8)
            places[row][0].set_ylabel("seconds until ready")
        figure.tight_layout()
        self.legend(figure, places[0][0], modes)
        return self.save(figure, name)

    def shares(self, link, modes, shares, name):
        """From hello to everything: time, and bytes."""
        figure, (left, right) = plot.subplots(1, 2, figsize=(10, 3.8))
        for axes, key, scale in ((left, "seconds", 1), (right, "bytes", 1e6)):
            for mode in modes:
                cells = [(share, cell) for share in shares if (cell := self.figures.cell("fractions", link, mode, share)) and cell.rounds]
                axes.plot([share for share, _ in cells], [cell.median(key) / scale for _, cell in cells], color=STYLES[mode][0], linewidth=1)
                for share, cell in cells:
                    self.whisker(axes, cell, share, mode, key, scale, is_upright=True)
            axes.set_xlim(0, 102)
            axes.set_ylim(bottom=0)
            axes.grid(color="#dddddd", linewidth=0.6)
            axes.set_xlabel("share of the image's bytes that is read, %")
        left.set_ylabel("seconds until it is read")
        right.set_ylabel("MB through the link")
        figure.suptitle("python3's image, of which files by chance are read; cold, %s" % link, x=0.01, ha="left")
        figure.tight_layout()
        self.legend(figure, left, modes)
        return self.save(figure, name)
