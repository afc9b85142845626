from __future__ import annotations

import os
from pathlib import Path

import pytest

from adapters.gen2.repository import RegistryLocation, find_calib_roots, find_registry, read_root, registry_in
from converter.nouns import UsageError

HSC = "lsst.obs.hsc.HscMapper"


def v1(
    path: Path, mapper: str | None = HSC, parent: str | Path | None = None, registry: bool = False
) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    if mapper is not None:
        (path / "_mapper").write_text(mapper + "\n")
    if parent is not None:
        (path / "_parent").symlink_to(parent)
    if registry:
        (path / "registry.sqlite3").touch()
    return path


def v2(path: Path, body: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / "repositoryCfg.yaml").write_text("!RepositoryCfg_v1\n" + body)
    return path


def calib(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / "calibRegistry.sqlite3").touch()
    return path


def test_real_roots(real_data: Path) -> None:
    imsim = read_root(real_data / "imsim" / "gen2")
    assert (imsim.mapper, imsim.style, imsim.parents) == ("lsst.obs.lsst.imsim.ImsimMapper", "v1", ())
    assert find_calib_roots(imsim, (), search=True) == (real_data / "imsim/gen2/CALIB",)
    assert find_calib_roots(imsim, (), search=False) == ()
    calib_repo = read_root(real_data / "imsim" / "gen2" / "CALIB")
    assert calib_repo.style == "v2"
    assert calib_repo.parents == ()
    assert calib_repo.missing_parents == ("/Users/timj/work/lsstsw3/build/obs_lsst/data/input/imsim",)
    test = read_root(real_data / "obs_test" / "gen2")
    assert test.mapper == "lsst.obs.test.testMapper.TestMapper"
    assert find_calib_roots(test, (), search=False) == (test.root,)
    assert find_registry(test) == RegistryLocation(test.root / "registry.sqlite3", "sqlite")


def test_v1_rerun_chain(tmp_path: Path) -> None:
    root = v1(tmp_path / "root", registry=True)
    first = v1(root / "rerun/me/first", mapper=None, parent="../../..")
    second = v1(root / "rerun/me/second", mapper=None, parent=first)
    found = read_root(second)
    assert found.parents == (first, root)
    assert found.mapper == HSC
    assert found.chain == (second, first, root)
    assert find_registry(found).path == root / "registry.sqlite3"


def test_parent_as_directory(tmp_path: Path) -> None:
    v1(tmp_path / "_parent", registry=True)
    assert read_root(tmp_path).parents == (tmp_path / "_parent",)


def test_cycle(tmp_path: Path) -> None:
    a = v1(tmp_path / "a", parent=tmp_path / "b")
    b = v1(tmp_path / "b", parent=tmp_path / "a")
    assert read_root(a).parents == (b,)
    (tmp_path / "self").mkdir()
    (tmp_path / "self/_mapper").write_text(HSC)
    (tmp_path / "self/_parent").symlink_to(".")
    assert read_root(tmp_path / "self").parents == ()


def test_v2_parents_depth_first_once(tmp_path: Path) -> None:
    grand = v1(tmp_path / "grand")
    aunt = v1(tmp_path / "aunt", mapper="a.Aunt")
    one = v2(tmp_path / "one", "_mapper: null\n_parents: [../grand, ../aunt]\n")
    two = v2(tmp_path / "two", f"_mapper: null\n_parents: ['{grand}', 'file://{one}']\n")
    nested = v1(tmp_path / "nested")
    top = v2(
        tmp_path / "top",
        f"""_mapper: null
_mapperArgs: null
_parents:
- ../one
- {two}
- !RepositoryCfg_v1 {{_mapper: x.Nested, _parents: [], _root: {nested}}}
- !RepositoryCfg_v1 {{_mapper: x.Gone, _parents: ['{tmp_path}/gone2'], _root: /gone/machine}}
- swift://elsewhere/repo
- ../not-there
""",
    )
    found = read_root(top)
    assert found.style == "v2"
    assert found.parents == (one, grand, aunt, two, nested)
    assert found.missing_parents == (
        "/gone/machine",
        f"{tmp_path}/gone2",
        "swift://elsewhere/repo",
        "../not-there",
    )
    assert found.mapper == HSC


def test_mapper_of_a_parent_that_is_gone(tmp_path: Path) -> None:
    top = v2(
        tmp_path / "top",
        "_mapper: null\n_parents:\n- !RepositoryCfg_v1 {_mapper: a.Gone, _root: /gone/machine}\n",
    )
    assert read_root(top).mapper == "a.Gone"


