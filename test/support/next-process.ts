// A process that stops, and the next one, which takes up its sessions.

import type { TermLimits } from '../../src/browsers/bosh/terms.js'
import { setDown, takeUp } from '../../src/session/registry/moving-sessions.js'
import type { SessionRecord } from '../../src/session/session-record.js'
import { smNamespace } from '../../src/xmpp/namespaces.js'
import { type BenchOptions, BoshBench, Client, FakeMending, features, type WarmedSession } from './bosh-bench.js'

export const enabledByServer = `<enabled xmlns='${smNamespace}' id='first' resume='true'/>`

export const resumedByServer = (count: number) => `<resumed xmlns='${smNamespace}' previd='first' h='${count}'/>`

/** A session whose stream can be resumed, so that it may move. Forgets what was sent before. */
export async function resumable(bench = new BoshBench(), about: Partial<WarmedSession> = {}, attributes?: string) {
  const mending = new FakeMending()
  const client = await bench.warmed({ management: { mending }, ...about }, attributes)
  await bench.server(() => client.link.say(enabledByServer))
  client.link.sent.length = 0
  return { bench, client, mending }
}

/** The login on a new link succeeds, and its server, which has handled so many stanzas, resumes the stream. */
export async function resumesAt(bench: BoshBench, mending: FakeMending, count = 0, answer = resumedByServer(count)) {
  const link = mending.attempts.at(-1)!.succeed()
  await bench.pass(0)
  link.receive(features)
  link.say(answer)
  await bench.pass(0)
  return link
}

/** What a stopping process writes down, in JSON. */
export function recordsOf({ registry }: BoshBench): string[] {
  return [...setDown(registry)]
}

/** A process whose clock shows another time. */
export function nextBench(terms?: Partial<TermLimits>, about?: BenchOptions, domains?: readonly string[]): BoshBench {
  const bench = new BoshBench(terms, domains, about)
  bench.clock.advance(12_345_678)
  return bench
}

/** The sessions go on at this bench. Returns what logs their users in again, in their order. */
export function takeUpAt(bench: BoshBench, records: readonly string[], milliseconds = 0): FakeMending[] {
  const mendings: FakeMending[] = []
  const take = (record: SessionRecord) => {
    const mending = new FakeMending()
    mendings.push(mending)
    return takeUpOne(bench, record, mending)
  }
  for (const text of records) takeUp(text, milliseconds, take, () => {})
  return mendings
}

export function takeUpOne(bench: BoshBench, record: SessionRecord, mending = new FakeMending()): boolean {
  return bench.opener.takeUp(record, session => bench.manager.takeUp(session, record.client), { mending })
}

/** The client goes on at this bench. */
export function movedTo(bench: BoshBench, { sid, rid, link, cookie, token }: Client): Client {
  return new Client(bench, sid, rid, link, cookie, undefined, token)
}
