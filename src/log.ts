import { type DestinationStream, type Logger, pino } from 'pino'

/** The service's log: JSON lines on standard output, one child logger per part. */
export function createLog(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    // Nothing of this is ever passed to the log; should it be one day, it still does not get out.
    redact: {
      paths: [
        'password',
        'token',
        'sid',
        'authorization',
        '*.password',
        '*.token',
        '*.sid',
        '*.authorization',
      ],
      censor: '[secret]',
    },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}
