import { execFileSync } from 'node:child_process'
import { createSecretKey, randomBytes } from 'node:crypto'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import { readSealed, SealedFileError, writeSealed } from '../../../src/lib/secrets/sealed-file.js'
import { casesOf } from '../../support/matrix.js'

const key = createSecretKey(randomBytes(32))

let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'warm-sealed-'))
  path = join(folder, 'sessions')
})

afterEach(() => rmSync(folder, { recursive: true }))

/** The texts of the file, or the reason of its refusal. */
async function outcome(): Promise<readonly string[] | string> {
  try {
    return await readSealed(path, [key])
  } catch (error) {
    if (error instanceof SealedFileError) return error.reason
    throw error
  }
}

const withBytes = (bytes: Uint8Array) => {
  writeFileSync(path, bytes)
  return outcome()
}

const headerBytes = 56
const frameBytes = 262_144

/** The ends of the header and of each frame. */
function borders(bytes: Buffer): number[] {
  const ends = [headerBytes]
  for (let at = headerBytes; at < bytes.length; ends.push(at)) at += 4 + (bytes.readUInt32BE(at) & 0x7fff_ffff) + 16
  return ends
}

/** Three frames, each with a whole text, so that the texts cannot reveal a lost frame. */
const long = ['a', 'b', 'c'].map(letter => letter.repeat(frameBytes - 4))

describe('a sealed file', () => {
  test.each<[string, string[]]>([
    ['a long text among short texts', ['a', 'é'.repeat(2_000_000), 'b']],
    ['a text that ends at the end of a frame', ['x'.repeat(frameBytes - 4)]],
    ['a length field across two frames', ['x'.repeat(frameBytes - 6), 'yz']],
    ['several frames', long],
  ])('returns %s as it was written', async (_what, texts) => {
    await writeSealed(path, key, texts)
    expect(await outcome()).toEqual(texts)
  })

  test('returns any texts as they were written', async () => {
    const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.integer({ min: 0, max: frameBytes + 9 }))
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 8 }), async parts => {
        const texts = parts.map(part => (typeof part === 'number' ? 'x'.repeat(part) : part))
        await writeSealed(path, key, texts)
        expect(await outcome()).toEqual(texts)
      }),
      { numRuns: 40 },
    )
  })

  test('is readable and writable by this user only, and replaces a file or a symbolic link', async () => {
    const umask = process.umask(0)
    for (const isThere of [false, true]) {
      if (isThere) chmodSync(path, 0o644)
      await writeSealed(path, key, ['a']).finally(() => process.umask(isThere ? umask : 0))
      expect(statSync(path).mode & 0o777).toBe(0o600)
      expect(readdirSync(folder)).toEqual(['sessions'])
    }
    const target = join(folder, 'target')
    writeFileSync(target, 'untouched')
    rmSync(path)
    symlinkSync(target, path)
    await writeSealed(path, key, ['b'])
    expect(readFileSync(target, 'utf8')).toBe('untouched')
    expect(await outcome()).toEqual(['b'])
  })

  test('contains no readable text and no key, and never the same bytes twice', async () => {
    const text = 'a secret that is long enough to be found'
    await writeSealed(path, key, [text])
    const [first, firstText] = [readFileSync(path), readFileSync(path, 'latin1')]
    expect(firstText).not.toContain(text.slice(0, 8))
    expect(first.includes(key.export())).toBe(false)
    await writeSealed(path, key, [text])
    expect(readFileSync(path).subarray(8, 24)).not.toEqual(first.subarray(8, 24))
  })

  test('reads texts one by one, never all at once', async () => {
    let made = 0
    let written = 0
    function* texts() {
      for (; made < 100; made++) {
        const [name] = readdirSync(folder)
        written = name === undefined ? 0 : statSync(join(folder, name)).size
        // Less than a frame of the earlier texts waits.
        expect(made * 65_540 - written).toBeLessThan(2 * frameBytes)
        yield 'x'.repeat(65_536)
      }
    }
    await writeSealed(path, key, texts())
    expect(written).toBeGreaterThan(20 * frameBytes)
    expect(await outcome()).toHaveLength(100)
  })

  test('lets other work continue while thousands of records are written and read', async () => {
    const records = Array.from({ length: casesOf(3_000, 50_000) }, (_, index) => `${index}:${'r'.repeat(3_000)}`)
    let turns = 0
    let isDone = false
    const turn = () => {
      turns += 1
      if (!isDone) setImmediate(turn)
    }
    turn()
    let whileWritten = 0
    let read: readonly string[] | string = []
    try {
      await writeSealed(path, key, records)
      whileWritten = turns
      read = await outcome()
    } finally {
      isDone = true
    }
    expect(whileWritten).toBeGreaterThan(10)
    expect(turns - whileWritten).toBeGreaterThan(10)
    expect(read.length).toBe(records.length)
    expect(records.every((record, index) => read[index] === record)).toBe(true)
  })
})

