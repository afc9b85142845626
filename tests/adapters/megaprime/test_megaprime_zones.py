"""The time zone of a calibration registry, given on the command line."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner, Result
from lsst.daf.butler import Butler

from converter.cli import main
from fixtures.megaprime import SMALL, make_megaprime
from fixtures.repository import Gen2Repository

from .conftest import register
from .test_megaprime_masters import ranges


@pytest.fixture(scope="module")
def tokyo(tmp_path_factory) -> Gen2Repository:
    """A registry that was written in Tokyo, which the camera's declaration knows nothing of."""
    masters = tuple(
        m for m in SMALL.masters if m.table == "dark" or (m.table == "bias" and m.begin >= "2007-11")
    )
    spec = replace(SMALL, zone="Asia/Tokyo", masters=masters, visits=SMALL.visits[:1])
    return make_megaprime(tmp_path_factory.mktemp("tokyo") / "gen2", spec)


def run(*args: object) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        register(patch)
        return CliRunner().invoke(main, [str(a) for a in args])


def options(made: Gen2Repository) -> tuple[object, ...]:
    return ("--calib", made.calib, "--types", "raw,bias,dark")


def test_ranges_move_by_the_offset_of_the_zone(tokyo, tmp_path):
    repo = tmp_path / "repo"
    result = run("convert", tokyo.root, repo, *options(tokyo), "--zone", "Asia/Tokyo", "--zone", "dark=")
    assert result.exit_code == 0, result.output
    butler = Butler.from_config(str(repo), instrument="MegaPrime")
    assert ranges(butler, "bias", 7) == [
        ("20071120T000000Z", "2007-11-20T00:00:00", "2007-12-01T00:00:00"),
        ("20071201T000000Z", "2007-12-01T00:00:00", "2007-12-20T00:00:01"),
    ]
    # Read as it is written: nine hours late.
    assert ranges(butler, "dark", 7) == [("20070401T090000Z", "2007-04-01T09:00:00", "2007-06-01T09:00:01")]


def test_the_zone_of_the_camera_is_the_default(tokyo, tmp_path):
    repo = tmp_path / "repo"
    result = run("convert", tokyo.root, repo, *options(tokyo))
    assert result.exit_code == 0, result.output
    # Chicago is 14 hours behind Tokyo in summer, 15 in winter.
    butler = Butler.from_config(str(repo), instrument="MegaPrime")
    assert [begin for _, begin, _ in ranges(butler, "dark", 7)] == ["2007-04-01T14:00:00"]
    assert [begin for _, begin, _ in ranges(butler, "bias", 7)] == [
        "2007-11-20T15:00:00",
        "2007-12-01T15:00:00",
    ]


def test_plan_and_verify_and_inspect_take_it(tokyo, tmp_path):
    repo, recipe, zone = tmp_path / "repo", tmp_path / "recipe.yaml", ("--zone", "*=Asia/Tokyo")
    planned = run("plan", tokyo.root, repo, *options(tokyo), *zone, "--json")
    why = [d["why"] for d in json.loads(planned.stdout)["decisions"] if d["rule"] == "time-zone"]
    assert len(why) == 3 and all("Asia/Tokyo" in text for text in why)

    inspected = run("inspect", tokyo.root, *options(tokyo), *zone, "--recipe", recipe)
    assert inspected.exit_code == 0, inspected.output
    assert "\nzones:\n  '*': Asia/Tokyo\n" in recipe.read_text()

    assert run("convert", tokyo.root, repo, "--recipe", recipe, "--no-verify").exit_code == 0
    verified = json.loads(run("verify", repo, "--json").stdout)
    again = json.loads(run("verify", repo, tokyo.root, *options(tokyo), *zone, "--json").stdout)
    assert verified == again
    assert (verified["disagree"], verified["lookups"]) == ([], 36 * 2)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("bias=Mars/Olympus", "there is no time zone 'Mars/Olympus'"),
        ("bais=Asia/Tokyo", "zones: 'bais' is no calibration type of MegaPrime"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "convert", "inspect", "verify"])
def test_what_makes_no_sense_is_refused(tokyo, tmp_path, command, choice, message):
    repo = tmp_path / "repo"
    if command == "verify":
        Butler.makeRepo(str(repo))
    args = {"inspect": (tokyo.root,), "verify": (repo, tokyo.root)}.get(command, (tokyo.root, repo))
    result = run(command, *args, "--zone", choice)
    assert result.exit_code == 2
    assert message in result.stderr and len(result.stderr.splitlines()) == 1
    assert repo.exists() == (command == "verify")
