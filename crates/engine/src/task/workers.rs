//! The threads of a superstep.

use std::sync::Mutex;

use crate::expr::EvalContext;

/// A job, as far as the question matters whether threads are worth their start.
pub(super) trait Job: Send {
    /// The rows to work on.
    fn rows(&self) -> usize;
}

/// Below this many rows in all, one thread is faster than several.
const PARALLEL_ROWS_MIN: usize = 4096;

/// Applies `work` to every job, on up to `workers` threads; the results are in the order of the jobs.
pub(super) fn map<J: Job, R: Send>(
    workers: usize,
    jobs: Vec<J>,
    context: &EvalContext,
    work: impl Fn(J, &EvalContext) -> R + Sync,
) -> Vec<R> {
    let workers = workers.min(jobs.len());
    if workers <= 1 || jobs.iter().map(Job::rows).sum::<usize>() < PARALLEL_ROWS_MIN {
        return jobs.into_iter().map(|job| work(job, context)).collect();
    }
    let results: Vec<Mutex<Option<R>>> = jobs.iter().map(|_| Mutex::new(None)).collect();
    let queue = Mutex::new(jobs.into_iter().enumerate());
    let run = |context: &EvalContext| {
        loop {
            let next = queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).next();
            let Some((place, job)) = next else { break };
            let result = work(job, context);
            *results[place].lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..workers {
            let context = context.fork();
            let run = &run;
            scope.spawn(move || run(&context));
        }
        run(context);
    });
    let results =
        results.into_iter().map(|result| result.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()));
    results.map(|result| result.expect("the queue handed every job out, and a panic ends the scope")).collect()
}
