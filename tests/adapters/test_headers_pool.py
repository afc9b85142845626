"""Headers read in several processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from astro_metadata_translator import MetadataTranslator
from header_files import LFS, ROOT, content, hsc_file, needs_data

from adapters import headers
from adapters.headers import HeaderJob, read_exposures
from adapters.hsc import HSC
from converter.nouns import Gen2to3Error


def in_order(tmp_path: Path, n: int) -> list[HeaderJob]:
    good = [hsc_file(tmp_path / f"{i}.fits", **{"EXP-ID": f"HSCA{i:06d}00"}) for i in range(2, 8, 2)]
    bad = content(LFS)(tmp_path / "bad.fits")
    kinds = [(good[0],), (bad, good[1]), (bad,), (good[2], bad)]
    return [HeaderJob(i, kinds[i % 4]) for i in range(n)]


@needs_data
def test_pool_gives_the_same_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(headers, "CHUNK", 3)
    jobs = in_order(tmp_path, 40)
    alone = list(read_exposures(iter(jobs), HSC()))
    assert [r.exposure for r in alone] == list(range(40))
    assert [r.record and r.record.exposure["id"] for r in alone[:4]] == [2, 4, None, 6]
    assert list(read_exposures(iter(jobs), HSC(), workers=2)) == alone


@needs_data
def test_few_jobs_need_no_pool(tmp_path, monkeypatch):
    monkeypatch.setattr(headers, "_read_in_pool", None)
    jobs = in_order(tmp_path, 10)
    assert [r.exposure for r in read_exposures(jobs, HSC(), workers=2)] == list(range(10))
    assert list(read_exposures([], HSC(), workers=2)) == []


DYING = """
import multiprocessing, os, signal
from astro_metadata_translator.translators import HscTranslator

class DyingTranslator(HscTranslator):
    name = "DyingHSC"
    @classmethod
    def can_translate(cls, header, filename=None):
        if multiprocessing.parent_process() is not None and header["OBJECT"] == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().can_translate(header, filename)
"""


@needs_data
def test_worker_death_is_an_error_not_a_hang(tmp_path, monkeypatch):
    """Also: the workers import the camera's translator module."""
    (tmp_path / "dying_translator.py").write_text(DYING)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(headers, "CHUNK", 1)
    camera = type("D", (HSC,), {"translator": "DyingHSC", "translator_module": "dying_translator"})()
    good, bad = hsc_file(tmp_path / "a.fits"), hsc_file(tmp_path / "b.fits", OBJECT="die")
    jobs = [HeaderJob(i, (bad if i == 12 else good,)) for i in range(20)]
    done = []
    try:
        with pytest.raises(Gen2to3Error, match="header reading processes died"):
            done.extend(read_exposures(jobs, camera, workers=2))
    finally:
        MetadataTranslator.translators.pop("DyingHSC", None)


SCRIPT = """
import sys
from adapters import headers
from adapters.headers import HeaderJob, read_exposures
from adapters.hsc import HSC
from adapters.megaprime import MegaPrime

if __name__ == "__main__":
    headers.CHUNK = 4
    for result in read_exposures((HeaderJob(i, (sys.argv[1],)) for i in range(10**6)), HSC(), workers=2):
        if result.exposure == 0:
            print("started", flush=True)
"""


@needs_data
@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="counts processes in /proc")
@pytest.mark.parametrize("how", ["ctrl-c", "killed"])
def test_no_orphans(tmp_path, how):
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    run = subprocess.Popen(
        [sys.executable, str(script), hsc_file(tmp_path / "a.fits")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    try:
        assert run.stdout.readline() == "started\n"
        assert len(session(run.pid)) >= 3
        if how == "ctrl-c":
            os.killpg(run.pid, signal.SIGINT)
        else:
            os.kill(run.pid, signal.SIGKILL)
        _, errors = run.communicate(timeout=60)
        if how == "ctrl-c":
            assert run.returncode != 0 and "KeyboardInterrupt" in errors
        deadline = time.monotonic() + 10
        while session(run.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert session(run.pid) == []
    finally:
        if session(run.pid):
            os.killpg(run.pid, signal.SIGKILL)


def session(leader: int) -> list[int]:
    """Live processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found