def test_configuration_supersedes_mapper_and_parent(tmp_path: Path) -> None:
    v1(tmp_path / "other")
    root = v1(tmp_path / "root", parent="../other")
    v2(root, "_mapper: !!python/name:a.New ''\n_parents: null\n")
    found = read_root(root)
    assert (found.mapper, found.parents, found.style) == ("a.New", (), "v2")


def test_root_elsewhere_and_policy(tmp_path: Path) -> None:
    v2(
        tmp_path / "root/cfg",
        """_mapper: a.M
_mapperArgs: {calibRoot: CALIB}
_parents: null
_policy: !!python/object:lsst.daf.persistence.policy.Policy
  data: {calibrations: {bias: {template: 'b.fits'}}}
_root: ../
""",
    )
    found = read_root(tmp_path / "root/cfg")
    assert found.root == tmp_path / "root"
    assert found.calib_root == tmp_path / "root/CALIB"
    assert found.policy == {"calibrations": {"bias": {"template": "b.fits"}}}
    v2(tmp_path / "lost", "_mapper: a.M\n_root: /no/such\n")
    with pytest.raises(UsageError, match=r"lost/repositoryCfg\.yaml: its _root /no/such does not exist"):
        read_root(tmp_path / "lost")


def test_the_users_own_name_of_the_root_is_kept(tmp_path: Path) -> None:
    v1(tmp_path / "real", parent="../up")
    v1(tmp_path / "up")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/link").symlink_to("../real")
    found = read_root(tmp_path / "deep/link")
    assert found.root == tmp_path / "deep/link"
    assert found.parents == (tmp_path / "up",)
    assert read_root(tmp_path / "deep/link/../real").root == tmp_path / "real"


