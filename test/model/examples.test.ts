// The worked examples of the requirements, as files: test/cases/examples/*.txt, one thing that happens per line.
//   set NAME=VALUE           a limit of the operator's (TermLimits); before anything else
//   session RID ATTRIBUTES   a session whose stream is open; RID was its creation request's
//   > NAME XML               a request; NAME is how the lines below speak of it, SID stands for the session's
//   < NAME XML               its reply, compared as XML: attributes in any order, prefixes by what they stand for
//   < NAME STATUS XML        the same, with an HTTP status; without XML, it is empty
//   < NAME nothing           it has no reply yet
//   type NAME TEXT           its reply's Content-Type
//   same NAME NAME           two replies are equal to the byte
//   open ID XML              the server opens the stream with this id, and offers these features
//   server XML               the server sends a stanza, or what it says of a login
//   error XML                the server sends this stream error, and is gone
//   got XML                  what the server got since the last such line, to the byte; or nothing
//   wait SECONDS
//   over                     the session is gone and its link is closed
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { streamsNamespace } from '../../src/xmpp/namespaces.js'
import { meaning } from '../fuzz/oracle.js'
import { BoshBench, create, type Exchanged } from '../support/bosh-bench.js'

const folder = new URL('../cases/examples/', import.meta.url)
const names = readdirSync(folder)
  .filter(file => file.endsWith('.txt'))
  .sort()
  .map(file => file.slice(0, -4))

class Play {
  #bench = new BoshBench()
  #requests = new Map<string, Exchanged>()
  #sid = ''
  #heard = 0

  async line(verb: string, rest: string): Promise<void> {
    const space = rest.indexOf(' ')
    const [first, more] = space < 0 ? [rest, ''] : [rest.slice(0, space), rest.slice(space + 1)]
    const bench = this.#bench
    switch (verb) {
      case 'set': {
        const [name, value] = rest.split('=')
        this.#bench = new BoshBench({ [name!]: JSON.parse(value!) })
        break
      }
      case 'session':
        this.#requests.set(first, await bench.send(create(more, first)))
        await bench.server(link => link.open())
        break
      case '>':
        this.#requests.set(first, await bench.send(more.replaceAll("'SID'", `'${this.#knownSid}'`)))
        break
      case '<':
        this.#replied(first, more)
        break
      case 'type':
        expect(this.#reply(first).contentType).toBe(more)
        break
      case 'same':
        expect(this.#reply(more).body).toBe(this.#reply(first).body)
        break
      case 'open':
        await bench.server(({ domain, events }) => {
          const text = `<stream:features xmlns:stream='${streamsNamespace}'>${more}</stream:features>`
          events.onOpen?.({ id: first, from: domain })
          events.onElement({ name: 'features', namespace: streamsNamespace, text })
          events.onFlush?.()
        })
        break
      case 'server':
        await bench.server(link => link.say(rest))
        break
      case 'error':
        await bench.server(link =>
          link.end({ failure: { step: 'features', code: 'remote-stream-error' }, streamError: rest }),
        )
        break
      case 'got':
        expect(bench.link.sent.slice(this.#heard).join('') || 'nothing').toBe(rest)
        this.#heard = bench.link.sent.length
        break
      case 'wait':
        await bench.pass(Number(rest))
        break
      case 'over':
        expect({ sessions: bench.registry.size, closed: bench.link.closed }).toEqual({ sessions: 0, closed: true })
        break
      default:
        throw new Error(`no such line: ${verb}`)
    }
  }

  #reply(name: string) {
    const reply = this.#requests.get(name)?.reply
    if (reply === undefined) throw new Error(`${name} has no reply`)
    return reply
  }

  #replied(name: string, expected: string): void {
    if (expected === 'nothing') {
      expect(this.#requests.get(name)!.reply).toBeUndefined()
    } else {
      const { status, body } = this.#reply(name)
      const [, code = '200', wanted = ''] = /^(\d+)? ?(.*)$/.exec(expected.replaceAll("'SID'", `'${this.#knownSid}'`))!
      expect({ status, body: meaning(body) }).toEqual({ status: Number(code), body: meaning(wanted) })
    }
  }

  /** The session's; whatever its first reply said. */
  get #knownSid(): string {
    for (const { reply } of this.#requests.values()) this.#sid ||= / sid='([^']+)'/.exec(reply?.body ?? '')?.[1] ?? ''
    return this.#sid
  }
}

test.each(names)('the exchange in cases/examples/%s runs as written', async name => {
  const lines = readFileSync(new URL(`${name}.txt`, folder), 'utf8').split('\n')
  const play = new Play()
  for (const [at, line] of lines.entries()) {
    const parts = /^(\S+) ?(.*)$/.exec(line)
    if (parts === null || line.startsWith('#')) continue
    try {
      await play.line(parts[1]!, parts[2]!)
    } catch (error) {
      if (error instanceof Error) error.message = `${name}.txt, line ${at + 1}: ${line}\n${error.message}`
      throw error
    }
  }
})
