"""A repository of which parts are converted, and what Gen2 needed of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from lsst.daf.butler import Butler

from converter.convert import Outcome
from fixtures.hsc import HscRepository, HscSpec

SPEC = HscSpec(
    nights=("2014-10-01", "2014-10-03", "2014-10-05"),
    detectors=(41, 49, 50),
    bias=("2014-09-30", "2014-10-02", "2014-10-04"),
    dark=("2014-09-01", "2014-10-04"),
    flat=("2014-09-28", "2014-10-03", "2014-10-04"),
    dialects=dict.fromkeys(("bias", "dark", "flat", "defects"), "B"),
)
TYPES = ("bias", "dark", "flat", "defects")

Known = set[tuple[str, str, int, str | None]]


def ids(target: Path | str, types: Iterable[str] = TYPES) -> Known:
    """Type, calibration day, detector and filter of all masters in a repository."""
    butler = Butler.from_config(str(target))
    found: Known = set()
    for name in types:
        if not butler.registry.queryDatasetTypes([name], missing=[]):
            continue
        for ref in butler.query_datasets(
            name, collections="HSC/calib/gen2/*", find_first=False, limit=None, explain=False
        ):
            d = ref.dataId
            stamp = ref.run.rpartition("/")[2][:8]
            found.add((name, stamp, int(d["detector"]), d.get("physical_filter")))
    return found


def ranges(target: Path | str, types: Iterable[str] = TYPES) -> set[tuple[str, str, int, Any]]:
    """Type, RUN, detector and timespan of all that is certified."""
    butler = Butler.from_config(str(target))
    return {
        (name, a.ref.run, int(a.ref.dataId["detector"]), a.timespan)
        for name in types
        if butler.registry.queryDatasetTypes([name], missing=[])
        for a in butler.registry.queryDatasetAssociations(name, collections=["HSC/calib/gen2"])
    }


def raws(target: Path | str) -> set[tuple[int, int]]:
    butler = Butler.from_config(str(target))
    refs = butler.query_datasets("raw", collections="HSC/raw/all", limit=None, explain=False)
    return {(int(r.dataId["exposure"]), int(r.dataId["detector"])) for r in refs}


def gen2_needs(made: HscRepository, rows: Iterable[dict[str, Any]]) -> Known:
    """The masters that Gen2 would have taken for some of the rows."""
    needed: Known = set()
    with closing(sqlite3.connect(made.calib / "calibRegistry.sqlite3")) as db:
        for row in rows:
            for table in TYPES:
                sql = f"SELECT calibDate FROM {table} WHERE ccd = ? AND ? BETWEEN validStart AND validEnd"  # noqa: S608
                values = [row["ccd"], row["taiObs"]]
                if table == "flat":
                    sql, values = f"{sql} AND filter = ?", [*values, row["filter"]]
                dates = [d for (d,) in db.execute(sql, values)]
                assert len(dates) == 1
                stamp = dates[0][:10].replace("-", "")
                needed.add((table, stamp, row["ccd"], row["filter"] if table == "flat" else None))
    return needed


def good_end(outcome: Outcome) -> Any:
    assert outcome.exit_status == 0, (outcome.stopped, outcome.plan.rejects)
    assert outcome.verification is not None
    assert outcome.verification.disagree == []
    return outcome.verification


def reasons(outcome: Outcome) -> dict[str, str]:
    return {s.item: s.reason for s in outcome.plan.skips}
