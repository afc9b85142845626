"""Commands whose help has examples."""

from __future__ import annotations

import click

from .examples import EXAMPLES


class Command(click.Command):
    """A command that shows its examples at the end of its help."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples: the words, and below them what they do."""
        super().format_epilog(ctx, formatter)
        examples = EXAMPLES.get(str(self.name), ())
        if not examples:
            return
        with formatter.section("Examples"):
            for number, example in enumerate(examples):
                if number:
                    formatter.write_paragraph()
                # Not wrapped: it is to be copied.
                formatter.write(f"{'':>{formatter.current_indent}}{example.words}\n")
                with formatter.indentation(), formatter.indentation():
                    formatter.write_text(example.does)
