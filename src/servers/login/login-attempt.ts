import { randomUUID } from 'node:crypto'
import { type XmlElement, xml } from '@xmpp/client'
import type { CallerSignal } from '../../lib/caller-gone.js'
import { Problem, type Step } from '../../lib/errors.js'
import { codeOf } from '../../lib/log.js'
import { formatBareJid } from '../../xmpp/jid/jid.js'
import type { LinkEnd, LinkEvents, Resumption } from '../../xmpp/link.js'
import {
  bindNamespace,
  isOfSasl,
  sasl2Namespace,
  sessionNamespace,
  smNamespace,
  streamsNamespace,
} from '../../xmpp/namespaces.js'
import { startTagOf, textOf } from '../../xmpp/xml/document.js'
import { droppedStanza, type Element } from '../../xmpp/xml/element.js'
import { boundJid, checkedJid, logsInAsItself } from './bound-user.js'
import { enableRequest, type InlineParts, type InlineRequests, inlineRequests } from './inline-requests.js'
import { followLogin, type LoginProgress, type ProgressParts } from './login-progress.js'
import type { LoginRequest } from './login-request.js'
import type { LoggedIn, LoginLinkOptions, Opened, OpenForLogin } from './login-types.js'
import { chooseMechanism, isSafeAhead, type MechanismParts, nothingOffered } from './mechanism-choice.js'
import { Pipelining } from './pipelining.js'
import { bindRefused, linkEnded, saslRefused } from './refusals.js'
import { reloginRequest } from './relogin.js'
import type { Mechanism } from './sasl/mechanism.js'
import { furtherTask, readSuccess, type Sasl2Success } from './sasl2.js'
import type { StreamFeatures } from './stream-features.js'
import { type ClientHost, XmppJsClient } from './xmpp-js-client.js'

export interface AttemptParts extends MechanismParts, ProgressParts, InlineParts {}

/** Maximum number of elements for the page during the login. */
const mostUndelivered = 1000
/** Maximum length of these elements together, in UTF-16 units. */
const longestUndelivered = 1024 * 1024

/** Logs in with @xmpp/client (RFC 6120 §6, XEP-0388), and binds a resource (RFC 6120 §7). */
export class LoginAttempt<T extends Opened> implements LinkEvents, ClientHost {
  mechanism: Mechanism | undefined
  end: LinkEnd | undefined
  readonly #parts: AttemptParts
  readonly #request: LoginRequest
  readonly #pipelining: Pipelining
  readonly #until: 'authenticated' | 'bound' | Resumption
  readonly #client = new XmppJsClient(this)
  #opened: T | undefined
  #abort: AbortController | undefined
  #resolve: (loggedIn: LoggedIn<T>) => void = () => {}
  #reject: (error: unknown) => void = () => {}
  #isOver = false
  #progress: LoginProgress | undefined
  #isIntroduced = false
  #isAuthenticated = false
  /** With SASL2. */
  #inline: InlineRequests | undefined
  #enabled: LoggedIn<T>['enabled']
  /** True after the last answer of the login. */
  #isAnswered = false
  #openIq: { readonly id: string; readonly answered: (iq: Element) => void } | undefined
  #jid = ''
  readonly #undelivered: Element[] = []
  #undeliveredLength = 0

  constructor(
    parts: AttemptParts,
    request: LoginRequest,
    until: 'authenticated' | 'bound' | Resumption = 'bound',
    pipelining = new Pipelining(),
  ) {
    this.#parts = parts
    this.#request = request
    this.#until = until
    this.#pipelining = pipelining
  }

  get step(): Step {
    return this.#progress!.step
  }

