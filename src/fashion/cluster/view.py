"""What the user sees while stages run on the nodes."""

import sys
import time
from collections.abc import Iterable

from rich.live import Live
from rich.table import Table


class View:
    """Shows all stages at once: a table on a terminal, otherwise a line for whatever a stage says.

    Args:
        addresses: of the stages.
    """

    def __init__(self, addresses: Iterable[str]):
        self.started = time.monotonic()
        self.latest = dict.fromkeys(addresses, "waits for a free node")
        self.live = Live(get_renderable=self.table, refresh_per_second=2) if sys.stdout.isatty() else None

    def __enter__(self) -> "View":
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.live:
            self.live.stop()

    def show(self, address: str, line: str) -> None:
        """Show a stage's latest line."""
        self.latest[address] = line
        if not self.live:
            print(f"{time.monotonic() - self.started:6.0f} s  {address}: {line}", flush=True)

    def table(self) -> Table:
        """Return what is on the terminal: each stage, and the last that it said."""
        table = Table("stage", f"after {time.monotonic() - self.started:.0f} s", box=None)
        for row in self.latest.items():
            table.add_row(*row)
        return table
