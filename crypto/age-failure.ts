/**
 * Why an age file was not opened: `header` broken or past its caps, `noMatch` sealed to others, `mac` header
 * changed after sealing, `payload` changed or cut off. Stays inside this house; callers get a SlurpError.
 */
export type AgeFailureReason = 'header' | 'noMatch' | 'mac' | 'payload'

export class AgeFailure extends Error {
  override name = 'AgeFailure'
  readonly reason: AgeFailureReason

  constructor(reason: AgeFailureReason, message: string) {
    super(message)
    this.reason = reason
  }
}
