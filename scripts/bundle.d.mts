/** Path of the bundled main of the command line, built when a source changed since. */
export function bundledMain(home: string): Promise<string>
