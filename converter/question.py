"""What `explain` is asked for, completed from the repository."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lsst.daf.butler import Butler, DatasetType

from . import names
from .nouns import DataId, UsageError
from .readiness import camera_of, searched_collections
from .recipe import Recipe
from .timespans import Scale, Span, explicit_instant


@dataclass(frozen=True)
class Question:
    """What is asked for.

    Parameters
    ----------
    dataset_type
        Calibration dataset type.
    detector
        Detector id, `None` for dataset types without detectors.
    exposure
        Exposure id; or
    time, scale
        an instant as ISO text, and the scale that it is in.
    physical_filter
        Filter, where there is no exposure that tells it.
    collection
        What is searched, ``""`` for what pipelines search.
    instrument
        Gen3 instrument name, ``""`` for the only one.
    """

    dataset_type: str
    detector: int | None = None
    exposure: int | None = None
    time: str = ""
    scale: Scale = "utc"
    physical_filter: str = ""
    collection: str = ""
    instrument: str = ""


def find_instrument(butler: Butler, target: str, wanted: str) -> str:
    """The instrument that is named, or the only one.

    Raises
    ------
    UsageError
        There is no such instrument, or several and none is named.
    """
    there = sorted(r.name for r in butler.query_dimension_records("instrument", explain=False))
    if wanted and wanted not in there:
        raise UsageError(f"{target} has no instrument {wanted}, only {', '.join(there) or 'none'}")
    if not wanted and len(there) != 1:
        raise UsageError(
            f"{target} has {len(there)} instruments"
            + (f" ({', '.join(there)}); name one with --instrument" if there else "")
        )
    return wanted or there[0]


def find_dataset_type(
    butler: Butler, instrument: str, name: str
) -> tuple[DatasetType | None, tuple[str, ...]]:
    """The registered dataset type, if it is, and its dimensions besides the instrument.

    Raises
    ------
    UsageError
        It is neither registered nor declared by the camera, or is no
        calibration by detector and filter.
    """
    registered = next(iter(butler.registry.queryDatasetTypes([name], missing=[])), None)
    if registered is not None:
        dimensions = tuple(d for d in registered.dimensions.required if d != "instrument")
        if not registered.isCalibration():
            raise UsageError(f"{name} is no calibration dataset type")
        if not {*dimensions} <= {"detector", "physical_filter"} or "instrument" not in registered.dimensions:
            raise UsageError(
                f"{name} has the dimensions {', '.join(registered.dimensions.required)}; "
                "only instrument, detector and physical_filter can be explained"
            )
        return registered, dimensions
    camera = camera_of(instrument)
    declared = {} if camera is None else {c.dataset_type: c.dimensions for c in camera.calibrations}
    if name in declared:
        return None, declared[name]
    if camera is not None and name in camera.needed_for_isr:
        return None, ()
    known = sorted(t.name for t in butler.registry.queryDatasetTypes() if t.isCalibration())
    raise UsageError(f"there is no dataset type {name!r}; calibrations: {', '.join(known) or 'none'}")


def find_time(butler: Butler, instrument: str, question: Question) -> tuple[Span, str]:
    """Time that is asked for (TAI), and the filter, ``""`` if neither exposure nor question tells it.

    Raises
    ------
    UsageError
        The time cannot be read, or there is no such exposure.
    """
    if (question.exposure is None) == (not question.time):
        raise UsageError("give one of --exposure and --time")
    if question.exposure is None:
        try:
            instant = explicit_instant(question.time, question.scale)
        except ValueError as exc:
            raise UsageError(f"--time: {exc}") from None
        return Span(instant, instant + 1), question.physical_filter
    found = butler.query_dimension_records(
        "exposure", instrument=instrument, exposure=question.exposure, explain=False
    )
    if not found:
        raise UsageError(f"there is no exposure {question.exposure} of {instrument}")
    (record,) = found
    if record.timespan is None:
        raise UsageError(f"exposure {question.exposure} has no timespan; give --time")
    if question.physical_filter not in ("", record.physical_filter):
        raise UsageError(
            f"exposure {question.exposure} was taken through {record.physical_filter}, "
            f"not {question.physical_filter}; leave --physical-filter out"
        )
    return Span(*record.timespan.nsec), record.physical_filter


def find_data_id(
    butler: Butler, instrument: str, question: Question, dimensions: Sequence[str], physical_filter: str
) -> DataId:
    """Detector and filter, as far as the dataset type has them.

    Raises
    ------
    UsageError
        One is needed and not given, or given and not there.
    """
    for option, given, element in (
        ("--detector", question.detector, "detector"),
        ("--physical-filter", physical_filter or None, "physical_filter"),
    ):
        if given is None and element in dimensions:
            raise UsageError(f"{question.dataset_type} goes by {element}; give {option}")
        if given is not None and not butler.query_dimension_records(
            element, instrument=instrument, explain=False, **{element: given}
        ):
            raise UsageError(f"there is no {element} {given} of {instrument}")
    return DataId(
        question.detector if "detector" in dimensions else None,
        physical_filter if "physical_filter" in dimensions else None,
    )


def default_collection(butler: Butler, instrument: str, recipe: Recipe | None) -> str:
    """What pipelines search; the labelled collection alone if nothing points at it.

    Raises
    ------
    UsageError
        Several could be meant.
    """
    chain = names.calibration_chain(instrument)
    if chain in butler.collections.query("*"):
        return chain
    there = searched_collections(butler, instrument)
    own = "" if recipe is None else names.calibration_collection(instrument, recipe.label)
    if own in there:
        return own
    if len(there) > 1:
        raise UsageError(f"there is no {chain}; name one of {', '.join(there)} with --collection")
    return there[0] if there else chain
