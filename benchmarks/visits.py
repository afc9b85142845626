"""``python -m benchmarks.visits``: defining visits against the bare inserts of the same rows.

Two repositories get the same exposures of an HSC-like survey. In one, visits
are planned and written as `convert` does it; in the other, the same rows, made
before the clock runs, are inserted with bare daf_butler. Both take turns
batch by batch, so that other work on the machine slows both.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lsst.daf.butler import Butler

from adapters.registry import get_camera
from converter.nouns import ExposureRecord
from converter.operations import DefineVisits, InsertExposures
from converter.planning.datasets import chunks
from converter.planning.instrument import plan_instrument
from converter.planning.visits import plan_visits
from converter.target import TargetState
from converter.timespans import DAY, SECOND
from converter.writers.batch import execute
from converter.writers.visits import visit_rows

from .measure import Clock, clock, peak_rss_mb

FIRST_DAY = 16_000
"""Days since 1970: 2013-10-22."""

PER_NIGHT = 250


def exposures(number: int) -> Iterator[ExposureRecord]:
    """Exposures of a survey: everywhere on the sky, at any angle."""
    for i in range(number):
        night, place = divmod(i, PER_NIGHT)
        day = 20_000_101 + 10_000 * (night // 336) + 100 * (night // 28 % 12) + night % 28
        begin = (FIRST_DAY + night) * DAY + place * 200 * SECOND
        fields = {
            "id": i + 1,
            "obs_id": f"HSCA{i + 1:08d}",
            "day_obs": day,
            "group": str(i + 1),
            "physical_filter": "HSC-I",
            "exposure_time": 150.0,
            "dark_time": 150.0,
            "observation_type": "science",
            "observation_reason": "science",
            "seq_num": i + 1,
            "seq_start": i + 1,
            "seq_end": i + 1,
            "target_name": "SURVEY",
            "science_program": "o15406",
            "tracking_ra": i * 137.508 % 360,
            "tracking_dec": i * 7.13 % 90 - 30,
            "sky_angle": i * 31.7 % 360,
            "azimuth": 10.0,
            "zenith_angle": 30.0,
        }
        yield ExposureRecord(fields, begin, begin + 150 * SECOND)


def measure(number: int, directory: Path) -> dict[str, Any]:
    """Define visits in one repository, insert their rows in another, and compare.

    Parameters
    ----------
    number
        Number of visits.
    directory
        Where the repositories are made.
    """
    camera = get_camera("hsc")
    roots = [directory / "ours", directory / "bare"]
    instrument, _, _ = plan_instrument(camera.instrument, TargetState(), update=False)
    assert instrument is not None
    records = list(exposures(number))
    for root in roots:
        Butler.makeRepo(root)
        with Butler.from_config(root, writeable=True) as butler:
            execute(butler, [instrument], "direct")
            for batch in chunks(records):
                execute(butler, [InsertExposures(camera.instrument.name, tuple(batch))], "direct")
    ours, bare = (Butler.from_config(root, writeable=True) for root in roots)
    with ours, bare:
        with clock() as planning:
            plan = plan_visits(camera, ours, range(1, number + 1), [])
        writing, inserting = Clock(), Clock()
        for operation in plan.operations:
            rows = visit_rows(operation)
            with clock() as timed:
                execute(ours, [operation], "direct")
            _add(writing, timed)
            with clock() as timed:
                _insert(bare, operation, rows)
            _add(inserting, timed)
        with clock() as again:
            second = plan_visits(camera, ours, range(1, number + 1), [])
        assert (len(second.operations), second.existing, second.conflicts) == (0, number, [])
        counts = [_count(butler) for butler in (ours, bare)]
    ours_s, ours_cpu = planning.wall_s + writing.wall_s, planning.cpu_s + writing.cpu_s
    return {
        "visits": number,
        "detectors": len(camera.instrument.detectors),
        "rows": counts[0],
        "equal": counts[0] == counts[1],
        "plan_s": planning.wall_s,
        "ours_s": ours_s,
        "ours_cpu_s": ours_cpu,
        "bare_s": inserting.wall_s,
        "bare_cpu_s": inserting.cpu_s,
        "ratio": ours_s / inserting.wall_s,
        "cpu_ratio": ours_cpu / inserting.cpu_s,
        "second_plan_s": again.wall_s,
        "peak_rss_mb": peak_rss_mb(),
    }


def _insert(butler: Butler, operation: DefineVisits, rows: Mapping[str, list[dict[str, Any]]]) -> None:
    with butler.transaction():
        for number, name in operation.systems:
            record = {"instrument": operation.instrument, "id": number, "name": name}
            butler.registry.syncDimensionData("visit_system", record)
        for element, some in rows.items():
            butler.registry.insertDimensionData(element, *some)


def _add(total: Clock, timed: Clock) -> None:
    total.wall_s += timed.wall_s
    total.cpu_s += timed.cpu_s


def _count(butler: Butler) -> int:
    elements = ("visit", "visit_definition", "visit_system_membership", "visit_detector_region")
    with butler.query() as query:
        found = query.where(instrument="HSC")
        return sum(found.dimension_records(element).count() for element in elements)


def main(arguments: list[str]) -> int:
    """Measure and print one line.

    Parameters
    ----------
    arguments
        Those of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.visits", description=__doc__)
    parser.add_argument("--visits", type=int, default=10_000)
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    options = parser.parse_args(arguments)
    directory = Path(tempfile.mkdtemp(prefix="gen2to3-visits-"))
    try:
        result = measure(options.visits, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if options.output:
        options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(
        f"{result['visits']} visits x {result['detectors']} detectors: {result['ours_s']:.1f} s, "
        f"bare inserts of the same rows {result['bare_s']:.1f} s, ratio {result['ratio']:.2f} "
        f"(processor time {result['cpu_ratio']:.2f}); planned again in {result['second_plan_s']:.1f} s, "
        f"{result['peak_rss_mb']:.0f} MiB at most"
    )
    if not result["equal"]:
        print("the two repositories do not have the same number of records", file=sys.stderr)
    return 0 if result["equal"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
