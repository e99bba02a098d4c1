"""scripts/toy_model_server.py as a module, and running in this process where a test wants to look at each request."""

import contextlib
import importlib.util
import threading
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "scripts" / "toy_model_server.py"
_spec = importlib.util.spec_from_file_location("toy_model_server", SCRIPT)
toy = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(toy)

RUBRIC = """
rewards:
- {name: correct, parse: {tag: answer}, score: {string_match: "{{references.answer}}"}}
"""


@contextlib.contextmanager
def serving(on_request=lambda number: None):
    """The address of a toy server; `on_request` is called with each request's number, from 1, before it is answered."""
    lock, numbers = threading.Lock(), [0]

    class Counting(toy.Handler):
        def do_POST(self):
            with lock:
                numbers[0] += 1
                on_request(numbers[0])
            super().do_POST()

    class Quiet(toy.Server):
        def handle_error(self, request, client_address):
            pass  # a client that was killed

    server = Quiet(("127.0.0.1", 0), Counting)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", numbers
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
