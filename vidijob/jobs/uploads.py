"""The words by which a job that was made for an upload says which: keys of its data, which nobody else gives."""

from __future__ import annotations

#: The URI of the file that came with the request.
UPLOAD = "vidijob_upload"
#: What its sender calls it.
UPLOAD_NAME = "vidijob_upload_name"
#: Its checksum, computed while it came.
UPLOAD_CHECKSUM = "vidijob_upload_checksum"
