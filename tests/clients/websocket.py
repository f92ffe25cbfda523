"""A WebSocket client: sends each argument as a message, expects it back, closes cleanly.

usage: websocket.py URL MESSAGE...
"""

import asyncio
import sys

import websockets


async def main():
    url, *messages = sys.argv[1:]
    async with websockets.connect(url, open_timeout=5, close_timeout=5) as socket:
        for message in messages:
            await socket.send(message)
            answer = await asyncio.wait_for(socket.recv(), 5)
            if answer != message:
                sys.exit(f"sent {message!r}, received {answer!r}")
    print(f"{len(messages)} messages came back")


asyncio.run(main())
