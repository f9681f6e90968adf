/** What a grant can allow on contexts. */
export const contextOperations = ['read', 'write', 'delete', 'search', 'history'] as const
/** What a grant can allow on the fleet itself; `admin:*` stands for all of them, also those of later releases. */
export const adminOperations = [
  'admin:audit',
  'admin:backup',
  'admin:grants',
  'admin:index',
  'admin:keys',
  'admin:members',
  'admin:retention',
  'admin:ring',
] as const

export type ContextOperation = (typeof contextOperations)[number]
export type AdminOperation = (typeof adminOperations)[number]
export type Operation = ContextOperation | AdminOperation
/** What a grant lists. */
export type GrantedOperation = Operation | 'admin:*'

export const grantedOperations: readonly GrantedOperation[] = [
  ...contextOperations,
  'admin:*',
  ...adminOperations,
]

export const isAdmin = (operation: GrantedOperation): operation is AdminOperation | 'admin:*' =>
  operation.startsWith('admin:')

/** Whether a list allows an operation. A context operation is never covered by `admin:*`. */
export const covers = (granted: readonly GrantedOperation[], operation: Operation): boolean =>
  granted.includes(operation) || (isAdmin(operation) && granted.includes('admin:*'))
