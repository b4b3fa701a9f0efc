//! What every contender shares, in whatever process and on whatever engine it runs: the same input, the same look at
//! what arrives, the same clocks, and how it is told what to do and says what that took.

mod input;
mod job;
mod stopwatch;
mod threads;

pub use input::{Arrived, CHUNK_RECORDS, Columns, Input, Portion, each};
pub use job::{Job, Length, Measured};
pub use stopwatch::{Stopwatch, Took, peak_memory, thread_time};
pub use threads::by_threads;
