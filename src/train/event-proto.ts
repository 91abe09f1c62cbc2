import protobuf from 'protobufjs/light.js';

/**
 * The part of TensorFlow's `tensorflow.Event` message (tensorflow/core/util/event.proto and what it holds) that event
 * files of scalars and texts need. Names and field numbers are TensorFlow's.
 */
const root = protobuf.Root.fromJSON({
  nested: {
    Event: {
      oneofs: { what: { oneof: ['fileVersion', 'summary', 'sessionLog'] } },
      fields: {
        wallTime: { type: 'double', id: 1 },
        step: { type: 'int64', id: 2 },
        fileVersion: { type: 'string', id: 3 },
        summary: { type: 'Summary', id: 5 },
        sessionLog: { type: 'SessionLog', id: 7 },
      },
    },
    SessionLog: {
      fields: { status: { type: 'SessionStatus', id: 1 } },
      nested: { SessionStatus: { values: { STATUS_UNSPECIFIED: 0, START: 1, STOP: 2 } } },
    },
    Summary: {
      fields: { value: { rule: 'repeated', type: 'Value', id: 1 } },
      nested: {
        Value: {
          oneofs: { value: { oneof: ['simpleValue', 'tensor'] } },
          fields: {
            tag: { type: 'string', id: 1 },
            simpleValue: { type: 'float', id: 2 },
            tensor: { type: 'TensorProto', id: 8 },
            metadata: { type: 'SummaryMetadata', id: 9 },
          },
        },
      },
    },
    SummaryMetadata: {
      fields: { pluginData: { type: 'PluginData', id: 1 } },
      nested: { PluginData: { fields: { pluginName: { type: 'string', id: 1 } } } },
    },
    TensorProto: {
      fields: {
        dtype: { type: 'DataType', id: 1 },
        tensorShape: { type: 'TensorShapeProto', id: 2 },
        stringVal: { rule: 'repeated', type: 'bytes', id: 8 },
      },
    },
    DataType: { values: { DT_INVALID: 0, DT_STRING: 7 } },
    TensorShapeProto: {
      fields: { dim: { rule: 'repeated', type: 'Dim', id: 2 } },
      nested: { Dim: { fields: { size: { type: 'int64', id: 1 } } } },
    },
  },
});

export interface Value {
  tag: string;
  simpleValue?: number;
  tensor?: { dtype: number; tensorShape: { dim: { size: number }[] }; stringVal: Uint8Array[] };
  metadata?: { pluginData: { pluginName: string } };
}

export interface Event {
  /** Seconds since 1970. */
  wallTime: number;
  step?: number;
  fileVersion?: string;
  summary?: { value: Value[] };
  sessionLog?: { status: number };
}

export const SESSION_START = 1;
export const DT_STRING = 7;

const event = root.lookupType('Event');

export const decodeEvent = (bytes: Uint8Array): Event =>
  event.toObject(event.decode(bytes), { longs: Number }) as Event;
export const encodeEvent = (value: Event): Uint8Array => event.encode(value).finish();
