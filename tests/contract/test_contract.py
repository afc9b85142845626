"""Every camera of this package passes the contract."""

from __future__ import annotations

from adapters.contract import CameraContract
from adapters.decam import DECam
from adapters.hsc import HSC
from adapters.lsst import LATISS, ComCam, ImSim
from adapters.megaprime import MegaPrime
from fixtures.decam import make_decam
from fixtures.hsc import HscSpec, make_hsc
from fixtures.lsst import LsstSpec, make_lsst
from fixtures.megaprime import IN_ORDER, make_megaprime

FLATS = ("2014-09-28", "2014-10-02")
# Fringes were looked up in the flat table, so only those of the flats' dates were found.
WITH_FRINGES = LsstSpec(fringe=("2022-03-20", "2022-04-20"))
HSC_DARKS = [
    ("20140901T000000Z", "2014-06-03T00:00:00", "2014-09-26T00:00:00"),
    ("20141020T000000Z", "2014-09-26T00:00:00", "2015-01-19T00:00:00"),
]
# Midnights in UTC, as Elixir has them; the registry has them in local time, of summer and winter. An end that no
# other range begins at is itself part of its range, to the second.
SPRING = ("20070404T000000Z", "2007-04-04T00:00:00")
END = "2007-12-20T00:00:01"
MEGAPRIME_RANGES = {
    "bias": [
        (*SPRING, "2007-05-17T00:00:00"),
        ("20070517T000000Z", "2007-05-17T00:00:00", "2007-12-01T00:00:00"),
        ("20071201T000000Z", "2007-12-01T00:00:00", END),
    ],
    "dark": [(*SPRING, END)],
    "flat": [(*SPRING, END)],
    "fringe": [
        ("20071120T000000Z", "2007-11-20T00:00:00", "2007-12-10T00:00:00"),
        ("20071210T000000Z", "2007-12-10T00:00:00", END),
    ],
}


class TestHSC(CameraContract):
    camera = HSC()
    make = staticmethod(lambda root: make_hsc(root, HscSpec(flat=FLATS, fringe=FLATS, sky=FLATS)).root)
    ranges = {"dark": HSC_DARKS}


class TestImSim(CameraContract):
    camera = ImSim()
    make = staticmethod(lambda root: make_lsst(root, "imsim", WITH_FRINGES).root)
    # Midnights of TAI.
    ranges = {"dark": [("20220401T000000Z", "2021-12-31T23:59:23", "2022-06-29T23:59:23")]}
    never_found = frozenset({"qe_curve"})


class TestLATISS(CameraContract):
    camera = LATISS()
    # The other types are looked up by a raft name, which LATISS registries do not have.
    make = staticmethod(lambda root: make_lsst(root, "latiss", LsstSpec(defects=())).root)
    # Observing days, which begin at noon.
    ranges = {"dark": [("20220401T000000Z", "2022-01-01T12:00:00", "2022-07-01T12:00:00")]}
    never_found = frozenset({"fringe", "sky", "defects", "qe_curve"})


class TestComCam(CameraContract):
    camera = ComCam()
    make = staticmethod(lambda root: make_lsst(root, "comcam", WITH_FRINGES).root)
    never_found = frozenset({"qe_curve"})


class TestDECam(CameraContract):
    camera = DECam()
    # The mapper did not look for calibrations.
    calib = ("CALIB",)
    make = staticmethod(lambda root: make_decam(root).root)


class TestMegaPrime(CameraContract):
    camera = MegaPrime()
    # The mapper did not look for calibrations.
    calib = ("CALIB",)
    make = staticmethod(lambda root: make_megaprime(root, IN_ORDER).root)
    ranges = MEGAPRIME_RANGES
