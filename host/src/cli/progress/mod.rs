//! What is shown while a run goes on: how fast it is, how full its queues are, and which node holds it back.
//!
//! [`Meter`] turns snapshots into speeds, [`frame`] turns both into text, and [`Screen`] keeps that text below whatever
//! else is printed.

mod frame;
mod margin;
mod meter;
mod screen;

use frame::frame;
use margin::Margin;
use meter::{Meter, NodePace, Pace};

pub(super) use screen::Screen;
