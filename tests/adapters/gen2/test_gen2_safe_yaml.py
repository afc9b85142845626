from __future__ import annotations

import os
from pathlib import Path

import pytest

from adapters.gen2.safe_yaml import load_yaml
from converter.nouns import Gen2to3Error


def load(tmp_path: Path, text: str, **kwargs):
    path = tmp_path / "repositoryCfg.yaml"
    path.write_text(text)
    return load_yaml(path, **kwargs)


def test_real_configuration(real_data: Path) -> None:
    data = load_yaml(real_data / "imsim" / "gen2" / "CALIB" / "repositoryCfg.yaml")
    assert data["_mapper"] == "lsst.obs.lsst.imsim.ImsimMapper"
    (parent,) = data["_parents"]
    assert parent["_mapper"] == "lsst.obs.lsst.imsim.ImsimMapper"  # through the alias
    assert parent["_root"] == "/Users/timj/work/lsstsw3/build/obs_lsst/data/input/imsim"
    assert data["dirty"] is True


def test_known_tags(tmp_path: Path) -> None:
    data = load(
        tmp_path,
        """!RepositoryCfg_v1
_mapper: &m !!python/name:lsst.obs.test.TestMapper ''
again: *m
_policy: !!python/object:lsst.daf.persistence.policy.Policy
  data: {calibRoot: CALIB}
empty: !!python/object:a.B {}
scalar: !!python/object:a.B ''
apply: !!python/object/apply:collections.OrderedDict
- - [a, 1]
mapping: !!python/object/apply:a.b {args: [1, 2]}
tuple: !!python/tuple [1, x]
""",
    )
    assert data == {
        "_mapper": "lsst.obs.test.TestMapper",
        "again": "lsst.obs.test.TestMapper",
        "_policy": {"data": {"calibRoot": "CALIB"}},
        "empty": {},
        "scalar": {},
        "apply": [[["a", 1]]],
        "mapping": [1, 2],
        "tuple": (1, "x"),
    }


def test_nothing_is_executed(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    text = f"_mapper: !!python/object/apply:os.system ['touch {marker}']\n"
    assert load(tmp_path, text) == {"_mapper": [f"touch {marker}"]}
    assert not marker.exists()


def test_nothing_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hostile_mod.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load(tmp_path, "a: !!python/name:hostile_mod.x ''") == {"a": "hostile_mod.x"}
    assert load(tmp_path, "a: !!python/object:hostile_mod.X {b: 1}") == {"a": {"b": 1}}
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize(
    "text, tag",
    [
        ("a: !!python/object/new:os.system ['x']", "!!python/object/new:os.system"),
        ("a: !!python/module:os ''", "!!python/module:os"),
        ("a: !Other {}", "!Other"),
        ("a: !RepositoryCfg_v2 {}", "!RepositoryCfg_v2"),
    ],
)
def test_other_tags_are_refused(tmp_path: Path, text: str, tag: str) -> None:
    with pytest.raises(Gen2to3Error) as error:
        load(tmp_path, "\n" + text)
    assert str(error.value) == (
        f"{tmp_path}/repositoryCfg.yaml: the YAML tag {tag} (line 2) "
        "is not one that a Gen2 repository uses; the file is refused"
    )


def laughs(levels: int, merge: bool = False) -> str:
    lines = ["a0: &a0 {x: 1}" if merge else "a0: &a0 [x, x]"]
    for i in range(1, levels):
        items = ", ".join([f"*a{i - 1}"] * 9)
        lines.append(f"a{i}: &a{i} {{<<: [{items}]}}" if merge else f"a{i}: &a{i} [{items}]")
    return "\n".join(lines)


@pytest.mark.parametrize("merge", [False, True])
def test_expansion_is_bounded(tmp_path: Path, merge: bool) -> None:
    assert len(load(tmp_path, laughs(4, merge))) == 4
    with pytest.raises(Gen2to3Error, match="aliases expand to more than 200000 nodes"):
        load(tmp_path, laughs(20, merge))


def test_nesting_is_bounded(tmp_path: Path) -> None:
    assert load(tmp_path, "[" * 50 + "]" * 50) is not None
    for hostile in ["[" * 100_000, "- " * 5000 + "x", "{a: " * 200 + "1" + "}" * 200]:
        with pytest.raises(Gen2to3Error, match="nested deeper than 60"):
            load(tmp_path, hostile)
    # Each line nests little, but the aliases nest one in another.
    chain = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 80))
    with pytest.raises(Gen2to3Error, match="nested deeper than 60"):
        load(tmp_path, chain)


def test_self_reference(tmp_path: Path) -> None:
    with pytest.raises(Gen2to3Error, match="an alias contains itself"):
        load(tmp_path, "a: &a [*a]")


@pytest.mark.parametrize(
    "text, reason",
    [
        ("a: [1", "is not valid YAML"),
        ("a: *nowhere", "is not valid YAML: found undefined alias 'nowhere'"),
        ("a: 2020-13-45", "holds a value that cannot be read: month must be in 1..12"),
        ("a: !!int nine", "holds a value that cannot be read"),
        ("a: !!bool nine", "holds a value that cannot be read"),
        ("a: 1\n---\nb: 2", "is not valid YAML: expected a single document"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "run `git lfs pull`"),
        ("!RepositoryCfg_v1 [a]", "is expected to be a mapping"),
    ],
)
def test_bad_content_is_one_line(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(Gen2to3Error) as error:
        load(tmp_path, text)
    assert str(error.value).startswith(f"{tmp_path}/repositoryCfg.yaml: ")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(Gen2to3Error, match=r"none\.yaml: cannot be read: No such file"):
        load_yaml(tmp_path / "none.yaml")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(Gen2to3Error, match="fifo: is not a regular file"):
        load_yaml(tmp_path / "fifo")
    with pytest.raises(Gen2to3Error, match="larger than 10 bytes"):
        load(tmp_path, "a: 12345678", max_bytes=10)
    assert load(tmp_path, "a: 12345", max_bytes=10) == {"a": 12345}
    assert load(tmp_path, "") is None
