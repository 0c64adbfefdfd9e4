// Links in memory, which need no descriptors. As a program, this file measures the links without the service.
import { syncBuiltinESMExports } from 'node:module'
import net, { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { collectGarbage } from '../test/support/collected.js'
import { header } from '../test/support/raw-client.js'
import { StubStream } from './stub-stream.js'
import { residentKib } from './tally.js'

const all = new Set<Socket>()

class MemoryLink extends Socket {
  readonly #stream = new StubStream(text => void setImmediate(() => this.emit('data', Buffer.from(text))))

  constructor() {
    super()
    all.add(this)
    this.on('close', () => all.delete(this))
    setImmediate(() => this.emit('connect'))
  }

  override _write(text: string | Buffer, _encoding: string, done: () => void): void {
    this.#stream.read(String(text))
    done()
  }

  override _writev(pieces: { chunk: string }[], done: () => void): void {
    this._write(pieces.map(({ chunk }) => chunk).join(''), '', done)
  }
}

const { connect } = net

async function measureAlone(count: number, rate: number, seconds: number) {
  let heard = 0
  const links: Socket[] = []
  const login = [header(), "<auth a='b'>AHUA</auth>", header(), "<iq type='set' id='1'><bind/></iq>"]
  collectGarbage()
  const empty = residentKib(process.pid)
  while (links.length < count) {
    const link = new MemoryLink().on('data', () => void heard++)
    for (const text of login) link.write(text, 'latin1')
    if (links.push(link) % 100 === 0) await sleep(1)
  }
  await sleep(500)
  collectGarbage()
  const kibEach = (residentKib(process.pid) - empty) / count
  heard = 0
  const message = `<message to='${'r'.repeat(40)}' type='chat'><body>word 1</body></message>`
  const before = process.cpuUsage()
  const start = performance.now()
  for (let sent = 0; sent < rate * seconds; await sleep(10))
    for (const due = ((performance.now() - start) / 1000) * rate; sent < due; sent++)
      links[sent % count]!.write(message, 'latin1')
  const { user, system } = process.cpuUsage(before)
  return { kibEach, cpuMicroseconds: (user + system) / heard }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [count = 0, rate = 0, seconds = 0] = process.argv.slice(2).map(Number)
  process.send?.(await measureAlone(count, rate, seconds))
  process.disconnect()
} else {
  net.connect = ((about: never, ...rest: never[]) =>
    typeof about === 'object' && 'onread' in about && 'host' in about
      ? new MemoryLink()
      : (connect as (...all: never[]) => Socket)(about, ...rest)) as typeof connect
  syncBuiltinESMExports()
  process.on('SIGWINCH', () => {
    for (const link of all) link.push(null)
  })
}
