//! One run of a command, from its start to its exit.
//!
//! What it takes until it reads for the first time counts as its start, which has a budget of its own: an interpreter
//! needs longer for that than for a record. From the first read on, the records' limits hold.

use std::pin::pin;
use std::sync::Arc;

use wasmtime::component::ComponentExportIndex;
use wasmtime_wasi::I32Exit;

use super::super::deadline::Metered;
use super::super::failure;
use super::super::instance::{begin_call, end_call};
use super::super::log::GuestLog;
use super::tape::{Input, Output};
use super::{Made, START_BUDGET};
use sandmill_engine::program::{Budget, GuestFailure};
use sandmill_engine::time::timeout;

/// How a run ended by itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// It returned, or exited with 0.
    Good,
    /// The exit status, and its last message.
    Bad(String),
}

/// A run that has ended.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) exit: Exit,
    pub(super) output: Output,
}

impl Made {
    /// Runs the command, which may be done once.
    pub(super) async fn run(
        &mut self,
        run: ComponentExportIndex,
        input: Input,
        budget: Budget,
    ) -> Result<Ran, GuestFailure> {
        let Self { store, instance, tape } = self;
        let start = Budget { fuel: budget.fuel, ..START_BUDGET };
        let meter = begin_call(store, start);
        tape.load(input, Arc::clone(&meter), budget.cpu);
        let begun = sandmill_engine::time::Instant::now();
        let returned = {
            let function = instance.get_typed_func::<(), (Result<(), ()>,)>(&mut *store, run);
            let running = async {
                let (returned,) = function?.call_async(&mut *store, ()).await?;
                Ok(returned.map_err(|()| 1))
            };
            let running = pin!(running);
            let mut running = pin!(Metered::new(meter, running));
            let first = timeout(start.wall, async {
                tokio::select! {
                    biased;
                    returned = &mut running => Some(returned),
                    () = tape.started() => None,
                }
            });
            match first.await {
                Ok(Some(returned)) => Ok(returned),
                Ok(None) => timeout(budget.wall, running).await,
                Err(elapsed) => Err(elapsed),
            }
        };
        let has_started = tape.has_started();
        let budget = if has_started { budget } else { start };
        let log = Arc::clone(&store.data().log);
        let returned = returned.map(|returned| returned.or_else(exited));
        let ended = end_call(store, returned, budget, begun);
        if let Some(exceeded) = tape.exceeded() {
            return Err(exceeded);
        }
        let status =
            ended.map_err(|failure| if has_started { failure } else { failure::in_opening(failure, start) })?;
        let output = tape.take()?;
        let exit = status.map_or_else(|status| Exit::Bad(said(status, &log)), |()| Exit::Good);
        Ok(Ran { exit, output })
    }
}

/// What `wasi:cli/run` returns says no more than that it failed; an exit has a status.
type Status = Result<(), i32>;

fn exited(error: wasmtime::Error) -> wasmtime::Result<Status> {
    match error.downcast_ref::<I32Exit>() {
        Some(I32Exit(0)) => Ok(Ok(())),
        Some(I32Exit(status)) => Ok(Err(*status)),
        None => Err(error),
    }
}

fn said(status: i32, log: &GuestLog) -> String {
    match log.tail().last() {
        Some(last) => format!("exit status {status}: {last}"),
        None => format!("exit status {status}"),
    }
}
