"""The states of a job and of a step, what may happen to them, and where that leads: the only table of it.

A job::

                    hold ── release ──┐
      submit ─┬─► HOLD                ▼          ┌── go_remote ──► VIDINET_JOB
              └─► READY ◄──────────────┐         │◄── come_back ───┘  (everything STARTED may do, it may do too)
                   │ │   condition gone│         │
                   │ └─ admit ─► STARTED ◄───────┘
                   │               │ ├─ wait ─► WAITING ── resume ─► READY
                   │               │ ├─ finish ─► FINISHED
                   │               │ ├─ warn ───► FINISHED_WARNING
                   │               │ └─ fail ───► FAILED_TOTAL
                   │               └─ abort ─┐
                   ├─ abort (clean-up) ──────┼─► ABORTED_PENDING ─ aborted ─► ABORTED
                   └─ drop (no clean-up) ────┼───────────────────────────────►
                      WAITING, HOLD ─ abort ─┘

A step::

      NONE ─ unblock ─► READY ─ start ─► STARTED*  ─┬─ finish ─► FINISHED
                          ▲                 │       ├─ fail ───► FAILED_FATAL
                          │                 │       ├─ retry ──► FAILED_RETRY ─┐
                          │              signal     ├─ wait ───► WAITING ──────┤
                          │                 ▼       └─ vanish ─► DISAPPEARED ──┤
                          │      STARTED_PARALLEL*                  start ◄────┘
      READY, FAILED_RETRY, DISAPPEARED ─ strand ─► WAITING, where no worker can take it
      STARTED* stands for STARTED (short), STARTED_ASYNCHRONOUS and (after ``split``) STARTED_SUBTASKS.

It knows no time and no database. The names are the wire's (spec "Job states", "Step states"; HOLD is of the newer
servers). ``sql/schema.sql`` lists the same states, and a test says so.
"""

from __future__ import annotations

from enum import Enum, StrEnum


class JobState(StrEnum):
    """The state of a job."""

    #: In the queue; can be run.
    READY = "READY"
    #: Kept out of the queue until it is released.
    HOLD = "HOLD"
    #: One or several steps run.
    STARTED = "STARTED"
    #: One or several steps run on a remote engine.
    VIDINET_JOB = "VIDINET_JOB"
    #: Waits for a condition.
    WAITING = "WAITING"
    #: An abort was asked for; steps or clean-up are not over yet.
    ABORTED_PENDING = "ABORTED_PENDING"
    #: Ended with success.
    FINISHED = "FINISHED"
    #: Ended; a step that is not critical failed.
    FINISHED_WARNING = "FINISHED_WARNING"
    #: Ended; a critical step failed.
    FAILED_TOTAL = "FAILED_TOTAL"
    #: Aborted, and all its steps have ended.
    ABORTED = "ABORTED"


class JobEvent(Enum):
    """What may happen to a job."""

    RELEASE = "release"
    ADMIT = "admit"
    GO_REMOTE = "go_remote"
    COME_BACK = "come_back"
    WAIT = "wait"
    RESUME = "resume"
    FINISH = "finish"
    WARN = "warn"
    FAIL = "fail"
    DROP = "drop"
    ABORT = "abort"
    ABORTED = "aborted"


class StepState(StrEnum):
    """The state of a step, and of one attempt at it."""

    #: Not yet its turn.
    NONE = "NONE"
    #: About to start: a worker may take it.
    READY = "READY"
    #: Runs; short.
    STARTED = "STARTED"
    #: Runs, outside of any transaction; the usual way.
    STARTED_ASYNCHRONOUS = "STARTED_ASYNCHRONOUS"
    #: Runs, and others that wait for its signal may start.
    STARTED_PARALLEL = "STARTED_PARALLEL"
    #: The same for one outside of any transaction.
    STARTED_PARALLEL_ASYNCHRONOUS = "STARTED_PARALLEL_ASYNCHRONOUS"
    #: Runs as several sub-tasks.
    STARTED_SUBTASKS = "STARTED_SUBTASKS"
    #: Ended with success.
    FINISHED = "FINISHED"
    #: Failed; will be tried again.
    FAILED_RETRY = "FAILED_RETRY"
    #: Failed; will not be tried again.
    FAILED_FATAL = "FAILED_FATAL"
    #: Waits for a condition.
    WAITING = "WAITING"
    #: Its worker vanished; will be run again.
    DISAPPEARED = "DISAPPEARED"


