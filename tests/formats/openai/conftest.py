from loopback.processes import chat_server  # noqa: F401
