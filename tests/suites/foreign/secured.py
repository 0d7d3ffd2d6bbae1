"""A client in Python that knows nothing of the contract but what the server tells by reflection, over
TLS with a token; and CloudEvents over HTTP.

Usage: secured.py ADDRESS CA_FILE, with PAWL_TOKEN. Prints a line beginning with "ok" for each check.
"""

import json
import os
import ssl
import sys
import urllib.error
import urllib.request

import grpc
from cloudevents.conversion import to_binary, to_structured
from cloudevents.http import CloudEvent
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_status import rpc_status

address, ca_file = sys.argv[1:]
token = os.environ["PAWL_TOKEN"]
tls = grpc.ssl_channel_credentials(open(ca_file, "rb").read())
bare = grpc.secure_channel(address, tls)
channel = grpc.secure_channel(
    address, grpc.composite_channel_credentials(tls, grpc.access_token_call_credentials(token))
)

health = health_pb2_grpc.HealthStub(bare).Check(health_pb2.HealthCheckRequest(), timeout=30)
assert health.status == health_pb2.HealthCheckResponse.SERVING, health
print("ok health is told to anyone")

pool = DescriptorPool(ProtoReflectionDescriptorDatabase(bare))


def call(method, message, channel=channel):
    """Calls a method by its name with a message as a dict; streams give an iterator."""
    service, name = method.split("/")
    found = pool.FindServiceByName(f"pawl.v1.{service}").FindMethodByName(name)
    request = json_format.ParseDict(message, GetMessageClass(found.input_type)())
    make = channel.unary_stream if found.server_streaming else channel.unary_unary
    made = make(
        f"/pawl.v1.{method}",
        request_serializer=lambda m: m.SerializeToString(),
        response_deserializer=GetMessageClass(found.output_type).FromString,
    )
    return made(request, timeout=60)


stages = [{"stage_id": "new"}, {"stage_id": "read"}]
call(
    "PipelineService/CreatePipeline",
    {"pipeline": {"pipeline_id": "sales", "entity_kind": "deal", "stages": stages}},
)
call(
    "TriggerService/CreateTrigger",
    {"trigger": {"pipeline_id": "sales", "stage_id": "read", "trigger_type": "email.viewed"}},
)
for number in range(4):
    call("EntityService/CreateEntity", {"entity": {"entity_id": f"deal/{number}", "pipeline_id": "sales"}})
print("ok a pipeline, a trigger and deals, by reflection alone")

watch = call("MoveService/WatchMoves", {"earliest": {}})
event = {"event_id": "1", "source": "s", "type": "email.viewed", "subjects": ["deal/0"]}
outcome = call("EventService/PublishEvent", {"event": event}).outcome
assert outcome.decisions[0].outcome == 1, outcome
print("ok an event moves a deal")


def post(headers, body, token=token):
    request = urllib.request.Request(f"https://{address}/v1/events", data=body, method="POST")
    for name, value in headers.items():
        request.add_header(name, value)
    if token:
        request.add_header("authorization", f"Bearer {token}")
    context = ssl.create_default_context(cafile=ca_file)
    return json.load(urllib.request.urlopen(request, context=context, timeout=60))


for number, write in ((1, to_structured), (2, to_binary)):
    attributes = {"type": "email.viewed", "source": "mailer", "id": f"ce-{number}"}
    attributes["subject"] = f"deal/{number}"
    made = CloudEvent(attributes, {"link": "offer"})
    told = post(*write(made))
    assert told["outcome"]["decisions"][0]["outcome"] == "DECISION_OUTCOME_MOVED", told
    assert post(*write(made))["outcome"]["duplicate"] is True
print("ok CloudEvents move deals, structured and binary, and once")

try:
    post(*to_structured(made), token=None)
    raise AssertionError("nobody gets in without a token")
except urllib.error.HTTPError as error:
    told = json.load(error)["error"]
    assert error.code == 401 and told["status"] == "UNAUTHENTICATED", told
print("ok an error over HTTP in JSON")

moved = []
for message in watch:
    moved += [f.move.entity_id for f in message.frames if f.HasField("move")]
    if len(moved) >= 3:
        break
watch.cancel()
assert moved == ["deal/0", "deal/1", "deal/2"], moved
print("ok the moves are watched, in order")

for denied, problem in ((bare, "missing"), (channel, None)):
    try:
        call("PipelineService/GetPipeline", {"pipeline_id": "nothing"}, denied)
        raise AssertionError("that is refused")
    except grpc.RpcError as error:
        info = error_details_pb2.ErrorInfo()
        assert any(detail.Unpack(info) for detail in rpc_status.from_call(error).details)
        if problem:
            assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error
            assert (info.reason, info.metadata["problem"]) == ("UNAUTHENTICATED", problem), info
        else:
            assert (info.domain, info.reason) == ("pawl", "PIPELINE_NOT_FOUND"), info
print("ok errors with their reasons")
