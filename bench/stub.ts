// The stub runs in several processes, because descriptors are limited. SIGUSR2 breaks all streams.
import cluster from 'node:cluster'
import { createServer, type Socket } from 'node:net'
import { StubStream } from './stub-stream.js'

const count = Number(process.env['STUB_PROCESSES'])

if (cluster.isPrimary) {
  const workers = Array.from({ length: count }, () => cluster.fork())
  process.on('SIGUSR2', () => {
    for (const { process: worker } of workers) worker.kill('SIGUSR2')
  })
  cluster.once('listening', (_, { port }) => process.send?.({ port, pids: workers.map(({ process: { pid } }) => pid) }))
} else {
  serve()
}
process.on('disconnect', () => process.exit())

function serve(): void {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, socket => {
    sockets.add(socket)
    const stream = new StubStream(text => socket.write(text))
    socket.on('data', chunk => (stream.isBound ? socket.write(chunk) : stream.read(chunk.toString())))
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
  process.on('SIGUSR2', () => {
    for (const socket of sockets) socket.destroy()
  })
}
