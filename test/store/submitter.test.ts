// Goal: the registers that the store is tested on are no looser than the fleet. Method: one contract, run on both.
import { submitterContract } from '../contracts/submitter.ts'
import { openRegisterBench } from './register-submitter.ts'
import { openWorldBench } from './world-bench.ts'

submitterContract('registers in one process', () => openRegisterBench())
submitterContract('drivers on virtual ports', () => openWorldBench(4))
