"""Curated calibrations: ``gen2to3 curate`` against bare daf_butler.

``python -m benchmarks.curating [--package DIR --camera NAME]``: without a
package one is made with the defects of a camera like HSC, 840 files. Bare
daf_butler ingests and certifies the FITS files that ``curate`` made, from data
IDs in memory. What it does not do is to make them, so the ratio is told with
and without that.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from .measure import CHECKOUT, Clock, clock, peak_rss_mb
from .run import prepare

DATES = ("19700101", "20130131", "20140403", "20140601", "20151106", "20160401", "20161122", "20161223")


def make(root: str) -> dict[str, Any]:
    """Make a package with as many defects as HSC's."""
    from adapters.hsc import HSC
    from fixtures.curated import defects_text, metadata_of, write

    number = 0
    for detector in HSC().instrument.detectors:
        # Focus chips have the first file only.
        for i, date in enumerate(DATES[: 1 if detector.id >= 104 else None]):
            iso = f"{date[:4]}-{date[4:6]}-{date[6:]}T00:00:00"
            boxes = [(k, 7 * k % 4000, 1 + k % 3, 1 + i) for k in range(20)]
            text = defects_text(metadata_of("hsc", detector.id, iso, "defects"), boxes)
            write(Path(root) / "hsc/defects" / detector.full_name.lower() / f"{date}T000000.ecsv", text)
            number += 1
    return {"files": number}


class _Making:
    """Adds up the time that goes into reading texts and making files."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, iterable: Iterable[Any], what: str, total: int) -> Iterable[Any]:
        return self._timed(iter(iterable)) if what == "texts" else iterable

    def _timed(self, items: Iterator[Any]) -> Iterator[Any]:
        while True:
            begin = time.perf_counter()
            try:
                item = next(items)
            except StopIteration:
                return
            finally:
                self.seconds += time.perf_counter() - begin
            yield item


def curate(package: str, camera: str, target: str) -> dict[str, Any]:
    """Curate into a new repository, in one process as the command line does it."""
    from converter.collector import settle
    from converter.curate import curate as run_curate
    from converter.curate_recipe import CurateRecipe

    settle()
    making = _Making()
    with clock() as timed:
        outcome = run_curate(CurateRecipe(package, camera), target, progress=making)
    plan = outcome.plan
    return timed.as_dict() | {
        "making_s": making.seconds,
        "peak_rss_mb": peak_rss_mb(),
        "written": dict(plan.written),
        "rejects": len(plan.rejects),
        "status": outcome.exit_status,
    }


def bare(curated: str, target: str) -> dict[str, Any]:
    """Ingest and certify the same files with bare daf_butler."""
    from lsst.daf.butler import Butler

    from converter.collector import settle

    from .bare import write
    from .content import differences, read_content

    settle()
    with Butler.from_config(curated, writeable=False) as ours:
        Butler.makeRepo(target)
        copies = Path(target) / "made"
        copies.mkdir()
        sources: dict[str, str] = {}
        for dataset_type in ours.registry.queryDatasetTypes():
            refs = ours.query_datasets(dataset_type, "*", find_first=False, limit=None, explain=False)
            for ref in refs:
                sources[str(ref.id)] = str(copies / f"{len(sources)}.fits")
                shutil.copyfile(ours.getURI(ref).ospath, sources[str(ref.id)])
        content = read_content(ours, sources)
        with Butler.from_config(target, writeable=True) as butler:
            timed: Clock = write(butler, content, "move")
            return timed.as_dict() | {"differences": differences(ours, butler)}


STEPS: dict[str, Callable[..., dict[str, Any]]] = {"make": make, "curate": curate, "bare": bare}


def step(name: str, **arguments: Any) -> dict[str, Any]:
    """Run one step in a fresh interpreter."""
    with tempfile.NamedTemporaryFile(suffix=".json") as result:
        words = ["--step", name, json.dumps(arguments), result.name]
        subprocess.run(
            [sys.executable, "-m", "benchmarks.curating", *words], cwd=CHECKOUT, stdout=sys.stderr, check=True
        )
        return dict(json.load(result))


def main(arguments: list[str]) -> int:
    """Run the benchmark.

    Parameters
    ----------
    arguments
        Command line arguments.

    Returns
    -------
    status
        0 if both sides wrote the same, 1 if not, 2 if it could not be run.
    """
    if arguments[:1] == ["--step"]:
        name, words, path = arguments[1:]
        Path(path).write_text(json.dumps(STEPS[name](**json.loads(words))), encoding="utf-8")
        return 0
    parser = argparse.ArgumentParser(prog="python -m benchmarks.curating")
    add = parser.add_argument
    add("--package", type=Path, help="data package (default: one is made, like HSC's)")
    add("--camera", default="hsc", help="whose it is (default %(default)s)")
    add("--repeat", type=int, default=3, help="take the least of so many turns (default %(default)s)")
    add("--dir", type=Path, default=CHECKOUT / "build" / "bench-curating", help="working directory, wiped")
    add("--output", type=Path, default=CHECKOUT / "benchmarks" / "results" / "curating.json")
    given = parser.parse_args(arguments)
    directory = given.dir.absolute()
    try:
        prepare(directory)
    except FileExistsError as exc:
        print(exc, file=sys.stderr)
        return 2
    package = str(given.package.absolute()) if given.package else str(directory / "obs_subaru_data")
    if not given.package:
        step("make", root=package)
    ours, theirs = [], []
    for turn in range(given.repeat):
        target = str(directory / f"curated{turn}")
        ours.append(step("curate", package=package, camera=given.camera, target=target))
        theirs.append(step("bare", curated=target, target=str(directory / f"bare{turn}")))
    best, floor = min(ours, key=lambda r: r["wall_s"]), min(theirs, key=lambda r: r["wall_s"])
    result = {
        "package": "made" if given.package is None else given.package.name,
        "written": best["written"],
        "curate_s": best["wall_s"],
        "making_s": best["making_s"],
        "bare_s": floor["wall_s"],
        "ratio": best["wall_s"] / floor["wall_s"],
        "ratio_without_making": (best["wall_s"] - best["making_s"]) / floor["wall_s"],
        "cpu_ratio": best["cpu_s"] / floor["cpu_s"],
        "peak_rss_mb": best["peak_rss_mb"],
    }
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    number = sum(best["written"].values())
    print(
        f"curate: {number} files in {result['curate_s']:.2f} s, of which {result['making_s']:.2f} s to read "
        f"texts and make FITS files; bare daf_butler with the files made: {result['bare_s']:.2f} s; "
        f"ratio {result['ratio']:.2f}, {result['ratio_without_making']:.2f} without the making "
        "(ours makes the repository and the ledger, and reads back, as well)"
    )
    wrong = [line for r in theirs for line in r["differences"]]
    wrong += [f"curate ended with status {r['status']}" for r in ours if r["status"]]
    for line in wrong:
        print(f"WRONG: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
