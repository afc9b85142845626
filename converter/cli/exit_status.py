"""What the exit statuses mean."""

EXIT_STATUS = {
    "0": "all good",
    "1": "finished, with rejects; `inspect`: something is wrong with the repository; or it broke off",
    "2": "the call cannot be carried out as it is",
    "3": "stopped before anything was written: conflicts, rejects with `--strict`, records that differ, "
    "another process that writes, an undo that is refused",
    "4": "verification found a disagreement, or a file that is missing or wrong; `bless`, `import-calibs`, "
    "`curate`: the collection does not hold what was written",
    "130, 143": "interrupted (Ctrl-C), terminated (SIGTERM); the same command goes on from there",
}
"""The same as in the README."""
