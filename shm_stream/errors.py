"""The errors a user can meet. The command line prints their message as one line and exits with their code."""


class ShmStreamError(Exception):
    """Something failed while working."""

    exit_code = 1


class InputError(ShmStreamError, ValueError):
    """The input or the options cannot be used; nothing was written. The message says what to do."""

    exit_code = 2


class WeightsError(InputError):
    """A weight file is missing, truncated or not the one the manifest describes."""
