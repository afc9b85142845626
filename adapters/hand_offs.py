"""What only the stack can write: its commands, and what files of it are."""

from __future__ import annotations

from dataclasses import dataclass

GENERIC = "lsst.obs.base.formatters.fitsGeneric.FitsGenericFormatter"

WRITE_CAMERA = (
    "python -c 'import sys; from lsst.daf.butler import Butler; from lsst.utils import doImportType; "
    "doImportType(sys.argv[1])().writeCameraGeom(Butler.from_config(sys.argv[2], writeable=True), "
    "*sys.argv[3:])' {class_name} {repo} {collection}{labels}"
)
WRITE_CURATED = (
    "butler write-curated-calibrations {repo} {instrument} curated-stack && "
    "butler collection-chain --mode extend {repo} {chain} {instrument}/calib/curated-stack"
)
"""The same for a Gen2 repository, whose label stands for other masters. Not ``curated``: there ``curate`` writes
datasets of the same names, and whoever comes second is refused."""

WRITE_PACKAGE = (
    "butler write-curated-calibrations {repo} {instrument} {other} && "
    "butler collection-chain --mode extend {repo} {chain} {instrument}/calib/{other}"
)
"""All that the stack writes of a data package, under a label of its own."""

WRITE_ADDITIONAL = (
    "python -c 'import sys; from lsst.daf.butler import Butler; from lsst.utils import doImportType; "
    "doImportType(sys.argv[1])().writeAdditionalCuratedCalibrations("
    "Butler.from_config(sys.argv[2], writeable=True), sys.argv[3], sys.argv[4:])' "
    "{class_name} {repo} {collection}{labels}"
)
"""What the stack writes besides data packages."""


@dataclass(frozen=True, slots=True)
class HandedFiles:
    """Files that a user may have of what only the stack can write.

    They are ingested as they are, so this is what their datasets are.

    Parameters
    ----------
    dimensions
        Gen3 dimensions besides the instrument.
    storage_class, formatter
        Gen3 storage class and the stack's formatter class, by full name.
    pattern
        Regular expression of the whole file name with a group ``detector``
        (its number), ``""`` if the detector's and filter's names stand
        somewhere in the path.
    physical_filter
        Filter of all files, ``""`` if the path says it.
    extensions
        ``EXTNAME`` of all extensions, in order; empty if they are not looked at.
    begin, end
        Validity unless the user gives another, ISO text in TAI; ``""`` is
        unbounded.
    """

    dimensions: tuple[str, ...]
    storage_class: str
    formatter: str = GENERIC
    pattern: str = ""
    physical_filter: str = ""
    extensions: tuple[str, ...] = ()
    begin: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class HandOffRule:
    """A dataset type that cannot be written honestly without the stack.

    Parameters
    ----------
    dataset_type
        Gen3 dataset type name.
    command
        The stack command that completes it; ``{repo}``, ``{instrument}``,
        ``{class_name}``, ``{collection}`` (the CALIBRATION collection),
        ``{chain}`` (the chain that pipelines search for calibrations),
        ``{labels}`` (a space and ``gen2``, or nothing), ``{other}`` (a label
        that is not ours) and ``{calib}`` (the Gen2 calibration root) are filled in, each as a quoted word of a POSIX
        shell: not within quotes, and not within the text of ``python -c``.
    pattern
        Glob of Gen2 files below the calibration root or root that it covers,
        ``""`` if there are none; files there are handed off, not lost. With a
        pattern the hand-off is shown only when such files are there. Without
        one it is what ISR needs of every repository.
    files
        What files of it are, `None` if they are not ingested.
    written
        Globs of the dataset types that the command writes, if ``dataset_type``
        is the name of a group of them.
    """

    dataset_type: str
    command: str
    pattern: str = ""
    files: HandedFiles | None = None
    written: tuple[str, ...] = ()


CAMERA_FILES = HandedFiles(
    (),
    "Camera",
    # The stack's archive of a camera.
    extensions=(
        "ARCHIVE_INDEX",
        "Camera",
        "Detector",
        "TransformMap",
        "TransformPoint2ToPoint2",
        "Detector",
        "Camera",
    ),
)
CAMERA = HandOffRule("camera", WRITE_CAMERA, files=CAMERA_FILES)
"""The camera geometry, which every instrument needs."""
