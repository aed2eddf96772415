"""What the programs beside this file have in common: how they are told their target, and how they report.

A program runs each feature once, and prints one line of JSON for each:
{"feature": ..., "outcome": "yes" | "refused" | "failed", "detail": ...}. The id of a request that it cancels comes in
lines with the outcome "begun", as soon as it is on its way, and "cut"; after each it waits for a line to come in.
"""

import asyncio
import json
import os
import sys
import traceback
from typing import Awaitable, Callable, Literal

from pydantic import BaseModel, ConfigDict

ADDRESS = os.environ["GATEWAY_ADDRESS"]
KEY = os.environ["GATEWAY_KEY"]
MODEL = os.environ["GATEWAY_MODEL"]
SEES_IMAGES = os.environ["GATEWAY_SEES_IMAGES"] == "true"
EMBEDS = os.environ["GATEWAY_EMBEDS"] == "true"
LONG_PROMPT = os.environ["GATEWAY_LONG_PROMPT"]
#: A PNG in base64, and what the models of the test run say of it.
IMAGE = os.environ["GATEWAY_IMAGE"]
IMAGE_SEEN = os.environ["GATEWAY_IMAGE_SEEN"]

QUESTION = "What is the capital of France?"
WEATHER_QUESTION = "Please call weather for Paris."
WEATHER_DESCRIPTION = "The weather of a city now."
WEATHER_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}},
    "required": ["city"],
    "additionalProperties": False,
}
SUNNY = "sunny, 21 degrees"


class Capital(BaseModel):
    """A schema with a choice in it."""

    model_config = ConfigDict(extra="forbid")
    city: str
    continent: Literal["Europe", "Asia"]


def heard(text: str | None) -> None:
    """Asserts that a reply speaks of the question."""
    assert text is not None and ("France" in text or "Paris" in text), text


def asks_for_weather(name: str, arguments: object) -> None:
    """Asserts that a call of the tool is one of its schema."""
    assert name == "weather", name
    assert isinstance(arguments, dict) and list(arguments) == ["city"], arguments
    assert isinstance(arguments["city"], str), arguments


def refused(error: Exception, word: str) -> str:
    """Asserts that a refusal says what cannot be done."""
    assert word in str(error).lower(), str(error)
    return "refused"


def report(**line: str) -> None:
    print(json.dumps(line), flush=True)


async def tell(outcome: Literal["begun", "cut"], request_id: str) -> None:
    """Returns once the other side has seen what became of this request."""
    report(feature="cancel", outcome=outcome, detail=request_id)
    await asyncio.to_thread(sys.stdin.readline)


def run_all(features: dict[str, Callable[[], str] | Callable[[], Awaitable[str]]]) -> None:
    for feature, run in features.items():
        try:
            result = run()
            outcome = result if isinstance(result, str) else asyncio.run(result)
            report(feature=feature, outcome=outcome, detail="")
        except Exception:
            report(feature=feature, outcome="failed", detail=traceback.format_exc())
