// A process without a primary, because the load client chooses the process by its port.
const built = (file: string) => import(new URL(`../../dist/${file}`, import.meta.url).href)

const { loadConfig } = (await built('config/load.js')) as typeof import('../src/config/load.js')
const { Counts } = (await built('lib/counts.js')) as typeof import('../src/lib/counts.js')
const { createLogs } = (await built('watching/logs.js')) as typeof import('../src/watching/logs.js')
const { startService } = (await built('service/service.js')) as typeof import('../src/service/service.js')
const { socketCarrier } = (await built(
  'processes/carriers/socket-carrier.js',
)) as typeof import('../src/processes/carriers/socket-carrier.js')

const { config } = loadConfig(process.env)
const counts = new Counts()
const { log, audit } = createLogs({ config, counts })
const carriers = [socketCarrier({ folder: process.env['SOCKETS_FOLDER']!, log })]
const service = await startService({ config, log, audit, counts, carriers })
process.on('SIGTERM', () => void service.stop().then(() => process.exit(0)))

export {}
