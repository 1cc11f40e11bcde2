"""The call of a receiver of notifications: what is sent, and what counts as taken. It knows neither jobs nor lanes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from vidijob.errors import Invalid, NoAnswer, Unreachable
from vidijob.jobs.deliveries import PREPARED, Letter, Reply
from vidijob.web.outbound import Outbound

#: Makes the bytes of what is told, and their Content-Type, from its pairs and the one that a notification asks for.
Write = Callable[[Sequence[tuple[str, str]], str | None], tuple[bytes, str]]


class Webhooks:
    """Calls receivers."""

    def __init__(self, write: Write, outbound: Outbound, others: Mapping[str, Write] | None = None) -> None:
        """``others`` make the bytes of what is told in the words of other faces, by the name of the form."""
        self._write = write
        self._others = {PREPARED: _as_it_stands, **(others or {})}
        self._outbound = outbound

    async def deliver(self, letter: Letter) -> Reply:
        """Try once; a status of 200 to 299 is the only good answer, whatever it says, and redirections are not followed."""
        write = self._others.get(letter.call.form, self._write)
        body, content_type = write(letter.fields, letter.call.content_type)
        headers = {
            "Content-Type": content_type,
            "Vidijob-Delivery": str(letter.key),
            "Vidijob-Attempt": str(letter.attempt),
        }
        if letter.call.form == PREPARED:
            headers.update({name: value for name, value in letter.fields if name})
        seconds = letter.call.timeout.total_seconds()
        try:
            answer = await self._outbound.call(
                letter.call.method, letter.call.url, headers=headers, body=body, seconds=seconds, read=False
            )
        except (Unreachable, NoAnswer, Invalid) as error:
            return Reply(None, str(error))
        good = 200 <= answer.status < 300
        return Reply(answer.status, None if good else f"The answer was {answer.status}.")


def _as_it_stands(fields: Sequence[tuple[str, str]], content_type: str | None) -> tuple[bytes, str]:
    return dict(fields)[""].encode(), content_type or "application/json"
