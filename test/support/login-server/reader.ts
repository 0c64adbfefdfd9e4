import { SaxesParser, type SaxesTagNS } from 'saxes'

export interface Sent {
  readonly name: string
  readonly namespace: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: Sent[]
  text: string
}

export interface ReaderEvents {
  onHeader(header: Sent): void
  onElement(element: Sent): void
  onSpace(): void
  onFooter(): void
  onFault(fault: string): void
}

/** Reads what a client sends on one stream: header, elements, footer. */
export class LoginReader {
  readonly #parser = new SaxesParser({ xmlns: true })
  readonly #events: ReaderEvents
  readonly #open: Sent[] = []
  #begun = false
  #broken = false

  constructor(events: ReaderEvents) {
    this.#events = events
    const parser = this.#parser
    parser.on('opentag', tag => this.#start(read(tag)))
    parser.on('closetag', () => this.#end())
    parser.on('text', text => {
      if (this.#open.length > 1) this.#open.at(-1)!.text += text
      else if (text.trim() !== '') events.onFault(`text between elements: ${text}`)
      else if (this.#begun) events.onSpace()
    })
    parser.on('error', error => {
      if (!this.#broken) events.onFault(error.message)
      this.#broken = true
    })
  }

  write(text: string): void {
    // A client may give up right where a new header is due.
    if (!this.#begun && text.trimStart().startsWith('</stream:stream>')) {
      this.#begun = true
      this.#events.onFooter()
      return
    }
    // The text of what is between tags is reported by saxes only when the next tag begins.
    if (this.#open.length === 1 && text.trim() === '') this.#events.onSpace()
    else if (!this.#broken) this.#parser.write(text)
  }

  #start(element: Sent): void {
    this.#begun = true
    this.#open.at(-1)?.children.push(element)
    this.#open.push(element)
    if (this.#open.length === 1) this.#events.onHeader(element)
  }

  #end(): void {
    const element = this.#open.pop()!
    if (this.#open.length === 1) this.#events.onElement(element)
    if (this.#open.length === 0) this.#events.onFooter()
    // Stanzas of a stream that is open for long are not kept.
    if (this.#open.length === 1) this.#open[0]!.children.length = 0
  }
}

function read({ local, uri, attributes }: SaxesTagNS): Sent {
  const values = Object.values(attributes).map(({ name, value }) => [name, value] as const)
  return { name: local, namespace: uri, attributes: Object.fromEntries(values), children: [], text: '' }
}

export function childOf({ children }: Sent, name: string): Sent | undefined {
  return children.find(child => child.name === name)
}
