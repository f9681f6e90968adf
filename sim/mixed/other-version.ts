import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { SlurpError } from '../../base/errors.ts'
import { projectFolder, simulatedFolders } from '../mutants/tree.ts'
import type { OtherVersion, ProcessVersion } from '../process.ts'

/** Sources of another version of this project, in a directory of their own. */
export type VersionTree = { readonly path: string; readonly name: string; remove(): void }

const archiveBytesMax = 256 * 1024 * 1024

/** Failures of the simulated disk are told apart by their class: both versions must have the same one. */
const sharedModule = 'node/ports/ports.ts'

/**
 * Takes the simulated sources of a commit out of this repository.
 *
 * @throws SlurpError USAGE for what is no commit, or one from before processes were simulated.
 */
export function plantVersion(ref: string): VersionTree {
  const name = commitOf(ref)
  const path = mkdtempSync(join(tmpdir(), 'slurp-version-'))
  const remove = () => rmSync(path, { recursive: true, force: true })
  try {
    const folders = simulatedFolders.filter(
      folder => git(['cat-file', '-t', `${name}:${folder}`]) === 'tree\n',
    )
    const archive = execFileSync('git', ['archive', '--format=tar', name, '--', ...folders], {
      cwd: projectFolder,
      maxBuffer: archiveBytesMax,
    })
    execFileSync('tar', ['-x', '-C', path], { input: archive })
    furnish(path)
    return { path, name, remove }
  } catch (failure) {
    remove()
    throw failure
  }
}

/** Makes sources that lie in `path` run as the other version. */
export function furnish(path: string): void {
  if (!existsSync(join(path, 'sim', 'process.ts')))
    throw new SlurpError('USAGE', 'That version has no simulated processes.', {
      hint: 'Name a commit in which sim/process.ts is there.',
    })
  writeFileSync(join(path, 'package.json'), '{"type":"module"}')
  if (!existsSync(join(path, 'node_modules')))
    symlinkSync(join(projectFolder, 'node_modules'), join(path, 'node_modules'))
  const shared = pathToFileURL(join(projectFolder, sharedModule)).href
  writeFileSync(join(path, sharedModule), `export * from ${JSON.stringify(shared)}\n`)
}

/** Loads what `plantVersion` or `furnish` has prepared. */
export async function loadVersion({ path, name }: Pick<VersionTree, 'path' | 'name'>): Promise<OtherVersion> {
  const { Process } = (await import(pathToFileURL(join(path, 'sim', 'process.ts')).href)) as {
    Process: ProcessVersion
  }
  return { name, Process }
}

function commitOf(ref: string): string {
  const commit = ref.startsWith('-') ? null : git(['rev-parse', '--verify', '--quiet', `${ref}^{commit}`])
  if (commit === null)
    throw new SlurpError('USAGE', `${ref} is no commit of this repository.`, {
      hint: 'Name one that `git log` shows.',
    })
  return commit.trim().slice(0, 12)
}

/** What git prints; null when it fails. */
function git(words: readonly string[]): string | null {
  try {
    return execFileSync('git', [...words], {
      cwd: projectFolder,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).toString()
  } catch {
    return null
  }
}
