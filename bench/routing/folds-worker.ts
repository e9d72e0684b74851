import { foldTrainer } from '../classifier-folds.ts';
import { workOn } from '../threads.ts';

workOn(foldTrainer);
