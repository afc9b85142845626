"""The same content through the stock commands of the Butler, on a sample.

Masters take one ``butler ingest-files`` per dataset type and RUN (a command
takes one of each) and one ``butler certify-calibrations`` per type, RUN and
validity range (a command gives one range to all that it finds). Raws take one
``ingest-files`` in all. Dimension records, dataset types and the CALIBRATION
collection have no command without the stack; they are written before, and
their time counts for neither side.

How the full size is estimated: a command for masters costs the same however
many of them there are, so their time is multiplied by the number of commands;
the one command for raws is timed with one file and with the sample, and what
a file costs is multiplied by the number of raws. Nothing is added for tables
that grow, nor for making the tables and the list of commands, so the
estimate is a lower bound.

The commands import the formatter, which fails for those of the stack where
the stack is not installed. `FORMATTER` takes their place: files are not read,
so it costs the same. It does not accept ``.fits``, which matters in any mode
but ``direct``.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from lsst.daf.butler import Butler, DatasetRef

from .bare import insert_dimensions, register
from .content import Content, Dataset, Range
from .measure import Clock, clock

FORMATTER = "lsst.daf.butler.formatters.json.JsonFormatter"
MODES = ("direct",)


@dataclass
class Timing:
    """What the commands of one kind took.

    Parameters
    ----------
    count
        Commands that were run.
    datasets
        Datasets in them.
    clock
        Sum of their times.
    """

    count: int = 0
    datasets: int = 0
    clock: Clock = field(default_factory=Clock)

    def add(self, datasets: int, timed: Clock) -> None:
        """Add one command."""
        self.count += 1
        self.datasets += datasets
        self.clock.wall_s += timed.wall_s
        self.clock.cpu_s += timed.cpu_s

    def per_command(self, count: int) -> Clock:
        """Estimate for that many commands of the same kind."""
        factor = count / self.count if self.count else 0.0
        return Clock(self.clock.wall_s * factor, self.clock.cpu_s * factor)


@dataclass
class Estimate:
    """Times of the sample, and what follows for the full size.

    Parameters
    ----------
    one_raw, raws, ingest, certify
        Times of the sample.
    all_raws, all_ingests, all_certifies
        Raws and commands at full size.
    """

    one_raw: Timing = field(default_factory=Timing)
    raws: Timing = field(default_factory=Timing)
    ingest: Timing = field(default_factory=Timing)
    certify: Timing = field(default_factory=Timing)
    all_raws: int = 0
    all_ingests: int = 0
    all_certifies: int = 0

    def full(self) -> Clock:
        """Estimate for the full size."""
        parts = [self.ingest.per_command(self.all_ingests), self.certify.per_command(self.all_certifies)]
        if self.raws.count:
            parts.append(
                Clock(
                    _line(
                        self.one_raw.clock.wall_s, self.raws.clock.wall_s, self.raws.datasets, self.all_raws
                    ),
                    _line(self.one_raw.clock.cpu_s, self.raws.clock.cpu_s, self.raws.datasets, self.all_raws),
                )
            )
        return Clock(sum(p.wall_s for p in parts), sum(p.cpu_s for p in parts))

    def sentence(self) -> str:
        """What was run and how it was scaled."""
        return (
            f"sample: {self.ingest.count} ingest-files and {self.certify.count} certify-calibrations for "
            f"{self.ingest.datasets} masters, scaled to {self.all_ingests} and {self.all_certifies} commands; "
            f"ingest-files with 1 and with {self.raws.datasets} raws, scaled to {self.all_raws} raws; "
            f"formatter {FORMATTER} in place of those of the stack"
        )


def _line(one: float, sample: float, datasets: int, wanted: int) -> float:
    """Time for ``wanted`` files, from the time for one and that for a sample."""
    slope = max(0.0, sample - one) / (datasets - 1) if datasets > 1 else 0.0
    return one + slope * (wanted - 1)


def run_commands(root: Path, content: Content, sample: int, transfer: str, tables: Path) -> Estimate:
    """Make a repository and fill it with a sample.

    Parameters
    ----------
    root
        A repository that was just made.
    content
        What the sample is taken from.
    sample
        About how many masters, and how many raws.
    transfer
        One of `MODES`.
    tables
        Directory for the table files.
    """
    with Butler.from_config(str(root), writeable=True) as butler:
        register(butler, content)
        insert_dimensions(butler, content)
    tables.mkdir(parents=True, exist_ok=True)
    result = Estimate()
    groups: dict[tuple[str, str], list[Dataset]] = defaultdict(list)
    for dataset in content.datasets:
        groups[dataset.dataset_type.name, dataset.run].append(dataset)
    raws = {key: group for key, group in groups.items() if not group[0].dataset_type.isCalibration()}
    masters = {key: group for key, group in groups.items() if key not in raws}
    ranges = _ranges(content)
    result.all_raws = sum(map(len, raws.values()))
    result.all_ingests = len(masters)
    result.all_certifies = sum(len(ranges.get(key, ())) for key in masters)
    for (_, run), group in raws.items():
        # The first file alone makes the RUN; both commands start and open the same.
        for timing, part in ((result.one_raw, group[:1]), (result.raws, group[1 : sample + 1])):
            if part:
                timing.add(len(part), _ingest(root, run, part, transfer, tables / "raws.csv"))
        break  # cameras have one RUN for raws
    for (name, run), group in _choose(masters, ranges, sample).items():
        result.ingest.add(len(group), _ingest(root, run, group, transfer, tables / f"{name}.csv"))
        (key,) = ranges[name, run]
        words: list[str] = [str(root), run, key.collection, name]
        for option, time in (("--begin-date", key.timespan.begin), ("--end-date", key.timespan.end)):
            if time is not None:
                time.precision = 9
                words += [option, time.isot]
        result.certify.add(len(group), _butler("certify-calibrations", *words))
    return result


def _ranges(content: Content) -> dict[tuple[str, str], set[Range]]:
    """Ranges of the datasets of each type and RUN: a command for each is needed at least."""
    result: dict[tuple[str, str], set[Range]] = defaultdict(set)
    for key, members in content.ranges.items():
        for run in {run for run, _ in members}:
            result[key.dataset_type.name, run].add(key)
    return result


def _choose(
    masters: dict[tuple[str, str], list[Dataset]], ranges: dict[tuple[str, str], set[Range]], sample: int
) -> dict[tuple[str, str], list[Dataset]]:
    """Whole groups, evenly spread over all, until the sample is full.

    What a RUN holds can be certified by one command only if it has one range.
    """
    possible = [key for key in sorted(masters) if len(ranges.get(key, ())) == 1]
    mean = sum(len(masters[key]) for key in possible) / max(1, len(possible))
    count = min(len(possible), max(1, round(sample / max(1.0, mean))))
    chosen = [possible[i * len(possible) // count] for i in range(count)]
    return {key: masters[key] for key in chosen}


def _ingest(root: Path, run: str, group: list[Dataset], transfer: str, table: Path) -> Clock:
    names = group[0].dataset_type.dimensions.required
    free = [name for name in names if name != "instrument"]
    with table.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", *free])
        writer.writerows([d.path, *(d.data_id[name] for name in free)] for d in group)
    options = {
        "--formatter": FORMATTER,
        "--id-generation-mode": "dataid_type_run",
        "--data-id": f"instrument={group[0].data_id['instrument']}",
        "--transfer": transfer,
    }
    words = [str(root), group[0].dataset_type.name, run, str(table)]
    return _butler("ingest-files", *(w for option in options.items() for w in option), *words)


def _butler(*words: str) -> Clock:
    beside = Path(sys.executable).with_name("butler")
    program = str(beside) if beside.exists() else shutil.which("butler") or "butler"
    with clock() as timed:
        done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"butler {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return timed


def check_sample(butler: Butler, content: Content, estimate: Estimate) -> list[str]:
    """Whether the commands wrote what the conversion did, as far as they went.

    Parameters
    ----------
    butler
        The repository that the commands filled.
    content
        Content of the converted repository.
    estimate
        What was run.
    """
    expected = {(d.dataset_type.name, d.run, d.data_id): d.id for d in content.datasets}
    certified = {
        (key.collection, key.timespan, expected[key.dataset_type.name, run, data_id])
        for key, members in content.ranges.items()
        for run, data_id in members
    }
    right = set(expected.values())
    ids: set[str] = set()
    found: set[tuple[object, ...]] = set()
    for dataset_type in content.dataset_types:
        ids |= {str(r.id) for r in _query(butler, dataset_type.name)}
        if dataset_type.isCalibration():
            for association in butler.registry.queryDatasetAssociations(dataset_type, content.calibrations):
                found.add((association.collection, association.timespan, str(association.ref.id)))
    problems = []
    wanted = estimate.one_raw.datasets + estimate.raws.datasets + estimate.ingest.datasets
    if len(ids) != wanted or not ids <= right:
        problems.append(f"commands: {len(ids & right)} of {wanted} datasets, {len(ids - right)} others")
    if len(found) != estimate.certify.datasets or not found <= certified:
        problems.append(
            f"commands: {len(found & certified)} of {estimate.certify.datasets} ranges as they should be"
        )
    return problems


def _query(butler: Butler, name: str) -> Iterable[DatasetRef]:
    return butler.query_datasets(name, collections="*", find_first=False, limit=None, explain=False)
