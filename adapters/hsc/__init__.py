"""Hyper Suprime-Cam on the Subaru telescope."""

from __future__ import annotations

from ..camera import (
    CALIB_ID,
    CAMERA,
    GENERIC,
    WRITE_ADDITIONAL,
    WRITE_CURATED,
    Calibration,
    Camera,
    Curated,
    HandedFiles,
    HandOffRule,
    Lookup,
    Raw,
    TimeColumn,
)

# taiObs is, in spite of its name, the date of DATE-OBS: a UTC date.
OBSERVED = TimeColumn("taiObs", kind="date", scale="utc")

PER_CCD = Lookup(columns=("ccd", "taiObs"), reference="raw_visit", ref_columns=("visit", "filter"))
PER_CCD_AND_FILTER = Lookup(
    columns=("ccd", "filter", "taiObs"), reference="raw_visit", ref_columns=("visit", "filter")
)
BY_FILTER = ("detector", "physical_filter")


class HSC(Camera):
    """Hyper Suprime-Cam, as obs_subaru mapped it."""

    name = "hsc"
    instrument_file = "camera.yaml"
    mappers = ("lsst.obs.hsc.HscMapper", "lsst.obs.hsc.hscMapper.HscMapper")
    translator = "HSC"
    searches_for_calib = True
    curated = Curated("hsc", "obs_subaru_data")

    raw = Raw(
        template="%(field)s/%(dateObs)s/%(pointing)05d/%(filter)s/HSC-%(visit)07d-%(ccd)03d.fits",
        formatter="lsst.obs.subaru.rawFormatter.HyperSuprimeCamRawFormatter",
        # The four corner chips are mounted turned.
        formatter_by_detector=dict.fromkeys(
            range(100, 104), "lsst.obs.subaru.rawFormatter.HyperSuprimeCamCornerRawFormatter"
        ),
        exposure="visit",
        detector="ccd",
        filter="filter",
        keys=("field", "visit", "filter", "ccd", "dateObs", "taiObs", "expTime", "pointing"),
        time=OBSERVED,
    )

    calibrations = (
        Calibration(
            "bias",
            table="bias",
            template="BIAS/%(calibDate)s/NONE/BIAS-%(calibDate)s-%(ccd)03d.fits",
            lookup=PER_CCD,
            detector="ccd",
        ),
        Calibration(
            "dark",
            table="dark",
            template="DARK/%(calibDate)s/NONE/DARK-%(calibDate)s-%(ccd)03d.fits",
            lookup=PER_CCD,
            detector="ccd",
        ),
        Calibration(
            "flat",
            table="flat",
            template="FLAT/%(calibDate)s/%(filter)s/FLAT-%(calibDate)s-%(filter)s-%(ccd)03d.fits",
            lookup=PER_CCD_AND_FILTER,
            dimensions=BY_FILTER,
            detector="ccd",
        ),
        Calibration(
            "fringe",
            table="fringe",
            template="FRINGE/%(calibDate)s/%(filter)s/FRINGE-%(calibDate)s-%(filter)s-%(ccd)03d.fits",
            lookup=PER_CCD_AND_FILTER,
            dimensions=BY_FILTER,
            detector="ccd",
        ),
        Calibration(
            "sky",
            table="sky",
            template="SKY/%(calibDate)s/%(filter)s/SKY-%(calibDate)s-%(filter)s-%(ccd)03d.fits",
            lookup=PER_CCD_AND_FILTER,
            dimensions=BY_FILTER,
            detector="ccd",
        ),
        Calibration(
            "defects",
            table="defects",
            template="defects/%(calibDate)s/defects-%(calibDate)s-%(ccd)03d.fits",
            lookup=Lookup(columns=("ccd", "taiObs"), reference="raw_visit", ref_columns=("visit",)),
            storage_class="Defects",
            formatter=GENERIC,
            detector="ccd",
        ),
    )

    deliveries = (CALIB_ID,)

    hand_offs = (
        CAMERA,
        HandOffRule("bfKernel", WRITE_CURATED, pattern="BFKERNEL/*.pkl"),
        HandOffRule(
            "yBackground",
            "python -c 'import sys; from lsst.daf.butler import Butler; from lsst.obs.subaru "
            "import HyperSuprimeCam as H; H().ingestStrayLightData("
            'Butler.from_config(sys.argv[1], writeable=True), sys.argv[2], transfer="copy")\' '
            "{repo} {calib}/STRAY_LIGHT",
            pattern="STRAY_LIGHT/*",
        ),
        HandOffRule(
            "transmission curves",
            WRITE_CURATED,
            pattern="transmission/*",
            written=("transmission_*",),
        ),
    )

    also_curated = (
        HandOffRule("bfKernel", WRITE_ADDITIONAL),
        HandOffRule("transmission_optics", WRITE_ADDITIONAL),
        HandOffRule("transmission_sensor", WRITE_ADDITIONAL),
        HandOffRule("transmission_filter", WRITE_ADDITIONAL),
        HandOffRule("transmission_atmosphere", WRITE_ADDITIONAL),
        HandOffRule(
            "yBackground",
            "python -c 'import sys; from lsst.daf.butler import Butler; from lsst.obs.subaru "
            "import HyperSuprimeCam as H; H().ingestStrayLightData("
            'Butler.from_config(sys.argv[1], writeable=True), sys.argv[2], transfer="copy", '
            "collection=sys.argv[3], labels=sys.argv[4:])' {repo} STRAY_LIGHT {collection}{labels}",
            files=HandedFiles(
                BY_FILTER,
                "StrayLightData",
                "lsst.obs.subaru.strayLight.formatter.SubaruStrayLightDataFormatter",
                pattern=r"ybackground-(?P<detector>\d{3})\.fits",
                physical_filter="HSC-Y",
                # The source of the light was covered then.
                end="2018-01-01T00:00:00",
            ),
        ),
    )
