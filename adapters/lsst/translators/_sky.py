"""Changes of coordinates between the sky and the telescope mount.

Every function here works from the Earth-rotation tables installed with
astropy and never asks the network for newer ones.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import astropy.units as u
from astropy.coordinates import ICRS, AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

__all__ = ["altaz_from_hour_angle", "altaz_to_icrs", "radec_to_altaz"]


@contextlib.contextmanager
def _bundled_earth_rotation() -> Iterator[None]:
    """Use the installed Earth-rotation tables, however old they are."""
    with (
        iers.conf.set_temp("auto_download", False),
        # Without this, times in the predicted part of an old table are an
        # error once astropy may not fetch a newer table.
        iers.conf.set_temp("auto_max_age", None),
        iers.conf.set_temp("iers_degraded_accuracy", "warn"),
    ):
        yield


def radec_to_altaz(radec: SkyCoord, when: Time, location: EarthLocation) -> AltAz:
    """Point the mount at a position of the sky.

    Parameters
    ----------
    radec : `astropy.coordinates.SkyCoord`
        Position on the sky.
    when : `astropy.time.Time`
        Time of the pointing, in any scale.
    location : `astropy.coordinates.EarthLocation`
        Where the telescope stands.

    Returns
    -------
    altaz : `astropy.coordinates.AltAz`
        Azimuth (North through East) and elevation, without refraction.
    """
    with _bundled_earth_rotation():
        return SkyCoord(radec).transform_to(AltAz(obstime=when, location=location)).frame


def altaz_to_icrs(altaz: AltAz) -> SkyCoord:
    """Find the position of the sky at which the mount points.

    Parameters
    ----------
    altaz : `astropy.coordinates.AltAz`
        Azimuth and elevation, with their time and location.

    Returns
    -------
    radec : `astropy.coordinates.SkyCoord`
        ICRS position.
    """
    with _bundled_earth_rotation():
        position = altaz.transform_to(ICRS())
    return SkyCoord(position, obstime=altaz.obstime, location=altaz.location)


def altaz_from_hour_angle(hour_angle: float, dec: float, when: Time, location: EarthLocation) -> AltAz:
    """Point the mount at an hour angle and declination.

    Plain spherical trigonometry: neither precession nor refraction enters.

    Parameters
    ----------
    hour_angle : `float`
        Hour angle in degrees, positive to the West.
    dec : `float`
        Declination in degrees.
    when : `astropy.time.Time`
        Time to attach to the result.
    location : `astropy.coordinates.EarthLocation`
        Where the telescope stands; gives the latitude.

    Returns
    -------
    altaz : `astropy.coordinates.AltAz`
        Azimuth (North through East) and elevation.
    """
    h, d = math.radians(hour_angle), math.radians(dec)
    lat = float(location.lat.to_value(u.rad))
    east = -math.cos(d) * math.sin(h)
    north = math.sin(d) * math.cos(lat) - math.cos(d) * math.sin(lat) * math.cos(h)
    up = math.sin(d) * math.sin(lat) + math.cos(d) * math.cos(lat) * math.cos(h)
    az = math.degrees(math.atan2(east, north)) % 360.0
    alt = math.degrees(math.atan2(up, math.hypot(east, north)))
    return AltAz(az=az * u.deg, alt=alt * u.deg, obstime=when, location=location)