describe('writing a sealed file', () => {
  test.each<[string, () => string, string]>([
    ['its folder is missing', () => join(folder, 'none', 'sessions'), 'ENOENT'],
    ['a folder has its name', () => path, 'EISDIR'],
  ])('fails with the error of the system if %s', async (_what, name, code) => {
    mkdirSync(path)
    await expect(writeSealed(name(), key, ['a'])).rejects.toMatchObject({ code })
    expect(readdirSync(folder)).toEqual(['sessions'])
  })

  test('reads no text if the disk takes only a part of the room, without an error', async () => {
    const handle = await open(join(folder, 'any'), 'w')
    const prototype = Object.getPrototypeOf(handle)
    await handle.close()
    await rm(join(folder, 'any'))
    const { write } = prototype
    let left = 300_000
    const spy = jest.spyOn(prototype, 'write').mockImplementation(function (this: FileHandle, ...args: unknown[]) {
      const [bytes, offset, length, at] = args as [Buffer, number, number, number]
      const taken = Math.min(length, left)
      if (taken === 0) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
      left -= taken
      return write.call(this, bytes, offset, taken, at)
    } as never)
    let isRead = false
    const texts = function* () {
      isRead = true
      yield 'text'
    }
    try {
      await expect(writeSealed(path, key, texts(), 400_000)).rejects.toMatchObject({ code: 'ENOSPC' })
    } finally {
      spy.mockRestore()
    }
    expect([isRead, readdirSync(folder)]).toEqual([false, []])
  })

  test('keeps the room that it has found until the texts are written', async () => {
    let size = 0
    const texts = function* () {
      size = statSync(join(folder, readdirSync(folder)[0]!)).size
      yield 'text'
    }
    await writeSealed(path, key, texts(), 400_000)
    expect(size).toBe(400_000)
    expect(statSync(path).size).toBeLessThan(200)
    expect(await readSealed(path, [key])).toEqual(['text'])
  })

  test('leaves the earlier file, and no other, if its texts end with an error', async () => {
    await writeSealed(path, key, ['before'])
    function* texts() {
      yield 'x'.repeat(3 * frameBytes)
      throw new Error('a record that cannot be made')
    }
    await expect(writeSealed(path, key, texts())).rejects.toThrow('a record that cannot be made')
    expect(readdirSync(folder)).toEqual(['sessions'])
    expect(await outcome()).toEqual(['before'])
  })
})

