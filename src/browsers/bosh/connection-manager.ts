import { randomInt } from 'node:crypto'
import { Problem } from '../../lib/errors.js'
import { type AwayRecord, awayClient } from '../../session/client.js'
import type { MakePageClient } from '../../session/opening.js'
import type { Session } from '../../session/session.js'
import { XmlError } from '../../xmpp/xml/xml-error.js'
import { parseBody, readBodyHead } from './body.js'
import { BoshClient, type BoshRecord } from './bosh-client.js'
import { type CreationParts, creationRequests } from './creation-requests.js'
import type { NextPageRecord } from './delivery.js'
import { noAnswer, type Peer, type Reply } from './peer.js'
import { negotiateTerms } from './terms.js'

interface ConnectionManagerParts extends CreationParts {
  readonly lastRid?: () => number
}

export type ConnectionManager = Readonly<ReturnType<typeof createConnectionManager>>

export function createConnectionManager(parts: ConnectionManagerParts) {
  const { common, lastRid = () => randomInt(1, 2 ** 47) } = parts
  const { registry, counts } = common
  const { create, refuse, refuseToCreate, breakOff } = creationRequests(parts)

  function clientBySid(sid: string | undefined): BoshClient | undefined {
    const client = sid === undefined ? undefined : registry.bySid(sid)?.client
    return client instanceof BoshClient ? client : undefined
  }

  function refuseUnknown(peer: Peer): void {
    counts.unknownSids += 1
    const { phase } = registry
    // The client repeats its request, and the next process may know the session.
    if (phase.movesSessions) peer.answer(noAnswer)
    else peer.answer(refuse(phase.has('ending') ? 'system-shutdown' : 'item-not-found'))
  }

  function serve(text: string, peer: Peer, isOfSession = false) {
    let client: BoshClient | undefined
    try {
      const body = parseBody(text)
      if (body.sid === undefined && !isOfSession) return void create(body, peer)
      client = clientBySid(body.sid)
      if (client !== undefined) client.handle(body, peer)
      else refuseUnknown(peer)
    } catch (error) {
      if (client === undefined && error instanceof XmlError)
        peer.answer(refuseToCreate('bad-request', peer, `The request is no BOSH body: ${error.message}.`))
      else breakOff(client?.session, error, peer)
    }
  }

  return {
    serve,
    refuseUnknown,
    has: (sid: string | undefined): boolean => clientBySid(sid) !== undefined,
    refuseTooLarge(head: string, peer: Pick<Peer, 'secure' | 'cookies'>): Reply | undefined {
      const { sid, rid } = readBodyHead(head)
      const client = clientBySid(sid)
      try {
        return client?.handleTooLarge(rid, peer)
      } catch (error) {
        client!.session.fail(error)
        return refuse('internal-server-error')
      }
    },
    takeUp(session: Session, before: unknown) {
      const record = before as BoshRecord | AwayRecord
      if (!('isAway' in record)) return BoshClient.takeUp(session, parts, record)
      return awayClient(BoshClient.next(session, parts, record.next as NextPageRecord))
    },
    makePageClient: ((session, { wait, hold, ver }, handover) => {
      const terms = negotiateTerms({ wait, hold, ver }, parts.terms)
      if (typeof terms === 'string') throw new Problem('internal-error', { step: 'bind' })
      return BoshClient.forPage(session, parts, terms, handover, lastRid())
    }) satisfies MakePageClient,
  }
}

export function heldRequests(sessions: Iterable<Pick<Session, 'client'>>) {
  let heldRequests = 0
  let heldSince: number | undefined
  for (const { client } of sessions) {
    const held = client instanceof BoshClient ? client.held : []
    heldRequests += held.length
    for (const { since } of held) heldSince = Math.min(heldSince ?? since, since)
  }
  return { heldRequests, heldSince }
}
