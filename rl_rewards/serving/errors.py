"""What a server answers where it has no score to give."""

from __future__ import annotations

from typing import Any

__all__ = ["NoScoreError", "RequestError", "ServiceError"]


class ServiceError(Exception):
    """A request that is answered with an error.

    Attributes:
        status: the HTTP status.
        code: a word for programs.
        pointer: JSON pointer to the field of the body that is wrong; None where no field is.
        retry_after: seconds after which the same request may succeed; None where it will not.
    """

    status = 500
    code = "internal_error"
    retry_after: int | None = None
    pointer: str | None = None

    def body(self) -> dict[str, Any]:
        """The JSON that is sent."""
        error: dict[str, Any] = {"code": self.code, "message": str(self)}
        if self.pointer is not None:
            error["pointer"] = self.pointer
        return {"error": error}


class RequestError(ServiceError):
    """The caller's mistake: 4xx, with a pointer to the field that is wrong."""

    def __init__(self, message: str, pointer: str | None = None, status: int = 422, code: str = "invalid_request") -> None:
        super().__init__(message)
        self.status, self.code, self.pointer = status, code, pointer


class NoScoreError(ServiceError):
    """A failure of ours on a row, for contracts that cannot say so: 503, never a zero."""

    status, code, retry_after = 503, "no_score", 5

    def __init__(self, message: str, code: str = "no_score", retry_after: int = 5) -> None:
        super().__init__(message)
        self.code, self.retry_after = code, retry_after
