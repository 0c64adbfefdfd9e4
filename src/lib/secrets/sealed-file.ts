// Header: magic, version, salt, key name. Each frame: length, encrypted bytes, tag. The highest bit of the length marks
// the last frame.
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto'
import { constants, lstatSync } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { attempt } from '../attempt.js'
import { codeOf } from '../log.js'
import { cipherName, keyNameBytes, saltBytes, sealKey, sealKeyNamed, tagBytes } from './seal-keys.js'

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

/** Needs constant memory. Rejects before it reads `texts` if the disk lacks room for `bytes`, which it then keeps. */
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
  const refuse: Refuse = (reason, code) => new SealedFileError(reason, path, code)
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants
  try {
    const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    try {
      if (!(await file.stat()).isFile()) throw refuse('unreadable', 'it is not a regular file')
      return await readFrames(file, keys, refuse)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof SealedFileError) throw error
    throw codeOf(error) === 'ENOENT' ? refuse('absent') : refuse('unreadable', codeOf(error))
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

type Refuse = (reason: Refusal, code?: string) => SealedFileError

/** Returns the number of bytes. */
async function writeFrames(file: FileHandle, key: KeyObject, texts: Iterable<string>): Promise<number> {
  const start = Buffer.alloc(startBytes)
  magic.copy(start)
  start.writeUInt16BE(version, magic.length)
  const salt = randomBytes(saltBytes)
  const { secret, keyName } = sealKey(key, salt, label)
  const header = Buffer.concat([start, salt, keyName])
  try {
    await file.writeFile(header)
    let written = header.length
    let count = 0
    for (const { bytes, isLast } of framesOf(texts)) {
      const head = Buffer.alloc(4)
      head.writeUInt32BE(bytes.length + (isLast ? lastBit : 0))
      const nonce = nonceOf(count++)
      const cipher = createCipheriv(cipherName, secret, nonce, { authTagLength: tagBytes })
      cipher.setAAD(Buffer.concat([header, nonce, head]))
      const sealed = [cipher.update(bytes), cipher.final()]
      const whole = Buffer.concat([head, ...sealed, cipher.getAuthTag()])
      await file.writeFile(whole)
      written += whole.length
    }
    return written
  } finally {
    secret.fill(0)
  }
}

/** Each frame is valid until the next frame is taken. */
function* framesOf(texts: Iterable<string>): Iterable<{ readonly bytes: Buffer; readonly isLast: boolean }> {
  const frame = Buffer.alloc(frameBytes)
  const length = Buffer.alloc(4)
  let filled = 0
  for (const text of texts) {
    const content = Buffer.from(text)
    length.writeUInt32BE(content.length)
    for (const bytes of [length, content]) {
      for (let at = 0; at < bytes.length; ) {
        if (filled === frameBytes) {
          yield { bytes: frame, isLast: false }
          filled = 0
        }
        const copied = bytes.copy(frame, filled, at)
        at += copied
        filled += copied
      }
    }
  }
  yield { bytes: frame.subarray(0, filled), isLast: true }
}

async function readFrames(file: FileHandle, keys: readonly KeyObject[], refuse: Refuse): Promise<string[]> {
  const take = async (length: number) => (await taken(file, length)) ?? raise(refuse('damaged'))
  const start = await take(startBytes)
  if (!start.subarray(0, magic.length).equals(magic)) throw refuse('damaged')
  if (start.readUInt16BE(magic.length) !== version) throw refuse('other-version')
  const salt = await take(saltBytes)
  const keyName = await take(keyNameBytes)
  const header = Buffer.concat([start, salt, keyName])
  const secret = sealKeyNamed(keyName, keys, salt, label) ?? raise(refuse('wrong-key'))
  const texts = new Texts()
  try {
    for (let count = 0, isLast = false; !isLast; count++) {
      const head = await take(4)
      const number = head.readUInt32BE()
      isLast = number >= lastBit
      const length = isLast ? number - lastBit : number
      if (length > frameBytes) throw refuse('damaged')
      const sealed = await take(length)
      const nonce = nonceOf(count)
      const decipher = createDecipheriv(cipherName, secret, nonce, { authTagLength: tagBytes })
      decipher.setAAD(Buffer.concat([header, nonce, head])).setAuthTag(await take(tagBytes))
      const bytes = decipher.update(sealed)
      try {
        decipher.final()
      } catch {
        throw refuse('damaged')
      }
      texts.add(bytes)
    }
  } finally {
    secret.fill(0)
  }
  if ((await taken(file, 1)) !== undefined) throw refuse('damaged')
  return texts.whole
}

async function taken(file: FileHandle, length: number): Promise<Buffer | undefined> {
  const bytes = Buffer.alloc(length)
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, null)
    if (bytesRead === 0) return undefined
    filled += bytesRead
  }
  return bytes
}

class Texts {
  readonly whole: string[] = []
  #rest: Buffer[] = []
  #size = 0
  #bytesNeeded = 4

  add(bytes: Buffer): void {
    this.#rest.push(bytes)
    this.#size += bytes.length
    if (this.#size < this.#bytesNeeded) return
    const all = Buffer.concat(this.#rest)
    let at = 0
    for (;;) {
      const left = all.length - at
      this.#bytesNeeded = left < 4 ? 4 : 4 + all.readUInt32BE(at)
      if (left < this.#bytesNeeded) break
      this.whole.push(all.toString('utf8', at + 4, at + this.#bytesNeeded))
      at += this.#bytesNeeded
    }
    this.#rest = [all.subarray(at)]
    this.#size = all.length - at
  }
}

/** A counter is a safe nonce, because each file has its own key. */
function nonceOf(count: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32BE(count, 8)
  return nonce
}

function raise(error: Error): never {
  throw error
}
