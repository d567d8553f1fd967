"""Events: how far a pass is, told to a page as it goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable

from starlette.responses import StreamingResponse

from biaskit.browser.jobs import Job

__all__ = ["events_of"]

# Seconds between two events, and after which a page may ask again.
_EVERY, _LONGEST = 0.1, 3600.0


def events_of(job: Job, is_closing: Callable[[], bool]) -> StreamingResponse:
    """Stream of server-sent events: steps of a pass, and at last ``ended``.

    A step is JSON with `rows`, `done` and `doing`, as in `Working`.
    """
    return StreamingResponse(_events(job, is_closing), media_type="text/event-stream")


async def _events(job: Job, is_closing: Callable[[], bool]) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    until = loop.time() + _LONGEST
    last = None
    while not job.has_ended and loop.time() < until and not is_closing():
        now = job.working._asdict()
        # Something is written even if nothing has changed: whether anybody listens is found so.
        yield ": \n\n" if now == last else f"event: step\ndata: {json.dumps(now)}\n\n"
        last = now
        await asyncio.sleep(_EVERY)
    yield f"event: ended\ndata: {json.dumps(job.outcome)}\n\n"
