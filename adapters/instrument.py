"""The Gen3 instrument of a camera: detectors, filters, and which chip was at which detector's place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from converter.timespans import Span, parse_time, to_tai

from .geometry import CameraGeometry, load_geometry


@dataclass(frozen=True, slots=True)
class Detector:
    """A Gen3 ``detector`` record (without the instrument)."""

    id: int
    full_name: str
    name_in_raft: str | None
    raft: str | None
    purpose: str | None


@dataclass(frozen=True, slots=True)
class PhysicalFilter:
    """A Gen3 ``physical_filter`` record and the texts that Gen2 used for it."""

    name: str
    band: str
    gen2: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DetectorSerial:
    """A chip, by its serial number, and the detector at whose place it was.

    Parameters
    ----------
    serial
        Serial number, as headers and registries write it.
    detector
        Gen3 detector id.
    begin, end
        UTC, ISO text; from the first up to, without, the second. ``""`` is
        unbounded.
    """

    serial: str
    detector: int
    begin: str = ""
    end: str = ""

    @property
    def span(self) -> Span:
        """When it was there, TAI.

        Raises
        ------
        ValueError
            A text is no time.
        """
        begin, end = (to_tai(parse_time(t), "utc") if t else None for t in (self.begin, self.end))
        return Span(begin, end)

    def __str__(self) -> str:
        text = f"detector {self.detector}"
        text += f" from {self.begin}" if self.begin else ""
        return text + (f" until {self.end}" if self.end else "")


@dataclass(frozen=True)
class Instrument:
    """A Gen3 instrument with its detectors and filters.

    ``record`` holds the fields of the ``instrument`` dimension record,
    ``serials`` says which chip was where, as far as anything depends on it;
    ``geometry`` is what visits are defined from, `None` if none is declared.
    """

    record: Mapping[str, Any]
    detectors: tuple[Detector, ...]
    filters: tuple[PhysicalFilter, ...]
    serials: tuple[DetectorSerial, ...] = ()
    geometry: CameraGeometry | None = None

    @property
    def name(self) -> str:
        """Gen3 instrument name."""
        return str(self.record["name"])

    @cached_property
    def filter_by_text(self) -> Mapping[str, str]:
        """Gen3 filter name for every text that Gen2 may have used."""
        table: dict[str, str] = {}
        for f in self.filters:
            for text in f.gen2:
                table.setdefault(text, f.name)
        # A filter's own name always wins over another one's alias.
        table.update({f.name: f.name for f in self.filters})
        return table

    def mountings(self, serial: object) -> tuple[DetectorSerial, ...]:
        """Where the chip with a serial number was, in the order of the table; empty if it was never mounted."""
        return self._by_serial.get(str(serial).strip(), ())

    def serial_of(self, detector: int, when: int | None) -> str | None:
        """Serial number of the chip at a detector's place.

        Parameters
        ----------
        detector
            Gen3 detector id.
        when
            TAI nanoseconds; `None` if the time is not known, and then there is
            an answer only if it was always the same chip.
        """
        there = [s for s in self.serials if s.detector == detector]
        if when is not None:
            there = [s for s in there if s.span.overlaps(Span(when, when + 1))]
        return there[0].serial if len(there) == 1 else None

    @cached_property
    def _by_serial(self) -> Mapping[str, tuple[DetectorSerial, ...]]:
        table: dict[str, tuple[DetectorSerial, ...]] = {}
        for s in self.serials:
            table[s.serial] = (*table.get(s.serial, ()), s)
        return table


@cache
def load_instrument(path: Path) -> Instrument:
    """Read an instrument from the YAML file that a camera class names.

    Parameters
    ----------
    path
        File with the keys ``instrument``, ``detectors``,
        ``physical_filters`` and, where it is needed, ``detector_serials``;
        for visits ``camera_geometry`` and ``define_visits``.
    """
    with open(path, encoding="utf-8") as stream:
        data = yaml.load(stream, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    detectors = tuple(
        Detector(d["id"], d["full_name"], d.get("name_in_raft"), d.get("raft"), d.get("purpose"))
        for d in data["detectors"]
    )
    filters = tuple(
        PhysicalFilter(f["name"], f["band"], tuple(f.get("gen2", ()))) for f in data["physical_filters"]
    )
    serials = tuple(
        DetectorSerial(str(s["serial"]), s["detector"], str(s.get("begin") or ""), str(s.get("end") or ""))
        for s in data.get("detector_serials", ())
    )
    return Instrument(data["instrument"], detectors, filters, serials, load_geometry(data))
