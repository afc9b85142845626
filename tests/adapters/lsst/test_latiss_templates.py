"""LATISS types whose path templates ask for a column that its registries do not have.

Gen2 failed on them (its policy kept the templates of the LSST family), so that nobody could use these files through
it, wherever they are; where that is, only the user can say.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from lsst.daf.butler import Butler

from converter.cli import main
from fixtures.lsst import LsstRepository, LsstSpec, make_lsst

GENERIC = "lsst.obs.base.formatters.fitsGeneric.FitsGenericFormatter"
EXPOSURE = "lsst.obs.base.formatters.fitsExposure.FitsExposureFormatter"
# TAI, as dateObs is, which Gen2 compared; the last date is not part of a range.
DEFECTS_VALID = ("2021-01-01T00:00:00", "2037-12-31T00:00:00")
FRINGE_VALID = ("2021-12-25T00:00:00", "2022-06-23T00:00:00")
TEMPLATES = {
    "defects": "defects/%(calibDate)s/defects-%(calibDate)s-RXX-%(detectorName)s-%(detector)03d.fits",
    "fringe": "fringe/%(filter)s/%(calibDate)s/fringe_%(filter)s-det%(detector)03d_%(calibDate)s.fits",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> LsstRepository:
    # Not in the flat table, so that the fringe table's own range counts.
    spec = LsstSpec(fringe=("2022-03-25",))
    return make_lsst(tmp_path_factory.mktemp("latiss") / "gen2", "latiss", spec)


def run(*args: object) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(main, [*map(str, args), "--json"])
    return result.exit_code, json.loads(result.stdout)


def contents(repo: Path, dataset_type: str) -> list[tuple[Any, ...]]:
    """RUN, detector, filter, formatter and validity range (TAI) of each dataset."""
    butler = Butler.from_config(str(repo), instrument="LATISS")
    spans = {
        a.ref.id: (a.timespan.begin.tai.isot[:19], a.timespan.end.tai.isot[:19])
        for a in butler.registry.queryDatasetAssociations(dataset_type, collections="LATISS/calib/gen2")
    }
    refs = butler.query_datasets(dataset_type, "LATISS/calib/gen2/*", find_first=False, explain=False)
    (records,) = butler._datastore.export_records(refs).values()
    formatters = {
        dataset: info.formatter
        for dataset, tables in records.records.items()
        for infos in tables.values()
        for info in infos
    }
    return sorted(
        (
            r.run.rpartition("/")[2],
            r.dataId["detector"],
            r.dataId.get("physical_filter"),
            formatters[r.id],
            spans.get(r.id),
        )
        for r in refs
    )


def test_rejects_say_what_to_do(made, tmp_path):
    status, data = run("convert", made.root, tmp_path / "repo")
    assert status == 1
    reasons = {r["item"].rpartition(" ")[2]: r["reason"] for r in data["rejected"]}
    assert set(reasons) == {"defects", "fringe"}
    for table, reason in reasons.items():
        assert reason.startswith("column raftName is missing, found id, filter, detector, detectorName,")
        assert reason.endswith(
            f"; only the path template of {table} needs it: say where the files are "
            f"with --template {table}=TEMPLATE"
        )
    # The other types are not stopped, and each file of these two is named.
    assert data["certified"] == {"bias": 2, "dark": 1, "flat": 4}
    named = {Path(s["item"]).name: s["reason"] for s in data["skipped"]}
    for path in made.master_files:
        if "/fringe/" in path:
            assert named[Path(path).name] == "matches no template of LATISS"
        if "/defects/" in path:
            assert "ingested as defects without a validity range" in named[Path(path).name]
    assert [row[-1] for row in contents(tmp_path / "repo", "defects")] == [None]


def test_a_template_converts_them(made, tmp_path):
    options = [x for name, text in TEMPLATES.items() for x in ("--template", f"{name}={text}")]
    status, data = run("convert", made.root, tmp_path / "repo", *options)
    assert (status, data["rejected"], data["verify"]["disagree"]) == (0, [], [])
    assert contents(tmp_path / "repo", "defects") == [
        ("20210101T000000Z", 0, None, GENERIC, DEFECTS_VALID),
    ]
    assert contents(tmp_path / "repo", "fringe") == [
        ("20220325T000000Z", 0, "SDSSr~empty", EXPOSURE, FRINGE_VALID),
        ("20220325T000000Z", 0, "empty~empty", EXPOSURE, FRINGE_VALID),
    ]
    changed = {d["item"]: d["after"] for d in data["decisions"] if d["rule"] == "template-override"}
    assert changed == TEMPLATES


def test_the_template_can_be_given_later(made, tmp_path):
    """What was ingested without a range is certified then, and not ingested twice."""
    repo = tmp_path / "repo"
    assert run("convert", made.root, repo)[0] == 1
    options = ("--template", f"defects={TEMPLATES['defects']}")
    status, data = run("convert", made.root, repo, *options)
    assert (status, data["written"], data["certified"]) == (1, {}, {"defects": 1})
    assert [r["item"].rpartition(" ")[2] for r in data["rejected"]] == ["fringe"]
    assert [row[-1] for row in contents(repo, "defects")] == [DEFECTS_VALID]
