// Measured processes load this file. It answers questions at a Unix socket.
import { openSync, readSync, rmSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { createServer } from 'node:net'
import { type Question, socketOf } from './tally.js'

/** Between two looks at the CPU time, in milliseconds. */
const resolution = 5

const schedstat = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
const text = Buffer.alloc(64)
let before = 0
let longest = 0

const used = () => Number(text.toString('latin1', 0, readSync(schedstat, text, 0, 64, 0)).split(' ', 1)[0]) / 1e6

function look(): void {
  const now = used()
  longest = Math.max(longest, now - before)
  before = now
}

const answers: Record<Question, () => Promise<number>> = {
  /** The longest pause since the last question: milliseconds of CPU time between two looks. Needs MEASURE_PAUSES. */
  async pause() {
    const pause = longest
    before = used()
    longest = 0
    return pause
  },
  async collectGarbage() {
    const session = new Session()
    session.connect()
    for (let time = 0; time < 2; time++) await session.post('HeapProfiler.collectGarbage')
    session.disconnect()
    return 0
  },
}

const path = socketOf(process.pid)
rmSync(path, { force: true })
const server = createServer(socket =>
  socket.on('data', async question => socket.end(String(await answers[String(question) as Question]()))),
)
// Workers would share the socket of the first one.
server.listen({ path, exclusive: true }).unref()
process.once('exit', () => rmSync(path, { force: true }))

if (process.env['MEASURE_PAUSES'] === '1') setInterval(look, resolution).unref()
