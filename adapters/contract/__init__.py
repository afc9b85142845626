"""What any camera has to pass: a pytest suite to be subclassed.

Three lines, in a test module of the package that declares the camera::

    from adapters.contract import CameraContract

    class TestTinyCam(CameraContract):
        camera = TinyCam()
        make = staticmethod(make_repository)  # writes a Gen2 repository, gives its root

The suite checks the declaration by itself, the path templates, the lookup
against brute-force SQL, a conversion into a real Butler, and that bad rows
are rejected without harm to the good ones.

pytest and hypothesis are needed, which are development dependencies
(``pip install gen2to3[dev]``). Nothing else in `adapters` imports this
package, and it alone may import more of `converter` than nouns and times:
what a camera promises shows only in a whole conversion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from converter.convert import Outcome

from ..camera import Camera
from . import bad_rows, conversion, declaration, lookups, paths
from .repository import Repository, digest

__all__ = ["CameraContract", "Converted", "Repository"]


@dataclass(frozen=True)
class Converted:
    """A conversion that was made, and what it left."""

    repository: Repository
    target: Path
    outcome: Outcome
    before: dict[str, tuple[str, int, int]]
    after: dict[str, tuple[str, int, int]]
    datasets: list[conversion.Dataset]


class CameraContract:
    """The suite. Subclasses have a name that pytest collects (``Test...``) and set the attributes below."""

    camera: ClassVar[Camera]
    """The camera."""

    make: ClassVar[Callable[[Path], Path]]
    """Writes a Gen2 repository to a directory that is not there yet (its parent is), and gives its root.

    It is to be in order, with at least one master of every type that can have one, and in at least one table
    of masters four files of one row each (or as many rows), for faults to be planted beside good rows."""

    calib: ClassVar[tuple[str, ...]] = ()
    """Calibration roots, relative to the root, if the mapper did not look for them."""

    registered: ClassVar[bool] = True
    """Whether the camera has an entry point."""

    never_found: ClassVar[frozenset[str]] = frozenset()
    """Dataset types that the Gen2 lookup, as its policy had it, never found."""

    ranges: ClassVar[conversion.Ranges] = {}
    """The validity ranges that masters are to get, all of those of the types that are named.

    By dataset type: stamp of the RUN, begin and end in UTC, as in ``("20200301T000000Z",
    "2020-03-01T00:00:00", "2020-03-02T00:00:00")``. To be given for types with a time zone of their own:
    Gen2 compared texts, so no answer of it shows a wrong one."""

    @pytest.fixture(scope="class")
    @classmethod
    def gen2(cls, tmp_path_factory: pytest.TempPathFactory) -> Repository:
        """The generated repository."""
        made = tmp_path_factory.mktemp(cls.camera.name) / "made"
        made.mkdir()
        return Repository(cls.camera, Path(cls.make(made / "gen2")), cls.calib, cls.registered)

    @pytest.fixture(scope="class")
    @classmethod
    def converted(cls, gen2: Repository, tmp_path_factory: pytest.TempPathFactory) -> Converted:
        """The generated repository, converted."""
        target = tmp_path_factory.mktemp(f"{cls.camera.name}-gen3") / "repo"
        before = digest(gen2.root)
        outcome = conversion.run(gen2, target)
        return Converted(gen2, target, outcome, before, digest(gen2.root), conversion.read_back(target))

    # The declaration.

    def test_registration(self) -> None:
        """The entry point gives this camera, and so do its mappers."""
        if not self.registered:
            pytest.skip("the camera says that it is not registered")
        _none(declaration.registration(self.camera))

    def test_names_and_translator(self) -> None:
        """Names and mappers can be written down; the header translator is there."""
        _none(declaration.names(self.camera))

    def test_instrument_record(self) -> None:
        """The instrument record is complete for the dimension universe."""
        _none(declaration.instrument(self.camera))

    def test_detectors(self) -> None:
        """Detectors are unique and within the limits of the dimension universe; no two chips at one place."""
        _none(declaration.detectors(self.camera))
        _none(declaration.serials(self.camera))

    def test_filters(self) -> None:
        """Filters have bands, and no Gen2 text stands for two of them."""
        _none(declaration.filters(self.camera))

    def test_dataset_types(self) -> None:
        """Names, dimensions and storage classes are what the Butler takes."""
        _none(declaration.dataset_types(self.camera))

    def test_formatters(self) -> None:
        """Formatters are full names of classes."""
        _none(declaration.formatters(self.camera))

    def test_time_columns(self) -> None:
        """Time columns are of a known kind and scale."""
        _none(declaration.times(self.camera))

    def test_lookups(self) -> None:
        """Lookups can be carried out, and Gen3 can tell their answers apart."""
        _none(declaration.lookups(self.camera, self.never_found))

    def test_hand_offs(self) -> None:
        """Commands of hand-offs can be filled in."""
        _none(declaration.hand_offs(self.camera))

    def test_geometry(self) -> None:
        """A geometry, where there is one, has every detector, with numbers that can be."""
        _none(declaration.geometry(self.camera))

    def test_deliveries(self) -> None:
        """Declarations of masters made elsewhere can be read."""
        _none(declaration.deliveries(self.camera))

    def test_curated(self) -> None:
        """The camera's part of a data package is named, with types that the stack reads."""
        _none(declaration.curated(self.camera))

    # Paths.

    def test_templates_round_trip(self, gen2: Repository) -> None:
        """Every template gives back the data ID that a path was made from."""
        _none(declaration.templates(self.camera))
        raw = self.camera.raw
        samples = [row.values for row in gen2.raw_rows()]
        paths.check_generated(self.camera, raw.template, (raw.detector, 0), {raw.time.name}, samples)
        masters = gen2.master_rows()
        for c in self.camera.calibrations:
            samples = [row.values for row in masters if row.calibration is c]
            times = {c.date, self.camera.time_column(c).name}
            detector = (c.detector, c.detector_offset)
            paths.check_generated(self.camera, c.template, detector, times, samples)

    def test_paths_of_the_registry_round_trip(self, gen2: Repository) -> None:
        """So does every path that the registries name, and data IDs that share a file can be told apart."""
        rows = [*gen2.raw_rows(), *gen2.master_rows()]
        assert rows, f"no row of the registries of {gen2.root} names a file: do the templates fit?"
        for row in rows:
            _none(paths.check_rows(row.template, [row.values]))
        meanings = (" ".join(map(str, conversion.expected(gen2, row))) for row in rows)
        _none(paths.shared(zip(rows, meanings, strict=True), self.camera))

    # The lookup.

    def test_columns_of_the_registry(self, gen2: Repository) -> None:
        """The registries have the columns that the declaration names."""
        _none(lookups.columns(gen2, self.never_found))

    def test_lookup_is_that_of_the_sql(self, gen2: Repository) -> None:
        """The lookup gives what Gen2's own statements give, and finds masters of every type."""
        problems, statuses = lookups.compare(gen2)
        _none(problems)
        _none(lookups.never_answered(gen2, statuses, self.never_found))

    # The conversion.

    def test_conversion_is_in_order(self, converted: Converted) -> None:
        """Nothing is rejected, and Gen3 answers as Gen2 did."""
        outcome = converted.outcome
        _none(f"{r.item}: {r.reason}" for r in outcome.plan.rejects)
        assert outcome.conversion is not None, "nothing was written"
        found = outcome.verification
        assert found is not None
        _none(
            f"{d['type']} for exposure {d['exposure']}, detector {d['detector']}: "
            f"Gen2 gives {d['gen2']}, Gen3 {d['gen3']}"
            for d in found.disagree
        )
        assert found.agree, "no observation has a master: the generated repository shows nothing"

    def test_validity_ranges(self, converted: Converted) -> None:
        """Masters have the ranges that the test says."""
        _none(conversion.wrongly_valid(self.camera, self.ranges, converted.datasets))

    def test_every_file_is_in_the_butler(self, converted: Converted) -> None:
        """Each row's file is there under its data ID, and nothing else is."""
        gen2, datasets = converted.repository, converted.datasets
        rows = [*gen2.raw_rows(), *gen2.master_rows()]
        _none(conversion.missing(gen2, rows, datasets))
        written = Counter(d.dataset_type for d in datasets)
        assert written == converted.outcome.plan.written, (
            f"the Butler has {dict(written)}, the plan said {dict(converted.outcome.plan.written)}"
        )

    def test_formatters_are_the_declared_ones(self, converted: Converted) -> None:
        """Each dataset has the declared formatter and storage class."""
        _none(conversion.wrongly_declared(converted.repository, converted.datasets))

    def test_source_is_untouched(self, converted: Converted) -> None:
        """No file of the Gen2 repository changed, came or went."""
        before, after = converted.before, converted.after
        _none(f"{p} changed" for p in sorted(before | after) if before.get(p) != after.get(p))

    def test_second_conversion_writes_nothing(self, converted: Converted) -> None:
        """The same command again finds all that it would write."""
        again = conversion.run(converted.repository, converted.target)
        assert again.conversion is None and again.plan.is_empty, (
            f"written again: {dict(again.plan.written)}, certified again: {dict(again.plan.certified)}"
        )
        assert conversion.read_back(converted.target) == converted.datasets, "datasets are not the same"

    def test_bad_rows_are_rejected_and_harm_no_others(self, gen2: Repository, tmp_path: Path) -> None:
        """An unparsable validity, an unknown detector, a missing file."""
        spoiled = gen2.copy(tmp_path / "spoiled")
        planted = bad_rows.plant(spoiled)
        wanted = {bad_rows.VALIDITY, bad_rows.DETECTOR, bad_rows.FILE}
        assert planted.kinds() == wanted, (
            f"the generated repository is too small to plant {', '.join(sorted(wanted - planted.kinds()))}"
        )
        outcome = conversion.run(spoiled, tmp_path / "repo", with_verify=False)
        rejects = outcome.plan.rejects
        assert outcome.exit_status == 1
        _none(planted.unnoticed(rejects))
        _none(planted.innocent(rejects))
        datasets = conversion.read_back(tmp_path / "repo")
        _none(conversion.missing(spoiled, planted.good, datasets))
        _none(planted.believed(datasets))


def _none(problems: Iterable[str]) -> None:
    """Fail with all problems."""
    found = list(problems)
    assert not found, "\n".join(found)
