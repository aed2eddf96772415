"""The features of the openai package against a gateway; see features.py."""

import asyncio
import json
import uuid

import openai
from features import (
    ADDRESS,
    EMBEDS,
    IMAGE,
    IMAGE_SEEN,
    KEY,
    LONG_PROMPT,
    MODEL,
    QUESTION,
    SEES_IMAGES,
    SUNNY,
    WEATHER_DESCRIPTION,
    WEATHER_QUESTION,
    WEATHER_SCHEMA,
    Capital,
    asks_for_weather,
    heard,
    refused,
    run_all,
    tell,
)

BASE = f"{ADDRESS}/v1"
client = openai.OpenAI(base_url=BASE, api_key=KEY, max_retries=0)

WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": WEATHER_DESCRIPTION, "parameters": WEATHER_SCHEMA},
}


def says(text: str) -> list[dict]:
    return [{"role": "user", "content": text}]


def plain() -> str:
    completion = client.chat.completions.create(model=MODEL, messages=says(QUESTION), max_tokens=40)
    heard(completion.choices[0].message.content)
    assert completion.usage is not None and completion.usage.completion_tokens > 0
    assert MODEL in [model.id for model in client.models.list()]
    return "yes"


def stream() -> str:
    chunks = list(
        client.chat.completions.create(
            model=MODEL,
            messages=says(QUESTION),
            max_tokens=40,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    texts = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    assert len(texts) > 1, texts
    heard("".join(texts))
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] in ("stop", "length")
    assert chunks[-1].usage is not None and chunks[-1].usage.total_tokens > 0
    return "yes"


def tools() -> str:
    completion = client.chat.completions.create(
        model=MODEL,
        messages=says(WEATHER_QUESTION),
        tools=[WEATHER],
        tool_choice={"type": "function", "function": {"name": "weather"}},
    )
    calls = completion.choices[0].message.tool_calls
    assert calls is not None and len(calls) == 1 and calls[0].type == "function" and calls[0].id, completion
    asks_for_weather(calls[0].function.name, json.loads(calls[0].function.arguments))
    return "yes"


def tool_loop() -> str:
    """With the stream helper, which is strict about what comes."""
    messages = says(WEATHER_QUESTION)
    called = 0
    for choice in ("required", "auto", "none"):
        with client.chat.completions.stream(
            model=MODEL, messages=messages, tools=[WEATHER], tool_choice=choice, max_tokens=60
        ) as events:
            for _ in events:
                pass
            message = events.get_final_completion().choices[0].message
        if not message.tool_calls:
            break
        messages.append(message.to_dict())
        for call in message.tool_calls:
            asks_for_weather(call.function.name, json.loads(call.function.arguments))
            called += 1
            messages.append({"role": "tool", "tool_call_id": call.id, "content": SUNNY})
    assert called > 0 and not message.tool_calls and message.content, message
    return "yes"


def json_schema() -> str:
    completion = client.chat.completions.parse(
        model=MODEL, messages=says(QUESTION), response_format=Capital, max_tokens=100
    )
    assert isinstance(completion.choices[0].message.parsed, Capital), completion
    return "yes"


def image() -> str:
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}"}},
    ]
    messages = [{"role": "user", "content": content}]
    try:
        completion = client.chat.completions.create(model=MODEL, messages=messages)
    except openai.BadRequestError as error:
        assert not SEES_IMAGES, error
        return refused(error, "image")
    assert IMAGE_SEEN in (completion.choices[0].message.content or ""), completion
    return "yes"


def embeddings() -> str:
    try:
        reply = client.embeddings.create(model=MODEL, input=["one text", "another text"])
    except openai.BadRequestError as error:
        assert not EMBEDS, error
        return refused(error, "embedding")
    first, second = (item.embedding for item in reply.data)
    assert len(first) == len(second) > 1 and first != second
    assert all(isinstance(value, float) for value in first)
    return "yes"


def error() -> str:
    def fails(kind: type[openai.APIStatusError], status: int, **options: object) -> openai.APIStatusError:
        caller = client.with_options(api_key=options.pop("api_key", KEY))
        try:
            caller.chat.completions.create(**{"model": MODEL, "messages": says(QUESTION), **options})
        except kind as failure:
            assert failure.status_code == status and failure.request_id, failure
            return failure
        raise AssertionError(f"no {kind.__name__}")

    unknown = fails(openai.UnprocessableEntityError, 422, model="nobody")
    assert unknown.code == "unknown_model" and MODEL in unknown.message, unknown
    wrong = fails(openai.BadRequestError, 400, temperature="hot")
    assert wrong.param == "temperature" and "temperature" in wrong.message, wrong
    fails(openai.AuthenticationError, 401, api_key=f"{KEY}-wrong")
    return "yes"


async def cancel() -> str:
    """One request after its first chunk, one before its answer."""
    async with openai.AsyncOpenAI(base_url=BASE, api_key=KEY, max_retries=0) as caller:

        def ask(request_id: str, **options: object):
            headers = {"x-request-id": request_id}
            return caller.chat.completions.create(
                model=MODEL, messages=says(LONG_PROMPT), extra_headers=headers, **options
            )

        streamed = str(uuid.uuid4())
        chunks = await ask(streamed, stream=True)
        async for chunk in chunks:
            if chunk.choices and chunk.choices[0].delta.content:
                break
        await chunks.close()
        await tell("cut", streamed)

        whole = str(uuid.uuid4())
        task = asyncio.create_task(ask(whole))
        await tell("begun", whole)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            await tell("cut", whole)
            return "yes"
    raise AssertionError("the answer came all the same")


run_all(
    {
        "plain": plain,
        "stream": stream,
        "tools": tools,
        "tool loop": tool_loop,
        "JSON schema": json_schema,
        "image": image,
        "embeddings": embeddings,
        "error": error,
        "cancel": cancel,
    }
)
