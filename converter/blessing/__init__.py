"""Ranges of masters that are in a repository already: stated by a plan, compared, written.

A plan says what a CALIBRATION collection is to hold. What is there is read, the
difference is what is written, and nothing else. `request` and `plan_file` are the
plan, `repository` reads the Butler, `content`, `checks` and `difference` are pure,
`again` is for files that come in under another dataset type, `planning` makes
operations, `bless` carries them out and reads them back.
"""

from .bless import Blessing, bless
from .express import express
from .plan_file import decertification, load_request, parse_request, request_text, write_request
from .request import Inherit, Request, Selection, Take

__all__ = [
    "Blessing",
    "Inherit",
    "Request",
    "Selection",
    "Take",
    "bless",
    "decertification",
    "express",
    "load_request",
    "parse_request",
    "request_text",
    "write_request",
]
