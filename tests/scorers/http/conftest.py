from loopback.services import raw_service, service  # noqa: F401
