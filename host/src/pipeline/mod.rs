//! A plan made ready, and a plan in motion.
//!
//! [`Pipeline::prepare`] compiles, links, opens and tries out everything that can fail before the first record moves;
//! [`Pipeline::start`] sets it in motion; [`Running`] watches it, stops it and waits for its end. Guests run
//! apart from I/O, so that a busy stage never starves a socket, a timer or a progress bar, and those of each stage apart
//! from those of others.

mod assembly;
mod bottleneck;
mod checkpoints;
mod closing;
mod desk;
mod failing;
mod keeping;
mod patience;
mod points;
mod prepare;
mod running;
mod runtimes;
mod sink;
mod source;
mod watch;

pub use prepare::Pipeline;
pub use running::{Running, Stopper};
