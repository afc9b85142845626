"""What can be wrong with a target."""

from __future__ import annotations

from collections.abc import Callable

from lsst.daf.butler import Butler, CollectionType, DatasetType

from .bad_input import BIAS_FILE, BadInput
from .place import BIAS, Place


def converted(*options: str) -> Callable[[Place], None]:
    def make(p: Place) -> None:
        assert p.convert("--no-verify", *options).status == 0

    return make


def writing(p: Place) -> Butler:
    if not p.target.exists():
        Butler.makeRepo(str(p.target))
    return Butler.from_config(str(p.target), writeable=True)


def other_instrument(p: Place) -> None:
    butler = writing(p)
    record = {
        "name": "HSC",
        "visit_max": 7,
        "exposure_max": 8,
        "detector_max": 999,
        "class_name": "my.own.HSC",
    }
    butler.registry.insertDimensionData("instrument", record)


def register(name: str, kind: CollectionType) -> Callable[[Place], object]:
    return lambda p: writing(p).collections.register(name, kind)


def other_type(p: Place) -> None:
    butler = writing(p)
    butler.registry.registerDatasetType(
        DatasetType(
            "bias", ("instrument",), "StructuredDataDict", universe=butler.dimensions, isCalibration=True
        )
    )


def other_ranges(p: Place) -> None:
    """Somebody corrects a range in the registry after it was converted."""
    converted()(p)
    p.calib_sql("UPDATE bias SET validEnd = '2014-12-01' WHERE calibDate = '2014-10-02'")


CONFLICTS = [
    BadInput(
        "two masters valid at once",
        lambda p: p.add_master("bias", "2014-09-25", "2014-09-20", "2014-10-01"),
        r"bias: masters 20140930T000000Z and 20140925T000000Z are both valid in \[.*\); "
        r"choose a policy with --overlaps bias=latest-start \(or another\), or correct the registry",
        status=3,
    ),
    BadInput(
        "masters valid at once in several tables",
        lambda p: (
            p.add_master("bias", "2014-09-25", "2014-09-20", "2014-10-01"),
            p.add_master("bias", "2014-09-26", "2014-07-02", "2014-07-05"),
            p.add_master("dark", "2014-09-02", "2014-06-03", "2014-11-30"),
        ),
        r"dark: masters 20140901T000000Z and 20140902T000000Z are both valid in .*",
        status=3,
        lines=3,
    ),
    BadInput(
        "reject with --strict",
        lambda p: (p.calib / BIAS).write_bytes(b""),
        BIAS_FILE + r": is empty",
        status=3,
        options=("--strict",),
    ),
    BadInput(
        "other instrument record in the target",
        other_instrument,
        r"instrument HSC: class_name is 'my\.own\.HSC' in the repository, 'lsst\.obs\.subaru\.HyperSuprimeCam' in the "
        r"camera's declaration; give --update-instrument to change the repository's records",
        status=3,
        lines=5,
    ),
    BadInput(
        "<inst>/calib a CALIBRATION collection, and a label",
        register("HSC/calib", CollectionType.CALIBRATION),
        r"collection HSC/calib exists as CALIBRATION, needed as CHAINED; --label '' uses it as it is",
        status=3,
    ),
    BadInput(
        "<inst>/calib a chain, and no label",
        register("HSC/calib", CollectionType.CHAINED),
        r"collection HSC/calib exists as CHAINED, needed as CALIBRATION; give a --label",
        status=3,
        options=("--label", ""),
    ),
    BadInput(
        "run collection that is a chain",
        register("HSC/raw/all", CollectionType.CHAINED),
        r"collection HSC/raw/all exists as CHAINED, needed as RUN; rename it, or convert into another repository",
        status=3,
    ),
    BadInput(
        "other ranges certified in the target",
        other_ranges,
        r"bias detector=49: HSC/calib/gen2/20141002T000000Z is certified in HSC/calib/gen2 for \[.*2015-01-01.*\), "
        r"now \[.*2014-12-02.*\) is wanted; change it with --supersede, or give another --label",
        status=3,
        lines=2,
    ),
    BadInput(
        "other definition of a dataset type in the target",
        other_type,
        r"dataset type bias is \['instrument'\] StructuredDataDict in the repository, "
        r"\['detector', 'instrument'\] ExposureF by the camera's declaration; leave it out with --types",
        status=3,
    ),
]
