import type { Request } from 'express'
import { Problem } from '../../lib/errors.js'
import { isCoded } from './content-coding.js'

/** In bytes. */
const longestBody = 16_384

/** A call can be forwarded after its body has been read. */
const bodies = new WeakMap<Request, Promise<Buffer>>()

/** Returns the same body again. */
export function readBody(request: Request): Promise<Buffer> {
  const body = bodies.get(request) ?? wholeBody(request)
  bodies.set(request, body)
  return body
}

async function wholeBody(request: Request): Promise<Buffer> {
  if (isCoded(request.headers['content-encoding'])) {
    throw new Problem('unsupported-media-type', { detail: 'It must not be compressed.' })
  }
  const announced = Number(request.headers['content-length'])
  if (announced > longestBody) throw tooLarge()

  // A small body arrives together with the request's head.
  if (announced > 0 && announced === request.readableLength && !request.destroyed) {
    const body: Buffer = request.read()
    request.resume()
    return body
  }

  // One buffer for all chunks, because a chunk of one byte would take a hundred bytes.
  const room = Buffer.allocUnsafe(announced || longestBody)
  let length = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    if (length + chunk.length > longestBody) {
      // The rest is read, because a closed connection would lose the reply.
      request.resume()
      throw tooLarge()
    }
    length += chunk.copy(room, length)
  }
  return room.subarray(0, length)
}

const tooLarge = () => new Problem('body-too-large', { detail: `At most ${longestBody} bytes are allowed.` })

export function bodyFormat(contentType: string | undefined): 'form' | 'json' | undefined {
  switch ((contentType ?? '').split(';', 1)[0]!.trim().toLowerCase()) {
    case '':
    case 'application/x-www-form-urlencoded':
      return 'form'
    case 'application/json':
      return 'json'
    default:
      return undefined
  }
}

export function demandFormat(contentType: string | undefined): 'form' | 'json' {
  const format = bodyFormat(contentType)
  if (format === undefined) throw new Problem('unsupported-media-type')
  const charset = /;\s*charset\s*=\s*"?([^\s";]*)/i.exec(contentType ?? '')?.[1]
  if (charset !== undefined && !/^(utf-?8|us-ascii)$/i.test(charset)) {
    throw new Problem('unsupported-media-type', { detail: 'The charset must be UTF-8.' })
  }
  return format
}
