"""The Dark Energy Camera on the Blanco telescope, with the Community Pipeline's masters."""

from __future__ import annotations

from dataclasses import replace

from ..camera import (
    CALIB_ID,
    CAMERA,
    EXPOSURE,
    GENERIC,
    WRITE_CURATED,
    Calibration,
    Camera,
    Curated,
    Extensions,
    HandOffRule,
    Lookup,
    Raw,
    TimeColumn,
)

# The date of DATE-OBS: a UTC date, so a Chilean night has two.
OBSERVED = TimeColumn("date", kind="date", scale="utc")

# The policies matched no detector here: the dates of all detectors together had to be one.
BY_DATE = Lookup(columns=("date",), reference="raw_visit", ref_columns=("visit",))
BY_DATE_AND_FILTER = Lookup(columns=("filter", "date"), reference="raw_visit", ref_columns=("visit",))
PER_CCD = Lookup(columns=("date", "ccdnum"), reference="raw_visit", ref_columns=("visit",))
PER_CCD_AND_FILTER = Lookup(
    columns=("filter", "date", "ccdnum"), reference="raw_visit", ref_columns=("visit",)
)
WITHOUT_DATE = Lookup(
    columns=("filter", "ccdnum"), reference="raw_visit", ref_columns=("visit",), valid_range=False
)

BY_FILTER = ("detector", "physical_filter")
# Numbers from 63 on are guide and focus chips.
CCDS = Extensions("CCDNUM", highest=62)
# The stack's formatter for the Community Pipeline opens the HDU of the CCD's number.
CP_CCDS = replace(CCDS, by_number=True)
CP_CALIB = "lsst.obs.decam.rawFormatter.DarkEnergyCameraCPCalibFormatter"


class DECam(Camera):
    """The Dark Energy Camera, as obs_decam mapped it.

    Masters of the Community Pipeline (``cp…``) are listed in the tables of
    those that LSST code built; which of the two a row means, its file tells.
    """

    name = "decam"
    instrument_file = "camera.yaml"
    mappers = ("lsst.obs.decam.DecamMapper", "lsst.obs.decam.decamMapper.DecamMapper")
    translator = "DECam"
    # Nightly sets are taken in the afternoon, between 19h and 20h UTC, and dated by that day.
    calib_time_s = 70_200
    curated = Curated("decam", "obs_decam_data")

    raw = Raw(
        template="%(date)s/%(filter)s/decam%(visit)07d.fits.fz[%(hdu)d]",
        formatter="lsst.obs.decam.rawFormatter.DarkEnergyCameraRawFormatter",
        exposure="visit",
        detector="ccdnum",
        filter="filter",
        keys=("date", "filter", "visit", "hdu", "ccdnum", "object"),
        time=OBSERVED,
        extensions=CCDS,
    )

    calibrations = (
        Calibration(
            "bias",
            table="bias",
            template="BIAS/%(calibDate)s/BIAS-%(calibDate)s-%(ccdnum)02d.fits",
            lookup=BY_DATE,
            detector="ccdnum",
        ),
        Calibration(
            "cpBias",
            table="bias",
            template="cpBIAS/%(calibDate)s/BIAS-%(calibDate)s.fits[%(ccdnum)d]",
            lookup=BY_DATE,
            formatter=CP_CALIB,
            detector="ccdnum",
            extensions=CP_CCDS,
        ),
        Calibration(
            "dark",
            table="dark",
            template="DARK/%(calibDate)s/DARK-%(calibDate)s-%(ccdnum)02d.fits",
            lookup=BY_DATE,
            detector="ccdnum",
        ),
        Calibration(
            "flat",
            table="flat",
            template="FLAT/%(calibDate)s/%(filter)s/FLAT-%(calibDate)s-%(ccdnum)02d.fits",
            lookup=BY_DATE_AND_FILTER,
            dimensions=BY_FILTER,
            detector="ccdnum",
        ),
        Calibration(
            "cpFlat",
            table="flat",
            template="cpFLAT/%(calibDate)s/%(filter)s/FLAT-%(calibDate)s.fits[%(ccdnum)d]",
            lookup=BY_DATE_AND_FILTER,
            dimensions=BY_FILTER,
            formatter=CP_CALIB,
            detector="ccdnum",
            extensions=CP_CCDS,
        ),
        Calibration(
            "fringe",
            table="fringe",
            template="FRINGE/%(calibDate)s/%(filter)s/FRINGE-%(calibDate)s-%(ccdnum)02d.fits",
            lookup=WITHOUT_DATE,
            dimensions=BY_FILTER,
            detector="ccdnum",
        ),
        Calibration(
            "illumcor",
            table="illumcor",
            template="ILLUMCOR/%(calibDate)s/%(filter)s/ILLUMCOR-%(calibDate)s-%(ccdnum)02d.fits",
            lookup=BY_DATE_AND_FILTER,
            dimensions=BY_FILTER,
            detector="ccdnum",
        ),
        Calibration(
            "cpIllumcor",
            table="illumcor",
            template="cpILLUMCOR/%(calibDate)s/%(filter)s/ILLUMCOR-%(calibDate)s.fits[%(calib_hdu)d]",
            lookup=PER_CCD_AND_FILTER,
            dimensions=BY_FILTER,
            # The stack names its formatter for biases and flats of the Community Pipeline only.
            formatter=EXPOSURE,
            detector="ccdnum",
            extensions=CCDS,
        ),
        Calibration(
            "defects",
            table="defects",
            template="defects/%(calibDate)s/defects-%(calibDate)s-%(ccdnum)03d.fits",
            lookup=PER_CCD,
            storage_class="Defects",
            formatter=GENERIC,
            detector="ccdnum",
        ),
        Calibration(
            "crosstalk",
            table="crosstalk",
            template="crosstalk/%(calibDate)s/crosstalk-%(calibDate)s-%(ccdnum)03d.fits",
            lookup=PER_CCD,
            storage_class="CrosstalkCalib",
            formatter=GENERIC,
            detector="ccdnum",
        ),
    )

    deliveries = ("community_pipeline.yaml", CALIB_ID)

    hand_offs = (
        CAMERA,
        # Gen2 read linearizers from the obs package, never from a repository.
        HandOffRule("linearizer", WRITE_CURATED),
    )
