"""A bare server that sends back the JSON it gets: `python -m bench.serving.echo PORT`."""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def echo(request: Request) -> JSONResponse:
    """Answer with what was sent."""
    return JSONResponse(await request.json())


if __name__ == "__main__":
    application = Starlette(routes=[Route("/echo", echo, methods=["POST"])])
    uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False)
