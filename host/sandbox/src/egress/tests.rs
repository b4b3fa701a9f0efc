//! Requests through the hooks, to real servers on this machine, by names that resolve to what the test says.

mod bounds;
mod rig;
mod rules;
mod wire;
