from loopback.processes import chat_server  # noqa: F401
from loopback.services import service  # noqa: F401
