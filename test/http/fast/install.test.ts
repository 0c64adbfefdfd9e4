import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { expect, test } from '@jest/globals'
import express from 'express'
import request from 'supertest'
import { install, testedVersions } from '../../../src/http/fast/install.js'

test.each([
  ['it is off', false, '20.20.2'],
  ['Node.js is older than the tested versions', true, '18.20.8'],
  ['Node.js is between two tested versions', true, '23.1.0'],
  ['Node.js is newer than the tested versions', true, '28.0.0'],
])('HTTP_FAST installs nothing if %s', (_where, wanted, version) => {
  const app = express()
  const before = { request: app.request, response: app.response }
  expect(install(wanted, app, version)).toEqual({})
  expect({ request: app.request, response: app.response }).toEqual(before)
})

test.each(['20.12.0', '22.0.0', '24.21.0', '26.10.0'])('HTTP_FAST replaces classes of Node.js %s', version => {
  expect(Object.keys(install(true, undefined, version))).toEqual(['IncomingMessage', 'ServerResponse'])
})

test('the tested versions are the versions in package.json', () => {
  const { engines } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  const majors = [...engines.node.matchAll(/\^(\d+)/g)].map(([, major]) => Number(major))
  expect(majors).toEqual(testedVersions)
})

test('Express keeps our prototypes of requests and responses', async () => {
  const app = express()
  const classes = install(true, app, '20.0.0')
  app.get('/', (req, res) => {
    res.json({ host: req.get('host') !== undefined, query: req.query })
  })
  const kept: boolean[] = []
  const server = createServer(classes, (req, res) => {
    const before = [Object.getPrototypeOf(req), Object.getPrototypeOf(res)]
    app(req, res)
    kept.push(before[0] === Object.getPrototypeOf(req), before[1] === Object.getPrototypeOf(res))
  })
  const { body } = await request(server).get('/?a=b')
  expect(body).toEqual({ host: true, query: { a: 'b' } })
  expect(kept).toEqual([true, true])
})

test('Express gives our prototypes to other requests and responses', async () => {
  const app = express()
  install(true, app, '20.0.0')
  app.get('/', (req, res) => {
    res.json({ host: req.get('host') !== undefined })
  })
  expect((await request(app).get('/')).body).toEqual({ host: true })
})
