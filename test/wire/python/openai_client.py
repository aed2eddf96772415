"""The openai package, call by call; see driver.py."""

import json
from typing import Any, Literal

import openai
from driver import in_thread, serve
from pydantic import BaseModel


class Answer(BaseModel):
    city: Literal["Paris", "Rome"]
    capital: bool


def options(place: dict[str, Any]) -> dict[str, Any]:
    return {
        "base_url": f"{place['url']}/v1",
        "api_key": place["key"],
        "default_headers": place["headers"],
        "max_retries": 0,
    }


def asking(place: dict[str, Any], content: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": content}]
    return {"model": place["model"], "max_tokens": place["maxTokens"], "messages": messages}


def weather(place: dict[str, Any]) -> dict[str, Any]:
    tool = place["weather"]
    function = {"name": tool["name"], "description": tool["description"], "parameters": tool["schema"], "strict": True}
    return {"type": "function", "function": function}


def called(message: Any) -> list[dict[str, Any]]:
    functions = [call.function for call in message.tool_calls or [] if call.type == "function"]
    return [{"name": function.name, "arguments": json.loads(function.arguments)} for function in functions]


def plain(place: dict[str, Any], text: str) -> str | None:
    with openai.OpenAI(**options(place)) as client:
        return client.chat.completions.create(**asking(place, text)).choices[0].message.content


def stream(place: dict[str, Any], text: str) -> list[str]:
    with openai.OpenAI(**options(place)) as client:
        chunks = client.chat.completions.create(**asking(place, text), stream=True)
        return [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]


def tools(place: dict[str, Any], text: str) -> list[dict[str, Any]]:
    with openai.OpenAI(**options(place)) as client:
        completion = client.chat.completions.create(
            **asking(place, text), tools=[weather(place)], tool_choice="required"
        )
        return called(completion.choices[0].message)


def tool_loop(place: dict[str, Any], text: str) -> dict[str, Any]:
    """With the stream helper, which is strict about what comes."""
    body = asking(place, text)
    calls: list[dict[str, Any]] = []
    choice = place["firstChoice"]
    with openai.OpenAI(**options(place)) as client:
        for _ in range(place["mostTurns"]):
            with client.chat.completions.stream(**body, tools=[weather(place)], tool_choice=choice) as events:
                message = events.until_done().get_final_completion().choices[0].message
            if not message.tool_calls:
                return {"calls": calls, "text": message.content or ""}
            calls += called(message)
            body["messages"].append(message.to_dict())
            for call in message.tool_calls:
                result = {"role": "tool", "tool_call_id": call.id, "content": place["weather"]["result"]}
                body["messages"].append(result)
            choice = "auto"
    return {"calls": calls, "text": ""}


def json_schema(place: dict[str, Any], text: str) -> dict[str, Any] | None:
    with openai.OpenAI(**options(place)) as client:
        completion = client.chat.completions.parse(**asking(place, text), response_format=Answer)
        parsed = completion.choices[0].message.parsed
        return None if parsed is None else parsed.model_dump()


def image(place: dict[str, Any], text: str) -> str | None:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{place['pixel']}"}}
    with openai.OpenAI(**options(place)) as client:
        body = asking(place, [{"type": "text", "text": text}, picture])
        return client.chat.completions.create(**body).choices[0].message.content


def embeddings(place: dict[str, Any], texts: list[str]) -> list[list[float]]:
    with openai.OpenAI(**options(place)) as client:
        return [item.embedding for item in client.embeddings.create(model=place["model"], input=texts).data]


def bad_field(place: dict[str, Any], text: str) -> None:
    with openai.OpenAI(**options(place)) as client:
        client.chat.completions.create(**asking(place, text), top_p=5)


async def abort_stream(place: dict[str, Any], text: str) -> None:
    async with openai.AsyncOpenAI(**options(place)) as client:
        chunks = await client.chat.completions.create(**asking(place, text), stream=True)
        async for chunk in chunks:
            if chunk.choices and chunk.choices[0].delta.content:
                break
        await chunks.close()


async def abort_whole(place: dict[str, Any], text: str) -> None:
    async with openai.AsyncOpenAI(**options(place)) as client:
        await client.chat.completions.create(**asking(place, text))


serve(
    {
        "plain": in_thread(plain),
        "stream": in_thread(stream),
        "tools": in_thread(tools),
        "toolLoop": in_thread(tool_loop),
        "jsonSchema": in_thread(json_schema),
        "image": in_thread(image),
        "embeddings": in_thread(embeddings),
        "badField": in_thread(bad_field),
        "abortStream": abort_stream,
        "abortWhole": abort_whole,
    }
)
