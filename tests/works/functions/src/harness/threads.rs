//! The input shared out among threads: how whoever has no pipeline uses all processors.

use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Result, anyhow};

use super::{Arrived, Input, Length, Measured, Portion, Stopwatch};

/// Gives portions to a thread for each worker until the input ends. A worker does its work on one, and shows to the
/// destination what comes of it. In no order, and the destination is the worker's own.
///
/// # Errors
/// The first that a worker meets.
pub fn by_threads<W>(input: Input, length: Length, workers: Vec<W>) -> Result<Measured>
where
    W: FnMut(&Portion, &mut Arrived) -> Result<()> + Send,
{
    let arrivals = input.arrivals();
    let stopwatch = Stopwatch::start();
    let portions = Mutex::new(input.portions(length));
    let next = || portions.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = |mut worker: W| {
        let mut arrived = arrivals.clone();
        while let Some(portion) = next() {
            arrived.turn_to(portion.turn);
            worker(&portion, &mut arrived)?;
        }
        Ok(arrived.records())
    };
    let counts: Vec<Result<usize>> = thread::scope(|scope| {
        let threads: Vec<_> = workers.into_iter().map(|worker| scope.spawn(|| work(worker))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a worker panicked")).flatten()).collect()
    });
    let took = stopwatch.stop();
    Measured::new(length, counts.into_iter().sum::<Result<usize>>()?, took)
}
