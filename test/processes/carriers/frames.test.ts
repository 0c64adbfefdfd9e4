import { describe, expect, test } from '@jest/globals'
import { type Frame, FrameReader, frameKinds, readFrame, writeFrame } from '../../../src/processes/carriers/frames.js'

const frames = [
  writeFrame(frameKinds.open, true, 7, { kind: 'bosh', head: { address: '::1' } }, '<body/>'),
  writeFrame(frameKinds.message, false, 4_294_967_295, undefined, Buffer.from('ä')),
  writeFrame(frameKinds.cancel, false, 0),
  writeFrame(frameKinds.end, true, 1, [], 'x'.repeat(1_000)),
]
const whole = Buffer.concat(frames)

const plain = ({ kind, isOpeners, exchange, head, body }: Frame) => ({
  kind,
  isOpeners,
  exchange,
  head,
  body: body.toString(),
})

const expected = [
  {
    kind: 1,
    isOpeners: true,
    exchange: 7,
    head: { kind: 'bosh', head: { address: '::1' } },
    body: '<body/>',
  },
  { kind: 2, isOpeners: false, exchange: 4_294_967_295, head: undefined, body: 'ä' },
  { kind: 4, isOpeners: false, exchange: 0, head: undefined, body: '' },
  { kind: 3, isOpeners: true, exchange: 1, head: [], body: 'x'.repeat(1_000) },
]

describe('frames between processes', () => {
  test.each([1, 2, 3, 4, 5, 13, 64, 1_000, whole.length])('are parsed from pieces of %i bytes', size => {
    const reader = new FrameReader()
    const read: unknown[] = []
    for (let at = 0; at < whole.length; at += size)
      reader.read(whole.subarray(at, at + size), frame => read.push(plain(frame)))
    expect(read).toEqual(expected)
  })

  test('are parsed again from the next whole frame after a reset', () => {
    const reader = new FrameReader()
    const read: unknown[] = []
    reader.read(whole.subarray(0, 20), frame => read.push(frame))
    reader.reset()
    reader.read(frames[2]!, frame => read.push(plain(frame)))
    expect(read).toEqual([expected[2]])
  })

  test('are rejected if invalid', () => {
    const read = (bytes: Buffer) => () => new FrameReader().read(bytes, () => {})
    expect(read(Buffer.from('ffffffff00', 'hex'))).toThrow(RangeError)
    expect(read(Buffer.from('0000000100', 'hex'))).toThrow(RangeError)
    const longHead = Buffer.from(frames[0]!)
    longHead.writeUInt32BE(1_000, 9)
    expect(read(longHead)).toThrow(RangeError)
    expect(readFrame(whole)).toBeUndefined()
  })

  test('have no head if the head is not JSON', () => {
    const frame = Buffer.from(frames[3]!)
    frame.write('{', 13)
    expect(readFrame(frame)?.head).toBeUndefined()
  })

  test('of many pieces cost time in proportion to their length', () => {
    const reader = new FrameReader()
    const long = writeFrame(frameKinds.message, true, 1, undefined, Buffer.alloc(1_000_000))
    let count = 0
    for (let at = 0; at < long.length; at++) reader.read(long.subarray(at, at + 1), () => count++)
    expect(count).toBe(1)
  })
})
