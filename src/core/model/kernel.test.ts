import { kernelContract } from '../engine/kernel.contract.ts';
import { ModelKernel } from './kernel.ts';

kernelContract('ModelKernel', async () => new ModelKernel());
