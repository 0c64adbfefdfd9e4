import type { Request } from 'express'
import { negotiate, type Representation } from '../http/negotiation.js'

/**
 * How a call of the warm API is answered. Whoever has no opinion gets JSON from the addresses that control sessions; a
 * binding comes in the format that it was asked for in, as all else does.
 */
export function represent({ method, originalUrl, headers }: Request, warmPath: string): Representation {
  const controlsSessions = method !== 'POST' && originalUrl.startsWith(`${warmPath}/`)
  return controlsSessions ? negotiate(headers, 'json') : negotiate(headers)
}
