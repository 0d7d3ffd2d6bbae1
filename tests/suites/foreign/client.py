"""A client of Pawl in plain grpcio, with stubs made from the contract.

Usage: client.py ADDRESS PROTO_DIR STUB_DIR. Prints a line beginning with "ok" for each check.
"""

import pathlib
import sys

import grpc
import grpc_tools
from grpc_status import rpc_status
from grpc_tools import protoc
from google.rpc import error_details_pb2

address, proto_dir, stub_dir = sys.argv[1:]
well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
files = sorted(str(p) for p in pathlib.Path(proto_dir, "pawl/v1").glob("*.proto"))
made = protoc.main(
    [
        "protoc",
        f"-I{proto_dir}",
        f"-I{well_known}",
        f"--python_out={stub_dir}",
        f"--grpc_python_out={stub_dir}",
        *files,
    ]
)
assert made == 0, "protoc refuses the contract"
sys.path.insert(0, stub_dir)

from pawl.v1 import (  # noqa: E402
    entity_pb2,
    entity_service_pb2,
    entity_service_pb2_grpc,
    event_pb2,
    event_service_pb2,
    event_service_pb2_grpc,
    move_service_pb2,
    move_service_pb2_grpc,
    pipeline_pb2,
    pipeline_service_pb2,
    pipeline_service_pb2_grpc,
    trigger_pb2,
    trigger_service_pb2,
    trigger_service_pb2_grpc,
)

channel = grpc.insecure_channel(address)
pipelines = pipeline_service_pb2_grpc.PipelineServiceStub(channel)
triggers = trigger_service_pb2_grpc.TriggerServiceStub(channel)
entities = entity_service_pb2_grpc.EntityServiceStub(channel)
events = event_service_pb2_grpc.EventServiceStub(channel)
moves = move_service_pb2_grpc.MoveServiceStub(channel)

stages = [pipeline_pb2.Stage(stage_id=s) for s in ("new", "read")]
pipelines.CreatePipeline(
    pipeline_service_pb2.CreatePipelineRequest(
        pipeline=pipeline_pb2.Pipeline(pipeline_id="sales", entity_kind="deal", stages=stages)
    )
)
triggers.CreateTrigger(
    trigger_service_pb2.CreateTriggerRequest(
        trigger=trigger_pb2.Trigger(pipeline_id="sales", stage_id="read", trigger_type="email.viewed")
    )
)
print("ok a pipeline and a trigger of the catalogue")

count = 100
imported = entities.ImportEntities(
    iter(
        entity_service_pb2.ImportEntitiesRequest(
            entities=[entity_pb2.Entity(entity_id=f"deal/{n}", pipeline_id="sales") for n in part]
        )
        for part in (range(0, 60), range(60, count))
    )
)
assert imported.created_count == count and imported.message_count == 2, imported
print(f"ok {count} entities imported in 2 messages")

watch = moves.WatchMoves(
    move_service_pb2.WatchMovesRequest(earliest=move_service_pb2.StartEarliest()), timeout=60
)


def event(n, source="mailer"):
    return event_pb2.Event(
        event_id=str(n), source=source, type="email.viewed", subjects=[f"deal/{n}"]
    )


requests = [event_service_pb2.PublishEventsRequest(events=[event(n)]) for n in range(count)]
requests.insert(50, event_service_pb2.PublishEventsRequest(events=[event(0, source="pawl")]))
outcomes = [o for answer in events.PublishEvents(iter(requests)) for o in answer.outcomes]
assert len(outcomes) == count + 1, len(outcomes)
refused = [o for o in outcomes if o.HasField("refusal")]
assert [outcomes.index(o) for o in refused] == [50], refused
assert refused[0].refusal.code == grpc.StatusCode.INVALID_ARGUMENT.value[0], refused
print("ok a stream of events, the bad one refused among good ones")

watched, token = [], b""
for message in watch:
    for frame in message.frames:
        token = frame.resume_token or token
        if frame.HasField("move"):
            watched.append(frame.move.entity_id)
    if len(watched) >= count:
        break
watch.cancel()
assert watched == [f"deal/{n}" for n in range(count)], watched
print(f"ok {count} moves watched, in order")

again = events.PublishEvent(event_service_pb2.PublishEventRequest(event=event(7)))
assert again.outcome.duplicate and len(again.outcome.decisions) == 1, again
print("ok a duplicate gives the first outcome")

resumed = moves.WatchMoves(
    move_service_pb2.WatchMovesRequest(resume_token=token, heartbeat_interval={"seconds": 1}),
    timeout=60,
)
heartbeat = next(f for m in resumed for f in m.frames if not f.HasField("started"))
assert heartbeat.HasField("heartbeat") and heartbeat.heartbeat.lag_moves == 0, heartbeat
resumed.cancel()
print("ok resumed with nothing left to see")

entities.UpdateEntity(
    entity_service_pb2.UpdateEntityRequest(
        entity=entity_pb2.Entity(entity_id="deal/1", responsible="ann"), actor="bob"
    )
)
previewed = events.PreviewEvent(event_service_pb2.PreviewEventRequest(event=event(1, "preview")))
verdicts = triggers.ListVerdicts(trigger_service_pb2.ListVerdictsRequest(entity_id="deal/1"))
assert [v.occasion.event_id for v in verdicts.verdicts] == ["1"], verdicts
assert [v.result for v in previewed.outcome.decisions[0].verdicts] == [7], previewed
print("ok a preview says SAME_STAGE, and the verdicts are listed")

try:
    events.PublishEvent(event_service_pb2.PublishEventRequest(event=event(1, source="")))
    raise AssertionError("an event without source is refused")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
    status = rpc_status.from_call(error)
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info) or detail.Unpack(bad)
    assert (info.domain, info.reason) == ("pawl", "INVALID_FIELD"), info
    assert [v.field for v in bad.field_violations] == ["event.source"], bad
print("ok an error with its reason and its field")
