"""A recipe for humans: every choice spelled out, with what it means."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml

from adapters.gen2.files import printable
from adapters.geometry import GROUPINGS

from .inspection import Inspection
from .nouns import UsageError
from .overlaps import Policy, RangeRule
from .readings import Reading
from .subset import TRANSFERS

COMMENTS = {
    "root": "Gen2 root. ROOT on the command line replaces it.",
    "camera": "Camera, as `gen2to3 cameras` lists them; '' to find it from the root's mapper.",
    "calib": "Calibration roots, in the order in which Gen2 asked them; [] to look where the mapper looked.",
    "label": "Calibrations go to <instrument>/calib/<label>; '' for the historical layout, <instrument>/calib.",
    "transfer": f"How files come into the repository: {', '.join(TRANSFERS)}.",
    "types": "Dataset types to convert (globs), [] for all.",
    "exclude": "Paths to leave out (globs, relative to their root).",
    "visits": "Exposures to convert, [] for all.",
    "detectors": "Detectors (Gen3 ids) to convert, raws and masters, [] for all.",
    "related_only": "Leave out masters that none of the chosen exposures needs.",
    "templates": "Path templates of a repository that was not written with the camera's own, by dataset type\n"
    "('raw' too), such as {flat: 'FLAT/%(calibDate)s/FLAT-%(filter)s-%(ccd)03d.fits'}.",
    "allow_outside": "Directories outside of the source to which its links may lead.",
    "readings": f"What validity ranges mean, by dataset type: {', '.join(Reading)}.\n"
    "A type that is not here is detected, for each detector and filter on its own.",
    "overlaps": f"Which master wins where several are valid, by dataset type: {', '.join(Policy)}.",
    "ranges": f"Ranges made from the masters' dates, by dataset type: {', '.join(RangeRule)}.\n"
    "Without one the registry's ranges are taken.",
    "zones": "Time zone of the calibration registry's times, by dataset type, such as {'*': Asia/Tokyo}; '' for the\n"
    "scale of the raws' time column. A type that is not here has the camera's.",
    "validity": "Ranges given by hand (ISO texts, '' for unbounded; `end` is not part of the range), such as\n"
    "- {dataset_type: dark, calib_date: '2014-09-01', detector: 49, begin: '2014-09-01', end: '', scale: utc}",
    "workers": "Processes that read raw headers.",
    "update_instrument": "Change instrument, detector and filter records that differ in the target.",
    "strict": "Write nothing if there is any reject.",
    "split_masters": "Write masters that are one file for many detectors as one file for each detector.\n"
    "The stack's own formatter for images reads those; those that the target has already stay as they are.",
    "max_rows": "Most rows of one table of a registry; a table with more is a reject (about 2 kB of memory each).",
    "supersede": "Write files and ranges that changed since they were converted as new versions, and certify them.",
    "checksum": "Record SHA-256 of all files, and tell by it what changed.",
    "define_visits": "Define visits of the exposures, with regions from the camera's geometry.",
    "visit_grouping": f"How exposures become visits: {', '.join(GROUPINGS)}; '' for the camera's.",
}


def recipe_text(inspection: Inspection) -> str:
    """The recipe that converts what was inspected, as YAML with comments."""
    lines = [
        f"gen2to3 recipe for {inspection.instrument} in {inspection.root}.",
        "Use it with: gen2to3 convert --recipe FILE ROOT REPO",
    ]
    text = _comment(lines)
    notes: dict[str, Iterable[str]] = {
        "types": [f"Found: {', '.join(['raw', *(t.dataset_type for t in inspection.types)])}."],
        "readings": [f"{t.dataset_type}: {t.dialect}; {t.evidence}" for t in inspection.types],
        "overlaps": dict.fromkeys(inspection.folded.get(line, line) for line in inspection.overlaps),
        "templates": [f"{name}: {template}" for name, template in inspection.templates.items()],
    }
    for key, value in inspection.spelled_out().to_dict().items():
        lines = COMMENTS.get(key, "").splitlines()
        text += "\n" + _comment([*lines, *notes.get(key, ())])
        text += yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True)
    return text


def _comment(lines: Iterable[str]) -> str:
    return "".join(f"# {printable(line)}\n" for line in lines)


def write_recipe(inspection: Inspection, path: Path, force: bool = False) -> None:
    """Write the recipe.

    Parameters
    ----------
    inspection
        What was found.
    path
        File to write.
    force
        Overwrite a file that is there.

    Raises
    ------
    UsageError
        The file is there already, or cannot be written.
    """
    try:
        # "x" leaves no gap between looking and writing.
        with open(path, "w" if force else "x", encoding="utf-8") as stream:
            stream.write(recipe_text(inspection))
    except FileExistsError:
        raise UsageError(f"recipe {path} exists already; give --force to overwrite it") from None
    except (OSError, UnicodeEncodeError) as exc:
        raise UsageError(f"recipe {path} cannot be written: {exc}") from None
