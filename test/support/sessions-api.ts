// The calls that a portal's backend controls sessions with, as admin.
import { ask, type HttpAnswer } from './http-answer.js'
import { adminHeader } from './start-service.js'

/** A reply with what it says in JSON, if it says anything. */
export interface ApiReply extends HttpAnswer {
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever comes.
  readonly json: any
}

/** Calls a path of the warm API, such as `/sessions`, on a connection of its own. */
export async function callSessions(
  url: string,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  { authorization = adminHeader, body }: { authorization?: string; body?: object } = {},
): Promise<ApiReply> {
  const text = body === undefined ? '' : JSON.stringify(body)
  const reply = await ask(
    `${url}/warm${path}`,
    {
      ...{ method, agent: false },
      headers: {
        ...{ Authorization: authorization, Accept: 'application/json' },
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        'Content-Length': String(Buffer.byteLength(text)),
      },
    },
    text,
  )
  return { ...reply, json: reply.text === '' ? undefined : JSON.parse(reply.text) }
}
