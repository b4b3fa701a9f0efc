//! Prepares and runs pipelines: a plan made ready, and a plan in motion.
//!
//! [`Pipeline::prepare`] compiles, links, opens and tries out everything that can fail before the first record moves;
//! [`Pipeline::start`] sets it in motion; [`Running`] watches it, stops it and waits for its end. A stage that takes
//! long turns runs apart from I/O and from other stages, so that it starves no socket, timer or progress bar and none
//! of them.

mod admission;
mod answering;
mod assembly;
mod bottleneck;
mod checkpoint;
mod edge_retry;
mod fingerprint;
mod host;
mod images;
mod observer;
mod opened;
mod opening;
mod overlap;
mod prepare;
mod promises;
mod running;
mod runtimes;
mod sink;
mod source;
mod stages;
mod watch;

pub use checkpoint::Conclusion;
pub use host::Host;
pub use observer::Observer;
pub use prepare::Pipeline;
pub use running::Ended;
pub use running::{Running, Stopper};
