"""Prints moves for as long as it runs, whatever happens to the server or the connection.

    pip install grpcio grpcio-tools
    python examples/watch.py 127.0.0.1:7171 snapshot

The second argument is where to start: now (default), earliest or snapshot. PAWL_PROTO names the
directory of the contract, if it is not ../proto. PAWL_CA_FILE and PAWL_TOKEN_FILE name the authority
of a server that speaks TLS, and what it gave out: the same as for `pawl watch`.
"""

import asyncio
import os
import pathlib
import random
import signal
import sys

import grpc

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, os.environ.get("PAWL_PROTO", str(here.parent / "proto")))
pb, services = grpc.protos_and_services("pawl/v1/move_service.proto")

HEARTBEAT_S = 15
# Two heartbeats and a little: when nothing came for so long, the connection is dead.
SILENCE_S = 2 * HEARTBEAT_S + 2
PAUSE_S, PAUSE_MAX_S = 0.1, 5.0
# Trying again would be answered in the same way.
FINAL = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNIMPLEMENTED,
}


def say(line):
    print(line, file=sys.stderr, flush=True)


def connect(address, options):
    """A connection that says who calls, if there is something to say."""
    authority, token = os.environ.get("PAWL_CA_FILE"), os.environ.get("PAWL_TOKEN_FILE")
    if not authority:
        return grpc.aio.insecure_channel(address, options)
    credentials = grpc.ssl_channel_credentials(pathlib.Path(authority).read_bytes())
    if token:
        # Read for each attempt: it may be another one by now.
        bearer = grpc.access_token_call_credentials(pathlib.Path(token).read_text().strip())
        credentials = grpc.composite_channel_credentials(credentials, bearer)
    return grpc.aio.secure_channel(address, credentials, options)


class Watch:
    def __init__(self, address, start):
        self.address = address
        self.start = start
        self.token = b""
        self.pause_s = PAUSE_S

    def request(self):
        # Until there is a token, the start is asked for again.
        start = {"resume_token": self.token} if self.token else {self.start: {}}
        return pb.WatchMovesRequest(**start, heartbeat_interval={"seconds": HEARTBEAT_S})

    async def run(self):
        while True:
            try:
                why = await self.watch_once()
            except grpc.aio.AioRpcError as error:
                if error.code() in FINAL:
                    sys.exit(f"error: {error.details()} ({error.code().name})")
                why = error.details()
            except asyncio.TimeoutError:
                why = f"nothing was heard for {SILENCE_S} s"
            pause_s = self.pause_s * random.uniform(1, 2)
            self.pause_s = min(2 * self.pause_s, PAUSE_MAX_S)
            say(f"interrupted: {why}; trying again in {pause_s:.1f} s")
            await asyncio.sleep(pause_s)

    async def watch_once(self):
        # A connection of its own for each attempt, not one that the library gave up or that is dead.
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with connect(self.address, options) as channel:
            call = services.MoveServiceStub(channel).WatchMoves(self.request())
            while True:
                message = await asyncio.wait_for(call.read(), SILENCE_S)
                if message is grpc.aio.EOF:
                    # An error is raised. The server never ends a watch with OK.
                    return "the stream was ended"
                for frame in message.frames:
                    self.show(frame)
                    # Only after it was shown. A program that keeps it can go on from here later.
                    self.token = frame.resume_token or self.token

    def show(self, frame):
        kind = frame.WhichOneof("frame")
        if kind == "started":
            say("watching")
            if self.start == "snapshot" and not self.token:
                say("the snapshot begins: forget what came of an earlier one")
        elif kind == "entity":
            print(f"{frame.entity.entity_id} on {frame.entity.stage_id}", flush=True)
        elif kind == "move":
            move = frame.move
            print(f"{move.entity_id} {move.from_stage_id} -> {move.to_stage_id}", flush=True)
        if kind != "started":
            self.pause_s = PAUSE_S


async def main(address="127.0.0.1:7171", start="now"):
    if start not in ("now", "earliest", "snapshot"):
        sys.exit(f"error: start with now, earliest or snapshot, not {start}")
    watching = asyncio.ensure_future(Watch(address, start).run())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, watching.cancel)
    try:
        await watching
    except asyncio.CancelledError:
        pass


asyncio.run(main(*sys.argv[1:]))
