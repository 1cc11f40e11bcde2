"""Imports: what each handler takes and answers."""

from __future__ import annotations

from vidijob.api.vidispine import imports
from vidijob.api.vidispine.documents import JobDocument
from vidijob.api.vidispine.operations.shared import SUBMITTED
from vidijob.web.operations import Kind, Operation, Operations, Parameter

IMPORTS: Operations = {
    imports.raw: Operation(
        takes=(
            Parameter("filename", Kind.TEXT, "What the file is called.", example="clip.mov"),
            Parameter("originalFilename", Kind.TEXT, "The same."),
            Parameter("tag", Kind.LIST, "Presets to make transcodes with.", example="lowres"),
            *SUBMITTED,
        ),
        repeatable=True,
        takes_file=True,
        answers=JobDocument,
        refuses={404, 501},
    ),
}
