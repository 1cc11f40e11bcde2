"""The errors of this face: one table, code → status and sentence. Statuses and sentences that the vendor's pages do not give
are those of its other services.
"""

from __future__ import annotations

from collections.abc import Mapping

from vidijob import errors

#: After how many milliseconds a client that was throttled may try again.
RETRY_AFTER = 1000

TABLE: Mapping[str, tuple[int, str]] = {
    "InvalidAction.NotFound": (404, "Specified api is not found, please check your url and method."),
    "InvalidVersion": (400, "Specified parameter Version is not valid."),
    "UnsupportedHTTPMethod": (405, "This http method is not supported."),
    "RequestEntityTooLarge": (413, "The request is larger than what is taken here."),
    "RequestTimeout": (408, "The request did not come in time."),
    "MissingParameter": (400, "The input parameter {} that is mandatory for processing this request is not supplied."),
    "MissingAccessKeyId": (400, "AccessKeyId is mandatory for this action."),
    "IncompleteSignature": (400, "The request signature does not conform to Aliyun standards: {}."),
    "InvalidAccessKeyId.NotFound": (404, "Specified access key is not found."),
    "InvalidAccessKeyId.Inactive": (400, "Specified access key is disabled."),
    "InvalidTimeStamp.Format": (400, "Specified time stamp or date value is not well formatted."),
    "InvalidTimeStamp.Expired": (400, "Specified time stamp or date value is expired."),
    "SignatureNonceUsed": (400, "Specified signature nonce was used already."),
    # An SDK looks for the colon.
    "SignatureDoesNotMatch": (
        400,
        "Specified signature is not matched with our calculation. server string to sign is:{}",
    ),
    "Throttling.User": (400, "Request was denied due to user flow control."),
    "Forbidden.RAM": (403, "User not authorized to operate on the specified resource: {}"),
    "InvalidParameter": (400, "The parameter {} is not valid."),
    "InvalidParameter.NullValue": (400, "The parameter {} must not be null."),
    "InvalidParameter.EmptyValue": (400, "The parameter {} must not be empty."),
    "InvalidParameter.InvalidState": (400, "The parameter {} names no state."),
    "InvalidParameter.NotSupported": (400, "The parameter {} is not supported."),
    "InvalidParameter.OutOfRange": (400, "The parameter {} is out of range."),
    "InvalidParameter.NumberFormatInvalid": (400, "The parameter {} is no number."),
    "InvalidParameter.JsonFormatInvalid": (400, "The parameter {} is no JSON."),
    "InvalidParameter.JsonObjectFormatInvalid": (400, "The parameter {} is no JSON object."),
    "InvalidParameter.JsonArrayFormatInvalid": (400, "The parameter {} is no JSON array."),
    "InvalidParameter.UUIDFormatInvalid": (400, "The parameter {} is no id: 32 hexadecimal digits."),
    "InvalidParameter.ResourceNotFound": (404, "The resource {} is not found."),
    "InvalidParameter.TemplateNotFound": (404, "The template {} is not found."),
    "PermissionDenied.JobInRunning": (403, "The job {} is running: only one that is Submitted can be cancelled."),
    "PermissionDenied.JobInComplete": (403, "The job {} is complete: only one that is Submitted can be cancelled."),
    "PermissionDenied.JobInFailure": (403, "The job {} has failed: only one that is Submitted can be cancelled."),
    "PermissionDenied.ResourceQuotaExceed": (403, "There are as many of {} as there may be."),
    "ServiceUnavailable": (503, "The request has failed due to a temporary failure of the server."),
    "InternalError": (500, "The request processing has failed due to some unknown error."),
}


class Fault(Exception):
    """A request that is refused, in the words of this face."""

    def __init__(self, code: str, detail: str = "") -> None:
        #: As the vendor spells it.
        self.code = code
        self.status, sentence = TABLE[code]
        self.message = sentence.replace("{}", detail)
        super().__init__(self.message)


def fault(error: Exception) -> Fault:
    """Return what an error is called here."""
    match error:
        case Fault():
            return error
        case errors.NotFound():
            return Fault("InvalidParameter.ResourceNotFound", error.id)
        case errors.Invalid():
            return Fault("InvalidParameter", f"{error.context}: {error.explanation}")
        case errors.RoleMissing():
            return Fault("Forbidden.RAM", str(error))
        case errors.NotReady():
            return Fault("ServiceUnavailable")
        case errors.TooLarge():
            return Fault("RequestEntityTooLarge")
        case errors.TooSlow():
            return Fault("RequestTimeout")
        case errors.CallerError():
            return Fault("InvalidParameter", str(error))
        case _:
            return Fault("InternalError")
