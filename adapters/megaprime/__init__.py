"""MegaPrime (MegaCam) on the Canada-France-Hawaii Telescope."""

from __future__ import annotations

from dataclasses import replace

from ..camera import WRITE_CAMERA, Calibration, Camera, Extensions, HandOffRule, Lookup, Raw, TimeColumn

# In spite of its name the column holds UTC.
OBSERVED = TimeColumn("taiObs", kind="iso", scale="utc")

REF_COLUMNS = ("visit", "ccd", "taiObs", "extension")
PER_EXTENSION = Lookup(("taiObs", "extension"), reference="raw", ref_columns=REF_COLUMNS)
# The extension was not matched; as all rows of a file have the same path, one answer was left all the same.
PER_TIME = Lookup(("taiObs",), reference="raw", ref_columns=REF_COLUMNS)
PER_EXTENSION_AND_FILTER = Lookup(
    ("filter", "taiObs", "extension"), reference="raw", ref_columns=(*REF_COLUMNS, "filter")
)

ELIXIR = (
    "files of the Elixir pipeline hold one image per HDU and are no afw exposures: "
    "ExposureF datasets read through FitsExposureFormatter find no detector in them"
)

BIAS = Calibration(
    "bias",
    table="bias",
    template="%(path)s[%(extension)d]",
    lookup=PER_EXTENSION,
    # The column counts HDUs, from 1; so do the files, of which some hold half of the camera.
    detector="extension",
    detector_offset=-1,
    extensions=Extensions("", offset=-1),
    # There is no calibration date, and several versions may begin together.
    date="validStart",
    shares_dates=True,
    # The current registry was made from UTC midnights by a machine in US Central time.
    zone="America/Chicago",
    unreadable=ELIXIR,
)
FLAT = replace(
    BIAS,
    dataset_type="flat",
    table="flat",
    lookup=PER_EXTENSION_AND_FILTER,
    dimensions=("detector", "physical_filter"),
)


class MegaPrime(Camera):
    """MegaPrime, as obs_cfht mapped it."""

    name = "megaprime"
    instrument_file = "camera.yaml"
    mappers = ("lsst.obs.cfht.MegacamMapper", "lsst.obs.cfht.megacamMapper.MegacamMapper")
    translator = "MegaPrime"

    raw = Raw(
        template="raw/%(runId)s/%(object)s/%(date)s/%(filter)s/%(visit)d%(state)1s.fits.fz[%(extension)d]",
        formatter="lsst.obs.cfht.rawFormatter.MegaPrimeRawFormatter",
        exposure="visit",
        detector="ccd",
        filter="filter",
        keys=(
            "runId",
            "object",
            "visit",
            "ccd",
            "extension",
            "state",
            "filter",
            "date",
            "taiObs",
            "expTime",
        ),
        time=OBSERVED,
        # As the translator looks for them: lower case only.
        extensions=Extensions("EXTNAME", pattern=r"ccd(\d\d)", compressed="EXTVER"),
    )

    calibrations = (
        BIAS,
        replace(BIAS, dataset_type="dark", table="dark", lookup=PER_TIME),
        FLAT,
        replace(FLAT, dataset_type="fringe", table="fringe"),
    )

    hand_offs = (HandOffRule("camera", WRITE_CAMERA),)
