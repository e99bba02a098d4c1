"""This package, as it is installed here, as a wheel: a context for a container needs no index that has it."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import rl_rewards

__all__ = ["wheel_of_this_package"]

_KEPT = ("METADATA", "entry_points.txt")


def wheel_of_this_package() -> tuple[str, bytes]:
    """(file name, content) of a wheel with this package's files and its metadata. The same files give the same bytes."""
    package, found = Path(rl_rewards.__file__).parent, distribution("rl_rewards")
    stem = f"rl_rewards-{found.version}"
    files = {f"rl_rewards/{path.relative_to(package).as_posix()}": path.read_bytes() for path in sorted(package.rglob("*")) if _belongs(path)}
    for name in _KEPT:
        if (text := found.read_text(name)) is not None:
            files[f"{stem}.dist-info/{name}"] = text.encode()
    files[f"{stem}.dist-info/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: rl_rewards\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = f"{stem}.dist-info/RECORD"
    files[record] = _record(files, record)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return f"{stem}-py3-none-any.whl", packed.getvalue()


def _belongs(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".pyc", ".pyo")


def _record(files: dict[str, bytes], record: str) -> bytes:
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        writer.writerow([name, f"sha256={digest}", len(content)])
    writer.writerow([record, "", ""])
    return lines.getvalue().encode()
