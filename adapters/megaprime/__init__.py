"""MegaPrime (MegaCam) on the Canada-France-Hawaii Telescope."""

from __future__ import annotations

from dataclasses import replace

from ..camera import (
    CAMERA,
    GENERIC,
    Calibration,
    Camera,
    Extensions,
    Lookup,
    Raw,
    RegistryFile,
    Serials,
    TimeColumn,
)

# In spite of its name the column holds UTC.
OBSERVED = TimeColumn("taiObs", kind="iso", scale="utc")

# Defects were found before Gen2's calibration mappings existed, and by real instants.
INSTANT = TimeColumn("taiObs", kind="datetime", scale="utc")

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
DEFECTS = Calibration(
    "defects",
    table="defect",
    # Below the registry's directory. In real repositories the files have moved.
    template="%(path)s",
    lookup=Lookup(("ccdSerial", "taiObs"), reference="raw_visit", ref_columns=("visit",), time=INSTANT),
    storage_class="Defects",
    formatter=GENERIC,
    detector="ccdSerial",
    date="validStart",
    shares_dates=True,
    registry=RegistryFile("defectRegistry", directories=("", "defects")),
    serials=Serials(
        card="SERIAL",
        position=Extensions("EXTNAME", pattern=r"ccd(\d\d)"),
        moved="%(maskname)s.nn/ccd%(detector)02d.fits",
    ),
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
        DEFECTS,
    )

    hand_offs = (CAMERA,)
