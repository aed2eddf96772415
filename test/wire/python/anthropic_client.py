"""The features of the anthropic package against a gateway; see features.py."""

import asyncio
import uuid

import anthropic
from features import (
    ADDRESS,
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

client = anthropic.Anthropic(base_url=ADDRESS, api_key=KEY, max_retries=0)

WEATHER = {"name": "weather", "description": WEATHER_DESCRIPTION, "input_schema": WEATHER_SCHEMA}


def says(text: str) -> list[dict]:
    return [{"role": "user", "content": text}]


def text_of(message: anthropic.types.Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def plain() -> str:
    message = client.messages.create(model=MODEL, messages=says(QUESTION), max_tokens=40)
    heard(text_of(message))
    assert message.usage.output_tokens > 0 and message.stop_reason in ("end_turn", "max_tokens"), message
    assert MODEL in [model.id for model in client.models.list()]
    assert client.messages.count_tokens(model=MODEL, messages=says(QUESTION)).input_tokens > 0
    return "yes"


def stream() -> str:
    with client.messages.stream(model=MODEL, messages=says(QUESTION), max_tokens=40) as events:
        texts = list(events.text_stream)
        message = events.get_final_message()
    assert len(texts) > 1, texts
    heard("".join(texts))
    assert "".join(texts) == text_of(message)
    assert message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0) > 0
    assert message.usage.output_tokens > 0, message.usage
    return "yes"


def tools() -> str:
    message = client.messages.create(
        model=MODEL,
        messages=says(WEATHER_QUESTION),
        max_tokens=60,
        tools=[WEATHER],
        tool_choice={"type": "tool", "name": "weather"},
    )
    calls = [block for block in message.content if block.type == "tool_use"]
    assert len(calls) == 1 and calls[0].id and message.stop_reason == "tool_use", message
    asks_for_weather(calls[0].name, calls[0].input)
    return "yes"


def tool_loop() -> str:
    """Streamed, as agents do it."""
    messages = says(WEATHER_QUESTION)
    called = 0
    for choice in ("any", "auto", "none"):
        with client.messages.stream(
            model=MODEL, messages=messages, tools=[WEATHER], tool_choice={"type": choice}, max_tokens=60
        ) as events:
            message = events.get_final_message()
        calls = [block for block in message.content if block.type == "tool_use"]
        if not calls:
            break
        results = []
        for call in calls:
            asks_for_weather(call.name, call.input)
            called += 1
            results.append({"type": "tool_result", "tool_use_id": call.id, "content": SUNNY})
        messages += [{"role": "assistant", "content": message.content}, {"role": "user", "content": results}]
    assert called > 0 and not calls and text_of(message), message
    return "yes"


def json_schema() -> str:
    message = client.messages.parse(model=MODEL, messages=says(QUESTION), output_format=Capital, max_tokens=100)
    assert isinstance(message.parsed_output, Capital), message
    return "yes"


def image() -> str:
    source = {"type": "base64", "media_type": "image/png", "data": IMAGE}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
    try:
        message = client.messages.create(
            model=MODEL, messages=[{"role": "user", "content": content}], max_tokens=40
        )
    except anthropic.BadRequestError as error:
        assert not SEES_IMAGES, error
        return refused(error, "image")
    assert IMAGE_SEEN in text_of(message), message
    return "yes"


def error() -> str:
    def fails(kind: type[anthropic.APIStatusError], status: int, named: str, **options: object) -> None:
        caller = client.with_options(api_key=options.pop("api_key", KEY))
        request = {"model": MODEL, "messages": says(QUESTION), "max_tokens": 40, **options}
        try:
            caller.messages.create(**request)
        except kind as failure:
            assert failure.status_code == status and failure.request_id, failure
            assert failure.body["error"]["type"] == named, failure.body
            return
        raise AssertionError(f"no {kind.__name__}")

    fails(anthropic.NotFoundError, 404, "not_found_error", model="nobody")
    fails(anthropic.BadRequestError, 400, "invalid_request_error", temperature="hot")
    fails(anthropic.AuthenticationError, 401, "authentication_error", api_key=f"{KEY}-wrong")
    return "yes"


async def cancel() -> str:
    """One request after its first chunk, one before its answer."""
    async with anthropic.AsyncAnthropic(base_url=ADDRESS, api_key=KEY, max_retries=0) as caller:
        ask = {"model": MODEL, "messages": says(LONG_PROMPT), "max_tokens": 1000}

        streamed = str(uuid.uuid4())
        async with caller.messages.stream(**ask, extra_headers={"x-request-id": streamed}) as events:
            async for _ in events.text_stream:
                break
        await tell("cut", streamed)

        whole = str(uuid.uuid4())
        task = asyncio.create_task(caller.messages.create(**ask, extra_headers={"x-request-id": whole}))
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
        "error": error,
        "cancel": cancel,
    }
)
