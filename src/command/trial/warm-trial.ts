import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../../config/config.js'
import { configOfDomain } from '../../config/serving.js'
import { endpointUrls } from '../../http/addresses.js'
import { problemFrom } from '../../http/answers/answer.js'
import { CallerGone } from '../../lib/caller-gone.js'
import { Counts } from '../../lib/counts.js'
import { Problem } from '../../lib/errors.js'
import { createLog } from '../../lib/log.js'
import { openBase } from '../../service/process-base.js'
import { createSessionParts } from '../../service/session-parts.js'
import { createSessions } from '../../service/site-sessions.js'
import type { Session } from '../../session/session.js'
import { describeBinding } from '../../warm/answers.js'
import { readParameters } from '../../warm/read-parameters.js'
import { toWarmRequest } from '../../warm/warming/warm-request.js'
import { allowsDomain } from '../../xmpp/jid/domains.js'
import { CommandError } from '../command-error.js'
import { readSecret } from '../secret-input.js'
import { readSettings } from '../settings-at-hand.js'
import { answerMilliseconds, type LoginNotes, type StreamManagement, sayFailure, saySuccess } from './trial-report.js'

const closingMilliseconds = 8_000

export async function tryWarm(jid: string, envFile: string | undefined): Promise<void> {
  // This admin is the trial's own. Without pages, the settings need no PAGE_ADMIN.
  const own = { ADMIN_USERS: `trial:${randomUUID()}`, ADMIN_USERS_FILE: '', PAGE_ORIGINS: '' }
  const { config, warnings } = readSettings(envFile, own)
  for (const warning of warnings) process.stderr.write(`${warning}\n`)
  const password = await readSecret(`Password of ${jid} (it is not shown): `)
  if (password === undefined && (process.stdin.isTTY || needsPassword(jid, config)))
    throw new CommandError(
      'No password was entered. An empty line is a login without a password: by an account of XMPP_SERVICE_ACCOUNTS, a key of XMPP_LOGIN_KEYS_FILE, a certificate, or WARM_ANONYMOUS.',
    )
  const login: LoginNotes = {}
  const outcome = await logInAndOut(config, { jid, password: password || undefined }, login).catch(problemFrom)
  const about = { jid, config, login }
  if (outcome instanceof Problem) throw new CommandError(sayFailure(outcome, about))
  process.stdout.write(saySuccess(outcome, about))
}

function needsPassword(jid: string, config: Config): boolean {
  try {
    readRequest({ jid }, config)
    return false
  } catch (problem) {
    return problem instanceof Problem && problem.code === 'missing-parameter'
  }
}

const readRequest = (parameters: object, config: Config) =>
  toWarmRequest(readParameters('application/json', Buffer.from(JSON.stringify(parameters))), config)

async function logInAndOut(config: Config, parameters: object, notes: LoginNotes) {
  const request = readRequest(parameters, config)
  const { domain } = request.jid
  notes.domain = domain
  if (!allowsDomain(config.domains, domain)) throw new Problem('domain-not-allowed')
  const site = configOfDomain(config, domain)
  const log = createLog('debug', { write: line => takeNotes(JSON.parse(line), notes) })
  const base = await openBase({
    // A trial joins no other processes.
    config: { ...config, redis: undefined, logLevels: { usual: 'debug', parts: new Map() } },
    log,
    audit: { log: createLog('silent', { write() {} }) },
    counts: new Counts(),
  })
  const sessions = createSessionParts({ base, takeUp: () => false })
  sessions.linking.links.spares.close()
  try {
    const { login } = createSessions(site, sessions.parts).logins
    const binding = await login(request, new CallerGone())
    const session = sessions.registry.byId(binding.id)
    if (session !== undefined) notes.management = await managementIn(session)
    sessions.parts.endUnclaimed(binding.id)
    return describeBinding(binding, endpointUrls(site, domain, undefined))
  } finally {
    const deadline = performance.now() + closingMilliseconds
    while (!sessions.linking.isEmpty() && performance.now() < deadline) await sleep(20)
    sessions.linking.close()
  }
}

function takeNotes({ msg, mechanism, encrypted, ms }: LoginNotes & { msg: string }, notes: LoginNotes): void {
  if (msg !== 'login') return
  Object.assign(notes, { ms }, mechanism !== undefined && { mechanism, encrypted })
}

async function managementIn({ uplink }: Session): Promise<StreamManagement> {
  const { managed } = uplink
  if (managed === undefined) return uplink.link.allowsManagement ? 'not-offered' : 'off'
  const deadline = performance.now() + answerMilliseconds
  while (managed.isEnabling && performance.now() < deadline) await sleep(20)
  if (managed.mayResume) return 'resumable'
  if (managed.isOn) return 'not-resumable'
  return managed.isEnabling ? 'unanswered' : 'not-offered'
}
