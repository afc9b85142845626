"""Texts of cards are those that astropy reads."""

import io

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from adapters.fits_cards import read_cards
from adapters.fits_header import HeaderError

# astropy may part a doubled quote where a text goes on, so quotes are in short texts only.
PLAIN = st.characters(min_codepoint=32, max_codepoint=126)
TEXT = st.text(PLAIN.filter(lambda c: c != "'"), max_size=300) | st.text(PLAIN, max_size=30)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(first=TEXT, second=TEXT, number=st.integers(-(10**9), 10**9))
@example(first="x" * 66 + "  y" + " z" * 60, second="it's / not a comment", number=5)
@example(first="'" * 30, second="", number=0)
def test_the_same_as_astropy(tmp_path, first, second, number):
    primary = fits.PrimaryHDU()
    # A text that ends with & is, by the convention, one that goes on.
    first, second = first.rstrip("& "), second.rstrip("& ")
    primary.header["FIRST"] = first
    primary.header["HIERARCH ESO INS LONG"] = (number, "a comment")
    image = fits.ImageHDU()
    image.header["FIRST"] = (number, "a comment / with a slash")
    image.header["SECOND"] = second
    stream = io.BytesIO()
    fits.HDUList([primary, image]).writeto(stream)
    path = tmp_path / "a.fits"
    path.write_bytes(stream.getvalue())
    found = read_cards(str(path), {"FIRST", "SECOND", "ESO INS LONG", "NOT THERE", "NOTHING"})
    assert [dict(cards) for cards in found.hdus] == [
        {"FIRST": first.strip(), "ESO INS LONG": str(number)},
        {"FIRST": str(number), "SECOND": second.strip()},
    ]
    assert (found.missing, found.size) == (0, len(stream.getvalue()))
    assert found.get("SECOND") == second.strip()
    assert found.get("NOTHING") == ""


@pytest.mark.parametrize("cut", [1, 40, 2879, 2880, 4000])
def test_what_is_cut_off_is_counted(tmp_path, cut):
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros(5000, "u1"))]).writeto(stream)
    path = tmp_path / "a.fits"
    path.write_bytes(stream.getvalue()[:-cut])
    padding = 5760 - 5000
    assert read_cards(str(path), ()).missing == max(0, cut - padding)


def test_a_text_that_never_ends_is_cut(tmp_path):
    lines = [
        b"LONG    = 'x&'".ljust(80),
        *[b"CONTINUE  'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy&'".ljust(80)] * 20_000,
    ]
    head = b"SIMPLE  =                    T".ljust(80) + b"".join(lines) + b"END".ljust(80)
    path = tmp_path / "a.fits"
    path.write_bytes(head.ljust(-(-len(head) // 2880) * 2880))
    assert len(read_cards(str(path), {"LONG"}).get("LONG")) < 10_100
    path.write_bytes(head.replace(b"END".ljust(80), b" " * 80) * 3)
    with pytest.raises(HeaderError, match="expected an END card"):
        read_cards(str(path), {"LONG"})
