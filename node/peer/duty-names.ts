/** Names of the duties whose work peers do for each other, as their leader registers them. */
export const collectionDuty = 'collect'
export const antiEntropyDuty = 'repair'
