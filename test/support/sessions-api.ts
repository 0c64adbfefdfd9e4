// The calls that a portal's backend controls sessions with, as admin.
import { ask, type HttpAnswer } from './http-answer.js'
import { adminHeader, type TestService, type WarmBinding } from './start-service.js'

export interface ApiReply extends HttpAnswer {
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever comes.
  readonly json: any
}

interface CallOptions {
  readonly body?: object
  readonly signal?: AbortSignal
}

/** Calls a path of the warm API, such as `/sessions`, on a connection of its own. */
export async function callSessions(
  url: string,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  { body, signal }: CallOptions = {},
): Promise<ApiReply> {
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers = {
    ...{ Authorization: adminHeader, Accept: 'application/json' },
    ...(body !== undefined && { 'Content-Type': 'application/json' }),
    // Node.js adds it to a POST only.
    'Content-Length': String(Buffer.byteLength(text)),
  }
  const options = { method, headers, ...(signal !== undefined && { signal }) }
  const reply = await ask(`${url}/warm${path}`, options, text)
  return { ...reply, json: reply.text === '' ? undefined : JSON.parse(reply.text) }
}

/** Resumes the tab's session, or warms a new one, like a backend that stores the `ids` of tabs. */
export async function bindTab(
  service: Pick<TestService, 'url' | 'bind'>,
  ids: Map<string, string>,
  tab: string,
  user: Parameters<TestService['bind']>[0],
): Promise<WarmBinding> {
  const id = ids.get(tab)
  const resumed = id && (await callSessions(service.url, 'POST', `/${id}/resume`))
  const binding: WarmBinding = resumed && resumed.status === 200 ? resumed.json : await service.bind(user)
  ids.set(tab, binding.id)
  return binding
}
