//! A plug-in for Extism that does any of the works. Config: `work`, which.

use std::cell::OnceCell;

use extism_pdk::{Error, FnResult, config, plugin_fn};
use works::{Work, Worker};

thread_local! {
    static WORKER: OnceCell<Worker> = const { OnceCell::new() };
}

/// Does it with a record. The instance lives on, so what the work needs is made once.
#[plugin_fn]
pub fn process(record: Vec<u8>) -> FnResult<Vec<u8>> {
    WORKER.with(|worker| {
        let worker = match worker.get() {
            Some(worker) => worker,
            None => {
                let work: Work = serde_json::from_str(&config::get("work")?.unwrap_or_default())?;
                worker.get_or_init(|| work.open())
            }
        };
        let mut out = Vec::with_capacity(record.len());
        worker.apply(&record, &mut out).map_err(Error::msg)?;
        Ok(out)
    })
}
