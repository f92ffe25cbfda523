//! Independent work on all cores.

use std::sync::{Mutex, PoisonError};

/// Less work than this per thread is not worth a thread.
const PER_THREAD: usize = 4;

/// Does the same with each item, on as many threads as are of use. The order of the results is not
/// that of the items.
pub fn for_each<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(items.len() / PER_THREAD);
    if threads < 2 {
        return items.into_iter().map(work).collect();
    }
    let queue = Mutex::new(items);
    let take = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let run = || {
        let mut results = Vec::new();
        while let Some(item) = take() {
            results.push(work(item));
        }
        results
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut results = run();
        for other in others {
            results.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        results
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_worked_on_once() {
        for count in [0, 1, 7, 1000] {
            let mut results = for_each((0..count).collect(), |n: usize| n * 2);
            results.sort_unstable();
            assert_eq!(results, (0..count).map(|n| n * 2).collect::<Vec<_>>());
        }
    }
}
