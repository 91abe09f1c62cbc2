"""Writes test/fixtures/events.tfevents: events as the tensorboard package itself writes them.

    python -m venv venv && venv/bin/pip install -r scripts/requirements-tensorboard.txt
    venv/bin/python scripts/reference-events.py test/fixtures/events.tfevents
"""

import sys

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.summary.writer.record_writer import RecordWriter

text = Summary.Value(
    tag="config",
    metadata=SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text")),
    tensor=TensorProto(
        dtype=DT_STRING,
        tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)]),
        string_val=["    name: äöü".encode()],
    ),
)
events = [
    Event(wall_time=1700000000.25, file_version="brain.Event:2"),
    Event(wall_time=1700000001.5, step=4, session_log=SessionLog(status=SessionLog.START)),
    Event(wall_time=1700000002.5, step=4, summary=Summary(value=[text])),
    Event(
        wall_time=1700000003.125,
        step=5000000000,
        summary=Summary(
            value=[
                Summary.Value(tag="loss/primary", simple_value=0.1),
                Summary.Value(tag="error/top1_err", simple_value=0),
            ]
        ),
    ),
]

with open(sys.argv[1], "wb") as file:
    writer = RecordWriter(file)
    for event in events:
        writer.write(event.SerializeToString())
