/** Settings without the limits that tests run into who warm the same users, and guess, over and over. */
export const unlimited = { RATE_WARMS_PER_JID: '0', RATE_FAILED_LOGINS: '0', MAX_SESSIONS_PER_JID: '0' }
