/** Environment variable that names the file of milliseconds by which a peer's wall clock is off. */
export const clockVariable = 'CHAOS_CLOCK_FILE'
