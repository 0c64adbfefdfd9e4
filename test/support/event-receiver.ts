// A portal's backend that is told of events: it checks their signatures by itself, and does what a test says.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text as readText } from 'node:stream/consumers'
import { ListeningServer } from './listener.js'

export const eventsSecret = 'a-long-random-secret'

export interface ReceivedEvent {
  readonly id: string
  readonly type: string
  readonly timestamp: string
  readonly data: {
    readonly id: string
    readonly jid: string
    readonly domain: string
    readonly reason?: string
    readonly request_id?: string
    readonly traceparent?: string
  }
}

export interface ReceivedRequest {
  readonly headers: IncomingMessage['headers']
  readonly text: string
  readonly event: ReceivedEvent
}

export type Behaviour = (request: ReceivedRequest, response: ServerResponse) => void

export const taking: Behaviour = (_request, response) => void response.writeHead(204).end()

export class EventReceiver extends ListeningServer {
  /** All that came, whatever became of it. */
  readonly requests: ReceivedRequest[] = []
  readonly complaints: string[] = []
  behaviour: Behaviour = taking
  readonly #taken = new Map<string, ReceivedEvent>()

  private constructor() {
    super(createServer())
    this.server.on('request', (request, response) => void this.#receive(request, response))
  }

  static start(): Promise<EventReceiver> {
    return new EventReceiver().listen()
  }

  override get url(): string {
    return `${super.url}/chat/events`
  }

  /** The events that were answered with a 2xx, each once, in the order in which they came first. */
  get taken(): readonly ReceivedEvent[] {
    return [...this.#taken.values()]
  }

  /** The same in short: type, and the reason of an end. */
  of(session: string): readonly string[] {
    return this.taken
      .filter(({ data }) => data.id === session)
      .map(({ type, data }) => (data.reason === undefined ? type : `${type}: ${data.reason}`))
  }

  async #receive(message: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {})
    const text = await readText(message).catch(() => undefined)
    if (text === undefined) return
    const { headers } = message
    const event: ReceivedEvent = JSON.parse(text)
    this.#check(message, text, event)
    const request = { headers, text, event }
    this.requests.push(request)
    this.behaviour(request, response)
    const isTaken = response.headersSent && response.statusCode >= 200 && response.statusCode <= 299
    if (isTaken && !this.#taken.has(event.id)) this.#taken.set(event.id, event)
  }

  /** Checks what a portal checks, and more. */
  #check({ method, url, headers }: IncomingMessage, text: string, event: ReceivedEvent): void {
    const complain = (complaint: string) => this.complaints.push(`${complaint}: ${text}`)
    const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signature } = headers
    const expected = createHmac('sha256', eventsSecret).update(`${id}.${time}.${text}`).digest()
    const [version, given = ''] = String(signature).split(',')
    const shown = Buffer.from(given, 'base64')
    if (version !== 'v1' || shown.length !== 32 || !timingSafeEqual(shown, expected))
      complain(`wrong signature ${signature}`)
    if (!(Math.abs(Date.now() / 1000 - Number(time)) < 300)) complain(`wrong time ${time}`)
    if (id !== event.id) complain(`another id ${id}`)
    if (method !== 'POST' || url !== '/chat/events') complain(`asked for ${method} ${url}`)
    if (headers['content-type'] !== 'application/json') complain(`of type ${headers['content-type']}`)
    if (/[?&]|sid|token/.test(text)) complain('says too much')
    const before = this.requests.find(request => request.event.id === event.id)
    if (before !== undefined && before.text !== text) complain(`was other words: ${before.text}`)
  }
}