  get #server(): string | undefined {
    return this.#opened?.link.facts.server
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    return this.#abort.signal
  }

  /** `timeout` is in seconds. Throws a `Problem` after closing the link. */
  async run(open: OpenForLogin<T>, caller: CallerSignal, timeout = this.#parts.timeout): Promise<LoggedIn<T>> {
    const late = (detail?: string) =>
      this.fail(new Problem('timeout', { step: this.step, detail, server: this.#server }))
    const leave = () => late('the caller left')
    const { log, stepTimeout } = this.#parts
    const progress = followLogin({ log, timeout, stepTimeout }, this.#request, () => {
      late('Limit: WARM_TIMEOUT.')
      this.#opened?.link.timeOut(this.step, typeof this.#until === 'string')
    })
    this.#progress = progress
    caller.addEventListener('abort', leave)
    try {
      const loggedIn = await new Promise<LoggedIn<T>>((resolve, reject) => {
        this.#resolve = resolve
        this.#reject = reject
        if (caller.aborted) leave()
        else this.#opened = open(this.#linkOptions(), this)
      })
      progress.note({ code: 'ok' })
      return loggedIn
    } catch (error) {
      this.#isOver = true
      this.#abort?.abort(error)
      this.#inline?.failed()
      const problem =
        error instanceof Problem ? error : new Problem('internal-error', { step: this.step, cause: error })
      problem.server ??= this.#server
      this.#opened?.abandon()
      const { step, code, condition, cause } = problem
      progress.note({ step, code, condition, cause: codeOf(cause) })
      throw problem
    } finally {
      progress.stop()
      caller.removeEventListener('abort', leave)
    }
  }

  onStep(step: Step): void {
    if (!this.#isOver) this.#progress!.reach(step)
  }

  onAhead(): void {
    this.#guard(() => this.#useFeatures(this.#pipelining.goAhead()))
  }

  onElement(element: Element): void {
    if (!this.#isOver) this.#guard(() => this.#take(element))
  }

  onDropped(dropped: Element = droppedStanza, isStanza = true): void {
    if (isStanza && this.#isAnswered && !this.#isOver) this.#undelivered.push({ ...dropped, isDropped: true })
  }

  onEnd(end: LinkEnd): void {
    this.end = end
    if (this.#isOver) return
    const { failure } = end
    const isWithoutOffer = failure.code === 'no-mechanism' && this.#opened !== undefined
    this.fail(isWithoutOffer ? nothingOffered(this.#opened!.link.facts, failure) : linkEnded(failure, this.step))
  }

  send(element: XmlElement): void {
    // The library omits an empty initial response (RFC 6120 §6.4.2).
    if (element.name === 'auth' && element.children.length === 0) element.t('=')
    // The library adds this attribute, which RFC 6120 does not have.
    if (element.name === 'response') delete element.attrs['mechanism']
    this.#isIntroduced = true
    const { name, attrs } = element
    if (!this.#isOver) this.#opened!.link.send([{ name, namespace: attrs['xmlns']!, text: element.toString() }], true)
  }

  restart(): void {
    if (!this.#isOver) this.#opened!.link.restart({ ahead: this.#pipelining.nextStream() })
  }

  fail(error: unknown): void {
    this.#isOver = true
    this.#reject(error)
  }

  #linkOptions(): LoginLinkOptions {
    const { jid, credentials } = this.#request
    const certificate = credentials.kind === 'certificate'
    // `from` selects a user of the certificate (RFC 6120 §4.7.1). Without `from`, ejabberd offers no SASL2.
    const from = logsInAsItself(credentials) ? formatBareJid(jid) : undefined
    return { certificate, from, ahead: this.#pipelining.nextStream() }
  }

  /** `answer`: to `<resume/>`. Without it, and without a bind, the caller restarts the stream. */
  #finish(answer?: Element): void {
    if (this.#isOver) return
    this.#isAnswered = this.#until === 'bound' || answer !== undefined
    this.#pipelining.isComplete = this.#isAnswered
    if (this.#enabled === undefined) this.#opened!.link.send(this.#enable())
    this.#resolve({
      opened: this.#opened!,
      jid: this.#jid,
      undelivered: this.#undelivered,
      enabled: this.#enabled,
      answer,
      ended: () => this.end,
      again: this.#until === 'bound' ? reloginRequest(this.#request, this.mechanism, this.#inline?.token) : undefined,
    })
    this.#isOver = !this.#isAnswered
  }

  #take(element: Element): void {
    const { name, namespace, text } = element
    const isFeatures = namespace === streamsNamespace && name === 'features'
    // After the login, no limit is needed, because the caller replaces `link.events` in the same turn.
    if (this.#isAnswered) {
      if (!isFeatures || this.#inline === undefined) this.#undelivered.push(element)
    } else if (isFeatures) this.#takeFeatures(text)
    else if (isOfSasl(namespace)) this.#takeSasl(element)
    else if (name !== 'iq' || !this.#takeAnswer(element)) this.#keep(element)
  }

  #keep(element: Element): void {
    this.#undeliveredLength += element.text.length
    if (this.#undelivered.push(element) > mostUndelivered || this.#undeliveredLength > longestUndelivered)
      throw new Problem('remote-protocol-error', { step: this.step })
  }

  #takeFeatures(text: string): void {
    const features = this.#pipelining.received(text)
    // With these features, the library would log in again.
    if (features === 'unfit') throw new Problem('remote-protocol-error', { step: this.step })
    if (features !== 'nothing-new') this.#useFeatures(features)
  }

  #useFeatures(features: StreamFeatures): void {
    if (!this.#isAuthenticated) this.#beginSasl(features)
    else if (this.#jid !== '') this.#finish()
    else if (features.offersBind) this.#bind(features.demandsSession)
    else throw new Problem('remote-protocol-error', { step: 'bind' })
  }

  /** RFC 6120 §7. `demandsSession`: RFC 3921 §3. */
  #bind(demandsSession: boolean): void {
    const { resource } = this.#request.jid
    const request = xml('bind', { xmlns: bindNamespace }, resource && xml('resource', {}, resource))
    this.#ask(request.toString(), !demandsSession, iq => {
      this.#jid = boundJid(iq.text, this.#request)
      if (!demandsSession) this.#finish()
      else this.#ask(`<session xmlns='${sessionNamespace}'/>`, true, () => this.#finish())
    })
  }

  #beginSasl(features: StreamFeatures): void {
    const { link } = this.#opened!
    const { facts } = link
    const isUsable = facts.sasl2Allowed && (typeof this.#until === 'string' || features.sasl2?.resumes)
    const sasl2 = isUsable ? features.sasl2 : undefined
    const offer = sasl2 ?? features.offer
    if (offer === undefined) throw nothingOffered(facts)
    this.onStep('sasl')
    const mechanism = chooseMechanism(
      this.#request,
      { ...offer, fast: sasl2?.fast ?? [], link: facts, waiting: this, needsKeys: this.#until === 'authenticated' },
      this.#parts,
    )
    this.mechanism = mechanism
    this.#progress!.note({ mechanism: mechanism.name, encrypted: facts.encrypted })
    if (this.#pipelining.isAhead && !isSafeAhead(mechanism.name)) {
      this.#pipelining.isMistaken = true
      throw new Problem('remote-protocol-error', { step: 'sasl' })
    }
    this.#inline = sasl2 && inlineRequests(this.#request, this.#until, sasl2, mechanism, link, this.#parts)
    this.#client.authenticate(mechanism, this.#inline?.elements)
  }

  #takeSasl({ name, namespace, text }: Element): void {
    const mechanism = this.mechanism
    const isSasl2 = this.#inline !== undefined
    if (mechanism === undefined || this.#isAuthenticated || isSasl2 !== (namespace === sasl2Namespace))
      throw new Problem('remote-protocol-error', { step: this.step })
    this.#pipelining.answered()
    if (name === 'failure') throw saslRefused(text, mechanism.name)
    // Nothing was sent, so the server cannot know the user.
    if (!this.#isIntroduced) throw new Problem('remote-protocol-error', { step: this.step })
    if (isSasl2 && name === 'continue') throw furtherTask()
    const success = isSasl2 && name === 'success' ? readSuccess(text) : undefined
    const data = success?.data ?? textOf(text).trim()
    if (name === 'success') {
      // `atob` throws for invalid base64.
      mechanism.success(data === '' || data === '=' ? undefined : atob(data))
      this.#isAuthenticated = true
      this.#inline?.succeeded(success?.token)
      if (this.#until === 'bound') this.onStep('bind')
      if (success !== undefined) this.#succeeded(success)
      else if (this.#until !== 'bound') this.#finish()
      if (this.#isAnswered || this.#isOver) return
    } else atob(data)
    this.#client.receive(xml(name, { xmlns: namespace }, data))
  }

  #succeeded(success: Sasl2Success): void {
    this.#undelivered.length = 0
    // Features may follow on the same stream (XEP-0388 §2.6).
    this.#pipelining.nextStream()
    if (this.#until === 'authenticated') this.#finish()
    else if (this.#until === 'bound') this.#takeBound(success)
    else if (success.resumed === undefined) throw new Problem('remote-protocol-error', { step: 'bind' })
    else this.#finish(success.resumed)
  }

  /** Continues without the features if possible, because ejabberd sends the features 40 ms later. */
  #takeBound({ jid, isBound, enabled }: Sasl2Success): void {
    if (this.#inline?.asksToBind !== true) return
    if (!isBound) throw new Problem('remote-protocol-error', { step: 'bind' })
    this.#jid = checkedJid(jid, this.#request)
    this.#enabled = enabled
    if (enabled !== undefined || !this.#opened!.link.allowsManagement) this.#finish()
  }

  #takeAnswer(iq: Element): boolean {
    const open = this.#openIq
    if (open === undefined) return false
    const tag = startTagOf(iq.text)
    const type = tag.attribute('type')
    if (tag.attribute('id') !== open.id || (type !== 'result' && type !== 'error')) return false
    this.#openIq = undefined
    this.#pipelining.answered()
    if (type === 'error') throw bindRefused(iq.text)
    open.answered(iq)
    return true
  }

  /** The last request takes `<enable/>` with it, because a write of its own costs the server as much as a stanza. */
  #ask(child: string, isLast: boolean, answered: (iq: Element) => void): void {
    if (this.#isOver) return
    // Other users could guess the library's ids, and answer.
    const id = randomUUID()
    this.#openIq = { id, answered }
    const text = `<iq xmlns='jabber:client' type='set' id='${id}'>${child}</iq>`
    const iq = { name: 'iq', namespace: 'jabber:client', text }
    this.#opened!.link.send(isLast ? [iq, ...this.#enable()] : [iq], true)
  }

  #enable(): Element[] {
    const isOffered = this.#pipelining.current?.offersManagement === true && this.#opened!.link.allowsManagement
    if (!isOffered || this.#until !== 'bound') return []
    this.#enabled = 'requested'
    const hasToken = this.#inline?.token !== undefined
    const text = enableRequest(this.#request, this.mechanism!, hasToken, this.#parts).toString()
    return [{ name: 'enable', namespace: smNamespace, text }]
  }

  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      const isKnown = error instanceof Problem
      this.fail(isKnown ? error : new Problem('remote-protocol-error', { step: this.step, cause: error }))
    }
  }
}
