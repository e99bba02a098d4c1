"""A chat endpoint in a process of its own, which misbehaves as its path says: `python chat_server.py`, prints its port.

A path is /MODE/v1/chat/completions; options follow the mode, as in /flaky,every=3,delay=0.05/v1. Each path counts its own requests.

What it replies comes from the messages: the text behind the last `SAY:` (up to `:YAS`), else what `verdict` makes of them.
"""

import asyncio
import json
import re
import sys
import time
from collections import defaultdict

STATE = defaultdict(lambda: {"requests": 0, "replies": 0, "inside": 0, "busiest": 0, "bodies": [], "headers": [], "times": []})


def answer(body):
    """What a judge of these tests thinks: a response that holds "good" gets the best of everything; `SAY:...:YAS` is said as it is."""
    text = "\n".join(str(message["content"]) for message in body["messages"])
    if said := re.findall(r"SAY:(.*?):YAS", text, re.S):
        return said[-1]
    fenced = {name: inner for name, mark, inner in re.findall(r'<(response\w*) id="(\w+)">\n(.*?)\n</\1 id="\2">', text, re.S)}
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    return json.dumps(filled(schema, fenced or {"response": text})) if schema else "no schema, no verdict"


def filled(schema, fenced, name=""):
    good = "good" in fenced.get(name, fenced.get("response", ""))
    if name == "winner":
        a, b = ("good" in fenced[f"response_{label}"] for label in "AB")
        return "tie" if a == b else "A" if a else "B"
    if "enum" in schema:
        return schema["enum"][-1 if good else 0]
    kind = schema.get("type")
    if kind == "object":
        return {name: filled(part, fenced, name) for name, part in schema["properties"].items()}
    if kind in ("number", "integer"):
        return schema.get("maximum", 1) if good else schema.get("minimum", 0)
    return good if kind == "boolean" else "because"


def completion(text, body, **changes):
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": body.get("model"), "choices": [choice], "usage": usage} | changes


async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode().split("\r\n")
            headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
            raw = await reader.readexactly(int(headers.get("content-length", 0)))
            path = first.split(" ")[1]
            if path.startswith("/stats"):
                await send(writer, 200, json.dumps(STATE[path.removeprefix("/stats")]))
                continue
            mode = path.split("/")[1]
            name, *options = mode.split(",")
            given = dict(option.split("=") for option in options)
            state = STATE["/" + mode]
            state["requests"] += 1
            state["inside"] += 1
            state["busiest"] = max(state["busiest"], state["inside"])
            body = json.loads(raw)
            state["headers"].append(headers)
            state["times"].append(time.time())
            if len(state["bodies"]) < 5000:
                state["bodies"].append(body)
            try:
                more = await MODES[name](writer, body, state, state["requests"], given)
            finally:
                state["inside"] -= 1
            if more is False:
                break
    except (asyncio.IncompleteReadError, ConnectionError, BrokenPipeError):
        pass
    finally:
        writer.close()


async def send(writer, status, text, **headers):
    content = text if isinstance(text, bytes) else text.encode()
    fields = {"content-type": "application/json", "content-length": len(content), **{k.replace("_", "-"): v for k, v in headers.items()}}
    head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items()) + "\r\n"
    writer.write(head.encode() + content)
    await writer.drain()


async def ok(writer, body, state, number, given):
    """Replies; with `meet`, not before so many requests have been inside at once."""
    while state["busiest"] < int(given.get("meet", 0)):
        await asyncio.sleep(0.001)
    await asyncio.sleep(float(given.get("delay", 0)))
    state["replies"] += 1
    await send(writer, 200, json.dumps(completion(answer(body), body)))


