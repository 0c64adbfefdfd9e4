// Header: magic, version, salt, key name. Each frame: length, encrypted bytes, tag. The highest bit of the length marks
// the last frame.
import { type KeyObject, randomBytes } from 'node:crypto'
import { constants, lstatSync } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { attempt } from '../attempt.js'
import { codeOf } from '../log.js'
import { keyNameBytes, saltBytes, seal, sealKey, sealKeyNamed, tagBytes, unseal } from './seal-keys.js'

const magic = Buffer.from('WBSEAL')
const version = 1
const label = `warm-bindings sealed file ${version}`
const startBytes = magic.length + 2
const frameBytes = 262_144
const lastBit = 0x8000_0000

type Refusal = 'absent' | 'wrong-key' | 'damaged' | 'other-version' | 'unreadable'

/** `code` explains `unreadable`. */
export class SealedFileError extends Error {
  override readonly name = 'SealedFileError'

  constructor(
    readonly reason: Refusal,
    path: string,
    readonly code?: string,
  ) {
    super(`${path} is ${reason}${code === undefined ? '' : ` (${code})`}`)
  }
}

/** Needs little memory. Rejects before it reads `texts` if the disk lacks room for `bytes`, which it then keeps. */
export async function writeSealed(path: string, key: KeyObject, texts: Iterable<string>, bytes = 0): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = constants
  if (attempt(() => lstatSync(path))?.isDirectory() === true)
    throw Object.assign(new Error(`${path} is a folder`), { code: 'EISDIR' })
  const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  try {
    try {
      await takeRoom(file, bytes)
      await file.truncate(await writeFrames(file, key, texts))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

export const temporaryEnding = /\.[0-9a-f]{16}\.tmp$/

/** Rejects with a `SealedFileError`. Does not follow symbolic links. */
export async function readSealed(path: string, keys: readonly KeyObject[]): Promise<string[]> {
  const refuse: Refuse = (reason, code) => {
    throw new SealedFileError(reason, path, code)
  }
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants
  try {
    const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    try {
      if (!(await file.stat()).isFile()) refuse('unreadable', 'it is not a regular file')
      return readFrames(await file.readFile(), keys, refuse)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof SealedFileError) throw error
    return codeOf(error) === 'ENOENT' ? refuse('absent') : refuse('unreadable', codeOf(error))
  }
}

/** A nearly full disk takes fewer bytes than asked, without an error. */
async function takeRoom(file: FileHandle, bytes: number): Promise<void> {
  const zeros = Buffer.alloc(frameBytes)
  for (let at = 0; at < bytes; ) {
    const { bytesWritten } = await file.write(zeros, 0, Math.min(bytes - at, frameBytes), at)
    if (bytesWritten === 0) throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' })
    at += bytesWritten
  }
}

type Refuse = (reason: Refusal, code?: string) => never

/** Returns the number of bytes. */
async function writeFrames(file: FileHandle, key: KeyObject, texts: Iterable<string>): Promise<number> {
  const salt = randomBytes(saltBytes)
  const { secret, keyName } = sealKey(key, salt, label)
  const header = Buffer.concat([magic, Buffer.of(0, version), salt, keyName])
  try {
    await file.writeFile(header)
    let written = header.length
    let count = 0
    for (const { bytes, isLast } of framesOf(texts)) {
      const head = Buffer.alloc(4)
      head.writeUInt32BE(bytes.length + (isLast ? lastBit : 0))
      const nonce = nonceOf(count++)
      const whole = Buffer.concat([head, seal(secret, nonce, Buffer.concat([header, nonce, head]), bytes)])
      await file.writeFile(whole)
      written += whole.length
    }
    return written
  } finally {
    secret.fill(0)
  }
}

/** Each text follows its length. A frame may begin or end within a text. */
function* framesOf(texts: Iterable<string>): Iterable<{ readonly bytes: Buffer; readonly isLast: boolean }> {
  let waiting: Buffer[] = []
  let size = 0
  for (const text of texts) {
    const content = Buffer.from(text)
    const length = Buffer.alloc(4)
    length.writeUInt32BE(content.length)
    waiting.push(length, content)
    size += length.length + content.length
    if (size <= frameBytes) continue
    let rest = Buffer.concat(waiting)
    for (; rest.length > frameBytes; rest = rest.subarray(frameBytes))
      yield { bytes: rest.subarray(0, frameBytes), isLast: false }
    waiting = [rest]
    size = rest.length
  }
  yield { bytes: Buffer.concat(waiting), isLast: true }
}

function readFrames(file: Buffer, keys: readonly KeyObject[], refuse: Refuse): string[] {
  let at = 0
  const take = (length: number) => {
    const bytes = file.subarray(at, at + length)
    if (bytes.length < length) refuse('damaged')
    at += length
    return bytes
  }
  const start = take(startBytes)
  if (!start.subarray(0, magic.length).equals(magic)) refuse('damaged')
  if (start.readUInt16BE(magic.length) !== version) refuse('other-version')
  const salt = take(saltBytes)
  const keyName = take(keyNameBytes)
  const header = Buffer.concat([start, salt, keyName])
  const secret = sealKeyNamed(keyName, keys, salt, label) ?? refuse('wrong-key')
  const opened: Buffer[] = []
  try {
    for (let count = 0, isLast = false; !isLast; count++) {
      const head = take(4)
      const number = head.readUInt32BE()
      isLast = number >= lastBit
      const length = isLast ? number - lastBit : number
      if (length > frameBytes) refuse('damaged')
      const sealed = take(length + tagBytes)
      const nonce = nonceOf(count)
      const bytes = unseal(secret, nonce, Buffer.concat([header, nonce, head]), sealed)
      opened.push(bytes ?? refuse('damaged'))
    }
  } finally {
    secret.fill(0)
  }
  if (at < file.length) refuse('damaged')
  return textsIn(Buffer.concat(opened))
}

function textsIn(bytes: Buffer): string[] {
  const texts: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const start = at + 4
    at = start + bytes.readUInt32BE(at)
    texts.push(bytes.toString('utf8', start, at))
  }
  return texts
}

/** A counter is a safe nonce, because each file has its own key. */
function nonceOf(count: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32BE(count, 8)
  return nonce
}
