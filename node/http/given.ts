type Given<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> }

/** Leaves out what was not given: the store tells absent from undefined. */
export function given<T extends object>(values: T): Given<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<T>
}