describe('a sealed file is rejected', () => {
  test.each<[string, () => unknown]>([
    ['a folder', () => mkdirSync(path)],
    ['a pipe', () => execFileSync('mkfifo', [path])],
    ['a symbolic link', () => symlinkSync(join(folder, 'target'), path)],
  ])('if it is %s', async (_what, make) => {
    await writeSealed(join(folder, 'target'), key, ['a'])
    make()
    expect(await outcome()).toBe('unreadable')
  })

  test('if it has another version', async () => {
    await writeSealed(path, key, ['a'])
    const bytes = readFileSync(path)
    bytes.writeUInt16BE(2, 6)
    expect(await withBytes(bytes)).toBe('other-version')
    expect(await withBytes(bytes.subarray(0, 8))).toBe('other-version')
  })

  test('with an error that names it', async () => {
    await expect(readSealed(path, [key])).rejects.toThrow(`${path} is absent`)
    mkdirSync(path)
    await expect(readSealed(path, [key])).rejects.toThrow(`${path} is unreadable (it is not a regular file)`)
  })

  test('if it is cut at a frame, or near its end', async () => {
    await writeSealed(path, key, long)
    const bytes = readFileSync(path)
    const ends = borders(bytes)
    expect(ends).toHaveLength(4)
    expect(ends.at(-1)).toBe(bytes.length)
    const cuts = [0, 8, 40, ...ends].flatMap(end => [end - 17, end - 1, end, end + 1, end + 4, end + 5])
    for (const cut of cuts.filter(cut => cut >= 0 && cut < bytes.length))
      expect([cut, await withBytes(bytes.subarray(0, cut))]).toEqual([cut, 'damaged'])
  })

  test('if any bit of a short file has changed', async () => {
    await writeSealed(path, key, ['one', 'two'])
    const bytes = readFileSync(path)
    for (let bit = 0; bit < bytes.length * 8; bit += casesOf(13, 1)) {
      const place = bit >> 3
      const changed = Buffer.from(bytes)
      changed[place]! ^= 1 << (bit & 7)
      const reason = place < 6 ? 'damaged' : place < 8 ? 'other-version' : place < headerBytes ? 'wrong-key' : 'damaged'
      expect([bit, await withBytes(changed)]).toEqual([bit, reason])
    }
  })

  test.each<[string, (frames: Buffer[]) => (Buffer | undefined)[]]>([
    ['swapped', ([first, second, last]) => [second, first, last]],
    ['doubled', ([first, second, last]) => [first, first, second, last]],
    ['removed from the start', ([, second, last]) => [second, last]],
    ['removed from the middle', ([first, , last]) => [first, last]],
    ['removed from the end', ([first, second]) => [first, second]],
    ['followed by other frames', ([first, second, last]) => [first, second, last, last]],
    ['followed by a byte', ([first, second, last]) => [first, second, last, Buffer.alloc(1)]],
  ])('if its frames are %s', async (_what, change) => {
    await writeSealed(path, key, long)
    const bytes = readFileSync(path)
    const ends = borders(bytes)
    const frames = ends.slice(1).map((end, index) => bytes.subarray(ends[index]!, end))
    const changed = change(frames).filter(frame => frame !== undefined)
    expect(await withBytes(Buffer.concat([bytes.subarray(0, headerBytes), ...changed]))).toBe('damaged')
  })

  test('if a frame before the last is marked as the last', async () => {
    await writeSealed(path, key, long)
    const [header = 0, first, second] = borders(readFileSync(path))
    for (const [start, end] of [
      [header, first],
      [first!, second],
    ] as const) {
      const bytes = readFileSync(path).subarray(0, end)
      bytes.writeUInt32BE(bytes.readUInt32BE(start) + 0x8000_0000, start)
      writeFileSync(join(folder, 'cut'), bytes)
      await expect(readSealed(join(folder, 'cut'), [key])).rejects.toMatchObject({ reason: 'damaged' })
    }
  })

  test('if a frame comes from another file with the same key', async () => {
    const [one, other] = [join(folder, 'one'), join(folder, 'other')]
    await writeSealed(one, key, ['a'])
    await writeSealed(other, key, ['b'])
    const spliced = [readFileSync(one).subarray(0, headerBytes), readFileSync(other).subarray(headerBytes)]
    expect(await withBytes(Buffer.concat(spliced))).toBe('damaged')
  })

  test('if a frame claims to be longer than any frame', async () => {
    await writeSealed(path, key, ['a'])
    const bytes = Buffer.concat([readFileSync(path), Buffer.alloc(2 * frameBytes)])
    const alloc = jest.spyOn(Buffer, 'alloc')
    try {
      for (const claimed of [frameBytes + 1, 0x7fff_ffff, 0xffff_ffff]) {
        bytes.writeUInt32BE(claimed, headerBytes)
        expect(await withBytes(bytes)).toBe('damaged')
      }
      expect(Math.max(...alloc.mock.calls.map(([size]) => size))).toBeLessThan(frameBytes)
    } finally {
      alloc.mockRestore()
    }
  })

  test('if it has any other content', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async bytes => {
        expect(await withBytes(bytes)).toBe('damaged')
      }),
      { numRuns: 60 },
    )
  })
})
