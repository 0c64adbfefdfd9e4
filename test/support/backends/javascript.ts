import { inspect } from 'node:util'
import { WarmBindings, WarmBindingsError } from '../../../src/packages/client/warm-bindings.js'
import { type Backend, type BackendCall, type Outcome, portal } from './backend.js'

/** `warm-bindings/client`, in the test's own process. */
export const javaScript: Backend = {
  language: 'JavaScript',
  packages: [],
  async run(url, calls, limits = {}) {
    const client = new WarmBindings({ url, ...portal, ...limits })
    const outcomes: Outcome[] = []
    for (const call of calls) outcomes.push(await outcomeOf(client, call))
    return outcomes
  },
}

async function outcomeOf(client: WarmBindings, [name, ...given]: BackendCall): Promise<Outcome> {
  try {
    // biome-ignore lint/suspicious/noExplicitAny: the calls are as the test has written them.
    const result = await (client[name] as any)(...given)
    if (name !== 'sessions') return { result: result ?? null }
    const sessions = []
    for await (const session of result) sessions.push(session)
    return { result: sessions }
  } catch (error) {
    if (!(error instanceof WarmBindingsError)) throw error
    const { code, detail, advice = null, retry, status = null, instance = null, retryAfter = null } = error
    const shown = `${error.stack} ${inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true })}`
    return { error: { code, detail, advice, retry, status, instance, retryAfter }, shown }
  }
}
