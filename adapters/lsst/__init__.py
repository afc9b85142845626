"""The LSST family: imSim, LATISS and ComCam share one mapper's conventions.

What differs between them is data: the instrument, the raw layout, and for
LATISS the column by which most calibrations were looked up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from ..camera import (
    CALIB_ID,
    CAMERA,
    GENERIC,
    WRITE_CURATED,
    Calibration,
    Camera,
    Curated,
    HandOffRule,
    Lookup,
    Raw,
    TimeColumn,
)

OBSERVED = TimeColumn("dateObs", kind="iso", scale="tai")
# LATISS asked by observing day, which begins at 12:00 UTC.
OBSERVING_DAY = TimeColumn("dayObs", kind="date", scale="utc", rollover_s=43200)

BY_FILTER = ("detector", "physical_filter")
REF_COLUMNS = ("visit", "detector", "raftName", "detectorName", "expId", "dayObs", "seqNum")
CHIP = ("raftName", "detectorName")

PER_CHIP = Lookup(("dateObs", *CHIP), reference="raw", ref_columns=REF_COLUMNS)
PER_CHIP_AND_FILTER = Lookup(
    ("dateObs", "filter", *CHIP), reference="raw", ref_columns=(*REF_COLUMNS, "filter")
)
PER_DETECTOR = Lookup(("dateObs", "detector"), reference="raw", ref_columns=REF_COLUMNS)

_CHIP = "%(raftName)s-%(detectorName)s-det%(detector)03d"

BIAS = Calibration("bias", "bias", f"bias/%(calibDate)s/bias-{_CHIP}_%(calibDate)s.fits", PER_CHIP)
DARK = Calibration("dark", "dark", f"dark/%(calibDate)s/dark-{_CHIP}_%(calibDate)s.fits", PER_CHIP)
FLAT = Calibration(
    "flat",
    "flat",
    f"flat/%(filter)s/%(calibDate)s/flat_%(filter)s-{_CHIP}_%(calibDate)s.fits",
    PER_CHIP_AND_FILTER,
    dimensions=BY_FILTER,
)
# The mapper asked the flat table for fringes; that is what Gen2 did, so that is what is declared.
FRINGE = Calibration(
    "fringe",
    "fringe",
    f"fringe/%(filter)s/%(calibDate)s/fringe_%(filter)s-{_CHIP}_%(calibDate)s.fits",
    replace(PER_CHIP_AND_FILTER, table="flat"),
    dimensions=BY_FILTER,
)
SKY = Calibration(
    "sky",
    "sky",
    f"sky/%(calibDate)s/%(filter)s/sky-%(filter)s-{_CHIP}_%(calibDate)s.fits",
    PER_CHIP_AND_FILTER,
    dimensions=BY_FILTER,
)
DEFECTS = Calibration(
    "defects",
    "defects",
    "defects/%(calibDate)s/defects-%(calibDate)s-%(raftName)s-%(detectorName)s-%(detector)03d.fits",
    PER_DETECTOR,
    storage_class="Defects",
    formatter=GENERIC,
)
LINEARIZER = Calibration(
    "linearizer",
    "linearizer",
    "linearizer/%(calibDate)s/linearizer-det%(detector)03d_%(calibDate)s.fits",
    PER_DETECTOR,
    storage_class="Linearizer",
    formatter=GENERIC,
)
# The mapping asks the raw table for calibDate, which it does not have: Gen2 never found one.
QE_CURVE = Calibration(
    "qe_curve",
    "qe_curve",
    "qe_curve/%(calibDate)s/qe_curve-%(calibDate)s-%(raftName)s-%(detectorName)s.fits",
    Lookup(("detector", "calibDate"), reference="raw", ref_columns=REF_COLUMNS),
    storage_class="QECurve",
    formatter=GENERIC,
)


class LsstCamera(Camera):
    """What all cameras of the family share."""

    translator_module = "adapters.lsst.translators"
    searches_for_calib = True
    calibrations: ClassVar[tuple[Calibration, ...]] = (
        BIAS,
        DARK,
        FLAT,
        FRINGE,
        SKY,
        DEFECTS,
        LINEARIZER,
        QE_CURVE,
    )
    deliveries: ClassVar[tuple[str, ...]] = (CALIB_ID,)
    hand_offs: ClassVar[tuple[HandOffRule, ...]] = (CAMERA,)


class ImSim(LsstCamera):
    """LSSTCam as simulated by imSim."""

    name = "imsim"
    instrument_file = "imsim.yaml"
    mappers = ("lsst.obs.lsst.imsim.ImsimMapper",)
    translator = "LSSTCam-imSim"
    curated = Curated("imsim", "obs_lsst_data")
    raw = Raw(
        template="raw/%(run)s/%(raftName)s/"
        "%(expId)08d-%(raftName)s-%(detectorName)s-det%(detector)03d.fits[0]",
        formatter="lsst.obs.lsst.rawFormatter.LsstCamImSimRawFormatter",
        exposure="expId",
        detector="detector",
        filter="filter",
        keys=("run", "visit", "expId", "raftName", "detectorName", "detector", "filter"),
        time=OBSERVED,
    )
    hand_offs = (
        *LsstCamera.hand_offs,
        HandOffRule("bfk", WRITE_CURATED, pattern="bfk/*.fits"),
    )


class LATISS(LsstCamera):
    """The imaging spectrograph on the Rubin Auxiliary Telescope."""

    name = "latiss"
    instrument_file = "latiss.yaml"
    mappers = ("lsst.obs.lsst.latiss.LatissMapper", "lsst.obs.lsst.auxTel.AuxTelMapper")
    translator = "LSST_LATISS"
    curated = Curated("latiss", "obs_lsst_data")
    raw = Raw(
        template="raw/%(dayObs)s/%(expId)013d-det%(detector)03d.fits[0]",
        formatter="lsst.obs.lsst.rawFormatter.LatissRawFormatter",
        exposure="expId",
        detector="detector",
        filter="filter",
        keys=("dayObs", "seqNum", "visit", "expId", "detectorName", "detector", "filter"),
        time=OBSERVING_DAY,
    )
    _by_day = Lookup(("dayObs", "detector"), reference="raw", ref_columns=REF_COLUMNS)
    _by_day_and_filter = replace(
        _by_day, columns=("dayObs", "detector", "filter"), ref_columns=(*REF_COLUMNS, "filter")
    )
    calibrations = (
        replace(
            BIAS, template="bias/%(calibDate)s/bias-det%(detector)03d_%(calibDate)s.fits", lookup=_by_day
        ),
        replace(
            DARK, template="dark/%(calibDate)s/dark-det%(detector)03d_%(calibDate)s.fits", lookup=_by_day
        ),
        replace(
            FLAT,
            template="flat/%(filter)s/%(calibDate)s/flat_%(filter)s-det%(detector)03d_%(calibDate)s.fits",
            lookup=_by_day_and_filter,
        ),
        # Its policy changed bias, dark and flat only; the rest kept the family's
        # template and columns (with raftName, which LATISS registries lack).
        *(
            replace(c, lookup=replace(c.lookup, time=OBSERVED))
            for c in (FRINGE, SKY, DEFECTS, LINEARIZER, QE_CURVE)
        ),
    )


class ComCam(LsstCamera):
    """The commissioning camera, one raft."""

    name = "comcam"
    instrument_file = "comcam.yaml"
    mappers = ("lsst.obs.lsst.comCam.LsstComCamMapper",)
    translator = "LSSTComCam"
    curated = Curated("comCam", "obs_lsst_data")
    raw = Raw(
        template="raw/%(dayObs)s/%(expId)013d/"
        "%(expId)013d-%(raftName)s-%(detectorName)s-det%(detector)03d.fits[0]",
        formatter="lsst.obs.lsst.rawFormatter.LsstComCamRawFormatter",
        exposure="expId",
        detector="detector",
        filter="filter",
        keys=("dayObs", "seqNum", "visit", "expId", "raftName", "detectorName", "detector", "filter"),
        time=OBSERVED,
    )
