// A name server for one zone of a test, over UDP on loopback. It knows as much of RFC 1035 as its tests need.
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIP } from 'node:net'

/** Record types (RFC 1035 §3.2.2, RFC 3596, RFC 2782). */
const types = { A: 1, AAAA: 28, SRV: 33 } as const

/** Instead of records: there is no such name, the server fails, or it says nothing at all. */
type Mishap = 'NXDOMAIN' | 'SERVFAIL' | 'silence'

/** Records as a zone file writes them, behind their time to live: `60 5 10 5222 xmpp.example.org`, `60 192.0.2.1`. */
type Zone = Readonly<Record<string, readonly string[] | Mishap>>

const rcodes = { SERVFAIL: 2, NXDOMAIN: 3 } as const

export class DnsServer {
  readonly #socket: Socket
  /** By type and name, `SRV _xmpp-client._tcp.example.org`; a name without any entry does not exist. */
  readonly #zone: Zone
  readonly asked: string[] = []

  private constructor(socket: Socket, zone: Zone) {
    this.#socket = socket
    this.#zone = zone
    socket.on('message', (query, { port, address }) => {
      const reply = this.#answer(query)
      if (reply !== undefined) socket.send(reply, port, address)
    })
  }

  static async start(zone: Zone): Promise<DnsServer> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return new DnsServer(socket, zone)
  }

  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`
  }

  stop(): void {
    this.#socket.close()
  }

  #answer(query: Buffer): Buffer | undefined {
    const { name, end } = readName(query, 12)
    const number = query.readUInt16BE(end)
    const type = Object.entries(types).find(([, value]) => value === number)?.[0]
    const question = `${type ?? number} ${name.toLowerCase()}`
    this.asked.push(question)
    const found = this.#zone[question] ?? this.#otherwise(name.toLowerCase())
    if (found === 'silence') return undefined
    const records = typeof found === 'string' ? [] : found.map(record => writeRecord(number, record))
    const header = Buffer.alloc(12)
    query.copy(header, 0, 0, 2)
    // An authoritative answer, with the recursion that was asked for.
    header.writeUInt16BE(0x8580 | (typeof found === 'string' ? rcodes[found] : 0), 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(records.length, 6)
    return Buffer.concat([header, query.subarray(12, end + 4), ...records])
  }

  /** A name that has records of another type has none of this one; any other does not exist. */
  #otherwise(name: string): readonly string[] | Mishap {
    return Object.keys(this.#zone).some(known => known.endsWith(` ${name}`)) ? [] : 'NXDOMAIN'
  }
}

function readName(query: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = []
  let at = start
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.'), end: at + 1 }
}

/** A resource record for the name of the question, which a pointer stands for (RFC 1035 §4.1.4). */
function writeRecord(type: number, text: string): Buffer {
  const [ttl = '', ...values] = text.split(' ')
  const data = type === types.SRV ? writeService(values) : writeAddress(values[0] ?? '')
  const head = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, 0])
  head.writeUInt32BE(Number(ttl), 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

function writeService([priority, weight, port, target = '.']: readonly string[]): Buffer {
  const numbers = Buffer.alloc(6)
  for (const [at, number] of [priority, weight, port].entries()) numbers.writeUInt16BE(Number(number), 2 * at)
  const labels = target.split('.').filter(Boolean)
  const name = labels.flatMap(label => [Buffer.from([label.length]), Buffer.from(label)])
  return Buffer.concat([numbers, ...name, Buffer.from([0])])
}

function writeAddress(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number))
  const [left = '', right] = address.split('::')
  const groups = (text = '') => text.split(':').filter(Boolean)
  const zeros = Array<string>(8 - groups(left).length - groups(right).length).fill('0')
  const all = right === undefined ? groups(left) : [...groups(left), ...zeros, ...groups(right)]
  return Buffer.from(all.map(group => group.padStart(4, '0')).join(''), 'hex')
}
