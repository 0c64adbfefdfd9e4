import { count, object, type Schema, schemaNamed, text, word } from '../../lib/text/json-schema.js'
import { resources } from '../numbers/capacity.js'

const list = (items: Schema, description: string): Schema => ({ type: 'array', items, description })

const record = (names: readonly string[], value: Schema, description: string) =>
  object(description, Object.fromEntries(names.map(name => [name, value])))

const states = ['opening', 'waiting', 'held', 'quiet', 'paused', 'ended', 'elsewhere']

const unanswered = list(
  { type: 'string' },
  'Processes that did not answer: their part is missing. Absent if all answered.',
)

const milliseconds = (description: string): Schema => ({ type: 'number', minimum: 0, description })

const numberOrNull: Schema = { anyOf: [{ type: 'number', minimum: 0 }, { enum: [null] }] }

const series = (description: string): Schema => list(numberOrNull, description)

const capacity = schemaNamed('Capacity')

export const watchSchemas: Readonly<Record<string, Schema>> = {
  Use: object('How much of a limit is used.', {
    used: count('Now.'),
    most: { ...numberOrNull, description: 'The limit. Null without a limit.' },
  }),
  Capacity: record(resources, schemaNamed('Use'), 'Memory, waiting stanzas and unread replies in bytes.'),
  Numbers: object(
    'Numbers of all processes. An admin limited to domains gets only `sessions`.',
    {
      sessions: record(states, count('Sessions.'), 'Sessions by state.'),
      logins: object(
        'Calls of the last minutes.',
        {
          minutes: count('How many minutes.'),
          done: count('Logins.'),
          refused: count('Answered with 4xx.'),
          failed: count('Answered with 5xx.'),
          given_up: count('The caller hung up.'),
          p50: milliseconds('Half of the logins took at most this time, in milliseconds. Absent without logins.'),
          p99: milliseconds('99 % of the logins took at most this time, in milliseconds.'),
        },
        ['p50', 'p99'],
      ),
      last_hour: object('One value a minute, the oldest first. Null if unknown.', {
        sessions: series('Sessions at the end of the minute.'),
        logins: series('Logins in the minute, also by clients themselves.'),
        failures: series('Refused and failed logins in the minute.'),
        p99: series('p99 of the login times, in milliseconds.'),
      }),
      capacity,
      processes: list(
        object(
          'A process.',
          {
            name: text('The name, also in the log.'),
            place: text('The host, or a worker of it.'),
            state: word('Whether it answers.', ['live', 'silent', 'draining']),
            age: count('Seconds since its start.'),
            capacity,
          },
          ['place', 'age', 'capacity'],
        ),
        'Absent if there is only one process.',
      ),
      unanswered,
    },
    ['logins', 'last_hour', 'capacity', 'processes', 'unanswered'],
  ),
}
