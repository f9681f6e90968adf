/** What a redirected connection says first: the port that it really wants, in so many digits. */
export const wantedPortBytes = 5

export const wantedPort = (port: number): string => String(port).padStart(wantedPortBytes, '0')

/** Environment variable that names the relay's port for a peer. */
export const relayVariable = 'CHAOS_RELAY_PORT'
