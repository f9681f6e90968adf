import { diskContract } from '../../contracts/disk.ts'
import { emptyFolder, opensIn } from './folders.ts'

diskContract('the Level disk', async () => opensIn(await emptyFolder()))