def test_not_a_root(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Gen2 root .*/none does not exist"):
        read_root(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"Gen2 root .*/file is not a directory"):
        read_root(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    expected = "none of repositoryCfg.yaml, _mapper, _parent, registry.sqlite3, registry.pgsql is in it"
    with pytest.raises(UsageError) as error:
        read_root(tmp_path / "empty")
    assert str(error.value) == f"{tmp_path}/empty is not a Gen2 repository: {expected}"
    (tmp_path / "empty/butler.yaml").touch()
    with pytest.raises(UsageError, match=r"it holds butler\.yaml: a Gen3 repository"):
        read_root(tmp_path / "empty")


def test_no_mapper(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"no mapper is declared .* in: {tmp_path}/x, {tmp_path}/y\)"):
        v1(tmp_path / "y", mapper=None, registry=True)
        read_root(v1(tmp_path / "x", mapper=None, parent="../y"))
    with pytest.raises(
        UsageError, match=r"_mapper: expected the dotted name of a mapper class, found '\$\(rm\)'"
    ):
        read_root(v1(tmp_path / "z", mapper="$(rm)"))


@pytest.mark.parametrize(
    "body, reason",
    [
        ("- a\n", "is expected to be a mapping"),
        ("_mapper: [1]\n", "expected the dotted name of a mapper class, found [1]"),
        ("_mapper: a.M\n_parents: 3\n", "is malformed: expected _parents as a list or null, found 3"),
        ("_mapper: a.M\n_parents: [3]\n", "is malformed: expected a !RepositoryCfg_v1 mapping"),
        ("_mapper: a.M\n_mapperArgs: x\n", "is malformed: expected _mapperArgs as a mapping or null"),
        ("_mapper: a.M\n_root: 3\n", "is malformed: expected _root as text or null, found 3"),
        ("other: 1\n", "is malformed: expected a !RepositoryCfg_v1 mapping with _mapper"),
        ("_mapper: a: b\n", "is not valid YAML"),
        ("_mapper: !!python/module:os ''\n", "the YAML tag !!python/module:os"),
    ],
)
def test_malformed_configuration(tmp_path: Path, body: str, reason: str) -> None:
    v2(tmp_path, body)
    with pytest.raises(UsageError) as error:
        read_root(tmp_path)
    assert str(error.value).startswith(f"{tmp_path}/repositoryCfg.yaml")
    assert reason in str(error.value)


def test_mapper_that_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "_mapper")
    with pytest.raises(UsageError, match="_mapper cannot be read: not a regular file"):
        read_root(tmp_path)


def test_registry_order(tmp_path: Path) -> None:
    root = v1(tmp_path / "root", registry=True)
    assert find_registry(read_root(root)) == RegistryLocation(root / "registry.sqlite3", "sqlite")
    (root / "registry.pgsql").touch()
    assert find_registry(read_root(root)) == RegistryLocation(root / "registry.pgsql", "pgsql")
    assert registry_in(root, "calibRegistry") is None
    empty = v1(tmp_path / "empty", parent="/gone/machine")
    with pytest.raises(UsageError) as error:
        find_registry(read_root(empty))
    assert str(error.value) == (
        f"no registry.pgsql or registry.sqlite3 found in: {empty}; "
        "declared parents that are not on this machine: /gone/machine"
    )


def test_calib_search(tmp_path: Path) -> None:
    root = v1(tmp_path / "root", registry=True)
    rerun = v1(root / "rerun/a", mapper=None, parent=root)
    assert find_calib_roots(read_root(rerun), (), search=True) == ()
    calib(root)
    assert find_calib_roots(read_root(rerun), (), search=True) == (root,)
    assert find_calib_roots(read_root(rerun), (), search=False) == ()
    assert find_calib_roots(read_root(root), (), search=False) == (root,)
    in_parent = calib(root / "CALIB")
    assert find_calib_roots(read_root(rerun), (), search=True) == (in_parent,)
    assert find_calib_roots(read_root(root), (), search=False) == (root,)
    own = calib(rerun / "CALIB")
    assert find_calib_roots(read_root(rerun), (), search=True) == (own,)


def test_declared_calib_root(tmp_path: Path) -> None:
    calib(tmp_path / "root/CALIB")
    declared = calib(tmp_path / "elsewhere")
    v2(tmp_path / "root", f"_mapper: a.M\n_mapperArgs: {{calibRoot: {declared}}}\n")
    assert find_calib_roots(read_root(tmp_path / "root"), (), search=False) == (declared,)
    assert find_calib_roots(read_root(tmp_path / "root"), (), search=True) == (declared,)
    v2(tmp_path / "root", "_mapper: a.M\n_mapperArgs: {calibRoot: /gone/CALIB}\n")
    gone = read_root(tmp_path / "root")
    assert gone.calib_root == Path("/gone/CALIB")
    assert find_calib_roots(gone, (), search=True) == (tmp_path / "root/CALIB",)
    assert find_calib_roots(gone, (), search=False) == ()


def test_explicit_calib_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = v1(tmp_path / "root", registry=True)
    calib(root / "CALIB")
    one, two = calib(tmp_path / "work/one"), calib(root / "two")
    monkeypatch.chdir(tmp_path / "work")
    found = read_root(root)
    # "two" is not in the working directory, so it is one of the root's.
    assert find_calib_roots(found, [Path("one"), Path("two")], search=True) == (one, two)
    assert find_calib_roots(found, [Path("one"), one], search=False) == (one,)
    calib(tmp_path / "work/two")
    assert find_calib_roots(found, [Path("two")], search=True) == (tmp_path / "work/two",)
    (tmp_path / "bare").mkdir()
    with pytest.raises(UsageError, match=r"/bare holds no calibRegistry.sqlite3 or calibRegistry.pgsql"):
        find_calib_roots(found, [tmp_path / "bare"], search=True)
    with pytest.raises(UsageError, match=r"calibration root nope does not exist \(looked at: .*work/nope, "):
        find_calib_roots(found, [Path("nope")], search=True)
    with pytest.raises(
        UsageError, match=r"is not a directory; name the one that holds calibRegistry\.sqlite3"
    ):
        find_calib_roots(found, [one / "calibRegistry.sqlite3"], search=True)


def test_searched_calib_root_does_not_lead_out(tmp_path: Path) -> None:
    root = v1(tmp_path / "root", registry=True)
    outside = calib(tmp_path / "outside")
    (root / "CALIB").symlink_to(outside)
    with pytest.raises(UsageError) as error:
        find_calib_roots(read_root(root), (), search=True)
    assert str(error.value) == (
        f"{root}/CALIB leads out of the repository to {outside}; if that is meant, name it: --calib {outside}"
    )
    assert find_calib_roots(read_root(root), [outside], search=True) == (outside,)
    # A link to a place inside a declared parent is no way out.
    child = v1(tmp_path / "child", parent=tmp_path / "outside2")
    calib(v1(tmp_path / "outside2") / "sub")
    (child / "CALIB").symlink_to(tmp_path / "outside2/sub")
    assert find_calib_roots(read_root(child), (), search=True) == (child / "CALIB",)
