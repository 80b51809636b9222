"""A warm process that holds no engine: it compiles by counting and its circuits echo. Run as a script by the tests."""

import asyncio
import os
import signal
import socket
import sys
import time

from penstock.services.circuits import zygote
from penstock.services.circuits.callee import Callee, Request
from penstock.services.circuits.lifeline import die_with
from penstock.services.circuits.link import Channel, RemoteError


async def _answer(end: socket.socket, handle) -> None:
    channel = await Channel.open(end)
    callee = Callee(channel, lambda request: handle(callee, channel, request))
    await callee.run()


def compile_program(end: socket.socket) -> None:
    async def handle(callee: Callee, channel: Channel, request: Request) -> dict:
        text = request.arguments["program"]
        if text == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if text == "hang":
            time.sleep(60)
        return {"messages": [], "schema": {"length": len(text), "pid": os.getpid()}}

    asyncio.run(_answer(end, handle))


def open_circuit(end: socket.socket) -> None:
    async def handle(callee: Callee, channel: Channel, request: Request):
        match request.method:
            case "build":
                if request.arguments["program"] == "refuse":
                    raise RemoteError("BadConnector", "no such connector", {"name": "x"})
                callee.event("log", "built")
                return {"pid": os.getpid()}
            case "push":
                size = 0
                async for chunk in request.chunks():
                    size += len(chunk)
                    if request.arguments["table"] == "slow":
                        await asyncio.sleep(0.05)
                if request.arguments["table"] == "missing":
                    raise RemoteError("UnknownInputStream", "no table 'missing'", None)
                return {"endpoint": "e", "position": size, "error_count": 0, "errors": []}
            case "subscribe":
                for step in range(1000):
                    await request.send([False, step, 0, False], b"x" * 1000)
                return None
            case "profile":
                callee.event("failure", ["RuntimeError.WorkerPanic", "division by zero", None])
                await channel.flush()
                os._exit(1)
            case "stop":
                asyncio.get_running_loop().call_later(0.01, os._exit, 0)
                return None

    asyncio.run(_answer(end, handle))


if __name__ == "__main__":
    parent = os.getppid()
    die_with(parent)
    with socket.socket(fileno=int(sys.argv[1])) as control:
        zygote.serve(control, {"compile": compile_program, "open": open_circuit})
