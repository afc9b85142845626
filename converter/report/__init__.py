"""A conversion as one HTML page, from the repository, its ledger and the Gen2 repository.

Reading (`converter.report.read`) is apart from drawing (`converter.report.render`),
which alone needs Jinja2 and Bokeh.
"""