async def flaky(writer, body, state, number, given):
    """Every so many requests goes wrong, in one of five ways by turns."""
    every = int(given.get("every", 3))
    if number % every:
        return await ok(writer, body, state, number, given)
    await asyncio.sleep(float(given.get("delay", 0)))
    match number // every % 5:
        case 0:
            await send(writer, 500, "oops")
        case 1:
            await send(writer, 429, "{}", retry_after="0")
        case 2:
            return False  # hangs up
        case 3:
            writer.write(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{"choices": [{')
            await writer.drain()
            return False  # half a reply
        case 4:
            await send(writer, 200, "<html>Bad gateway</html>", content_type="text/html")
    return None


async def half_closes(writer, body, state, number, given):
    """Ends its side in the middle of a reply, and keeps the connection."""
    writer.write(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"choices"')
    await writer.drain()
    writer.write_eof()
    await asyncio.sleep(3600)


async def closes(writer, body, state, number, given):
    """Replies as if it kept the connection, and closes it."""
    await ok(writer, body, state, number, given)
    return False


async def down(writer, body, state, number, given):
    await send(writer, 503, "down")


async def hangs(writer, body, state, number, given):
    await asyncio.sleep(3600)


async def drips(writer, body, state, number, given):
    """One byte of its reply after the other, without end."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1\r\n \r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def floods(writer, body, state, number, given):
    """A gigabyte."""
    writer.write(f"HTTP/1.1 {given.get('status', 200)} OK\r\ncontent-type: application/json\r\ncontent-length: {1 << 30}\r\n\r\n".encode())
    for _ in range(1024):
        writer.write(b"x" * (1 << 20))
        await writer.drain()


async def limited(writer, body, state, number, given):
    """So many requests a second, 429 for the others."""
    now, rate = time.monotonic(), float(given["rate"])
    level = min(rate, state.get("level", rate) + (now - state.get("at", now)) * rate)
    state["at"] = now
    if level < 1:
        state["level"] = level
        state["refused"] = state.get("refused", 0) + 1
        await send(writer, 429, '{"error": {"message": "slow down"}}', retry_after=given.get("after", "1"))
        return
    state["level"] = level - 1
    await ok(writer, body, state, number, given)


async def refuses(writer, body, state, number, given):
    status = int(given.get("status", 400))
    await send(writer, status, json.dumps({"error": {"message": f"refused: {given.get('why', 'no')} {state['headers'][-1].get('authorization')}"}}))


async def plain(writer, body, state, number, given):
    """No structured output here."""
    if "response_format" in body:
        await send(writer, 400, '{"error": {"message": "response_format is not supported"}}')
    else:
        await ok(writer, body, state, number, given)


LIES = {
    "empty": "",
    "null": "null",
    "array": "[]",
    "half": '{"choices": [{"message": {"content": "1',
    "choices": '{"choices": []}',
    "message": '{"choices": [{"index": 0}]}',
    "content": '{"choices": [{"message": {"role": "assistant", "content": null}}]}',
    "error": '{"error": {"code": 502, "message": "no provider"}, "choices": [{"message": {"role": "assistant", "content": "0"}}]}',
    "part": '{"choices": [{"error": {"code": 502}, "finish_reason": "error", "message": {"role": "assistant", "content": "0"}}]}',
    "number": '{"choices": [{"message": {"role": "assistant", "content": 5}}]}',
    "deep": "[" * 100_000,
    "html": "<html><body>1.0</body></html>",
}


async def lies(writer, body, state, number, given):
    await send(writer, 200, LIES[given["how"]])


async def usage(writer, body, state, number, given):
    """Counts that cannot be."""
    value = {"negative": {"prompt_tokens": -5, "completion_tokens": -1}, "text": {"prompt_tokens": "many"}, "none": None}[given["how"]]
    await send(writer, 200, json.dumps(completion(answer(body), body, usage=value)))


async def finish(writer, body, state, number, given):
    reply = completion(answer(body), body)
    reply["choices"][0]["finish_reason"] = given["reason"]
    await send(writer, 200, json.dumps(reply))


async def refusal(writer, body, state, number, given):
    reply = completion(None, body)
    reply["choices"][0]["message"]["refusal"] = "I can't help with that."
    await send(writer, 200, json.dumps(reply))


async def redirects(writer, body, state, number, given):
    await send(writer, 307, "", location="/ok/v1/chat/completions")


async def in_turn(writer, body, state, number, given):
    """Says the texts between `TURN:` and `:NRUT` in the messages, one for each request; the last one stays."""
    texts = re.findall(r"TURN:(.*?):NRUT", "\n".join(str(message["content"]) for message in body["messages"]), re.S)
    await send(writer, 200, json.dumps(completion(texts[min(number, len(texts)) - 1], body)))


async def first(writer, body, state, number, given):
    """A judge that likes whatever comes first."""
    await send(writer, 200, json.dumps(completion('{"winner": "A"}', body)))


async def parrot(writer, body, state, number, given):
    """Repeats the response that it should judge."""
    text = "\n".join(str(message["content"]) for message in body["messages"])
    said = re.search(r'<response id="(\w+)">\n(.*?)\n</response id="\1">', text, re.S)[2]
    await send(writer, 200, json.dumps(completion(f"The response says:\n{said}", body)))


async def wavers(writer, body, state, number, given):
    """Says yes and no by turns."""
    await send(writer, 200, json.dumps(completion(json.dumps({"correct": "yes" if number % 2 else "no"}), body)))


MODES = {
    mode.__name__: mode
    for mode in (
        ok,
        flaky,
        down,
        half_closes,
        closes,
        hangs,
        drips,
        floods,
        limited,
        refuses,
        plain,
        lies,
        usage,
        finish,
        refusal,
        redirects,
        in_turn,
        first,
        parrot,
        wavers,
    )
}


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 24, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # its starter is gone


if __name__ == "__main__":
    asyncio.run(main())
