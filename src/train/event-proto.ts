import { messageType } from '../protos.js';

export interface Value {
  tag: string;
  simpleValue?: number;
  tensor?: { dtype: number; tensorShape: { dim: { size: number }[] }; stringVal: Uint8Array[] };
  metadata?: { pluginData: { pluginName: string } };
}

/** The part of TensorFlow's `tensorflow.Event` message that event files of scalars and texts need. */
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

export function decodeEvent(bytes: Uint8Array): Event {
  const type = messageType('tensorflow', 'Event');
  return type.toObject(type.decode(bytes), { longs: Number }) as Event;
}

export const encodeEvent = (value: Event): Uint8Array =>
  messageType('tensorflow', 'Event').encode(value).finish();
