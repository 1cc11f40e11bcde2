"""Whether anything is lost, done twice or left standing, whatever is broken and whenever.

================  ====================================================================================================
``checker``       reads the event log after a run and says which promise was broken; every other part ends with it
``explorer``      a small model of the engine's statements (``rules``); all orders of all events are gone through
``driver``        random operations on the store's functions against a real Postgres, with what must come of each
``injection``     an error, a delay, a lost connection, a lost answer, at every statement that the engine sends
``outbox``        random operations on the outbox, and two receivers; ``telling`` says what these should have been told
``scenario``      the history that this happens in, and ``telling_history`` one with receivers and remote engines around it
``chaos``         real processes (``fleet``, ``child``) are killed, stopped and cut off at random, and Postgres crashes
``cells``         the same, one fault at a time, and what it costs
``bugs``          the statements with bugs written into them; the parts above must find each
================  ====================================================================================================

The short forms are tests like all others. The long form, on a Postgres of its own::

    uv run python -m tests.faults --jobs 10000 --faults 1000 --seed 1
    uv run python -m tests.faults --cells
    VIDIJOB_TEST_EXAMPLES=1000 uv run pytest -n0 tests/faults/test_stateful.py

A run is repeated by its seed as far as processes and clocks let it. Only processes that the run started are killed, by id.
"""
