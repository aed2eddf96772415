"""The anthropic package, call by call; see driver.py."""

from typing import Any, Literal

import anthropic
from driver import in_thread, serve
from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    city: Literal["Paris", "Rome"]
    capital: bool


def options(place: dict[str, Any]) -> dict[str, Any]:
    return {
        "base_url": place["url"],
        "api_key": place["key"],
        "default_headers": place["headers"],
        "max_retries": 0,
    }


def asking(place: dict[str, Any], content: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": content}]
    return {"model": place["model"], "max_tokens": place["maxTokens"], "messages": messages}


def weather(place: dict[str, Any]) -> dict[str, Any]:
    tool = place["weather"]
    return {"name": tool["name"], "description": tool["description"], "input_schema": tool["schema"]}


def text_of(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def called(message: Any) -> list[dict[str, Any]]:
    return [{"name": block.name, "arguments": block.input} for block in message.content if block.type == "tool_use"]


def plain(place: dict[str, Any], text: str) -> str:
    with anthropic.Anthropic(**options(place)) as client:
        return text_of(client.messages.create(**asking(place, text)))


def stream(place: dict[str, Any], text: str) -> list[str]:
    with anthropic.Anthropic(**options(place)) as client, client.messages.stream(**asking(place, text)) as events:
        return list(events.text_stream)


def tools(place: dict[str, Any], text: str) -> list[dict[str, Any]]:
    with anthropic.Anthropic(**options(place)) as client:
        message = client.messages.create(
            **asking(place, text), tools=[weather(place)], tool_choice={"type": "any"}
        )
        return called(message)


def tool_loop(place: dict[str, Any], text: str) -> dict[str, Any]:
    """Streamed, as agents do it."""
    body = asking(place, text)
    calls: list[dict[str, Any]] = []
    choice = "any" if place["firstChoice"] == "required" else "auto"
    with anthropic.Anthropic(**options(place)) as client:
        for _ in range(place["mostTurns"]):
            with client.messages.stream(**body, tools=[weather(place)], tool_choice={"type": choice}) as events:
                message = events.get_final_message()
            if not called(message):
                return {"calls": calls, "text": text_of(message)}
            calls += called(message)
            results = [
                {"type": "tool_result", "tool_use_id": block.id, "content": place["weather"]["result"]}
                for block in message.content
                if block.type == "tool_use"
            ]
            body["messages"] += [
                {"role": "assistant", "content": message.content},
                {"role": "user", "content": results},
            ]
            choice = "auto"
    return {"calls": calls, "text": ""}


def json_schema(place: dict[str, Any], text: str) -> dict[str, Any] | None:
    with anthropic.Anthropic(**options(place)) as client:
        parsed = client.messages.parse(**asking(place, text), output_format=Answer).parsed_output
        return None if parsed is None else parsed.model_dump()


def image(place: dict[str, Any], text: str) -> str:
    source = {"type": "base64", "media_type": "image/png", "data": place["pixel"]}
    with anthropic.Anthropic(**options(place)) as client:
        body = asking(place, [{"type": "image", "source": source}, {"type": "text", "text": text}])
        return text_of(client.messages.create(**body))


def bad_field(place: dict[str, Any], text: str) -> None:
    with anthropic.Anthropic(**options(place)) as client:
        client.messages.create(**asking(place, text), extra_body={"top_p": 5})


async def abort_stream(place: dict[str, Any], text: str) -> None:
    async with anthropic.AsyncAnthropic(**options(place)) as client:
        async with client.messages.stream(**asking(place, text)) as events:
            async for _ in events.text_stream:
                break


async def abort_whole(place: dict[str, Any], text: str) -> None:
    async with anthropic.AsyncAnthropic(**options(place)) as client:
        await client.messages.create(**asking(place, text))


serve(
    {
        "plain": in_thread(plain),
        "stream": in_thread(stream),
        "tools": in_thread(tools),
        "toolLoop": in_thread(tool_loop),
        "jsonSchema": in_thread(json_schema),
        "image": in_thread(image),
        "badField": in_thread(bad_field),
        "abortStream": abort_stream,
        "abortWhole": abort_whole,
    }
)
