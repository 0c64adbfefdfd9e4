import cluster from 'node:cluster'
import { once } from 'node:events'
import { expect, test } from '@jest/globals'
import { forkWorker } from '../../../src/command/workers/worker-process.js'
import { eventually } from '../../support/eventually.js'
import { testFolder } from '../../support/test-folder.js'

const { file } = testFolder()

// Loads its modules for a while, and then sends back each order.
const worker = `
setTimeout(() => {
  process.on('message', ({ order }) => process.send({ notice: 'failed', sentence: order }))
  process.send({ notice: 'ready', urls: [] })
}, 300)
`

test('a worker gets the orders that were sent while it started, in their order', async () => {
  cluster.setupPrimary({ exec: file('worker.cjs', worker), args: [] })
  const got: string[] = []
  const forked = forkWorker(
    {},
    {
      onReady: () => forked.tell({ order: 'stop' }),
      onFailed: order => void got.push(order),
      onHang() {},
      onExit() {},
    },
  )
  forked.tell({ order: 'reopen' })
  await once(cluster, 'online')
  forked.tell({ order: 'drain' })
  await eventually('the last order arrives', () => got.includes('stop'))
  forked.kill()
  await once(cluster, 'exit')
  expect(got).toEqual(['reopen', 'drain', 'stop'])
})