class StepEvent(Enum):
    """What may happen to a step."""

    UNBLOCK = "unblock"
    START = "start"
    START_SHORT = "start_short"
    SIGNAL = "signal"
    SPLIT = "split"
    FINISH = "finish"
    RETRY = "retry"
    FAIL = "fail"
    WAIT = "wait"
    STRAND = "strand"
    VANISH = "vanish"


_J, _E = JobState, JobEvent
_RUNNING = (_J.STARTED, _J.VIDINET_JOB)

#: (state, event) → state. What is not here is refused.
JOB_TRANSITIONS: dict[tuple[JobState, JobEvent], JobState] = {
    (_J.HOLD, _E.RELEASE): _J.READY,
    (_J.READY, _E.ADMIT): _J.STARTED,
    (_J.STARTED, _E.GO_REMOTE): _J.VIDINET_JOB,
    (_J.VIDINET_JOB, _E.COME_BACK): _J.STARTED,
    (_J.WAITING, _E.RESUME): _J.READY,
    (_J.READY, _E.DROP): _J.ABORTED,
    (_J.HOLD, _E.DROP): _J.ABORTED,
    (_J.READY, _E.ABORT): _J.ABORTED_PENDING,
    (_J.HOLD, _E.ABORT): _J.ABORTED_PENDING,
    (_J.WAITING, _E.ABORT): _J.ABORTED_PENDING,
    (_J.ABORTED_PENDING, _E.ABORTED): _J.ABORTED,
    **{(running, _E.WAIT): _J.WAITING for running in _RUNNING},
    **{(running, _E.FINISH): _J.FINISHED for running in _RUNNING},
    **{(running, _E.WARN): _J.FINISHED_WARNING for running in _RUNNING},
    **{(running, _E.FAIL): _J.FAILED_TOTAL for running in _RUNNING},
    **{(running, _E.ABORT): _J.ABORTED_PENDING for running in _RUNNING},
}

#: States that nothing leads out of.
ENDED = frozenset({_J.FINISHED, _J.FINISHED_WARNING, _J.FAILED_TOTAL, _J.ABORTED})

_S, _P = StepState, StepEvent
_STARTABLE = (_S.READY, _S.FAILED_RETRY, _S.DISAPPEARED, _S.WAITING)
_STARTED = (
    _S.STARTED,
    _S.STARTED_ASYNCHRONOUS,
    _S.STARTED_PARALLEL,
    _S.STARTED_PARALLEL_ASYNCHRONOUS,
    _S.STARTED_SUBTASKS,
)

#: (state, event) → state. What is not here is refused.
STEP_TRANSITIONS: dict[tuple[StepState, StepEvent], StepState] = {
    (_S.NONE, _P.UNBLOCK): _S.READY,
    (_S.STARTED, _P.SIGNAL): _S.STARTED_PARALLEL,
    (_S.STARTED_ASYNCHRONOUS, _P.SIGNAL): _S.STARTED_PARALLEL_ASYNCHRONOUS,
    # That others may start says more than that it is divided, and its sub-tasks are listed anyway.
    (_S.STARTED_SUBTASKS, _P.SIGNAL): _S.STARTED_PARALLEL_ASYNCHRONOUS,
    (_S.STARTED, _P.SPLIT): _S.STARTED_SUBTASKS,
    (_S.STARTED_ASYNCHRONOUS, _P.SPLIT): _S.STARTED_SUBTASKS,
    **{(state, _P.START): _S.STARTED_ASYNCHRONOUS for state in _STARTABLE},
    **{(state, _P.START_SHORT): _S.STARTED for state in _STARTABLE},
    # No worker can take it.
    **{(state, _P.STRAND): _S.WAITING for state in _STARTABLE},
    **{(state, _P.FINISH): _S.FINISHED for state in _STARTED},
    **{(state, _P.RETRY): _S.FAILED_RETRY for state in _STARTED},
    **{(state, _P.FAIL): _S.FAILED_FATAL for state in _STARTED},
    **{(state, _P.WAIT): _S.WAITING for state in _STARTED},
    **{(state, _P.VANISH): _S.DISAPPEARED for state in _STARTED},
}

#: Step states in which a worker holds the step.
HELD = frozenset(_STARTED)


def job_sources(event: JobEvent) -> tuple[JobState, ...]:
    """Return the states that an event is allowed from: the ``WHERE`` of a guarded write."""
    return tuple(state for state, possible in JOB_TRANSITIONS if possible is event)


def step_sources(event: StepEvent) -> tuple[StepState, ...]:
    """Return the states that an event is allowed from: the ``WHERE`` of a guarded write."""
    return tuple(state for state, possible in STEP_TRANSITIONS if possible is event)
