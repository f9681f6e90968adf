/** How much history is kept: a version goes only when every limit that is set lets it go. Both null: all of it. */
export type RetentionRule = {
  /** The version that stands and those before it, at least 1; null: no limit by number. */
  readonly versions: number | null
  /** Versions that stood within so long; null: no limit by age. */
  readonly ageSeconds: number | null
}

export type ProjectRule = RetentionRule & { readonly project: string }

export type RetentionList = {
  /** For projects without a rule of their own. */
  readonly default: RetentionRule
  /** By name. */
  readonly projects: readonly ProjectRule[]
}

/** What a rule would trim now, as far as the copies of one peer tell. */
export type RetentionPreview = {
  readonly contexts: number
  readonly versions: number
  /** Contexts that could not be told: this peer opens none of their roles, or they were sealed without their address. */
  readonly untold: number
  /** Partitions that this peer has a copy of and went through within 20 s, and those of the fleet. */
  readonly partitions: number
  readonly partitionsTotal: number
}

/**
 * The rules by which histories are trimmed, agreed on by the whole fleet. They name projects, so they are sealed: a blind
 * peer knows none of them. Every method throws SlurpError: SEALED on a blind peer, QUORUM_UNREACHED (for a change: the
 * outcome is unknown, asking again does no harm), USAGE, TOO_MANY, INTEGRITY_FAILED, FORMAT_UNKNOWN.
 */
export interface Retention {
  list(): Promise<RetentionList>
  /** @param project - null: the default. */
  set(project: string | null, rule: RetentionRule): Promise<RetentionList>
  /** The project follows the default from now on; the default keeps everything. */
  unset(project: string | null): Promise<RetentionList>
  /** What would go if `rule` were set for the project, or with null: if its rule were taken away. Changes nothing. */
  preview(project: string | null, rule: RetentionRule | null): Promise<RetentionPreview>
}
