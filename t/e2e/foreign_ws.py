# SPDX-License-Identifier: Apache-2.0
# /v1/live with the client of the Python package websockets. Prints one JSON object; what of it is
# right is foreign_ws.t's to say.
import asyncio
import json
import sys

import websockets

url, token = sys.argv[1:3]
found = {}


async def connect():
    return await websockets.connect(url, subprotocols=["sonde.live.v1"], max_size=1 << 24)


async def close_of(ws, message):
    try:
        await ws.send(message)
        while True:
            await asyncio.wait_for(ws.recv(), 30)
    except websockets.ConnectionClosed as e:
        return [e.rcvd.code, e.rcvd.reason] if e.rcvd else None


async def talk():
    ws = await connect()
    found["subprotocol"] = ws.subprotocol
    found["extensions"] = len(ws.extensions)
    await ws.send(json.dumps({"op": "auth", "token": token}))
    found["auth"] = json.loads(await ws.recv())
    text = json.dumps({"op": "subscribe", "id": "é😀", "topic": "stats", "every": 1}, ensure_ascii=False)

    async def pieces():
        for c in text:
            yield c
    await ws.send(pieces())
    found["subscribe"] = json.loads(await ws.recv())
    found["stats"] = "stats" in json.loads(await asyncio.wait_for(ws.recv(), 30))
    pongs = [await ws.ping(b"\xff%d" % i) for i in range(10)]
    await asyncio.wait_for(asyncio.gather(*pongs), 30)
    found["pongs"] = len(pongs)
    await ws.pong(b"nobody asked")
    await ws.close(1000, "bye")
    found["close"] = [ws.close_code, ws.close_reason]
    found["binary"] = await close_of(await connect(), b"\x00")
    found["long"] = await close_of(await connect(), "x" * (64 * 1024 + 1))
    found["nonsense"] = await close_of(await connect(), "nonsense")


asyncio.run(talk())
print(json.dumps(found))
