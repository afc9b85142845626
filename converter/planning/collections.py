"""Collections and chains: what pipelines look in. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .. import names
from ..operations import Chain, RegisterCollection
from ..target import TargetState


def plan_collections(
    instrument: str,
    label: str,
    runs: Iterable[str],
    with_calibs: bool,
    with_raws: bool,
    target: TargetState,
    first: bool = False,
) -> tuple[list[RegisterCollection], list[Chain], list[str]]:
    """Plan RUN, CALIBRATION and CHAINED collections.

    Parameters
    ----------
    instrument
        Gen3 instrument name.
    label
        Label of the calibration collection, ``""`` for the historical layout.
    runs
        RUN collections that are written to.
    with_calibs, with_raws
        Whether the repository has (or gets) masters or raws.
    target
        What the repository has.
    first
        Whether ``<inst>/calib`` searches the collection first, not last.

    Returns
    -------
    collections, chains
        What is to be registered, and defined.
    conflicts
        Names that exist as another type of collection: the Butler would keep
        the existing one without a word.
    """
    collections: list[RegisterCollection] = []
    chains: list[Chain] = []
    conflicts: list[str] = []
    calibration = names.calibration_collection(instrument, label)
    chain = names.calibration_chain(instrument)

    def usable(name: str, wanted: str) -> bool:
        found = target.collections.get(name)
        if found not in (None, wanted):
            is_calib = name.startswith(calibration) and label
            advice = "give another --label" if is_calib else "rename it, or convert into another repository"
            if name == chain:
                advice = "--label '' uses it as it is" if found == "CALIBRATION" else "give a --label"
            conflicts.append(f"collection {name} exists as {found}, needed as {wanted}; {advice}")
            return False
        return True

    for run in sorted(set(runs)):
        if usable(run, "RUN") and run not in target.collections:
            collections.append(RegisterCollection(run, "RUN"))
    if with_calibs and usable(calibration, "CALIBRATION") and calibration not in target.collections:
        collections.append(RegisterCollection(calibration, "CALIBRATION"))
    if with_calibs and label:
        is_chain = usable(chain, "CHAINED")
        if not first:
            _extend(chain, [calibration], target, chains, is_chain)
        elif is_chain and (operation := put_first(chain, calibration, target.chains.get(chain))):
            chains.append(operation)
    umbrella = names.umbrella(instrument)
    raws = names.raw_run(instrument)
    children = [raws] if with_raws else []
    if with_calibs:
        children.append(chain)
    # Later versions of raws are found before the first ones.
    known = {*runs, *(name for name, kind in target.collections.items() if kind == "RUN")}
    later = sorted((r for r in known if r.startswith(f"{raws}.")), key=lambda r: (len(r), r), reverse=True)
    if children:
        _extend(umbrella, children, target, chains, usable(umbrella, "CHAINED"), later)
    return collections, chains, conflicts


def put_first(name: str, child: str, before: tuple[str, ...] | None) -> Chain | None:
    """Let a chain search a child first; the others keep their order.

    Parameters
    ----------
    name
        The chain.
    child
        The collection to be searched first.
    before
        Children that the chain has, `None` if it does not exist.

    Returns
    -------
    operation
        `None` if it does so already.
    """
    wanted = (child, *(c for c in before or () if c != child))
    return None if wanted == before else Chain(name, wanted, before)


def _extend(
    name: str,
    children: list[str],
    target: TargetState,
    chains: list[Chain],
    is_usable: bool,
    first: Sequence[str] = (),
) -> None:
    """Add children that a chain lacks behind those it has, which keep their precedence, or else ``first``."""
    before = target.chains.get(name)
    ahead = [child for child in first if child not in (before or ())]
    wanted = tuple(dict.fromkeys([*ahead, *(before or ()), *children]))
    if is_usable and wanted != before:
        chains.append(Chain(name, wanted, before))
