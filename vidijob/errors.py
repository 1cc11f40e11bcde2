"""Every error of ours. It knows nothing of HTTP or XML: a face decides how each one reads on its wire.

::

    VidijobError
    ├── CallerError               the caller is wrong
    │   ├── NotFound              no such job, user, job type, …
    │   ├── Invalid               a value that cannot be taken
    │   │   └── Unreadable        a document that cannot be read
    │   ├── Refused               the thing is not in a state that allows it
    │   │   ├── TransitionRefused
    │   │   └── Conflict          another has that name or id already
    │   ├── TooLarge              more than this server takes
    │   ├── TooSlow               longer in coming than this server waits
    │   ├── NotImplementedHere    this server cannot do that
    │   └── Denied
    │       ├── NotAuthenticated  nobody we know
    │       └── RoleMissing       known, but without the role
    ├── NotReady                  the world is not ready
    │   ├── Unavailable           the database is away; try again
    │   │   └── TookTooLong       it is there, and would take too long over this
    │   ├── OutOfStorage          there is no room for what is sent
    │   ├── LeaseLost             the step belongs to somebody else by now
    │   ├── Unreachable           no connection to somebody else's server
    │   └── NoAnswer              a connection, and no answer that can be read
    └── SetupError                whoever runs this server must change something
"""

from __future__ import annotations


class VidijobError(Exception):
    """The root of the tree."""


class CallerError(VidijobError):
    """The caller is wrong and can mend it."""


class NotFound(CallerError):
    """Nothing of that kind has that id."""

    def __init__(self, kind: str, id: str) -> None:
        #: What was looked for, in the wire's spelling: ``Job``, ``User``, …
        self.kind = kind
        #: The id as the caller wrote it.
        self.id = id
        super().__init__(f"There is no {kind} {id}.")


class Invalid(CallerError):
    """A value that cannot be taken."""

    def __init__(self, context: str, explanation: str, *, value: str | None = None, id: str | None = None) -> None:
        #: Where: the parameter, element or resource.
        self.context = context
        #: Why, and what would be taken.
        self.explanation = explanation
        #: The value that was refused, where there is one.
        self.value = value
        #: The id of the thing it was meant for, where there is one.
        self.id = id
        super().__init__(explanation)


class Unreadable(Invalid):
    """A document that is not well-formed, hostile, or not of the shape asked for."""


class Refused(CallerError):
    """The thing exists but is not in a state that allows this."""

    def __init__(self, context: str, id: str, explanation: str) -> None:
        #: The kind of thing: ``job``.
        self.context = context
        #: Its id.
        self.id = id
        #: Why not.
        self.explanation = explanation
        super().__init__(explanation)


class TransitionRefused(Refused):
    """The state machine knows no such step from the present state."""

    def __init__(self, context: str, id: str, explanation: str, *, state: str = "") -> None:
        #: The present state, where it is told.
        self.state = state
        super().__init__(context, id, explanation)


class Conflict(Refused):
    """Another thing has that name or id already."""


class TooLarge(CallerError):
    """What is sent is larger than this server takes; the sentence says how large it may be."""


class TooSlow(CallerError):
    """What is sent takes longer to come than this server waits; the sentence says how long that is."""


class NotImplementedHere(CallerError):
    """Something that the interface knows and this server, as it is installed, cannot do."""

    def __init__(self, reason: str) -> None:
        #: What is missing, in a sentence.
        self.reason = reason
        super().__init__(reason)


class Denied(CallerError):
    """The caller may not."""


class NotAuthenticated(Denied):
    """No login, or a wrong one."""

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        self.message = message
        #: Why, where a header of its own says so.
        self.reason = reason
        super().__init__(message)


class RoleMissing(Denied):
    """Known, but without the role that this needs."""

    def __init__(self, user: str, role: str) -> None:
        #: Who asked.
        self.user = user
        #: The role that is missing.
        self.role = role
        super().__init__(f"The user {user} lacks the role {role}.")


class NotReady(VidijobError):
    """Nobody did anything wrong; it may work later."""


class Unavailable(NotReady):
    """The database is away or overloaded."""

    def __init__(self, what: str, reason: str) -> None:
        self.what = what
        self.reason = reason
        super().__init__(f"{what} is not available: {reason}")


class TookTooLong(Unavailable):
    """The database was given longer than it may take over one thing."""

    def __init__(self, seconds: float) -> None:
        #: How long it may take.
        self.seconds = seconds
        super().__init__("The database", f"it would take longer than {seconds:g} s over this")


class OutOfStorage(NotReady):
    """There is no room for what is sent."""


class LeaseLost(NotReady):
    """The step's lease ran out or was taken over; whatever was done for it must not count."""

    def __init__(self, job: int, step: int, lease: int) -> None:
        self.job = job
        self.step = step
        self.lease = lease
        super().__init__(f"Lease {lease} on step {step} of job {job} is no longer held.")


class Unreachable(NotReady):
    """There is no connection to somebody else's server; nothing was sent."""


class NoAnswer(NotReady):
    """Somebody else's server took a call and did not answer so that it can be read, or not in time."""


class SetupError(VidijobError):
    """The server cannot run like this; the sentence says what to change."""
