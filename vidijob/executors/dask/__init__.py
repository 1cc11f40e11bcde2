"""Steps on the workers of a Dask cluster: the executor that hands them over, the connection to the scheduler, and what runs on
the cluster's nodes. No part of it knows a database::

    dispatcher (ours)                    scheduler                  worker (theirs), one thread for each step
      executor ── order ───────────────────► queue ──────────────────► node: the executor that the order names
      cluster  ◄─ progress, lines, outcome ─ events ◄──────────────────  │
               ── keep / stop ─────────────► a call to the worker ─────► │

A step begins on a node only when its dispatcher says so, once for each attempt, and ends by itself when the dispatcher has not
been heard for ``PATIENCE`` seconds, which is less than a lease lasts: whoever runs it next never runs it beside the first.
"""
