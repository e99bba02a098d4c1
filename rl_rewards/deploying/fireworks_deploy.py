"""Evaluators of Fireworks: made, or replaced in place, by the calls that Reward Kit makes (v1) or by today's (v2, evaluatorsV2).

v1 sends every file as text in the evaluator's criteria. v2 sends an archive: create or update, getUploadEndpoint, PUT, validateUpload, and then
waits for the build. An evaluator that is there is updated (PATCH) and never deleted, so that there is no moment without one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from rl_rewards import __version__
from rl_rewards.deploying.archive import tar_gz
from rl_rewards.deploying.bundle import Bundle
from rl_rewards.deploying.entry import ENTRY_CODE
from rl_rewards.deploying.evaluation_id import DeployError, check_id
from rl_rewards.deploying.fireworks import Fireworks, FireworksError
from rl_rewards.deploying.stored import DESCRIPTION, deployment_of
from rl_rewards.redaction import HIDDEN
from rl_rewards.tables.strict_json import strict_json

__all__ = ["Api", "Evaluator", "deploy_on_fireworks", "planned_requests"]

Api = Literal["v1", "v2"]
_FILE = "evaluator.tar.gz"
_BUILT_WITHIN = 900.0  # seconds
_POLL = 3.0


@dataclass(frozen=True)
class Evaluator:
    """What is sent.

    Attributes:
        id, display_name, description: of the evaluator.
        bundle: its files.
        api: v1 or v2.
    """

    id: str
    display_name: str
    description: str
    bundle: Bundle
    api: Api = "v1"
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def __post_init__(self) -> None:
        check_id(self.id)

    @property
    def metrics(self) -> dict[str, dict[str, bytes]]:
        """Criterion -> its files: a metric folder each, or a rubric with a main.py that scores with it."""
        contents = dict(self.bundle.contents())
        if self.bundle.folders:
            places = dict(pair.split("=", 1) for pair in self.bundle.folders)
            return {name: _below(contents, f"{place}/") for name, place in places.items()}
        description = deployment_of(self.bundle, self.id, 1, self.display_name, self.description, self.created)
        files = {f"files/{name}": content for name, content in contents.items()}
        return {self.id: {"main.py": ENTRY_CODE.encode(), DESCRIPTION: strict_json(asdict(description), indent=1).encode(), **files}}

    @property
    def requirements(self) -> list[str]:
        """What must be installed there: the code's own requirements, and this package where the code imports it."""
        ours = f"rl_rewards=={__version__}"
        named = any(line.replace("-", "_").lower().startswith("rl_rewards") for line in self.bundle.requirements)
        imports = any(b"rl_rewards" in content for files in self.metrics.values() for name, content in files.items() if name.endswith(".py"))
        return [*self.bundle.requirements, *([ours] if imports and not named else [])]

    @property
    def body(self) -> dict[str, Any]:
        """The evaluator's fields."""
        fields: dict[str, Any] = {"displayName": self.display_name, "description": self.description, "multiMetrics": True}
        fields |= {"criteria": [self._criterion(name, files) for name, files in self.metrics.items()], "requirements": "\n".join(self.requirements)}
        if self.api == "v2":
            first = next(iter(self.metrics))
            return {name: value for name, value in fields.items() if name != "multiMetrics"} | {"entryPoint": f"{first}/main.py::evaluate"}
        return fields | {"rollupSettings": {"skipRollup": True}}

    def _criterion(self, name: str, files: Mapping[str, bytes]) -> dict[str, Any]:
        if self.api == "v2":  # the files are in the archive
            snippets: dict[str, Any] = {"language": "python", "entryFile": f"{name}/main.py", "entryFunc": "evaluate"}
        else:
            snippets = {"language": "python", "fileContents": {path: _text(path, content) for path, content in files.items()}}
        return {"type": "CODE_SNIPPETS", "name": name, "description": f"Metric: {name}", "codeSnippets": snippets}

    @property
    def archive(self) -> bytes:
        """Every file, a directory for each criterion, and requirements.txt, as v2 uploads them."""
        files = {f"{name}/{path}": content for name, inner in self.metrics.items() for path, content in inner.items()}
        return tar_gz(files | {"requirements.txt": ("\n".join(self.requirements) + "\n").encode()})


def _below(contents: Mapping[str, bytes], place: str) -> dict[str, bytes]:
    return {name.removeprefix(place): content for name, content in contents.items() if name.startswith(place)}


