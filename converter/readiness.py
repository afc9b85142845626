"""Whether a repository has what instrument signature removal (ISR) needs, as far as that can be told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lsst.daf.butler import Butler, CollectionType

from adapters.camera import Camera
from adapters.registry import get_camera

from . import names
from .answers import search_order
from .nouns import UsageError
from .target import is_readable


@dataclass(frozen=True)
class Readiness:
    """What ISR needs and the repository lacks.

    Parameters
    ----------
    missing
        Dataset types that ISR needs and that are not certified.
    is_declared
        Whether a camera says what ISR needs; otherwise it is the camera
        geometry, which every instrument needs.
    """

    missing: tuple[str, ...] = ()
    is_declared: bool = True

    @property
    def ready(self) -> bool:
        """Whether nothing is known to be missing."""
        return not self.missing

    def __str__(self) -> str:
        text = (
            f"Not ready for ISR: {', '.join(self.missing)} missing"
            if self.missing
            else "Ready for ISR as far as the repository can tell"
        )
        return text if self.is_declared else f"{text} (no camera declares what else it needs)"

    def as_dict(self) -> dict[str, Any]:
        """The command line's JSON contract."""
        return {"ready": self.ready, "missing": list(self.missing)}


def camera_of(instrument: str) -> Camera | None:
    """The camera that declares an instrument, `None` if none does."""
    try:
        return get_camera(instrument)
    except UsageError:
        return None


def read_readiness(butler: Butler, instrument: str, camera: Camera | None) -> Readiness:
    """What ISR needs and the repository lacks, in the collections that pipelines search.

    Parameters
    ----------
    butler
        The repository.
    instrument
        Gen3 instrument name.
    camera
        The camera, `None` if none declares the instrument.
    """
    needed = ("camera",) if camera is None else camera.needed_for_isr
    there = certified_types(butler, instrument, needed, searched_collections(butler, instrument))
    return Readiness(tuple(t for t in needed if t not in there), camera is not None)


def searched_collections(butler: Butler, instrument: str) -> list[str]:
    """CALIBRATION collections that pipelines search, in order; all of the instrument if there is no chain."""
    found = search_order(butler, names.calibration_chain(instrument))
    if not found:
        infos = butler.collections.query_info("*", collection_types=CollectionType.CALIBRATION)
        found = [(i.name, i.type) for i in infos if i.name.startswith(f"{instrument}/")]
    return [name for name, type_ in found if type_ is CollectionType.CALIBRATION]


def certified_types(
    butler: Butler, instrument: str, dataset_types: Iterable[str], collections: Iterable[str]
) -> set[str]:
    """Which of some dataset types have a certified dataset in some CALIBRATION collections."""
    wanted, order = list(dataset_types), list(collections)
    if not wanted or not order:
        return set()
    found = set()
    for dataset_type in butler.registry.queryDatasetTypes(wanted, missing=[]):
        if not (dataset_type.isCalibration() and is_readable(dataset_type)):
            continue
        with butler.query() as query:
            rows = (
                query.join_dataset_search(dataset_type.name, order)
                .where(instrument=instrument)
                .general(
                    dataset_type.dimensions,
                    dataset_fields={dataset_type.name: {"dataset_id"}},
                    find_first=False,
                )
                .limit(1)
            )
            if any(True for _ in rows):
                found.add(dataset_type.name)
    return found
