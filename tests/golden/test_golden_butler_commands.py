"""The stock ``butler`` commands work on what was written, without the stack."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from golden_cases import Golden, associations
from lsst.daf.butler import Butler

pytestmark = pytest.mark.filterwarnings("ignore")

BUTLER = Path(sys.executable).with_name("butler")


def butler(*arguments: str) -> list[list[str]]:
    """Run a command; the words of each line of its table, without the heading."""
    if not BUTLER.exists():
        pytest.skip(f"there is no {BUTLER}")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DAF_BUTLER")}
    done = subprocess.run(
        [str(BUTLER), *arguments], capture_output=True, text=True, timeout=120, env=environment
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    rules = {n for n, line in enumerate(lines) if all(set(word) == {"-"} for word in line)}
    # A table is a line of headings, a rule, and its rows.
    return [line for n, line in enumerate(lines) if n not in rules and n + 1 not in rules]


def test_query_datasets(imsim: Golden):
    found = butler(
        "query-datasets", str(imsim.target), "raw", "bias", "dark", "flat",
        "--collections", "LSSTCam-imSim/raw/all,LSSTCam-imSim/calib/2*", "--show-uri",
    )  # fmt: skip
    root = imsim.root.as_uri()
    rows = {row[0]: [*row[1:2], *row[3:]] for row in found}
    assert len(found) == 4
    assert rows == {
        "raw": [
            "LSSTCam-imSim/raw/all",
            *["LSSTCam-imSim", "42", "204595", "i", "20221005", "204595", "i_sim_1.4"],
            f"{root}/raw/204595/R11/00204595-R11-S20-det042.fits",
        ],
        "bias": [
            "LSSTCam-imSim/calib/20220101T000000Z",
            *["LSSTCam-imSim", "42"],
            f"{root}/CALIB/bias/2022-01-01/bias-R11-S20-det042_2022-01-01.fits",
        ],
        "dark": [
            "LSSTCam-imSim/calib/20220101T000000Z",
            *["LSSTCam-imSim", "42"],
            f"{root}/CALIB/dark/2022-01-01/dark-R11-S20-det042_2022-01-01.fits",
        ],
        "flat": [
            "LSSTCam-imSim/calib/20220806T000000Z",
            *["LSSTCam-imSim", "42", "i_sim_1.4", "i"],
            f"{root}/CALIB/flat/i_sim_1.4/2022-08-06/flat_i_sim_1.4-R11-S20-det042_2022-08-06.fits",
        ],
    }
    assert {row[2] for row in found if row[0] == "raw"} == {imsim.case.raw_id}


def test_query_collections(imsim: Golden):
    assert butler("query-collections", str(imsim.target), "--chains=TREE", "LSSTCam-imSim/defaults") == [
        ["LSSTCam-imSim/defaults", "CHAINED"],
        ["LSSTCam-imSim/raw/all", "RUN"],
        ["LSSTCam-imSim/calib", "CALIBRATION"],
    ]


def test_query_dimension_records(imsim: Golden):
    where = "instrument='LSSTCam-imSim' AND exposure.day_obs=20221005"
    (exposure,) = butler("query-dimension-records", str(imsim.target), "exposure", "--where", where)
    assert exposure[:6] == ["LSSTCam-imSim", "204595", "20221005", "204595", "i_sim_1.4", "204595"]


def test_query_data_ids(imsim: Golden):
    found = butler(
        "query-data-ids", str(imsim.target), "exposure", "detector",
        "--datasets", "raw", "--collections", "LSSTCam-imSim/raw/all",
    )  # fmt: skip
    assert found == [["LSSTCam-imSim", "42", "204595", "i", "20221005", "204595", "i_sim_1.4"]]


def test_certify_calibrations(imsim: Golden):
    """The masters can be certified again elsewhere, as every calibration product is."""
    butler(
        "certify-calibrations", str(imsim.target),
        "LSSTCam-imSim/calib/20220101T000000Z", "u/someone/calib", "bias",
        "--begin-date", "2022-01-01T00:00:00", "--end-date", "2023-01-01T00:00:00",
    )  # fmt: skip
    repository = Butler.from_config(imsim.target, writeable=False)
    # The command takes TAI: 2022-01-01 and 2023-01-01.
    assert associations(repository, "bias", "u/someone/calib") == [
        (
            (("detector", 42), ("instrument", "LSSTCam-imSim")),
            "LSSTCam-imSim/calib/20220101T000000Z",
            (1640995200 * 10**9, 1672531200 * 10**9),
        )
    ]
    (certified,) = repository.registry.queryDatasets("bias", collections="u/someone/calib")
    (converted,) = repository.registry.queryDatasets("bias", collections="LSSTCam-imSim/calib")
    assert certified == converted
