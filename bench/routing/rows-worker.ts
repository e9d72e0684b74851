import { workOn } from '../threads.ts';
import { rowRunner } from './rows.ts';

workOn(rowRunner);
