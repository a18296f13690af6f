"""What can go wrong while packing."""

from __future__ import annotations


class PackError(Exception):
    """The bundle cannot be packed.

    Arguments:
        message: one line that names what is wrong and how to mend it.
        output: what another tool (pip, the author's own code) said, to be shown below it.
    """

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.output = output.rstrip("\n")

    def __str__(self) -> str:
        return f"{self.message}\n{self.output}" if self.output else self.message
