// A thread inherits nothing of how the program that started it reads TypeScript.
import { register } from 'tsx/esm/api';

register();
await import('./compactor-thread.ts');
