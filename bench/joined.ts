// The built service as one process of several on a machine: what a worker is, but with a port of its own and without a
// primary, so that a load client decides which of them it talks to. They reach each other over the sockets in SOCKETS_FOLDER.
const built = (file: string) => import(new URL(`../../dist/${file}`, import.meta.url).href)

const { loadConfig } = (await built('config/load.js')) as typeof import('../src/config/load.js')
const { createLog } = (await built('log.js')) as typeof import('../src/log.js')
const { startService } = (await built('service.js')) as typeof import('../src/service.js')
const { socketCarrier } = (await built(
  'nodes/socket-carrier.js',
)) as typeof import('../src/nodes/socket-carrier.js')

const { config } = loadConfig(process.env)
const log = createLog(config.logLevels.usual)
const carriers = [socketCarrier({ folder: process.env['SOCKETS_FOLDER']!, log })]
const service = await startService({ config, log, carriers })
process.on('SIGTERM', () => void service.stop().then(() => process.exit(0)))

export {}
