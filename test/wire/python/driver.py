"""Runs the calls that a test asks for, one line of JSON each, and answers each with a line of its own.

A line in: {"id": 1, "call": "plain", "place": {...}, "text": ...}. A line out: {"id": 1, "result": ...}, or
{"id": 1, "error": {"error": class, "status": number or null, "message": ...}}. A line {"id": 1, "call": "abort"} cancels
the call of that id, whose error is a CancelledError then. Calls run beside each other. The program ends with its input.
"""

import asyncio
import json
import sys
from typing import Any, Awaitable, Callable

Call = Callable[[dict[str, Any], Any], Awaitable[Any]]


def in_thread(call: Callable[[dict[str, Any], Any], Any]) -> Call:
    """A call of the client that is not asynchronous."""

    async def run(place: dict[str, Any], text: Any) -> Any:
        return await asyncio.to_thread(call, place, text)

    return run


async def _answer(command: dict[str, Any], calls: dict[str, Call]) -> None:
    try:
        answer = {"result": await calls[command["call"]](command["place"], command["text"])}
    except (Exception, asyncio.CancelledError) as error:
        status = getattr(error, "status_code", None)
        answer = {"error": {"error": type(error).__name__, "status": status, "message": str(error)}}
    print(json.dumps({"id": command["id"], **answer}), flush=True)


async def _serve(calls: dict[str, Call]) -> None:
    running: dict[int, asyncio.Task[None]] = {}
    while line := await asyncio.to_thread(sys.stdin.readline):
        command = json.loads(line)
        if command["call"] == "abort":
            if task := running.get(command["id"]):
                task.cancel()
            continue
        task = asyncio.create_task(_answer(command, calls))
        running[command["id"]] = task
        task.add_done_callback(lambda _, done=command["id"]: running.pop(done, None))


def serve(calls: dict[str, Call]) -> None:
    asyncio.run(_serve(calls))
