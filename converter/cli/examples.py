"""Examples of all commands: what `--help` shows, and what the tests run.

``gen2`` is a Gen2 repository, ``repo`` the Butler repository made of it,
``cp`` another one for masters of the DECam Community Pipeline.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """A call of a command.

    Parameters
    ----------
    words
        What is typed.
    does
        What it is good for.
    needs
        What it takes besides, if it cannot be run just so: then the tests
        only look whether its options are right.
    """

    words: str
    does: str
    needs: str = ""


EXAMPLES: dict[str, tuple[Example, ...]] = {
    "cameras": (
        Example("gen2to3 cameras", "All cameras, with the Gen2 mappers by which they are found."),
        Example("gen2to3 cameras --json", "The same for a program."),
    ),
    "inspect": (
        Example("gen2to3 inspect gen2", "What is there, and every row and file that is wrong."),
        Example(
            "gen2to3 inspect gen2 --recipe recipe.yaml",
            "Write a recipe with all choices as they are now, to be edited.",
        ),
        Example(
            "gen2to3 inspect gen2 --calib gen2/CALIB --types 'bias,dark'",
            "Only two dataset types, of a calibration root that is named.",
        ),
    ),
    "plan": (
        Example("gen2to3 plan gen2 repo", "Everything that `convert` would write, skip and reject."),
        Example("gen2to3 plan gen2 repo --recipe recipe.yaml --verbose", "By a recipe, with every decision."),
        Example(
            "gen2to3 plan gen2 repo --overlaps flat=latest-calib-date",
            "What comes of it if the latest flat wins where several are valid.",
        ),
    ),
    "convert": (
        Example("gen2to3 convert gen2 repo --recipe recipe.yaml", "By a recipe of `inspect`; then verify."),
        Example("gen2to3 convert gen2 repo --report report.html", "And a page to look at."),
        Example(
            "gen2to3 convert gen2 part --visits 9040..9046 --related-only",
            "Some exposures, and the masters that they need.",
        ),
        Example(
            "gen2to3 convert gen2 repo --supersede",
            "Again, later: what is new, and what changed since as new versions.",
        ),
        Example(
            "gen2to3 convert gen2 copied --transfer copy --types raw,bias --workers 2 --json",
            "Copies instead of links, two types only, headers read by two processes, JSON for a program.",
        ),
    ),
    "import-calibs": (
        Example(
            "gen2to3 import-calibs cp delivery --camera decam --validity rule:previous-afternoon --dry-run",
            "Masters of a delivery, each valid from the noon before its night to the next one's: the plan.",
        ),
        Example(
            "gen2to3 import-calibs cp delivery --camera decam --validity ranges.csv",
            "With ranges from a table.",
            needs="a table of ranges",
        ),
        Example(
            "gen2to3 import-calibs cp delivery --validity 'gen3:other#DECam/calib' --declaration archive.yaml",
            "With ranges of another repository, for files that a declaration of your own describes.",
            needs="another repository, and a declaration",
        ),
    ),
    "curate": (
        Example(
            "gen2to3 curate cp obs_decam_data --camera decam",
            "Defects, crosstalk and linearizers of a data package.",
        ),
        Example(
            "gen2to3 curate cp --camera-file camera_DECam.fits",
            "A camera geometry that the stack wrote.",
            needs="a file that only the stack can write",
        ),
        Example(
            "gen2to3 curate cp obs_decam_data --label curated-2026 --make-default",
            "A newer package beside the old one, and searched before it.",
        ),
    ),
    "register": (
        Example("gen2to3 register repo --camera hsc", "Add filters and detectors that the repository lacks."),
        Example("gen2to3 register repo --camera hsc --update", "Change what differs, too."),
    ),
    "bless": (
        Example("gen2to3 bless repo --express HSC/calib/gen2 --output suite.yaml", "A plan to begin with."),
        Example("gen2to3 bless repo suite.yaml --extend --dry-run", "What a plan would change."),
        Example(
            "gen2to3 bless repo suite.yaml --extend --make-default", "Carry it out, all of it or nothing."
        ),
        Example(
            "gen2to3 bless repo --decertify --collection HSC/calib/gen2 --type flat --detectors 49 "
            "--begin 2014-10-01",
            "Take the flats of one detector off from that day on.",
        ),
    ),
    "undo": (
        Example("gen2to3 undo repo --dry-run", "What the last conversion made, and what would go."),
        Example("gen2to3 undo repo", "Take it back."),
        Example("gen2to3 undo repo 1", "Take back the first one, if nothing later stands on it."),
    ),
    "verify": (
        Example("gen2to3 verify repo", "By the recipe of the last conversion."),
        Example("gen2to3 verify repo gen2 --visits 9040..9046 --types 'bias,flat'", "A part of it."),
        Example("gen2to3 verify repo --files", "Whether all files are there, with the size that they had."),
        Example("gen2to3 verify repo --files --checksum --repair", "Read them; put back what is wrong."),
    ),
    "explain": (
        Example(
            "gen2to3 explain repo bias --detector 49 --exposure 9040", "Why this bias, and what Gen2 took."
        ),
        Example(
            "gen2to3 explain repo flat --detector 49 --physical-filter HSC-R --time 2014-10-01T06:00:00",
            "For an instant (UTC) at which nothing was observed.",
        ),
    ),
    "status": (
        Example("gen2to3 status repo", "One screen: records, collections, ranges, conversions, hand-offs."),
        Example("gen2to3 status repo --verbose", "All conversions, not only the last ones."),
    ),
    "report": (
        Example("gen2to3 report repo -o report.html", "All of it on one page that needs no network."),
        Example(
            "gen2to3 report repo gen2 -o report.html --recipe recipe.yaml",
            "Compared with a Gen2 repository that is named.",
        ),
    ),
    "completion": (
        Example('eval "$(gen2to3 completion bash)"', "For this shell; put it into ~/.bashrc for all."),
        Example("gen2to3 completion zsh > ~/.zfunc/_gen2to3", "For zsh, in a directory of its fpath."),
        Example(
            "gen2to3 completion fish > ~/.config/fish/completions/gen2to3.fish", "For fish, in all sessions."
        ),
    ),
}
"""By command."""
