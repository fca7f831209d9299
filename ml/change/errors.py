"""The error of a comparison of maps."""


class ChangeError(ValueError):
    """Maps cannot be compared; the message is one line for the user."""
