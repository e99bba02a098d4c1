from loopback.services import service  # noqa: F401