def _text(path: str, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise DeployError(f"{path}: must be UTF-8 text, since the v1 API takes files as text; --api v2 uploads files of any kind") from None


def planned_requests(evaluator: Evaluator, base_url: str, account: str, force: bool) -> Iterator[dict[str, Any]]:
    """The requests of a deployment, in order, with the key hidden: what a dry run shows."""
    headers = {"authorization": f"Bearer {HIDDEN}", "content-type": "application/json"}
    root = f"{base_url}/v1/accounts/{account}"
    one = f"{root}/evaluators/{evaluator.id}"
    if force:
        yield {"method": "GET", "url": one, "headers": headers}
    make: dict[str, Any] = {"method": "POST", "url": f"{root}/{_collection(evaluator)}", "headers": headers, "body": _creation(evaluator)}
    yield make | ({"when": "the evaluator is not there yet"} if force else {})
    if force:
        yield {"method": "PATCH", "url": f"{root}{_update(evaluator)}", "headers": headers, "body": evaluator.body, "when": "it is there already"}
    if evaluator.api == "v2":
        size = len(evaluator.archive)
        yield {"method": "POST", "url": f"{one}:getUploadEndpoint", "headers": headers, "body": {"filenameToSize": {_FILE: str(size)}}}
        yield {"method": "PUT", "url": "the signed URL in the reply", "headers": _upload_headers(size), "body": f"{_FILE}, {size} bytes"}
        yield {"method": "POST", "url": f"{one}:validateUpload", "headers": headers, "body": {}}


def deploy_on_fireworks(service: Fireworks, evaluator: Evaluator, force: bool = False) -> dict[str, Any]:
    """Make the evaluator, or with `force` update it where it is there.

    Returns:
        What the service says of it: its `name`, `accounts/ACCOUNT/evaluators/ID`, above all.

    Raises:
        DeployError: when it is there and `force` is not given, or its build failed.
        FireworksError: when the service refuses a call or does not answer; with the status and what it said.
    """
    body = evaluator.body  # what cannot be sent is found before anything is
    archive = evaluator.archive if evaluator.api == "v2" else None
    said = _made(service, evaluator, body, force)
    if not isinstance(said, Mapping):
        raise FireworksError(f"the reply to the deployment must be an object, got {said!r:.200}")
    if archive is not None:
        _upload(service, evaluator, archive)
        said = _built(service, evaluator)
    return {"name": f"{service.evaluators.removeprefix('/v1/')}/{evaluator.id}", **said}


def _made(service: Fireworks, evaluator: Evaluator, body: Mapping[str, Any], force: bool) -> Any:
    update = f"/v1/accounts/{service.account}{_update(evaluator)}"
    if force and _is_there(service, evaluator):
        return service.call("PATCH", update, body)
    try:
        return service.call("POST", f"/v1/accounts/{service.account}/{_collection(evaluator)}", _creation(evaluator), repeatable=False)
    except FireworksError as error:
        if error.status != 409:
            raise
        if not force:
            raise DeployError(f"the evaluator {evaluator.id!r} is there already; --force (force=True) replaces it in place ({error})") from None
    return service.call("PATCH", update, body)  # made by somebody else meanwhile


def _is_there(service: Fireworks, evaluator: Evaluator) -> bool:
    try:
        service.call("GET", f"{service.evaluators}/{evaluator.id}")
    except FireworksError as error:
        if error.status == 404:
            return False
        raise
    return True


def _collection(evaluator: Evaluator) -> str:
    return "evaluatorsV2" if evaluator.api == "v2" else "evaluators"


def _creation(evaluator: Evaluator) -> dict[str, Any]:
    return {"evaluator": evaluator.body, "evaluatorId": evaluator.id}


def _update(evaluator: Evaluator) -> str:
    return f"/evaluators/{evaluator.id}" + ("?prepareCodeUpload=true" if evaluator.api == "v2" else "")


def _upload_headers(size: int) -> dict[str, str]:
    return {"content-type": "application/octet-stream", "x-goog-content-length-range": f"{size},{size}"}


def _upload(service: Fireworks, evaluator: Evaluator, archive: bytes) -> None:
    import httpx

    one = f"{service.evaluators}/{evaluator.id}"
    said = service.call("POST", f"{one}:getUploadEndpoint", {"filenameToSize": {_FILE: str(len(archive))}})
    urls = said.get("filenameToSignedUrls") if isinstance(said, Mapping) else None
    url = urls.get(_FILE) if isinstance(urls, Mapping) else None
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise FireworksError(f"POST {one}:getUploadEndpoint: the reply must have a URL for {_FILE}, got {said!r:.200}")
    where = f"PUT {_FILE} to {urlsplit(url).hostname}"  # the rest of a signed URL is a key
    try:
        reply = httpx.put(url, content=archive, headers=_upload_headers(len(archive)), timeout=300.0)
    except httpx.HTTPError as error:
        raise FireworksError(f"{where}: {type(error).__name__}; the evaluator has no new code; --force tries again") from None
    if not reply.is_success:
        raise FireworksError(f"{where}: HTTP {reply.status_code}; the evaluator has no new code; --force tries again", reply.status_code)
    service.call("POST", f"{one}:validateUpload", {})


def _built(service: Fireworks, evaluator: Evaluator) -> Mapping[str, Any]:
    """The evaluator once its build has ended, or as it is when the patience has."""
    deadline = time.monotonic() + _BUILT_WITHIN
    while True:
        said = service.call("GET", f"{service.evaluators}/{evaluator.id}")
        state = said.get("state") if isinstance(said, Mapping) else None
        if state == "BUILD_FAILED":
            status = said.get("status") or {}
            raise DeployError(f"the service could not build the evaluator {evaluator.id!r}: {status.get('message') or 'it does not say why'}")
        if state not in ("BUILDING", None, "STATE_UNSPECIFIED") or time.monotonic() > deadline:
            return said
        time.sleep(_POLL)
