import type { NextFunction, Request, Response } from 'express'
import { forwardRequest } from '../forwarding/forward-request.js'
import type { Lost } from '../forwarding/peer-links.js'
import { isForwardedByPeer, refuseForwarded } from '../forwarding/peer-listener.js'
import type { Owner } from '../forwarding/peers.js'
import type { FoundOwner, Whereabouts } from '../forwarding/whereabouts.js'
import { callIdsOf } from '../http/answers/answer.js'
import { readBody } from '../http/bodies/read-body.js'
import { isFull, Problem } from '../lib/errors.js'
import type { Registry } from '../session/registry/registry.js'
import { newSid } from '../session/sid.js'
import { orStoreProblem } from '../store/store-problem.js'
import type { Call } from './calls.js'
import { TabElsewhere } from './tab-calls.js'

const mostTries = 3
const mostMoves = 2
/** Then the end of a session is marked in the store, because its process can hang. */
const endMilliseconds = 1_000

/** Calls for sessions of other processes, and for other processes while this one drains or is full. */
export class ForwardedCalls {
  readonly #whereabouts: Whereabouts
  readonly #registry: Registry

  constructor(whereabouts: Whereabouts, registry: Registry) {
    this.#whereabouts = whereabouts
    this.#registry = registry
  }

  /** For a session of this process. */
  newIds() {
    return newSid(this.#whereabouts.peers.self)
  }

  /** For paths with an id. */
  readonly ofSession = async (request: Request, _response: Response, next: NextFunction): Promise<void> => {
    const id = request.params['id'] as string | undefined
    const isHere = () => this.#registry.byId(id!) !== undefined
    if (id === undefined || isHere()) return next()
    const isDone = isForwardedByPeer(request) ? this.#refused(request, id, isHere) : this.#toOwner(request, id, isHere)
    if (!(await isDone)) next()
  }

  /** The process that has the session of the tab answers the call, unless it is lost. */
  async toProcess(name: string, call: Call): Promise<boolean> {
    if (isForwardedByPeer(call.request)) return refuse(call)
    const owner = this.#whereabouts.peers.ownerNamed(name)
    return owner !== undefined && (await this.#forward(owner, call)) === undefined
  }

  /** This process does not take the login. `cause` is why, if it has tried. */
  async toAnother(call: Call, cause?: unknown): Promise<boolean> {
    const { peers } = this.#whereabouts
    if (isForwardedByPeer(call.request)) return isFull(cause) && refuse(call)
    if (!isFull(cause) && !this.#registry.phase.has('draining')) return false
    const asked = new Set<string>()
    for (let other = peers.forNewSession(asked); other !== undefined; other = peers.forNewSession(asked)) {
      const how = await this.#forward(other, call)
      if (how === undefined) return true
      if (how === 'broken' || how === 'silent') throw new Problem('shutting-down')
    }
    return false
  }

  /** Resolves with true if the call needs no other answer. */
  async #toOwner(request: Request, id: string, isHere: () => boolean): Promise<boolean> {
    // Its link may fail while the body arrives.
    await readBody(request)
    let place: FoundOwner | undefined = this.#whereabouts.peers.ownerIn(id)
    const isEnd = request.method === 'DELETE' || /\/end\/?$/.test(request.path)
    const milliseconds = isEnd ? endMilliseconds : undefined
    let lost: string | undefined
    for (let tries = 1; tries <= mostTries; tries++) {
      place ??= await orStoreProblem(this.#whereabouts.find({ id }, isHere, lost))
      if (place === 'here' || place === undefined) return false
      // A caller that gave up may have called again, and that call can be the first to arrive.
      if (request.method !== 'DELETE' && request.socket.destroyed) return false
      const how = await this.#send(place, request, { milliseconds })
      if (how === undefined) return true
      if (how === 'unreachable' || how === 'silent') return false
      lost = place.name
      place = undefined
    }
    return false
  }

  async #forward(owner: Owner, call: Call): Promise<Lost | undefined> {
    const how = await this.#send(owner, call.request, { note: String(call.begunAt) })
    call.isAnsweredElsewhere = how === undefined
    return how
  }

  /** Resolves with undefined if the call needs no other answer. */
  async #send(
    { name, link }: Owner,
    request: Request,
    { note, milliseconds }: { readonly note?: string; readonly milliseconds?: number | undefined },
  ): Promise<Lost | undefined> {
    const body = await readBody(request)
    const { requestId } = callIdsOf(request)
    const how = await forwardRequest(link, request, request.res!, { requestId, note, body, milliseconds })
    if (how === 'gone') this.#whereabouts.peers.noteGone(name)
    return how
  }

  async #refused(request: Request, id: string, isHere: () => boolean): Promise<boolean> {
    if (await orStoreProblem(this.#whereabouts.arrives({ id }, isHere))) return false
    refuseForwarded(request)
    return true
  }
}

/** The process that forwarded the call tries another. */
function refuse(call: Call): true {
  refuseForwarded(call.request)
  call.isAnsweredElsewhere = true
  return true
}

/** Enters here, or resolves with undefined if another process answers the call. */
export async function hereOrForwarded<T>(
  forwarding: ForwardedCalls | undefined,
  call: Call,
  enter: () => Promise<T>,
): Promise<T | undefined> {
  if (forwarding === undefined) return enter()
  for (let moves = 0; ; moves++) {
    if (await forwarding.toAnother(call)) return undefined
    try {
      return await enter()
    } catch (error) {
      if (!(error instanceof TabElsewhere)) {
        if (await forwarding.toAnother(call, error)) return undefined
        throw error
      }
      if (await forwarding.toProcess(error.process, call)) return undefined
      if (moves === mostMoves) throw new Problem('session-unreachable')
    }
  }
}
