"""The few exceptions a user can meet, each with its exit code.

A message is one line: which file, what is wrong, what to do. Everything below
``AcutanceError`` is an expected failure; any other exception is a bug of ours.
"""

from __future__ import annotations


class AcutanceError(Exception):
    """An expected failure; ``str(error)`` is the line shown to the user."""

    exit_code = 70
    kind = "internal"


class UsageError(AcutanceError):
    """The command or the arguments ask for something that does not exist or does not fit."""

    exit_code = 2
    kind = "usage"


class BadInput(AcutanceError):
    """An input file cannot be understood."""

    exit_code = 3
    kind = "bad-input"


class OverLimit(BadInput):
    """An input or a result is larger than a limit; the message names the limit."""

    kind = "over-limit"


class BadModel(AcutanceError):
    """A model file is damaged, unsafe or does not belong to its graph."""

    exit_code = 4
    kind = "bad-model"


class ResourceError(AcutanceError):
    """The machine ran out of disk or memory, or a permission is missing."""

    exit_code = 5
    kind = "resource"


class DiskFull(ResourceError):
    """No room is left; whatever comes next would fail as well."""


class Interrupted(AcutanceError):
    """The user or the system asked us to stop; what was finished stays finished."""

    exit_code = 130
    kind = "interrupted"

    def __init__(self, message: str, signal_number: int = 2) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number
