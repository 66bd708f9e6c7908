"""What can go wrong in starting and driving the local cloud.

LocalCloudError
├── PortInUseError      another process listens on the port
└── NotReadyError       the process ended or stayed silent before it was ready
"""


class LocalCloudError(Exception):
    """The local cloud cannot do what was asked; the message says why and what to do."""


class PortInUseError(LocalCloudError):
    """The port is taken."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"port {port} on {host} is already in use: stop the process that listens there, "
            f"or choose another with --port (0 takes any free one)"
        )


class NotReadyError(LocalCloudError):
    """The process did not come up."""
