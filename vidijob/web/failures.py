"""One table: the class of an error → the HTTP status. How the body reads is each face's own."""

from __future__ import annotations

from aiohttp import web

from vidijob import errors

STATUS: dict[type[BaseException], int] = {
    errors.CallerError: 400,
    errors.Invalid: 400,
    errors.Refused: 400,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.TooSlow: 408,
    errors.NotImplementedHere: 501,
    errors.NotFound: 404,
    errors.Denied: 403,
    errors.NotAuthenticated: 401,
    errors.NotReady: 503,
    errors.OutOfStorage: 507,
    errors.VidijobError: 500,
    Exception: 500,
}


def status(error: BaseException) -> int:
    """Return the HTTP status of an error: that of the nearest class in the table."""
    if isinstance(error, web.HTTPException):
        return error.status
    return next((STATUS[cls] for cls in type(error).__mro__ if cls in STATUS), 500)
