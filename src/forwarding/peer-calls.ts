import { constants, type ServerHttp2Stream } from 'node:http2'
import { text } from 'node:stream/consumers'
import { attempt } from '../lib/attempt.js'
import { NoAnswer } from '../store/other-processes.js'
import type { PeerLink } from './peer-links.js'

/** The header of a process's own request. Its value names the call. */
export const callHeader = 'warm-call'

/** Answers the calls of other processes. Both are JSON values. */
export type AnswerCall = (kind: string, question: unknown) => Promise<unknown>

/** Rejects with `NoAnswer`. */
export function callPeer(
  { name, link }: { readonly name: string; readonly link: PeerLink },
  kind: string,
  question: unknown,
  milliseconds: number,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const lose = (reason: NoAnswer['reason']) => reject(new NoAnswer(name, reason))
    const stream = link.request({ ':method': 'POST', ':path': '/', ':authority': 'peer', [callHeader]: kind })
    const chunks: Buffer[] = []
    let status: number | undefined
    const limit = link.clock.after(milliseconds, () => {
      lose('late')
      stream.close(constants.NGHTTP2_CANCEL)
    })
    stream
      .on('response', headers => {
        status = headers[':status']
      })
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .once('close', () => {
        limit.cancel()
        if (status === undefined) lose(link.lost === 'gone' ? 'gone' : 'broken')
        else if (status !== 200 || stream.rstCode !== constants.NGHTTP2_NO_ERROR) lose('broken')
        else resolve(attempt(() => JSON.parse(Buffer.concat(chunks).toString())))
      })
      .end(JSON.stringify(question ?? null))
  })
}

export async function answerCall(
  stream: ServerHttp2Stream,
  kind: string,
  answer: AnswerCall,
  report: (error: unknown) => void,
): Promise<void> {
  const respond = (status: number, body?: string) => {
    if (stream.destroyed) return
    stream.respond({ ':status': status })
    stream.end(body)
  }
  // Without the whole question, the peer has gone.
  const question = await text(stream).catch(() => undefined)
  if (question === undefined) return
  try {
    respond(200, JSON.stringify((await answer(kind, JSON.parse(question))) ?? null))
  } catch (error) {
    report(error)
    respond(500)
  }
}
