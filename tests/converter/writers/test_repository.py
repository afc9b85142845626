import os
from pathlib import Path

import pytest
from lsst.daf.butler import Butler

from converter.nouns import UsageError
from converter.writers import open_target


def test_creates_a_repository_that_the_butler_opens(tmp_path):
    root = tmp_path / "deep" / "repo"
    with open_target(str(root), create=True) as butler:
        assert butler.isWriteable()
    with Butler.from_config(str(root)) as butler:
        assert list(butler.collections.query("*")) == []


def test_creates_in_an_empty_directory(tmp_path):
    with open_target(str(tmp_path), create=True) as butler:
        assert butler.isWriteable()


@pytest.mark.parametrize("create", [True, False])
def test_opens_an_existing_one(empty, tmp_path, create):
    empty.collections.register("here")
    for name in (str(tmp_path / "repo"), f"file://{tmp_path}/repo", str(tmp_path / "repo" / "butler.yaml")):
        with open_target(name, create=create) as butler:
            assert list(butler.collections.query("*")) == ["here"]


def test_opens_an_alias(empty, tmp_path, monkeypatch):
    index = tmp_path / "index.yaml"
    index.write_text(f"mine: {tmp_path}/repo\n")
    monkeypatch.setenv("DAF_BUTLER_REPOSITORY_INDEX", str(index))
    with open_target("mine", create=True) as butler:
        assert butler.isWriteable()
    assert not Path("mine").exists()


def test_foreign_directory(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"exists but is no Butler repository \(no butler.yaml\)"):
        open_target(str(tmp_path), create=True)
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_absent_and_not_to_be_created(tmp_path):
    with pytest.raises(UsageError, match="no Butler repository"):
        open_target(str(tmp_path / "new"), create=False)
    assert not (tmp_path / "new").exists()


def test_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot create a Butler repository"):
        open_target(str(tmp_path / "file" / "below" / "repo"), create=True)
    assert (tmp_path / "file").is_file()


@pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("existing", [True, False])
def test_nothing_half_made_is_left(tmp_path, monkeypatch, failure, existing):
    root = tmp_path / "a" / "repo"
    if existing:
        root.mkdir(parents=True)

    def fail(root, **kwargs):
        (Path(root) / "butler.yaml").write_text("half")
        (Path(root) / "sub").mkdir()
        raise failure

    monkeypatch.setattr(Butler, "makeRepo", fail)
    with pytest.raises((UsageError, KeyboardInterrupt)):
        open_target(str(root), create=True)
    assert os.listdir(tmp_path) == (["a"] if existing else [])
    if existing:
        assert os.listdir(root) == []


def test_not_writeable(empty, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UsageError, match="not writable"):
        open_target(str(tmp_path / "repo"), create=True)
    with pytest.raises(UsageError, match="not writable"):
        open_target(str(tmp_path / "new"), create=True)
    assert not (tmp_path / "new").exists()


def test_broken_repository(tmp_path):
    (tmp_path / "butler.yaml").write_text("registry: {db: 'sqlite:////nowhere/at/all.sqlite3'}\n")
    with pytest.raises(UsageError, match="cannot be opened"):
        open_target(str(tmp_path), create=True)
    assert (tmp_path / "butler.yaml").exists()


def test_unknown_remote(tmp_path):
    with pytest.raises(UsageError, match="cannot be opened"):
        open_target("gopher://nowhere/repo", create=True)
