"""Paths of stored files, whatever characters are in them."""

from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from lsst.resources import ResourcePath

from converter.datastore import stored_files


def butler(stored: str) -> Any:
    data = SimpleNamespace(
        records={1: {"table": [SimpleNamespace(path=stored, file_size=1, formatter="f", component=None)]}}
    )
    return SimpleNamespace(
        get_datastore_roots=lambda: {"store": ResourcePath("/repo/", forceDirectory=True)},
        _datastore=SimpleNamespace(export_records=lambda refs: {"store": data}),
    )


@pytest.mark.parametrize("name", ["plain.fits", "a b%c.fits", "x#y/é.fits", "a?b;c.fits", "a+b&c=d[0].fits"])
def test_absolute(name: str) -> None:
    uri = ResourcePath("file://" + quote(f"/data/{name}"), forceDirectory=False)
    assert stored_files(butler(str(uri)), []) == {"1": f"/data/{name}"}


@pytest.mark.parametrize("uri", ["file:///data/a.fits#part", "file:///data/a.fits?q"])
def test_as_the_butler_reads_it(uri: str) -> None:
    read = ResourcePath(uri, forceDirectory=False)
    assert stored_files(butler(uri), []) == {"1": read.ospath if read.isLocal else str(read)}


def test_below_the_root() -> None:
    assert stored_files(butler("run/a b#c.fits"), []) == {"1": "/repo/run/a b#c.fits"}
