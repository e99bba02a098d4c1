"""Programs after their own grading: the sandbox, its protocol, what decides on their score."""

from hostile_program import Hostile

PROGRAMS: dict[str, Hostile] = {
    "os._exit(0)": Hostile("pass by ending early", """
import os
os._exit(0)
"""),
    "overwriting builtins": Hostile("change what the grader runs", """
import builtins, json, os
builtins.print = lambda *values, **options: None
builtins.open = builtins.len = builtins.isinstance = lambda *values: 42
json.dumps = lambda *values, **options: '["passed", ""]'
os.write = lambda *values: 0
"""),
    "looking for the grader in memory": Hostile("find the caller's data in memory", """
import gc, sys
def hidden(value):
    try:
        return "{secret_hint}"[::-1] in repr(value)
    except Exception:
        return False
found = [held for held in gc.get_objects() if type(held) in (dict, list, tuple) and hidden(held)]
frame = sys._getframe()
while frame is not None:
    found += [value for value in list(frame.f_locals.values()) if hidden(value)]
    frame = frame.f_back
print("ESCAPED" if found else "")
"""),
    "dying of a fault": Hostile("be taken for a failure of the machine", """
import ctypes
ctypes.string_at(0)
"""),
    "dumping core": Hostile("leave a dump of its memory", """
import os
os.abort()
"""),
    "exceptions that cannot be told": Hostile("break the report of its own end", """
class Strange(BaseException):
    def __str__(self):
        raise self
    __repr__ = __str__
raise Strange
"""),
    "frames made up on every descriptor": Hostile("speak for the sandbox", """
import os, struct
for descriptor in range(16):
    for text in (b'["scored","42","42",null,0.1]', b'"began"', b'{"lacking":[]}', b'["passed",""]', b"[" * 100000):
        try:
            os.write(descriptor, struct.pack("!I", len(text)) + text)
        except OSError:
            pass
"""),
    "closing and replacing its descriptors": Hostile("lose its end by closing what it was given", """
import os
reading, writing = os.pipe()
for descriptor in range(64):
    try:
        os.dup2(writing, descriptor)
    except OSError:
        pass
os.closerange(0, 64)
"""),
    "never leaving": Hostile("go on in the sandbox's own code after its end", """
import os, sys, threading
os._exit = lambda code: None
sys.exit = lambda code=0: None
threading._shutdown = lambda: None
for module in list(sys.modules.values()):
    if getattr(module, "__name__", "").startswith("cell"):
        for name in ("run", "live", "read", "write", "empty", "end_all"):
            if hasattr(module, name):
                setattr(module, name, lambda *values, **options: {"lacking": []})
"""),
    "the source of the sandbox": Hostile("change the sandbox's code on disk", """
import os, sys
for module in list(sys.modules.values()):
    path = getattr(module, "__file__", None) or ""
    if "/cell/" in path or "rl_rewards" in path:
        for way in (lambda: open(path, "a").close(), lambda: os.utime(path), lambda: os.chmod(path, 0o777), lambda: os.stat(path)):
            try:
                way()
                print("ESCAPED", path)
            except OSError:
                pass
"""),
    "its neighbours' directories": Hostile("see or change what belongs to programs that run beside it", """
import os
for way in (
    lambda: os.listdir(".."), lambda: os.chmod("..", 0), lambda: open("../left", "w").close(), lambda: os.mkdir("../made"),
    lambda: os.rename(".", "../moved"), lambda: os.utime("..", (5, 5)), lambda: os.listdir("../.."),
):
    try:
        way()
        print("ESCAPED")
    except OSError:
        pass
"""),
    "what earlier programs left": Hostile("leave something for the programs after it", """
import os
if os.listdir("."):
    print("ESCAPED")
open("left", "w").close()
os.environ["LEFT"] = "x"
"""),
}  # fmt: skip
