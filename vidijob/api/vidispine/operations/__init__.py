"""What each handler takes and answers, beyond what its route says. The OpenAPI document is made of it, and a test compares
it with what the handlers read. No logic.

A new route needs an entry here for its handler; a new name in a path, one in ``PLACES``.
"""

from vidijob.api.vidispine.operations.administration import ADMINISTRATION
from vidijob.api.vidispine.operations.definitions import DEFINITIONS
from vidijob.api.vidispine.operations.imports import IMPORTS
from vidijob.api.vidispine.operations.jobs import JOBS
from vidijob.api.vidispine.operations.shared import PLACES
from vidijob.web.operations import Operations

__all__ = ["OPERATIONS", "PLACES"]

OPERATIONS: Operations = {**JOBS, **IMPORTS, **DEFINITIONS, **ADMINISTRATION}
