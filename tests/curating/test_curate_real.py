"""The real packages, against the stack's own exports and repositories."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest
import yaml

from converter.timespans import MAX_NS, MIN_NS, parse_time, to_tai
from tests.sampling import FULL

from .reading import GENERIC, Ranges, files, ledger, ranges


def curated(run_json, data: Path, repo: Path, camera: str, package: str, *words: str) -> dict:
    status, result = run_json("curate", repo, data / "curated" / package, "--camera", camera, *words)
    assert (status, result["rejected"], result["conflicts"]) == (0, [], [])
    assert result["read_back"] == {"found": result["certified"], "missing": []}
    return result


def accounted(data: Path, repo: Path, package: str, result: dict) -> None:
    """Every file of the package is a dataset, a hand-off or a skip."""
    rows = ledger(repo, "select file, dataset from items where state = 'done'")
    done = {file for file, _ in rows}
    skipped = {s["item"] for s in result["skipped"]}
    below = {str(p) for p in (data / "curated" / package).rglob("*") if p.is_file()}
    assert below == done | skipped and not done & skipped
    assert len({dataset for _, dataset in rows}) == len(rows) == sum(result["written"].values())


class Loader(yaml.CSafeLoader):
    """Reads an export; its tags are texts to it."""


def _plain(loader: Loader, suffix: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    return loader.construct_scalar(node)  # type: ignore[no-untyped-call]


Loader.add_multi_constructor("", _plain)


def exported(path: Path, dataset_types: tuple[str, ...]) -> dict[str, Ranges]:
    """Ranges by dataset type, RUN and data ID, as the export's text has them."""
    data = yaml.load(path.read_text(), Loader=Loader)["data"]  # noqa: S506
    by_id: dict[str, tuple[str, str, tuple]] = {}
    found: dict[str, Ranges] = defaultdict(dict)
    for entry in data:
        if entry["type"] == "dataset" and entry["dataset_type"] in dataset_types:
            for record in entry["records"]:
                for id_, data_id in zip(record["dataset_id"], record["data_id"], strict=True):
                    rest = tuple(sorted((k, v) for k, v in data_id.items() if k != "instrument"))
                    by_id[str(id_)] = (entry["dataset_type"], entry["run"], rest)
    for entry in data:
        if entry["type"] != "associations":
            continue
        for group in entry["validity_ranges"]:
            span = tuple(_tai(group["timespan"][key]) for key in ("begin", "end"))
            for id_ in group["dataset_ids"]:
                if str(id_) in by_id:
                    dataset_type, run, data_id = by_id[str(id_)]
                    found[dataset_type].setdefault((run, data_id), []).append(span)
    return found


def _tai(text: str | None) -> int | None:
    """Nanoseconds of a TAI text, `None` for what the Butler stores as unbounded."""
    if text in (None, "", "~", "null"):
        return None
    ns = to_tai(parse_time(str(text).replace(" ", "T")), "tai")
    return None if ns <= MIN_NS or ns >= MAX_NS else ns


@pytest.fixture(scope="module")
def decam_repo(run_json, data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    repo = tmp_path_factory.mktemp("decam") / "repo"
    return repo, curated(run_json, data, repo, "decam", "obs_decam_data", "--label", "", "--workers", "2")


def test_decam(run_json, data: Path, decam_repo: tuple[Path, dict]) -> None:
    repo, result = decam_repo
    accounted(data, repo, "obs_decam_data", result)
    assert {k: v for k, v in result["written"].items() if k != "linearizer"} == {
        "defects": 365,
        "crosstalk": 62,
    }
    ours = ranges(repo, "DECam/calib", "defects")
    assert Counter(run.rpartition("/")[2] for run, _ in ours) == {
        "19700101T000000Z": 62,
        "20130115T013000Z": 61,
        "20130916T092600Z": 61,
        "20131130T000000Z": 1,
        "20140117T012900Z": 60,
        "20141020T103000Z": 60,
        "20150105T011500Z": 60,
    }
    assert {f for _, f, _ in files(repo, "defects").values()} == {GENERIC}
    again = run_json("curate", repo, data / "curated/obs_decam_data", "--label", "")
    assert (again[0], again[1]["operations"]) == (0, 0)


def test_decam_is_as_in_hits2015(data: Path, decam_repo: tuple[Path, dict]) -> None:
    """RUNs and ranges to the nanosecond, wherever both have the file."""
    repo, _ = decam_repo
    golden = exported(data / "hits2015/export_current.yaml", ("defects", "crosstalk", "linearizer"))
    for dataset_type in ("defects", "crosstalk"):
        assert ranges(repo, "DECam/calib", dataset_type) == golden[dataset_type] != {}
    ours = ranges(repo, "DECam/calib", "linearizer")
    assert ours and ours.items() <= golden["linearizer"].items()


@pytest.mark.skipif(not FULL, reason="840 files: make test-full")
def test_hsc(run_json, data: Path, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    result = curated(run_json, data, repo, "hsc", "obs_subaru_data", "--workers", "2")
    accounted(data, repo, "obs_subaru_data", result)
    assert result["written"] == {"defects": 840}
    ours = ranges(repo, "HSC/calib/curated", "defects")
    assert sorted(Counter(run for run, _ in ours).values()) == [104] * 7 + [112]
    last_of_focus = ours["HSC/calib/curated/curated/19700101T000000Z", (("detector", 104),)]
    assert last_of_focus == [(8_000_082_000, None)]
    # 2016-12-23T00:00:36 TAI
    latest = ours["HSC/calib/curated/curated/20161223T000000Z", (("detector", 0),)]
    assert latest == [(1_482_451_236 * 10**9, None)]


def test_latiss_is_as_in_its_gen3_repository(run_json, data: Path, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    result = curated(run_json, data, repo, "latiss", "obs_lsst_data", "--label", "")
    accounted(data, repo, "obs_lsst_data", result)
    assert result["written"] == {"crosstalk": 1, "defects": 2}
    assert {h["type"] for h in result["handed_off"]} == {
        "camera",
        "transmission_filter",
        "transmission_optics",
        "transmission_sensor",
    }
    theirs = data / "latiss/gen3"
    assert ranges(repo, "LATISS/calib", "defects") == ranges(theirs, "LATISS/calib", "defects") != {}
    ours = {k: f for k, (_, f, _) in files(repo, "defects").items()}
    assert ours == {k: f for k, (_, f, _) in files(theirs, "defects").items()}
