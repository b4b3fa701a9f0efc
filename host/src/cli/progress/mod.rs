//! Shows a run while it lasts: on a terminal a picture of its queues and speeds below the lines that scroll by,
//! elsewhere a line of progress every few seconds.
//!
//! The control sequences for a terminal are made as text by pure functions; [`Screen`] alone writes it.

mod canvas;
mod frame;
mod meter;
mod screen;

use canvas::{Canvas, Size};
use frame::{frame, line};
use meter::{Meter, NodePace, Pace};

pub(crate) use screen::{Progress, Screen};
