"""Commands of the stock ``butler``: the same library calls as those of ``gen2to3``, in the Butler's order.

``butler`` imports this package whenever it runs, whatever the command, so only
names are here. `definitions` has the commands, which are made when one is used.
"""

from .plugin import COMMANDS, commands

bless_calibrations = COMMANDS["bless-calibrations"]
convert = COMMANDS["convert"]
decertify_calibrations = COMMANDS["decertify-calibrations"]
explain_calibration = COMMANDS["explain-calibration"]
import_calibs = COMMANDS["import-calibs"]
verify_conversion = COMMANDS["verify-conversion"]

__all__ = [
    "COMMANDS",
    "bless_calibrations",
    "commands",
    "convert",
    "decertify_calibrations",
    "explain_calibration",
    "import_calibs",
    "verify_conversion",
]
