// A minimal XMPP server: PLAIN, bind, and each stanza comes back. Several processes, because of the limit of
// descriptors. SIGUSR2 breaks all streams.
import cluster from 'node:cluster'
import { createServer, type Socket } from 'node:net'
import { streamHeader } from './raw-login.js'
import { domain } from './work.js'

const count = Number(process.env['STUB_PROCESSES'] ?? 1)

if (cluster.isPrimary) {
  for (let index = 0; index < count; index++) cluster.fork()
  process.on('SIGUSR2', () => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGUSR2')
  })
  cluster.once('listening', (_worker, { port }) => process.send?.({ port }))
  process.on('disconnect', () => process.exit())
} else {
  serve()
}

function serve(): void {
  const sockets = new Set<Socket>()
  const header = streamHeader.replace(' to=', " id='1' from=")
  const features = (content: string) => `${header}<stream:features>${content}</stream:features>`
  const mechanisms = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>"
  let serial = 0

  const server = createServer({ noDelay: true }, socket => {
    sockets.add(socket)
    let user = ''
    const talk = (text: string): void => {
      if (text.includes('<stream:stream') || text.includes('<?xml'))
        socket.write(features(user === '' ? mechanisms : "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"))
      const auth = /<auth [^>]*>([^<]+)</.exec(text)?.[1]
      if (auth !== undefined) {
        user = Buffer.from(auth, 'base64').toString().split('\0')[1]!
        socket.write("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
      }
      const id = /<iq [^>]*id=["']([^"']+)["'][^>]*><bind/.exec(text)?.[1]
      if (id === undefined) return
      const jid = `${user}@${domain}/${process.pid}-${++serial}`
      const bound = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${jid}</jid></bind>`
      socket.write(`<iq type='result' id='${id}'>${bound}</iq>`)
      socket.off('data', read).on('data', chunk => socket.write(chunk))
    }
    const read = (chunk: Buffer) => talk(chunk.toString())
    socket.on('data', read)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
  process.on('SIGUSR2', () => {
    for (const socket of sockets) socket.destroy()
  })
  process.on('disconnect', () => process.exit())
}
