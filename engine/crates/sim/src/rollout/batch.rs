//! Many runs side by side.

use std::{
    sync::{Mutex, PoisonError},
    thread,
};

/// Runs `work` on every job and returns what it returned, in the order of the jobs.
///
/// With at least as many jobs as threads, each job has one thread to itself, so that none
/// waits for another; with fewer, they run one after the other, each on all threads. A run has
/// the same bits on any number of threads, so that neither does it matter here how many there
/// are. `memory` makes what a thread hands from job to job.
pub fn side_by_side<J: Send, R: Send, M>(
    jobs: Vec<J>,
    memory: impl Fn() -> M + Sync,
    work: impl Fn(&mut M, J) -> R + Sync,
) -> Vec<R> {
    let threads = rayon::current_num_threads();
    if threads < 2 || jobs.len() < threads {
        let mut memory = memory();
        return jobs.into_iter().map(|job| work(&mut memory, job)).collect();
    }
    let done = Mutex::new(Vec::with_capacity(jobs.len()));
    let queue = Mutex::new(jobs.into_iter().enumerate());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // What the job does in parallel stays on this thread.
                let _alone = rayon::ThreadPoolBuilder::new()
                    .num_threads(1)
                    .use_current_thread()
                    .build();
                let mut memory = memory();
                while let Some((place, job)) = next() {
                    let result = work(&mut memory, job);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.push((place, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    /// What jobs return on so many threads, with the threads that each had.
    fn run(threads: usize, jobs: usize) -> Vec<(usize, usize)> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let work = |memory: &mut Vec<usize>, job: usize| {
            memory.push(job);
            let sum: usize = (0..1000).into_par_iter().map(|part| part * job).sum();
            (sum, rayon::current_num_threads())
        };
        pool.install(|| side_by_side((0..jobs).collect(), Vec::new, work))
    }

    #[test]
    fn results_are_in_the_order_of_the_jobs_on_any_number_of_threads() {
        for threads in [1, 2, 3, 8] {
            for jobs in [0, 1, 2, 7, 20] {
                let sums: Vec<usize> = run(threads, jobs).iter().map(|(sum, _)| *sum).collect();
                assert!(sums.into_iter().eq((0..jobs).map(|job| job * 499_500)));
            }
        }
    }

    #[test]
    fn a_job_has_one_thread_where_there_are_enough_jobs_and_all_of_them_where_not() {
        assert!(run(3, 7).iter().all(|(_, threads)| *threads == 1));
        assert!(run(3, 2).iter().all(|(_, threads)| *threads == 3));
    }
}
