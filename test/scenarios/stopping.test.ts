import { Agent, request } from 'node:http'
import { expect, test } from '@jest/globals'
import { startDemoServer } from '../../src/demo/server.js'
import { startTestService } from '../support/start-service.js'

/** A poll on a connection that its client wants to keep. */
function poll(agent: Agent, url: string, { sid, rid }: { sid: string; rid: number }): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/http-bind`, { method: 'POST', agent }, response => {
      let text = ''
      response.on('data', chunk => {
        text += chunk
      })
      response.on('end', () => resolve(text))
    })
    sent.on('error', reject)
    sent.end(`<body rid='${rid}' sid='${sid}' xmlns='http://jabber.org/protocol/httpbind'/>`)
  })
}

test('clients that keep their connections do not hold up a service that stops', async () => {
  const server = await startDemoServer({ alice: 'secret' })
  const test = await startTestService({ servers: `localhost=xmpp://127.0.0.1:${server.port}?tls=none` })
  const agent = new Agent({ keepAlive: true })
  const bindings = []
  for (let session = 0; session < 20; session++) {
    const { json } = await test.warm({ jid: 'alice@localhost', password: 'secret' })
    bindings.push(json as { sid: string; rid: number })
  }
  const polls = bindings.map(binding => poll(agent, test.url, binding))
  // Once this is answered, the polls before it are held.
  await poll(agent, test.url, { sid: 'nobody', rid: 1 })
  await test.service.stop()
  for (const reply of await Promise.all(polls)) expect(reply).toContain("condition='system-shutdown'")
  expect(test.service.counts()).toEqual({ sessions: 0, links: 0 })
  agent.destroy()
  await server.stop()
})
